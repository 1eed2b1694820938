//! Simulated devices that talk: a job is at the device, and not in the connection. It has a number there, prints
//! while the rest still comes, goes on when the connection is lost, and is canceled by its number or by somebody at
//! the panel.

use std::collections::BTreeMap;

use spool::model::id::{AcceptedSeq, Generation, JobId};
use spool::model::job::{DoneHow, Job};
use spool::model::news::{News, Printing};
use spool::model::outcome::{Answer, CancelFailed, Outcome};
use spool::model::retry::{Broken, NotReady};
use spool::model::traffic::Input;

use crate::printer::Print;
use crate::world::{Conn, Event, Place, Seat, World};

/// A device gives up half a job after so long, in milliseconds.
const HALF_A_JOB: u64 = 60_000;

type Attempt = (JobId, u32);

/// What a device knows of jobs.
#[derive(Debug, Default)]
pub struct Desk {
    numbers: u32,
    there: Option<There>,
    fates: BTreeMap<Attempt, Fate>,
}

/// The job that it has.
#[derive(Clone, Debug)]
struct There {
    attempt: Attempt,
    accepted: AcceptedSeq,
    number: String,
    conn: Conn,
    whole: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Printed,
    Aborted,
    Canceled(By, AcceptedSeq),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The server has told it to.
    Word,
    /// Somebody at its panel, when it had all of it.
    Panel,
    /// The same, when it had a part: what is left of a broken job may be printed again all the same.
    PanelInTheMiddle,
}

impl Desk {
    pub fn is_busy(&self) -> bool {
        self.there.is_some()
    }

    /// Whether somebody canceled this wish of a user at the panel.
    pub fn canceled_at_panel(&self, job: &Job) -> bool {
        let panel = |fate: &Fate| matches!(fate, Fate::Canceled(By::Panel | By::PanelInTheMiddle, accepted) if *accepted == job.accepted);
        self.fates.iter().any(|((id, _), fate)| *id == job.id && panel(fate))
    }

    fn whole_canceled_at_panel(&self, job: &Job) -> bool {
        let of_it = |fate: &Fate| *fate == Fate::Canceled(By::Panel, job.accepted);
        self.fates.iter().any(|((id, _), fate)| *id == job.id && of_it(fate))
    }

    fn has(&self, attempt: Attempt) -> Option<&There> {
        self.there.as_ref().filter(|there| there.attempt == attempt)
    }
}

impl World {
    /// A piece has come: the first brings the number, and printing may begin at any time.
    pub fn device_talks(&mut self, conn: Conn) {
        let (begins, jams, clears) =
            (self.rng.chance(300), self.rng.chance(self.faults.paper_out * 10), self.rng.chance(500));
        let device = &mut self.devices[conn.printer];
        let Some(worker) =
            self.workers.get_mut(&conn).filter(|_| device.manner == crate::printer::Manner::Talks)
        else {
            return;
        };
        let before = worker.news.clone();
        if worker.news.handle.is_none() {
            device.desk.numbers += 1;
            let number = device.desk.numbers.to_string();
            worker.news.handle = Some(number.clone());
            let (attempt, accepted) = ((worker.job.id, worker.job.attempts), worker.job.accepted);
            device.desk.there = Some(There { attempt, accepted, number, conn, whole: false });
        }
        if begins {
            worker.news.printing = Printing::Begun;
        }
        match worker.news.stopped {
            None if jams => worker.news.stopped = Some(NotReady::MediaJam),
            Some(_) if clears => worker.news.stopped = None,
            _ => {}
        }
        let news = worker.news.clone();
        if news != before {
            self.link_says(conn, Input::News(conn.generation, news));
        }
    }

    /// Somebody has taken the paper out.
    pub fn put_right(&mut self, conn: Conn) {
        let Some(worker) = self.workers.get_mut(&conn) else { return };
        if worker.news.stopped.take().is_some() {
            let news = worker.news.clone();
            self.link_says(conn, Input::News(conn.generation, news));
        }
    }

    pub fn device_has_all(&mut self, conn: Conn) {
        let late = self.rng.chance(self.faults.confirm_late);
        let wait = if late { self.rng.between(60_000, 120_000) } else { self.rng.between(100, 4000) };
        let Some(there) = self.devices[conn.printer].desk.there.as_mut() else { return };
        there.whole = true;
        let attempt = there.attempt;
        self.later(wait, Event::DeviceEnds(conn.printer, attempt));
    }

    /// The connection is gone. What is there whole goes on; a part is given up after a while.
    pub fn device_is_left(&mut self, conn: Conn) {
        let its = |there: &&There| there.conn == conn && !there.whole;
        if let Some(there) = self.devices[conn.printer].desk.there.as_ref().filter(its) {
            self.later(HALF_A_JOB, Event::DeviceEnds(conn.printer, there.attempt));
        }
    }

