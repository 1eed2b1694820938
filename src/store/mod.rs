//! Durable state behind one trait.
//!
//! *Ok means on disk.* A commit is atomic; queues, lists and counts follow from the jobs in it and can
//! never disagree with them. Nothing that could not be read is ever overwritten or deleted.

pub mod backup;
#[doc(hidden)]
pub mod conformance;
pub mod counts;
mod disk;
pub mod documents;
mod draft;
mod durable;
pub mod embedded;
pub mod journal;
mod keys;
pub mod memory;
#[cfg(test)]
mod power_cut;
pub mod read;
pub mod record;
pub mod recover;
pub mod shrink;
mod sled;
pub mod state;
pub mod stats;
pub mod tables;
mod upgrade;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::model::commit::{Commit, CommitError, Committed, KeyId};
use crate::model::document::Document;
use crate::model::event::{Entry, Event};
use crate::model::id::{CommitSeq, DocumentId, JobId, QueueId};
use crate::model::job::{Job, JobStatus};
use crate::model::pool::Pool;
use crate::model::printer::Printer;
use crate::model::queue::{OrderKey, QueueCounts};
use crate::model::time::WallTime;

/// The most rows that one page of a list holds.
pub const PAGE_ROWS_MAX: usize = 1000;
/// The most rows that are looked at for one page where a filter has no list of its own. The page may then
/// be shorter than asked and still have a cursor.
pub const PAGE_SCAN_MAX: usize = 10_000;
/// How many events are kept for subscribers that come back.
pub const EVENTS_KEPT: u64 = 100_000;

/// A read that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// A record that does not match its checksum or its version; it was left where it is.
    Damaged {
        what: String,
        why: String,
    },
    /// A record that a newer version of the program wrote.
    Newer {
        what: String,
        version: u16,
    },
    Unavailable(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Damaged { what, why } => {
                write!(f, "{what} is damaged ({why}); stop the server and run `spool recover`")
            }
            ReadError::Newer { what, version } => {
                write!(f, "refuse to start: {what} was written by a newer version of spool (form {version})")
            }
            ReadError::Unavailable(why) => write!(f, "the store cannot read: {why}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Which jobs a list shows; newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobsQuery {
    /// Empty: all.
    pub statuses: Vec<JobStatus>,
    pub queue: Option<QueueId>,
    pub user: Option<String>,
    /// Jobs with a smaller number than this one.
    pub before: Option<JobId>,
    /// 1 to [`PAGE_ROWS_MAX`].
    pub limit: usize,
}

/// One page of a list, and where the next begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C> {
    pub rows: Vec<T>,
    pub next: Option<C>,
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    pub job: JobId,
    pub fingerprint: [u8; 32],
    pub expires_at: WallTime,
}

/// What the purge may look at: the oldest of each kind, at most so many, not younger than the given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Final jobs, by the time they ended.
    Jobs,
    /// Documents that no unfinished job uses, by the time they were last used.
    Documents,
    /// Idempotency keys, by the time they expire.
    Keys,
}

/// Something the purge found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purgeable {
    Job(JobId),
    Document(DocumentId),
    Key(KeyId),
}

/// Events after some commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsSince {
    Events(Vec<Event>),
    /// That commit is outside the window kept: everything may have changed.
    Reset,
}

/// Small values with their names.
pub type NamedValues = Vec<(String, Vec<u8>)>;

/// The answer to a commit that was handed in.
pub type Committing = BoxFuture<'static, Result<Committed, CommitError>>;

/// Durable state. Reads may touch the disk, so they answer through futures and run where blocking is
/// allowed; a read that follows an `Ok` of a commit sees it.
pub trait Store: Send + Sync {
    /// Ok means on disk, all of it. On an error nothing happened, except [`CommitError::Unknown`].
    /// Commits take effect in the order in which they are handed in.
    fn commit(&self, commit: Commit) -> Committing;
    /// Two commits, one right behind the other: by one sync where they fit in one group. Each is decided by itself, so
    /// the second says by what it expects whether it may be without the first. A revision that another writer could
    /// bring about too says nothing of that.
    fn commit_both(&self, first: Commit, second: Commit) -> [Committing; 2] {
        [self.commit(first), self.commit(second)]
    }

    /// The first `n` jobs of these queues together, behind `after`, by priority and age: fewer only where no more
    /// wait, or where the next one cannot be read.
    fn head(
        &self,
        queues: Vec<QueueId>,
        after: Option<OrderKey>,
        n: usize,
    ) -> BoxFuture<'static, Result<Vec<Job>, ReadError>>;
    /// The first `n` places of one queue.
    fn places(&self, queue: QueueId, n: usize) -> BoxFuture<'static, Result<Vec<OrderKey>, ReadError>>;

    fn job(&self, id: JobId) -> BoxFuture<'static, Result<Option<Job>, ReadError>>;
    fn jobs(&self, query: JobsQuery) -> BoxFuture<'static, Result<Page<Job, JobId>, ReadError>>;
    /// All jobs that a printer has ([`JobStatus::is_at_printer`]): few, and decided anew at every start.
    fn jobs_at_printers(&self) -> BoxFuture<'static, Result<Vec<Job>, ReadError>>;
    /// Timeline entries of a job with a number above `after`, oldest first.
    fn timeline(&self, job: JobId, after: u32, n: usize)
    -> BoxFuture<'static, Result<Vec<Entry>, ReadError>>;

    fn document(&self, id: DocumentId) -> BoxFuture<'static, Result<Option<Document>, ReadError>>;
    /// Documents of a user (or of all), newest first, with smaller numbers than `before`.
    fn documents(
        &self,
        user: Option<String>,
        before: Option<DocumentId>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Page<Document, DocumentId>, ReadError>>;

    fn printers(&self) -> BoxFuture<'static, Result<Vec<Printer>, ReadError>>;
    fn pools(&self) -> BoxFuture<'static, Result<Vec<Pool>, ReadError>>;
    fn setting(&self, name: &str) -> BoxFuture<'static, Result<Option<Vec<u8>>, ReadError>>;
    /// The small values whose names begin so, in the order of their names; at most `n`.
    fn settings(&self, prefix: &str, n: usize) -> BoxFuture<'static, Result<NamedValues, ReadError>>;
    /// The live record of an idempotency key; expired ones are none.
    fn key(
        &self,
        user: &str,
        key: &str,
        now: WallTime,
    ) -> BoxFuture<'static, Result<Option<KeyRecord>, ReadError>>;
    fn counts(&self, queue: QueueId) -> QueueCounts;
    /// All queues together.
    fn counts_total(&self) -> QueueCounts;

    fn purgeable(
        &self,
        what: Purge,
        until: WallTime,
        n: usize,
    ) -> BoxFuture<'static, Result<Vec<Purgeable>, ReadError>>;

    fn last_seq(&self) -> CommitSeq;
    /// What happened after a commit, oldest first: about `n` events, since those of one commit are never
    /// parted.
    fn events_since(&self, after: CommitSeq, n: usize) -> BoxFuture<'static, Result<EventsSince, ReadError>>;
    /// Tells the number of the newest commit: a hint to read, not a list of what happened.
    fn changes(&self) -> watch::Receiver<CommitSeq>;
}

/// The store as the parts of the program share it.
pub type SharedStore = Arc<dyn Store>;
