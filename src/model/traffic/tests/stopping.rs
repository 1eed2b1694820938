//! Pause, stop and park at each stage.

use super::*;
use crate::model::commit::CommitError;

fn paused(paused: bool) -> Input {
    Input::Printer(Box::new(Printer { paused, ..start().printer }), Asks::Cannot)
}

#[test]
fn a_paused_printer_begins_nothing_and_goes_on_when_resumed() {
    let mut desk = Desk::new(start());
    desk.hears(paused(true), "");
    desk.hears(Input::Wake, "");
    desk.hears(paused(false), "look");
    desk.hears(paused(true), "");
    desk.hears(Input::Head(vec![job(1)]), "");
    desk.hears(paused(false), "look");
    desk.hears(Input::Head(vec![job(1)]), "open 1");
    desk.hears(paused(true), "");
    desk.hears(Input::Opened(Generation(1)), "drop 1");
}

#[test]
fn what_is_being_sent_when_it_is_paused_finishes_alone() {
    let mut desk = Desk::sending();
    desk.reports(1, done(), "look");
    desk.hears(paused(true), "");
    desk.hears(Input::Head(vec![job(2)]), "commit 1 completed");
    desk.hears(Input::Committed, "");

    let mut desk = Desk::sending();
    desk.hears(paused(true), "");
    desk.reports(1, done(), "commit 1 completed");
}

#[test]
fn a_stop_lets_finish_and_begins_nothing() {
    let mut idle = idle_and_known();
    idle.hears(Input::Stop, "stopped");
    idle.hears(Input::Wake, "");

    let mut looking = Desk::new(start());
    looking.hears(Input::Wake, "look");
    looking.hears(Input::Stop, "");
    looking.hears(Input::Head(vec![job(1)]), "stopped");

    let mut probing = Desk::new(start());
    probing.hears(Input::Wake, "look");
    probing.hears(Input::Head(vec![job(1)]), "open 1");
    probing.hears(Input::Stop, "drop 1, stopped");
    probing.hears(Input::Opened(Generation(1)), "");

    let mut ending = Desk::sending();
    ending.reports(1, done(), "look");
    ending.hears(Input::Stop, "");
    ending.hears(Input::Head(vec![job(2)]), "commit 1 completed");
    ending.hears(Input::Committed, "stopped");

    let mut sending = Desk::sending();
    sending.hears(Input::Stop, "");
    sending.reports(1, done(), "commit 1 completed");
    sending.hears(Input::Committed, "stopped");
}

/// A job is bound to a printer that was there, and its connection is on the way.
fn bound() -> Desk {
    let mut desk = idle_and_known();
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 2 transmitting, open 2");
    desk
}

#[test]
fn a_stop_waits_for_no_connection_that_is_not_up() {
    let mut connecting = bound();
    connecting.hears(Input::Committed, "");
    connecting.hears(Input::Stop, "drop 2, commit 2 waiting");
    connecting.hears(Input::Committed, "stopped");

    let mut binding = bound();
    binding.hears(Input::Stop, "drop 2");
    binding.hears(Input::Committed, "commit 2 waiting");
    binding.hears(Input::Committed, "stopped");
}

#[test]
fn park_gives_back_what_has_not_begun() {
    let mut connecting = bound();
    connecting.hears(Input::Committed, "");
    connecting.hears(Input::Park, "drop 2, commit 2 waiting");
    connecting.hears(Input::Committed, "stopped");

    let mut binding = bound();
    binding.hears(Input::Park, "drop 2");
    binding.hears(Input::Committed, "commit 2 waiting");
    binding.hears(Input::Committed, "stopped");

    let mut with_the_end = Desk::sending();
    with_the_end.reports(1, done(), "look");
    with_the_end.hears(Input::Head(vec![job(2)]), "commit 1 completed + 2 transmitting, open 2");
    with_the_end.hears(Input::Park, "drop 2");
    with_the_end.hears(Input::Committed, "commit 2 waiting");
    with_the_end.hears(Input::Committed, "stopped");
}

#[test]
fn park_shuts_what_is_being_sent_and_decides_it() {
    let mut desk = Desk::sending();
    desk.hears(Input::Stop, "");
    desk.hears(Input::Park, "shut 1");
    desk.reports(1, Outcome::Aborted { whole: Whole::Maybe, bytes: 100 }, "commit 1 waiting");
    assert_eq!(desk.record(1).last_broken, Some(Broken::ServerStopped));
    desk.hears(Input::Committed, "stopped");
}

#[test]
fn park_leaves_what_a_dead_store_cannot_take() {
    let mut desk = Desk::sending();
    desk.hears(Input::Park, "shut 1");
    desk.reports(1, done(), "commit 1 completed");
    desk.hears(Input::CommitFailed(CommitError::Unavailable(String::new())), "stopped");

    let mut unsettled = Desk::sending();
    unsettled.reports(1, done(), "look");
    unsettled.hears(Input::Head(vec![]), "commit 1 completed");
    unsettled.hears(Input::CommitFailed(CommitError::Full), "");
    unsettled.hears(Input::Stop, "");
    unsettled.hears(Input::Park, "stopped");
}
