//! Scenarios of the intake, step by step, as short words.

mod arriving;
mod commands;
mod limits;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::messages::{Disk, Effect, Input, Reply, Rules, Submission, Ticket};
use super::numbers::Reserved;
use super::step::Intake;
use super::*;
use crate::model::commit::{Commit, CommitError};
use crate::model::directory::Directory;
use crate::model::document::{BodyPlace, Document};
use crate::model::fixtures::{at, name, submitter};
use crate::model::id::PrinterId;
use crate::model::job::Job;
use crate::model::printer::{Origin, Printer};
use crate::model::time::WallTime;

const NO_SUCH: Ticket = Ticket(999);

/// An intake, and what it handed in last.
struct Desk {
    intake: Intake,
    seconds: u64,
    commit: Commit,
    then: Vec<Effect>,
    replies: Vec<(Ticket, Result<Reply, Refusal>)>,
}

fn directory() -> Directory {
    let printer = |id: u32, text: &str| {
        Arc::new(Printer::new(PrinterId(id), name(text), "sim:".to_owned(), Origin::Api))
    };
    let (default, server) = (Some(name("p")), "here".to_owned());
    Directory { printers: vec![printer(1, "p"), printer(2, "q")], pools: Vec::new(), default, server }
}

impl Desk {
    /// With numbers to give.
    fn new() -> Desk {
        Desk::with(Rules { queued_jobs_max: 10, free_disk_min: 1, key_kept: Duration::from_secs(86_400) })
    }

    fn with(rules: Rules) -> Desk {
        let intake = Intake::new(rules, Reserved::default(), Arc::new(directory()));
        let (commit, then, replies) = (Commit::default(), Vec::new(), Vec::new());
        let mut desk = Desk { intake, seconds: 0, commit, then, replies };
        desk.hears(Input::Load(Default::default(), Disk::Room), "commit 0");
        desk.hears(Input::Committed(Ticket(0)), "");
        desk
    }

    /// Tells the intake something; it must want exactly this.
    #[track_caller]
    fn hears(&mut self, input: Input, wants: &str) {
        let told = format!("{input:?}");
        let effects = self.intake.step(input, at(self.seconds));
        let words: Vec<String> = effects.into_iter().map(|effect| self.word(effect)).collect();
        assert_eq!(words.join(", "), wants, "after {told}");
    }

    fn word(&mut self, effect: Effect) -> String {
        match effect {
            Effect::ReadKey(ticket, _, key) => format!("key {key} for {}", ticket.0),
            Effect::ReadJob(ticket, job) => format!("job {job} for {}", ticket.0),
            Effect::ReadDocuments(ticket, ids) => format!("{} documents for {}", ids.len(), ticket.0),
            Effect::Commit { ticket, commit, then } => {
                (self.commit, self.then) = (*commit, then);
                format!("commit {}", ticket.0)
            }
            Effect::Reply(ticket, reply) => {
                let word = match &reply {
                    Ok(Reply::Announced(job, _)) => format!("announced {job}"),
                    Ok(Reply::Accepted(job)) => format!("accepted {}", job.id),
                    Ok(Reply::Repeated(job)) => format!("repeated {}", job.id),
                    Ok(Reply::Document(id)) => format!("document {id}"),
                    Ok(Reply::Job(job)) => job.status.word().to_owned(),
                    Ok(Reply::Done) => "done".to_owned(),
                    Err(refusal) => refusal.code().to_owned(),
                };
                self.replies.push((ticket, reply));
                format!("{} hears {word}", ticket.0)
            }
            Effect::Wake(_) => "wake".to_owned(),
            Effect::CancelAt(printer, job) => format!("cancel {job} at {printer}"),
            Effect::Discard(document) => format!("discard {document}"),
            Effect::Incoming => "incoming".to_owned(),
            Effect::Offer(printer, job, _) => format!("offer {} to {printer}", job.id),
        }
    }

    /// The last commit is durable: what was to be done then, and what follows.
    #[track_caller]
    fn committed(&mut self, ticket: u64, wants: &str) {
        let then = std::mem::take(&mut self.then);
        let mut words: Vec<String> = then.into_iter().map(|effect| self.word(effect)).collect();
        let effects = self.intake.step(Input::Committed(Ticket(ticket)), at(self.seconds));
        words.extend(effects.into_iter().map(|effect| self.word(effect)).collect::<Vec<_>>());
        assert_eq!(words.join(", "), wants, "after the commit of {ticket}");
    }

