//! What is written together: the one kind of durable effect.

use std::fmt;

use bytes::Bytes;

use super::document::Document;
use super::event::Entry;
use super::id::{CommitSeq, DocumentId, JobId, PoolId, PrinterId, QueueId, QueueName, Revision};
use super::job::Job;
use super::pool::Pool;
use super::printer::Printer;
use super::time::WallTime;

/// The most keys of the store that one commit may touch; a commit is never split. Ordinary commits touch
/// about ten. The room is for jobs of [`DOCUMENTS_MAX`](super::job::DOCUMENTS_MAX) documents, whose end
/// changes two keys for each of them.
pub const KEYS_MAX: usize = 256;

/// Everything in it becomes durable together, or nothing does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// Each of these jobs must still have this revision; `Revision(0)` means that it must not exist.
    pub expect: Vec<(JobId, Revision)>,
    /// These printers and pools must still be there; the names are for whoever hears that one is not.
    pub queues: Vec<(QueueId, QueueName)>,
    /// Jobs as they are after the commit. The store keeps queues, lists and counts in step by itself.
    pub jobs: Vec<Job>,
    pub timeline: Vec<Entry>,
    pub documents: Vec<NewDocument>,
    pub printers: Vec<Printer>,
    pub pools: Vec<Pool>,
    /// Small named values: counters, secrets, what was learned.
    pub settings: Vec<(String, Vec<u8>)>,
    /// Names of such values that go; one that is not there is no error.
    pub unset: Vec<String>,
    /// Remembered with the job that it brought.
    pub key: Option<IdempotencyKey>,
    pub remove: Vec<Remove>,
}

/// A document that a commit brings, with its bytes where they are small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDocument {
    pub document: Document,
    /// Present exactly where the document's place is `Inline`. A body in a file is durable already.
    pub body: Option<Bytes>,
}

/// A client's promise that a request under the same key is the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub user: String,
    /// 1 to 255 visible ASCII characters.
    pub key: String,
    /// SHA-256 over destination, options and body.
    pub fingerprint: [u8; 32],
    pub job: JobId,
    pub expires_at: WallTime,
}

/// An idempotency key as the store knows it: a digest of user and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 32]);

/// What a commit takes away. What is not there is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remove {
    /// A final job with its timeline and its places in every list. A commit that has no room for the whole
    /// timeline takes as much of its beginning as fits and leaves the job; ask again then.
    Job(JobId),
    /// A document that no unfinished job uses. The store lets its body go when the commit is durable, never before.
    Document(DocumentId),
    /// A printer whose queue is empty and that has no job.
    Printer(PrinterId),
    /// A pool whose queue is empty.
    Pool(PoolId),
    Key(KeyId),
}

/// The answer to a commit that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub seq: CommitSeq,
}

/// Why a commit did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// Another commit changed this job first: read it again and decide again.
    Changed(JobId),
    /// The writer's right to this printer is over.
    Fenced,
    /// A job was accepted under this key before.
    DuplicateKey(JobId),
    /// The document is used by an unfinished job.
    InUse(DocumentId),
    /// A job is to print a document that is not there (any more).
    NoDocument(DocumentId),
    /// The printer or pool to be removed has unfinished jobs.
    HasJobs { queue: QueueId, jobs: u64 },
    /// A job is to wait in a queue that was removed.
    NoQueue(QueueName),
    /// The disk is full. Nothing was written.
    Full,
    /// The store cannot write. Nothing was written.
    Unavailable(String),
    /// It is not known whether it was written: ask again.
    Unknown,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::Changed(job) => write!(f, "job {job} was changed by another writer"),
            CommitError::Fenced => write!(f, "another server is in charge of the printer"),
            CommitError::DuplicateKey(job) => write!(f, "the idempotency key belongs to job {job}"),
            CommitError::InUse(document) => write!(f, "document {document} is used by an unfinished job"),
            CommitError::NoDocument(document) => write!(f, "document {document} is not there any more"),
            CommitError::HasJobs { jobs, .. } => write!(f, "the queue still has {jobs} unfinished jobs"),
            CommitError::NoQueue(name) => write!(f, "printer or pool {name} is not there any more"),
            CommitError::Full => write!(f, "the disk is full"),
            CommitError::Unavailable(why) => write!(f, "the store cannot write: {why}"),
            CommitError::Unknown => write!(f, "the store did not say whether it has written"),
        }
    }
}

impl std::error::Error for CommitError {}
