//! The table of cancellation, at each status, for both rules, with the printer's own list as the witness.

use serde_json::{Value, json};
use spool::protocol::ipp::{JobState, Operation, Status};

use super::support::attempt::document;
use super::support::ipp_script::{IppScript, React, Traits};
use super::support::ippeve::IppEve;
use super::support::server::{FAST, Server, printer};
use super::support::wait::PATIENCE;
use super::{entry, handle, message, office, once, says, with_printer};

const MIB: usize = 1024 * 1024;
/// Slow enough that a cancellation meets bytes that still leave: 20 ms for each 64 KiB.
const SLOWLY: (&str, &str) = ("FAILPOINTS", "print-between-chunks=delay(20)");

/// Both values of `cancel_printing`: the line of configuration, and the query with which a job that prints can
/// be canceled.
const RULES: [(&str, &str); 2] = [("", ""), ("cancel_printing = \"refuse\"", "?even_if_printing=true")];

fn ruled(uri: &str, rule: &str) -> String {
    format!("{FAST}{}", printer("office", uri, rule))
}

fn refused(server: &Server, job: u64, query: &str) -> Value {
    server.control(job, &format!("cancel{query}")).refused(409, "cannot_cancel")
}

/// Its end was a user's wish.
fn canceled_by_user(server: &Server, job: u64) {
    let canceled = server.until(job, "canceled");
    assert_eq!(canceled["reasons"], json!(["job-canceled-by-user"]), "{canceled:#}");
    let (_, last) = entry(server, job, "canceled");
    assert_eq!(last["source"], "user", "{last:#}");
    assert!(canceled["finished_at"].is_string());
}

#[test]
fn can_9_a_job_that_has_not_begun_is_ended_by_the_server_and_never_reaches_the_printer() {
    for (rule, _) in RULES {
        let eve = IppEve::start();
        let server = Server::start(&ruled(&eve.uri(), rule));
        eve.hold_up();
        let printing = server.submit("printer=office", b"printing");
        server.until(printing, "printing");
        let (held, waiting) =
            (server.submit("printer=office&hold=true", b"held"), server.submit("printer=office", b"waits"));
        for job in [held, waiting] {
            assert_eq!(server.control(job, "cancel").expect(200)["status"], "canceled");
            canceled_by_user(&server, job);
            refused(&server, job, "");
            refused(&server, job, "?even_if_printing=true");
        }
        eve.let_go();
        server.until(printing, "completed");
        assert_eq!(eve.jobs().len(), 1, "{:?}", eve.jobs());
    }
}

#[test]
fn can_9_while_bytes_leave_the_server_ends_the_job_though_the_printer_stands_still() {
    for (rule, _) in RULES {
        let eve = IppEve::start();
        let server = Server::start_with(&ruled(&eve.uri(), rule), &[SLOWLY]);
        let job = server.submit("printer=office", &document(64 * MIB));
        let sending = server.until_job(job, "the printer has made the job", |job| {
            job["status"] == "transmitting" && job["device_job_id"].is_string()
        });
        eve.freeze();
        let asked = server.control(job, "cancel").expect(200);
        assert_eq!(asked["cancel_flag"], true, "{asked:#}");
        canceled_by_user(&server, job);
        eve.thaw();
        // What it got of the document did not look like the whole.
        eve.until_listed(handle(&sending), "Aborted");
        let next = server.until(server.submit("printer=office", b"next"), "completed");
        assert!(eve.printed(handle(&next)) == b"next");
        assert_eq!(eve.all_printed(), [handle(&next)], "nothing of the other");
    }
}

/// It has one in work already; a real printer with a queue of its own.
#[test]
fn can_9_a_job_that_only_waits_in_the_printer_is_canceled_there_under_either_rule() {
    for (rule, _) in RULES {
        let queues = Traits { end: (JobState::Pending, vec!["none"]), ..Traits::default() };
        let script = IppScript::with(queues, |_| React::Normally);
        let server = Server::start(&ruled(&script.uri(), rule));
        let job = server.submit("printer=office", b"page");
        let transmitted = server.until(job, "transmitted");
        assert_eq!(handle(&transmitted), "1");
        assert_eq!(server.control(job, "cancel").expect(200)["cancel_flag"], true);
        canceled_by_user(&server, job);
        assert_eq!(script.jobs()[0].state, JobState::Canceled);
        assert!(script.calls().contains(&Operation::CancelJob));
    }
}