    #[track_caller]
    fn refused(&mut self, ticket: u64, error: CommitError, wants: &str) {
        self.hears(Input::CommitFailed(Ticket(ticket), error), wants);
    }

    fn job(&self) -> &Job {
        self.commit.jobs.first().expect("a job was handed in")
    }
}

fn request() -> JobRequest {
    JobRequest {
        queue: None,
        submitter: submitter(),
        title: None,
        options: Options::default(),
        priority: Priority::DEFAULT,
        arrival: Arrival::Print,
        control_hash: None,
    }
}

fn inline(body: &'static [u8]) -> Handed {
    let body = Bytes::from_static(body);
    Handed::Inline { name: "letter.txt".to_owned(), format: Format::Text, crc: 1, body }
}

fn file(id: u64) -> Handed {
    Handed::File {
        id: DocumentId(id),
        name: "book.pdf".to_owned(),
        format: Format::Pdf,
        bytes: 1 << 20,
        crc: 1,
    }
}

fn submission(documents: Vec<Handed>, key: Option<(&str, u8)>) -> Submission {
    let key = key.map(|(key, print)| KeyClaim { key: key.to_owned(), fingerprint: [print; 32] });
    Submission { announced: None, request: request(), documents, key }
}

fn submit(ticket: u64, submission: Submission) -> Input {
    Input::Submit(Ticket(ticket), Box::new(submission))
}

fn document(id: u64) -> Document {
    Document {
        id: DocumentId(id),
        submitter: submitter(),
        name: "kept.txt".to_owned(),
        format: Format::Text,
        bytes: 5,
        crc: 1,
        place: BodyPlace::Inline,
        created_at: WallTime(1),
    }
}

#[test]
fn ptm_2_a_job_is_acknowledged_after_its_commit_and_not_before() {
    let mut desk = Desk::new();
    desk.hears(submit(1, submission(vec![inline(b"hello")], None)), "commit 1");
    assert_eq!((desk.job().title.as_str(), desk.job().status), ("letter.txt", JobStatus::Waiting));
    assert_eq!(desk.commit.documents.len(), 1);
    assert_eq!(desk.commit.timeline.len(), 1);
    desk.committed(1, "1 hears accepted 1, wake");
}

#[test]
fn a_held_job_wakes_nobody() {
    let mut desk = Desk::new();
    let mut held = submission(vec![inline(b"hello")], None);
    held.request.arrival = Arrival::Hold;
    desk.hears(submit(1, held), "commit 1");
    desk.committed(1, "1 hears accepted 1");
}

#[test]
fn a_key_in_flight_parks_the_second_until_the_first_is_done() {
    let keyed = || submission(vec![inline(b"hello")], Some(("k", 7)));
    let mut desk = Desk::new();
    desk.hears(submit(1, keyed()), "key k for 1");
    desk.hears(submit(2, keyed()), "");
    desk.hears(submit(3, keyed()), "");
    desk.hears(Input::KeyRead(Ticket(1), None), "commit 1");
    let job = desk.job().clone();
    desk.committed(1, "1 hears accepted 1, wake, key k for 2");
    desk.hears(Input::KeyRead(Ticket(2), Some((job.id, [7; 32]))), "job 1 for 2");
    desk.hears(Input::JobRead(Ticket(2), Some(Box::new(job.clone()))), "2 hears repeated 1, key k for 3");
    desk.hears(Input::KeyRead(Ticket(3), Some((job.id, [7; 32]))), "job 1 for 3");
    desk.hears(Input::JobRead(Ticket(3), Some(Box::new(job))), "3 hears repeated 1");
    assert!(desk.intake.keys.is_empty() && desk.intake.pending.is_empty());
}

