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

use std::fmt;

use super::document::{BodyPlace, Format};
use super::event::{Entry, Source};
use super::id::{AcceptedSeq, DocumentId, Generation, JobId, PrinterId, QueueId, QueueName, Revision};
use super::options::Options;
use super::queue::OrderKey;
use super::retry::{Broken, NotReady, Whole};
use super::time::WallTime;

/// The most documents one job may print.
pub const DOCUMENTS_MAX: usize = 100;

/// Everything the store knows of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub revision: Revision,
    /// The queue as addressed; only a user's move changes it.
    pub queue: QueueId,
    /// The name of that queue when the job was addressed to it, for the time when the queue is gone.
    pub queue_name: QueueName,
    /// The printer that the job is bound to, and was bound to last when it ended.
    pub bound: Option<Bound>,
    pub status: JobStatus,
    /// Why the job is in this status, where the status alone does not say it.
    pub reason: Reason,
    pub submitter: Submitter,
    pub title: String,
    /// 1 to [`DOCUMENTS_MAX`], in the order in which they are printed.
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

/// The statuses of the print server document, with `Held` and `Rendering` added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobStatus {
    /// Waits for a person (or is still arriving); in no queue.
    Held,
    /// Printing stand-by: in a queue.
    Waiting,
    /// Being turned into what the printer speaks.
    Rendering,
    /// Scheduling stand-by: bound to a printer that is not ready to take it yet.
    Scheduled,
    /// Bytes may be leaving.
    Transmitting,
    /// All bytes have left; the device has not said that it is done.
    Transmitted,
    /// The device said that it prints.
    Printing,
    Completed,
    /// Error end.
    Failed,
    /// Cancel end.
    Canceled,
}

impl JobStatus {
    pub const ALL: [JobStatus; 10] = [
        JobStatus::Held,
        JobStatus::Waiting,
        JobStatus::Rendering,
        JobStatus::Scheduled,
        JobStatus::Transmitting,
        JobStatus::Transmitted,
        JobStatus::Printing,
        JobStatus::Completed,
        JobStatus::Failed,
        JobStatus::Canceled,
    ];

    /// The word of the HTTP interface.
    pub fn word(self) -> &'static str {
        match self {
            JobStatus::Held => "held",
            JobStatus::Waiting => "waiting",
            JobStatus::Rendering => "rendering",
            JobStatus::Scheduled => "scheduled",
            JobStatus::Transmitting => "transmitting",
            JobStatus::Transmitted => "transmitted",
            JobStatus::Printing => "printing",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Canceled => "canceled",
        }
    }

    pub fn from_word(word: &str) -> Option<JobStatus> {
        JobStatus::ALL.into_iter().find(|status| status.word() == word)
    }

    /// The job-state of RFC 8011 section 5.3.7, as a keyword.
    pub fn ipp_state(self) -> &'static str {
        match self {
            JobStatus::Held => "pending-held",
            JobStatus::Waiting => "pending",
            JobStatus::Rendering
            | JobStatus::Scheduled
            | JobStatus::Transmitting
            | JobStatus::Transmitted
            | JobStatus::Printing => "processing",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "aborted",
            JobStatus::Canceled => "canceled",
        }
    }

    pub fn is_final(self) -> bool {
        matches!(self, JobStatus::Completed | JobStatus::Failed | JobStatus::Canceled)
    }

    /// Whether a printer has the job: it must be decided anew when the server starts again.
    pub fn is_at_printer(self) -> bool {
        matches!(
            self,
            JobStatus::Rendering
                | JobStatus::Scheduled
                | JobStatus::Transmitting
                | JobStatus::Transmitted
                | JobStatus::Printing
        )
    }
}

/// Why a job is in its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The status says it all.
    None,
    Held(HoldReason),
    /// It went back to its place because the printer could not take it; no byte had left.
    NotReady(NotReady),
    /// It went back to its place because a connection broke; it will be printed again.
    Broken(Broken, Whole),
    /// The printer has bytes of it and takes no more.
    Blocked,
    Done(DoneHow),
    Failed(FailReason),
}

