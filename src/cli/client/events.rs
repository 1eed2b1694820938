//! The server's event stream (server-sent events, <https://html.spec.whatwg.org/multipage/server-sent-events.html>),
//! read by whoever waits.

use std::time::Duration;

use serde_json::Value;

use super::answer::Incoming;
use super::http::{Broken, Request};
use super::wire::{Await, Wire};
use super::{Response, good};
use crate::cli::failure::Failure;

/// The server gives a sign of life every 15 s; one that is silent for this long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long the head of the answer is waited for.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest event, in bytes.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An open stream.
#[derive(Debug)]
pub struct Events {
    wire: Wire,
    incoming: Incoming,
    /// What has come of the next event.
    text: Vec<u8>,
    silent: Duration,
}

/// One event: what kind of thing changed, and how it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `job`, `printer`, `worker`, `server` or `reset`; empty where only the place moves.
    pub kind: String,
    /// Where to go on after it.
    pub id: Option<u64>,
    pub data: Value,
}

/// What there is to hear.
#[derive(Debug)]
pub enum Heard {
    Events(Vec<Event>),
    /// Nothing for as long as was waited.
    Nothing,
    /// The stream has ended; the server may be back soon.
    End,
}

impl Events {
    pub(super) fn open(wire: Wire, request: &Request<'_>) -> Result<Events, Failure> {
        let mut events =
            Events { wire, incoming: Incoming::default(), text: Vec::new(), silent: Duration::ZERO };
        let away = |broken: Broken| Failure::Away(format!("events: {broken}"));
        events.send(request.head().as_bytes()).map_err(away)?;
        loop {
            match events.incoming.status().map_err(away)? {
                Some(200) => return Ok(events),
                Some(status) => {
                    let body = events.incoming.take_part().map_err(away)?;
                    return Err(match good(Response { status, body, ..Response::default() }, "events") {
                        Err(failure) => failure,
                        Ok(_) => Failure::failed(format!("events: the server answers with status {status}")),
                    });
                }
                None => match events.read(HEAD_TIMEOUT).map_err(away)? {
                    Read::Some => {}
                    Read::Nothing | Read::End => {
                        return Err(Failure::Away("events: the server does not answer".to_owned()));
                    }
                },
            }
        }
    }

    fn send(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            if !self.wire.wait(Await::ReadOrWrite, HEAD_TIMEOUT).map_err(Broken::Lost)?.write {
                return Err(Broken::Nonsense("it takes no request".to_owned()));
            }
            let written = self.wire.write(bytes).map_err(Broken::Lost)?;
            bytes = &bytes[written.unwrap_or(0)..];
        }
        Ok(())
    }

    /// Waits for what comes next, for `longest` at most.
    pub fn next(&mut self, longest: Duration) -> Heard {
        match self.read(longest) {
            Ok(Read::Some) => self.silent = Duration::ZERO,
            Ok(Read::Nothing) => {
                self.silent += longest;
                return if self.silent > SILENCE_MAX { Heard::End } else { Heard::Nothing };
            }
            Ok(Read::End) | Err(_) => return Heard::End,
        }
        let Ok(part) = self.incoming.take_part() else { return Heard::End };
        self.text.extend_from_slice(&part);
        if self.text.len() > EVENT_BYTES_MAX {
            return Heard::End;
        }
        Heard::Events(take_events(&mut self.text))
    }

    fn read(&mut self, longest: Duration) -> Result<Read, Broken> {
        if !self.wire.wait(Await::Read, longest).map_err(Broken::Lost)?.read {
            return Ok(Read::Nothing);
        }
        let mut buffer = [0; 16 * 1024];
        match self.wire.read(&mut buffer).map_err(Broken::Lost)? {
            Some(0) => Ok(Read::End),
            Some(bytes) => self.incoming.take(&buffer[..bytes]).map(|()| Read::Some),
            None => Ok(Read::Nothing),
        }
    }
}

enum Read {
    Some,
    Nothing,
    End,
}

/// Takes whole events off the front of what has come.
fn take_events(text: &mut Vec<u8>) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
        let block: Vec<u8> = text.drain(..end + 2).collect();
        events.extend(event(&String::from_utf8_lossy(&block)));
    }
    events
}

/// One block of lines; comments and what only sets the pace are no events.
fn event(block: &str) -> Option<Event> {
    let (mut kind, mut id, mut data) = (String::new(), None, String::new());
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut kind),
            "id" => id = value.parse().ok(),
            "data" => data.push_str(value),
            _ => {}
        }
    }
    let data = serde_json::from_str(&data).unwrap_or_default();
    (!kind.is_empty() || id.is_some()).then_some(Event { kind, id, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_taken_when_they_are_whole() {
        let mut text =
            b": connected\nretry: 2000\nid: 7\n\nid: 8\nevent: job\ndata: {\"id\":1}\n\nevent: jo".to_vec();
        let place = Event { kind: String::new(), id: Some(7), data: Value::Null };
        let job = Event { kind: "job".to_owned(), id: Some(8), data: json!({ "id": 1 }) };
        assert_eq!(take_events(&mut text), [place, job]);
        text.extend_from_slice(b"b\ndata: {}\n\n: alive\n\n");
        let job = Event { kind: "job".to_owned(), id: None, data: json!({}) };
        assert_eq!((take_events(&mut text), text.len()), (vec![job], 0));
    }
}
