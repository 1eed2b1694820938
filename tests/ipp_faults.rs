//! IPP printers that misbehave, each in its own way, against the device alone.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use spool::device::JobTag;
use spool::model::id::Generation;
use spool::model::job::DoneHow;
use spool::model::news::{News, Printing};
use spool::model::outcome::{Answer, CancelFailed, Outcome};
use spool::model::retry::{Broken, NotReady, Whole};
use spool::protocol::ipp::{JobState, Operation, PrinterState, Status};
use support::attempt::{
    Sending, ask, cancel, describe, document, open, send, tag, target, target_as, with_handle, with_options,
};
use support::ipp_script::{
    Call, Events, FORBIDDEN, IppScript, Job, NO_EXPECT, React, TOO_LARGE, Traits, UPGRADE, wants_password,
};
use support::ippeve::IppEve;
use support::printer::spawn;

const MIB: usize = 1024 * 1024;

/// Behaves so at one operation, and normally at all others.
fn at(operation: Operation, react: React) -> impl Fn(&Call<'_>) -> React + Send + Sync {
    move |call| if call.operation == operation { react.clone() } else { React::Normally }
}

fn print_job_only() -> Traits {
    let mut traits = Traits::default();
    traits.operations.retain(|o| !matches!(o, Operation::CreateJob | Operation::SendDocument));
    traits
}

fn print(printer: &IppScript, body: &[u8]) -> Sending {
    send(&*target(&printer.uri()), &tag(&[body]), &[body])
}

fn printed(body: &[u8]) -> Outcome {
    Outcome::Done { how: DoneHow::DeviceSaid, bytes: body.len() as u64 }
}

fn unready(uri: &str) -> NotReady {
    open(&*target(uri)).map(|_| ()).unwrap_err()
}

#[test]
fn each_road_brings_the_bytes_and_the_handle() {
    for traits in [Traits::default(), print_job_only()] {
        let printer = IppScript::with(traits, |_| React::Normally);
        for size in [0, 1, 3 * MIB] {
            let body = document(size);
            let sending = print(&printer, &body);
            let handle = sending.handle();
            assert_eq!(sending.outcome(), printed(&body));
            let job = printer.jobs().pop().unwrap();
            assert_eq!(job.id.to_string(), handle);
            assert!(job.documents == [body], "{size} bytes came out otherwise");
            assert_eq!(job.name, "spool-12-77-19b76daa87b-2.5 report.pdf");
        }
    }
}

#[test]
fn several_documents_and_copies_are_one_job_where_the_printer_takes_them() {
    let printer = IppScript::start(|_| React::Normally);
    let (a, b) = (document(100_000), document(3));
    let tag = with_options(tag(&[&a, &b]), &[("copies", "2")]);
    let sending = send(&*target(&printer.uri()), &tag, &[&a, &b]);
    assert!(matches!(sending.outcome(), Outcome::Done { how: DoneHow::DeviceSaid, .. }));
    let jobs = printer.jobs();
    assert_eq!(jobs.len(), 1);
    assert!(jobs[0].documents == [a, b]);
    assert_eq!(jobs[0].asked, ["copies"]);
}

#[test]
fn documents_and_copies_follow_one_another_where_a_job_takes_one() {
    let printer =
        IppScript::with(Traits { several_documents: false, ..Traits::default() }, |_| React::Normally);
    let (a, b) = (document(100_000), document(3));
    let tag = with_options(tag(&[&a, &b]), &[("copies", "2")]);
    let target = target(&printer.uri());
    let sending = send(&*target, &tag, &[&a, &b]);
    assert!(matches!(sending.outcome(), Outcome::Done { how: DoneHow::DeviceSaid, .. }));
    let documents: Vec<_> = printer.jobs().into_iter().flat_map(|job| job.documents).collect();
    assert!(documents == [a.clone(), b.clone(), a, b]);
    assert_eq!(ask(&*target, &tag), Answer::Printed(DoneHow::DeviceSaid));
    printer.change_jobs(|jobs| jobs.truncate(3));
    assert_eq!(ask(&*target, &tag), Answer::GivenUp(Broken::ServerStopped), "the last of them never came");
}

