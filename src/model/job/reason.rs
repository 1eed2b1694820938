//! Why a job is where it is.

use crate::model::retry::{Broken, NotReady, Whole};

/// Why a job is in its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The status says it all.
    None,
    Held(HoldReason),
    /// It went back to its place because the printer could not take it; no byte had left.
    NotReady(NotReady),
    /// It went back to its place because a connection broke; it will be printed again. While a printer has it:
    /// what is there of it is being cleared away before that.
    Broken(Broken, Whole),
    /// The printer has bytes of it and takes no more.
    Blocked,
    /// The printer that has it cannot print now.
    Stopped(NotReady),
    /// Somebody has canceled it at the device itself.
    CanceledAtDevice,
    /// It is sent while its document still arrives; it is not accepted yet.
    Incoming,
    /// It was being sent while its document arrived, and the document did not come whole.
    Interrupted(Interruption),
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

/// Why a document that was sent while it arrived did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interruption {
    /// The client left, or sent nothing for too long, or more than is taken.
    Upload,
    /// It had come whole, and could not be accepted.
    NotAccepted,
    /// The server stopped, or died.
    ServerStopped,
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
