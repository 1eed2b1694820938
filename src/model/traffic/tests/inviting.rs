//! Jobs that are begun by whoever accepts them.

use super::*;
use crate::model::directory::Directory;
use crate::model::id::{PoolId, Revision};
use std::sync::Arc;

/// A manager that has done job 1 and found nothing behind it.
fn idle() -> Desk {
    let mut desk = Desk::sending();
    desk.reports(1, done(), "look");
    desk.hears(Input::Head(vec![]), "commit 1 completed");
    assert_eq!(desk.traffic.invites(at(0)), None, "an end is under way");
    desk.hears(Input::Committed, "look");
    assert_eq!(desk.traffic.invites(at(0)), None, "the queues are being read");
    desk.hears(Input::Head(vec![]), "");
    desk
}

fn accepting(job: Job) -> Commit {
    Commit { expect: vec![(job.id, Revision(0))], jobs: vec![job], ..Commit::default() }
}

fn known(printer: Printer) -> Directory {
    Directory { printers: vec![Arc::new(printer)], ..Directory::default() }
}

fn invitation(desk: &Desk) -> Invitation {
    desk.traffic.invites(at(desk.seconds)).expect("it has nothing to do and answered lately")
}

fn attempt(desk: &Desk) -> (Job, Commit) {
    let begun = invitation(desk).attempt(&accepting(job(2)), &known(start().printer), at(desk.seconds));
    begun.expect("it waits for this printer")
}

/// What goes into the store is what the manager itself would have put there, and it goes on in the same way.
#[test]
fn a_job_that_was_begun_by_invitation_goes_on_like_any_other() {
    let (mut found, mut begun) = (idle(), idle());
    let (bound, commit) = attempt(&begun);
    begun.hears(Input::Begun(Box::new(bound)), "open 2");
    assert_eq!(begun.traffic.invites(at(0)), None, "it has a job");

    found.hears(Input::Wake, "look");
    let effects = found.traffic.step(Input::Head(vec![job(2)]), at(0));
    assert!(effects.contains(&Effect::Commit(Box::new(commit))), "{effects:?}");
    for desk in [&mut found, &mut begun] {
        desk.hears(Input::Opened(Generation(2)), "");
        desk.hears(Input::Committed, "send 2 over 2");
    }
}

#[test]
fn a_printer_that_is_not_known_to_be_there_invites_nobody() {
    let mut new = Desk::new(start());
    new.hears(Input::Wake, "look");
    new.hears(Input::Head(vec![]), "");
    assert_eq!(new.traffic.invites(at(0)), None, "it was never reached");

    let desk = idle();
    let just = ANSWERED_LATELY.as_secs() - 1;
    assert!(desk.traffic.invites(at(just)).is_some());
    assert_eq!(desk.traffic.invites(at(just + 1)), None);
    let late = invitation(&desk).attempt(&accepting(job(2)), &known(start().printer), at(just + 1));
    assert_eq!(late, None);
}

#[test]
fn a_printer_that_is_to_begin_nothing_invites_nobody() {
    let mut paused = idle();
    paused.hears(Input::Printer(Box::new(Printer { paused: true, ..start().printer }), Asks::Cannot), "");
    assert_eq!(paused.traffic.invites(at(0)), None);
    let mut stopping = idle();
    stopping.hears(Input::Stop, "stopped");
    assert_eq!(stopping.traffic.invites(at(0)), None);
    let mut woken = idle();
    woken.hears(Input::Wake, "look");
    assert_eq!(woken.traffic.invites(at(0)), None);
}

#[test]
fn an_invitation_is_for_jobs_of_the_printers_own_queue_alone() {
    let (invitation, here) = (invitation(&idle()), known(start().printer));
    let tries = |job: Job, directory: &Directory| invitation.attempt(&accepting(job), directory, at(0));
    assert!(tries(job(2), &here).is_some());
    assert_eq!(tries(Job { queue: QueueId::Pool(PoolId(1)), ..job(2) }, &here), None);
    assert_eq!(tries(Job { rerouted: Some(QueueId::Pool(PoolId(1))), ..job(2) }, &here), None);
    assert_eq!(tries(Job { status: JobStatus::Held, ..job(2) }, &here), None);
    // It is paused or removed, and its manager does not know yet.
    assert_eq!(tries(job(2), &known(Printer { paused: true, ..start().printer })), None);
    assert_eq!(tries(job(2), &Directory::default()), None);
    assert_eq!(invitation.attempt(&Commit::default(), &here, at(0)), None);
    // A job that was there before, and is released or moved: somebody else may have changed it at the same revision.
    let released = Commit { expect: vec![(JobId(2), Revision(1))], ..accepting(job(2)) };
    assert_eq!(invitation.attempt(&released, &here, at(0)), None);
}

/// The acceptance was refused, and the attempt with it; or the attempt alone.
#[test]
fn an_attempt_by_invitation_that_was_not_taken_is_no_attempt() {
    for error in [CommitError::Changed(JobId(2)), CommitError::Full] {
        let mut desk = idle();
        let (bound, _) = attempt(&desk);
        desk.hears(Input::Begun(Box::new(bound)), "open 2");
        desk.hears(Input::CommitFailed(error.clone()), "");
        let wants = if error == CommitError::Full { "" } else { "look" };
        desk.hears(Input::Opened(Generation(2)), wants);
        if error == CommitError::Full {
            desk.after(1, "look");
        }
        desk.hears(Input::Head(vec![job(2)]), "commit 2 transmitting");
    }
}

#[test]
fn an_attempt_by_invitation_of_which_the_store_says_nothing_is_looked_up() {
    let mut desk = idle();
    let (bound, _) = attempt(&desk);
    desk.hears(Input::Begun(Box::new(bound.clone())), "open 2");
    desk.hears(Input::Opened(Generation(2)), "");
    desk.hears(Input::CommitFailed(CommitError::Unknown), "");
    desk.after(1, "read 2");
    desk.hears(Input::JobRead(Some(Box::new(bound))), "send 2 over 2");
}

#[test]
fn a_cancellation_while_an_attempt_by_invitation_is_committed_ends_the_job() {
    let mut desk = idle();
    let (bound, _) = attempt(&desk);
    desk.hears(Input::Begun(Box::new(bound)), "open 2");
    desk.hears(Input::Cancel(JobId(2)), "");
    desk.hears(Input::Committed, "drop 2, commit 2 waiting");
}