/// Why a job is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HoldReason {
    /// Its body is still arriving; it is not accepted yet.
    Incoming,
    User,
    /// It may have been printed, and its printer's rule is to ask.
    OutcomeUnknown,
    /// Its connection broke too often.
    BrokenTooOften,
    /// The device refused the credentials.
    Credentials,
    /// The part of the server that handled it failed twice running.
    FailedTwiceRunning,
    /// Its queue was removed.
    QueueRemoved,
}

/// Which kind of «done» a completed job was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DoneHow {
    /// The finished file stands under its name, synced.
    FileWritten,
    /// The device node took every byte and drained.
    Drained,
    /// The device closed the connection after our end.
    PeerClosed,
    /// The device itself reported the end of the job.
    DeviceSaid,
    /// The device took every byte and says nothing, as it never does.
    Unconfirmed,
}

/// Why a job failed for good. Such a job is the document's own error; the next one goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// The device or the renderer says that the document cannot be printed.
    Document(String),
    /// The bytes of the document are gone or do not match their checksum.
    DocumentDamaged(String),
}

/// What can happen to a job after it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEvent {
    Hold(HoldReason),
    Release,
    SetPriority(Priority),
    /// A user addresses the job to another queue.
    Move {
        queue: QueueId,
        name: QueueName,
    },
    /// Bound to a printer, which is not ready to take it yet.
    Schedule(Bound),
    /// Rendering began ahead of an attempt.
    Render(Bound),
    /// An attempt is recorded: from the moment this is durable bytes may leave.
    Attempt(Bound),
    /// Bytes handed to the device so far. No entry in the timeline.
    Progress {
        bytes: u64,
    },
    /// The device takes no more bytes.
    Block,
    /// It takes bytes again.
    Unblock,
    /// The last byte has left.
    LastByte {
        bytes: u64,
    },
    /// The device gave its own number for the job.
    Handle(String),
    /// The device said that it prints.
    PrintStart,
    /// No byte left; the job goes back to its place.
    NotReady(NotReady),
    /// It was bound and nothing was tried; it goes back to its place.
    GiveBack,
    /// A connection broke with the job on it; it will be printed again.
    Again {
        broken: Broken,
        whole: Whole,
    },
    /// A connection broke with the job on it; a person must decide.
    BreakAndHold {
        broken: Broken,
        whole: Whole,
        hold: HoldReason,
    },
    Complete {
        how: DoneHow,
        bytes: u64,
    },
    Fail(FailReason),
    /// A user wants the end of a job that a printer has.
    RequestCancel,
    Cancel,
    /// A user wants a finished job printed once more.
    Restart {
        accepted: AcceptedSeq,
    },
}

/// An event that the job's status forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAllowed {
    pub job: JobId,
    pub status: JobStatus,
    pub event: &'static str,
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} is {} and cannot take «{}»", self.job, self.status.word(), self.event)
    }
}

impl std::error::Error for NotAllowed {}

/// The transition table: the status after `event` in `from`, or `None` where it may not happen there.
pub fn edge(from: JobStatus, event: &JobEvent) -> Option<JobStatus> {
    use JobEvent as E;
    use JobStatus as S;
    match (from, event) {
        (S::Held | S::Waiting, E::Hold(_)) => Some(S::Held),
        (S::Held, E::Release) => Some(S::Waiting),
        (S::Held | S::Waiting, E::SetPriority(_) | E::Move { .. }) => Some(from),

        (S::Waiting, E::Schedule(_)) => Some(S::Scheduled),
        (S::Waiting | S::Scheduled, E::Render(_)) => Some(S::Rendering),
        (S::Waiting | S::Rendering | S::Scheduled, E::Attempt(_)) => Some(S::Transmitting),

        (S::Transmitting, E::Block | E::Unblock) => Some(from),
        (S::Transmitting | S::Transmitted | S::Printing, E::Progress { .. }) => Some(from),
        // The device's notices may overtake the end of our own sending: neither moves the job back.
        (S::Transmitting, E::LastByte { .. }) => Some(S::Transmitted),
        (S::Printing, E::LastByte { .. }) => Some(S::Printing),
        (S::Scheduled | S::Transmitting | S::Transmitted | S::Printing, E::Handle(_)) => Some(from),
        (S::Scheduled | S::Transmitting | S::Transmitted, E::PrintStart) => Some(S::Printing),

        (S::Rendering | S::Scheduled | S::Transmitting, E::NotReady(_)) => Some(S::Waiting),
        (S::Rendering | S::Scheduled, E::GiveBack) => Some(S::Waiting),
        (S::Transmitting | S::Transmitted | S::Printing, E::Again { .. }) => Some(S::Waiting),
        (
            S::Rendering | S::Scheduled | S::Transmitting | S::Transmitted | S::Printing,
            E::BreakAndHold { .. },
        ) => Some(S::Held),
        (S::Transmitting | S::Transmitted | S::Printing, E::Complete { .. }) => Some(S::Completed),
        (
            S::Held
            | S::Waiting
            | S::Rendering
            | S::Scheduled
            | S::Transmitting
            | S::Transmitted
            | S::Printing,
            E::Fail(_),
        ) => Some(S::Failed),

        (S::Rendering | S::Scheduled | S::Transmitting | S::Transmitted | S::Printing, E::RequestCancel) => {
            Some(from)
        }
        (
            S::Held
            | S::Waiting
            | S::Rendering
            | S::Scheduled
            | S::Transmitting
            | S::Transmitted
            | S::Printing,
            E::Cancel,
        ) => Some(S::Canceled),
        (S::Held | S::Completed | S::Failed | S::Canceled, E::Restart { .. }) => Some(S::Waiting),

        _ => None,
    }
}

