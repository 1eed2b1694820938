//! Printers that break off, fall silent or stand still with a job. Bytes have left: what is done about it stands
//! in the job's timeline.

use std::time::Duration;

use serde_json::json;

use crate::stage::{
    LARGE, LEAVES_BROKEN, QUICK, SILENCE, STALL, alone, entries, floor, floor_text, in_time, message,
    next_prints, warm,
};
use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{Server, sum};
use crate::support::sink::{Endless, Sink};
use crate::support::wait::Stopwatch;

/// What happens to the job at its first printer.
struct Breaks {
    behaviour: Behaviour,
    bytes: u64,
    /// How long it takes until the break is known.
    known_after: Duration,
    /// What the timeline says.
    words: &'static str,
    reason: &'static str,
}

/// The mate prints the whole job, and the timeline tells that and why.
fn comes_out_of_the_mate(breaks: Breaks) {
    let (a, mate) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let server = floor(&a.uri(), &mate);
    warm(&server);
    a.behave(breaks.behaviour);
    let before = a.connections();
    let document = Endless::bytes(breaks.bytes);
    let job = server.submit("printer=floor", &document);
    let watch = Stopwatch::start();
    mate.received(1);
    in_time("begun by the mate", watch.elapsed(), breaks.known_after + LEAVES_BROKEN);
    assert!(mate.documents(1) == [document], "not the one whole document");
    let done = server.until(job, "completed");
    assert_eq!((&done["assigned_printer"], &done["attempts"]), (&json!("b"), &json!(2)), "{done:#}");
    let again = entries(&server, job, "print-again");
    assert_eq!((again.len(), a.connections() - before), (1, 1), "{again:#?}");
    assert!(message(&again[0]).contains(breaks.words), "{again:#?}");
    assert_eq!(again[0]["reason"], breaks.reason, "{again:#?}");
    a.behave(Behaviour::Normal);
    a.hang_up();
    next_prints(&server);
}

#[test]
fn a_job_that_is_reset_in_the_middle_comes_out_of_the_mate() {
    comes_out_of_the_mate(Breaks {
        behaviour: Behaviour::ResetAfter(10_000),
        bytes: LARGE,
        known_after: Duration::ZERO,
        words: "the printer reset the connection",
        reason: "connection-broken",
    });
}

#[test]
fn a_job_that_is_reset_after_its_last_byte_comes_out_of_the_mate_once_and_says_so() {
    comes_out_of_the_mate(Breaks {
        behaviour: Behaviour::ResetAfter(1000),
        bytes: 1000,
        known_after: Duration::ZERO,
        words: "may have been printed and is printed once more",
        reason: "may-have-printed",
    });
}

#[test]
fn a_job_whose_printer_closes_early_comes_out_of_the_mate() {
    comes_out_of_the_mate(Breaks {
        behaviour: Behaviour::CloseEarlyAfter(10_000),
        bytes: LARGE,
        known_after: Duration::ZERO,
        words: "the printer closed the connection early",
        reason: "connection-broken",
    });
}

#[test]
fn a_job_whose_printer_stands_still_comes_out_of_the_mate() {
    comes_out_of_the_mate(Breaks {
        behaviour: Behaviour::NeverRead,
        bytes: LARGE,
        known_after: STALL,
        words: "took no more data for too long",
        reason: "connection-broken",
    });
}

#[test]
fn a_job_whose_printer_falls_silent_at_the_end_comes_out_of_the_mate_once_and_says_so() {
    comes_out_of_the_mate(Breaks {
        behaviour: Behaviour::NeverClose,
        bytes: 1000,
        known_after: SILENCE,
        words: "may have been printed and is printed once more",
        reason: "may-have-printed",
    });
}

/// Slow is not stuck: neither the watch nor a mate takes the job away.
#[test]
fn ptm_7_a_printer_that_is_slow_but_moves_keeps_its_job_and_its_thread() {
    // A print thread beats once a second, so that only what is longer can be told from standing still.
    let stall = Duration::from_millis(1500);
    let settings = QUICK.replace("stall = \"300ms\"", "stall = \"1500ms\"");
    let (a, mate) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let server = Server::start(&floor_text(&settings, &a.uri(), &mate));
    warm(&server);
    a.behave(Behaviour::SlowRead(1 << 20));
    let document = Endless::bytes(6 << 20);
    let watch = Stopwatch::start();
    let job = server.submit("printer=floor", &document);
    let seen = || server.workers().into_iter().find(|worker| worker["job"] == job);
    let first = server.wait("its thread is seen", seen);
    a.received(5 << 20);
    let last = seen().expect("it is still being sent");
    assert!(watch.elapsed() > stall * 2, "it was not slow");
    assert_eq!(
        (&last["name"], &last["generation"], &last["printer"]),
        (&first["name"], &first["generation"], &json!("a"))
    );
    let done = server.until(job, "completed");
    assert_eq!((&done["assigned_printer"], &done["attempts"]), (&json!("a"), &json!(1)));
    assert!(a.documents(2)[1] == document, "not the one whole document");
    assert_eq!(mate.connections(), 0);
    assert!(entries(&server, job, "blocked").is_empty(), "{:?}", server.kinds(job));
    server.wait("its thread is done", || server.workers().is_empty().then_some(()));
}

/// Without a mate nobody takes the job away before `retry.blocked` is over, and it goes on by itself.
#[test]
fn a_printer_that_stands_still_goes_on_with_the_same_attempt() {
    let (sink, go_on) = Sink::hesitant();
    let server = alone(&sink.uri());
    let document = Endless::bytes(LARGE);
    let job = server.submit("printer=a", &document);
    let blocked = server.until_job(job, "it says that it is blocked", |job| {
        crate::stage::has_reason(job, "printer-takes-no-data")
    });
    assert!(message(&blocked).contains("takes no more; it goes on by itself"), "{blocked:#}");
    go_on.send(()).unwrap();
    assert_eq!(sink.next(), sum(&document[..]));
    assert_eq!(server.until(job, "completed")["attempts"], 1);
    assert!(sink.is_empty(), "something was printed twice");
    drop(go_on);
    next_prints(&server);
}
