//! A device that talks: what it says of a job, what it is asked, and what it is told.

use super::*;
use crate::model::commit::CommitError;
use crate::model::fixtures::{after, bound};
use crate::model::news::Printing;
use crate::model::outcome::CancelFailed;

fn talks() -> Start {
    Start { asks: Asks::Can, ..start() }
}

fn handle() -> News {
    News { handle: Some("17".to_owned()), ..News::default() }
}

fn begun() -> News {
    News { printing: Printing::Begun, ..handle() }
}

fn stopped(why: NotReady) -> News {
    News { stopped: Some(why), ..handle() }
}

fn news(news: News) -> Input {
    Input::News(Generation(1), news)
}

fn canceled(answer: Result<(), CancelFailed>) -> Input {
    Input::CancelAnswered(JobId(1), answer)
}

fn off() -> Result<(), CancelFailed> {
    Err(CancelFailed::NotReady(NotReady::Asleep))
}

/// A device that has the job under number 17 and says that it prints.
fn printing() -> Desk {
    let mut desk = Desk::sending_with(talks());
    desk.hears(news(begun()), "commit 1 transmitting");
    desk.hears(Input::Committed, "commit 1 printing");
    desk.hears(Input::Committed, "");
    desk
}

/// Some of the bytes are with the device, which knows the job as number 17, when the connection breaks.
fn broken_off(whole: Whole) -> Desk {
    let mut desk = Desk::sending_with(talks());
    desk.hears(news(handle()), "commit 1 transmitting");
    desk.hears(Input::Committed, "");
    match whole {
        Whole::Maybe => desk.reports(1, broken(Broken::Reset, whole), "ask about 1"),
        Whole::No => {
            desk.reports(1, broken(Broken::Reset, whole), "ask about 1, commit 1 transmitting");
            desk.hears(Input::Committed, "cancel 17 at the device");
        }
    }
    desk
}

#[test]
fn can_6_the_start_notice_brings_the_handle_and_wins_over_the_end_of_transfer() {
    let mut desk = Desk::sending_with(talks());
    desk.hears(news(begun()), "commit 1 transmitting");
    assert_eq!(desk.record(1).device_job_id.as_deref(), Some("17"));
    desk.hears(Input::Committed, "commit 1 printing");
    desk.hears(Input::Committed, "");
    desk.seconds = 1;
    let all = Progress { bytes: 100, stage: Stage::AwaitingWord };
    desk.hears(Input::Timer(Some(all)), "commit 1 printing");
    assert_eq!((desk.record(1).bytes_sent, desk.told.len()), (100, 1));
    desk.hears(Input::Committed, "");
    desk.hears(Input::Timer(Some(all)), "");
}

#[test]
fn news_that_come_while_a_note_is_written_are_kept_and_the_newest_holds() {
    let mut desk = Desk::sending_with(talks());
    desk.hears(news(handle()), "commit 1 transmitting");
    desk.hears(news(begun()), "");
    desk.hears(news(News { stopped: Some(NotReady::CoverOpen), ..begun() }), "");
    desk.hears(news(News { stopped: Some(NotReady::MediaEmpty), ..begun() }), "");
    desk.hears(Input::Committed, "commit 1 printing");
    desk.hears(Input::Committed, "commit 1 printing");
    assert_eq!(desk.record(1).reason, Reason::Stopped(NotReady::MediaEmpty));
    desk.hears(Input::Committed, "");
}

#[test]
fn news_that_cannot_be_written_are_written_later() {
    let mut desk = Desk::sending_with(talks());
    desk.hears(news(handle()), "commit 1 transmitting");
    desk.hears(Input::CommitFailed(CommitError::Full), "");
    desk.after(1, "commit 1 transmitting");
    assert_eq!(desk.record(1).device_job_id.as_deref(), Some("17"));
}

#[test]
fn the_handle_is_recorded_before_the_end_and_a_full_disk_does_not_hold_the_end_up() {
    let overtaken = || {
        let mut desk = Desk::sending_with(talks());
        desk.hears(
            Input::Timer(Some(Progress { bytes: 100, stage: Stage::AwaitingWord })),
            "commit 1 transmitted",
        );
        desk.hears(news(handle()), "");
        desk.reports(1, done(), "");
        desk.hears(Input::Committed, "commit 1 transmitted");
        assert_eq!(desk.record(1).device_job_id.as_deref(), Some("17"));
        desk
    };
    let mut desk = overtaken();
    desk.hears(Input::Committed, "look");
    let mut desk = overtaken();
    desk.hears(Input::CommitFailed(CommitError::Full), "look");
}

#[test]
fn news_of_an_older_connection_change_nothing() {
    let mut desk = Desk::sending_with(talks());
    desk.hears(Input::News(Generation(7), begun()), "");
    desk.reports(1, done(), "look");
    desk.hears(news(begun()), "");
}

