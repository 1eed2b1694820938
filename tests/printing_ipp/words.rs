//! What a printer says before a job and between jobs, and what is done about it.

use std::time::Duration;

use serde_json::{Value, json};
use spool::model::news::Printing;
use spool::model::retry::NotReady;
use spool::protocol::ipp::{JobState, Operation, PrinterState};

use super::support::attempt::{document, send, tag, target};
use super::support::ipp_script::{Events, IppScript, React, Traits};
use super::support::ippeve::IppEve;
use super::support::server::Server;
use super::support::wait::Stopwatch;
use super::{completed, handle, in_order, message, office, once, says, with_printer};

/// A job goes out at the latest so long after its printer can print again; three times what is meant to be.
const BACK_MAX: Duration = Duration::from_secs(3);

/// The job waits for its printer, both say why, and the printer says when it is tried again.
fn waits(server: &Server, job: u64, reason: &str, words: &str) {
    let waiting = server.until_job(job, "it says why it waits", |job| message(job).contains(words));
    assert!(says(&waiting, "printer-stopped"), "{waiting:#}");
    assert_eq!((&waiting["status"], &waiting["attempts"]), (&json!("waiting"), &json!(0)), "{waiting:#}");
    assert!(waiting["device_job_id"].is_null() && waiting["bytes_sent"] == 0, "{waiting:#}");
    let shown = |office: &Value| says(office, reason) && office["next_try_at"].is_string();
    server.wait("the printer says so too", || shown(&server.printer("office")).then_some(()));
    assert_eq!(server.printer("office")["state"], "stopped");
}

#[test]
fn can_6_nothing_is_sent_while_the_printer_says_that_it_cannot_print() {
    let stopped = |reason: &'static str| Traits {
        state: PrinterState::Stopped,
        reasons: vec![reason],
        ..Traits::default()
    };
    let cases = [
        ("paused", "paused-at-device", "its own panel"),
        ("media-empty-error", "media-empty", "paper"),
        ("cover-open", "cover-open", "cover"),
    ];
    for (said, reason, words) in cases {
        let script = IppScript::with(stopped(said), |_| React::Normally);
        let server = office(&script.uri());
        let job = server.submit("printer=office", &document(100_000));
        waits(&server, job, reason, words);
        script.called(Operation::GetPrinterAttributes, 3);
        assert!(script.calls().iter().all(|call| *call == Operation::GetPrinterAttributes), "{said}");
        script.change(|traits| (traits.state, traits.reasons) = (PrinterState::Idle, vec!["none"]));
        let watch = Stopwatch::start();
        script.called(Operation::SendDocument, 1);
        assert!(watch.elapsed() < BACK_MAX, "{said}: {:?} after it could", watch.elapsed());
        completed(&server.until(job, "completed"));
        once(&server, job);
    }
}

#[test]
fn can_6_a_printer_that_somebody_elses_job_has_stopped_gets_nothing_until_it_is_filled() {
    let (eve, server) = with_printer();
    eve.take_paper_out();
    let theirs = document(1000);
    let somebody = send(&*target(&eve.uri()), &tag(&[&theirs]), &[&theirs]);
    somebody.wait_for_news(|news| news.stopped == Some(NotReady::MediaEmpty));
    let body = document(5000);
    let job = server.submit("printer=office", &body);
    waits(&server, job, "media-empty", "out of paper");
    assert_eq!(eve.jobs().len(), 1, "only theirs: {:?}", eve.jobs());
    eve.put_paper_in();
    somebody.outcome();
    let watch = Stopwatch::start();
    let done = server.until(job, "completed");
    assert!(watch.elapsed() < BACK_MAX, "{:?} after it could", watch.elapsed());
    assert!(eve.printed(handle(&done)) == body);
    once(&server, job);
}

