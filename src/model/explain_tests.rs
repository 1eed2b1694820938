//! One line for each thing that can be said of a job.

use super::*;
use crate::model::document::{BodyPlace, Format};
use crate::model::id::{AcceptedSeq, DocumentId, JobId, PrinterId, QueueId, QueueName, Revision};
use crate::model::job::{DocumentRef, DoneHow, Identity, Priority, Submitter};
use crate::model::options::Options;
use crate::model::printer::Origin;
use crate::model::retry::{Broken, NotReady, Whole};

fn name(text: &str) -> QueueName {
    QueueName::new(text).expect("a name")
}

fn job(status: JobStatus, reason: Reason) -> Job {
    let document =
        DocumentRef { id: DocumentId(1), format: Format::Pdf, bytes: 1000, crc: 0, place: BodyPlace::Inline };
    Job {
        id: JobId(7),
        revision: Revision(1),
        queue: QueueId::Printer(PrinterId(1)),
        queue_name: name("office"),
        rerouted: None,
        bound: None,
        status,
        reason,
        submitter: Submitter { user: "ann".to_owned(), identity: Identity::Claimed },
        title: "letter".to_owned(),
        documents: vec![document],
        options: Options::default(),
        priority: Priority::DEFAULT,
        accepted: AcceptedSeq(1),
        attempts: 0,
        broken: 0,
        in_doubt: 0,
        last_broken: None,
        device_job_id: None,
        cancel_requested: false,
        bytes_sent: 250,
        pages_total: None,
        pages_confirmed: None,
        control_hash: None,
        entries: 1,
        created_at: WallTime(0),
        updated_at: WallTime(0),
        finished_at: None,
    }
}

fn printer() -> Printer {
    Printer::new(PrinterId(1), name("office"), "sim:".to_owned(), Origin::Api)
}

fn live(activity: Activity, next: Option<u64>) -> PrinterLive {
    PrinterLive { activity, next_try_at: next.map(WallTime), ..PrinterLive::default() }
}

#[test]
fn every_status_says_why_and_what_next() {
    let cases = [
        (
            JobStatus::Held,
            Reason::Held(HoldReason::User),
            "held by a user; release it",
            "job-hold-until-specified",
        ),
        (
            JobStatus::Held,
            Reason::Held(HoldReason::Incoming),
            "still arriving",
            "job-incoming job-data-insufficient",
        ),
        (JobStatus::Rendering, Reason::None, "turned into", "job-transforming"),
        (JobStatus::Scheduled, Reason::None, "as soon as the printer is ready", "job-queued-for-marker"),
        (JobStatus::Transmitting, Reason::None, "250 of 1000 bytes so far", "job-outgoing"),
        (JobStatus::Transmitting, Reason::Blocked, "takes no more", "printer-takes-no-data job-outgoing"),
        (JobStatus::Transmitted, Reason::None, "all of it has been sent", "queued-in-device"),
        (JobStatus::Printing, Reason::None, "prints", "job-printing"),
        (JobStatus::Completed, Reason::Done(DoneHow::PeerClosed), "printed:", "job-completed-successfully"),
        (JobStatus::Canceled, Reason::None, "canceled", "job-canceled-by-user"),
        (
            JobStatus::Transmitting,
            Reason::Broken(Broken::Reset, Whole::No),
            "told to drop what it has of it",
            "connection-broken job-outgoing",
        ),
        (
            JobStatus::Canceled,
            Reason::CanceledAtDevice,
            "canceled at the printer itself",
            "job-canceled-at-device",
        ),
        (
            JobStatus::Printing,
            Reason::Stopped(NotReady::MediaEmpty),
            "the printer is out of paper; it has the job, and goes on with it when that is put right",
            "media-empty job-printing",
        ),
        (
            JobStatus::Transmitted,
            Reason::Stopped(NotReady::Other("on fire".to_owned())),
            "goes on with it when it can",
            "other queued-in-device",
        ),
    ];
    for (status, reason, sentence, keywords) in cases {
        let job = job(status, reason);
        let said = explain(&job, Around::default());
        assert!(said.contains(sentence), "{status:?}: {said}");
        assert_eq!(reasons(&job, Around::default()).join(" "), keywords, "{status:?}");
    }
}

#[test]
fn a_waiting_job_says_what_it_waits_for() {
    let noon = 12 * 3_600_000 + 3_000;
    let cases = [
        (
            Activity::NotReady(NotReady::Refused),
            Some(noon),
            Ahead::Exactly(3),
            "the printer refuses connections; it is tried again at 12:00:03Z",
        ),
        (
            Activity::NotReady(NotReady::MediaEmpty),
            None,
            Ahead::Unknown,
            "the printer is out of paper; it is tried again soon",
        ),
        (
            Activity::Recovering,
            Some(noon),
            Ahead::Unknown,
            "the connection broke; it is tried again at 12:00:03Z",
        ),
        (
            Activity::ManagerFailed,
            Some(noon),
            Ahead::Unknown,
            "the part of the server that serves the printer failed; it recovers by beginning anew; it is tried again at 12:00:03Z",
        ),
        (Activity::Sending, None, Ahead::Unknown, "it waits for the job that the printer has"),
        (Activity::Sending, None, Ahead::Exactly(1), "it waits behind 1 other job"),
        (Activity::Idle, None, Ahead::Exactly(2), "it waits behind 2 other jobs"),
        (Activity::Idle, None, Ahead::Over(64), "it waits behind more than 64 other jobs"),
        (Activity::Idle, None, Ahead::Exactly(0), "it is next; the printer is being connected"),
    ];
    let (job, printer) = (job(JobStatus::Waiting, Reason::None), printer());
    for (activity, next, ahead, sentence) in cases {
        let live = live(activity, next);
        let around = Around { printer: Some((&printer, &live)), ahead };
        assert_eq!(explain(&job, around), sentence);
    }
}

#[test]
fn a_paused_printer_says_how_it_goes_on_and_a_pool_has_no_printer() {
    let (waiting, live) = (job(JobStatus::Waiting, Reason::None), live(Activity::Idle, None));
    let paused = Printer { paused: true, ..printer() };
    let around = Around { printer: Some((&paused, &live)), ahead: Ahead::Exactly(5) };
    assert!(explain(&waiting, around).contains("`spool printer resume office`"));
    assert_eq!(reasons(&waiting, around), ["printer-stopped"]);

    let of_pool = Around { printer: None, ahead: Ahead::Exactly(1) };
    assert_eq!(explain(&waiting, of_pool), "it waits for a printer of office to be free, behind 1 other job");
}

#[test]
fn doubt_and_a_wish_to_cancel_are_told_first() {
    let again = job(JobStatus::Waiting, Reason::Broken(Broken::Reset, Whole::Maybe));
    let said = explain(&again, Around::default());
    assert!(said.contains("may have been printed") && said.contains("waits for a printer"), "{said}");
    assert_eq!(reasons(&again, Around::default()), ["may-have-printed"]);

    let canceling = Job { cancel_requested: true, ..job(JobStatus::Printing, Reason::None) };
    assert!(explain(&canceling, Around::default()).starts_with("its end was asked for"));
    assert_eq!(reasons(&canceling, Around::default()), ["job-printing", "processing-to-stop-point"]);
}