#[test]
fn pages_are_recorded_at_their_pace() {
    let mut desk = printing();
    desk.hears(news(News { pages_done: Some(1), ..begun() }), "");
    desk.hears(news(News { pages_done: Some(2), ..begun() }), "");
    desk.after(5, "commit 1 printing");
    assert_eq!((desk.record(1).pages_confirmed, desk.told.len()), (Some(2), 0), "pages have no timeline");
}

#[test]
fn a_device_that_stops_says_so_on_job_and_printer_once_for_each_change() {
    let mut desk = printing();
    desk.hears(news(stopped(NotReady::MediaEmpty)), "commit 1 printing");
    let entry = desk.told[0].clone();
    let told = (entry.kind.as_ref(), entry.reason.as_deref(), entry.source);
    assert_eq!(told, ("printer-stopped", Some("media-empty"), Source::Device));
    assert_eq!(desk.live.activity, Activity::NotReady(NotReady::MediaEmpty));
    assert_eq!(desk.live.job, Some(JobId(1)));
    desk.hears(Input::Committed, "");
    desk.hears(news(stopped(NotReady::MediaEmpty)), "");
    desk.hears(news(begun()), "commit 1 printing");
    assert_eq!((desk.told[0].kind.as_ref(), &desk.record(1).reason), ("printer-goes-on", &Reason::None));
    desk.hears(Input::Committed, "");
    assert_eq!(desk.live.activity, Activity::Sending);
}

#[test]
fn a_device_without_paper_is_waited_for_and_one_that_only_blocks_is_not() {
    let since = at(0).mono;
    let mut desk = Desk::sending_with(talks());
    desk.hears(Input::Watch(Generation(1), Verdict::Stalled { since }), "commit 1 transmitting");
    desk.hears(Input::Committed, "");
    desk.hears(news(stopped(NotReady::MediaEmpty)), "commit 1 transmitting");
    desk.hears(Input::Committed, "commit 1 transmitting");
    desk.hears(Input::Committed, "");
    desk.after(1_000_000, "");
    // Paper is there, and it still takes nothing: its patience begins now.
    desk.hears(news(handle()), "commit 1 transmitting");
    desk.hears(Input::Committed, "commit 1 transmitting");
    assert_eq!(desk.record(1).reason, Reason::Blocked);
    desk.hears(Input::Committed, "");
    desk.after(1799, "");
    desk.after(1, "shut 1");
}

#[test]
fn a_job_canceled_at_the_panel_says_where_it_was_canceled() {
    let mut desk = printing();
    desk.reports(1, Outcome::Canceled { bytes: 100 }, "look");
    desk.hears(Input::Head(vec![]), "commit 1 canceled");
    assert_eq!(desk.record(1).reason, Reason::CanceledAtDevice);
    assert_eq!((desk.told[0].kind.as_ref(), desk.told[0].source), ("canceled", Source::Device));
}

#[test]
fn can_9_a_job_that_prints_is_canceled_by_its_handle_and_ends_on_the_device_s_word() {
    let mut desk = printing();
    let wished = Box::new(desk.cancel_wished(1));
    desk.hears(Input::Cancel(JobId(1)), "cancel 17 at the device");
    desk.hears(Input::Cancel(JobId(1)), "");
    desk.hears(canceled(Ok(())), "");
    desk.reports(1, Outcome::Canceled { bytes: 100 }, "look");
    desk.hears(Input::Head(vec![]), "commit 1 canceled");
    desk.hears(Input::CommitFailed(CommitError::Changed(JobId(1))), "read 1");
    desk.hears(Input::JobRead(Some(wished)), "commit 1 canceled");
    assert_eq!((&desk.record(1).reason, desk.told[0].source), (&Reason::None, Source::User));
}

#[test]
fn can_9_a_device_that_does_not_answer_is_told_again() {
    let mut desk = printing();
    desk.hears(Input::Cancel(JobId(1)), "cancel 17 at the device");
    for _ in 0..200 {
        desk.hears(canceled(off()), "");
        assert!(desk.follows_timers("cancel 17 at the device") <= 60);
    }
    desk.hears(canceled(Ok(())), "");
    desk.after(3600, "");
}

#[test]
fn can_9_a_device_that_finished_first_has_completed_the_job_and_the_timeline_says_so() {
    let mut desk = printing();
    let wished = Box::new(desk.cancel_wished(1));
    desk.hears(Input::Cancel(JobId(1)), "cancel 17 at the device");
    desk.hears(canceled(Err(CancelFailed::TooLate)), "");
    desk.reports(1, Outcome::Done { how: DoneHow::DeviceSaid, bytes: 100 }, "look");
    desk.hears(Input::Head(vec![]), "commit 1 completed");
    desk.hears(Input::CommitFailed(CommitError::Changed(JobId(1))), "read 1");
    desk.hears(Input::JobRead(Some(wished)), "commit 1 completed");
    assert!(desk.told[0].message.ends_with("the printer was done before it could be canceled"));
    assert_eq!(desk.told[0].source, Source::Device);
}

