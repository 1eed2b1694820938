//! What a printer's answers mean for a job. Every answer class of IPP and of HTTP stands in one of the two
//! tables here, and nowhere else.

use crate::model::job::FailReason;
use crate::model::retry::NotReady;
use crate::protocol::ipp::{Status, StatusClass};

/// What is to be done after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// The printer takes no job now; nothing is wrong with this one.
    NotReady(NotReady),
    /// It does not like how the job is asked for: ask for less.
    AskLess,
    /// The document is at fault.
    Document(FailReason),
    Credentials,
    /// The job was canceled there.
    Canceled,
    /// It knows no such job, or no such printer.
    Unknown,
    /// It does not know the operation, the version or the form of the request.
    NotUnderstood,
    /// Anything else, in its words.
    Other(String),
}

/// `message` is its status-message.
pub fn of_status(status: Status, message: Option<&str>) -> Verdict {
    use Status as S;
    let words = || match (status.name(), message.map(shown).filter(|message| !message.is_empty())) {
        (Some(name), Some(message)) => format!("{name}: {message}"),
        (Some(name), None) => name.to_owned(),
        (None, Some(message)) => format!("status {:#06x}: {message}", status.code()),
        (None, None) => format!("status {:#06x}", status.code()),
    };
    match status {
        S::Busy | S::TooManyJobs => Verdict::NotReady(NotReady::Busy),
        S::NotAcceptingJobs | S::PrinterIsDeactivated => Verdict::NotReady(NotReady::PausedAtDevice),
        S::TemporaryError | S::ServiceUnavailable | S::DeviceError | S::Timeout | S::InternalError => {
            Verdict::NotReady(NotReady::Other(words()))
        }
        S::NotPossible
        | S::AttributesOrValuesNotSupported
        | S::ConflictingAttributes
        | S::RequestValueTooLong
        | S::AttributesNotSettable => Verdict::AskLess,
        S::RequestEntityTooLarge
        | S::DocumentFormatNotSupported
        | S::DocumentFormatError
        | S::DocumentAccessError
        | S::DocumentPasswordError
        | S::DocumentPermissionError
        | S::DocumentSecurityError
        | S::DocumentUnprintableError
        | S::CompressionNotSupported
        | S::CompressionError => Verdict::Document(FailReason::Document(words())),
        S::NotAuthenticated
        | S::NotAuthorized
        | S::Forbidden
        | S::AccountInfoNeeded
        | S::AccountClosed
        | S::AccountLimitReached
        | S::AccountAuthorizationFailed => Verdict::Credentials,
        S::JobCanceled => Verdict::Canceled,
        S::NotFound | S::Gone => Verdict::Unknown,
        S::BadRequest | S::VersionNotSupported | S::OperationNotSupported | S::CharsetNotSupported => {
            Verdict::NotUnderstood
        }
        _ if status.class() == StatusClass::Successful => Verdict::Good,
        _ => Verdict::Other(words()),
    }
}

/// An answer of HTTP that carries no IPP. 200, and what the client sees to itself (401 with a password at
/// hand, 426), does not come here.
pub fn of_http(status: u16) -> Verdict {
    match status {
        401 | 403 | 407 => Verdict::Credentials,
        404 | 410 => Verdict::Unknown,
        413 => Verdict::Document(FailReason::Document("it is too large for the printer (HTTP 413)".to_owned())),
        429 | 503 => Verdict::NotReady(NotReady::Busy),
        400 | 405 | 406 | 411 | 415 | 501 | 505 => Verdict::NotUnderstood,
        _ => Verdict::Other(format!("it answers HTTP {status}")),
    }
}

/// What came from outside, fit to be shown.
fn shown(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).take(200).collect()
}