#[test]
fn a_printer_busy_with_somebody_elses_job_is_waited_for() {
    let (eve, server) = with_printer();
    eve.hold_up();
    let theirs = document(1000);
    let somebody = send(&*target(&eve.uri()), &tag(&[&theirs]), &[&theirs]);
    somebody.wait_for_news(|news| news.printing == Printing::Begun);
    let job = server.submit("printer=office", &document(5000));
    server.until_job(job, "it says that the printer is busy", |job| {
        job["status"] == "waiting" && message(job).contains("busy")
    });
    eve.let_go();
    somebody.outcome();
    let done = server.until(job, "completed");
    assert_eq!(done["attempts"], 1, "{done:#}");
    assert_eq!(eve.all_printed().len(), 2);
}

#[test]
fn a_printer_without_paper_in_the_middle_of_a_job_is_shown_and_goes_on_by_itself() {
    let (eve, server) = with_printer();
    eve.take_paper_out();
    let body = document(5000);
    let job = server.submit("printer=office", &body);
    let stopped = server.until_job(job, "it says that paper is out", |job| says(job, "media-empty"));
    assert!(["transmitted", "printing"].contains(&stopped["status"].as_str().unwrap()), "{stopped:#}");
    assert!(message(&stopped).contains("paper"), "{stopped:#}");
    let shown = || says(&server.printer("office"), "media-empty").then_some(());
    server.wait("the printer says so too", shown);
    eve.put_paper_in();
    let done = server.until(job, "completed");
    completed(&done);
    assert!(eve.printed(handle(&done)) == body);
    once(&server, job);
    in_order(&server, job, &["handle", "printer-stopped", "completed"]);
    let office = server.printer("office");
    assert_eq!((&office["state"], &office["reasons"]), (&json!("idle"), &json!([])), "{office:#}");
}

#[test]
fn can_6_one_registration_serves_all_jobs_in_a_row_and_is_given_back_after_the_last() {
    let traits = Traits {
        events: Events::Offered,
        state: PrinterState::Stopped,
        reasons: vec!["paused"],
        ..Traits::default()
    };
    let script = IppScript::with(traits, |_| React::Normally);
    let server = office(&script.uri());
    let jobs: Vec<u64> = (1..=4).map(|n| server.submit("printer=office", &document(n * 1000))).collect();
    script.change(|traits| {
        (traits.state, traits.reasons) = (PrinterState::Idle, vec!["none"]);
        // They last until somebody ends them, so that the printer has something to tell.
        traits.end = (JobState::Processing, vec!["job-printing"]);
    });
    for (n, job) in jobs.iter().enumerate() {
        server.until(*job, "printing");
        script.called(Operation::GetNotifications, n + 1);
        script.change_jobs(|jobs| {
            let last = jobs.last_mut().unwrap();
            assert!(last.name.starts_with(&format!("spool-{job}-")), "{last:?}");
            last.state = JobState::Completed;
        });
        completed(&server.until(*job, "completed"));
    }
    script.called(Operation::CancelSubscription, 1);
    let calls = script.calls();
    let times = |operation| calls.iter().filter(|call| **call == operation).count();
    assert_eq!(times(Operation::CreatePrinterSubscriptions), 1, "{calls:?}");
    assert_eq!(calls.last(), Some(&Operation::CancelSubscription), "{calls:?}");
}

#[test]
fn a_printer_that_is_off_before_the_job_prints_within_moments_of_its_return() {
    let mut eve = IppEve::start();
    let server = office(&eve.uri());
    eve.kill();
    let job = server.submit("printer=office", b"page");
    let waiting = server.until_job(job, "it says why it waits", |job| message(job).contains("refuses"));
    assert_eq!((&waiting["status"], &waiting["attempts"]), (&json!("waiting"), &json!(0)));
    assert!(server.printer("office")["next_try_at"].is_string());
    eve.restart();
    let watch = Stopwatch::start();
    let done = server.until(job, "completed");
    assert!(watch.elapsed() < BACK_MAX, "{:?} after its return", watch.elapsed());
    assert!(eve.printed(handle(&done)) == b"page");
    once(&server, job);
}
