//! Jobs that are sent while their document arrives.

use super::*;
use crate::model::fixtures::after;
use crate::model::invariants;
use crate::model::job::AfterArrival;

/// Job 7, which is arriving, and its document.
fn offer() -> Input {
    let mut job = job(7);
    let document = job.documents.remove(0);
    job.entries = 0;
    Input::Offer(Box::new(job), document)
}

/// A manager that has begun with job 7.
fn streaming() -> Desk {
    let mut desk = Desk::new(start());
    desk.hears(offer(), "look");
    desk.hears(Input::Head(vec![]), "open 1");
    desk.hears(Input::Opened(Generation(1)), "look");
    desk.hears(Input::Head(vec![]), "commit 7 transmitting");
    let told: Vec<&Entry> = desk.told.iter().collect();
    assert_eq!(invariants::follows(None, &desk.handed_in[0], &told), Ok(()));
    assert_eq!(invariants::record(&desk.handed_in[0]), Ok(()));
    desk.hears(Input::Committed, "stream 7 over 1");
    desk
}

/// The job as it is when its document was accepted.
fn accepted(registered: &Job) -> Job {
    let arrive = JobEvent::Arrive { document: job(7).documents.remove(0), then: AfterArrival::Stay };
    after(registered.clone(), [arrive])
}

fn incomplete() -> Outcome {
    Outcome::Incomplete { why: Interruption::Upload, bytes: 70 }
}

#[test]
fn an_idle_printer_is_reached_first_and_then_takes_what_is_offered() {
    let desk = streaming();
    let job = &desk.handed_in[0];
    assert!(job.is_arriving());
    assert_eq!((job.attempts, &job.reason), (1, &Reason::Incoming));
    assert_eq!(desk.live.activity, Activity::Sending);
}

#[test]
fn what_waits_goes_first_and_the_offer_is_forgotten() {
    let mut desk = Desk::new(start());
    desk.hears(offer(), "look");
    desk.hears(Input::Head(vec![job(1)]), "open 1");
    desk.hears(Input::Opened(Generation(1)), "look");
    desk.hears(Input::Head(vec![]), "drop 1");
}

#[test]
fn a_printer_that_is_busy_paused_or_failing_takes_no_offer() {
    let mut busy = Desk::sending();
    busy.hears(offer(), "");

    let mut paused = start();
    paused.printer.paused = true;
    Desk::new(paused).hears(offer(), "");

    let mut failing = Desk::new(start());
    failing.hears(Input::Wake, "look");
    failing.hears(Input::Head(vec![job(1)]), "open 1");
    failing.hears(Input::OpenFailed(Generation(1), NotReady::Refused), "commit 1 waiting");
    failing.hears(Input::Committed, "");
    failing.hears(offer(), "");
}

#[test]
fn an_offer_is_forgotten_when_the_printer_is_not_there_or_paused_meanwhile() {
    let mut desk = Desk::new(start());
    desk.hears(offer(), "look");
    desk.hears(Input::Head(vec![]), "open 1");
    desk.hears(Input::OpenFailed(Generation(1), NotReady::Refused), "");
    desk.follows_timers("look");
    desk.hears(Input::Head(vec![]), "");

    let mut desk = Desk::new(start());
    desk.hears(offer(), "look");
    let mut paused = start().printer;
    paused.paused = true;
    desk.hears(Input::Printer(Box::new(paused), Asks::Cannot), "");
    desk.hears(Input::Head(vec![]), "");
    desk.hears(Input::Printer(Box::new(start().printer), Asks::Cannot), "look");
    desk.hears(Input::Head(vec![]), "");
}

/// Whoever accepts it, its document being here already, was faster.
#[test]
fn one_that_was_accepted_first_is_an_ordinary_job() {
    let mut desk = Desk::new(start());
    desk.hears(offer(), "look");
    desk.hears(Input::Head(vec![]), "open 1");
    desk.hears(Input::Opened(Generation(1)), "look");
    desk.hears(Input::Head(vec![]), "commit 7 transmitting");
    desk.hears(Input::CommitFailed(CommitError::Changed(JobId(7))), "look");
    desk.hears(Input::Head(vec![job(7)]), "commit 7 transmitting");
    desk.hears(Input::Committed, "send 7 over 1");
}

