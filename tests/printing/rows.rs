//! Row by row of the requirements, end to end; a test's name begins with its row. What a row shares with
//! everyday printing is proved in the other files too.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::control::CANCEL_MAX;
use crate::support::client::Answer;
use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{FAST, Server, printer};
use crate::support::sink::Endless;
use crate::support::wait::Stopwatch;

fn office(fake: &FakePrinter) -> Server {
    Server::start(&format!("{FAST}{}", printer("office", &fake.uri(), "")))
}

fn id(job: &Value) -> u64 {
    job["id"].as_u64().unwrap()
}

fn has_reason(thing: &Value, reason: &str) -> bool {
    thing["reasons"].as_array().is_some_and(|reasons| reasons.iter().any(|word| word == reason))
}

#[test]
fn ptm_1_many_doors_one_job_manager() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    server.post("/api/v1/printers/office/pause", None).expect(200);
    let mut jobs = vec![id(&server.tcp().send("POST", "/api/v1/jobs", &[], b"tcp").unwrap().expect(201))];
    jobs.push(server.submit("", b"socket"));
    fs::write(server.home().join("file"), "command line").unwrap();
    server.cli(&["print", "file"]);
    let mut child =
        server.command().args(["print", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"standard input").unwrap();
    assert!(child.wait().unwrap().success());
    let document = server.socket().send("POST", "/api/v1/documents", &[], b"registered").unwrap().expect(201);
    jobs.push(id(&server.post("/api/v1/jobs", Some(json!({ "document_id": document["id"] }))).expect(201)));
    // One list, one sequence of numbers, one order.
    let listed = server.get("/api/v1/jobs?status=waiting");
    let listed: Vec<u64> = listed["jobs"].as_array().unwrap().iter().rev().map(id).collect();
    assert_eq!(listed.len(), 5);
    assert!(listed.is_sorted() && jobs.iter().all(|job| listed.contains(job)), "{listed:?} {jobs:?}");
    server.post("/api/v1/printers/office/resume", None).expect(200);
    server.until_all_ended();
    let printed = fake.documents(5);
    assert_eq!(printed, [b"tcp".as_slice(), b"socket", b"command line", b"standard input", b"registered"]);
}

#[test]
fn ptm_2_registered_from_the_first_byte() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    let document = Endless::bytes(1 << 20);
    let length = document.len().to_string();
    let headers = [("content-length", length.as_str()), ("content-type", "application/octet-stream")];
    let begin = || {
        let mut stream = server.socket().begin("POST", "/api/v1/jobs?title=slow", &headers).unwrap();
        stream.write_all(&document[..100_000]).unwrap();
        stream
    };
    let incoming = || {
        let jobs = server.get("/api/v1/jobs?status=held")["jobs"].as_array().unwrap().clone();
        jobs.into_iter().find(|job| has_reason(job, "job-incoming"))
    };
    // It breaks: nothing is left of it.
    let stream = begin();
    let job = server.wait("the job is visible while it arrives", incoming);
    assert_eq!(job["status"], "held");
    stream.shut();
    drop(stream);
    server.wait("it is gone", || incoming().is_none().then_some(()));
    let gone = server.socket().send("GET", &format!("/api/v1/jobs/{}", id(&job)), &[], b"").unwrap();
    gone.expect(404);
    // It comes whole: it was there from its first byte, and each change of it is told.
    let mut stream = begin();
    let job = server.wait("the next is visible while it arrives", incoming);
    stream.write_all(&document[100_000..]).unwrap();
    let accepted = Answer::read(stream).unwrap().expect(201);
    assert_eq!(id(&accepted), id(&job));
    server.until(id(&job), "completed");
    assert_eq!(server.kinds(id(&job)), ["accepted", "attempt", "completed"]);
    assert!(fake.documents(1) == [document], "not the one whole document");
}