    pub fn device_ends(&mut self, no: usize, attempt: Attempt) {
        let Some(there) = self.leaves_desk(no, attempt) else { return };
        let desk = &mut self.devices[no];
        desk.desk.fates.insert(attempt, if there.whole { Fate::Printed } else { Fate::Aborted });
        if there.whole {
            desk.words.insert(attempt);
        }
        self.printed(no, &there);
        let lost = self.rng.chance(self.faults.reset);
        let Some(worker) = self.workers.get(&there.conn).filter(|worker| worker.listens()) else { return };
        let (bytes, whole) = (worker.sent, worker.whole());
        let outcome = match (there.whole, lost) {
            (_, true) => Outcome::Broken { broken: Broken::Reset, whole, bytes },
            (true, false) => Outcome::Done { how: DoneHow::DeviceSaid, bytes },
            (false, false) => Outcome::Broken { broken: Broken::DeviceAborted, whole, bytes },
        };
        self.report(there.conn, outcome);
    }

    fn leaves_desk(&mut self, no: usize, attempt: Attempt) -> Option<There> {
        self.devices[no].desk.there.take_if(|there| there.attempt == attempt)
    }

    fn printed(&mut self, no: usize, there: &There) {
        let ((job, attempt), accepted, whole) = (there.attempt, there.accepted, there.whole);
        self.comes_out(no, Print { job, attempt, accepted, whole });
    }

    /// Somebody at the panel cancels what it has.
    pub fn panel(&mut self, no: usize) {
        let Some(there) = self.devices[no].desk.there.clone() else { return };
        let by = if there.whole { By::Panel } else { By::PanelInTheMiddle };
        self.device_cancels(no, there.attempt, by);
    }

    fn device_cancels(&mut self, no: usize, attempt: Attempt, by: By) {
        let Some(mut there) = self.leaves_desk(no, attempt) else { return };
        self.devices[no].desk.fates.insert(attempt, Fate::Canceled(by, there.accepted));
        there.whole = false;
        self.printed(no, &there);
        self.say(
            Some(no),
            there.conn.generation,
            Some(attempt.0),
            &format!("canceled at the device: {by:?}"),
        );
        if let Some(worker) = self.workers.get(&there.conn).filter(|worker| worker.listens()) {
            let bytes = worker.sent;
            self.report(there.conn, Outcome::Canceled { bytes });
        }
    }

    /// The server tells the device to cancel a job.
    pub fn cancel_at_device(&mut self, seat: Seat, job: Job) {
        let device = &self.devices[seat.printer];
        let attempt = (job.id, job.attempts);
        let here = device.desk.has(attempt).map(|there| Some(&there.number) == job.device_job_id.as_ref());
        let answer = match here {
            _ if self.at < device.away_until => Err(CancelFailed::NotReady(NotReady::Asleep)),
            Some(true) => Ok(()),
            Some(false) => return self.fail(format!("job {} is canceled under a number of another", job.id)),
            None => Err(CancelFailed::TooLate),
        };
        if answer.is_ok() {
            self.device_cancels(seat.printer, attempt, By::Word);
        }
        let to = Place::Traffic(seat.printer);
        let heard = Event::ToTraffic(seat, Input::CancelAnswered(job.id, answer));
        self.send(Place::Watcher(seat.printer), to, heard);
    }

    /// The device's answer when it is asked.
    pub fn device_tells(&mut self, seat: Seat, attempt: Attempt) {
        let device = &mut self.devices[seat.printer];
        let answer = match (device.desk.has(attempt), device.desk.fates.get(&attempt)) {
            (Some(there), _) if !there.whole && !self.workers.contains_key(&there.conn) => {
                Answer::Incomplete(News { handle: Some(there.number.clone()), ..News::default() })
            }
            (Some(there), _) => Answer::Progress(News {
                handle: Some(there.number.clone()),
                printing: if there.whole { Printing::Begun } else { Printing::NotYet },
                ..News::default()
            }),
            (None, Some(Fate::Printed)) => Answer::Printed(DoneHow::DeviceSaid),
            (None, Some(Fate::Aborted)) => Answer::GivenUp(Broken::DeviceAborted),
            (None, Some(Fate::Canceled(..))) => Answer::Canceled,
            (None, None) => Answer::NotPrinted,
        };
        self.say(Some(seat.printer), Generation(0), Some(attempt.0), &format!("device answers {answer:?}"));
        let heard = Event::ToTraffic(seat, Input::Answered(answer));
        self.send(Place::Watcher(seat.printer), Place::Traffic(seat.printer), heard);
    }

    /// A device that remembers is never made to print again what it has printed, or what was canceled there.
    pub fn check_printed_once(&mut self, print: &Print) {
        let remembers = self.faults.forgets == 0 && !self.healed;
        let same = |old: &&Print| old.whole && (old.job, old.accepted) == (print.job, print.accepted);
        let talks = |device: &&crate::printer::Device| device.manner == crate::printer::Manner::Talks;
        let before =
            self.devices.iter().filter(talks).any(|device| device.paper.iter().any(|old| same(&old)));
        if remembers && print.whole && before {
            self.fail(format!("job {} was printed at a device that tells, and is printed again", print.job));
        }
    }

    pub fn check_not_canceled_there(&mut self, job: &Job) {
        let remembers = self.faults.forgets == 0 && !self.healed;
        if remembers && self.devices.iter().any(|device| device.desk.whole_canceled_at_panel(job)) {
            self.fail(format!("job {} was canceled at the device and is sent again", job.id));
        }
    }
}