#[test]
fn an_attempt_that_ends_before_the_document_is_here_leaves_the_job_to_its_upload() {
    let held = Reason::Held(HoldReason::Incoming);
    for (outcome, word, reason, counts) in [
        (incomplete(), "canceled", Reason::Interrupted(Interruption::Upload), (1, 0)),
        (broken(Broken::Reset, Whole::Maybe), "held", held.clone(), (1, 1)),
        (broken(Broken::UploadSlow, Whole::No), "held", held.clone(), (1, 1)),
        (Outcome::NotReady(NotReady::Busy), "held", held.clone(), (0, 0)),
        (Outcome::Credentials, "held", held, (0, 0)),
    ] {
        let mut desk = streaming();
        desk.hears(Input::Report(Generation(1), outcome.clone()), &format!("commit 7 {word}"));
        let job = &desk.handed_in[0];
        assert_eq!((&job.reason, (job.attempts, job.broken)), (&reason, counts), "{outcome:?}");
        assert_eq!(invariants::record(job), Ok(()), "{outcome:?}");
        assert_eq!(job.in_doubt, 0, "its last bytes had certainly not left: {outcome:?}");
    }
}

#[test]
fn where_doubt_is_for_a_person_the_broken_job_is_held_for_him() {
    let mut start = start();
    start.printer.when_in_doubt = WhenInDoubt::Hold;
    let job = streaming().handed_in[0].clone();
    let fate = settle::fate(&job, &broken(Broken::Reset, Whole::No), &start.printer, Learned::default(), 5);
    assert_eq!(after(job, fate).reason, Reason::Held(HoldReason::OutcomeUnknown));
}

/// What the manager knows of the job is older than its acceptance: the store tells it.
#[test]
fn the_end_of_a_job_that_was_accepted_meanwhile_is_that_of_an_ordinary_one() {
    let mut desk = streaming();
    let now = accepted(&desk.handed_in[0]);
    desk.hears(Input::Report(Generation(1), done()), "look");
    desk.hears(Input::Head(vec![]), "commit 7 held");
    desk.hears(Input::CommitFailed(CommitError::Changed(JobId(7))), "read 7");
    desk.hears(Input::JobRead(Some(Box::new(now.clone()))), "look");
    desk.hears(Input::Head(vec![]), "commit 7 completed");

    let mut start = start();
    start.asks = Asks::Can;
    let mut desk = Desk::new(start);
    desk.hears(offer(), "look");
    desk.hears(Input::Head(vec![]), "open 1");
    desk.hears(Input::Opened(Generation(1)), "look");
    desk.hears(Input::Head(vec![]), "commit 7 transmitting");
    desk.hears(Input::Committed, "stream 7 over 1");
    desk.hears(Input::Report(Generation(1), broken(Broken::Reset, Whole::Maybe)), "commit 7 held");
    desk.hears(Input::CommitFailed(CommitError::Changed(JobId(7))), "read 7");
    desk.hears(Input::JobRead(Some(Box::new(now))), "ask about 7");
}

#[test]
fn a_cancellation_shuts_it_and_ends_it() {
    let mut desk = streaming();
    let wished = after(desk.handed_in[0].clone(), [JobEvent::RequestCancel]);
    desk.hears(Input::Cancel(JobId(7)), "shut 1");
    let aborted = Outcome::Aborted { whole: Whole::No, bytes: 70 };
    desk.hears(Input::Report(Generation(1), aborted), "commit 7 held");
    desk.hears(Input::CommitFailed(CommitError::Changed(JobId(7))), "read 7");
    desk.hears(Input::JobRead(Some(Box::new(wished))), "commit 7 canceled");
    assert_eq!(desk.handed_in[0].reason, Reason::None);
}

#[test]
fn a_start_that_finds_one_ends_it_and_a_failed_manager_leaves_it_to_its_upload() {
    let left = || Job { bytes_sent: 70, ..streaming().handed_in[0].clone() };
    let mut desk = Desk::new(Start { left: vec![left()], asks: Asks::Can, ..start() });
    desk.hears(Input::Wake, "commit 7 canceled");
    assert_eq!(desk.handed_in[0].reason, Reason::Interrupted(Interruption::ServerStopped));
    assert!(desk.told[0].message.contains("70 bytes, perhaps more"), "{:?}", desk.told);

    let mut desk = Desk::new(Start { left: vec![left()], beginning: Beginning::ManagerPanic, ..start() });
    desk.hears(Input::Wake, "commit 7 held");
    assert_eq!(desk.handed_in[0].reason, Reason::Held(HoldReason::Incoming));
}
