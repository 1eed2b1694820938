//! Each limit at its bound, and the numbers.

use super::*;
use crate::model::job::DOCUMENTS_MAX;
use crate::model::queue::QueueCounts;

fn job() -> Submission {
    submission(vec![inline(b"x")], None)
}

fn counts(jobs: u64, held: u64) -> QueueCounts {
    QueueCounts { jobs, held, bytes: 0 }
}

#[test]
fn the_queue_is_full_at_its_limit_and_not_before() {
    let mut desk = Desk::new();
    desk.hears(Input::Load(counts(6, 3), Disk::Room), "");
    desk.hears(submit(1, job()), "commit 1");
    desk.hears(submit(2, job()), "2 hears queue_full");
    desk.refused(1, CommitError::Unavailable(String::new()), "1 hears store_unavailable");
    desk.hears(submit(3, job()), "commit 3");
    desk.committed(3, "3 hears accepted 2, wake");
    desk.hears(submit(4, job()), "4 hears queue_full");
    desk.hears(Input::Announce(Ticket(5), Box::new(request())), "5 hears queue_full");
    desk.hears(Input::Load(counts(9, 0), Disk::Room), "");
    desk.hears(Input::Announce(Ticket(6), Box::new(request())), "incoming, 6 hears announced 3");
    desk.hears(Input::Announce(Ticket(7), Box::new(request())), "7 hears queue_full");
}

#[test]
fn an_announced_job_has_its_place_and_takes_no_second_one() {
    let mut desk = Desk::new();
    desk.hears(Input::Load(counts(8, 0), Disk::Room), "");
    desk.hears(Input::Announce(Ticket(1), Box::new(request())), "incoming, 1 hears announced 1");
    let whole = Submission { announced: Some(JobId(1)), ..submission(vec![file(1)], None) };
    desk.hears(submit(2, whole), "commit 2");
    desk.hears(submit(3, job()), "commit 3");
    desk.hears(submit(4, job()), "4 hears queue_full");
}

#[test]
fn a_full_disk_and_a_stop_take_nothing_new() {
    let mut desk = Desk::new();
    desk.hears(Input::Announce(Ticket(1), Box::new(request())), "incoming, 1 hears announced 1");
    desk.hears(Input::Load(counts(0, 0), Disk::Full), "");
    desk.hears(submit(2, job()), "2 hears disk_full");
    desk.hears(Input::Register(Ticket(3), submitter(), file(9)), "discard 9, 3 hears disk_full");
    let whole = || Submission { announced: Some(JobId(1)), ..submission(vec![file(1)], None) };
    desk.hears(submit(4, whole()), "commit 4");
    desk.committed(4, "4 hears accepted 1, wake, incoming");

    desk.hears(Input::Load(counts(0, 0), Disk::Room), "");
    desk.hears(Input::Announce(Ticket(5), Box::new(request())), "incoming, 5 hears announced 2");
    desk.hears(Input::Stop, "");
    desk.hears(submit(6, job()), "6 hears stopping");
    let whole = Submission { announced: Some(JobId(2)), ..submission(vec![file(2)], None) };
    desk.hears(submit(7, whole), "incoming, discard 2, 7 hears stopping");
}

#[test]
fn a_job_has_one_to_a_hundred_documents() {
    let mut desk = Desk::new();
    let of = |n| submission((0..n).map(|_| inline(b"x")).collect(), None);
    desk.hears(submit(1, of(0)), "1 hears empty_body");
    desk.hears(submit(2, of(DOCUMENTS_MAX + 1)), "2 hears too_many_documents");
    desk.hears(submit(3, of(DOCUMENTS_MAX)), "commit 3");
    assert_eq!(desk.job().documents.len(), DOCUMENTS_MAX);
}

#[test]
fn who_takes_no_jobs_says_so() {
    let mut desk = Desk::new();
    let mut closed = directory();
    let shut = Printer { accepting: false, ..closed.printers[0].as_ref().clone() };
    closed.printers[0] = Arc::new(shut);
    desk.hears(Input::Directory(Arc::new(closed)), "");
    desk.hears(submit(1, job()), "1 hears not_accepting");
    let mut elsewhere = job();
    elsewhere.request.queue = Some(name("q"));
    desk.hears(submit(2, elsewhere), "commit 2");
    desk.hears(Input::Directory(Arc::new(Directory { default: None, ..directory() })), "");
    desk.hears(submit(3, job()), "3 hears no_default_queue");
}

#[test]
fn a_store_that_gives_no_numbers_is_not_asked_without_a_pause() {
    let rules = Rules { queued_jobs_max: 10, free_disk_min: 1, key_kept: Duration::ZERO };
    let intake = Intake::new(rules, Reserved::default(), Arc::new(directory()));
    let (commit, then, replies) = (Commit::default(), Vec::new(), Vec::new());
    let mut desk = Desk { intake, seconds: 0, commit, then, replies };
    desk.hears(submit(1, job()), "1 hears busy, commit 0");
    desk.refused(0, CommitError::Full, "");
    desk.hears(submit(2, job()), "2 hears busy, commit 0");
    desk.hears(submit(3, job()), "3 hears busy");
    desk.hears(Input::Committed(Ticket(0)), "");
    desk.hears(submit(4, job()), "commit 4");
}
