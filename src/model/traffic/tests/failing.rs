//! The classes of failure, and what they mean for the printer.

use super::*;

/// How an attempt ends, and what becomes of the job and where: one line for each class.
#[test]
fn every_class_of_failure_has_its_end() {
    let document = Outcome::Document(FailReason::Document("bad".to_owned()));
    let cases = [
        (Outcome::NotReady(NotReady::MediaEmpty), "commit 1 waiting", "not ready"),
        (broken(Broken::Reset, Whole::No), "commit 1 waiting", "again"),
        (broken(Broken::Reset, Whole::Maybe), "commit 1 waiting", "again"),
        (broken(Broken::WorkerPanic, Whole::No), "commit 1 waiting", "again"),
        (broken(Broken::Silent, Whole::Maybe), "commit 1 waiting", "again"),
        (Outcome::Credentials, "commit 1 held", "credentials"),
        (document, "look", ""),
        (done(), "look", ""),
    ];
    for (outcome, wants, reason) in cases {
        let mut desk = Desk::sending();
        desk.reports(1, outcome.clone(), wants);
        let found = match &desk.record(1).reason {
            Reason::NotReady(_) => "not ready",
            Reason::Broken(..) => "again",
            Reason::Held(HoldReason::Credentials) => "credentials",
            _ => "",
        };
        assert_eq!(found, reason, "{outcome:?}");
    }
}

#[test]
fn ptm_11_the_next_job_goes_after_a_bad_document() {
    let mut desk = Desk::sending();
    desk.reports(1, Outcome::Document(FailReason::Document("bad".to_owned())), "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 1 failed + 2 transmitting, open 2");
}

#[test]
fn a_job_that_may_be_whole_is_printed_once_more_and_then_held() {
    let mut start = start();
    start.printer.closes = Closes::Yes;
    let mut desk = Desk::sending_with(start);
    desk.reports(1, broken(Broken::Reset, Whole::Maybe), "commit 1 waiting");
    let again = desk.record(1).clone();
    desk.hears(Input::Committed, "");
    desk.after(1, "look");
    desk.hears(Input::Head(vec![again.clone()]), "open 2");
    desk.hears(Input::Opened(Generation(2)), "look");
    desk.hears(Input::Head(vec![again]), "commit 1 transmitting");
    desk.hears(Input::Committed, "send 1 over 2");
    desk.reports(2, broken(Broken::Silent, Whole::Maybe), "commit 1 held");
    assert_eq!(desk.record(1).reason, Reason::Held(HoldReason::OutcomeUnknown));
}

#[test]
fn a_printer_whose_rule_is_to_hold_prints_nothing_twice() {
    let mut start = start();
    start.printer.when_in_doubt = WhenInDoubt::Hold;
    let mut desk = Desk::sending_with(start);
    desk.reports(1, broken(Broken::Reset, Whole::No), "commit 1 held");
}

#[test]
fn silent_twice_at_the_end_is_learned_and_is_no_break_any_more() {
    let silent = || broken(Broken::Silent, Whole::Maybe);
    let mut desk = Desk::sending();
    desk.reports(1, silent(), "commit 1 waiting");
    let again = desk.record(1).clone();
    desk.hears(Input::Committed, "look");
    desk.hears(Input::Head(vec![again.clone()]), "open 2");
    desk.hears(Input::Opened(Generation(2)), "look");
    desk.hears(Input::Head(vec![again]), "commit 1 transmitting");
    desk.hears(Input::Committed, "send 1 over 2");
    desk.reports(2, silent(), "commit 1 completed");
    assert_eq!(desk.record(1).reason, Reason::Done(DoneHow::Unconfirmed));
}

#[test]
fn a_device_that_has_closed_once_is_never_taken_for_one_that_does_not() {
    let learned = Learned { has_closed: true, ..Learned::default() };
    let mut desk = Desk::sending_with(Start { learned, ..start() });
    for _ in 0..5 {
        desk.reports(desk.traffic.generation().0, broken(Broken::Silent, Whole::Maybe), "commit 1 waiting");
        desk.hears(Input::Committed, "look");
        let generation = desk.traffic.generation().0 + 1;
        desk.hears(Input::Head(vec![job(1)]), &format!("open {generation}"));
        desk.hears(Input::Opened(Generation(generation)), "look");
        desk.hears(Input::Head(vec![job(1)]), "commit 1 transmitting");
        desk.hears(Input::Committed, &format!("send 1 over {generation}"));
    }
}

