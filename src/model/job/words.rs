//! What is said of jobs: IPP's keywords for programs, sentences for people.

use super::{DoneHow, FailReason, HoldReason, Interruption, Job, JobEvent, JobStatus, Reason};
use crate::model::retry::{Broken, NotReady, Whole};

impl JobEvent {
    /// The word for the event in timelines and errors.
    pub fn kind(&self) -> &'static str {
        match self {
            JobEvent::Hold(_) => "held",
            JobEvent::Release => "released",
            JobEvent::SetPriority(_) => "priority-changed",
            JobEvent::Move { .. } => "moved",
            JobEvent::Reroute { .. } => "rerouted",
            JobEvent::Schedule(_) => "scheduled",
            JobEvent::Render(_) => "rendering",
            JobEvent::Attempt(_) => "attempt",
            JobEvent::Progress { .. } => "progress",
            JobEvent::Block => "blocked",
            JobEvent::Unblock => "unblocked",
            JobEvent::PrinterStops(_) => "printer-stopped",
            JobEvent::PrinterWoken => "printer-woken",
            JobEvent::PrinterGoesOn => "printer-goes-on",
            JobEvent::LastByte { .. } => "transmitted",
            JobEvent::Handle(_) => "handle",
            JobEvent::PrintStart => "printing",
            JobEvent::Break(_) => "broken",
            JobEvent::NotReady(_) => "not-ready",
            JobEvent::GiveBack => "given-back",
            JobEvent::Again { .. } => "print-again",
            JobEvent::BreakAndHold { .. } => "held-after-break",
            JobEvent::Complete { .. } => "completed",
            JobEvent::Fail(_) => "failed",
            JobEvent::RequestCancel => "cancel-requested",
            JobEvent::Cancel | JobEvent::CancelAtDevice | JobEvent::Interrupt { .. } => "canceled",
            JobEvent::AwaitDocument(_) => "awaits-document",
            JobEvent::Arrive { .. } => "accepted",
            JobEvent::Restart { .. } => "restarted",
        }
    }

    /// What the timeline says of the event at this job, where neither the job's reason nor the kind says it.
    pub(super) fn said(&self, job: &Job) -> Option<String> {
        match self {
            JobEvent::Reroute { name, because, .. } => Some(format!(
                "moved to the queue of {name} with its age and priority; at {} {}",
                job.queue_name,
                because.sentence()
            )),
            JobEvent::PrinterStops(why) if job.status == JobStatus::Waiting => {
                Some(format!("{why}; the job waits and goes on when the printer does"))
            }
            JobEvent::PrinterStops(why) => Some(format!("{why}; the printer has the job")),
            JobEvent::PrinterWoken => {
                Some("the printer was sent a wake-up call; the job goes on when it answers".to_owned())
            }
            JobEvent::PrinterGoesOn => Some("what kept the printer from printing is over".to_owned()),
            JobEvent::Break(broken) => Some(half(*broken)),
            JobEvent::Complete { how, .. } if job.cancel_requested => Some(how.too_late()),
            JobEvent::AwaitDocument(Some(broken)) => Some(format!(
                "{broken} before the last byte had left; it is printed from the start when its document has arrived"
            )),
            JobEvent::AwaitDocument(None) => {
                Some("nothing had been sent; it is printed when its document has arrived".to_owned())
            }
            JobEvent::Arrive { .. } => Some("accepted: job and document are on disk".to_owned()),
            JobEvent::Interrupt { why, bytes } => Some(why.sentence(*bytes)),
            _ => None,
        }
    }

    /// Why the printer does not print, where the event tells that of a job whose own reason is another.
    pub(super) fn told_reason(&self) -> Option<&'static str> {
        match self {
            JobEvent::PrinterStops(why) => Some(why.keyword()),
            JobEvent::PrinterWoken => Some(NotReady::Asleep.keyword()),
            _ => None,
        }
    }
}

/// What is said of a job of which the device has a part that is of no use.
pub(in crate::model) fn half(broken: Broken) -> String {
    format!("{broken} before the last byte had left; the printer is told to drop what it has of it")
}

pub(super) fn kind_sentence(kind: &'static str) -> &'static str {
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
            Reason::Stopped(why) => Some(why.keyword()),
            Reason::CanceledAtDevice => Some("job-canceled-at-device"),
            Reason::Incoming => Some("job-incoming"),
            Reason::Interrupted(_) => Some("job-data-insufficient"),
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
            Reason::Stopped(why) => Some(why.to_string()),
            Reason::CanceledAtDevice => Some("canceled at the printer itself".to_owned()),
            Reason::Incoming => {
                Some("its document still arrives and is sent meanwhile; it is not accepted yet".to_owned())
            }
            // How much of it had been sent, the job says.
            Reason::Interrupted(_) => None,
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

impl Interruption {
    /// What is said of a job of which so many bytes had been sent.
    pub fn sentence(self, bytes: u64) -> String {
        let what = match self {
            Interruption::Upload => "its upload broke off",
            Interruption::NotAccepted => "its document had come whole and could not be accepted",
            Interruption::ServerStopped => "the server stopped while its document arrived",
        };
        let sent = match (self, bytes) {
            (Interruption::ServerStopped, _) => {
                format!("{bytes} bytes, perhaps more, had been sent to the printer")
            }
            (_, 0) => "nothing had been sent to the printer".to_owned(),
            (_, _) => format!("{bytes} bytes had been sent to the printer, whose connection was reset"),
        };
        format!("{what}; {sent}; it was never accepted, send it again")
    }
}

impl DoneHow {
    /// What is said of a job that was done before the wish for its end came through.
    pub fn too_late(self) -> String {
        format!("{}; the printer was done before it could be canceled", self.sentence())
    }

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
