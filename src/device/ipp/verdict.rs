//! What a printer's answers mean for a job. Every answer class of IPP and of HTTP stands in one of the two
//! tables here, and nowhere else.

use super::session::Trouble;
use crate::device::LinkError;
use crate::model::job::FailReason;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::protocol::ipp::{JobAttributes, JobState, Status, StatusClass};

/// What is to be done after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// The printer takes no job now; nothing is wrong with this one, and nothing of it is kept.
    NotReady(NotReady),
    /// Something in the printer failed, in its words: with a document it may have printed some of it.
    Failing(String),
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
        S::ServiceUnavailable => Verdict::NotReady(NotReady::Other(words())),
        S::TemporaryError | S::DeviceError | S::Timeout | S::InternalError => Verdict::Failing(words()),
        S::NotPossible
        | S::AttributesOrValuesNotSupported
        | S::ConflictingAttributes
        | S::RequestValueTooLong
        | S::AttributesNotSettable => Verdict::AskLess,
        S::RequestEntityTooLarge => at_fault("it is too large for the printer", &words()),
        S::DocumentFormatNotSupported => {
            at_fault("the printer does not print documents of this kind", &words())
        }
        S::DocumentFormatError | S::DocumentAccessError | S::DocumentUnprintableError => {
            at_fault("the printer finds an error in the document", &words())
        }
        S::DocumentPasswordError | S::DocumentPermissionError | S::DocumentSecurityError => {
            at_fault("the document is protected, and the printer may not print it", &words())
        }
        S::CompressionNotSupported | S::CompressionError => {
            at_fault("the printer cannot unpack the document", &words())
        }
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

/// For people first, then for whoever looks after the printer.
fn at_fault(what: &str, words: &str) -> Verdict {
    Verdict::Document(FailReason::Document(format!("{what} ({words})")))
}

/// An answer of HTTP that carries no IPP. 200, and what the client sees to itself (401 with a password at
/// hand, 426), does not come here.
pub fn of_http(status: u16) -> Verdict {
    match status {
        401 | 403 | 407 => Verdict::Credentials,
        404 | 410 => Verdict::Unknown,
        413 => {
            Verdict::Document(FailReason::Document("it is too large for the printer (HTTP 413)".to_owned()))
        }
        500 | 502 | 504 => Verdict::Failing(format!("it answers HTTP {status}")),
        429 | 503 => Verdict::NotReady(NotReady::Busy),
        400 | 405 | 406 | 411 | 415 | 501 | 505 => Verdict::NotUnderstood,
        _ => Verdict::Other(format!("it answers HTTP {status}")),
    }
}

/// Whether bytes of the job had left when the answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    Some,
}

impl Verdict {
    /// Why a link ends that was answered so, where it is not good.
    pub fn refusal(self, left: Left) -> LinkError {
        match (self, left) {
            (Verdict::NotReady(why), _) => LinkError::NotReady(why),
            (Verdict::Document(why), _) => LinkError::Document(why),
            (Verdict::Credentials, _) => LinkError::Credentials,
            (Verdict::Canceled, _) => LinkError::Canceled,
            (Verdict::Failing(words) | Verdict::Other(words), Left::Nothing) => {
                LinkError::NotReady(NotReady::Other(words))
            }
            (Verdict::Failing(_) | Verdict::Other(_), Left::Some) => {
                LinkError::Broken(Broken::DeviceAborted, Whole::No)
            }
            (Verdict::Good | Verdict::AskLess | Verdict::Unknown | Verdict::NotUnderstood, left) => {
                let words = "it refuses the request and does not say why it should not be made";
                Verdict::Other(words.to_owned()).refusal(left)
            }
        }
    }

    /// Why a printer cannot be used that was not even described.
    pub fn not_ready(self) -> NotReady {
        match self {
            Verdict::NotReady(why) => why,
            Verdict::Failing(words) | Verdict::Other(words) => NotReady::Other(words),
            Verdict::Unknown => {
                NotReady::Other("there is no printer at this path; look at its address".to_owned())
            }
            Verdict::Good
            | Verdict::AskLess
            | Verdict::NotUnderstood
            | Verdict::Document(_)
            | Verdict::Canceled => NotReady::Other("it does not understand what it is asked".to_owned()),
            Verdict::Credentials => NotReady::Other("it wants a user and a password".to_owned()),
        }
    }
}

/// Why a printer cannot be used with which it came to no answer.
pub fn out_of_trouble(trouble: Trouble) -> NotReady {
    match trouble {
        Trouble::NotReady(why) => why,
        Trouble::Stopped => NotReady::Other("the exchange with it was ended".to_owned()),
        Trouble::Broken(Broken::Silent) => NotReady::Asleep,
        Trouble::Broken(broken) => NotReady::Other(broken.to_string()),
        Trouble::Http(status) => of_http(status).not_ready(),
        Trouble::Nonsense(words) => NotReady::Other(words),
    }
}

/// Why a link ends without an answer, when no byte of the document that it is about has left.
pub fn lost_before(trouble: Trouble, left: Left) -> LinkError {
    match trouble {
        Trouble::Stopped => LinkError::Stopped,
        Trouble::Http(status) => of_http(status).refusal(left),
        Trouble::NotReady(_) | Trouble::Broken(_) | Trouble::Nonsense(_) => {
            LinkError::NotReady(out_of_trouble(trouble))
        }
    }
}

