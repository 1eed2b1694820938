//! What a client wants printed, and how: the same from a query and from JSON.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::access::{Share, What, Who};
use super::pool_json::share;
use super::problem::Problem;
use super::query::{Query, bad_parameter, checked_text};
use super::state::HttpState;
use super::token;
use crate::cluster::Offered;
use crate::model::document::Format;
use crate::model::id::{DocumentId, QueueName};
use crate::model::intake::{Arrival, JobRequest, KeyClaim, Refusal};
use crate::model::job::{DOCUMENTS_MAX, Priority};
use crate::model::options::Options;

/// The longest media type, characters.
const TYPE_CHARS_MAX: usize = 255;
const FORM: &str = "multipart/form-data";
/// The longest idempotency key, characters.
const KEY_CHARS_MAX: usize = 255;
const PRIORITY: &str = "a whole number from 1 to 100";

/// A job as it was asked for, without its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub queue: Option<QueueName>,
    pub title: Option<String>,
    /// What the client says that its user is called.
    pub user: Option<String>,
    pub priority: Priority,
    pub arrival: Arrival,
    pub options: Options,
}

/// A job of registered documents.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrderBody {
    /// The one document.
    document_id: Option<u64>,
    /// Or several, in the order in which they are printed; at most 100.
    documents: Vec<u64>,
    /// A printer or a pool; the default queue where none is named.
    printer: Option<String>,
    title: Option<String>,
    /// A label; not looked at where the server knows better.
    user: Option<String>,
    copies: Option<u64>,
    /// 1 to 100; 100 goes first, 50 where nothing is said.
    priority: Option<u64>,
    hold: bool,
    /// IPP's job template attributes by their names.
    options: BTreeMap<String, OptionValue>,
}

/// `2` and `"2"` are the same.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
pub enum OptionValue {
    Text(String),
    Number(u64),
}

impl OptionValue {
    pub fn text(self) -> String {
        match self {
            OptionValue::Text(text) => text,
            OptionValue::Number(number) => number.to_string(),
        }
    }
}

impl Order {
    /// Takes what concerns the job; unknown parameters are refused.
    pub fn from_query(mut query: Query) -> Result<Order, Problem> {
        let mut options = Options::default();
        for (name, value) in query.take_all("option.") {
            options.set(&name, &value).map_err(Refusal::Option)?;
        }
        if let Some(copies) = query.take("copies") {
            set_copies(&mut options, &copies)?;
        }
        let priority = query.take_parsed::<u64>("priority", PRIORITY)?;
        let order = Order {
            queue: query.take_queue("printer")?,
            title: query.take_text("title")?,
            user: query.take_text("user")?,
            priority: checked_priority(priority)?,
            arrival: arrival(query.take_flag("hold")?),
            options,
        };
        query.finish()?;
        Ok(order)
    }

    /// The order and the documents that it names.
    pub fn from_json(body: OrderBody) -> Result<(Order, Vec<DocumentId>), Problem> {
        let OrderBody {
            document_id,
            documents,
            printer,
            title,
            user,
            copies,
            priority,
            hold,
            options: wanted,
        } = body;
        let documents = match (document_id, documents) {
            (Some(one), none) if none.is_empty() => vec![one],
            (None, several) if !several.is_empty() => several,
            _ => return Err(Problem::bad("bad_json", "name either document_id or documents")),
        };
        if documents.len() > DOCUMENTS_MAX {
            return Err(Refusal::TooManyDocuments { documents_max: DOCUMENTS_MAX }.into());
        }
        let mut options = Options::default();
        for (name, value) in wanted {
            options.set(&name, &value.text()).map_err(Refusal::Option)?;
        }
        if let Some(copies) = copies {
            set_copies(&mut options, &copies.to_string())?;
        }
        let text = |name, value: Option<String>| value.map(|value| checked_text(name, &value)).transpose();
        let queue = printer.map(|name| {
            QueueName::new(&name).map_err(|why| bad_parameter("printer", &name, &why.to_string()))
        });
        let order = Order {
            queue: queue.transpose()?,
            title: text("title", title)?,
            user: text("user", user)?,
            priority: checked_priority(priority)?,
            arrival: arrival(hold),
            options,
        };
        Ok((order, documents.into_iter().map(DocumentId).collect()))
    }