#[test]
fn can_9_while_bytes_leave_the_link_is_shut_and_the_device_told_to_drop_what_it_has() {
    let shut = || {
        let mut desk = Desk::sending_with(talks());
        desk.hears(news(handle()), "commit 1 transmitting");
        desk.hears(Input::Committed, "");
        let wished = Box::new(desk.cancel_wished(1));
        desk.hears(Input::Cancel(JobId(1)), "shut 1");
        let aborted = Outcome::Aborted { whole: Whole::No, bytes: 40 };
        desk.reports(1, aborted, "cancel 17 at the device, ask about 1");
        (desk, wished)
    };
    let ends = |desk: &mut Desk, wished| {
        desk.hears(Input::CommitFailed(CommitError::Changed(JobId(1))), "read 1");
        desk.hears(Input::JobRead(Some(wished)), "commit 1 canceled");
        assert_eq!(desk.told[0].source, Source::User);
    };
    let (mut desk, wished) = shut();
    desk.hears(canceled(Ok(())), "");
    desk.hears(Input::Answered(Answer::Canceled), "commit 1 waiting");
    ends(&mut desk, wished);
    // Nobody waits for the device longer than this.
    let (mut desk, wished) = shut();
    desk.hears(canceled(off()), "");
    desk.hears(Input::Answered(Answer::Underway), "");
    for _ in 0..9 {
        let effects = desk.traffic.step(Input::Timer(None), at(desk.seconds));
        if effects.iter().any(|effect| matches!(effect, Effect::Ask(_))) {
            desk.hears(Input::Answered(Answer::Underway), "");
        }
        desk.seconds += 1;
    }
    desk.after(2, "commit 1 waiting");
    ends(&mut desk, wished);
}

#[test]
fn in_doubt_the_device_is_asked_first() {
    let cases = [
        (Answer::Printed(DoneHow::DeviceSaid), "commit 1 completed", Reason::Done(DoneHow::DeviceSaid)),
        (Answer::NotPrinted, "commit 1 waiting", Reason::Broken(Broken::Reset, Whole::No)),
        (Answer::CannotTell, "commit 1 waiting", Reason::Broken(Broken::Reset, Whole::Maybe)),
        (
            Answer::GivenUp(Broken::Forgotten),
            "commit 1 waiting",
            Reason::Broken(Broken::Forgotten, Whole::Maybe),
        ),
        (Answer::Canceled, "commit 1 canceled", Reason::CanceledAtDevice),
    ];
    for (answer, wants, reason) in cases {
        let mut desk = broken_off(Whole::Maybe);
        desk.hears(Input::Answered(answer), wants);
        assert_eq!(desk.record(1).reason, reason);
    }
}

#[test]
fn a_job_that_the_device_still_has_is_followed_to_its_end() {
    let mut desk = broken_off(Whole::Maybe);
    desk.hears(Input::Answered(Answer::Progress(begun())), "commit 1 printing");
    desk.hears(Input::Committed, "");
    for _ in 0..1000 {
        desk.after(1, "ask about 1");
        desk.hears(Input::Answered(Answer::Underway), "");
    }
    desk.after(1, "ask about 1");
    desk.hears(Input::Answered(Answer::Progress(stopped(NotReady::MediaJam))), "commit 1 printing");
    desk.hears(Input::Committed, "");
    assert_eq!(desk.live.activity, Activity::NotReady(NotReady::MediaJam));
    desk.hears(Input::Cancel(JobId(1)), "read 1, cancel 17 at the device");
    let wished = Box::new(desk.cancel_wished(1));
    desk.hears(Input::JobRead(Some(wished)), "");
    desk.hears(canceled(Ok(())), "ask about 1");
    desk.hears(Input::Answered(Answer::Canceled), "commit 1 canceled");
    assert_eq!(desk.told[0].source, Source::User);
}

/// From time to time, as while it was sent.
#[test]
fn pages_of_a_job_that_is_only_asked_about_are_recorded() {
    let pages = |n| Input::Answered(Answer::Progress(News { pages_done: Some(n), ..begun() }));
    let mut desk = broken_off(Whole::Maybe);
    desk.hears(Input::Answered(Answer::Progress(begun())), "commit 1 printing");
    desk.hears(Input::Committed, "");
    desk.after(1, "ask about 1");
    desk.hears(pages(3), "");
    desk.after(5, "commit 1 printing, ask about 1");
    assert_eq!(desk.record(1).pages_confirmed, Some(3));
    desk.hears(Input::Committed, "");
    desk.hears(pages(3), "");
}

