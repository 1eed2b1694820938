//! One promise: a job that was acknowledged, and all that its client knows of it.

use std::time::Duration;

use serde_json::Value;

use super::super::events::is_final;
use super::super::order::Order;

/// The server's clock and ours are the same; its times are cut to the millisecond.
pub const ROUNDING: u64 = 2;

/// What a client may do with its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Cancel,
    Hold,
    Release,
    Move(String),
}

/// How far a cancellation has come, as its client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceled {
    No,
    /// It was asked for. Whether it came in time is not known.
    Asked,
    /// The job was answered as canceled.
    Told,
}

/// A job that was acknowledged, and all that its client knows of it.
#[derive(Clone, Debug)]
pub struct Promise {
    pub order: Order,
    /// When it was acknowledged, ms.
    pub at: u64,
    pub canceled: Canceled,
    /// It was told to be held, and nothing was asked since.
    pub held: bool,
    /// Where it was told to be; nothing while that is open.
    pub queue: Option<String>,
    /// How often something was asked of it.
    pub asked: u64,
    /// How it ended, and when it was purgeable first.
    pub end: Option<(String, u64)>,
    pub settled: Settled,
}

/// What was found when the end of a job was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was not looked at yet.
    No,
    Completed(Times, Way),
    Canceled,
    /// It was purged before.
    Unseen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Once,
    Again,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Straight,
    Rerouted,
}

/// How many jobs are in which state, to be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub completed: usize,
    pub canceled: usize,
    pub again: usize,
    pub rerouted: usize,
    pub purged_unseen: usize,
}

impl Tally {
    pub fn add(&mut self, settled: Settled) {
        match settled {
            Settled::No => {}
            Settled::Canceled => self.canceled += 1,
            Settled::Unseen => self.purged_unseen += 1,
            Settled::Completed(times, way) => {
                self.completed += 1;
                self.again += usize::from(times == Times::Again);
                self.rerouted += usize::from(way == Way::Rerouted);
            }
        }
    }
}

impl Promise {
    pub fn ask(&mut self, command: &Command) {
        self.asked += 1;
        self.held = false;
        match command {
            Command::Cancel if self.canceled == Canceled::No => self.canceled = Canceled::Asked,
            Command::Move(_) => self.queue = None,
            Command::Cancel | Command::Hold | Command::Release => {}
        }
    }

    pub fn told(&mut self, command: &Command, job: &Value) {
        match command {
            Command::Cancel if job["status"] == "canceled" => self.canceled = Canceled::Told,
            Command::Hold => self.held = true,
            Command::Move(queue) => self.queue = Some(queue.clone()),
            Command::Cancel | Command::Release => {}
        }
    }

    pub fn refused(&mut self, before: &Promise) {
        self.queue.clone_from(&before.queue);
        (self.canceled, self.held) = (before.canceled, before.held);
    }

    /// The job as it is listed; `old` is what was known before the list was asked for.
    pub fn check(&mut self, id: u64, job: &Value, old: &Promise, history: Duration) {
        let status = job["status"].as_str().expect("a status");
        if let Some((end, _)) = &self.end {
            assert_eq!(status, end, "job {id} had ended: {job}");
        }
        if old.asked == self.asked {
            assert!(!old.held || status == "held", "job {id} was told to be held: {job}");
            assert!(old.canceled != Canceled::Told || status == "canceled", "job {id}: {job}");
        }
        if self.end.is_none() && is_final(job) {
            let at = job["finished_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let at = at.and_then(|at| u64::try_from(at.as_millisecond()).ok()).expect("a time");
            self.end = Some((status.to_owned(), at + ms(history)));
        }
    }

    /// It is not listed any more.
    pub fn gone(&mut self, id: u64, now: u64, history: Duration) {
        let in_time = self.may_be_gone(now, history);
        assert!(in_time, "job {id} is gone, and was to be listed for {history:?} after its end: {self:?}");
        // Purged between two looks, if it was not seen before.
        self.end.get_or_insert_with(|| ("purged".to_owned(), now));
    }

    /// Its time in the history is over, or may be.
    pub fn may_be_gone(&self, now: u64, history: Duration) -> bool {
        let until = self.end.as_ref().map_or(self.at + ms(history), |(_, until)| *until);
        until <= now + ROUNDING
    }
}

pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("not so long")
}
