//! What the store answers at each stage, and cancels that come between.

use super::*;
use crate::model::commit::CommitError as E;

#[test]
fn an_attempt_that_somebody_overtook_looks_again() {
    let mut desk = Desk::new(start());
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(1)]), "open 1");
    desk.hears(Input::Opened(Generation(1)), "look");
    desk.hears(Input::Head(vec![job(1)]), "commit 1 transmitting");
    desk.hears(Input::CommitFailed(E::Changed(JobId(1))), "look");
    desk.hears(Input::Head(vec![]), "drop 1");
}

#[test]
fn an_end_that_somebody_overtook_is_decided_anew() {
    let mut desk = Desk::sending();
    desk.reports(1, broken(Broken::Reset, Whole::No), "commit 1 waiting");
    let sent = crate::model::fixtures::after(job(1), [JobEvent::Attempt(crate::model::fixtures::bound(1))]);
    let wished = crate::model::fixtures::after(sent, [JobEvent::RequestCancel]);
    desk.hears(Input::CommitFailed(E::Changed(JobId(1))), "read 1");
    desk.hears(Input::JobRead(Some(Box::new(wished))), "commit 1 canceled");
    desk.hears(Input::Committed, "");
}

/// After an unheard commit another printer may have the job: its attempt is not ours to decide.
#[test]
fn an_end_that_was_written_unheard_is_not_decided_twice() {
    let mut desk = Desk::sending();
    desk.reports(1, broken(Broken::Reset, Whole::No), "commit 1 waiting");
    let waiting = desk.record(1).clone();
    desk.hears(Input::CommitFailed(E::Unknown), "");
    desk.after(1, "commit 1 waiting");
    desk.hears(Input::CommitFailed(E::Changed(JobId(1))), "read 1");
    let elsewhere =
        crate::model::fixtures::after(waiting, [JobEvent::Attempt(crate::model::fixtures::bound(9))]);
    desk.hears(Input::JobRead(Some(Box::new(elsewhere))), "");
    assert_eq!(desk.live.activity, Activity::Recovering, "the printer is judged all the same");
}

#[test]
fn an_attempt_of_which_nobody_knows_is_looked_up() {
    let unknown = || {
        let mut desk = Desk::new(start());
        desk.hears(Input::Wake, "look");
        desk.hears(Input::Head(vec![job(1)]), "open 1");
        desk.hears(Input::Opened(Generation(1)), "look");
        desk.hears(Input::Head(vec![job(1)]), "commit 1 transmitting");
        desk.hears(Input::CommitFailed(E::Unknown), "");
        desk.after(1, "read 1");
        desk
    };
    let mut written = unknown();
    let record = Box::new(written.record(1).clone());
    written.hears(Input::JobRead(Some(record)), "send 1 over 1");

    let mut not_written = unknown();
    not_written.hears(Input::JobRead(Some(Box::new(job(1)))), "look");

    let mut unreadable = unknown();
    unreadable.hears(Input::ReadFailed, "");
    unreadable.after(1, "read 1");
}

#[test]
fn the_next_attempt_of_which_nobody_knows_is_looked_up_after_the_end() {
    let mut desk = Desk::sending();
    desk.reports(1, done(), "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 1 completed + 2 transmitting, open 2");
    let record = Box::new(desk.record(2).clone());
    desk.hears(Input::CommitFailed(E::Unknown), "");
    desk.hears(Input::Opened(Generation(2)), "");
    desk.after(1, "commit 1 completed");
    desk.hears(Input::CommitFailed(E::Changed(JobId(1))), "read 1");
    desk.hears(Input::JobRead(Some(Box::new(desk.record(1).clone()))), "read 2");
    desk.hears(Input::JobRead(Some(record)), "send 2 over 2");
}

#[test]
fn a_full_disk_binds_nothing_and_is_tried_again() {
    let mut desk = idle_and_known();
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 2 transmitting, open 2");
    desk.hears(Input::CommitFailed(E::Full), "");
    assert_eq!(desk.live.activity, Activity::StoreFull);
    desk.hears(Input::Opened(Generation(2)), "");
    desk.hears(Input::Wake, "");
    desk.after(1, "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 2 transmitting");
}

