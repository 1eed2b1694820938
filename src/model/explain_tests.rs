//! One line for each thing that can be said of a job.

use std::sync::Arc;

use super::*;
use crate::model::description::Description;
use crate::model::document::{BodyPlace, Format};
use crate::model::id::{AcceptedSeq, DocumentId, JobId, PrinterId, QueueId, QueueName, Revision};
use crate::model::job::{DocumentRef, DoneHow, Identity, Priority, Submitter};
use crate::model::options::Options;
use crate::model::pool::choice::Member;
use crate::model::printer::Origin;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::model::time::MonoTime;

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
        let around = Around { printer: Some((&printer, &live)), ahead, ..Around::default() };
        assert_eq!(explain(&job, around), sentence);
    }
}

#[test]
fn a_paused_printer_says_how_it_goes_on() {
    let (waiting, live) = (job(JobStatus::Waiting, Reason::None), live(Activity::Idle, None));
    let paused = Printer { paused: true, ..printer() };
    let around = Around { printer: Some((&paused, &live)), ahead: Ahead::Exactly(5), ..Around::default() };
    assert!(explain(&waiting, around).contains("`spool printer resume office`"));
    assert_eq!(reasons(&waiting, around), ["printer-stopped"]);
}

fn member(id: u32, activity: Activity, next: Option<u64>) -> Member {
    let printer = Printer::new(PrinterId(id), name(&format!("p{id}")), "sim:".to_owned(), Origin::Api);
    Member { printer: Arc::new(printer), live: live(activity, next), description: None, queued_bytes: 0 }
}

#[test]
fn a_job_of_a_pool_says_which_printers_it_waits_for() {
    let (waiting, floor) = (job(JobStatus::Waiting, Reason::None), name("floor"));
    let said = |members: &[Member], ahead| {
        let pool = Some(PoolAround { name: &floor, members, now: MonoTime::default() });
        explain(&waiting, Around { pool, ahead, ..Around::default() })
    };
    let refused = || member(1, Activity::NotReady(NotReady::Refused), Some(12 * 3_600_000));
    let (well, mut paused) = (member(2, Activity::Sending, None), member(3, Activity::Idle, None));
    paused.printer = Arc::new(Printer { paused: true, ..(*paused.printer).clone() });
    assert_eq!(said(&[], Ahead::Unknown), "floor has no printers; it waits until it gets one");
    assert_eq!(
        said(&[well.clone(), refused()], Ahead::Exactly(1)),
        "it waits for a printer of floor to be free, behind 1 other job; not for now: \
         p1 (the printer refuses connections; tried again at 12:00:00Z)"
    );
    assert_eq!(
        said(&[refused(), paused], Ahead::Exactly(0)),
        "no printer of floor can print now: p1 (the printer refuses connections; tried again at 12:00:00Z), \
         p3 (paused by an administrator)"
    );
    let urf = Description { formats: vec![Format::Urf], ..Description::default() };
    let unable = Member { description: Some(Arc::new(urf)), ..well };
    assert_eq!(
        said(&[unable], Ahead::Unknown),
        "no printer of floor prints application/pdf; move it elsewhere, or add a printer that does"
    );
}

#[test]
fn a_rerouted_job_says_where_it_comes_from_and_how_long_it_takes() {
    let moved =
        Job { rerouted: Some(QueueId::Printer(PrinterId(2))), ..job(JobStatus::Waiting, Reason::None) };
    let (printer, live) = (printer(), live(Activity::Sending, None));
    let around = Around {
        printer: Some((&printer, &live)),
        ahead: Ahead::Exactly(2),
        expected_wait: Some(Duration::from_secs(150)),
        ..Around::default()
    };
    assert_eq!(
        explain(&moved, around),
        "moved away from office, which could not print; it waits behind 2 other jobs; \
         its turn is expected in about 3 min"
    );
}

#[test]
fn doubt_and_a_wish_to_cancel_are_told_first() {
    let again = job(JobStatus::Waiting, Reason::Broken(Broken::Reset, Whole::Maybe));
    let said = explain(&again, Around::default());
    assert!(said.contains("may have been printed") && said.contains("waits for"), "{said}");
    assert_eq!(reasons(&again, Around::default()), ["may-have-printed"]);

    let canceling = Job { cancel_requested: true, ..job(JobStatus::Printing, Reason::None) };
    assert!(explain(&canceling, Around::default()).starts_with("its end was asked for"));
    assert_eq!(reasons(&canceling, Around::default()), ["job-printing", "processing-to-stop-point"]);
}
