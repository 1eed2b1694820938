//! The server as the commands see it: where it is, what it is asked, and what went wrong, in one line.

mod answer;
pub mod events;
mod http;
mod place;
mod wire;

use std::env;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use http::{Again, Body, Broken, Document, Response, read_source};
pub use place::{Place, ServerArgs};

use super::failure::Failure;
use super::output::clean;
use http::{Request, exchange, exchange_into};

/// A server, reached over one connection for each request.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it may be, in the order in which they are tried.
    places: Vec<Place>,
    /// The admin token, from `SPOOL_TOKEN`.
    token: Option<String>,
}

/// Why there is no answer, for those who may try again.
#[derive(Debug)]
pub enum NoAnswer {
    Unreachable(Failure),
    Broken(Broken),
    /// There was an answer, and it leads nowhere.
    Astray(Failure),
}

impl Server {
    pub fn new(places: Vec<Place>) -> Server {
        let token = env::var("SPOOL_TOKEN").ok().filter(|token| token.chars().all(|c| c.is_ascii_graphic()));
        Server { places, token: token.filter(|token| !token.is_empty()) }
    }

    /// The one with this state directory, which knows who asks without a token.
    pub fn at_state(state: &Path) -> Server {
        Server { places: vec![Place::of_state(state)], token: None }
    }

    /// Where a browser finds it, if it was named by host and port.
    pub fn url(&self) -> Option<String> {
        match self.places.as_slice() {
            [place @ Place::Tcp { .. }] => Some(place.to_string()),
            _ => None,
        }
    }

    /// What is behind an address that this server has named, as in `Location`: the server, and what is asked for there.
    /// To another server no credential goes: it was shown to this one.
    pub fn behind(&self, address: &str) -> Option<(Server, String)> {
        if address.starts_with('/') && !address.starts_with("//") {
            let plain = address.chars().all(|c| c.is_ascii_graphic() && c != '#');
            return plain.then(|| (self.clone(), address.to_owned()));
        }
        let (place, target) = Place::of_address(address)?;
        Some((Server { places: vec![place], token: None }, target))
    }

    /// What it is called in messages.
    pub fn name(&self) -> String {
        self.places.iter().map(Place::to_string).collect::<Vec<_>>().join(" or ")
    }

    /// Asks, and understands the answer. `what` is the thing that an error line is about.
    pub fn get<T: DeserializeOwned>(&self, target: &str, what: &str) -> Result<T, Failure> {
        read_answer(self.call("GET", target, Body::None, what)?, what)
    }

    /// Asks for a change; the answer is there to be looked at or not.
    pub fn change(
        &self,
        method: &'static str,
        target: &str,
        body: Option<Value>,
        what: &str,
    ) -> Result<Value, Failure> {
        let body = body.map_or(Body::None, |body| Body::Json(body.to_string()));
        let response = self.call(method, target, body, what)?;
        if response.body.is_empty() { Ok(Value::Null) } else { read_answer(response, what) }
    }

    fn call(
        &self,
        method: &'static str,
        target: &str,
        body: Body<'_>,
        what: &str,
    ) -> Result<Response, Failure> {
        match self.ask(method, target, Vec::new(), body) {
            Ok(response) => good(response, what),
            Err(error) => Err(error.about(what)),
        }
    }

    /// Sends a document. A lost connection is told apart, because then it may be sent again under the same
    /// key.
    pub fn upload(&self, target: &str, key: &str, document: Document<'_>) -> Result<Response, NoAnswer> {
        let headers = vec![("idempotency-key", key.to_owned())];
        self.ask("POST", target, headers, Body::Document(document))
    }

