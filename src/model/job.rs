//! A job, and the table of what may happen to it.
//!
//! ```text
//!            hold/release                       not-ready, in doubt: print again
//!   Held ◄───────────────► Waiting ◄──────────────────────────────┐
//!    ▲                        │ Attempt                            │
//!    │ outcome unknown,       ▼                                    │
//!    └────────────────── Transmitting ──► Transmitted ──► Printing ┤
//!                             │                │             │     │
//!                             └────────────────┴─────────────┴─────┴──► Completed · Failed · Canceled
//! ```
//!
//! `Rendering` and `Scheduled` stand between `Waiting` and `Transmitting` where a printer needs them. Only
//! [`Job::apply`] changes a job; [`edge`] is the whole table.

mod reason;
mod status;
mod table;
mod words;

pub use self::reason::{DoneHow, FailReason, HoldReason, Interruption, Reason};
pub use self::status::JobStatus;
pub use self::table::{AfterArrival, JobEvent, NotAllowed, edge};

pub(super) use self::words::half;
use self::words::kind_sentence;
use super::document::{BodyPlace, Document, Format};
use super::event::{Entry, Source};
use super::id::{AcceptedSeq, DocumentId, Generation, JobId, PrinterId, QueueId, QueueName, Revision};
use super::options::Options;
use super::queue::OrderKey;
use super::retry::{Broken, Whole};
use super::time::WallTime;

/// The most documents one job may print.
pub const DOCUMENTS_MAX: usize = 100;

/// Everything the store knows of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub revision: Revision,
    /// The queue as addressed; only a user's move changes it. Where it waits: [`Job::serving_queue`].
    pub queue: QueueId,
    /// The name of that queue when the job was addressed to it, for the time when the queue is gone.
    pub queue_name: QueueName,
    /// The queue in which it waits instead, since the printer it is addressed to could not print for too
    /// long. Its age and priority are the same there.
    pub rerouted: Option<QueueId>,
    /// The printer that the job is bound to, and was bound to last when it ended.
    pub bound: Option<Bound>,
    pub status: JobStatus,
    /// Why the job is in this status, where the status alone does not say it.
    pub reason: Reason,
    pub submitter: Submitter,
    pub title: String,
    /// 1 to [`DOCUMENTS_MAX`], in the order in which they are printed; none in a job that [is arriving](Job::is_arriving)
    /// or ended so.
    pub documents: Vec<DocumentRef>,
    pub options: Options,
    pub priority: Priority,
    /// The age of the job: its place among all that were accepted.
    pub accepted: AcceptedSeq,
    /// How often bytes of the job may have begun to leave.
    pub attempts: u32,
    /// How many of those broke.
    pub broken: u32,
    /// How many of those broke when the document may have left whole.
    pub in_doubt: u32,
    /// How the last of those broke.
    pub last_broken: Option<Broken>,
    /// The device's own number for the job: the handle by which it can be asked and told.
    pub device_job_id: Option<String>,
    /// A user has asked for the end of the job.
    pub cancel_requested: bool,
    /// Bytes handed to the device in the present or last attempt.
    pub bytes_sent: u64,
    /// Pages of the whole job, all copies, where somebody has counted them.
    pub pages_total: Option<u32>,
    /// Pages that the device says are done, in the present or last attempt.
    pub pages_confirmed: Option<u32>,
    /// SHA-256 of the token in the job's secret link.
    pub control_hash: Option<[u8; 32]>,
    /// How many timeline entries the job has; the next one gets this number plus one.
    pub entries: u32,
    pub created_at: WallTime,
    pub updated_at: WallTime,
    pub finished_at: Option<WallTime>,
}

/// The printer that has a job, and which of its connections sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub printer: PrinterId,
    pub name: QueueName,
    pub generation: Generation,
}

/// A document as a job refers to it: all that is needed to send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRef {
    pub id: DocumentId,
    pub format: Format,
    pub bytes: u64,
    /// CRC-32C of the whole body.
    pub crc: u32,
    pub place: BodyPlace,
}

/// Who submitted, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitter {
    /// The name shown; a mere label where `identity` is [`Identity::Claimed`].
    pub user: String,
    pub identity: Identity,
}

/// How a submitter was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The name is what the client said.
    Claimed,
    /// The kernel told the uid of the process at the other end of the socket.
    Uid(u32),
    /// The administrator's token was shown.
    Admin,
}

