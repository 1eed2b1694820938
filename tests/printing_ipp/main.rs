//! IPP printers through the whole server: the real program, and printers that somebody else wrote. A test is
//! named after what happens, or begins with the row of the requirement that it proves.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../support/mod.rs"]
mod support;

mod canceling;
mod crashes;
mod failures;
mod way;
mod words;

use serde_json::{Value, json};

use support::ippeve::IppEve;
use support::server::{FAST, Server, printer};

fn office(uri: &str) -> Server {
    Server::start(&format!("{FAST}{}", printer("office", uri, "")))
}

/// A server with one printer, and that printer.
fn with_printer() -> (IppEve, Server) {
    let eve = IppEve::start();
    let server = office(&eve.uri());
    (eve, server)
}

/// The printer's own number for the job.
fn handle(job: &Value) -> &str {
    job["device_job_id"].as_str().unwrap_or_else(|| panic!("it has no number at the printer: {job:#}"))
}

fn message(of: &Value) -> &str {
    of["message"].as_str().unwrap()
}

/// Whether this is among its reasons.
fn says(of: &Value, reason: &str) -> bool {
    of["reasons"].as_array().unwrap().iter().any(|said| said == reason)
}

/// The entry of this kind in the job's timeline, and its place.
#[track_caller]
fn entry(server: &Server, job: u64, kind: &str) -> (usize, Value) {
    let timeline = server.timeline(job);
    let place = timeline.iter().position(|entry| entry["kind"] == kind);
    let place = place.unwrap_or_else(|| panic!("no «{kind}» in {timeline:#?}"));
    (place, timeline[place].clone())
}

/// These kinds of entries are in the job's timeline, in this order.
#[track_caller]
fn in_order(server: &Server, job: u64, kinds: &[&str]) {
    let places: Vec<usize> = kinds.iter().map(|kind| entry(server, job, kind).0).collect();
    assert!(places.is_sorted(), "not in the order {kinds:?}: {:?}", server.kinds(job));
}

/// It was printed once, and nothing else.
#[track_caller]
fn once(server: &Server, job: u64) {
    let kinds = server.kinds(job);
    assert_eq!(server.job(job)["attempts"], 1, "{kinds:?}");
    assert!(!kinds.iter().any(|kind| kind == "print-again" || kind == "released"), "{kinds:?}");
}

fn completed(job: &Value) {
    assert_eq!(message(job), "printed: the printer said so");
    assert_eq!(job["reasons"], json!(["job-completed-successfully"]));
    assert_eq!((&job["ipp_state"], &job["bytes_sent"]), (&json!("completed"), &job["bytes_total"]));
}
