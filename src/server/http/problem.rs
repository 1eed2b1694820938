//! Everything that is refused over HTTP is refused as a problem document (RFC 9457): `type`, `title`, `status`,
//! `detail`, and our `code`, the stable word for programs.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::BodyError;
use crate::model::intake::Refusal;
use crate::store::ReadError;

/// The media type of problem documents.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// How long a client is told to wait where nobody knows better.
const RETRY: Duration = Duration::from_secs(5);

/// A refusal with everything that its answer needs.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    instance: Option<String>,
    retry_after: Option<Duration>,
    /// A further field of the answer that tells how it would go.
    field: Option<Box<(HeaderName, String)>>,
}

/// The document as it is written.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody<'a> {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The words of the status.
    title: &'a str,
    status: u16,
    /// What happened, to what, and what to do.
    detail: &'a str,
    /// The stable word for programs, in `snake_case`.
    code: &'a str,
    /// The thing that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
}

impl Problem {
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Problem {
        let (code, detail) = (code.into(), detail.into());
        Problem { status, code, detail, instance: None, retry_after: None, field: None }
    }

    /// The request itself is wrong: 400.
    pub fn bad(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Nothing stands under this path: 404.
    pub fn no_such_path() -> Problem {
        let detail = "nothing is served under this path; /api/docs shows what is";
        Problem::new(StatusCode::NOT_FOUND, "no_such_path", detail)
    }

    pub fn method_not_allowed(allow: String) -> Problem {
        let detail = format!("this path takes {allow}");
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).field(ALLOW, allow)
    }

