//! IPP printers as they are met: `ippeveprinter` of CUPS, without a server of ours.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use spool::device::CancelFailed;
use spool::model::document::Format;
use spool::model::job::DoneHow;
use spool::model::liveness::Stage;
use spool::model::news::{News, Printing};
use spool::model::outcome::{Answer, Outcome};
use spool::model::retry::{Broken, NotReady, Whole};
use support::attempt::{ask, cancel, describe, document, open, send, tag, target, with_handle, with_options};
use support::ippeve::IppEve;

const KIB_64: usize = 64 * 1024;
const MIB: usize = 1024 * 1024;

fn printed(body: &[u8]) -> Outcome {
    Outcome::Done { how: DoneHow::DeviceSaid, bytes: body.len() as u64 }
}

#[test]
fn documents_come_out_whole_and_end_on_the_printers_word() {
    let printer = IppEve::start();
    let target = target(&printer.uri());
    for size in [1, KIB_64 - 1, KIB_64, KIB_64 + 1, 10 * MIB] {
        let body = document(size);
        let sending = send(&*target, &tag(&[&body]), &[&body]);
        let handle = sending.handle();
        assert_eq!(sending.outcome(), printed(&body), "{}", printer.log());
        assert!(printer.printed(&handle) == body, "{size} bytes came out otherwise");
    }
}

#[test]
fn a_job_is_done_when_the_printer_says_so_and_not_before() {
    let printer = IppEve::start();
    printer.hold_up();
    let body = document(1000);
    let tag = tag(&[&body]);
    let target = target(&printer.uri());
    let sending = send(&*target, &tag, &[&body]);
    let handle = sending.handle();
    sending.wait_for(Stage::AwaitingWord);
    sending.wait_for_news(|news| news.printing == Printing::Begun);
    assert!(!sending.is_over());
    let underway =
        News { handle: Some(handle.clone()), printing: Printing::Begun, pages_done: Some(0), stopped: None };
    assert_eq!(ask(&*target, &with_handle(&tag, &handle)), Answer::Progress(underway.clone()));
    assert_eq!(ask(&*target, &tag), Answer::Progress(underway), "found by its name");
    printer.let_go();
    assert_eq!(sending.outcome(), printed(&body));
    assert_eq!(ask(&*target, &with_handle(&tag, &handle)), Answer::Printed(DoneHow::DeviceSaid));
    assert_eq!(ask(&*target, &tag), Answer::Printed(DoneHow::DeviceSaid), "found by its name");
}

#[test]
fn a_job_that_the_printer_never_had_is_not_found() {
    let printer = IppEve::start();
    let target = target(&printer.uri());
    let body = document(10);
    let one = tag(&[&body]);
    let sending = send(&*target, &one, &[&body]);
    let handle = sending.handle();
    sending.outcome();
    let other = spool::device::JobTag { created_at: spool::model::time::WallTime(1), ..one.clone() };
    assert_eq!(ask(&*target, &other), Answer::CannotTell);
    let with_ones_handle = with_handle(&other, &handle);
    assert_eq!(ask(&*target, &with_ones_handle), Answer::CannotTell, "the number is somebody else's");
}

#[test]
fn can_9_a_job_is_canceled_by_its_handle_on_a_second_connection() {
    let printer = IppEve::start();
    printer.hold_up();
    let body = document(1000);
    let tag = tag(&[&body]);
    let target = target(&printer.uri());
    let sending = send(&*target, &tag, &[&body]);
    let handle = sending.handle();
    sending.wait_for_news(|news| news.printing == Printing::Begun);
    assert_eq!(cancel(&*target, &with_handle(&tag, &handle)), Ok(()));
    printer.let_go();
    assert_eq!(sending.outcome(), Outcome::Canceled { bytes: 1000 });
    let again = with_handle(&tag, &handle);
    assert_eq!(ask(&*target, &again), Answer::Canceled);
    assert_eq!(cancel(&*target, &again), Err(CancelFailed::TooLate));
    assert_eq!(cancel(&*target, &with_handle(&tag, "4711")), Err(CancelFailed::TooLate));
}

#[test]
fn what_the_printer_gives_up_is_broken() {
    let printer = IppEve::start();
    printer.fail();
    let body = document(1000);
    let target = target(&printer.uri());
    let sending = send(&*target, &tag(&[&body]), &[&body]);
    let broken = Outcome::Broken { broken: Broken::DeviceAborted, whole: Whole::Maybe, bytes: 1000 };
    assert_eq!(sending.outcome(), broken);
}

#[test]
fn a_format_that_the_printer_does_not_know_is_the_documents_fault() {
    let printer = IppEve::with_formats("image/pwg-raster");
    let body = document(1000);
    let outcome = send(&*target(&printer.uri()), &tag(&[&body]), &[&body]).outcome();
    assert!(matches!(outcome, Outcome::Document(_)), "{outcome:?} {}", printer.log());
    assert!(printer.all_printed().is_empty());
}

#[test]
fn a_printer_that_takes_one_document_a_job_gets_one_job_after_the_other() {
    let printer = IppEve::start();
    let (a, b) = (document(KIB_64 + 5), document(3));
    let tag = tag(&[&a, &b]);
    let target = target(&printer.uri());
    let sending = send(&*target, &tag, &[&a, &b]);
    let all = [a.clone(), b.clone()].concat();
    assert_eq!(sending.outcome(), printed(&all), "{}", printer.log());
    let jobs = printer.all_printed();
    let bodies: Vec<_> = jobs.iter().map(|job| printer.printed(job)).collect();
    assert!(bodies == [a, b]);
    assert_eq!(ask(&*target, &tag), Answer::Printed(DoneHow::DeviceSaid));
}