    /// Asks for something large, and writes it to `sink`; Ok means all of it, in bytes.
    pub fn download(&self, target: &str, sink: &mut dyn io::Write, what: &str) -> Result<u64, Failure> {
        let (place, wire) = self.connect()?;
        let request = Request {
            method: "GET",
            target: place.target(target),
            host: place.host(),
            headers: self.credentials(),
            body: Body::None,
        };
        match exchange_into(wire, &request, sink) {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(response)) => Err(match good(response, what) {
                Ok(_) => Failure::failed(format!("{what}: the server does not say how long its answer is")),
                Err(failure) => failure,
            }),
            Err(broken) => Err(NoAnswer::Broken(broken).about(what)),
        }
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        self.token.iter().map(|token| ("authorization", format!("Bearer {token}"))).collect()
    }

    fn ask(
        &self,
        method: &'static str,
        target: &str,
        mut headers: Vec<(&'static str, String)>,
        body: Body<'_>,
    ) -> Result<Response, NoAnswer> {
        let (place, wire) = self.connect().map_err(NoAnswer::Unreachable)?;
        headers.extend(self.credentials());
        let request = Request { method, target: place.target(target), host: place.host(), headers, body };
        exchange(wire, request).map_err(NoAnswer::Broken)
    }

    /// Opens the stream of events behind this one; `None`: from now on.
    pub fn events(&self, after: Option<u64>) -> Result<events::Events, Failure> {
        let (place, wire) = self.connect()?;
        let mut headers = self.credentials();
        headers.extend(after.map(|id| ("last-event-id", id.to_string())));
        let target = place.target("/api/v1/events");
        let request = Request { method: "GET", target, host: place.host(), headers, body: Body::None };
        events::Events::open(wire, &request)
    }

    /// The first place that answers. Only one that nobody listens at is passed over.
    fn connect(&self) -> Result<(&Place, wire::Wire), Failure> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for place in &self.places {
            match place.connect() {
                Ok(wire) => return Ok((place, wire)),
                Err(error) if nobody_there(&error) => last = error,
                Err(error) => {
                    return Err(Failure::failed(format!("cannot reach the server at {place}: {error}")));
                }
            }
        }
        let why = if nobody_there(&last) { String::new() } else { format!(" ({last})") };
        let places = self.name();
        Err(Failure::Away(format!("cannot reach the server at {places}{why}: is `spool serve` running?")))
    }
}

impl NoAnswer {
    /// As an error line about `what`.
    pub fn about(self, what: &str) -> Failure {
        match self {
            NoAnswer::Unreachable(failure) | NoAnswer::Astray(failure) => failure,
            NoAnswer::Broken(lost @ Broken::Lost(_)) => Failure::Away(format!("{what}: {lost}")),
            NoAnswer::Broken(broken) => Failure::failed(format!("{what}: {}", clean(&broken.to_string()))),
        }
    }
}

fn nobody_there(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Passes a good answer on; any other becomes an error line in the server's words (RFC 9457, `detail`).
pub fn good(response: Response, what: &str) -> Result<Response, Failure> {
    if (200..=299).contains(&response.status) {
        return Ok(response);
    }
    let problem: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let said = |field: &str| problem.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let why = said("detail").or(said("title")).map_or_else(|| plain_words(response.status), clean);
    Err(Failure::failed(format!("{what}: {why}")))
}

/// What an answer without words means, and what to do.
fn plain_words(status: u16) -> String {
    let words = match status {
        401 | 403 => {
            "not allowed; be root, in the group spool or the server's own user, or set SPOOL_TOKEN to the \
             admin token"
        }
        404 => "the server knows no such thing",
        409 => "its present state forbids that",
        413 => "too large for the server; see limits.document in its spool.toml",
        415 => "the printer cannot take that format",
        429 => "the queue is full; try again later",
        503 => "the server is stopping; try again when it is back",
        507 => "the server's disk is full; nothing was kept",
        _ => return format!("the server answers with status {status}"),
    };
    words.to_owned()
}

/// Understands the JSON of an answer.
pub fn read_answer<T: DeserializeOwned>(response: Response, what: &str) -> Result<T, Failure> {
    serde_json::from_slice(&response.body)
        .map_err(|error| Failure::failed(format!("{what}: the server's answer is not understood: {error}")))
}

/// Writes a text so that it can stand in a path or a query.
pub fn escaped(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}

/// Understands a part of an answer.
pub fn read_value<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, Failure> {
    serde_json::from_value(value)
        .map_err(|error| Failure::failed(format!("{what}: the server's answer is not understood: {error}")))
}

/// Understands the list that an answer holds under `name`.
pub fn read_list<T: DeserializeOwned>(mut answer: Value, name: &str) -> Result<Vec<T>, Failure> {
    read_value(answer.get_mut(name).map(Value::take).unwrap_or_default(), name)
}