    /// The request to the core, in the name of `who`.
    pub fn request(self, who: &Who, control_hash: [u8; 32]) -> JobRequest {
        JobRequest {
            queue: self.queue,
            submitter: who.submitter(self.user),
            title: self.title,
            options: self.options,
            priority: self.priority,
            arrival: self.arrival,
            control_hash: Some(control_hash),
        }
    }
}

fn set_copies(options: &mut Options, copies: &str) -> Result<(), Problem> {
    if options.get("copies").is_some_and(|before| before != copies) {
        return Err(Problem::bad("repeated_parameter", "copies and option.copies say different things"));
    }
    Ok(options.set("copies", copies).map_err(Refusal::Option)?)
}

pub fn checked_priority(priority: Option<u64>) -> Result<Priority, Problem> {
    let Some(priority) = priority else { return Ok(Priority::DEFAULT) };
    let good = u32::try_from(priority).ok().and_then(Priority::new);
    good.ok_or_else(|| bad_parameter("priority", &priority.to_string(), PRIORITY))
}

fn arrival(hold: bool) -> Arrival {
    if hold { Arrival::Hold } else { Arrival::Print }
}

/// Whether the queue is there and `who` may submit to it.
pub fn check_queue(state: &HttpState, who: &Who, queue: Option<&QueueName>) -> Result<(), Problem> {
    let directory = state.core.directory();
    let name = queue.or(directory.default.as_ref());
    let printer = name.and_then(|name| directory.printer(name));
    let pool = name.and_then(|name| directory.pool(name));
    let elsewhere = state.cluster.as_ref().and_then(|cluster| cluster.queue_elsewhere(queue));
    let share = match (printer, pool, elsewhere) {
        (Some(printer), _, _) if printer.share => Share::Shared,
        (None, Some(pool), _) => share(&directory, pool),
        (None, None, Some(Offered::ToTheNetwork)) => Share::Shared,
        _ => Share::Private,
    };
    state.allow(who, What::Submit(share))?;
    if elsewhere.is_some() {
        // Where it goes, and whether it is taken there, is decided by those who have the queue.
        return Ok(());
    }
    let name = name.ok_or(Refusal::NoDefaultQueue)?;
    let queue = directory.queue(name).ok_or_else(|| Refusal::NoSuchQueue(name.clone()))?;
    if !directory.accepts(queue) {
        return Err(Refusal::NotAccepting(name.clone()).into());
    }
    Ok(())
}

/// The type of the body, without parameters, in lower case; empty where there is none.
fn essence(headers: &HeaderMap) -> String {
    essence_of(headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default())
}

/// The same of a `Content-Type` field.
pub fn essence_of(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether documents come as parts of a form.
pub fn is_form(headers: &HeaderMap) -> bool {
    essence(headers) == FORM
}

/// Whether the body is an order for registered documents.
pub fn is_json(headers: &HeaderMap) -> bool {
    essence(headers) == "application/json"
}

/// Refuses what is the type of nothing that is taken.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    match essence(headers).as_str() {
        FORM => Ok(()),
        essence => check_document_type(essence),
    }
}

/// Refuses what is no document's type.
pub fn check_document_type(essence: &str) -> Result<(), Problem> {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c);
    let good = essence.is_empty()
        || essence.split_once('/').is_some_and(|(kind, name)| {
            !kind.is_empty() && !name.is_empty() && kind.bytes().chain(name.bytes()).all(token)
        });
    let unsupported =
        |detail| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    match essence {
        _ if !good || essence.len() > TYPE_CHARS_MAX => unsupported("the Content-Type is not a media type"),
        FORM => unsupported("a form within a form is not taken"),
        _ => Ok(()),
    }
}

/// What the client says that the document is. `None`: look at it. `curl --data-binary` says
/// `application/x-www-form-urlencoded` of itself.
pub fn declared_format(headers: &HeaderMap) -> Option<Format> {
    format_of(&essence(headers))
}

/// The same of a media type.
pub fn format_of(essence: &str) -> Option<Format> {
    match essence {
        "" | "application/octet-stream" | "application/x-www-form-urlencoded" => None,
        essence => Some(Format::from_media_type(essence)),
    }
}

/// The idempotency key of a request, checked.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key");
    let (Some(key), more) = (keys.next(), keys.next()) else { return Ok(None) };
    let bytes = key.as_bytes();
    let good = more.is_none()
        && (1..=KEY_CHARS_MAX).contains(&bytes.len())
        && bytes.iter().all(|c| c.is_ascii_graphic());
    let text = key.to_str().ok().filter(|_| good).map(str::to_owned);
    let bad = || {
        Problem::bad(
            "bad_idempotency_key",
            format!("an Idempotency-Key is 1 to {KEY_CHARS_MAX} visible ASCII characters"),
        )
    };
    text.map(Some).ok_or_else(bad)
}