#[test]
fn a_full_disk_keeps_the_end_of_a_job_until_it_can_be_written() {
    let mut desk = Desk::sending();
    desk.reports(1, done(), "look");
    desk.hears(Input::Head(vec![]), "commit 1 completed");
    for _ in 0..10 {
        desk.hears(Input::CommitFailed(E::Full), "");
        assert_eq!(desk.live.activity, Activity::StoreFull);
        desk.after(1, "commit 1 completed");
    }
    desk.hears(Input::Committed, "look");
}

#[test]
fn a_note_that_cannot_be_written_does_not_disturb_the_sending() {
    let progress = Progress { bytes: 100, stage: Stage::AwaitingWord };
    for error in [E::Full, E::Unknown, E::Unavailable(String::new())] {
        let mut desk = Desk::sending();
        desk.seconds = 1;
        desk.hears(Input::Timer(Some(progress)), "commit 1 transmitted");
        desk.hears(Input::CommitFailed(error), "");
        desk.reports(1, done(), "look");
    }
}

#[test]
fn an_end_waits_for_the_note_that_is_being_written() {
    let progress = Progress { bytes: 100, stage: Stage::AwaitingWord };
    let mut desk = Desk::sending();
    desk.seconds = 1;
    desk.hears(Input::Timer(Some(progress)), "commit 1 transmitted");
    desk.reports(1, done(), "");
    desk.hears(Input::Committed, "look");
    desk.hears(Input::Head(vec![]), "commit 1 completed");
    assert_eq!(desk.record(1).revision.0, 4);
}

#[test]
fn can_11_a_cancel_that_overtakes_the_news_of_the_attempt_keeps_the_job_from_starting() {
    let mut desk = Desk::new(start());
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(1)]), "open 1");
    desk.hears(Input::Opened(Generation(1)), "look");
    desk.hears(Input::Head(vec![job(1)]), "commit 1 transmitting");
    let wished = Box::new(desk.cancel_wished(1));
    desk.hears(Input::Cancel(JobId(1)), "");
    desk.hears(Input::Committed, "drop 1, commit 1 waiting");
    desk.hears(Input::CommitFailed(E::Changed(JobId(1))), "read 1");
    desk.hears(Input::JobRead(Some(wished)), "commit 1 canceled");
}

#[test]
fn can_11_a_cancel_before_the_connection_is_up_keeps_the_job_from_starting() {
    let mut desk = idle_and_known();
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 2 transmitting, open 2");
    let wished = Box::new(desk.cancel_wished(2));
    desk.hears(Input::Committed, "");
    desk.hears(Input::Cancel(JobId(2)), "drop 2, commit 2 waiting");
    desk.hears(Input::CommitFailed(E::Changed(JobId(2))), "read 2");
    desk.hears(Input::JobRead(Some(wished)), "commit 2 canceled");
}

#[test]
fn ptm_9_a_cancel_while_bytes_leave_shuts_the_connection() {
    let mut desk = Desk::sending();
    let wished = Box::new(desk.cancel_wished(1));
    desk.hears(Input::Cancel(JobId(2)), "");
    desk.hears(Input::Cancel(JobId(1)), "shut 1");
    desk.hears(Input::Cancel(JobId(1)), "");
    desk.reports(1, Outcome::Aborted { whole: Whole::No, bytes: 40 }, "commit 1 waiting");
    desk.hears(Input::CommitFailed(E::Changed(JobId(1))), "read 1");
    desk.hears(Input::JobRead(Some(wished)), "commit 1 canceled");
}

#[test]
fn can_9_a_device_that_finishes_first_has_completed_the_job() {
    let mut desk = Desk::sending();
    let wished = Box::new(desk.cancel_wished(1));
    desk.hears(Input::Cancel(JobId(1)), "shut 1");
    desk.reports(1, done(), "look");
    desk.hears(Input::Head(vec![]), "commit 1 completed");
    desk.hears(Input::CommitFailed(E::Changed(JobId(1))), "read 1");
    desk.hears(Input::JobRead(Some(wished)), "commit 1 completed");
}