#[test]
fn the_second_goes_on_whatever_became_of_the_first() {
    let keyed = || submission(vec![inline(b"hello")], Some(("k", 7)));
    let parked = || {
        let mut desk = Desk::new();
        desk.hears(submit(1, keyed()), "key k for 1");
        desk.hears(submit(2, keyed()), "");
        desk
    };
    let mut unread = parked();
    unread.hears(Input::ReadFailed(Ticket(1), "no".to_owned()), "1 hears store_unavailable, key k for 2");

    let mut full = parked();
    full.hears(Input::KeyRead(Ticket(1), None), "commit 1");
    full.refused(1, CommitError::Full, "1 hears disk_full, key k for 2");

    let mut unknown = parked();
    unknown.hears(Input::KeyRead(Ticket(1), None), "commit 1");
    unknown.refused(1, CommitError::Unknown, "wake, 1 hears store_unavailable, key k for 2");
    let job = unknown.job().clone();
    unknown.hears(Input::KeyRead(Ticket(2), Some((job.id, [7; 32]))), "job 1 for 2");
    unknown.hears(Input::JobRead(Ticket(2), Some(Box::new(job))), "2 hears repeated 1");
}

#[test]
fn a_key_used_for_something_else_is_refused_and_its_file_goes() {
    let mut desk = Desk::new();
    desk.hears(submit(1, submission(vec![file(44)], Some(("k", 7)))), "key k for 1");
    let record = Some((JobId(5), [8; 32]));
    desk.hears(Input::KeyRead(Ticket(1), record), "discard 44, 1 hears idempotency_key_reused");
    assert!(desk.intake.keys.is_empty());
}

#[test]
fn a_key_whose_job_was_purged_prints_nothing_and_says_which_it_was() {
    let mut desk = Desk::new();
    desk.hears(submit(1, submission(vec![file(44)], Some(("k", 7)))), "key k for 1");
    desk.hears(Input::KeyRead(Ticket(1), Some((JobId(5), [7; 32]))), "discard 44, job 5 for 1");
    desk.hears(Input::JobRead(Ticket(1), None), "1 hears job_purged");
    assert_eq!(desk.replies.last(), Some(&(Ticket(1), Err(Refusal::JobPurged(JobId(5))))));
    assert!(desk.intake.keys.is_empty() && desk.intake.pending.is_empty());
}

#[test]
fn a_key_that_an_unheard_commit_wrote_is_looked_up_again() {
    let mut desk = Desk::new();
    desk.hears(submit(1, submission(vec![file(44)], Some(("k", 7)))), "key k for 1");
    desk.hears(Input::KeyRead(Ticket(1), None), "commit 1");
    desk.refused(1, CommitError::DuplicateKey(JobId(9)), "discard 44, key k for 1");
    desk.hears(Input::KeyRead(Ticket(1), Some((JobId(9), [7; 32]))), "job 9 for 1");
    let job = crate::model::fixtures::job(9);
    desk.hears(Input::JobRead(Ticket(1), Some(Box::new(job))), "1 hears repeated 9");
}

#[test]
fn ptm_2_an_announced_job_is_shown_and_submitted_under_its_number() {
    let mut desk = Desk::new();
    desk.hears(Input::Announce(Ticket(1), Box::new(request())), "incoming, 1 hears announced 1");
    assert_eq!(desk.intake.incoming().map(|job| job.reason.keyword()).next(), Some(Some("job-incoming")));
    let whole = Submission { announced: Some(JobId(1)), ..submission(vec![file(1)], None) };
    desk.hears(submit(2, whole), "commit 2");
    assert_eq!((desk.job().id, desk.commit.expect[0].1.0), (JobId(1), 0));
    desk.hears(Input::Withdraw(JobId(1)), "");
    desk.committed(2, "2 hears accepted 1, wake, incoming");
    assert_eq!(desk.intake.incoming().count(), 0);
}

#[test]
fn ptm_2_a_broken_upload_leaves_nothing() {
    let mut desk = Desk::new();
    desk.hears(Input::Announce(Ticket(1), Box::new(request())), "incoming, 1 hears announced 1");
    desk.hears(Input::Withdraw(JobId(1)), "incoming");
    desk.hears(Input::Withdraw(JobId(1)), "job 1 for 9223372036854775809");
    desk.hears(Input::JobRead(Ticket(9_223_372_036_854_775_809), None), "");
    assert_eq!(desk.intake.incoming().count(), 0);
    let command = Input::Command(Ticket(2), JobId(1), JobCommand::Hold);
    desk.hears(command, "job 1 for 2");
    desk.hears(Input::JobRead(Ticket(2), None), "2 hears no_such_job");
}