#[test]
fn a_printer_that_closes_after_each_answer_is_connected_to_again() {
    for traits in [Traits::default(), print_job_only()] {
        let printer = IppScript::with(traits, |_| React::NormallyThenClose);
        let body = document(MIB);
        assert_eq!(print(&printer, &body).outcome(), printed(&body));
        assert!(printer.jobs()[0].documents == [body]);
    }
}

#[test]
fn a_connection_that_went_stale_is_replaced() {
    // It closes without a word, between the description and the job.
    let printer = IppScript::start(|call| match (call.connection, call.operation) {
        (0, Operation::ValidateJob) => React::CloseUnanswered,
        _ => React::Normally,
    });
    let body = document(1000);
    assert_eq!(print(&printer, &body).outcome(), printed(&body));
    assert_eq!(printer.jobs().len(), 1);
}

#[test]
fn leave_that_never_comes_is_not_waited_for_for_ever() {
    let printer = IppScript::start(at(Operation::SendDocument, React::WithoutLeave));
    let body = document(MIB);
    assert_eq!(print(&printer, &body).outcome(), printed(&body));
    let refuses = IppScript::start(|call| {
        let expects = call.head.to_ascii_lowercase().contains("expect:");
        if expects { React::Early(NO_EXPECT) } else { React::Normally }
    });
    assert_eq!(print(&refuses, &body).outcome(), printed(&body));
}

#[test]
fn an_answer_before_the_document_has_gone_ends_the_sending() {
    let body = document(64 * MIB);
    for operation in [Operation::SendDocument, Operation::PrintJob] {
        let traits = || if operation == Operation::PrintJob { print_job_only() } else { Traits::default() };
        let outcome = |react| {
            let printer = IppScript::with(traits(), at(operation, react));
            let sending = print(&printer, &body);
            let outcome = sending.outcome();
            let bytes = sending.bytes.load(std::sync::atomic::Ordering::Acquire);
            assert!(bytes < body.len() as u64 / 2, "{bytes} bytes were sent");
            outcome
        };
        let too_large = outcome(React::Early(TOO_LARGE));
        assert!(matches!(too_large, Outcome::Document(_)), "{too_large:?}");
        let unprintable = outcome(React::StatusAfter(100_000, Status::DocumentFormatError));
        assert!(matches!(unprintable, Outcome::Document(_)), "{unprintable:?}");
        let busy = outcome(React::StatusAfter(100_000, Status::Busy));
        assert_eq!(busy, Outcome::NotReady(NotReady::Busy), "nothing of it is kept");
        let failing = outcome(React::StatusAfter(100_000, Status::DeviceError));
        let broken = matches!(
            failing,
            Outcome::Broken { broken: Broken::DeviceAborted, whole: Whole::No, bytes } if bytes > 0
        );
        assert!(broken, "{failing:?}");
    }
}

#[test]
fn a_refusal_after_a_part_was_printed_is_told_as_a_break() {
    let once_more = |call: &Call<'_>| match (call.operation, call.nth) {
        (Operation::PrintJob | Operation::SendDocument, 1) => React::Status(Status::Busy),
        _ => React::Normally,
    };
    for traits in [print_job_only(), Traits { several_documents: false, ..Traits::default() }] {
        let printer = IppScript::with(traits, once_more);
        let (a, b) = (document(100_000), document(1000));
        let outcome = send(&*target(&printer.uri()), &tag(&[&a, &b]), &[&a, &b]).outcome();
        let broken =
            matches!(outcome, Outcome::Broken { broken: Broken::DeviceAborted, whole: Whole::No, .. });
        assert!(broken, "{outcome:?}");
        assert!(printer.jobs()[0].documents == [a]);
    }
}

#[test]
fn a_reset_in_the_middle_is_broken_and_the_job_is_taken_back() {
    let printer = IppScript::start(at(Operation::SendDocument, React::ResetAfter(100_000)));
    let outcome = print(&printer, &document(64 * MIB)).outcome();
    assert!(
        matches!(outcome, Outcome::Broken { broken: Broken::Reset, whole: Whole::No, bytes } if bytes > 0),
        "{outcome:?}"
    );
    printer.called(Operation::CancelJob, 1);
}

