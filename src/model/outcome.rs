//! How one attempt ended: what a print thread reports, and what a device answers when it is asked.

use super::job::{DoneHow, FailReason, Interruption};
use super::news::News;
use super::retry::{Broken, NotReady, Whole};

/// The end of one attempt, or of one try to begin it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done {
        how: DoneHow,
        bytes: u64,
    },
    /// No byte of the job has left.
    NotReady(NotReady),
    Broken {
        broken: Broken,
        whole: Whole,
        bytes: u64,
    },
    /// The document is at fault, not the printer.
    Document(FailReason),
    /// The device refused the credentials; no byte has left.
    Credentials,
    /// The device says that the job was canceled there: at our word, or by somebody at its panel.
    Canceled {
        bytes: u64,
    },
    /// The document was sent while it arrived, and did not come whole.
    Incomplete {
        why: Interruption,
        bytes: u64,
    },
    /// The attempt was ended because it was told to end.
    Aborted {
        whole: Whole,
        bytes: u64,
    },
}

/// What a device says of a job whose outcome is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has printed it.
    Printed(DoneHow),
    /// It has not, and will not.
    NotPrinted,
    /// It was canceled at the device.
    Canceled,
    /// The device gave it up: what it printed of it is not known.
    GivenUp(Broken),
    /// It cannot print this document.
    Document(FailReason),
    /// It still has it.
    Underway,
    /// It still has it, and says this of it.
    Progress(News),
    /// It waits for the rest of it, which nobody sends any more: it is to drop what it has.
    Incomplete(News),
    /// It cannot tell.
    CannotTell,
    /// It does not answer now; it is to be asked again.
    NotReady(NotReady),
}

/// Why a device did not take a cancellation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelFailed {
    /// It does not answer now; it is to be told again.
    NotReady(NotReady),
    /// It says that it is too late, or that it does not know the job: what became of it, asking tells.
    TooLate,
    /// It wants to know who asks, and does not know these credentials.
    Credentials,
}