impl Job {
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
            reason: self.reason.keyword().map(Into::into),
            message: self.reason.sentence().unwrap_or_else(|| kind_sentence(kind).to_owned()),
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
            JobEvent::Move { queue, name } => (self.queue, self.queue_name) = (queue, name),
            JobEvent::Schedule(bound) | JobEvent::Render(bound) => self.bound = Some(bound),
            JobEvent::Attempt(bound) => {
                self.bound = Some(bound);
                self.attempts += 1;
                self.bytes_sent = 0;
                self.device_job_id = None;
                self.reason = Reason::None;
            }
            JobEvent::Progress { bytes } => self.bytes_sent = bytes,
            JobEvent::Block => self.reason = Reason::Blocked,
            JobEvent::Unblock | JobEvent::PrintStart => self.reason = Reason::None,
            JobEvent::LastByte { bytes } => {
                self.bytes_sent = bytes;
                self.reason = Reason::None;
            }
            JobEvent::Handle(handle) => self.device_job_id = Some(handle),
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
            JobEvent::Restart { accepted } => {
                self.accepted = accepted;
                (self.broken, self.in_doubt, self.last_broken) = (0, 0, None);
                self.cancel_requested = false;
                self.give_back(Reason::None);
            }
        }
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

impl JobEvent {
    /// The word for the event in timelines and errors.
    pub fn kind(&self) -> &'static str {
        match self {
            JobEvent::Hold(_) => "held",
            JobEvent::Release => "released",
            JobEvent::SetPriority(_) => "priority-changed",
            JobEvent::Move { .. } => "moved",
            JobEvent::Schedule(_) => "scheduled",
            JobEvent::Render(_) => "rendering",
            JobEvent::Attempt(_) => "attempt",
            JobEvent::Progress { .. } => "progress",
            JobEvent::Block => "blocked",
            JobEvent::Unblock => "unblocked",
            JobEvent::LastByte { .. } => "transmitted",
            JobEvent::Handle(_) => "handle",
            JobEvent::PrintStart => "printing",
            JobEvent::NotReady(_) => "not-ready",
            JobEvent::GiveBack => "given-back",
            JobEvent::Again { .. } => "print-again",
            JobEvent::BreakAndHold { .. } => "held-after-break",
            JobEvent::Complete { .. } => "completed",
            JobEvent::Fail(_) => "failed",
            JobEvent::RequestCancel => "cancel-requested",
            JobEvent::Cancel => "canceled",
            JobEvent::Restart { .. } => "restarted",
        }
    }
}