    pub fn too_large(limit: u64) -> Problem {
        let detail =
            format!("the body is larger than {limit} bytes (limits.document); nothing of it is kept");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// Something of the server's own failed. What, stands in the log; the client can do nothing about it.
    pub fn internal(what: &str, error: &dyn fmt::Display) -> Problem {
        log::error!("cannot {what}: {error}");
        let detail = format!("the server cannot {what}; its log says why");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    pub fn retry_after(self, wait: Duration) -> Problem {
        Problem { retry_after: Some(wait), ..self }
    }

    /// A further field of the answer; it has one at most.
    pub fn field(self, name: HeaderName, value: String) -> Problem {
        Problem { field: Some(Box::new((name, value))), ..self }
    }

    /// The path of the thing that this is about.
    pub fn about(self, instance: impl Into<String>) -> Problem {
        Problem { instance: Some(instance.into()), ..self }
    }

    pub fn code(&self) -> &str {
        &self.code
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn body(&self) -> ProblemBody<'_> {
        ProblemBody {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("problem"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: &self.code,
            instance: self.instance.as_deref(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        answer.content_type(MEDIA_TYPE);
        if let Some(wait) = self.retry_after {
            answer.insert_header((RETRY_AFTER, wait.as_secs().max(1)));
        }
        if let Some((name, value)) = self.field.as_deref() {
            answer.insert_header((name.clone(), value.as_str()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"spool\"")));
        }
        answer.body(serde_json::to_string(&self.body()).unwrap_or_default())
    }
}

/// The status of every refusal, and how long to wait where waiting helps.
fn status_of(refusal: &Refusal) -> (StatusCode, Option<Duration>) {
    match refusal {
        Refusal::NoDefaultQueue
        | Refusal::EmptyBody
        | Refusal::TooManyDocuments { .. }
        | Refusal::Option(_)
        | Refusal::BadPrinter { .. }
        | Refusal::BadPool { .. } => (StatusCode::BAD_REQUEST, None),
        Refusal::NoSuchQueue(_)
        | Refusal::NoSuchJob(_)
        | Refusal::NoSuchDocument(_)
        | Refusal::NoSuchPrinter(_)
        | Refusal::NoSuchPool(_) => (StatusCode::NOT_FOUND, None),
        Refusal::NotAccepting(_)
        | Refusal::WrongState { .. }
        | Refusal::CannotCancel { .. }
        | Refusal::DocumentGone(_)
        | Refusal::DocumentInUse(_)
        | Refusal::NameTaken(_)
        | Refusal::HasJobs { .. }
        | Refusal::InPools { .. }
        | Refusal::ReadOnly(_)
        | Refusal::NoMac(_) => (StatusCode::CONFLICT, None),
        // Neither a job nor a reason to try again.
        Refusal::JobPurged(_) => (StatusCode::GONE, None),
        Refusal::KeyReused(_) | Refusal::UnknownPrinter(_) => (StatusCode::UNPROCESSABLE_ENTITY, None),
        Refusal::QueueFull { retry_after, .. } | Refusal::Busy { retry_after } => {
            (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after))
        }
        Refusal::Stopping | Refusal::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(RETRY)),
        Refusal::DiskFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, None),
    }
}

/// The path of the thing that a refusal is about.
fn instance_of(refusal: &Refusal) -> Option<String> {
    match refusal {
        Refusal::KeyReused(job)
        | Refusal::WrongState { job, .. }
        | Refusal::CannotCancel { job, .. }
        | Refusal::DocumentGone(job) => Some(format!("/api/v1/jobs/{job}")),
        Refusal::DocumentInUse(document) => Some(format!("/api/v1/documents/{document}")),
        Refusal::InPools { name, .. } => Some(format!("/api/v1/printers/{name}")),
        _ => None,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let (status, retry_after) = status_of(&refusal);
        let problem = Problem::new(status, refusal.code(), refusal.to_string());
        Problem { retry_after, instance: instance_of(&refusal), ..problem }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Problem {
        match &error {
            BodyError::Stalled(_) => {
                Problem::new(StatusCode::REQUEST_TIMEOUT, "body_stalled", error.to_string())
            }
            // Nobody is left to read it.
            BodyError::Disconnected(_) => Problem::bad("body_cut_short", error.to_string()),
            BodyError::Malformed(_) => Problem::bad("malformed_body", error.to_string()),
            BodyError::TooLarge { limit } => Problem::too_large(*limit),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Problem {
        log::error!("a read failed: {error}");
        let (status, code) = match &error {
            ReadError::Damaged { .. } | ReadError::Newer { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "record_damaged")
            }
            ReadError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
        };
        Problem::new(status, code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cancel::CancelRefusal;
    use crate::model::id::{DocumentId, JobId, QueueName};
    use crate::model::job::JobStatus;
    use crate::model::options::BadOption;

    #[test]
    fn every_refusal_has_its_status() {
        let name = || QueueName::new("office").expect("a name");
        let wait = Duration::from_secs(10);
        let cases = [
            (Refusal::NoSuchQueue(name()), 404),
            (Refusal::NoDefaultQueue, 400),
            (Refusal::NoSuchJob(JobId(1)), 404),
            (Refusal::NoSuchDocument(DocumentId(1)), 404),
            (Refusal::NoSuchPrinter(name()), 404),
            (Refusal::NotAccepting(name()), 409),
            (Refusal::QueueFull { jobs_max: 1, retry_after: wait }, 429),
            (Refusal::DiskFull { free_bytes_min: 1 }, 507),
            (Refusal::EmptyBody, 400),
            (Refusal::TooManyDocuments { documents_max: 100 }, 400),
            (Refusal::Option(BadOption::TooMany), 400),
            (Refusal::KeyReused(JobId(1)), 422),
            (Refusal::JobPurged(JobId(1)), 410),
            (Refusal::WrongState { job: JobId(1), status: JobStatus::Held, wish: "held" }, 409),
            (Refusal::CannotCancel { job: JobId(1), refusal: CancelRefusal::Printing }, 409),
            (Refusal::DocumentGone(JobId(1)), 409),
            (Refusal::DocumentInUse(DocumentId(1)), 409),
            (Refusal::NameTaken(name()), 409),
            (Refusal::ReadOnly(name()), 409),
            (Refusal::NoMac(name()), 409),
            (Refusal::NoSuchPool(name()), 404),
            (Refusal::UnknownPrinter(name()), 422),
            (Refusal::HasJobs { name: name(), jobs: 1 }, 409),
            (Refusal::InPools { name: name(), pools: vec![name()] }, 409),
            (Refusal::BadPool { key: "members".to_owned(), why: "no".to_owned() }, 400),
            (Refusal::BadPrinter { key: "uri".to_owned(), why: "no".to_owned() }, 400),
            (Refusal::Busy { retry_after: wait }, 429),
            (Refusal::Stopping, 503),
            (Refusal::Store("gone".to_owned()), 503),
        ];
        for (refusal, status) in cases {
            let answer = Problem::from(refusal.clone()).error_response();
            assert_eq!(answer.status().as_u16(), status, "{refusal:?}");
            let waits = matches!(status, 429 | 503);
            assert_eq!(answer.headers().contains_key(RETRY_AFTER), waits, "{refusal:?}");
        }
    }
}
