//! What users may do with a job in each status.

use super::*;
use crate::model::cancel::Wish;
use crate::model::fixtures::{after, job_in};
use crate::model::job::JobEvent;

/// What each command gets in each status: `refused`, `already`, or the status after it.
#[test]
fn every_command_in_every_status() {
    use JobStatus as S;
    let refused = ["refused"; 10];
    let mut set = refused;
    (set[0], set[1]) = ("held", "waiting");
    let table: [(JobCommand, [&str; 10]); 5] = [
        (JobCommand::Hold, with(refused, &[(S::Held, "already"), (S::Waiting, "held")])),
        (JobCommand::Release, with(refused, &[(S::Held, "waiting"), (S::Waiting, "already")])),
        (JobCommand::SetPriority(Priority::DEFAULT), set),
        (JobCommand::Move(name("q")), set),
        (
            JobCommand::Cancel(Wish::Cancel),
            with(
                refused,
                &[
                    (S::Held, "canceled"),
                    (S::Waiting, "canceled"),
                    (S::Rendering, "flag"),
                    (S::Scheduled, "flag"),
                    (S::Transmitting, "flag"),
                ],
            ),
        ),
    ];
    for (command, cells) in table {
        for (status, cell) in S::ALL.into_iter().zip(cells) {
            assert_eq!(outcome(&command, job_in(status)), cell, "{command:?} in {status:?}");
        }
    }
}

fn with(mut cells: [&'static str; 10], set: &[(JobStatus, &'static str)]) -> [&'static str; 10] {
    for (status, cell) in set {
        let place = JobStatus::ALL.iter().position(|s| s == status).expect("all are there");
        cells[place] = cell;
    }
    cells
}

fn outcome(command: &JobCommand, job: Job) -> &'static str {
    told(&mut Desk::new(), command, job)
}

fn told(desk: &mut Desk, command: &JobCommand, job: Job) -> &'static str {
    let (id, before) = (job.id, job.clone());
    desk.hears(Input::Command(Ticket(1), id, command.clone()), &format!("job {id} for 1"));
    let effects = desk.intake.step(Input::JobRead(Ticket(1), Some(Box::new(job))), at(0));
    match effects.into_iter().next() {
        Some(Effect::Commit { commit, .. }) => {
            assert_eq!(commit.expect, vec![(id, before.revision)]);
            let after = &commit.jobs[0];
            if after.cancel_requested && after.status == before.status { "flag" } else { after.status.word() }
        }
        Some(Effect::Reply(_, Ok(_))) => "already",
        Some(Effect::Reply(_, Err(Refusal::WrongState { .. } | Refusal::CannotCancel { .. }))) => "refused",
        other => panic!("{command:?} gets {other:?}"),
    }
}

#[test]
fn can_11_the_flag_is_durable_before_the_printer_is_told() {
    let mut desk = Desk::new();
    let sending = Box::new(job_in(JobStatus::Transmitting));
    let cancel = || Input::Command(Ticket(1), JobId(1), JobCommand::Cancel(Wish::Cancel));
    desk.hears(cancel(), "job 1 for 1");
    desk.hears(Input::JobRead(Ticket(1), Some(sending)), "commit 1");
    assert!(desk.job().cancel_requested);
    let flagged = Box::new(desk.job().clone());
    desk.committed(1, "1 hears transmitting, cancel 1 at 1");
    // Asked again: the printer may not have heard it.
    desk.hears(cancel(), "job 1 for 1");
    desk.hears(Input::JobRead(Ticket(1), Some(flagged)), "1 hears transmitting, cancel 1 at 1");
}

#[test]
fn a_command_overtaken_is_decided_anew_and_not_for_ever() {
    let mut desk = Desk::new();
    let waiting = || Some(Box::new(job_in(JobStatus::Waiting)));
    desk.hears(Input::Command(Ticket(1), JobId(1), JobCommand::Hold), "job 1 for 1");
    for _ in 0..step::TRIES_MAX {
        desk.hears(Input::JobRead(Ticket(1), waiting()), "commit 1");
        desk.refused(1, CommitError::Changed(JobId(1)), "job 1 for 1");
    }
    desk.hears(Input::JobRead(Ticket(1), waiting()), "commit 1");
    desk.refused(1, CommitError::Changed(JobId(1)), "1 hears store_unavailable");
    assert!(desk.intake.pending.is_empty());
}

#[test]
fn a_command_of_which_nobody_knows_is_decided_anew() {
    let mut desk = Desk::new();
    let held = job_in(JobStatus::Held);
    desk.hears(Input::Command(Ticket(1), JobId(1), JobCommand::Release), "job 1 for 1");
    desk.hears(Input::JobRead(Ticket(1), Some(Box::new(held))), "commit 1");
    let released = Box::new(desk.job().clone());
    desk.refused(1, CommitError::Unknown, "job 1 for 1");
    desk.hears(Input::JobRead(Ticket(1), Some(released)), "1 hears waiting, wake");
}

#[test]
fn ptm_8_a_finished_job_is_restarted_while_its_documents_are_kept() {
    for status in [JobStatus::Completed, JobStatus::Failed, JobStatus::Canceled] {
        let restart = || {
            let mut desk = Desk::new();
            desk.hears(Input::Command(Ticket(1), JobId(1), JobCommand::Restart), "job 1 for 1");
            desk.hears(Input::JobRead(Ticket(1), Some(Box::new(job_in(status)))), "1 documents for 1");
            desk
        };
        let mut kept = restart();
        kept.hears(Input::DocumentsRead(Ticket(1), vec![document(1)]), "commit 1");
        assert_eq!(kept.job().status, JobStatus::Waiting);
        kept.committed(1, "1 hears waiting, wake");

        let mut gone = restart();
        gone.hears(Input::DocumentsRead(Ticket(1), vec![]), "1 hears document_gone");
        assert!(gone.intake.pending.is_empty());
    }
}

