//! Jobs that an earlier life left at the printer.

use super::*;
use crate::model::commit::CommitError;
use crate::model::fixtures::{after, job_in};

const AT_PRINTER: [JobStatus; 5] = [
    JobStatus::Rendering,
    JobStatus::Scheduled,
    JobStatus::Transmitting,
    JobStatus::Transmitted,
    JobStatus::Printing,
];

fn left(job: Job, asks: Asks) -> Desk {
    Desk::new(Start { left: vec![job], asks, ..start() })
}

#[test]
fn what_was_never_sent_goes_back_to_its_place() {
    for status in [JobStatus::Rendering, JobStatus::Scheduled] {
        for asks in [Asks::Can, Asks::Cannot] {
            let mut desk = left(job_in(status), asks);
            desk.hears(Input::Wake, "commit 1 waiting");
            assert_eq!((desk.record(1).broken, &desk.record(1).reason), (0, &Reason::None));
            desk.hears(Input::CommitFailed(CommitError::Full), "");
            desk.after(1, "commit 1 waiting");
            desk.hears(Input::Committed, "look");
        }
    }
}

#[test]
fn what_may_have_been_sent_is_in_doubt_where_nobody_can_be_asked() {
    for status in &AT_PRINTER[2..] {
        let mut desk = left(job_in(*status), Asks::Cannot);
        desk.hears(Input::Wake, "commit 1 waiting");
        assert_eq!(desk.record(1).reason, Reason::Broken(Broken::ServerStopped, Whole::Maybe));
        desk.hears(Input::Committed, "look");

        let mut rule = start();
        rule.printer.when_in_doubt = WhenInDoubt::Hold;
        let mut desk = Desk::new(Start { left: vec![job_in(*status)], ..rule });
        desk.hears(Input::Wake, "commit 1 held");
        assert_eq!(desk.record(1).reason, Reason::Held(HoldReason::OutcomeUnknown));
    }
}

#[test]
fn a_device_that_can_tell_is_asked_first() {
    let cases = [
        (Answer::Printed(DoneHow::DeviceSaid), "commit 1 completed"),
        (Answer::NotPrinted, "commit 1 waiting"),
        (Answer::CannotTell, "commit 1 waiting"),
        (Answer::Underway, ""),
        (Answer::NotReady(NotReady::Asleep), ""),
    ];
    for status in &AT_PRINTER[2..] {
        for (answer, wants) in &cases {
            let mut desk = left(job_in(*status), Asks::Can);
            desk.hears(Input::Wake, "ask about 1");
            desk.hears(Input::Answered(answer.clone()), wants);
            if wants.is_empty() {
                desk.after(1, "ask about 1");
            }
        }
    }
}

#[test]
fn can_11_a_cancel_flag_survives_the_end_of_the_server() {
    for status in AT_PRINTER {
        let flagged = || after(job_in(status), [JobEvent::RequestCancel]);
        let mut desk = left(flagged(), Asks::Cannot);
        desk.hears(Input::Wake, "commit 1 canceled");
        if matches!(status, JobStatus::Rendering | JobStatus::Scheduled) {
            continue;
        }
        let mut desk = left(flagged(), Asks::Can);
        desk.hears(Input::Wake, "ask about 1");
        desk.hears(Input::Answered(Answer::NotPrinted), "commit 1 canceled");
        let mut desk = left(flagged(), Asks::Can);
        desk.hears(Input::Wake, "ask about 1");
        desk.hears(Input::Answered(Answer::Printed(DoneHow::DeviceSaid)), "commit 1 completed");
    }
}

#[test]
fn nothing_new_begins_before_what_was_left_is_decided() {
    let mut second = job_in(JobStatus::Transmitted);
    second.id = JobId(2);
    let jobs = vec![job_in(JobStatus::Transmitting), second];
    let mut desk = Desk::new(Start { left: jobs, ..start() });
    desk.hears(Input::Wake, "commit 1 waiting");
    desk.hears(Input::Wake, "");
    desk.hears(Input::Committed, "commit 2 waiting");
    desk.hears(Input::Committed, "look");
}

#[test]
fn ptm_7_a_panic_of_the_manager_speaks_against_its_printer_and_twice_against_the_job() {
    let panicked =
        |job| Start { left: vec![job], beginning: Beginning::ManagerPanic, last: Generation(7), ..start() };
    let mut desk = Desk::new(panicked(job_in(JobStatus::Transmitting)));
    desk.hears(Input::Wake, "commit 1 waiting");
    let again = desk.record(1).clone();
    desk.hears(Input::Committed, "");
    assert_eq!(desk.live.activity, Activity::Recovering);
    desk.after(1, "look");
    desk.hears(Input::Head(vec![again.clone()]), "open 8");

    let second = after(again, [JobEvent::Attempt(crate::model::fixtures::bound(8))]);
    let mut desk = Desk::new(panicked(second));
    desk.hears(Input::Wake, "commit 1 held");
    assert_eq!(desk.record(1).reason, Reason::Held(HoldReason::FailedTwiceRunning));
}

#[test]
fn ptm_7_what_the_print_thread_of_a_failed_manager_said_is_believed() {
    let done = || Outcome::Done { how: DoneHow::PeerClosed, bytes: 10 };
    let shut = |whole| Outcome::Aborted { whole, bytes: 10 };
    let told = |job: Job, generation, outcome| {
        let start = Start { left: vec![job], beginning: Beginning::ManagerPanic, ..start() };
        let mut desk = Desk::new(start.clone());
        desk.traffic = Traffic::new(start).after_report(generation, outcome);
        desk
    };
    let sending = job_in(JobStatus::Transmitting);
    let generation = sending.bound.as_ref().unwrap().generation;
    told(sending.clone(), generation, done()).hears(Input::Wake, "commit 1 completed");
    // Another connection's word says nothing of this one.
    told(sending.clone(), Generation(generation.0 + 1), done()).hears(Input::Wake, "commit 1 waiting");
    // It was shut because its manager had failed: that speaks of nothing but how much had left.
    let mut desk = told(sending.clone(), generation, shut(Whole::No));
    desk.hears(Input::Wake, "commit 1 waiting");
    assert_eq!(desk.record(1).reason, Reason::Broken(Broken::ManagerPanic, Whole::No));
    let flagged = after(sending, [JobEvent::RequestCancel]);
    told(flagged, generation, shut(Whole::No)).hears(Input::Wake, "commit 1 canceled");
}