#[test]
fn breaks_in_a_row_back_off_up_to_the_longest() {
    let mut desk = Desk::sending();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let generation = desk.traffic.generation().0;
        desk.reports(generation, broken(Broken::Reset, Whole::No), "commit 1 waiting");
        desk.hears(Input::Committed, "");
        waits.push(desk.until_it_looks());
        desk.hears(Input::Head(vec![job(1)]), &format!("open {}", generation + 1));
        desk.hears(Input::Opened(Generation(generation + 1)), "look");
        desk.hears(Input::Head(vec![job(1)]), "commit 1 transmitting");
        desk.hears(Input::Committed, &format!("send 1 over {}", generation + 1));
    }
    let full = [1, 2, 4, 8, 16, 32, 60, 60];
    let near = |(wait, full): (&u64, &u64)| *wait <= *full && *wait * 10 >= *full * 9;
    assert!(waits.iter().zip(&full).all(near), "{waits:?}");
}

/// A printer that takes every connection and then no job is not tried anew from the first pace.
#[test]
fn a_connection_taken_in_vain_does_not_end_the_backoff() {
    let mut desk = Desk::sending();
    let mut tries = 0;
    while desk.seconds < 3600 {
        let generation = desk.traffic.generation().0;
        desk.reports(generation, Outcome::NotReady(NotReady::MediaEmpty), "commit 1 waiting");
        desk.hears(Input::Committed, "");
        desk.until_it_looks();
        desk.hears(Input::Head(vec![job(1)]), &format!("open {}", generation + 1));
        desk.hears(Input::Opened(Generation(generation + 1)), "look");
        desk.hears(Input::Head(vec![job(1)]), "commit 1 transmitting");
        desk.hears(Input::Committed, &format!("send 1 over {}", generation + 1));
        tries += 1;
    }
    assert!((150..250).contains(&tries), "{tries} tries in an hour");
}

#[test]
fn a_blocked_printer_says_so_and_is_shut_when_it_lasts_too_long() {
    let mut desk = Desk::sending();
    let since = at(0).mono;
    desk.seconds = 60;
    desk.hears(Input::Watch(Generation(1), Verdict::Stalled { since }), "commit 1 transmitting");
    assert_eq!((&desk.record(1).reason, &desk.live.activity), (&Reason::Blocked, &Activity::Blocked));
    desk.hears(Input::Committed, "");
    desk.after(1739, "");
    desk.after(1, "shut 1");
    desk.reports(1, Outcome::Aborted { whole: Whole::No, bytes: 40 }, "commit 1 waiting");
    assert_eq!(desk.record(1).last_broken, Some(Broken::Stalled));
}

#[test]
fn a_blocked_printer_that_moves_again_goes_on() {
    let mut desk = Desk::sending();
    let since = at(0).mono;
    desk.hears(Input::Watch(Generation(1), Verdict::Stalled { since }), "commit 1 transmitting");
    desk.hears(Input::Committed, "");
    desk.hears(Input::Watch(Generation(1), Verdict::Moving), "commit 1 transmitting");
    assert_eq!(desk.record(1).reason, Reason::None);
    desk.hears(Input::Committed, "");
    desk.after(3600, "");
}

#[test]
fn ptm_7_a_stuck_thread_is_replaced_only_when_its_connection_is_shut() {
    let mut desk = Desk::sending();
    desk.hears(
        Input::Watch(Generation(1), Verdict::Stuck { since: crate::model::time::MonoTime::default() }),
        "shut 1",
    );
    assert_eq!(desk.live.activity, Activity::Unshut);
    desk.after(100, "");
    desk.hears(Input::ConnectionShut(Generation(1)), "");
    desk.after(1, "commit 1 waiting");
    assert_eq!(desk.record(1).last_broken, Some(Broken::WorkerStuck));
    assert_eq!(desk.record(1).in_doubt, 1, "nobody knows how far it came");
    desk.hears(Input::Report(Generation(1), done()), "");
}

