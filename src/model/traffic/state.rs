//! Where a traffic manager stands: its link, its contact with the printer, and its work.

use super::messages::Progress;
use super::settle::Ended;
use crate::model::id::Generation;
use crate::model::job::Job;
use crate::model::news::News;
use crate::model::outcome::Outcome;
use crate::model::printer::Activity;
use crate::model::retry::{Backoff, Broken, NotReady};
use crate::model::time::{MonoTime, Now};

/// The one connection to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Closed,
    Opening(Generation),
    Open(Generation),
    Working(Generation),
}

/// What is known of the printer's readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    Unknown,
    Answered(MonoTime),
    /// It failed; it is tried again when the time has come and there is work.
    Bad {
        why: Bad,
        due: MonoTime,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    NotReady(NotReady),
    Broke,
}

impl Bad {
    pub fn activity(&self) -> Activity {
        match self {
            Bad::NotReady(why) => Activity::NotReady(why.clone()),
            Bad::Broke => Activity::Recovering,
        }
    }
}

/// What is being done about a job.
#[derive(Clone, Debug)]
pub(super) enum Work {
    None,
    /// The heads of the queues are being read.
    Looking,
    /// There is a job; whether the printer can be reached is being tried, since then.
    Probing(MonoTime),
    /// The job that waits is told how the printer is.
    Telling,
    /// The attempt is being committed.
    Binding(Box<Job>),
    /// The store did not say whether the attempt is durable: it is being read.
    Checking(Box<Job>),
    /// The attempt is durable, the connection not up yet.
    Bound(Box<Job>),
    Sending(Box<Sending>),
    /// The job has ended; the next one is looked for, so that one commit serves both.
    Ending(Ended),
    /// The end is being committed, and the attempt of the next with it.
    Settling(Ended, Option<Box<Job>>),
    /// Somebody changed the job meanwhile; it is being read again.
    Rereading(Ended),
    /// The store could not write the end; it is tried again.
    Unsettled(Ended, MonoTime),
    /// The device is asked what became of a job.
    Asking(Box<Asking>),
}

impl Work {
    /// The job that the device has, or may have.
    pub fn at_device(&mut self) -> Option<&mut AtDevice> {
        match self {
            Work::Sending(sending) => Some(&mut sending.at),
            Work::Asking(asking) => Some(&mut asking.at),
            _ => None,
        }
    }
}

/// A job that the device has, or may have, and its record.
#[derive(Clone, Debug)]
pub(super) struct AtDevice {
    /// As it was last recorded.
    pub job: Job,
    /// What else is going on with the job's record; its end has to wait for that.
    pub note: Note,
    pub recorded_at: MonoTime,
    /// What the device has said of it, kept until the record has it.
    pub news: News,
    /// Since when the device has stopped in the middle, where it has.
    pub stopped_since: Option<MonoTime>,
    pub telling: Telling,
    pub ended: Option<Outcome>,
}

/// A job on its way to the device.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub at: AtDevice,
    pub progress: Progress,
    pub blocked_since: Option<MonoTime>,
}

/// A job of which only the device knows what became of it, or will.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub at: AtDevice,
    /// How the job has ended as far as is known here, for the case that the device cannot tell.
    pub doubt: Outcome,
    pub turn: Turn,
    /// When that is decided though the device has not told. `None`: it is asked until it does.
    pub until: Option<MonoTime>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It was asked; its answer comes.
    Device,
    /// It is asked at that moment.
    Server(MonoTime),
}

/// How far the telling of a cancellation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// There is nothing to tell.
    Nothing,
    /// The device is being told; its answer comes. With how it was tried before.
    Out(Option<Backoff>),
    /// It did not answer; it is told again at that moment.
    Again(MonoTime, Backoff),
    /// It knows, or says that it is too late: its word on the job's end decides.
    Told,
}

impl AtDevice {
    pub fn new(job: Job, now: Now) -> AtDevice {
        AtDevice {
            job,
            note: Note::None,
            recorded_at: now.mono,
            news: News::default(),
            stopped_since: None,
            telling: Telling::Nothing,
            ended: None,
        }
    }

    /// Takes in what the device says.
    pub fn hears(&mut self, news: News, now: Now) {
        self.news.take_in(news);
        self.stopped_since = self.news.stopped.as_ref().map(|_| self.stopped_since.unwrap_or(now.mono));
    }

    /// The job with the number that the device gave it, whether that is recorded yet or not.
    pub fn as_known_there(&self) -> Job {
        let handle = self.news.handle.clone().or_else(|| self.job.device_job_id.clone());
        Job { device_job_id: handle, ..self.job.clone() }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Note {
    None,
    Committing(Box<Job>),
    Rereading,
}

/// Why a working link was shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShutCause {
    Cancel,
    Stuck,
    Stalled,
    Park,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Shutting {
    pub cause: ShutCause,
    pub deadline: MonoTime,
    /// The connection is known to be shut, though its thread has not reported.
    pub closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    No,
    /// What is being sent may finish.
    Draining,
    /// Nothing is waited for any more but what is shut already.
    Parked,
    Told,
}

impl ShutCause {
    /// What an attempt's end means, given that its link was shut for this cause. A thread that had its
    /// final word already is believed.
    pub fn explains(self, outcome: Outcome) -> Outcome {
        let (Outcome::Aborted { whole, bytes } | Outcome::Broken { whole, bytes, .. }) = outcome else {
            return outcome;
        };
        match self {
            ShutCause::Cancel => Outcome::Aborted { whole, bytes },
            ShutCause::Stuck => Outcome::Broken { broken: Broken::WorkerStuck, whole, bytes },
            ShutCause::Stalled => Outcome::Broken { broken: Broken::Stalled, whole, bytes },
            ShutCause::Park => Outcome::Broken { broken: Broken::ServerStopped, whole, bytes },
        }
    }
}
