//! Simulated printers and the print threads that write to them. What comes out on paper is the ground truth.

use spool::model::id::{AcceptedSeq, DocumentId, Generation, JobId, PrinterId, QueueName};
use spool::model::job::{DoneHow, FailReason, Job};
use spool::model::liveness::{Stage, Verdict};
use spool::model::outcome::{Answer, Outcome};
use spool::model::printer::{Origin, Printer, Reroute, WhenInDoubt};
use spool::model::retry::{Broken, NotReady, Whole};
use spool::model::time::MonoTime;
use spool::model::traffic::{Asks, Input, Progress};
use std::collections::BTreeSet;
use std::time::Duration;

use crate::faults::Rng;
use crate::world::{Conn, Event, Place, Seat, World};

/// How a device ends a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Closes,
    Says,
    Mute,
    /// It has a number for each job, gives notice of what it does, and can be asked and told.
    Talks,
}

/// What came out of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print {
    pub job: JobId,
    pub attempt: u32,
    /// Which wish of its user.
    pub accepted: AcceptedSeq,
    pub whole: bool,
}

pub struct Device {
    pub config: Printer,
    pub manner: Manner,
    pub asks: Asks,
    pub live: Option<Conn>,
    pub away_until: u64,
    pub stalled_until: u64,
    /// It takes nothing more over this connection, whatever happens.
    pub wedged: Option<Conn>,
    pub paper: Vec<Print>,
    /// Attempts of which the device gave its word.
    pub words: BTreeSet<(JobId, u32)>,
    /// Of those, the ones where it lied.
    pub lies: BTreeSet<(JobId, u32)>,
    pub desk: crate::talking::Desk,
}

impl Device {
    pub fn new(no: usize, rng: &mut Rng) -> Device {
        let id = PrinterId(no as u32 + 1);
        let name = QueueName::new(&format!("p{no}")).expect("a good name");
        let mut config = Printer::new(id, name, format!("sim:{no}"), Origin::Api);
        config.when_in_doubt = if rng.chance(300) { WhenInDoubt::Hold } else { WhenInDoubt::PrintAgain };
        config.mac = rng.chance(500).then_some([2, 0, 0, 0, 0, no as u8]);
        config.reroute = match rng.below(4) {
            0 => Reroute::Never,
            1 => Reroute::To(QueueName::new("p0").expect("a good name")),
            _ => Reroute::Pool,
        };
        let manner = match rng.below(6) {
            0 => Manner::Mute,
            1 => Manner::Says,
            2 | 3 => Manner::Talks,
            _ => Manner::Closes,
        };
        let asks = manner == Manner::Talks || rng.chance(300);
        Device {
            config,
            manner,
            asks: if asks { Asks::Can } else { Asks::Cannot },
            live: None,
            away_until: 0,
            stalled_until: 0,
            wedged: None,
            paper: Vec::new(),
            words: BTreeSet::new(),
            lies: BTreeSet::new(),
            desk: crate::talking::Desk::default(),
        }
    }

    pub fn printed_whole(&self, job: JobId) -> bool {
        self.paper.iter().any(|print| print.job == job && print.whole)
    }
}

/// A print thread with its job.
pub struct Worker {
    pub job: Job,
    pub sent: u64,
    total: u64,
    turn: u64,
    stuck: bool,
    /// It has had its last word.
    over: bool,
    lie: bool,
    pub news: spool::model::news::News,
}

impl Worker {
    pub fn progress(&self) -> Progress {
        let stage = if self.sent < self.total { Stage::Sending } else { Stage::AwaitingWord };
        Progress { bytes: self.sent, stage }
    }

    pub fn lies(&self) -> bool {
        self.lie
    }

    /// Whether its last word can still be heard.
    pub fn listens(&self) -> bool {
        !self.over && !self.stuck
    }

    pub fn whole(&self) -> Whole {
        if self.sent < self.total { Whole::No } else { Whole::Maybe }
    }
}