#[test]
fn copies_are_made_by_the_printer() {
    let printer = IppEve::start();
    let body = document(1000);
    let tag = with_options(tag(&[&body]), &[("copies", "3")]);
    let target = target(&printer.uri());
    assert!(open(&*target).unwrap().makes_copies(&tag));
    let sending = send(&*target, &tag, &[&body]);
    let handle = sending.handle();
    assert_eq!(sending.outcome(), printed(&body), "handed over once");
    assert_eq!(printer.all_printed(), [handle]);
}

#[test]
fn a_printer_describes_itself_also_while_it_cannot_print() {
    let printer = IppEve::start();
    let described = describe(&*target(&printer.uri())).unwrap().unwrap();
    assert_eq!(described.model.as_deref(), Some("Example Printer"));
    assert!(described.formats.contains(&Format::Pdf), "{described:?}");
    assert!(described.identity.is_some() && !described.supplies.is_empty(), "{described:?}");
    let link = open(&*target(&printer.uri())).unwrap();
    assert_eq!(*link.description().unwrap(), described);
}

#[test]
fn can_6_nothing_is_sent_to_a_printer_that_cannot_print() {
    let printer = IppEve::start();
    let target = target(&printer.uri());
    printer.take_paper_out();
    let body = document(1000);
    let first = send(&*target, &tag(&[&body]), &[&body]);
    first.wait_for_news(|news| news.stopped == Some(NotReady::MediaEmpty));
    // Somebody's job has stopped it: this one does not get there.
    assert_eq!(open(&*target).map(|_| ()).unwrap_err(), NotReady::MediaEmpty);
    assert!(describe(&*target).unwrap().is_some());
    assert!(!first.is_over());
    printer.put_paper_in();
    assert_eq!(first.outcome(), printed(&body));
    assert!(open(&*target).is_ok());
}

#[test]
fn a_printer_that_takes_one_job_at_a_time_is_busy_and_gets_no_byte() {
    let printer = IppEve::start();
    printer.hold_up();
    let target = target(&printer.uri());
    let body = document(1000);
    let first = send(&*target, &tag(&[&body]), &[&body]);
    first.wait_for_news(|news| news.printing == Printing::Begun);
    assert_eq!(send(&*target, &tag(&[&body]), &[&body]).outcome(), Outcome::NotReady(NotReady::Busy));
    printer.let_go();
    assert_eq!(first.outcome(), printed(&body));
    assert_eq!(printer.all_printed().len(), 1);
}

#[test]
fn a_printer_that_dies_after_the_last_byte_and_comes_back_has_forgotten_the_job() {
    let mut printer = IppEve::start();
    printer.hold_up();
    let body = document(1000);
    let tag = tag(&[&body]);
    let target = target(&printer.uri());
    let sending = send(&*target, &tag, &[&body]);
    sending.wait_for_news(|news| news.printing == Printing::Begun);
    printer.kill();
    sending.wait_for_news(|news| news.stopped == Some(NotReady::Refused));
    assert!(!sending.is_over(), "it is asked on");
    assert_eq!(open(&*target).map(|_| ()).unwrap_err(), NotReady::Refused);
    assert_eq!(ask(&*target, &tag), Answer::NotReady(NotReady::Refused));
    printer.restart();
    let forgotten = Outcome::Broken { broken: Broken::Forgotten, whole: Whole::Maybe, bytes: 1000 };
    assert_eq!(sending.outcome(), forgotten);
    assert_eq!(ask(&*target, &tag), Answer::CannotTell);
}

#[test]
fn a_printer_that_dies_in_the_middle_has_not_got_the_whole() {
    let mut printer = IppEve::start();
    let target = target(&printer.uri());
    let body = document(64 * MIB);
    printer.freeze();
    printer.thaw();
    let sending = send(&*target, &tag(&[&body]), &[&body]);
    sending.handle();
    printer.freeze();
    printer.kill();
    let outcome = sending.outcome();
    assert!(
        matches!(outcome, Outcome::Broken { whole: Whole::No, .. } | Outcome::NotReady(_)),
        "{outcome:?}"
    );
}

#[test]
fn a_printer_that_stands_still_does_not_hold_up_who_stops_or_shuts() {
    let body = document(64 * MIB);
    for by_shutter in [false, true] {
        let printer = IppEve::start();
        let target = target(&printer.uri());
        let sending = send(&*target, &tag(&[&body]), &[&body]);
        sending.handle();
        printer.freeze();
        if by_shutter {
            sending.shutter.shut()
        } else {
            sending.stop()
        }
        assert!(matches!(sending.outcome(), Outcome::Aborted { .. }));
    }
}

#[test]
fn tls_is_spoken_to_a_printer_with_a_certificate_of_its_own() {
    let printer = IppEve::start();
    let target = target(&printer.uri_tls());
    for size in [1, MIB + 1] {
        let body = document(size);
        let sending = send(&*target, &tag(&[&body]), &[&body]);
        let handle = sending.handle();
        assert_eq!(sending.outcome(), printed(&body), "{}", printer.log());
        assert!(printer.printed(&handle) == body);
    }
}

#[test]
fn a_path_that_is_not_there_is_told_and_the_usual_one_is_found() {
    let printer = IppEve::start();
    let wrong = format!("ipp://127.0.0.1:{}/printers/none", printer.port());
    let why = open(&*target(&wrong)).map(|_| ()).unwrap_err();
    assert!(matches!(&why, NotReady::Other(words) if words.contains("path")), "{why:?}");
    let bare = format!("ipp://127.0.0.1:{}", printer.port());
    assert!(open(&*target(&bare)).is_ok());
}
