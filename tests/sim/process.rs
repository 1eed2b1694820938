//! The server's process: the real intake and one real traffic manager for each printer, and the shell that
//! carries out their effects. It starts, stops, panics in part, and dies between any two steps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use spool::model::commit::Commit;
use spool::model::directory::Directory;
use spool::model::id::{Generation, JobId, PoolId, PrinterId, QueueId, QueueName};
use spool::model::intake::messages::{Input as IntakeInput, Rules};
use spool::model::intake::numbers::{self, Reserved};
use spool::model::intake::step::Intake;
use spool::model::pool::Pool;
use spool::model::pool::choice::Shared;
use spool::model::printer::{Learned, Origin, PrinterLive};
use spool::model::retry::BackoffRange;
use spool::model::traffic::{self, Beginning, Input, Start, Traffic};

use crate::disk::Writer;
use crate::doorstep::Doorstep;
use crate::faults::Plant;
use crate::world::{Conn, Event, Seat, World};

pub const POOL: PoolId = PoolId(1);
/// `retry.broken`: so many breaks, and a job waits for a person.
pub const BROKEN_MAX: u32 = 5;

pub struct Process {
    pub intake: Intake,
    pub managers: Vec<Manager>,
    pub stopping: bool,
    /// Nothing that may keep a manager from stopping in time can happen in this life.
    calm: bool,
}

pub struct Manager {
    pub traffic: Option<Traffic>,
    /// Counts the managers of this printer in this life.
    pub no: u32,
    last: Generation,
    pub dialing: BTreeSet<Generation>,
    pub links: BTreeSet<Generation>,
    pub timer: u64,
    pub stopped: bool,
    pub doorstep: Doorstep,
    /// What it has published.
    pub live: PrinterLive,
    /// Since when it has nothing to do, as it says.
    pub idle_since: Option<u64>,
}

impl Process {
    /// Where a manager stands, for the trace.
    pub fn stands(&self, printer: usize) -> String {
        match self.managers.get(printer).map(|manager| (&manager.traffic, manager)) {
            Some((Some(traffic), manager)) => {
                format!("m{} g{} links {:?}", manager.no, traffic.generation(), manager.links)
            }
            _ => "rebuilding".to_owned(),
        }
    }
}

impl World {
    pub fn start(&mut self) {
        self.life += 1;
        let end = self.disk.setting(numbers::SETTING).and_then(|bytes| Reserved::from_bytes(&bytes));
        let directory = Arc::new(self.directory());
        let provision = Commit {
            printers: directory.printers.iter().map(|printer| (**printer).clone()).collect(),
            pools: directory.pools.iter().map(|pool| (**pool).clone()).collect(),
            ..Commit::default()
        };
        self.disk.store.commit_now(&provision).expect("nothing else is under way at a start");
        let queued_jobs_max = if self.faults.queue_full > 0 { 12 } else { 1000 };
        let key_kept = Duration::from_secs(24 * 3600);
        let rules = Rules { queued_jobs_max, free_disk_min: 1, key_kept };
        let intake = Intake::new(rules, end.unwrap_or_default(), directory);
        let managers = (0..self.devices.len()).map(|_| Manager {
            traffic: None,
            no: 0,
            last: Generation(0),
            dialing: BTreeSet::new(),
            links: BTreeSet::new(),
            timer: 0,
            stopped: false,
            doorstep: Doorstep::default(),
            live: PrinterLive::default(),
            idle_since: None,
        });
        let managers = managers.collect();
        self.process = Some(Process { intake, managers, stopping: false, calm: self.calm() });
        self.say(None, Generation(0), None, &format!("start of life {}", self.life));
        self.sweep();
        self.check_nothing_lost();
        self.load();
        for no in 0..self.devices.len() {
            self.build(no, Beginning::ServerStart);
        }
    }

    /// Bodies that belong to no document go.
    fn sweep(&mut self) {
        let files = std::mem::take(&mut self.disk.files);
        self.disk.files = files.into_iter().filter(|id| self.disk.document(*id).is_some()).collect();
    }