impl World {
    /// A connection attempt reaches the device.
    pub fn dial(&mut self, conn: Conn) {
        let Some(manager) = self.manager(conn) else { return };
        if !manager.dialing.remove(&conn.generation) {
            return;
        }
        let why = if self.at < self.devices[conn.printer].away_until {
            Some(NotReady::Asleep)
        } else if self.devices[conn.printer].desk.is_busy() {
            Some(NotReady::Busy)
        } else {
            self.rng.chance(self.faults.refuse).then_some(NotReady::Refused)
        };
        if let Some(why) = why {
            return self.link_says(conn, Input::OpenFailed(conn.generation, why));
        }
        if let Some(other) = self.devices[conn.printer].live.replace(conn) {
            self.fail(format!("two live connections: {other:?} and {conn:?}"));
        }
        if let Some(manager) = self.manager(conn) {
            manager.links.insert(conn.generation);
        }
        self.link_says(conn, Input::Opened(conn.generation));
    }

    pub fn send_job(&mut self, conn: Conn, job: Job) {
        self.check_first_byte(conn, &job);
        let total = job.bytes_total();
        let lie = self.devices[conn.printer].manner != Manner::Talks && self.rng.chance(self.faults.lie);
        let news = Default::default();
        let worker = Worker { job, sent: 0, total, turn: 0, stuck: false, over: false, lie, news };
        self.workers.insert(conn, worker);
        self.work_again(conn, 5);
    }

    pub fn work_again(&mut self, conn: Conn, wait: u64) {
        if let Some(worker) = self.workers.get_mut(&conn) {
            worker.turn += 1;
            let turn = worker.turn;
            self.later(wait, Event::Work(conn, turn));
        }
    }

    /// The print thread hands over the next piece, or something comes between.
    pub fn work(&mut self, conn: Conn, turn: u64) {
        let shut = self.devices[conn.printer].live != Some(conn);
        let Some(worker) = self.workers.get(&conn) else { return };
        if shut || worker.over || worker.stuck || worker.turn != turn || worker.sent == worker.total {
            return;
        }
        let (sent, total, whole) = (worker.sent, worker.total, worker.whole());
        if sent == 0 && self.refuses_at_first(conn) {
            return;
        }
        let broken = |broken| Outcome::Broken { broken, whole, bytes: sent };
        if self.rng.chance(self.faults.worker_panic) {
            return self.report(conn, broken(Broken::WorkerPanic));
        }
        if self.rng.chance(self.faults.reset) {
            let how = if self.rng.chance(500) { Broken::Reset } else { Broken::EarlyClose };
            return self.report(conn, broken(how));
        }
        if self.rng.chance(self.faults.worker_stuck) {
            return self.gets_stuck(conn);
        }
        self.maybe_stall(conn);
        let device = &self.devices[conn.printer];
        let wedged = device.wedged == Some(conn);
        let stalled = device.stalled_until.max(if wedged { self.at + 3_600_000 } else { 0 });
        if stalled > self.at {
            self.later(60_000, Event::WatchStall(conn, turn + 1));
            return self.work_again(conn, stalled - self.at);
        }
        let piece = (total / 4).max(1).min(total - sent);
        let Some(worker) = self.workers.get_mut(&conn) else { return };
        worker.sent += piece;
        self.device_talks(conn);
        let Some(worker) = self.workers.get(&conn) else { return };
        if worker.sent == total {
            self.last_byte(conn);
        } else {
            let crawls = self.rng.chance(self.faults.crawl);
            let wait = self.rng.between(10, if crawls { 20_000 } else { 800 });
            self.work_again(conn, wait);
        }
    }

    /// Not ready, or a document that cannot be printed: before the first byte.
    fn refuses_at_first(&mut self, conn: Conn) -> bool {
        let Some(worker) = self.workers.get(&conn) else { return true };
        let document = worker.job.documents.first().map(|document| document.id).unwrap_or_default();
        let bad = worker.job.title.ends_with("bad");
        let outcome = if self.body_is_gone(document) {
            Outcome::Document(FailReason::DocumentDamaged("it is gone".to_owned()))
        } else if self.rng.chance(self.faults.not_ready) {
            Outcome::NotReady(if self.rng.chance(500) { NotReady::Busy } else { NotReady::MediaEmpty })
        } else if bad {
            Outcome::Document(FailReason::Document("simulated".to_owned()))
        } else {
            return false;
        };
        self.report(conn, outcome);
        true
    }

