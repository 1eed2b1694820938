//! What the job manager is told and what it wants done.

use std::sync::Arc;
use std::time::Duration;

use super::{Handed, JobCommand, JobRequest, KeyClaim, Refusal};
use crate::model::commit::{Commit, CommitError};
use crate::model::directory::Directory;
use crate::model::document::Document;
use crate::model::id::{DocumentId, JobId, PrinterId, QueueId};
use crate::model::job::{DocumentRef, Job, Submitter};
use crate::model::queue::QueueCounts;
use crate::model::stream::Offer;

/// A request under way; the shell knows who waits for it. Number 0 is the intake's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What the job manager is told.
#[derive(Clone, Debug)]
pub enum Input {
    Announce(Ticket, Box<JobRequest>),
    Withdraw(JobId),
    /// A large document of an announced job arrives: it might be sent meanwhile.
    Offer(Offer),
    Submit(Ticket, Box<Submission>),
    Register(Ticket, Submitter, Handed),
    RemoveDocument(Ticket, DocumentId),
    DocumentId(Ticket),
    Command(Ticket, JobId, JobCommand),
    /// The job and fingerprint under the key that was asked for.
    KeyRead(Ticket, Option<(JobId, [u8; 32])>),
    JobRead(Ticket, Option<Box<Job>>),
    /// In the order asked for; those that are not there are missing.
    DocumentsRead(Ticket, Vec<Document>),
    ReadFailed(Ticket, String),
    Committed(Ticket),
    CommitFailed(Ticket, CommitError),
    Directory(Arc<Directory>),
    /// The configuration was read again.
    Rules(Rules),
    /// How much is queued, and whether the disk has room.
    Load(QueueCounts, Disk),
    Stop,
}

/// Everything of a request for a job, its documents being whole and, where they are files, durable.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The number it was announced under.
    pub announced: Option<JobId>,
    pub request: JobRequest,
    pub documents: Vec<Handed>,
    pub key: Option<KeyClaim>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    Room,
    /// Less is free than `limits.free_disk`.
    Full,
}

/// What the job manager wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    ReadKey(Ticket, String, String),
    ReadJob(Ticket, JobId),
    ReadDocuments(Ticket, Vec<DocumentId>),
    /// `then` is done after Ok and never before; the ticket hears `Committed` or `CommitFailed`.
    Commit {
        ticket: Ticket,
        commit: Box<Commit>,
        then: Vec<Effect>,
    },
    Reply(Ticket, Result<Reply, Refusal>),
    /// There is work in this queue.
    Wake(QueueId),
    /// The flag is durable: tell the printer that has the job.
    CancelAt(PrinterId, JobId),
    /// This printer may have that job before its document is here, if it would be its turn at once.
    Offer(PrinterId, Box<Job>, DocumentRef),
    /// A body on disk that belongs to nothing.
    Discard(DocumentId),
    /// Which jobs are arriving has changed.
    Incoming,
}

/// What a request gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Announced(JobId, DocumentId),
    Accepted(Box<Job>),
    /// The same request came before.
    Repeated(Box<Job>),
    Document(DocumentId),
    Job(Box<Job>),
    Done,
}

/// Limits and settings of the intake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub queued_jobs_max: u64,
    pub free_disk_min: u64,
    pub key_kept: Duration,
}