/// What a key stands for: everything that decides what is printed, and where. Lengths go before texts, so that no two
/// orders have the same bytes.
pub fn claim(key: String, request: &JobRequest, format: &str, body: &[u8]) -> KeyClaim {
    let JobRequest { queue, submitter: _, title, options, priority, arrival, control_hash: _ } = request;
    let mut sum = Sha256::new();
    let mut add = |part: &[u8]| {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    };
    add(queue.as_ref().map_or("", QueueName::as_str).as_bytes());
    add(title.as_deref().unwrap_or_default().as_bytes());
    add(&[priority.get(), u8::from(*arrival == Arrival::Hold)]);
    for (name, value) in options.iter() {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    add(format.as_bytes());
    add(body);
    KeyClaim { key, fingerprint: sum.finalize().into() }
}

/// The token of a job's secret link, and what is kept of it.
pub fn secret_link() -> Result<(String, [u8; 32]), Problem> {
    let secret = token::fresh().map_err(|error| Problem::internal("make a secret link", &error))?;
    let hash = token::hash(&secret);
    Ok((secret, hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
        );
        headers
    }

    fn order(query: &str) -> Result<Order, Problem> {
        Order::from_query(Query::parse(query)?)
    }

    #[test]
    fn bad_orders_are_refused_with_the_reason() {
        let cases = [
            ("priority=0", "bad_parameter"),
            ("priority=101", "bad_parameter"),
            ("priority=18446744073709551616", "bad_parameter"),
            ("copies=0", "bad_option"),
            ("copies=4294967296", "bad_option"),
            ("copies=-1", "bad_option"),
            ("copies=2&option.copies=3", "repeated_parameter"),
            ("option.frobnicate=1", "unknown_option"),
            ("hold=yes", "bad_parameter"),
            ("printer=..%2fetc", "bad_parameter"),
            ("title=a%1bb", "bad_text"),
            ("titel=x", "unknown_parameter"),
        ];
        for (query, code) in cases {
            assert_eq!(order(query).expect_err(query).code(), code, "{query}");
        }
        assert_eq!(order("copies=2&option.copies=2").unwrap().options.copies(), 2);
    }

    #[test]
    fn keys_are_visible_ascii_of_bounded_length() {
        let key = |value: &str| idempotency_key(&headers("idempotency-key", value));
        assert_eq!(key(&"k".repeat(255)).unwrap().map(|key| key.len()), Some(255));
        for bad in ["", &"k".repeat(256), "a b", "ä"] {
            assert_eq!(key(bad).expect_err(bad).code(), "bad_idempotency_key");
        }
    }

    #[test]
    fn only_real_types_are_believed() {
        let declared = |value: &str| declared_format(&headers("content-type", value));
        assert_eq!(declared("application/x-www-form-urlencoded"), None);
        assert_eq!(declared("Application/PDF; x=y"), Some(Format::Pdf));
        for bad in ["nonsense", "a/b c", "/"] {
            let problem = check_content_type(&headers("content-type", bad)).expect_err(bad);
            assert_eq!(problem.status().as_u16(), 415, "{bad}");
        }
        check_content_type(&headers("content-type", "multipart/form-data; boundary=x")).expect("a form");
        check_document_type("multipart/form-data").expect_err("a form within a form");
    }

    #[test]
    fn a_claim_is_of_everything_that_decides_what_is_printed() {
        let claimed = |query: &str, body: &[u8]| {
            let request = order(query).unwrap().request(&Who::Loopback, [0; 32]);
            claim("k".to_owned(), &request, "", body).fingerprint
        };
        let first = claimed("printer=a&title=t", b"body");
        assert_eq!(first, claimed("title=t&printer=a", b"body"));
        for (query, body) in [
            ("printer=b&title=t", b"body"),
            ("printer=a&title=u", b"body"),
            ("printer=a&title=t&copies=2", b"body"),
            ("printer=a&title=t&hold=true", b"body"),
            ("printer=a&title=t&priority=51", b"body"),
            ("printer=at&title=", b"body"),
            ("printer=a&title=t", b"boda"),
        ] {
            assert_ne!(first, claimed(query, body), "{query}");
        }
    }
}
