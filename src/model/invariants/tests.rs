//! Each predicate finds what it is there for.

use super::*;
use crate::model::event::Source;
use crate::model::fixtures::{after, bound, job, job_in};
use crate::model::job::{HoldReason, JobEvent, edge};
use crate::model::retry::{Broken, Whole};
use crate::model::time::WallTime;

fn rule(holds: Holds) -> &'static str {
    holds.map_or_else(|violation| violation.rule, |()| "holds")
}

/// A job after these events, and its timeline.
fn story(events: Vec<JobEvent>) -> (Job, Vec<Entry>) {
    let mut job = job(1);
    let told = |event| job.apply(event, Source::System, WallTime(3)).expect("tests go allowed ways");
    let timeline = events.into_iter().filter_map(told).collect();
    (job, timeline)
}

fn attempt() -> JobEvent {
    JobEvent::Attempt(bound(1))
}

fn again() -> JobEvent {
    JobEvent::Again { broken: Broken::Reset, whole: Whole::Maybe }
}

#[test]
fn records_of_the_usual_ways_are_sound() {
    for status in JobStatus::ALL {
        assert_eq!(rule(record(&job_in(status))), "holds", "{status:?}");
    }
    let nowhere = Job { bound: None, ..job_in(JobStatus::Transmitting) };
    let unended = Job { finished_at: None, ..job_in(JobStatus::Completed) };
    let unheld = Job { reason: Reason::None, ..job_in(JobStatus::Held) };
    let empty = Job { documents: Vec::new(), ..job(1) };
    let unsayable = Job { id: JobId(u32::MAX), ..job(1) };
    let found = [nowhere, unended, unheld, empty, unsayable].map(|job| rule(record(&job)));
    assert_eq!(found, ["bound", "end", "reason", "bounds", "numbers"]);
}

#[test]
fn paths_are_the_edges_of_the_table_and_no_others() {
    let held = JobEvent::Hold(HoldReason::User);
    assert!(edge(JobStatus::Waiting, &held).is_some_and(|to| path(JobStatus::Waiting, to)));
    assert!(!path(JobStatus::Completed, JobStatus::Canceled));
    assert!(!path(JobStatus::Waiting, JobStatus::Completed));
    assert!(!path(JobStatus::Printing, JobStatus::Transmitting));
}

#[test]
fn a_change_without_its_story_is_found() {
    let before = job(1);
    let (sent, timeline) = story(vec![attempt()]);
    let told: Vec<&Entry> = timeline.iter().collect();
    assert_eq!(rule(follows(Some(&before), &sent, &told)), "holds");
    assert_eq!(rule(follows(Some(&before), &sent, &[])), "told");
    assert_eq!(rule(follows(Some(&sent), &sent, &[])), "revision");
    assert_eq!(rule(follows(None, &sent, &told)), "birth");
    let other = Job { documents: Vec::new(), ..sent.clone() };
    assert_eq!(rule(follows(Some(&before), &other, &told)), "identity");

    let ended = job_in(JobStatus::Canceled);
    let mut back = after(ended.clone(), [JobEvent::Restart { accepted: before.accepted }]);
    let mut entry = timeline[0].clone();
    (entry.seq, entry.from, entry.to) = (back.entries, Some(JobStatus::Canceled), JobStatus::Waiting);
    entry.kind = "released".into();
    assert_eq!(rule(follows(Some(&ended), &back, &[&entry])), "final");
    entry.kind = "restarted".into();
    assert_eq!(rule(follows(Some(&ended), &back, &[&entry])), "holds");
    back.entries += 1;
    assert_eq!(rule(follows(Some(&ended), &back, &[&entry])), "told");
}

#[test]
fn a_second_printing_in_silence_is_found() {
    let (_, told) = story(vec![attempt(), again(), attempt()]);
    assert_eq!(rule(told_before_again(&told)), "holds");
    let silent: Vec<Entry> = told.into_iter().filter(|entry| entry.kind == "attempt").collect();
    assert_eq!(rule(told_before_again(&silent)), "silence");
}

#[test]
fn printing_again_and_again_is_found() {
    let (_, once) = story(vec![attempt(), again(), attempt()]);
    assert_eq!(rule(repeats_are_bounded(&once, 5)), "holds");
    let (_, twice) = story(vec![attempt(), again(), attempt(), again()]);
    assert_eq!(rule(repeats_are_bounded(&twice, 5)), "repeats");
    let held = JobEvent::Hold(HoldReason::User);
    let (_, asked) = story(vec![attempt(), again(), held, JobEvent::Release, attempt(), again()]);
    assert_eq!(rule(repeats_are_bounded(&asked, 5)), "holds");
}

#[test]
fn two_jobs_at_one_printer_and_a_wrong_queue_are_found() {
    let one = job_in(JobStatus::Transmitting);
    let other = Job { id: JobId(2), ..job_in(JobStatus::Transmitted) };
    assert_eq!(rule(one_at_a_time(std::slice::from_ref(&one))), "holds");
    assert_eq!(rule(one_at_a_time(&[one.clone(), other])), "one job");

    let waiting = [job(1), job(2), one];
    let keys: Vec<OrderKey> = waiting.iter().filter_map(Job::order).collect();
    assert_eq!(rule(queue_agrees(&keys, waiting.iter())), "holds");
    assert_eq!(rule(queue_agrees(&keys[..1], waiting.iter())), "queue");
}

#[test]
fn done_without_a_word_is_found() {
    let done = job_in(JobStatus::Completed);
    assert_eq!(rule(completed_on_word(&done, true)), "holds");
    assert_eq!(rule(completed_on_word(&done, false)), "word");
    let unconfirmed = Job { reason: Reason::Done(DoneHow::Unconfirmed), ..done };
    assert_eq!(rule(completed_on_word(&unconfirmed, false)), "holds");
}
