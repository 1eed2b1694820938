//! Devices that refuse the job itself, or stop in the middle of it, in a pool.

use serde_json::json;
use spool::protocol::ipp::{JobState, PrinterState};

use crate::stage::{PAGE, QUICK, alone, entries, floor, floor_text, has_reason, message, next_prints, warm};
use crate::support::ipp_script::{IppScript, React, Traits};
use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::Server;
use crate::support::sink::Endless;

#[test]
fn a_document_that_a_member_refuses_has_failed_and_is_not_tried_elsewhere() {
    let mate = FakePrinter::start(Behaviour::Normal);
    let server = floor("sim:?fail=document@2", &mate);
    warm(&server);
    let bad = server.submit("printer=floor", b"bad");
    let failed = server.until(bad, "failed");
    assert!(has_reason(&failed, "document-format-error"), "{failed:#}");
    assert_eq!((&failed["attempts"], mate.connections()), (&json!(1), 0));
    next_prints(&server);
}

#[test]
fn credentials_that_a_member_refuses_hold_the_job_and_the_next_comes_out_of_the_mate() {
    let mate = FakePrinter::start(Behaviour::Normal);
    let settings =
        QUICK.replace("[\"100ms\", \"1s\"]", "[\"2s\", \"2s\"]").replace("300ms\"\nbroken", "1h\"\nbroken");
    let server = Server::start(&floor_text(&settings, "sim:?fail=credentials@2", &mate));
    warm(&server);
    let job = server.submit("printer=floor", PAGE);
    let held = server.until(job, "held");
    assert!(has_reason(&held, "account-authorization-failed"), "{held:#}");
    let next = server.submit("printer=floor", b"other");
    assert_eq!(server.until(next, "completed")["assigned_printer"], "b");
    server.control(job, "release").expect(200);
    server.until(job, "completed");
    next_prints(&server);
}

/// Its job is at the device, which says that somebody has to come.
fn jams_in_the_middle() -> IppScript {
    let end = (JobState::ProcessingStopped, vec!["printer-stopped"]);
    let traits = Traits { state: PrinterState::Idle, reasons: vec!["none"], end, ..Traits::default() };
    IppScript::with(traits, |_| React::Normally)
}

fn goes_on(server: &Server, device: &IppScript, job: u64) {
    device.change(|traits| {
        (traits.state, traits.reasons) = (PrinterState::Idle, vec!["none"]);
        traits.end = (JobState::Completed, vec!["job-completed-successfully"]);
    });
    device.change_jobs(|jobs| jobs[0].state = JobState::Processing);
    server.until_job(job, "it goes on", |job| !has_reason(job, "media-jam"));
    device.change_jobs(|jobs| jobs[0].state = JobState::Completed);
}

/// However long it takes: `retry.blocked` is for devices that do not say what they wait for.
fn waits_for_a_hand(server: &Server, device: &IppScript, job: u64) {
    device.job_is_there();
    device.change(|traits| {
        (traits.state, traits.reasons) = (PrinterState::Stopped, vec!["media-jam-error"]);
    });
    let jammed = server.until_job(job, "it says that paper is jammed", |job| has_reason(job, "media-jam"));
    assert!(message(&jammed).contains("paper is jammed in the printer; it has the job"), "{jammed:#}");
    let shown = crate::stage::shown(server, "media-jam");
    assert!(message(&shown).contains("paper is jammed"), "{shown:#}");
}

#[test]
fn a_printer_that_jams_in_the_middle_keeps_its_job_and_goes_on() {
    let device = jams_in_the_middle();
    let server = alone(&device.uri());
    let job = server.submit("printer=a", PAGE);
    waits_for_a_hand(&server, &device, job);
    goes_on(&server, &device, job);
    assert_eq!(server.until(job, "completed")["attempts"], 1);
    assert_eq!(device.jobs().len(), 1, "it was printed once");
    assert_eq!(entries(&server, job, "printer-goes-on").len(), 1, "{:?}", server.kinds(job));
    next_prints(&server);
}

#[test]
fn a_member_that_jams_in_the_middle_keeps_its_job_and_the_mate_prints_the_others() {
    let (device, mate) = (jams_in_the_middle(), FakePrinter::start(Behaviour::Normal));
    let server = floor(&device.uri(), &mate);
    // Nobody else is there when it is taken.
    server.post("/api/v1/printers/b/pause", None).expect(200);
    let job = server.submit("printer=floor", PAGE);
    device.job_is_there();
    server.post("/api/v1/printers/b/resume", None).expect(200);
    waits_for_a_hand(&server, &device, job);
    let document = Endless::bytes(100_000);
    for _ in 0..3 {
        let other = server.submit("printer=floor", &document);
        assert_eq!(server.until(other, "completed")["assigned_printer"], "b");
    }
    goes_on(&server, &device, job);
    let done = server.until(job, "completed");
    assert_eq!((&done["assigned_printer"], &done["attempts"]), (&json!("a"), &json!(1)));
    assert_eq!((device.jobs().len(), mate.documents(3).len()), (1, 3));
    next_prints(&server);
}