#[test]
fn a_stop_in_the_middle_takes_the_job_back() {
    let printer = IppScript::start(at(Operation::SendDocument, React::Hang));
    let sending = print(&printer, &document(64 * MIB));
    printer.called(Operation::SendDocument, 1);
    sending.stop();
    let outcome = sending.outcome();
    assert!(matches!(outcome, Outcome::Aborted { whole: Whole::No, .. }), "{outcome:?}");
    printer.called(Operation::CancelJob, 1);
}

#[test]
fn an_answer_that_is_lost_is_asked_for() {
    let body = document(1000);
    let printer = IppScript::start(at(Operation::SendDocument, React::CloseUnanswered));
    assert_eq!(print(&printer, &body).outcome(), printed(&body));
    // Nobody was told the number of the job: it is found by its name.
    let printer = IppScript::with(print_job_only(), at(Operation::PrintJob, React::CloseUnanswered));
    let sending = print(&printer, &body);
    assert_eq!(sending.handle(), "1");
    assert_eq!(sending.outcome(), printed(&body));
    assert_eq!(printer.jobs().len(), 1, "it was not sent again");
}

#[test]
fn a_job_that_vanishes_is_forgotten_unless_it_is_listed_as_done() {
    let body = document(1000);
    let unlisted = Outcome::Broken { broken: Broken::Forgotten, whole: Whole::Maybe, bytes: 1000 };
    let gone = at(Operation::GetJobAttributes, React::Status(Status::NotFound));
    assert_eq!(print(&IppScript::start(gone), &body).outcome(), printed(&body));
    let gone = |call: &Call<'_>| match call.operation {
        Operation::GetJobAttributes => React::Status(Status::NotFound),
        Operation::GetJobs => React::Status(Status::NotFound),
        _ => React::Normally,
    };
    assert_eq!(print(&IppScript::start(gone), &body).outcome(), unlisted);
}

#[test]
fn a_printer_that_never_says_how_a_job_is_is_not_asked_for_ever() {
    let printer = IppScript::with(Traits { tells_state: false, ..Traits::default() }, |_| React::Normally);
    let body = document(1000);
    let sending = print(&printer, &body);
    let handle = sending.handle();
    let silent = Outcome::Broken { broken: Broken::Silent, whole: Whole::Maybe, bytes: 1000 };
    assert_eq!(sending.outcome(), silent);
    let known = with_handle(&tag(&[&body]), &handle);
    assert_eq!(ask(&*target(&printer.uri()), &known), Answer::CannotTell);
}

/// As after a restart of a printer that numbers its jobs from 1 again: the number is a stranger's now.
fn give_its_number_away(printer: &IppScript, state: JobState) {
    printer.change_jobs(|jobs| {
        jobs[0].name = "somebody else's".to_owned();
        jobs[0].state = state;
    });
}

#[test]
fn a_number_that_was_given_to_somebody_elses_job_ends_nothing() {
    let body = document(1000);
    let forgotten = Outcome::Broken { broken: Broken::Forgotten, whole: Whole::Maybe, bytes: 1000 };
    for state in [JobState::Completed, JobState::Canceled, JobState::Processing] {
        let traits = Traits { end: (JobState::Processing, vec!["job-printing"]), ..Traits::default() };
        let printer = IppScript::with(traits, |_| React::Normally);
        let sending = print(&printer, &body);
        printer.called(Operation::GetJobAttributes, 1);
        give_its_number_away(&printer, state);
        assert_eq!(sending.outcome(), forgotten, "{state:?}");
        assert_eq!(printer.jobs()[0].state, state);
    }
}

