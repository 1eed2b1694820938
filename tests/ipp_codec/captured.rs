//! What is understood of the answers of real printers.

use spool::protocol::ipp::{
    Answer, JobAttributes, JobState, Notifications, Operation, PrintQuality, PrinterAttributes, PrinterState,
    Status, Subscribed, Version, decode, encode,
};

use crate::{FIXTURES, fixture};

fn job(name: &str) -> JobAttributes {
    JobAttributes::first(&fixture(name)).unwrap()
}

#[test]
fn a_printer_describes_itself() {
    let printer = PrinterAttributes::first(&fixture("eve-printer-all")).unwrap();
    assert_eq!(printer.make_and_model.as_deref(), Some("Example Printer"));
    assert_eq!(printer.location.as_deref(), Some("2nd floor"));
    assert_eq!(printer.uuid.as_deref(), Some("urn:uuid:a84c5ce5-537c-3965-568c-5f1d220a53c6"));
    assert_eq!(printer.state, Some(PrinterState::Idle));
    assert_eq!(printer.state_reasons, Some(vec![]));
    assert_eq!(printer.is_accepting_jobs, Some(true));
    assert_eq!(printer.versions, [Version::V1_1, Version::V2_0]);
    assert_eq!(printer.knows(Operation::CreateJob), Some(true));
    assert_eq!(printer.knows(Operation::GetNotifications), Some(false));
    assert_eq!(printer.compressions, ["deflate", "gzip", "none"]);
    assert_eq!(printer.multiple_document_jobs, Some(false));
    assert_eq!(printer.formats[1], "application/pdf");
    assert_eq!(printer.media_ready, ["na_letter_8.5x11in", "na_number-10_4.125x9.5in"]);
    assert_eq!(printer.media_types.len(), 8);
    assert_eq!(printer.sides.len(), 3);
    assert_eq!(printer.color, Some(false));
    assert_eq!(printer.qualities, [PrintQuality::Draft, PrintQuality::Normal, PrintQuality::High]);
    assert_eq!(printer.resolutions, [(600, 600)]);
    assert_eq!(printer.pwg_raster_resolutions, [(300, 300), (600, 600)]);
    assert_eq!(printer.copies, Some((1, 999)));
    assert_eq!(printer.pages_per_minute, Some(10));
    let uris = printer.uris.iter().map(|uri| (uri.uri.as_str(), uri.security.as_deref()));
    let expected = [
        ("ipp://127.0.0.1:18631/ipp/print", Some("none")),
        ("ipps://127.0.0.1:18631/ipp/print", Some("tls")),
    ];
    assert!(uris.eq(expected));
    let supplies = printer.supplies.iter();
    let supplies = supplies.map(|supply| (supply.name.as_str(), supply.kind.as_deref(), supply.percent));
    // The waste tank is a quarter full.
    let expected =
        [("Toner Waste Tank", Some("waste-toner"), Some(75)), ("Black Toner", Some("toner"), Some(75))];
    assert!(supplies.eq(expected));
    assert_eq!(printer.supplies[1].color.as_deref(), Some("#000000"));
}

#[test]
fn what_a_printer_leaves_out_is_unknown() {
    let printer = PrinterAttributes::first(&fixture("cups-printer-all")).unwrap();
    assert_eq!((printer.color, printer.location), (None, None));
    assert!(printer.media.is_empty() && printer.sides.is_empty() && printer.resolutions.is_empty());
    assert_eq!(printer.notify_pull_methods, ["ippget"]);
    assert_eq!(printer.number_up[1], (2, 2));
    assert_eq!(PrinterAttributes::first(&fixture("eve-job")), None);
    assert_eq!(PrinterAttributes::default().knows(Operation::CreateJob), None);
}

#[test]
fn a_job_is_followed_from_answer_to_answer() {
    let created = job("eve-create-job");
    assert_eq!((created.id, created.state), (Some(1), Some(JobState::PendingHeld)));
    assert_eq!(created.uri.as_deref(), Some("ipp://127.0.0.1:18631/ipp/print/1"));
    assert!(created.has_reason("job-data-insufficient"));
    let sent = job("eve-send-document");
    assert_eq!((sent.state, sent.state_reasons.len()), (Some(JobState::Pending), 0));
    let done = job("eve-job");
    assert_eq!((done.name.as_deref(), done.state), (Some("Bericht"), Some(JobState::Completed)));
    assert!(done.state.unwrap().is_final());
    assert_eq!(done.time_at_completed, Some(26));
    // cupsd lists no more than it was asked for.
    assert_eq!((job("cups-jobs-completed").id, job("cups-jobs-completed").state), (Some(1), None));
}

#[test]
fn events_tell_of_jobs_and_of_the_printer() {
    let subscribed: Vec<Subscribed> = Subscribed::all(&fixture("cups-subscribe")).collect();
    assert_eq!(subscribed, [Subscribed { id: Some(1), lease_s: None, status: Status::Ok }]);
    let answer = Notifications::of(&fixture("cups-notifications"));
    assert_eq!(answer.get_interval_s, Some(60));
    let sequence: Vec<_> = answer.events.iter().filter_map(|event| event.sequence_number).collect();
    assert_eq!(sequence, [1, 2, 3, 4, 5]);
    let jobs: Vec<_> =
        answer.events.iter().map(|event| event.job.as_ref().and_then(|job| job.state)).collect();
    let states = [JobState::Pending, JobState::Processing, JobState::Completed].map(Some);
    assert_eq!(jobs, [states[0], None, states[1], states[2], None]);
    assert_eq!(answer.events[1].printer_state, Some(PrinterState::Processing));
    assert_eq!(answer.events[3].subscribed_event.as_deref(), Some("job-completed"));
    assert!(answer.events[3].job.as_ref().unwrap().has_reason("job-completed-successfully"));
}

#[test]
fn refusals_say_why() {
    let answer = Answer::of(&fixture("eve-validate-unsupported"));
    assert_eq!(answer.status, Status::AttributesOrValuesNotSupported);
    assert_eq!(answer.unsupported, ["copies", "sides"]);
    assert_eq!(answer.message.as_deref(), Some("Unsupported sides keyword value."));
    let refused: Vec<Subscribed> = Subscribed::all(&fixture("cups-subscribe-refused")).collect();
    let status = Status::AttributesOrValuesNotSupported;
    assert_eq!(refused, [Subscribed { id: None, lease_s: None, status }]);
    let statuses = [
        ("eve-cancel-too-late", Status::NotPossible),
        ("eve-job-not-found", Status::NotFound),
        ("eve-operation-not-supported", Status::OperationNotSupported),
        ("eve-version-not-supported", Status::VersionNotSupported),
        ("cups-notifications-gone", Status::NotFound),
    ];
    for (name, status) in statuses {
        assert_eq!(fixture(name).status(), status, "{name}");
        assert!(!status.is_successful());
    }
}

/// The printers' own encoders are no worse than ours, and ours no worse than theirs.
#[test]
fn answers_are_written_again_byte_for_byte() {
    for (name, bytes) in FIXTURES {
        let (message, document) = decode(bytes).unwrap();
        assert!(document.is_empty(), "{name}");
        assert_eq!(encode(&message).unwrap(), *bytes, "{name}");
    }
}
