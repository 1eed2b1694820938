//! Printers that refuse: the credentials, the document, the job.

use std::fs;

use serde_json::json;
use spool::protocol::ipp::Operation;

use super::support::attempt::document;
use super::support::ipp_script::{IppScript, wants_password};
use super::support::ippeve::IppEve;
use super::support::server::{FAST, Server, printer};
use super::{completed, entry, message, office, with_printer};

#[test]
fn wrong_credentials_hold_the_job_until_they_are_corrected_and_it_is_released() {
    let script = IppScript::start(wants_password);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "user:wrong\n").unwrap();
    let line = format!("credentials_file = \"{}\"", file.display());
    let server = Server::start(&format!("{FAST}{}", printer("office", &script.uri(), &line)));
    let body = document(100_000);
    let job = server.submit("printer=office", &body);
    let held = server.until(job, "held");
    assert_eq!(held["reasons"], json!(["account-authorization-failed"]), "{held:#}");
    assert!(message(&held).contains("credentials"), "{held:#}");
    assert_eq!((&held["attempts"], &held["ipp_state"]), (&json!(0), &json!("pending-held")), "{held:#}");
    assert!(script.calls().iter().all(|call| *call == Operation::GetPrinterAttributes));
    // Released without anything having changed it is held again.
    server.control(job, "release").expect(200);
    let again = || (server.kinds(job).iter().filter(|kind| *kind == "held").count() == 2).then_some(());
    server.wait("it is held again", again);
    fs::write(&file, "user:password\n").unwrap();
    server.control(job, "release").expect(200);
    completed(&server.until(job, "completed"));
    assert!(script.jobs()[0].documents == [body]);
    assert_eq!(script.jobs().len(), 1);
}

#[test]
fn a_format_that_the_printer_does_not_know_fails_the_job_alone() {
    let eve = IppEve::with_formats("image/pwg-raster");
    let server = office(&eve.uri());
    let job = server.submit("printer=office", &document(1000));
    let failed = server.until(job, "failed");
    assert_eq!(failed["reasons"], json!(["document-format-error"]), "{failed:#}");
    assert_eq!(failed["ipp_state"], "aborted");
    let raster = [b"RaS2".as_slice(), &[7; 5000]].concat();
    server.until(server.submit("printer=office", &raster), "completed");
    assert_eq!(eve.all_printed().len(), 1);
}

#[test]
fn what_the_printer_gives_up_may_have_printed_and_is_tried_once_more() {
    let (eve, server) = with_printer();
    eve.fail();
    let job = server.submit("printer=office", &document(1000));
    let held = server.until(job, "held");
    assert_eq!((&held["reasons"], &held["attempts"]), (&json!(["outcome-unknown"]), &json!(2)), "{held:#}");
    let (_, again) = entry(&server, job, "print-again");
    assert_eq!(again["source"], "device", "{again:#}");
    assert_eq!(eve.all_printed().len(), 2);
}

#[test]
fn what_is_canceled_at_the_printers_panel_says_so() {
    let (eve, server) = with_printer();
    eve.hold_up();
    let job = server.submit("printer=office", b"page");
    let printing = server.until(job, "printing");
    eve.cancel_at_panel(super::handle(&printing));
    eve.let_go();
    let canceled = server.until(job, "canceled");
    assert_eq!(canceled["reasons"], json!(["job-canceled-at-device"]), "{canceled:#}");
    assert_eq!(canceled["cancel_flag"], false);
    assert_eq!(entry(&server, job, "canceled").1["source"], "device");
    let next = server.submit("printer=office", b"next");
    server.until(next, "completed");
}
