//! What the tests of the matrix share: short times, what is promised, a printer alone and one in a pool.

use std::time::Duration;

use serde_json::Value;

use crate::support::printer::FakePrinter;
use crate::support::server::{Server, printer};

/// Short times, so that what takes minutes in an office takes moments here.
pub const QUICK: &str = r#"
[watch]
stall = "300ms"
silence = "500ms"
connect = "300ms"
[retry]
backoff = ["100ms", "1s"]
grace = "300ms"
broken = 20
blocked = "10m"
"#;
pub const STALL: Duration = Duration::from_millis(300);
pub const SILENCE: Duration = Duration::from_millis(500);

/// A printer that was down for less than two minutes resumes within this of its return.
pub const BACK: Duration = Duration::from_secs(1);
/// A job of a pool leaves a member that is not ready within this.
pub const LEAVES_NOT_READY: Duration = Duration::from_millis(250);
/// A job of a pool whose attempt broke is begun by a mate within this.
pub const LEAVES_BROKEN: Duration = Duration::from_millis(500);

/// More than the operating system takes for a printer that does not read.
pub const LARGE: u64 = 16 << 20;

/// In a format that every printer of these tests takes.
pub const PAGE: &[u8] = b"%PDF-1.7 page";

/// Three times what is promised, since the machine may be busy.
#[track_caller]
pub fn in_time(what: &str, took: Duration, promised: Duration) {
    println!("{what}: {took:?}, promised {promised:?}");
    assert!(took < promised * 3, "{what}: {took:?}, promised {promised:?}");
}

/// A server with this printer, named `a`.
pub fn alone(uri: &str) -> Server {
    Server::start(&format!("{QUICK}{}", printer("a", uri, "")))
}

/// A server with this printer, named `a`, and its mate `b`, which comes after it, in the pool `floor`.
pub fn floor(uri: &str, mate: &FakePrinter) -> Server {
    Server::start(&floor_text(QUICK, uri, mate))
}

pub fn floor_text(settings: &str, uri: &str, mate: &FakePrinter) -> String {
    let pool = "[[pool]]\nname = \"floor\"\nmembers = [\"a\", \"b\"]\npolicy = \"first-available\"\n";
    format!("{settings}{}{}{pool}", printer("a", uri, ""), printer("b", &mate.uri(), ""))
}

pub fn has_reason(thing: &Value, reason: &str) -> bool {
    thing["reasons"].as_array().is_some_and(|reasons| reasons.iter().any(|word| word == reason))
}

/// Waits until printer `a` is shown as stopped for this reason.
#[track_caller]
pub fn shown(server: &Server, reason: &str) -> Value {
    server.wait(&format!("a says {reason}"), || {
        let a = server.printer("a");
        (a["state"] == "stopped" && has_reason(&a, reason)).then_some(a)
    })
}

/// Lets `a` print something, so that it is known to be there: of members of which nobody knows anything, whoever
/// answers first gets the job.
pub fn warm(server: &Server) {
    server.until(server.submit("printer=a", b"warm"), "completed");
}

/// Nothing is left of a fault: the next job for `a` prints, and `a` does not say that it is stopped.
#[track_caller]
pub fn next_prints(server: &Server) {
    let next = server.submit("printer=a", b"next");
    let done = server.until(next, "completed");
    assert_eq!(done["assigned_printer"], "a", "{done:#}");
    server.wait("a is idle", || (server.printer("a")["state"] == "idle").then_some(()));
}

/// The entries of the timeline that are of this kind.
pub fn entries(server: &Server, job: u64, kind: &str) -> Vec<Value> {
    server.timeline(job).into_iter().filter(|entry| entry["kind"] == kind).collect()
}

pub fn message(thing: &Value) -> &str {
    thing["message"].as_str().unwrap()
}
