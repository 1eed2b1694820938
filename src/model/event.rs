//! What is told of what happened: timeline entries, and the events that subscribers hear.

use std::borrow::Cow;

use super::id::{CommitSeq, JobId, PrinterId, QueueName};
use super::job::JobStatus;
use super::time::WallTime;

/// Where an event came from. All four kinds take the same road.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A person or a program in a person's name.
    User,
    /// The printer, or the wire to it.
    Device,
    /// The spooler itself.
    System,
    /// Another server.
    Remote,
}

impl Source {
    pub fn word(self) -> &'static str {
        match self {
            Source::User => "user",
            Source::Device => "device",
            Source::System => "system",
            Source::Remote => "remote",
        }
    }
}

/// One line of a job's timeline. Durable, in the same commit as what it tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub job: JobId,
    /// 1, 2, 3 … within the job.
    pub seq: u32,
    pub at: WallTime,
    pub source: Source,
    pub kind: Cow<'static, str>,
    pub from: Option<JobStatus>,
    pub to: JobStatus,
    pub reason: Option<Cow<'static, str>>,
    pub message: String,
    /// How many attempts there had been.
    pub attempt: u32,
    pub printer: Option<QueueName>,
    /// When something happens next, where that is known.
    pub next_at: Option<WallTime>,
}

/// What a subscriber hears. It names the thing that changed; what it has become is read from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The commit that caused it; for what is not durable (a printer's passing state, workers) the last
    /// one before.
    pub seq: CommitSeq,
    pub subject: Subject,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Job(JobId),
    Printer(PrinterId),
    Worker(String),
    Server,
}