fn kind_sentence(kind: &'static str) -> &'static str {
    match kind {
        "released" => "released; it waits at its old place",
        "priority-changed" => "its priority was changed",
        "moved" => "it was moved to another queue",
        "scheduled" => "it is bound to the printer, which is getting ready",
        "rendering" => "it is being turned into what the printer speaks",
        "attempt" => "it is being sent; from here on bytes may have left",
        "given-back" => "it is back at its place; nothing had been sent",
        "unblocked" => "the printer takes bytes again",
        "transmitted" => "all bytes have left; the printer has not said that it is done",
        "handle" => "the printer gave its own number for the job",
        "printing" => "the printer says that it prints",
        "cancel-requested" => "its end was asked for; the printer is being told",
        "canceled" => "canceled",
        "restarted" => "to be printed once more, at a user's wish",
        _ => "",
    }
}

impl Reason {
    /// The keyword of IPP's job-state-reasons (RFC 8011 section 5.3.8, PWG 5100.x), or one of our own where
    /// it has none.
    pub fn keyword(&self) -> Option<&'static str> {
        match self {
            Reason::None => None,
            Reason::Held(hold) => Some(hold.keyword()),
            Reason::NotReady(why) => Some(why.keyword()),
            Reason::Broken(_, Whole::No) => Some("connection-broken"),
            Reason::Broken(_, Whole::Maybe) => Some("may-have-printed"),
            Reason::Blocked => Some("printer-takes-no-data"),
            Reason::Done(DoneHow::Unconfirmed) => Some("job-completed-with-warnings"),
            Reason::Done(_) => Some("job-completed-successfully"),
            Reason::Failed(FailReason::Document(_)) => Some("document-format-error"),
            Reason::Failed(FailReason::DocumentDamaged(_)) => Some("document-access-error"),
        }
    }

    /// The reason as a sentence, where it says more than the status.
    pub fn sentence(&self) -> Option<String> {
        match self {
            Reason::None => None,
            Reason::Held(hold) => Some(hold.sentence().to_owned()),
            Reason::NotReady(why) => Some(format!("{why}; nothing had been sent, it is back at its place")),
            Reason::Broken(broken, Whole::No) => {
                Some(format!("{broken} before the last byte had left; it is printed again from the start"))
            }
            Reason::Broken(broken, Whole::Maybe) => Some(format!(
                "{broken} when all of it may have left; it may have been printed and is printed once more"
            )),
            Reason::Blocked => Some("the printer has a part of it and takes no more".to_owned()),
            Reason::Done(how) => Some(how.sentence().to_owned()),
            Reason::Failed(FailReason::Document(why)) => Some(format!("it cannot be printed: {why}")),
            Reason::Failed(FailReason::DocumentDamaged(why)) => {
                Some(format!("its document cannot be read: {why}"))
            }
        }
    }
}

impl HoldReason {
    pub fn keyword(self) -> &'static str {
        match self {
            HoldReason::Incoming => "job-incoming",
            HoldReason::User => "job-hold-until-specified",
            HoldReason::OutcomeUnknown => "outcome-unknown",
            HoldReason::BrokenTooOften => "broken-too-often",
            HoldReason::Credentials => "account-authorization-failed",
            HoldReason::FailedTwiceRunning => "failed-twice-running",
            HoldReason::QueueRemoved => "queue-removed",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            HoldReason::Incoming => "its document is still arriving; it is not accepted yet",
            HoldReason::User => "held by a user; release it to print it",
            HoldReason::OutcomeUnknown => {
                "it may have been printed already; look at the printer, then release it to print it again or cancel it"
            }
            HoldReason::BrokenTooOften => {
                "the connection to the printer broke too often; release it to try again or cancel it"
            }
            HoldReason::Credentials => "the printer refused the credentials; correct them, then release it",
            HoldReason::FailedTwiceRunning => {
                "the server failed twice while it handled this job; release it to try again or cancel it"
            }
            HoldReason::QueueRemoved => "its queue was removed; move it to another or cancel it",
        }
    }
}

impl DoneHow {
    pub fn sentence(self) -> &'static str {
        match self {
            DoneHow::FileWritten => "printed: the file is written and synced",
            DoneHow::Drained => "printed: the device took every byte",
            DoneHow::PeerClosed => "printed: the printer took every byte and closed the connection",
            DoneHow::DeviceSaid => "printed: the printer said so",
            DoneHow::Unconfirmed => "sent whole; unconfirmed, since this printer never says when it is done",
        }
    }
}

#[cfg(test)]
mod tests;