    pub fn body_is_gone(&self, id: DocumentId) -> bool {
        let in_journal = self.disk.store.body(id).is_some();
        !in_journal && !self.disk.files.contains(&id)
    }

    fn maybe_stall(&mut self, conn: Conn) {
        if self.rng.chance(self.faults.wedge) {
            self.devices[conn.printer].wedged = Some(conn);
        }
        let wait = if self.rng.chance(self.faults.stall) {
            self.rng.between(500, 90_000)
        } else if self.rng.chance(self.faults.paper_out) {
            self.rng.between(60_000, 3_000_000)
        } else {
            return;
        };
        let device = &mut self.devices[conn.printer];
        device.stalled_until = device.stalled_until.max(self.at + wait);
    }

    fn gets_stuck(&mut self, conn: Conn) {
        if let Some(worker) = self.workers.get_mut(&conn) {
            worker.stuck = true;
        }
        self.later(10_000, Event::WatchStuck(conn));
    }

    /// All bytes are with the device, which ends the job in its manner.
    fn last_byte(&mut self, conn: Conn) {
        if self.devices[conn.printer].manner == Manner::Talks {
            return self.device_has_all(conn);
        }
        self.later(90_000, Event::Silence(conn));
        let mute = self.devices[conn.printer].manner == Manner::Mute;
        if mute || self.rng.chance(self.faults.confirm_never) {
            return;
        }
        let late = self.rng.chance(self.faults.confirm_late);
        let wait = if late { self.rng.between(60_000, 120_000) } else { self.rng.between(100, 4000) };
        self.later(wait, Event::Finish(conn));
    }

    pub fn finish(&mut self, conn: Conn) {
        let Some(worker) = self.workers.get(&conn) else { return };
        if worker.over || self.devices[conn.printer].live != Some(conn) {
            return;
        }
        let (attempt, bytes, lie) = ((worker.job.id, worker.job.attempts), worker.sent, worker.lie);
        if self.rng.chance(self.faults.reset) {
            return self.report(conn, Outcome::Broken { broken: Broken::Reset, whole: Whole::Maybe, bytes });
        }
        let device = &mut self.devices[conn.printer];
        device.words.insert(attempt);
        if lie {
            device.lies.insert(attempt);
        }
        let how = if device.manner == Manner::Says { DoneHow::DeviceSaid } else { DoneHow::PeerClosed };
        if worker.stuck {
            return self.hang_up(conn);
        }
        self.report(conn, Outcome::Done { how, bytes });
    }

    pub fn silence(&mut self, conn: Conn) {
        let Some(worker) = self.workers.get(&conn) else { return };
        if worker.over || worker.stuck || self.devices[conn.printer].live != Some(conn) {
            return;
        }
        let bytes = worker.sent;
        self.report(conn, Outcome::Broken { broken: Broken::Silent, whole: Whole::Maybe, bytes });
    }

    /// The connection ends; what the device has of the job comes out.
    pub fn hang_up(&mut self, conn: Conn) {
        if let Some(manager) = self.manager(conn) {
            manager.links.remove(&conn.generation);
            manager.dialing.remove(&conn.generation);
        }
        let device = &mut self.devices[conn.printer];
        if device.live != Some(conn) {
            return;
        }
        device.live = None;
        let Some(worker) = self.workers.get(&conn) else { return };
        if worker.sent == 0 {
            return;
        }
        if device.manner == Manner::Talks {
            return self.device_is_left(conn);
        }
        let (job, attempt, accepted) = (worker.job.id, worker.job.attempts, worker.job.accepted);
        let whole = worker.sent == worker.total && !worker.lie;
        self.comes_out(conn.printer, Print { job, attempt, accepted, whole });
    }

