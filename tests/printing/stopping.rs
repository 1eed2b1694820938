//! Stopping in order: what is being sent may finish, what cannot is parked, and nothing is lost.

use std::fs;
use std::io::Write;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::client::Answer;
use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{FAST, STOP_MAX, Server, printer};
use crate::support::sink::Endless;
use crate::support::sleeper::Sleeper;
use crate::support::wait::{PATIENCE, wait_until};

fn office(fake: &FakePrinter) -> Server {
    Server::start(&format!("{FAST}{}", printer("office", &fake.uri(), "")))
}

#[test]
fn a_stop_lets_what_is_being_sent_finish_and_keeps_the_rest() {
    // About two seconds' worth.
    let fake = FakePrinter::start(Behaviour::SlowRead(1 << 20));
    let mut server = office(&fake);
    let document = Endless::bytes(2 << 20);
    let (job, next) = (server.submit("", &document), server.submit("", b"next"));
    fake.received(1);
    server.stop();
    assert!(fake.documents(1) == std::slice::from_ref(&document), "it was cut off");
    fake.behave(Behaviour::Normal);
    server.restart();
    assert_eq!(server.job(job)["status"], "completed");
    server.until(next, "completed");
    assert!(fake.documents(2) == [document, b"next".to_vec()], "lost or doubled");
}

#[test]
fn a_stop_parks_what_does_not_finish() {
    let fake = FakePrinter::start(Behaviour::NeverRead);
    let mut server = office(&fake);
    let document = Endless::bytes(16 << 20);
    let job = server.submit("", &document);
    fake.connected(1);
    server.until(job, "transmitting");
    let took = server.stop();
    println!("a stop with a printer that does not read: {took:?}");
    fake.behave(Behaviour::Normal);
    server.restart();
    assert_eq!(server.until(job, "completed")["attempts"], 2);
    let again = server.timeline(job).into_iter().find(|entry| entry["kind"] == "print-again").unwrap();
    assert!(again["message"].as_str().unwrap().contains("the server stopped"), "{again:#}");
    assert_eq!(again["source"], "system");
    assert!(fake.documents(1) == [document], "not the one whole document");
}

#[test]
fn an_idle_server_stops_at_once_on_either_signal() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = office(&fake);
    server.until(server.submit("", b"page"), "completed");
    let took = server.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
    server.restart();
    server.signal(Signal::INT);
    assert!(server.ended(STOP_MAX).success());
    server.restart();
    assert_eq!(server.get("/api/v1/jobs")["jobs"][0]["status"], "completed");
}

#[test]
fn a_stop_does_not_wait_for_printers_that_are_not_there() {
    let mut fake = FakePrinter::start(Behaviour::Normal);
    fake.refuse();
    let mut server = office(&fake);
    let job = server.submit("", b"page");
    server.wait("the printer was tried", || (server.printer("office")["state"] == "stopped").then_some(()));
    let took = server.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
    fake.listen();
    server.restart();
    assert_eq!(server.until(job, "completed")["attempts"], json!(1));
}

#[test]
fn a_server_that_is_killed_while_it_sends_prints_the_job_again_and_says_so() {
    let fake = FakePrinter::start(Behaviour::NeverRead);
    let mut server = office(&fake);
    let document = Endless::bytes(16 << 20);
    let job = server.submit("", &document);
    fake.connected(1);
    server.until(job, "transmitting");
    server.kill();
    fake.behave(Behaviour::Normal);
    server.restart();
    assert_eq!(server.until(job, "completed")["attempts"], 2);
    let again = server.timeline(job).into_iter().find(|entry| entry["kind"] == "print-again").unwrap();
    assert_eq!(again["reason"], "may-have-printed", "{again:#}");
    assert!(fake.documents(1) == [document], "not the one whole document");
}

/// Neither somebody who reads events nor somebody whose document does not come holds up a stop.
#[test]
fn a_stop_does_not_wait_for_clients() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = office(&fake);
    let headers = [("content-length", "1000000"), ("content-type", "application/octet-stream")];
    let mut upload = server.tcp().begin("POST", "/api/v1/jobs", &headers).unwrap();
    upload.write_all(&[b'x'; 200_000]).unwrap();
    let mut beginning = server.tcp().connect().unwrap();
    beginning.write_all(b"POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\n").unwrap();
    let idle = server.tcp().connect().unwrap();
    let events = server.socket().begin("GET", "/api/v1/events", &[]).unwrap();
    server.wait("the document is arriving", || {
        let held = server.get("/api/v1/jobs?status=held");
        (!held["jobs"].as_array().unwrap().is_empty()).then_some(())
    });
    let took = server.stop();
    println!("a stop with an unfinished upload: {took:?}");
    Answer::read(upload).unwrap().refused(503, "stopping");
    drop((beginning, idle, events));
    server.restart();
    assert_eq!(server.get("/api/v1/jobs")["jobs"], json!([]));
    assert_eq!(fake.documents(0).len(), 0);
}

/// A printer that is off lets a connection wait for 10 s.
#[test]
fn a_stop_does_not_wait_for_a_connection_that_is_not_up() {
    let off = Sleeper::new();
    let mut server = Server::start(&printer("office", &off.uri(), ""));
    let job = server.submit("", b"page");
    // The kernel alone knows of a connection that is not up: its state is SYN_SENT, 2.
    let row = format!(" 0100007F:{:04X} 02 ", off.port());
    let waits = || fs::read_to_string("/proc/net/tcp").is_ok_and(|all| all.contains(&row));
    wait_until("it is being connected to", PATIENCE, || waits().then_some(()));
    let took = server.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let printed = off.wakes();
    server.restart();
    assert_eq!(printed.recv().unwrap(), b"page");
    assert_eq!(server.until(job, "completed")["attempts"], json!(1));
}