    pub fn directory(&self) -> Directory {
        let members = (1..=self.devices.len() as u32).map(PrinterId).collect();
        let name = QueueName::new("pool").expect("a good name");
        let (policy, origin) = (self.policy, Origin::File);
        let pool = Pool { id: POOL, name, members, policy, origin, accepting: true };
        Directory {
            printers: self.devices.iter().map(|device| Arc::new(device.config.clone())).collect(),
            pools: vec![Arc::new(pool)],
            default: QueueName::new("pool").ok(),
            server: "sim".to_owned(),
        }
    }

    /// The pool and the mates of a printer, as these have published themselves.
    pub fn shared(&self, printer: usize) -> Vec<Shared> {
        let pool = self.directory().pools.remove(0);
        let mates = (0..self.devices.len()).filter(|no| *no != printer).filter_map(|no| self.member(no));
        vec![Shared { pool, mates: mates.collect() }]
    }

    pub fn queues_of(&self, printer: usize) -> [QueueId; 2] {
        [QueueId::Printer(PrinterId(printer as u32 + 1)), QueueId::Pool(POOL)]
    }

    fn build(&mut self, no: usize, beginning: Beginning) {
        let id = PrinterId(no as u32 + 1);
        let mine = |job: &spool::model::job::Job| job.bound.as_ref().is_some_and(|b| b.printer == id);
        let mut left: Vec<_> = self.disk.at_printers().into_iter().filter(mine).collect();
        if self.plant == Plant::LeftForgotten {
            left.clear();
        }
        let learned = self.disk.setting(&Learned::setting(id));
        let learned = learned.map(|bytes| Learned::from_bytes(&bytes)).unwrap_or_default();
        let range = BackoffRange { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
        let blocked = Duration::from_secs(1800);
        let device = &self.devices[no];
        let chance = self.rng.next();
        let Some(process) = &mut self.process else { return };
        let manager = &mut process.managers[no];
        manager.traffic = Some(Traffic::new(Start {
            printer: device.config.clone(),
            rules: traffic::Rules { backoff: range, broken_max: BROKEN_MAX, blocked },
            learned,
            mac: None,
            asks: device.asks,
            beginning,
            left,
            last: manager.last,
            chance,
        }));
        let seat = Seat { life: self.life, printer: no, manager: manager.no };
        let stopping = process.stopping;
        self.tell_traffic(seat, Input::Wake);
        if stopping {
            self.tell_traffic(seat, Input::Stop);
        }
    }

    /// Everything goes but what is durable; of what waits in line, some was written and nobody heard of it.
    pub fn crash(&mut self) {
        if self.process.is_none() {
            return;
        }
        self.say(None, Generation(0), None, "**** crash ****");
        let written = self.rng.below(self.disk.line.len() as u64 + 1) as usize;
        let line = std::mem::take(&mut self.disk.line);
        for handed in line.into_iter().take(written) {
            let _ = self.write(&handed.commit);
        }
        self.die();
    }

    fn die(&mut self) {
        for no in 0..self.devices.len() {
            self.devices[no].live.into_iter().for_each(|conn| self.hang_up(conn));
        }
        self.process = None;
        self.workers.clear();
        self.disk.line.clear();
        let wait = self.rng.between(500, 5000);
        self.later(wait, Event::Start);
    }

    /// A stop as it should be: no new jobs, then what is being sent is shut, then the end.
    pub fn stop(&mut self) {
        let Some(process) = &mut self.process else { return };
        if std::mem::replace(&mut process.stopping, true) {
            return;
        }
        self.say(None, Generation(0), None, "stop");
        self.tell_intake(self.life, IntakeInput::Stop);
        self.tell_all(|| Input::Stop);
        self.later(10_000, Event::Park(self.life));
        self.later(20_000, Event::EndOfLife(self.life));
    }

    pub fn park(&mut self, life: u32) {
        if life == self.life && self.process.is_some() {
            self.tell_all(|| Input::Park);
        }
    }

    pub fn end_of_life(&mut self, life: u32) {
        let Some(process) = self.process.as_ref().filter(|_| life == self.life) else { return };
        if process.calm && process.managers.iter().any(|manager| !manager.stopped) {
            self.fail(format!("told to stop, and did not: {}", self.who_waits()));
        }
        self.disk.line.clear();
        self.die();
    }

    fn calm(&self) -> bool {
        let faults = &self.faults;
        let store = faults.commit_fails + faults.commit_unknown + faults.read_fails + faults.disk_full;
        let threads = faults.worker_stuck + faults.slow_shut + faults.panic_every;
        store + threads + faults.slow_message == 0
    }

    fn tell_all(&mut self, input: impl Fn() -> Input) {
        for no in 0..self.devices.len() {
            if let Some(seat) = self.seat(no) {
                self.tell_traffic(seat, input());
            }
        }
    }

    /// One manager panics. Its links are shut before the next is built, and what it had handed in is in the
    /// store before the next looks.
    pub fn manager_panics(&mut self, no: usize) {
        let Some(process) = &mut self.process else { return };
        let manager = &mut process.managers[no];
        let Some(traffic) = manager.traffic.take() else { return };
        (manager.last, manager.stopped, manager.idle_since) = (traffic.generation(), false, None);
        manager.doorstep = Doorstep::Empty;
        manager.no += 1;
        manager.dialing.clear();
        self.say(Some(no), Generation(0), None, "**** the manager panics ****");
        let conns: Vec<Conn> = self.workers.keys().filter(|conn| conn.printer == no).copied().collect();
        conns.into_iter().for_each(|conn| self.shut(conn));
        self.devices[no].live.into_iter().for_each(|conn| self.hang_up(conn));
        self.later(100, Event::Rebuild(self.life, no));
    }

    pub fn rebuild(&mut self, life: u32, no: usize) {
        if life != self.life || self.process.is_none() {
            return;
        }
        let its = |writer| matches!(writer, Writer::Traffic(seat) if seat.printer == no);
        if self.disk.line.iter().any(|handed| its(handed.writer)) {
            return self.later(100, Event::Rebuild(life, no));
        }
        self.build(no, Beginning::ManagerPanic);
    }

    pub fn set_paused(&mut self, no: usize, paused: bool) {
        self.devices[no].config.paused = paused;
        let (config, asks) = (Box::new(self.devices[no].config.clone()), self.devices[no].asks);
        if let Some(seat) = self.seat(no) {
            self.tell_traffic(seat, Input::Printer(config, asks));
        }
    }

    pub fn seat(&self, no: usize) -> Option<Seat> {
        let manager = self.process.as_ref()?.managers.get(no)?;
        manager.traffic.as_ref().map(|_| Seat { life: self.life, printer: no, manager: manager.no })
    }

    pub fn manager(&mut self, conn: Conn) -> Option<&mut Manager> {
        let process = self.process.as_mut().filter(|_| conn.life == self.life)?;
        process.managers.get_mut(conn.printer)
    }

    /// A dump for the case that nothing moves any more.
    pub fn who_waits(&self) -> String {
        let jobs = self.disk.all_jobs();
        let stuck: Vec<String> = jobs
            .iter()
            .filter(|job| !crate::checkers::Checker::at_rest(job))
            .map(|job| {
                let bound = job.bound.as_ref().map(|b| b.name.to_string());
                format!("\n  job {} {:?} {:?} at {bound:?}", job.id, job.status, job.reason)
            })
            .collect();
        let managers = self.process.iter().flat_map(|process| &process.managers);
        let managers: Vec<String> = managers.map(|manager| format!("\n  {:?}", manager.traffic)).collect();
        let clients: Vec<String> =
            self.clients.iter().filter(|c| !c.is_done()).map(|c| format!("\n  {c:?}")).collect();
        let (jobs, line) = (stuck.concat(), self.disk.line.len());
        format!(
            "{jobs}\nmanagers:{}\nclients:{}\n{line} commits in line",
            managers.concat(),
            clients.concat()
        )
    }

    /// Whether a job's attempt may begin at this manager: it was not told to stop or to pause.
    pub fn may_begin(&self, seat: Seat) -> bool {
        let stopping = self.process.as_ref().is_some_and(|process| process.stopping);
        !stopping && !self.devices[seat.printer].config.paused
    }

    pub fn durable_attempt(&self, job: JobId, conn: Conn) -> bool {
        let stored = self.disk.job(job);
        let bound = stored.as_ref().and_then(|job| job.bound.as_ref());
        bound.is_some_and(|bound| {
            bound.printer.0 as usize == conn.printer + 1 && bound.generation == conn.generation
        }) && stored.is_some_and(|job| job.status.is_at_printer())
    }
}