    /// What a device has printed of a job.
    pub fn comes_out(&mut self, no: usize, print: Print) {
        let Print { job, attempt, whole, .. } = print;
        if self.devices[no].paper.iter().any(|old| (old.job, old.attempt) == (job, attempt)) {
            self.fail(format!("job {job} came out twice in its attempt {attempt}"));
        }
        self.check_printed_once(&print);
        self.devices[no].paper.push(print);
        self.say(Some(no), Generation(0), Some(job), if whole { "*paper*" } else { "*scrap*" });
    }

    /// The thread's last word: its connection is closed before.
    pub fn report(&mut self, conn: Conn, outcome: Outcome) {
        self.hang_up(conn);
        self.late(conn, outcome);
    }

    pub fn late(&mut self, conn: Conn, outcome: Outcome) {
        match self.workers.get_mut(&conn) {
            Some(worker) if !worker.over => worker.over = true,
            _ => return,
        }
        self.link_says(conn, Input::Report(conn.generation, outcome));
    }

    /// The watcher shuts a connection from outside.
    pub fn shut(&mut self, conn: Conn) {
        self.hang_up(conn);
        let input = Input::ConnectionShut(conn.generation);
        let to = Place::Traffic(conn.printer);
        self.send(Place::Watcher(conn.printer), to, Event::FromLink(conn, input));
        let Some(worker) = self.workers.get(&conn) else { return };
        let outcome = Outcome::Aborted { whole: worker.whole(), bytes: worker.sent };
        if !worker.stuck {
            let wait = self.rng.between(1, 1000);
            self.later(wait, Event::Late(conn, outcome));
        } else if self.rng.chance(700) {
            let wait = self.rng.between(100, 30_000);
            self.later(wait, Event::Late(conn, outcome));
        }
    }

    pub fn watch_stuck(&mut self, conn: Conn) {
        if self.workers.get(&conn).is_some_and(|worker| !worker.over) {
            let input = Input::Watch(conn.generation, Verdict::Stuck { since: Default::default() });
            let to = Place::Traffic(conn.printer);
            self.send(Place::Watcher(conn.printer), to, Event::FromLink(conn, input));
        }
    }

    /// A device that has taken nothing for a minute is blocked; when it takes bytes again that is told too.
    pub fn watch_stall(&mut self, conn: Conn, turn: u64) {
        let Some(worker) = self.workers.get(&conn) else { return };
        if worker.over || worker.stuck || worker.turn != turn {
            return;
        }
        let device = &self.devices[conn.printer];
        let wedged = device.wedged == Some(conn);
        let until = device.stalled_until.max(if wedged { self.at + 3_600_000 } else { 0 });
        let since = MonoTime(Duration::from_millis(self.at - 60_000));
        let tell = |verdict| Event::FromLink(conn, Input::Watch(conn.generation, verdict));
        let (from, to) = (Place::Watcher(conn.printer), Place::Traffic(conn.printer));
        if until > self.at {
            self.send(from, to, tell(Verdict::Stalled { since }));
            self.later(until - self.at + 3000, tell(Verdict::Moving));
        }
    }

    /// What the device says of a job from an earlier life. It knows the truth, if it can tell it.
    pub fn ask(&mut self, seat: Seat, job: Job, tries: u32) {
        let attempt = (job.id, job.attempts);
        let forgets = self.rng.chance(self.faults.forgets);
        let busy = tries < 3 && self.rng.chance(self.faults.not_ready);
        let device = &mut self.devices[seat.printer];
        if device.manner == Manner::Talks && self.at >= device.away_until && !forgets {
            return self.device_tells(seat, attempt);
        }
        let printed = device.paper.iter().any(|p| (p.job, p.attempt) == attempt && p.whole);
        let answer = if self.at < device.away_until {
            Answer::NotReady(NotReady::Asleep)
        } else if forgets {
            Answer::CannotTell
        } else if busy {
            Answer::Underway
        } else if printed {
            device.words.insert(attempt);
            Answer::Printed(DoneHow::DeviceSaid)
        } else {
            Answer::NotPrinted
        };
        self.say(Some(seat.printer), Generation(0), Some(job.id), &format!("device answers {answer:?}"));
        let to = Place::Traffic(seat.printer);
        self.send(Place::Watcher(seat.printer), to, Event::ToTraffic(seat, Input::Answered(answer)));
    }
}