#[test]
fn can_only_our_own_job_is_canceled_whatever_its_number_is_now() {
    let traits = Traits { end: (JobState::Processing, vec!["job-printing"]), ..Traits::default() };
    let printer = IppScript::with(traits, |_| React::Normally);
    let body = document(1000);
    let one = tag(&[&body]);
    let target = target(&printer.uri());
    let sending = send(&*target, &one, &[&body]);
    let known = with_handle(&one, &sending.handle());
    let name = printer.jobs()[0].name.clone();
    printer.called(Operation::GetJobAttributes, 1);
    give_its_number_away(&printer, JobState::Processing);
    sending.outcome();
    assert_eq!(cancel(&*target, &known), Err(CancelFailed::TooLate));
    assert_eq!(printer.jobs()[0].state, JobState::Processing, "somebody else's job goes on");
    assert_eq!(count(&printer, Operation::CancelJob), 0);
    // It has another number now, and is known by its name.
    printer.change_jobs(|jobs| {
        let ours = Job { id: 9, name, ..jobs[0].clone() };
        jobs.push(ours);
    });
    assert_eq!(cancel(&*target, &known), Ok(()));
    let states: Vec<JobState> = printer.jobs().iter().map(|job| job.state).collect();
    assert_eq!(states, [JobState::Processing, JobState::Canceled]);
}

/// An earlier attempt was broken, and its half canceled by ourselves. Of the one after it the printer has nothing.
#[test]
fn what_became_of_an_earlier_attempt_says_nothing_of_this_one() {
    for end in [JobState::Canceled, JobState::Completed] {
        let traits = Traits { end: (end, vec!["none"]), ..Traits::default() };
        let printer = IppScript::with(traits, |_| React::Normally);
        let body = document(1000);
        let earlier = tag(&[&body]);
        let target = target(&printer.uri());
        send(&*target, &earlier, &[&body]).outcome();
        let (attempt, generation) = earlier.attempt;
        assert_ne!(ask(&*target, &earlier), Answer::CannotTell);
        for attempt in [(attempt + 1, generation), (attempt, Generation(generation.0 + 1))] {
            let later = JobTag { attempt, ..earlier.clone() };
            assert_eq!(ask(&*target, &later), Answer::CannotTell, "{end:?}");
        }
    }
}

#[test]
fn a_jobs_end_is_what_the_printer_says() {
    let body = document(1000);
    for (state, reason, expected) in [
        (JobState::Canceled, "job-canceled-at-device", Outcome::Canceled { bytes: 1000 }),
        (
            JobState::Aborted,
            "aborted-by-system",
            Outcome::Broken { broken: Broken::DeviceAborted, whole: Whole::Maybe, bytes: 1000 },
        ),
    ] {
        let printer =
            IppScript::with(Traits { end: (state, vec![reason]), ..Traits::default() }, |_| React::Normally);
        assert_eq!(print(&printer, &body).outcome(), expected);
    }
    let end = (JobState::Aborted, vec!["aborted-by-system", "document-format-error"]);
    let printer = IppScript::with(Traits { end, ..Traits::default() }, |_| React::Normally);
    let outcome = print(&printer, &body).outcome();
    assert!(matches!(outcome, Outcome::Document(_)), "{outcome:?}");
}

#[test]
fn what_stops_the_printer_in_the_middle_is_told_and_waited_for() {
    let end = (JobState::ProcessingStopped, vec!["printer-stopped"]);
    let printer = IppScript::with(Traits { end, ..Traits::default() }, |_| React::Normally);
    let body = document(1000);
    let sending = print(&printer, &body);
    sending.handle();
    printer
        .change(|traits| (traits.state, traits.reasons) = (PrinterState::Stopped, vec!["media-jam-error"]));
    sending.wait_for_news(|news| news.stopped == Some(NotReady::MediaJam));
    printer.change(|traits| (traits.state, traits.reasons) = (PrinterState::Processing, vec!["none"]));
    printer.change_jobs(|jobs| jobs[0].state = JobState::Processing);
    sending.wait_for_news(|news| news.stopped.is_none());
    printer.change_jobs(|jobs| jobs[0].state = JobState::Completed);
    assert_eq!(sending.outcome(), printed(&body));
}

