//! What the job manager decides: which jobs are accepted, and what users may do with them.

mod accept;
pub mod arriving;
mod command;
pub mod messages;
pub mod numbers;
mod register;
pub mod step;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::model::cancel::{CancelRefusal, Wish};
use crate::model::document::Format;
use crate::model::id::{DocumentId, JobId, QueueName};
use crate::model::job::{JobStatus, Priority, Submitter};
use crate::model::options::{BadOption, Options};

/// A request for a job, checked as far as it can be without knowing the queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRequest {
    /// `None`: the default queue.
    pub queue: Option<QueueName>,
    pub submitter: Submitter,
    /// `None`: the name of the first document, else «untitled».
    pub title: Option<String>,
    pub options: Options,
    pub priority: Priority,
    pub arrival: Arrival,
    /// SHA-256 of the token in the job's secret link.
    pub control_hash: Option<[u8; 32]>,
}

/// How a job begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// Prints as soon as it can.
    Print,
    /// Waits for a person.
    Hold,
}

/// A document as it is handed in with a job, or registered by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// Registered before.
    Registered(DocumentId),
    /// Whole in memory, at most [`crate::model::document::INLINE_BYTES_MAX`] bytes.
    Inline { name: String, format: Format, crc: u32, body: Bytes },
    /// A synced file of the document directory, under a number that was announced.
    File { id: DocumentId, name: String, format: Format, bytes: u64, crc: u32 },
}

/// An idempotency key as the client sent it, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyClaim {
    pub key: String,
    /// SHA-256 over destination, options and body.
    pub fingerprint: [u8; 32],
}

/// What a user may want of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobCommand {
    Cancel(Wish),
    Hold,
    Release,
    Restart,
    SetPriority(Priority),
    Move(QueueName),
}

/// Every way in which a request can be turned down. Each has a stable code and a sentence for the person
/// who must act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoSuchQueue(QueueName),
    NoDefaultQueue,
    NoSuchJob(JobId),
    NoSuchDocument(DocumentId),
    NoSuchPrinter(QueueName),
    NoSuchPool(QueueName),
    /// A printer that a pool is to have and that is not there.
    UnknownPrinter(QueueName),
    /// The queue takes no new jobs, by an administrator's will.
    NotAccepting(QueueName),
    QueueFull {
        jobs_max: u64,
        retry_after: Duration,
    },
    DiskFull {
        free_bytes_min: u64,
    },
    EmptyBody,
    TooManyDocuments {
        documents_max: usize,
    },
    Option(BadOption),
    KeyReused(JobId),
    /// What the key stands for has ended so long ago that it is no longer listed.
    JobPurged(JobId),
    WrongState {
        job: JobId,
        status: JobStatus,
        wish: &'static str,
    },
    CannotCancel {
        job: JobId,
        refusal: CancelRefusal,
    },
    /// A finished job whose documents are no longer kept.
    DocumentGone(JobId),
    DocumentInUse(DocumentId),
    NameTaken(QueueName),
    /// A member of pools cannot be removed.
    InPools {
        name: QueueName,
        pools: Vec<QueueName>,
    },
    /// A printer or pool that still has work cannot be removed.
    HasJobs {
        name: QueueName,
        jobs: u64,
    },
    /// Provisioned by the configuration file.
    ReadOnly(QueueName),
    /// A printer whose hardware address is not known cannot be woken.
    NoMac(QueueName),
    /// A value that a printer cannot have.
    BadPrinter {
        key: String,
        why: String,
    },
    /// A value that a pool cannot have.
    BadPool {
        key: String,
        why: String,
    },
    /// More is asked at once than is taken; nothing is wrong.
    Busy {
        retry_after: Duration,
    },
    Stopping,
    Store(String),
}