#[test]
fn a_restart_of_which_nobody_knows_is_decided_anew_and_not_for_ever() {
    let mut desk = Desk::new();
    let finished = || Some(Box::new(job_in(JobStatus::Completed)));
    desk.hears(Input::Command(Ticket(1), JobId(1), JobCommand::Restart), "job 1 for 1");
    for _ in 0..step::TRIES_MAX {
        desk.hears(Input::JobRead(Ticket(1), finished()), "1 documents for 1");
        desk.hears(Input::DocumentsRead(Ticket(1), vec![document(1)]), "commit 1");
        desk.refused(1, CommitError::Changed(JobId(1)), "job 1 for 1");
    }
    desk.hears(Input::JobRead(Ticket(1), finished()), "1 documents for 1");
    desk.hears(Input::DocumentsRead(Ticket(1), vec![document(1)]), "commit 1");
    desk.refused(1, CommitError::Changed(JobId(1)), "1 hears store_unavailable");

    desk.hears(Input::Command(Ticket(2), JobId(1), JobCommand::Restart), "job 1 for 2");
    desk.hears(Input::JobRead(Ticket(2), finished()), "1 documents for 2");
    desk.hears(Input::DocumentsRead(Ticket(2), vec![document(1)]), "commit 2");
    let waiting = Box::new(desk.job().clone());
    desk.refused(2, CommitError::Unknown, "job 1 for 2");
    desk.hears(Input::JobRead(Ticket(2), Some(waiting)), "2 hears waiting, wake");
}

#[test]
fn a_held_job_is_restarted_by_releasing_it() {
    let mut desk = Desk::new();
    desk.hears(Input::Command(Ticket(1), JobId(1), JobCommand::Restart), "job 1 for 1");
    desk.hears(Input::JobRead(Ticket(1), Some(Box::new(job_in(JobStatus::Held)))), "commit 1");
    assert_eq!(desk.commit.timeline[0].kind, JobEvent::Release.kind());
    desk.committed(1, "1 hears waiting, wake");
}

#[test]
fn what_is_still_arriving_cannot_be_commanded() {
    let mut desk = Desk::new();
    desk.hears(Input::Announce(Ticket(1), Box::new(request())), "incoming, 1 hears announced 1");
    desk.hears(Input::Command(Ticket(2), JobId(1), JobCommand::Hold), "job 1 for 2");
    desk.hears(Input::JobRead(Ticket(2), None), "2 hears wrong_state");
}

#[test]
fn a_device_that_has_all_of_a_job_is_told_only_by_its_handle() {
    let all_sent = job_in(JobStatus::Transmitted);
    assert_eq!(outcome(&JobCommand::Cancel(Wish::Cancel), all_sent.clone()), "refused");
    let known = after(all_sent, [JobEvent::Handle("17".to_owned())]);
    assert_eq!(outcome(&JobCommand::Cancel(Wish::Cancel), known), "flag");
}

/// The table of the print server document as users meet it: what becomes of a cancellation in each status, at a
/// printer that cancels by number and at one that does not, with both rules.
#[test]
fn can_9_each_status_with_both_rules_and_with_and_without_a_handle() {
    use crate::model::printer::CancelPrinting::{Auto, Refuse};
    let alone = [
        "canceled", "canceled", "flag", "flag", "flag", "refused", "refused", "refused", "refused", "refused",
    ];
    let there = |transmitted, printing| {
        with(alone, &[(JobStatus::Transmitted, transmitted), (JobStatus::Printing, printing)])
    };
    let cases = [
        ("ipp://h/p", Some("17"), Auto, Wish::Cancel, there("flag", "flag")),
        ("ipps://h/p", Some("17"), Refuse, Wish::Cancel, there("flag", "refused")),
        ("ipp://h/p", Some("17"), Refuse, Wish::EvenIfPrinting, there("flag", "flag")),
        ("ipp://h/p", None, Auto, Wish::Cancel, alone),
        ("ipp://h/p", None, Refuse, Wish::EvenIfPrinting, alone),
        // It has a number, and nobody to tell.
        ("socket://h", Some("17"), Auto, Wish::Cancel, alone),
        ("socket://h", Some("17"), Refuse, Wish::EvenIfPrinting, alone),
    ];
    for (uri, handle, rule, wish, cells) in cases {
        let mut directory = directory();
        let printer = Arc::make_mut(&mut directory.printers[0]);
        (printer.uri, printer.cancel_printing) = (uri.to_owned(), rule);
        let directory = Arc::new(directory);
        for (status, cell) in JobStatus::ALL.into_iter().zip(cells) {
            let mut desk = Desk::new();
            desk.hears(Input::Directory(directory.clone()), "");
            let job = Job { device_job_id: handle.map(str::to_owned), ..job_in(status) };
            let found = told(&mut desk, &JobCommand::Cancel(wish), job);
            assert_eq!(found, cell, "{status:?} at {uri}, {handle:?}, {rule:?}, {wish:?}");
        }
    }
}