/// The same, when bytes of it have left.
pub fn lost_within(trouble: Trouble, whole: Whole) -> LinkError {
    match trouble {
        Trouble::Stopped => LinkError::Stopped,
        Trouble::Http(status) => of_http(status).refusal(Left::Some),
        Trouble::Broken(broken) => LinkError::Broken(broken, whole),
        Trouble::NotReady(_) | Trouble::Nonsense(_) => LinkError::Broken(Broken::WriteFailed, whole),
    }
}

/// How a job ended at the printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    Completed,
    Canceled,
    Document(FailReason),
    /// Given up for a reason of the printer's own.
    Aborted(Whole),
}

/// The end of a job, by job-state and job-state-reasons (RFC 8011 sections 5.3.7 and 5.3.8); `None` before it.
pub fn end_of(job: &JobAttributes) -> Option<JobEnd> {
    const DOCUMENT: [&str; 9] = [
        "document-format-error",
        "unsupported-document-format",
        "document-unprintable-error",
        "document-access-error",
        "document-password-error",
        "document-permission-error",
        "document-security-error",
        "compression-error",
        "unsupported-compression",
    ];
    let state = job.state?;
    if !state.is_final() {
        return None;
    }
    let at_fault = DOCUMENT.iter().find(|keyword| job.has_reason(keyword));
    Some(match (state, at_fault) {
        (JobState::Canceled, _) => JobEnd::Canceled,
        (JobState::Aborted, Some(keyword)) => {
            let words = match job.state_message.as_deref().map(shown).filter(|words| !words.is_empty()) {
                Some(message) => format!("{keyword}: {message}"),
                None => (*keyword).to_owned(),
            };
            JobEnd::Document(FailReason::Document(words))
        }
        (JobState::Aborted, None) if job.has_reason("job-data-insufficient") => JobEnd::Aborted(Whole::No),
        (JobState::Aborted, None) => JobEnd::Aborted(Whole::Maybe),
        _ => JobEnd::Completed,
    })
}

/// What came from outside, fit to be shown.
fn shown(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_meaning() {
        for status in Status::ALL {
            let verdict = of_status(*status, Some("words"));
            let good = status.is_successful();
            assert_eq!(verdict == Verdict::Good, good, "{status:?}");
        }
        use Status as S;
        let cases = [
            (S::Busy, Verdict::NotReady(NotReady::Busy)),
            (S::NotAcceptingJobs, Verdict::NotReady(NotReady::PausedAtDevice)),
            (S::AttributesOrValuesNotSupported, Verdict::AskLess),
            (S::NotPossible, Verdict::AskLess),
            (S::Forbidden, Verdict::Credentials),
            (S::NotAuthenticated, Verdict::Credentials),
            (S::JobCanceled, Verdict::Canceled),
            (S::NotFound, Verdict::Unknown),
            (S::TemporaryError, Verdict::Failing("server-error-temporary-error: words".to_owned())),
        ];
        for (status, expected) in cases {
            assert_eq!(of_status(status, Some("wor\nds")), expected, "{status:?}");
        }
        for status in [S::DocumentFormatError, S::RequestEntityTooLarge, S::CompressionNotSupported] {
            assert!(matches!(of_status(status, None), Verdict::Document(_)), "{status:?}");
        }
        let unknown = of_status(Status::from_code(0x05ff), None);
        assert_eq!(unknown, Verdict::Other("status 0x05ff".to_owned()));
    }

    #[test]
    fn a_failure_of_the_printer_is_not_ready_before_any_byte_and_broken_after() {
        let failing = || Verdict::Failing("jam".to_owned());
        assert_eq!(failing().refusal(Left::Nothing), LinkError::NotReady(NotReady::Other("jam".to_owned())));
        assert_eq!(failing().refusal(Left::Some), LinkError::Broken(Broken::DeviceAborted, Whole::No));
        let busy = || Verdict::NotReady(NotReady::Busy);
        assert_eq!(busy().refusal(Left::Some), LinkError::NotReady(NotReady::Busy), "nothing of it is kept");
    }

    #[test]
    fn a_job_ends_as_its_state_and_reasons_say() {
        let job = |state, reasons: &[&str]| JobAttributes {
            state: Some(state),
            state_reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            ..JobAttributes::default()
        };
        let document = |words: &str| Some(JobEnd::Document(FailReason::Document(words.to_owned())));
        let cases: [(JobState, &[&str], Option<JobEnd>); 8] = [
            (JobState::Pending, &[], None),
            (JobState::ProcessingStopped, &["printer-stopped"], None),
            (JobState::Completed, &["job-completed-with-errors"], Some(JobEnd::Completed)),
            (JobState::Canceled, &["job-canceled-at-device"], Some(JobEnd::Canceled)),
            (JobState::Aborted, &["aborted-by-system"], Some(JobEnd::Aborted(Whole::Maybe))),
            (JobState::Aborted, &["job-data-insufficient"], Some(JobEnd::Aborted(Whole::No))),
            (
                JobState::Aborted,
                &["aborted-by-system", "document-format-error"],
                document("document-format-error"),
            ),
            (JobState::Aborted, &["unsupported-document-format"], document("unsupported-document-format")),
        ];
        for (state, reasons, expected) in cases {
            assert_eq!(end_of(&job(state, reasons)), expected, "{state:?} {reasons:?}");
        }
        assert_eq!(end_of(&JobAttributes::default()), None);
    }
}