impl Refusal {
    /// The stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchQueue(_) => "no_such_queue",
            Refusal::NoDefaultQueue => "no_default_queue",
            Refusal::NoSuchJob(_) => "no_such_job",
            Refusal::NoSuchDocument(_) => "no_such_document",
            Refusal::NoSuchPrinter(_) => "no_such_printer",
            Refusal::NoSuchPool(_) => "no_such_pool",
            Refusal::UnknownPrinter(_) => "unknown_printer",
            Refusal::NotAccepting(_) => "not_accepting",
            Refusal::QueueFull { .. } => "queue_full",
            Refusal::DiskFull { .. } => "disk_full",
            Refusal::EmptyBody => "empty_body",
            Refusal::TooManyDocuments { .. } => "too_many_documents",
            Refusal::Option(BadOption::Unknown { .. }) => "unknown_option",
            Refusal::Option(_) => "bad_option",
            Refusal::KeyReused(_) => "idempotency_key_reused",
            Refusal::JobPurged(_) => "job_purged",
            Refusal::WrongState { .. } => "wrong_state",
            Refusal::CannotCancel { .. } => "cannot_cancel",
            Refusal::DocumentGone(_) => "document_gone",
            Refusal::DocumentInUse(_) => "document_in_use",
            Refusal::NameTaken(_) => "name_taken",
            Refusal::InPools { .. } => "in_pools",
            Refusal::HasJobs { .. } => "has_jobs",
            Refusal::ReadOnly(_) => "read_only",
            Refusal::NoMac(_) => "no_mac",
            Refusal::BadPrinter { .. } => "bad_printer",
            Refusal::BadPool { .. } => "bad_pool",
            Refusal::Busy { .. } => "busy",
            Refusal::Stopping => "stopping",
            Refusal::Store(_) => "store_unavailable",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoSuchQueue(name) => {
                write!(f, "no printer or pool is named {name}; `spool printers` shows what there is")
            }
            Refusal::NoDefaultQueue => {
                write!(f, "no printer was named and there is no default; name one, or set server.default")
            }
            Refusal::NoSuchJob(job) => write!(f, "there is no job {job}"),
            Refusal::NoSuchDocument(document) => write!(f, "there is no document {document}"),
            Refusal::NoSuchPrinter(name) => {
                write!(f, "no printer is named {name}; `spool printers` shows what there is")
            }
            Refusal::NoSuchPool(name) => {
                write!(f, "no pool is named {name}; `spool pools` shows what there is")
            }
            Refusal::UnknownPrinter(name) => {
                write!(f, "members: no printer is named {name}; add it first")
            }
            Refusal::NotAccepting(name) => {
                write!(
                    f,
                    "{name} takes no new jobs; an administrator can change that with `spool printer accept` (or `pool accept`) {name}"
                )
            }
            Refusal::QueueFull { jobs_max, retry_after } => write!(
                f,
                "{jobs_max} jobs are queued, which is the limit; try again in {} s",
                retry_after.as_secs().max(1)
            ),
            Refusal::DiskFull { free_bytes_min } => write!(
                f,
                "less than {free_bytes_min} bytes are free on the server's disk (limits.free_disk); make room and try again"
            ),
            Refusal::EmptyBody => write!(f, "the document is empty; send its bytes as the body"),
            Refusal::TooManyDocuments { documents_max } => {
                write!(f, "a job has at most {documents_max} documents")
            }
            Refusal::Option(bad) => bad.fmt(f),
            Refusal::KeyReused(job) => write!(
                f,
                "the idempotency key was used for job {job} with another destination, other options or another body; use a new key"
            ),
            Refusal::JobPurged(job) => write!(
                f,
                "the idempotency key was used for job {job}, which has ended and is no longer listed (history.jobs); to print it again use a new key"
            ),
            Refusal::WrongState { job, status, wish } => {
                write!(f, "job {job} is {}, so it cannot be {wish}", status.word())
            }
            Refusal::CannotCancel { job, refusal } => {
                write!(f, "job {job} cannot be canceled: {}", refusal.sentence())
            }
            Refusal::DocumentGone(job) => {
                write!(f, "the documents of job {job} are no longer kept (history.documents); submit it anew")
            }
            Refusal::DocumentInUse(document) => {
                write!(f, "document {document} is used by a job that has not ended; cancel the job first")
            }
            Refusal::NameTaken(name) => write!(f, "there is a printer or pool named {name} already"),
            Refusal::InPools { name, pools } => {
                let pools: Vec<&str> = pools.iter().map(QueueName::as_str).collect();
                write!(f, "{name} is a member of {}; take it out there, then remove it", pools.join(", "))
            }
            Refusal::HasJobs { name, jobs } => {
                let plural = if *jobs == 1 { "job" } else { "jobs" };
                write!(
                    f,
                    "{name} still has {jobs} {plural}; cancel, move or let print what it has, then remove it"
                )
            }
            Refusal::ReadOnly(name) => {
                write!(f, "{name} stands in the configuration file; change it there and reload")
            }
            Refusal::NoMac(name) => write!(
                f,
                "the hardware address of {name} is not known; set it with `spool printer set {name} mac=00:11:22:33:44:55`"
            ),
            Refusal::BadPrinter { key, why } | Refusal::BadPool { key, why } => write!(f, "{key}: {why}"),
            Refusal::Busy { retry_after } => write!(
                f,
                "the server has as much to do as it takes at once; try again in {} s",
                retry_after.as_secs().max(1)
            ),
            Refusal::Stopping => write!(f, "the server is stopping and takes no new work"),
            Refusal::Store(why) => write!(f, "the server cannot write to its store: {why}"),
        }
    }
}

impl std::error::Error for Refusal {}