#[test]
fn can_6_one_registration_serves_all_jobs_and_is_given_back() {
    let end = (JobState::Processing, vec!["job-printing"]);
    let traits = Traits { end, events: Events::Offered, ..Traits::default() };
    let printer = IppScript::with(traits, |_| React::Normally);
    let target = target(&printer.uri());
    let body = document(1000);
    for n in 0..3 {
        let sending = send(&*target, &tag(&[&body]), &[&body]);
        sending.wait_for_news(|news| news.printing == Printing::Begun);
        // The printer is not asked while it has nothing to tell.
        let fetched = |printer: &IppScript| count(printer, Operation::GetNotifications);
        printer.called(Operation::GetNotifications, fetched(&printer).max(1));
        printer.change_jobs(|jobs| jobs[n].state = JobState::Completed);
        assert_eq!(sending.outcome(), printed(&body));
    }
    printer.called(Operation::CancelSubscription, 1);
    assert_eq!(count(&printer, Operation::CreatePrinterSubscriptions), 1);
    let looks = count(&printer, Operation::GetJobAttributes);
    assert!(looks <= 12, "it was asked {looks} times for three jobs");
}

fn count(printer: &IppScript, operation: Operation) -> usize {
    printer.calls().iter().filter(|call| **call == operation).count()
}

#[test]
fn nothing_is_sent_to_a_printer_that_is_stopped_or_refuses_the_job() {
    let stopped = Traits { state: PrinterState::Stopped, reasons: vec!["cover-open"], ..Traits::default() };
    let printer = IppScript::with(stopped, |_| React::Normally);
    assert_eq!(unready(&printer.uri()), NotReady::CoverOpen);
    assert!(describe(&*target(&printer.uri())).unwrap().is_some());
    for (status, why) in [
        (Status::Busy, NotReady::Busy),
        (Status::NotAcceptingJobs, NotReady::PausedAtDevice),
        (Status::TemporaryError, NotReady::Other("server-error-temporary-error".to_owned())),
    ] {
        for operation in [Operation::ValidateJob, Operation::CreateJob] {
            let printer = IppScript::start(at(operation, React::Status(status)));
            assert_eq!(print(&printer, &document(1000)).outcome(), Outcome::NotReady(why.clone()));
            assert!(printer.jobs().is_empty());
        }
    }
}

#[test]
fn attributes_that_are_refused_are_left_out_but_never_copies() {
    let refused = React::Refusing(Status::AttributesOrValuesNotSupported, &["sides"]);
    for operation in [Operation::ValidateJob, Operation::CreateJob] {
        let refused = refused.clone();
        let printer = IppScript::start(move |call: &Call<'_>| {
            if call.operation == operation && call.nth == 0 { refused.clone() } else { React::Normally }
        });
        let body = document(1000);
        let tag = with_options(
            tag(&[&body]),
            &[("copies", "2"), ("sides", "two-sided-long-edge"), ("output-bin", "top")],
        );
        send(&*target(&printer.uri()), &tag, &[&body]).outcome();
        assert_eq!(printer.jobs()[0].asked, ["copies", "output-bin"]);
    }
    // It says that it makes copies, and does not: the next try sends them one by one.
    let refuses = React::Refusing(Status::OkIgnoredOrSubstituted, &["copies"]);
    let printer = IppScript::start(at(Operation::ValidateJob, refuses));
    let body = document(1000);
    let tag = with_options(tag(&[&body]), &[("copies", "2")]);
    let target = target(&printer.uri());
    assert!(matches!(send(&*target, &tag, &[&body]).outcome(), Outcome::NotReady(_)));
    assert!(matches!(send(&*target, &tag, &[&body]).outcome(), Outcome::Done { .. }));
    assert!(printer.jobs()[0].documents == [body.clone(), body]);
}

#[test]
fn a_password_is_told_where_it_is_asked_for() {
    let printer = IppScript::start(wants_password);
    let body = document(MIB);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "user:password\n").unwrap();
    let target = target_as(&printer.uri(), &file);
    assert_eq!(send(&*target, &tag(&[&body]), &[&body]).outcome(), printed(&body));
    assert!(printer.jobs()[0].documents == [body.clone()]);

    fs::write(&file, "user:wrong\n").unwrap();
    assert_eq!(send(&*target, &tag(&[&body]), &[&body]).outcome(), Outcome::Credentials);
    fs::write(&file, "no password").unwrap();
    let why = open(&*target).map(|_| ()).unwrap_err();
    assert!(matches!(&why, NotReady::Other(words) if words.contains("user:password")), "{why:?}");
    fs::remove_file(&file).unwrap();
    let why = open(&*target).map(|_| ()).unwrap_err();
    assert!(matches!(&why, NotReady::Other(words) if words.contains("No such file")), "{why:?}");
    assert_eq!(print(&printer, &body).outcome(), Outcome::Credentials, "without any");
    assert_eq!(printer.jobs().len(), 1);
}