#[test]
fn a_stuck_thread_that_reports_after_all_is_believed() {
    let mut desk = Desk::sending();
    desk.hears(
        Input::Watch(Generation(1), Verdict::Stuck { since: crate::model::time::MonoTime::default() }),
        "shut 1",
    );
    desk.hears(Input::ConnectionShut(Generation(1)), "");
    desk.reports(1, Outcome::Aborted { whole: Whole::No, bytes: 40 }, "commit 1 waiting");
    assert_eq!((desk.record(1).last_broken, desk.record(1).in_doubt), (Some(Broken::WorkerStuck), 0));

    let mut desk = Desk::sending();
    desk.hears(
        Input::Watch(Generation(1), Verdict::Stuck { since: crate::model::time::MonoTime::default() }),
        "shut 1",
    );
    desk.reports(1, done(), "look");
}

#[test]
fn another_device_is_tried_at_once_and_gets_no_link_to_the_old_one() {
    let moved =
        || Input::Printer(Box::new(Printer { uri: "sim:other".to_owned(), ..start().printer }), Asks::Cannot);
    // The old one is being connected to.
    let mut probing = Desk::new(start());
    probing.hears(Input::Wake, "look");
    probing.hears(Input::Head(vec![job(1)]), "open 1");
    probing.hears(moved(), "drop 1, look");
    probing.hears(Input::Head(vec![job(1)]), "open 2");
    // It is open, and nothing is under way over it.
    let mut open = Desk::new(start());
    open.hears(Input::Wake, "look");
    open.hears(Input::Head(vec![job(1)]), "open 1");
    open.hears(Input::Opened(Generation(1)), "look");
    open.hears(moved(), "drop 1");
    open.hears(Input::Head(vec![job(1)]), "open 2");
    // It was tried in vain for long: the new one begins at the first pace.
    let mut bad = Desk::new(start());
    bad.hears(Input::Wake, "look");
    bad.hears(Input::Head(vec![job(1)]), "open 1");
    bad.hears(Input::OpenFailed(Generation(1), NotReady::Asleep), "commit 1 waiting");
    bad.hears(Input::Committed, "");
    bad.seconds += 600;
    bad.hears(Input::Timer(None), "look");
    bad.hears(Input::Head(vec![job(1)]), "open 2");
    bad.hears(Input::OpenFailed(Generation(2), NotReady::Asleep), "");
    bad.hears(moved(), "look");
    bad.hears(Input::Head(vec![job(1)]), "open 3");
    bad.hears(Input::OpenFailed(Generation(3), NotReady::Asleep), "");
    assert!(bad.until_it_looks() <= 2);
}

#[test]
fn a_printer_that_failed_and_has_no_work_left_says_how_it_was_found() {
    let mut desk = Desk::sending();
    desk.reports(1, broken(Broken::Reset, Whole::No), "commit 1 waiting");
    desk.hears(Input::Committed, "");
    desk.until_it_looks();
    desk.hears(Input::Head(Vec::new()), "");
    assert_eq!(desk.live.activity, Activity::Idle);
    let trouble = desk.live.last_trouble.as_ref().expect("it is remembered");
    assert_eq!((trouble.at, trouble.sentence().as_str()), (at(0).wall, "the connection broke"));
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(2)]), "open 2");
    desk.hears(Input::Opened(Generation(2)), "look");
    desk.hears(Input::Head(Vec::new()), "drop 2");
    assert_eq!((&desk.live.activity, &desk.live.last_trouble), (&Activity::Idle, &None));
}

/// The jobs behind the one that it has are to go elsewhere when the grace of its reason is over.
#[test]
fn a_device_that_stops_in_the_middle_is_not_ready_from_then_on() {
    let says = |stopped| {
        let handle = Some("17".to_owned());
        Input::News(Generation(1), News { handle, stopped, ..News::default() })
    };
    let mut desk = Desk::sending_with(Start { asks: Asks::Can, ..start() });
    assert_eq!(desk.live.not_ready_since, None);
    desk.seconds = 10;
    desk.hears(says(Some(NotReady::MediaEmpty)), "commit 1 transmitting");
    assert_eq!(desk.live.not_ready_since, Some(at(10).mono));
    desk.seconds = 20;
    desk.hears(Input::Committed, "commit 1 transmitting");
    desk.hears(Input::Committed, "");
    desk.hears(says(Some(NotReady::MediaJam)), "commit 1 transmitting");
    assert_eq!(desk.live.activity, Activity::NotReady(NotReady::MediaJam));
    assert_eq!(desk.live.not_ready_since, Some(at(10).mono), "it has not gone on between");
    desk.hears(Input::Committed, "");
    desk.hears(says(None), "commit 1 transmitting");
    assert_eq!(desk.live.not_ready_since, None);
}
