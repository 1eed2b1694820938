//! The stream of events: where it begins, goes on, and ends.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use http::{Running, Setup, TOO_LONG, written};
use serde_json::Value;
use spool::actors::front::LiveEvent;
use spool::model::commit::Commit;
use spool::model::event::Subject;
use spool::model::id::{JobId, PrinterId};
use spool::server::http::state::Bounds;
use spool::store::EVENTS_KEPT;

/// A reader of events.
struct Reader {
    lines: BufReader<TcpStream>,
}

#[derive(Debug, Default, PartialEq)]
struct Event {
    id: Option<u64>,
    kind: String,
    data: Value,
    comment: String,
}

impl Reader {
    fn open(server: &Running, headers: &str) -> Reader {
        let mut stream = server.connect();
        stream
            .write_all(&written("GET /api/v1/events", &format!("Host: localhost\r\n{headers}"), b""))
            .expect("sent");
        let mut reader = Reader { lines: BufReader::new(stream) };
        assert!(reader.line().expect("a status").starts_with("HTTP/1.1 200"), "a stream");
        let mut kind = String::new();
        while let Some(line) = reader.line().filter(|line| !line.is_empty()) {
            kind = if line.starts_with("content-type") { line } else { kind };
        }
        assert_eq!(kind, "content-type: text/event-stream");
        let first = reader.next().expect("a greeting");
        assert_eq!(first.comment, "connected");
        reader
    }

    /// The next line of the head or of the chunks' content; chunk sizes are left out.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("the server closes in order");
        if line.is_empty() {
            return None;
        }
        Some(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next block; None at the end of the stream.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("id", id)) => event.id = id.parse().ok(),
                Some(("event", kind)) => event.kind = kind.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).expect("JSON"),
                Some(("", comment)) => event.comment = comment.to_owned(),
                Some(("retry", _)) => {}
                None if line.is_empty() && event != Event::default() => return Some(event),
                _ => {}
            }
        }
    }
}

#[test]
fn events_are_told_as_the_reader_may_see_them() {
    let server = Running::start();
    let mut nameless = Reader::open(&server, "");
    let mut admin = Reader::open(&server, &format!("Authorization: Bearer {}\r\n", server.token));
    server.post("/api/v1/jobs?title=secret", b"words").check(201);
    for (reader, title) in [(&mut nameless, Value::Null), (&mut admin, "secret".into())] {
        let event = reader.next().expect("the job");
        assert_eq!(
            (event.kind.as_str(), &event.data["id"], &event.data["title"]),
            ("job", &1.into(), &title)
        );
        assert_eq!(event.id, Some(server.core.store_seq()));
    }
    for (subject, kind, field) in [
        (Subject::Printer(PrinterId(1)), "printer", "name"),
        (Subject::Printer(PrinterId(99)), "printer", "removed"),
        (Subject::Worker("print-1".to_owned()), "worker", "stage"),
        (Subject::Worker("print-9".to_owned()), "worker", "removed"),
        (Subject::Server, "server", "ready"),
    ] {
        server.core.live_events.send(LiveEvent { subject }).expect("readers");
        let event = nameless.next().expect("the event");
        assert_eq!((event.kind.as_str(), event.id), (kind, None));
        assert!(!event.data[field].is_null(), "{event:?}");
    }
}

#[test]
fn a_reader_goes_on_where_he_was_and_is_told_when_he_cannot() {
    let server = Running::start();
    for _ in 0..3 {
        server.post("/api/v1/jobs", b"words").check(201);
    }
    let newest = server.core.store_seq();
    let mut resumed = Reader::open(&server, &format!("Last-Event-ID: {}\r\n", newest - 2));
    let ids: Vec<Option<u64>> = (0..2).map(|_| resumed.next().expect("an event").id).collect();
    assert_eq!(ids, [Some(newest - 1), Some(newest)]);

    server.post("/api/v1/jobs", b"words").check(201);
    assert_eq!(resumed.next().expect("the new job").data["id"], 4);
    // So much happens that the event after his place is no longer kept.
    let place = newest;
    for _ in 0..EVENTS_KEPT {
        server.core.commit(&Commit::default());
    }
    let newest = server.core.store_seq();
    for lost in [place, newest + 1000] {
        let mut reader = Reader::open(&server, &format!("Last-Event-ID: {lost}\r\n"));
        let reset = reader.next().expect("a reset");
        assert_eq!((reset.kind.as_str(), reset.id), ("reset", Some(newest)));
    }
    for bad in ["x", "-1", "99999999999999999999999"] {
        server
            .ask("GET /api/v1/events", &format!("Last-Event-ID: {bad}\r\n"), b"")
            .check_problem(400, "bad_last_event_id");
    }
}

#[test]
fn a_reader_too_far_behind_is_let_go() {
    for (missed, let_go) in [(5, false), (6, true)] {
        let bounds = Bounds { event_lag_max: 5, ..Bounds::default() };
        let server = Running::with(Setup { bounds, ..Setup::default() });
        let mut reader = Reader::open(&server, "");
        server.post("/api/v1/jobs", b"words").check(201);
        assert_eq!(reader.next().expect("the job").data["id"], 1);
        // He is stopped in the middle of an event, while others happen.
        let job = server.core.job_now(JobId(1)).expect("the job");
        let (entered, proceed) = server.core.stop_looking();
        let subject = Subject::Worker("print-1".to_owned());
        server.core.live_events.send(LiveEvent { subject }).expect("readers");
        entered.recv_timeout(TOO_LONG).expect("he looks");
        for _ in 0..missed {
            server.core.put(job.clone());
        }
        proceed.send(()).expect("he waits");
        let mut told = 0;
        while told < 1 + missed && reader.next().is_some() {
            told += 1;
        }
        assert_eq!(told == 1 + missed, !let_go, "{told} of {missed}");
    }
}

#[test]
fn silence_has_a_heartbeat_and_a_stop_ends_it() {
    let bounds = Bounds { heartbeat: Duration::from_millis(20), ..Bounds::default() };
    let mut server = Running::with(Setup { bounds, ..Setup::default() });
    let mut reader = Reader::open(&server, "");
    assert_eq!(reader.next().expect("a sign of life").comment, "alive");
    server.stop();
    while reader.next().is_some() {}
}

#[test]
fn there_are_so_many_readers_and_no_more() {
    let bounds = Bounds { event_readers_max: 2, ..Bounds::default() };
    let server = Running::with(Setup { bounds, ..Setup::default() });
    let _first = Reader::open(&server, "");
    let _second = Reader::open(&server, "");
    let reply = server.get("/api/v1/events");
    reply.check_problem(429, "too_many_readers");
    assert!(reply.header("retry-after").is_some());
}