#[test]
fn a_password_that_is_refused_later_holds_the_job() {
    for operation in [Operation::ValidateJob, Operation::CreateJob, Operation::SendDocument] {
        let printer = IppScript::start(at(operation, React::Early(FORBIDDEN)));
        assert_eq!(print(&printer, &document(1000)).outcome(), Outcome::Credentials);
        let printer = IppScript::start(at(operation, React::Status(Status::NotAuthorized)));
        assert_eq!(print(&printer, &document(1000)).outcome(), Outcome::Credentials);
    }
}

#[test]
fn an_old_printer_is_spoken_to_in_its_version() {
    let printer = IppScript::start(|call| {
        if call.message.version.major == 2 {
            React::Status(Status::VersionNotSupported)
        } else {
            React::Normally
        }
    });
    let body = document(1000);
    assert_eq!(print(&printer, &body).outcome(), printed(&body));
    let older = |call: &Call<'_>| {
        let version = call.message.version;
        if version.major == 1 && version.minor == 0 {
            React::Normally
        } else {
            React::Early("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }
    };
    assert_eq!(print(&IppScript::start(older), &body).outcome(), printed(&body));
}

#[test]
fn a_job_whose_sender_died_is_known_to_be_incomplete_and_is_not_canceled_by_the_question() {
    let printer = IppScript::start(at(Operation::SendDocument, React::Hang));
    let body = document(64 * MIB);
    let one = tag(&[&body]);
    let target = target(&printer.uri());
    let sending = send(&*target, &one, &[&body]);
    let handle = sending.handle();
    printer.called(Operation::SendDocument, 1);
    // As after a crash: nobody has taken it back yet. It is canceled when that is recorded, and not before.
    let known = with_handle(&one, &handle);
    let incomplete = Answer::Incomplete(News { handle: Some(handle), ..News::default() });
    assert_eq!(ask(&*target, &known), incomplete);
    assert_eq!(count(&printer, Operation::CancelJob), 0);
    assert_eq!(cancel(&*target, &known), Ok(()));
    assert_eq!(printer.jobs()[0].state, JobState::Canceled);
    sending.stop();
}

#[test]
fn what_is_no_ipp_is_told() {
    for answer in ["220 ftp.example.org\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"] {
        let printer = IppScript::start(move |_| React::Early(answer));
        let why = unready(&printer.uri());
        assert!(matches!(&why, NotReady::Other(words) if words.contains("its answer")), "{why:?}");
    }
}

#[test]
fn a_printer_that_wants_tls_on_its_plain_port_gets_it() {
    let behind = IppEve::start();
    let front = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = front.local_addr().unwrap();
    let port = behind.port();
    // The first request is told to come again under TLS; every other connection goes to the printer.
    spawn("front", move || {
        let (mut first, _) = front.accept().unwrap();
        let mut request = vec![0; 4096];
        let _ = first.read(&mut request).unwrap();
        first.write_all(UPGRADE.as_bytes()).unwrap();
        drop(first);
        while let Ok((client, _)) = front.accept() {
            let printer = TcpStream::connect(("127.0.0.1", port)).unwrap();
            relay(client.try_clone().unwrap(), printer.try_clone().unwrap());
            relay(printer, client);
        }
    });
    let body = document(MIB);
    let target = target(&format!("ipp://{address}/ipp/print"));
    let sending = send(&*target, &tag(&[&body]), &[&body]);
    let handle = sending.handle();
    assert_eq!(sending.outcome(), printed(&body), "{}", behind.log());
    assert!(behind.printed(&handle) == body);
    assert!(behind.log().contains("OPTIONS"), "{}", behind.log());
}

fn relay(mut from: TcpStream, mut to: TcpStream) {
    spawn("relay", move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}
