//! Jobs that a printer may send while their document arrives.

use super::*;
use crate::model::fixtures::{after, bound};
use crate::model::id::Revision;
use crate::model::intake::arriving::after_restart;
use crate::model::job::{HoldReason, Interruption, JobEvent, Reason};
use crate::model::printer::Stream;
use crate::model::retry::Broken;
use crate::model::stream::{LARGE_BYTES, Offer};

const ENDING: Ticket = Ticket(1 << 63 | 1);

/// Job 1 is announced and was offered to its printer.
fn offered() -> Desk {
    let mut desk = Desk::new();
    let mut directory = directory();
    Arc::make_mut(&mut directory.printers[0]).stream = Stream::Large;
    desk.hears(Input::Directory(Arc::new(directory)), "");
    desk.hears(Input::Announce(Ticket(1), Box::new(request())), "incoming, 1 hears announced 1");
    desk.hears(Input::Offer(offer()), "offer 1 to 1");
    desk
}

fn offer() -> Offer {
    Offer {
        job: JobId(1),
        document: DocumentId(1),
        format: Format::Pdf,
        bytes: Some(LARGE_BYTES + 1),
        arrived: 0,
        arrival: Arrival::Print,
    }
}

/// Job 1 as its printer has registered it.
fn registered() -> Job {
    let job = Job { documents: Vec::new(), ..crate::model::fixtures::job(1) };
    after(job, [JobEvent::Attempt(bound(1))])
}

fn let_go() -> Job {
    after(registered(), [JobEvent::AwaitDocument(Some(Broken::Reset))])
}

fn read(ticket: Ticket, job: Job) -> Input {
    Input::JobRead(ticket, Some(Box::new(job)))
}

/// The document is here; the printer was faster.
fn arrived() -> Desk {
    let mut desk = offered();
    let whole = Submission { announced: Some(JobId(1)), ..submission(vec![file(1)], None) };
    desk.hears(submit(2, whole), "commit 2");
    assert_eq!(desk.commit.expect, [(JobId(1), Revision(0))]);
    desk.refused(2, CommitError::Changed(JobId(1)), "job 1 for 2");
    desk
}

#[test]
fn only_a_job_that_is_arriving_at_a_printer_which_wants_it_is_offered() {
    let mut desk = Desk::new();
    desk.hears(Input::Offer(offer()), "");
    desk.hears(Input::Announce(Ticket(1), Box::new(request())), "incoming, 1 hears announced 1");
    desk.hears(Input::Offer(offer()), "");
}

#[test]
fn one_that_no_printer_has_taken_is_accepted_as_all_are() {
    let mut desk = offered();
    let whole = Submission { announced: Some(JobId(1)), ..submission(vec![file(1)], None) };
    desk.hears(submit(2, whole), "commit 2");
    desk.committed(2, "2 hears accepted 1, wake, incoming");
}

#[test]
fn a_registered_job_is_accepted_where_it_is() {
    let mut desk = arrived();
    desk.hears(read(Ticket(2), registered()), "commit 2");
    let (job, before) = (desk.job().clone(), registered());
    assert_eq!((job.status, job.reason.clone()), (JobStatus::Transmitting, Reason::None));
    assert_eq!((job.documents[0].id, job.bound.clone()), (DocumentId(1), before.bound.clone()));
    assert_eq!(desk.commit.expect, [(JobId(1), before.revision)]);
    assert_eq!((desk.commit.documents.len(), &*desk.commit.timeline[0].kind), (1, "accepted"));
    let told: Vec<_> = desk.commit.timeline.iter().collect();
    assert_eq!(crate::model::invariants::follows(Some(&before), &job, &told), Ok(()));
    // The printer has written meanwhile that some bytes have left.
    desk.refused(2, CommitError::Changed(JobId(1)), "job 1 for 2");
    desk.hears(read(Ticket(2), registered()), "commit 2");
    desk.committed(2, "2 hears accepted 1, incoming");
}

#[test]
fn a_job_that_its_printer_has_let_go_of_waits_when_it_is_accepted() {
    let mut desk = arrived();
    desk.hears(read(Ticket(2), let_go()), "commit 2");
    assert_eq!(
        (desk.job().status, desk.job().broken, desk.job().bound.clone()),
        (JobStatus::Waiting, 1, None)
    );
    desk.committed(2, "2 hears accepted 1, wake, incoming");
}

#[test]
fn a_job_that_has_ended_meanwhile_is_not_accepted() {
    let mut desk = arrived();
    let ended = after(registered(), [JobEvent::Cancel]);
    desk.hears(read(Ticket(2), ended), "incoming, discard 1, 2 hears wrong_state");
}

#[test]
fn an_upload_that_breaks_off_ends_what_a_printer_has_let_go_of_and_leaves_it_the_rest() {
    let mut desk = offered();
    desk.hears(Input::Withdraw(JobId(1)), &format!("incoming, job 1 for {}", ENDING.0));
    desk.hears(read(ENDING, registered()), "");
    // The printer has let go of it and looks whether the document still comes.
    desk.hears(Input::Withdraw(JobId(1)), &format!("job 1 for {}", ENDING.0));
    desk.hears(read(ENDING, let_go()), &format!("commit {}", ENDING.0));
    assert_eq!(desk.job().reason, Reason::Interrupted(Interruption::Upload));
    desk.refused(ENDING.0, CommitError::Changed(JobId(1)), &format!("job 1 for {}", ENDING.0));
    desk.hears(read(ENDING, let_go()), &format!("commit {}", ENDING.0));
    desk.committed(ENDING.0, "");
}

#[test]
fn nobody_releases_moves_or_restarts_a_job_without_its_document() {
    for command in [JobCommand::Release, JobCommand::Restart, JobCommand::SetPriority(Priority::DEFAULT)] {
        let mut desk = offered();
        desk.hears(Input::Command(Ticket(3), JobId(1), command), "job 1 for 3");
        desk.hears(read(Ticket(3), let_go()), "3 hears wrong_state");
    }
    let mut desk = offered();
    let ended = after(let_go(), [JobEvent::Interrupt { why: Interruption::Upload, bytes: 7 }]);
    desk.hears(Input::Command(Ticket(3), JobId(1), JobCommand::Restart), "job 1 for 3");
    desk.hears(read(Ticket(3), ended), "0 documents for 3");
    desk.hears(Input::DocumentsRead(Ticket(3), Vec::new()), "3 hears document_gone");
}

#[test]
fn a_start_ends_what_waited_for_its_document() {
    let commit = after_restart(let_go(), at(0)).expect("it is ended");
    let ended = &commit.jobs[0];
    assert_eq!(ended.reason, Reason::Interrupted(Interruption::ServerStopped));
    assert_eq!(crate::model::invariants::record(ended), Ok(()));
    let held = after(crate::model::fixtures::job(1), [JobEvent::Hold(HoldReason::User)]);
    assert_eq!(after_restart(held, at(0)), None);
    assert_eq!(after_restart(registered(), at(0)), None, "its printer ends it");
}