#[test]
fn a_refused_request_leaves_nothing() {
    let announced = |documents| Submission { announced: Some(JobId(1)), ..submission(documents, None) };
    let nowhere = || {
        let mut nowhere = announced(vec![file(1)]);
        nowhere.request.queue = Some(name("nowhere"));
        nowhere
    };
    let cases = [
        (announced(vec![]), "incoming, 2 hears empty_body"),
        (announced(vec![file(1), inline(b"")]), "incoming, discard 1, 2 hears empty_body"),
        (nowhere(), "incoming, discard 1, 2 hears no_such_queue"),
    ];
    for (refused, wants) in cases {
        let mut desk = Desk::new();
        desk.hears(Input::Announce(Ticket(1), Box::new(request())), "incoming, 1 hears announced 1");
        desk.hears(submit(2, refused), wants);
        assert_eq!((desk.intake.incoming().count(), desk.intake.pending.len()), (0, 0));
    }
    for (error, wants) in [
        (CommitError::Full, "incoming, discard 1, 2 hears disk_full"),
        (CommitError::Unavailable(String::new()), "incoming, discard 1, 2 hears store_unavailable"),
        (CommitError::Unknown, "incoming, wake, 2 hears store_unavailable"),
    ] {
        let mut desk = Desk::new();
        desk.hears(Input::Announce(Ticket(1), Box::new(request())), "incoming, 1 hears announced 1");
        desk.hears(submit(2, announced(vec![file(1)])), "commit 2");
        desk.refused(2, error, wants);
        assert_eq!((desk.intake.incoming().count(), desk.intake.pending.len()), (0, 0));
    }
}

#[test]
fn can_2_a_registered_document_is_printed_by_its_number() {
    let mut desk = Desk::new();
    let by_number = || submission(vec![Handed::Registered(DocumentId(70))], None);
    desk.hears(submit(1, by_number()), "1 documents for 1");
    desk.hears(Input::DocumentsRead(Ticket(1), vec![document(70)]), "commit 1");
    assert!(desk.commit.documents.is_empty());
    assert_eq!(desk.job().documents[0].id, DocumentId(70));
    desk.committed(1, "1 hears accepted 1, wake");
    desk.hears(submit(2, by_number()), "1 documents for 2");
    desk.hears(Input::DocumentsRead(Ticket(2), vec![]), "2 hears no_such_document");
    // It may be purged between the look and the commit.
    desk.hears(submit(3, by_number()), "1 documents for 3");
    desk.hears(Input::DocumentsRead(Ticket(3), vec![document(70)]), "commit 3");
    desk.refused(3, CommitError::NoDocument(DocumentId(70)), "3 hears no_such_document");
}

#[test]
fn can_2_documents_are_registered_and_removed() {
    let mut desk = Desk::new();
    desk.hears(Input::Register(Ticket(1), submitter(), inline(b"x")), "commit 1");
    desk.committed(1, "1 hears document 1");
    desk.hears(Input::Register(Ticket(2), submitter(), file(50)), "commit 2");
    desk.refused(2, CommitError::Full, "discard 50, 2 hears disk_full");
    desk.hears(Input::Register(Ticket(3), submitter(), file(51)), "commit 3");
    desk.refused(3, CommitError::Unknown, "3 hears store_unavailable");

    desk.hears(Input::RemoveDocument(Ticket(4), DocumentId(1)), "1 documents for 4");
    desk.hears(Input::DocumentsRead(Ticket(4), vec![document(1)]), "commit 4");
    // Its body goes with its record: that is the store's affair.
    desk.committed(4, "4 hears done");
    desk.hears(Input::RemoveDocument(Ticket(5), DocumentId(60)), "1 documents for 5");
    desk.hears(Input::DocumentsRead(Ticket(5), vec![]), "5 hears no_such_document");
    desk.hears(Input::RemoveDocument(Ticket(6), DocumentId(1)), "1 documents for 6");
    desk.hears(Input::DocumentsRead(Ticket(6), vec![document(1)]), "commit 6");
    desk.refused(6, CommitError::InUse(DocumentId(1)), "6 hears document_in_use");
}

#[test]
fn an_answer_to_nobody_changes_nothing() {
    let mut desk = Desk::new();
    desk.hears(Input::Committed(NO_SUCH), "");
    desk.hears(Input::CommitFailed(NO_SUCH, CommitError::Full), "");
    desk.hears(Input::KeyRead(NO_SUCH, None), "");
    desk.hears(Input::JobRead(NO_SUCH, None), "");
    desk.hears(Input::DocumentsRead(NO_SUCH, vec![]), "");
}