/// Whoever listens hears of a job from its first byte to its end, of the thread, and of the printer.
#[test]
fn ptm_2_every_change_is_told() {
    let fake = FakePrinter::start(Behaviour::SlowRead(512 << 10));
    let server = office(&fake);
    let events = server.events_of(
        || assert_eq!(server.submit("", &Endless::bytes(1 << 20)), 1),
        |name, data| name == "job" && data["status"] == "completed",
    );
    let mut statuses: Vec<&str> = events
        .iter()
        .filter(|(name, _)| name == "job")
        .filter_map(|(_, data)| data["status"].as_str())
        .collect();
    statuses.dedup();
    // Events tell how it is by then: what lasts for a moment only may be passed over.
    assert!(statuses.contains(&"transmitting"), "{statuses:?}");
    for name in ["printer", "worker"] {
        assert!(events.iter().any(|(event, _)| event == name), "nothing of a {name}");
    }
    // One that is arriving is told of, and that it is gone when it breaks off.
    let headers = [("content-length", "1000000"), ("content-type", "application/octet-stream")];
    let mut upload = None;
    server.events_of(
        || upload = server.socket().begin("POST", "/api/v1/jobs", &headers).ok(),
        |name, data| name == "job" && has_reason(data, "job-incoming"),
    );
    server.events_of(|| upload.unwrap().shut(), |name, data| name == "job" && data["removed"] == true);
}

#[test]
fn ptm_5_many_threads_many_jobs() {
    for threads in [1, 4] {
        let printers: Vec<_> = (0..4).map(|_| FakePrinter::start(Behaviour::Normal)).collect();
        let mut configuration = format!("[workers]\nprint = {threads}\n");
        for (n, fake) in printers.iter().enumerate() {
            configuration.push_str(&printer(&format!("p{n}"), &fake.uri(), ""));
        }
        let server = Server::start(&configuration);
        for n in 0..40 {
            server.submit(&format!("printer=p{}", n % 4), format!("page {n}").as_bytes());
        }
        server.until_all_ended();
        for (p, fake) in printers.iter().enumerate() {
            let expected: Vec<_> = (p..40).step_by(4).map(|n| format!("page {n}").into_bytes()).collect();
            assert_eq!(fake.documents(10), expected, "{threads} threads");
        }
    }
}

/// One road: what users, devices and the system do stands in one timeline and comes over one stream. (Other
/// servers, the fourth source, come with clusters.)
#[test]
fn ptm_6_four_sources_one_event_type() {
    let mut fake = FakePrinter::start(Behaviour::Normal);
    fake.refuse();
    let server = office(&fake);
    let job = server.submit("", b"page");
    server.wait("the printer was tried", || (server.printer("office")["state"] == "stopped").then_some(()));
    server.control(job, "hold").expect(200);
    server.control(job, "release").expect(200);
    fake.listen();
    server.until(job, "completed");
    let entries = server.timeline(job);
    let sources: BTreeSet<&str> = entries.iter().map(|entry| entry["source"].as_str().unwrap()).collect();
    assert_eq!(sources, BTreeSet::from(["device", "system", "user"]));
    let fields: BTreeSet<&str> =
        entries.iter().flat_map(|entry| entry.as_object().unwrap().keys().map(String::as_str)).collect();
    let expected =
        ["at", "attempt", "from", "kind", "message", "next_at", "printer", "reason", "seq", "source", "to"];
    assert_eq!(fields, BTreeSet::from(expected));
    let numbers: Vec<u64> = entries.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
}