/// 1 to 100; 100 goes first (RFC 8011 section 5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    pub const DEFAULT: Priority = Priority(50);

    /// `None` outside 1 to 100.
    pub fn new(priority: u32) -> Option<Priority> {
        u8::try_from(priority).ok().filter(|p| (1..=100).contains(p)).map(Priority)
    }

    pub fn get(self) -> u8 {
        self.0
    }
}

impl From<&Document> for DocumentRef {
    fn from(document: &Document) -> DocumentRef {
        let Document { id, format, bytes, crc, place, .. } = document;
        DocumentRef { id: *id, format: format.clone(), bytes: *bytes, crc: *crc, place: *place }
    }
}

impl Job {
    /// A job as it comes in: it waits, and nothing has been tried. It has no documents and no timeline yet.
    pub fn new(
        id: JobId,
        (queue, queue_name): (QueueId, QueueName),
        submitter: Submitter,
        accepted: AcceptedSeq,
        at: WallTime,
    ) -> Job {
        Job {
            id,
            revision: Revision(1),
            queue,
            queue_name,
            rerouted: None,
            bound: None,
            status: JobStatus::Waiting,
            reason: Reason::None,
            submitter,
            title: "untitled".to_owned(),
            documents: Vec::new(),
            options: Options::default(),
            priority: Priority::DEFAULT,
            accepted,
            attempts: 0,
            broken: 0,
            in_doubt: 0,
            last_broken: None,
            device_job_id: None,
            cancel_requested: false,
            bytes_sent: 0,
            pages_total: None,
            pages_confirmed: None,
            control_hash: None,
            entries: 0,
            created_at: at,
            updated_at: at,
            finished_at: None,
        }
    }

    /// Applies `event`: the only way in which a job changes. Answers the timeline entry that tells of it;
    /// a mere count of bytes has none. The revision goes up by one in any case.
    pub fn apply(
        &mut self,
        event: JobEvent,
        source: Source,
        at: WallTime,
    ) -> Result<Option<Entry>, NotAllowed> {
        let Some(to) = edge(self.status, &event) else {
            return Err(NotAllowed { job: self.id, status: self.status, event: event.kind() });
        };
        let from = self.status;
        debug_assert!(super::invariants::path(from, to), "job {} may not go {from:?} to {to:?}", self.id);
        let (kind, told) = (event.kind(), !matches!(event, JobEvent::Progress { .. }));
        let (said, reason) = (event.said(self), event.told_reason());
        self.take_in(event);
        self.status = to;
        self.revision.0 += 1;
        self.updated_at = at;
        self.finished_at = to.is_final().then_some(at);
        if !told {
            return Ok(None);
        }
        self.entries += 1;
        Ok(Some(Entry {
            job: self.id,
            seq: self.entries,
            at,
            source,
            kind: kind.into(),
            from: Some(from),
            to,
            reason: reason.or_else(|| self.reason.keyword()).map(Into::into),
            message: said
                .or_else(|| self.reason.sentence())
                .unwrap_or_else(|| kind_sentence(kind).to_owned()),
            attempt: self.attempts,
            printer: self.bound.as_ref().map(|bound| bound.name.clone()),
            next_at: None,
        }))
    }

