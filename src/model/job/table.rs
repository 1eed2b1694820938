//! What can happen to a job, and where: one table.

use std::fmt;

use super::{Bound, DocumentRef, DoneHow, FailReason, HoldReason, Interruption, JobStatus, Priority};
use crate::model::id::{AcceptedSeq, JobId, QueueId, QueueName};
use crate::model::printer::Activity;
use crate::model::retry::{Broken, NotReady, Whole};

/// What can happen to a job after it was accepted, or registered to be sent while its document arrives.
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
    /// The printer it is addressed to could not print for too long: it waits in another queue, at its old age.
    Reroute {
        to: QueueId,
        name: QueueName,
        /// What keeps that printer from printing.
        because: Activity,
    },
    /// Bound to a printer, which is not ready to take it yet.
    Schedule(Bound),
    /// Rendering began ahead of an attempt.
    Render(Bound),
    /// An attempt is recorded: from the moment this is durable bytes may leave.
    Attempt(Bound),
    /// Bytes handed to the device so far, and pages that it says are done, where it counts them. No entry in
    /// the timeline.
    Progress {
        bytes: u64,
        pages: Option<u32>,
    },
    /// The device takes no more bytes.
    Block,
    /// It takes bytes again.
    Unblock,
    /// The printer that has the job, or whose turn it is to take it, cannot print now.
    PrinterStops(NotReady),
    /// That printer was sent a wake-up call.
    PrinterWoken,
    /// What kept that printer from printing is over.
    PrinterGoesOn,
    /// The last byte has left.
    LastByte {
        bytes: u64,
    },
    /// The device gave its own number for the job.
    Handle(String),
    /// The device said that it prints.
    PrintStart,
    /// The connection broke before the last byte had left: what the device has of the job is about to be
    /// cleared away there.
    Break(Broken),
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
    /// Somebody has canceled it at the device itself.
    CancelAtDevice,
    /// The printer has let go of a job whose document still arrives: by a break, or before any byte had left. It
    /// goes on when the document is here.
    AwaitDocument(Option<Broken>),
    /// The document of a job that was only registered is here: the job is accepted.
    Arrive {
        document: DocumentRef,
        then: AfterArrival,
    },
    /// That document does not come whole.
    Interrupt {
        why: Interruption,
        /// Handed to the device, as far as is known.
        bytes: u64,
    },
    /// A user wants a finished job printed once more.
    Restart {
        accepted: AcceptedSeq,
    },
}

/// Where a job goes whose document has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterArrival {
    /// It stays where it is: the printer has it, or a person is to decide.
    Stay,
    /// The printer had let go of it: it waits for its turn.
    Wait,
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

        (S::Waiting, E::Reroute { .. }) => Some(S::Waiting),
        (S::Waiting, E::Schedule(_)) => Some(S::Scheduled),
        (S::Waiting | S::Scheduled, E::Render(_)) => Some(S::Rendering),
        (S::Waiting | S::Rendering | S::Scheduled, E::Attempt(_)) => Some(S::Transmitting),

        // A device may print the beginning while it takes the rest.
        (S::Transmitting | S::Printing, E::Block | E::Unblock) => Some(from),
        (
            S::Waiting | S::Transmitting | S::Transmitted | S::Printing,
            E::PrinterStops(_) | E::PrinterWoken | E::PrinterGoesOn,
        ) => Some(from),
        (S::Transmitting | S::Transmitted | S::Printing, E::Progress { .. }) => Some(from),
        // The device's notices may overtake the end of our own sending: neither moves the job back.
        (S::Transmitting, E::LastByte { .. }) => Some(S::Transmitted),
        (S::Printing, E::LastByte { .. }) => Some(S::Printing),
        (S::Scheduled | S::Transmitting | S::Transmitted | S::Printing, E::Handle(_)) => Some(from),
        (S::Scheduled | S::Transmitting | S::Transmitted, E::PrintStart) => Some(S::Printing),

        (S::Rendering | S::Scheduled | S::Transmitting, E::NotReady(_)) => Some(S::Waiting),
        (S::Transmitting | S::Transmitted | S::Printing, E::Break(_)) => Some(from),
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
        (S::Transmitting | S::Transmitted | S::Printing, E::CancelAtDevice) => Some(S::Canceled),
        (S::Held | S::Completed | S::Failed | S::Canceled, E::Restart { .. }) => Some(S::Waiting),

        (S::Transmitting | S::Printing, E::AwaitDocument(_)) => Some(S::Held),
        (S::Held, E::Arrive { then: AfterArrival::Wait, .. }) => Some(S::Waiting),
        (S::Held | S::Transmitting | S::Printing, E::Arrive { then: AfterArrival::Stay, .. }) => Some(from),
        (S::Held | S::Transmitting | S::Printing, E::Interrupt { .. }) => Some(S::Canceled),

        _ => None,
    }
}