#[test]
fn ptm_7_threads_are_watched() {
    let fake = FakePrinter::start(Behaviour::NeverClose);
    let sick = printer("sick", "sim:?fail=panic@1", "");
    let server = Server::start(&format!("{FAST}{sick}{}", printer("office", &fake.uri(), "")));
    let job = server.submit("printer=office", b"page");
    let worker = server.wait("the thread is seen", || {
        server.workers().into_iter().find(|worker| worker["job"] == job && worker["stage"] == "awaiting-word")
    });
    let name = worker["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("print-"), "{worker:#}");
    assert_eq!(worker["printer"], "office");
    let beat = worker["last_beat"].clone();
    server.wait("it beats", || {
        server.workers().into_iter().find(|worker| worker["job"] == job && worker["last_beat"] != beat)
    });
    assert!(server.cli(&["workers"]).contains(&name));
    // One that fails is decided, and followed by another generation.
    let other = server.submit("printer=sick", b"page");
    assert_eq!(server.until(other, "completed")["attempts"], 2);
    fake.hang_up();
    server.until(job, "completed");
    server.wait("no thread is left", || server.workers().is_empty().then_some(()));
}

#[test]
fn ptm_8_failed_jobs_restart_with_backoff() {
    let fake = FakePrinter::start(Behaviour::ResetAfter(1000));
    let retry = "[retry]\nbackoff = [\"200ms\", \"2s\"]\nbroken = 4\n";
    let server = Server::start(&format!("{retry}{}", printer("office", &fake.uri(), "")));
    let job = server.submit("", &Endless::bytes(16 << 20));
    let held = server.until(job, "held");
    assert_eq!(held["attempts"], 4, "bounded");
    let at = |entry: &Value| entry["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let timeline = server.timeline(job);
    let of = |kinds: &[&str]| -> Vec<jiff::Timestamp> {
        timeline.iter().filter(|entry| kinds.iter().any(|kind| entry["kind"] == *kind)).map(at).collect()
    };
    let (begun, broken) = (of(&["attempt"]), of(&["print-again"]));
    let waits: Vec<Duration> = broken
        .iter()
        .zip(&begun[1..])
        .map(|(broken, begun)| begun.duration_since(*broken).unsigned_abs())
        .collect();
    // Each twice the one before, less a tenth for chance.
    for (wait, least) in waits.iter().zip([180, 360, 720]) {
        assert!(*wait >= Duration::from_millis(least), "{waits:?}");
    }
    fake.behave(Behaviour::Normal);
    server.control(job, "release").expect(200);
    server.until(job, "completed");
    // A finished one at a user's wish: an edge with a name, and a new attempt.
    server.control(job, "restart").expect(200);
    assert_eq!(server.until(job, "completed")["attempts"], 6);
    let restarted = server.timeline(job).into_iter().find(|entry| entry["kind"] == "restarted").unwrap();
    assert_eq!((&restarted["from"], &restarted["source"]), (&json!("completed"), &json!("user")));
}

#[test]
fn ptm_9_cancel_active_or_queued() {
    let fake = FakePrinter::start(Behaviour::NeverRead);
    let mut server = office(&fake);
    let active = server.submit("", &Endless::bytes(16 << 20));
    let queued = server.submit("", b"queued");
    let last = server.submit("", b"last");
    fake.connected(1);
    server.until(active, "transmitting");
    let watch = Stopwatch::start();
    assert_eq!(server.control(queued, "cancel").expect(200)["status"], "canceled");
    fake.behave(Behaviour::Normal);
    server.control(active, "cancel").expect(200);
    server.until(active, "canceled");
    assert!(watch.elapsed() < CANCEL_MAX, "{:?}", watch.elapsed());
    server.until(last, "completed");
    assert_eq!(fake.documents(1), [b"last"]);
    server.kill();
    server.restart();
    for job in [active, queued] {
        assert_eq!(server.job(job)["status"], "canceled");
    }
}

#[test]
fn ptm_11_one_error_is_decided_before_the_next_job() {
    let fake = FakePrinter::start(Behaviour::ResetAfter(1000));
    let sick = printer("sick", "sim:?fail=document@1", "");
    let server = Server::start(&format!("{FAST}{sick}{}", printer("office", &fake.uri(), "")));
    let document = Endless::bytes(16 << 20);
    let (first, second) =
        (server.submit("printer=office", &document), server.submit("printer=office", b"second"));
    server.until_job(first, "it broke", |job| has_reason(job, "connection-broken"));
    fake.behave(Behaviour::Normal);
    server.until(first, "completed");
    server.until(second, "completed");
    assert!(fake.documents(2) == [document, b"second".to_vec()], "not in their order, whole");
    // A document that cannot be printed is its own error; the next one goes at once.
    let (bad, good) = (server.submit("printer=sick", b"bad"), server.submit("printer=sick", b"good"));
    let failed = server.until(bad, "failed");
    assert_eq!(failed["ipp_state"], "aborted");
    assert!(has_reason(&failed, "document-format-error"), "{failed:#}");
    assert_eq!(server.until(good, "completed")["attempts"], 1);
}

#[test]
fn ptm_12_a_printer_that_sleeps_pauses_its_job() {
    let asleep = printer("office", "sim:?fail=asleep@1&recover=1s", "");
    let server = Server::start(&format!("{FAST}{asleep}"));
    let job = server.submit("", b"page");
    server.wait("the printer is asleep", || has_reason(&server.printer("office"), "asleep").then_some(()));
    let waiting = server.job(job);
    assert_eq!((&waiting["status"], &waiting["attempts"]), (&json!("waiting"), &json!(0)));
    assert!(waiting["message"].as_str().unwrap().contains("off or asleep"), "{waiting:#}");
    assert_eq!(server.until(job, "completed")["attempts"], 1);
}
