//! One of the two dies while there is a job between them, and comes back. What the printer can tell decides.

use serde_json::json;

use super::support::attempt::document;
use super::support::ippeve::IppEve;
use super::support::server::{FAST, Server, printer};
use super::support::wait::PATIENCE;
use super::{completed, entry, handle, in_order, message, office, once, says, with_printer};

const MIB: usize = 1024 * 1024;

/// The printer dies in the middle of the job, and comes back without it.
fn dies_and_forgets(eve: &mut IppEve, server: &Server, job: u64) {
    server.until_job(job, "it prints", |job| job["reasons"] == json!(["job-printing"]));
    eve.kill();
    let alone =
        server.until_job(job, "it says that the printer is gone", |job| message(job).contains("refuses"));
    assert_eq!(alone["status"], "printing", "it is not given up: {alone:#}");
    // What prints outlives the printer's process, and is of no use any more.
    eve.let_go();
    eve.hold_up();
    eve.restart();
}

#[test]
fn a_printer_that_forgets_a_job_prints_it_again_once_and_then_a_person_decides() {
    let (mut eve, server) = with_printer();
    eve.hold_up();
    let body = document(5000);
    let job = server.submit("printer=office", &body);
    dies_and_forgets(&mut eve, &server, job);
    server.wait("it is sent again", || (server.job(job)["attempts"] == 2).then_some(()));
    let (_, again) = entry(&server, job, "print-again");
    assert_eq!(again["reason"], "may-have-printed", "{again:#}");
    assert!(message(&again).contains("does not know"), "{again:#}");
    dies_and_forgets(&mut eve, &server, job);
    let held = server.until(job, "held");
    assert_eq!(held["reasons"], json!(["outcome-unknown"]), "{held:#}");
    let next = server.submit("printer=office", b"next");
    eve.let_go();
    server.until(next, "completed");
    server.control(job, "release").expect(200);
    let done = server.until(job, "completed");
    completed(&done);
    assert!(eve.printed(handle(&done)) == body);
    in_order(&server, job, &["print-again", "held-after-break", "released", "completed"]);
}

#[test]
fn where_nothing_may_come_out_twice_a_forgotten_job_is_held_at_once() {
    let mut eve = IppEve::start();
    let rule = "when_in_doubt = \"hold\"";
    let server = Server::start(&format!("{FAST}{}", printer("office", &eve.uri(), rule)));
    eve.hold_up();
    let job = server.submit("printer=office", b"page");
    dies_and_forgets(&mut eve, &server, job);
    let held = server.until(job, "held");
    assert_eq!((&held["reasons"], &held["attempts"]), (&json!(["outcome-unknown"]), &json!(1)), "{held:#}");
    assert!(eve.jobs().is_empty(), "{:?}", eve.jobs());
}

#[test]
fn a_printer_that_dies_before_it_has_all_gets_it_again() {
    let mut eve = IppEve::start();
    // Five seconds, of which the printer's death takes the first moments.
    let slowly = [("FAILPOINTS", "print-between-chunks=100*delay(50)->off")];
    let configuration = format!("{FAST}{}", printer("office", &eve.uri(), ""));
    let server = Server::start_with(&configuration, &slowly);
    let body = document(16 * MIB);
    let job = server.submit("printer=office", &body);
    server.until_job(job, "bytes leave", |job| job["device_job_id"].is_string());
    eve.kill();
    eve.restart();
    let done = server.until(job, "completed");
    completed(&done);
    assert!(eve.printed(handle(&done)) == body);
    assert_eq!((&done["attempts"], eve.all_printed().len()), (&json!(2), 1), "{done:#}");
    let (_, again) = entry(&server, job, "print-again");
    assert_eq!(again["reason"], "connection-broken", "it certainly was not whole: {again:#}");
}

#[test]
fn a_job_that_the_printer_has_when_the_server_dies_is_asked_for_by_its_number() {
    let (eve, mut server) = with_printer();
    eve.hold_up();
    let body = document(MIB);
    let job = server.submit("printer=office", &body);
    server.until(job, "printing");
    server.kill();
    server.restart();
    assert_eq!(server.job(job)["status"], "printing");
    let next = server.submit("printer=office", b"next");
    eve.let_go();
    let done = server.until(job, "completed");
    completed(&done);
    assert!(eve.printed(handle(&done)) == body);
    once(&server, job);
    server.until(next, "completed");
    assert_eq!(eve.all_printed().len(), 2);
}

#[test]
fn a_job_that_the_printer_finished_while_the_server_was_dead_is_completed() {
    let (eve, mut server) = with_printer();
    eve.hold_up();
    let job = server.submit("printer=office", b"page");
    let printing = server.until(job, "printing");
    server.kill();
    eve.let_go();
    eve.until_listed(handle(&printing), "Completed");
    server.restart();
    completed(&server.until(job, "completed"));
    once(&server, job);
    assert_eq!(eve.all_printed().len(), 1);
}

/// The printer's answer to Create-Job dies with the server.
#[test]
fn a_job_whose_number_was_not_recorded_is_found_by_its_name() {
    let (eve, mut server) = with_printer();
    server.stop();
    eve.hold_up();
    let points = "traffic-before-news=pause;print-after-last-byte=return(kill)";
    server.restart_with(&[("FAILPOINTS", points)]);
    let body = document(MIB);
    let job = server.submit("printer=office", &body);
    server.ended(PATIENCE);
    server.restart();
    let printing = server.until_job(job, "it is found", |job| job["device_job_id"].is_string());
    assert_eq!(handle(&printing), "1");
    server.until(job, "printing");
    in_order(&server, job, &["attempt", "handle", "printing"]);
    // Found so, it can be told to end as well.
    eve.let_go();
    let done = server.until(job, "completed");
    completed(&done);
    assert!(eve.printed("1") == body);
    once(&server, job);
    assert_eq!(eve.all_printed(), ["1"]);
}

/// What the printer says meanwhile is shown also when the job is only asked about.
#[test]
fn a_job_that_is_followed_after_a_crash_says_what_the_printer_says_and_can_be_canceled() {
    let (eve, mut server) = with_printer();
    eve.take_paper_out();
    let job = server.submit("printer=office", b"page");
    let stopped = server.until_job(job, "paper is out", |job| says(job, "media-empty"));
    server.kill();
    server.restart();
    let shown = || says(&server.printer("office"), "media-empty").then_some(());
    server.wait("the printer says so too", shown);
    assert!(says(&server.job(job), "media-empty"));
    assert_eq!(server.control(job, "cancel").expect(200)["cancel_flag"], true);
    server.wait("the printer was told", || eve.was_asked("Cancel-Job").then_some(()));
    // It looks at that when it goes on.
    eve.put_paper_in();
    let canceled = server.until(job, "canceled");
    assert_eq!(canceled["reasons"], json!(["job-canceled-by-user"]), "{canceled:#}");
    eve.until_listed(handle(&stopped), "Canceled");
    server.until(server.submit("printer=office", b"next"), "completed");
    assert_eq!(eve.jobs().len(), 2, "{:?}", eve.jobs());
}

/// The printer has said how the job ended; the server dies before it has written that down.
#[test]
fn a_last_word_that_was_not_recorded_is_asked_for_again() {
    let eve = IppEve::start();
    let mut server = office(&eve.uri());
    server.stop();
    server.restart_with(&[("FAILPOINTS", "traffic-before-end=return(kill)")]);
    let job = server.submit("printer=office", b"page");
    server.ended(PATIENCE);
    server.restart();
    completed(&server.until(job, "completed"));
    once(&server, job);
    assert_eq!(eve.all_printed(), ["1"]);
}