/// What is left of a job that is printed again is cleared away at the device, and not waited for without end.
#[test]
fn half_a_job_is_cleared_away_before_it_is_printed_again() {
    let mut desk = broken_off(Whole::No);
    desk.hears(canceled(Ok(())), "");
    desk.hears(Input::Answered(Answer::Canceled), "commit 1 waiting");
    assert_eq!(desk.record(1).reason, Reason::Broken(Broken::Reset, Whole::No));

    let mut desk = broken_off(Whole::No);
    desk.hears(Input::Answered(Answer::Printed(DoneHow::DeviceSaid)), "commit 1 waiting");
    assert_eq!(desk.record(1).reason, Reason::Broken(Broken::Reset, Whole::No), "half of it, at most");

    let mut desk = broken_off(Whole::No);
    desk.hears(Input::Answered(Answer::NotReady(NotReady::Asleep)), "");
    desk.seconds += CLEAR_WAIT.as_secs();
    desk.hears(Input::Timer(None), "commit 1 waiting");
}

/// «Canceled» is what a device says of the half that it was told to drop. The record knows after a crash that it was.
#[test]
fn half_a_job_that_was_cleared_away_before_a_crash_is_printed_again() {
    let half = broken_off(Whole::No).record(1).clone();
    let mut desk = Desk::new(Start { left: vec![half], ..talks() });
    desk.hears(Input::Wake, "ask about 1, cancel 17 at the device");
    desk.hears(Input::Answered(Answer::Canceled), "commit 1 waiting");
    assert_eq!(desk.record(1).reason, Reason::Broken(Broken::Reset, Whole::No));
}

#[test]
fn what_the_device_itself_gave_up_is_not_asked_about() {
    for why in [Broken::DeviceAborted, Broken::Forgotten] {
        let mut desk = Desk::sending_with(talks());
        desk.reports(1, broken(why, Whole::Maybe), "commit 1 waiting");
    }
}

#[test]
fn a_question_does_not_hold_up_a_stop_and_the_next_start_asks_again() {
    for end in [Input::Stop, Input::Park] {
        let mut desk = broken_off(Whole::Maybe);
        desk.hears(end, "stopped");
        desk.hears(Input::Answered(Answer::Printed(DoneHow::DeviceSaid)), "");
    }
    let mut desk = Desk::sending_with(talks());
    desk.hears(Input::Stop, "");
    desk.hears(Input::Park, "shut 1");
    desk.reports(1, Outcome::Aborted { whole: Whole::Maybe, bytes: 100 }, "stopped");
}

#[test]
fn can_11_a_cancel_of_which_the_device_was_not_told_is_told_after_a_crash() {
    let wish = [
        JobEvent::Attempt(bound(1)),
        JobEvent::Handle("17".to_owned()),
        JobEvent::PrintStart,
        JobEvent::RequestCancel,
    ];
    let left = vec![after(job(1), wish)];
    let mut desk = Desk::new(Start { left, ..talks() });
    desk.hears(Input::Wake, "cancel 17 at the device, ask about 1");
    desk.hears(canceled(off()), "");
    desk.hears(Input::Answered(Answer::NotReady(NotReady::Asleep)), "commit 1 printing");
    desk.hears(Input::Committed, "");
    desk.seconds += 1;
    desk.hears(Input::Timer(None), "cancel 17 at the device, ask about 1");
    desk.hears(Input::Answered(Answer::Canceled), "commit 1 canceled");
    assert_eq!(desk.told[0].source, Source::User);
}

/// The server died in the middle of a job, and the device waits for the rest.
#[test]
fn what_will_never_be_whole_is_dropped_there_only_when_the_record_says_so() {
    let sending = after(job(1), [JobEvent::Attempt(bound(7)), JobEvent::Handle("17".to_owned())]);
    let mut desk = Desk::new(Start { left: vec![sending], ..talks() });
    desk.hears(Input::Wake, "ask about 1");
    desk.hears(Input::Answered(Answer::Incomplete(handle())), "commit 1 transmitting");
    assert_eq!(desk.record(1).reason, Reason::Broken(Broken::ServerStopped, Whole::No));
    let marked = desk.record(1).clone();
    desk.hears(Input::Committed, "cancel 17 at the device");
    desk.hears(canceled(Ok(())), "ask about 1");
    desk.hears(Input::Answered(Answer::Canceled), "commit 1 waiting");
    assert_eq!(desk.record(1).in_doubt, 0, "it certainly was no whole");
    // The next life believes the mark, should this one die before it has heard or recorded that.
    let mut desk = Desk::new(Start { left: vec![marked], ..talks() });
    desk.hears(Input::Wake, "ask about 1, cancel 17 at the device");
    desk.hears(Input::Answered(Answer::Canceled), "commit 1 waiting");
}