    fn take_in(&mut self, event: JobEvent) {
        match event {
            JobEvent::Hold(hold) => self.reason = Reason::Held(hold),
            JobEvent::Release => {
                // A person has looked: what broke before is settled.
                (self.broken, self.in_doubt, self.last_broken) = (0, 0, None);
                self.give_back(Reason::None);
            }
            JobEvent::SetPriority(priority) => self.priority = priority,
            JobEvent::Move { queue, name } => {
                (self.queue, self.queue_name, self.rerouted) = (queue, name, None);
            }
            JobEvent::Reroute { to, .. } => self.rerouted = Some(to).filter(|to| *to != self.queue),
            JobEvent::Schedule(bound) | JobEvent::Render(bound) => self.bound = Some(bound),
            JobEvent::Attempt(bound) => {
                self.bound = Some(bound);
                self.attempts += 1;
                self.bytes_sent = 0;
                self.device_job_id = None;
                self.pages_confirmed = None;
                self.reason = self.plain();
            }
            JobEvent::Progress { bytes, pages } => {
                self.bytes_sent = bytes;
                self.pages_confirmed = pages.or(self.pages_confirmed);
            }
            JobEvent::Block => self.reason = Reason::Blocked,
            JobEvent::PrinterStops(why) if self.status.is_at_printer() => self.reason = Reason::Stopped(why),
            // A job that waits has its own reason for that, and the printer says for itself how it is.
            JobEvent::PrinterStops(_) | JobEvent::PrinterWoken => {}
            JobEvent::PrinterGoesOn if matches!(self.reason, Reason::Stopped(_)) => {
                self.reason = self.plain()
            }
            JobEvent::PrinterGoesOn => {}
            JobEvent::Unblock | JobEvent::PrintStart => self.unblock(),
            JobEvent::LastByte { bytes } => {
                self.bytes_sent = bytes;
                self.unblock();
            }
            JobEvent::Handle(handle) => self.device_job_id = Some(handle),
            JobEvent::Break(broken) => self.reason = Reason::Broken(broken, Whole::No),
            JobEvent::NotReady(why) => {
                // No byte has left, so it was none.
                if self.status == JobStatus::Transmitting {
                    self.attempts = self.attempts.saturating_sub(1);
                }
                self.give_back(Reason::NotReady(why));
            }
            JobEvent::GiveBack => self.give_back(Reason::None),
            JobEvent::Again { broken, whole } => {
                self.count_break(broken, whole);
                self.give_back(Reason::Broken(broken, whole));
            }
            JobEvent::BreakAndHold { broken, whole, hold } => {
                self.count_break(broken, whole);
                self.reason = Reason::Held(hold);
            }
            JobEvent::Complete { how, bytes } => {
                self.bytes_sent = bytes;
                self.reason = Reason::Done(how);
            }
            JobEvent::Fail(why) => self.reason = Reason::Failed(why),
            JobEvent::RequestCancel => self.cancel_requested = true,
            JobEvent::Cancel => self.reason = Reason::None,
            JobEvent::CancelAtDevice => self.reason = Reason::CanceledAtDevice,
            JobEvent::AwaitDocument(broken) => {
                match broken {
                    Some(broken) => self.count_break(broken, Whole::No),
                    None => self.attempts = self.attempts.saturating_sub(1),
                }
                self.reason = Reason::Held(HoldReason::Incoming);
            }
            JobEvent::Arrive { document, then } => {
                self.documents.push(document);
                match then {
                    AfterArrival::Wait => self.give_back(Reason::None),
                    AfterArrival::Stay if self.reason == Reason::Incoming => self.reason = Reason::None,
                    AfterArrival::Stay => {}
                }
            }
            JobEvent::Interrupt { why, bytes } => {
                self.bytes_sent = bytes;
                self.reason = Reason::Interrupted(why);
            }
            JobEvent::Restart { accepted } => {
                (self.accepted, self.rerouted) = (accepted, None);
                (self.broken, self.in_doubt, self.last_broken) = (0, 0, None);
                self.cancel_requested = false;
                self.give_back(Reason::None);
            }
        }
    }

    /// It takes bytes; what the device itself says against printing stays so until the device says otherwise.
    fn unblock(&mut self) {
        if self.reason == Reason::Blocked {
            self.reason = self.plain();
        }
    }

    /// Why it is at the printer, where nothing is the matter.
    fn plain(&self) -> Reason {
        if self.documents.is_empty() { Reason::Incoming } else { Reason::None }
    }

    /// Whether it was registered, so that it can be sent while its document arrives, and is not accepted yet.
    pub fn is_arriving(&self) -> bool {
        self.documents.is_empty() && !self.status.is_final()
    }

    fn count_break(&mut self, broken: Broken, whole: Whole) {
        self.broken += 1;
        self.last_broken = Some(broken);
        if whole == Whole::Maybe {
            self.in_doubt += 1;
        }
    }

    /// Back to its place in its queue: age and priority stay, the printer and its handle go.
    fn give_back(&mut self, reason: Reason) {
        self.bound = None;
        self.device_job_id = None;
        self.reason = reason;
    }

    /// The queue in which the job waits, and in which it is counted.
    pub fn serving_queue(&self) -> QueueId {
        self.rerouted.unwrap_or(self.queue)
    }

    /// The job's place in its queue, where it is in one: only waiting jobs are.
    pub fn order(&self) -> Option<OrderKey> {
        (self.status == JobStatus::Waiting).then_some(OrderKey {
            priority: self.priority,
            accepted: self.accepted,
            job: self.id,
        })
    }

    /// Size of all its documents, in bytes, one copy of each.
    pub fn bytes_total(&self) -> u64 {
        self.documents.iter().map(|document| document.bytes).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests;