#[test]
fn can_9_a_job_that_prints_is_canceled_on_the_printers_word_unless_the_rule_is_to_refuse() {
    for (rule, query) in RULES {
        let eve = IppEve::start();
        let server = Server::start(&ruled(&eve.uri(), rule));
        eve.hold_up();
        let job = server.submit("printer=office", b"page");
        let printing = server.until(job, "printing");
        if !rule.is_empty() {
            let problem = refused(&server, job, "");
            assert!(problem["detail"].as_str().unwrap().contains("printed"), "{problem:#}");
            assert_eq!(server.job(job)["cancel_flag"], false);
        }
        let asked = server.control(job, &format!("cancel{query}")).expect(200);
        assert_eq!((&asked["status"], &asked["cancel_flag"]), (&json!("printing"), &json!(true)));
        assert!(says(&asked, "processing-to-stop-point"), "{asked:#}");
        // The printer knows, and is not done with it yet: neither are we.
        server.wait("the printer was told", || eve.was_asked("Cancel-Job").then_some(()));
        assert_eq!(server.job(job)["status"], "printing");
        eve.let_go();
        canceled_by_user(&server, job);
        eve.until_listed(handle(&printing), "Canceled");
        refused(&server, job, query);
    }
}

#[test]
fn can_9_jobs_that_have_ended_are_refused() {
    let (eve, server) = with_printer();
    let completed = server.submit("printer=office", b"page");
    server.until(completed, "completed");
    let picky = IppScript::start(|call| match call.operation {
        Operation::SendDocument => React::Status(Status::DocumentFormatError),
        _ => React::Normally,
    });
    let other = office(&picky.uri());
    let failed = other.submit("printer=office", b"page");
    other.until(failed, "failed");
    for (server, job) in [(&server, completed), (&other, failed)] {
        for query in ["", "?even_if_printing=true"] {
            refused(server, job, query);
        }
        assert_eq!(server.job(job)["cancel_flag"], false);
    }
    assert!(!eve.was_asked("Cancel-Job"));
}

#[test]
fn can_9_a_job_that_the_printer_finishes_first_is_completed_and_says_so() {
    let printing = Traits { end: (JobState::Processing, vec!["job-printing"]), ..Traits::default() };
    let script = IppScript::with(printing, |call| match call.operation {
        Operation::CancelJob => React::Status(Status::NotPossible),
        _ => React::Normally,
    });
    let server = office(&script.uri());
    let job = server.submit("printer=office", b"page");
    server.until(job, "printing");
    assert_eq!(server.control(job, "cancel").expect(200)["cancel_flag"], true);
    script.called(Operation::CancelJob, 1);
    script.change_jobs(|jobs| jobs[0].state = JobState::Completed);
    let done = server.until(job, "completed");
    let (_, last) = entry(&server, job, "completed");
    assert!(message(&last).contains("cancel"), "{last:#}");
    assert_eq!((&last["source"], &done["cancel_flag"]), (&json!("device"), &json!(true)));
}

/// The answer to the user, or the server's death, comes between the durable flag and the word to the printer.
#[test]
fn can_11_a_flag_of_which_the_printer_was_not_told_is_told_after_a_crash() {
    let (eve, mut server) = with_printer();
    server.stop();
    server.restart_with(&[("FAILPOINTS", "cancel-before-tell=return(kill)")]);
    eve.hold_up();
    let job = server.submit("printer=office", b"page");
    let printing = server.until(job, "printing");
    let target = format!("/api/v1/jobs/{job}/cancel");
    // Durable is the flag in either case; whether the answer leaves before the process dies is open.
    let _ = server.socket().send("POST", &target, &[], b"");
    server.ended(PATIENCE);
    assert!(!eve.was_asked("Cancel-Job"), "{}", eve.log());
    server.restart();
    assert_eq!(server.job(job)["cancel_flag"], true);
    server.wait("the printer is told", || eve.was_asked("Cancel-Job").then_some(()));
    eve.let_go();
    canceled_by_user(&server, job);
    eve.until_listed(handle(&printing), "Canceled");
    once(&server, job);
}

#[test]
fn can_11_a_flag_of_which_the_printer_knows_is_obeyed_after_a_crash() {
    let (eve, mut server) = with_printer();
    eve.hold_up();
    let job = server.submit("printer=office", b"page");
    let printing = server.until(job, "printing");
    server.control(job, "cancel").expect(200);
    server.wait("the printer was told", || eve.was_asked("Cancel-Job").then_some(()));
    server.kill();
    eve.let_go();
    eve.until_listed(handle(&printing), "Canceled");
    server.restart();
    canceled_by_user(&server, job);
    assert_eq!(eve.jobs().len(), 1);
}
