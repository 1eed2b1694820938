//! What users may do with jobs.

use super::messages::{Effect, Reply, Ticket};
use super::step::{Intake, Pending, out_of_numbers, wrong_state};
use super::{JobCommand, Refusal};
use crate::model::cancel::{self, CancelCase, CancelRoad, Handle};
use crate::model::commit::Commit;
use crate::model::document::Document;
use crate::model::event::Source;
use crate::model::id::JobId;
use crate::model::job::{HoldReason, Job, JobEvent, JobStatus};
use crate::model::time::Now;

impl Intake {
    pub(super) fn on_job_read(
        &mut self,
        ticket: Ticket,
        read: Option<Box<Job>>,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        match (self.pending.remove(&ticket), read) {
            (Some(Pending::Repeating(slot, job)), read) => {
                // The key is remembered longer than the job may be: then the number is all there is.
                let reply = read.map(Reply::Repeated).ok_or(Refusal::JobPurged(job));
                fx.push(Effect::Reply(ticket, reply));
                self.free_key(&slot, now, fx);
            }
            (Some(Pending::Registered(accepting)), read) => {
                self.arrive(ticket, *accepting, read, now, fx);
            }
            (Some(Pending::Interrupting { job, why, tries }), read) => {
                self.end_interrupted(ticket, (job, why, tries), read, now, fx);
            }
            (Some(Pending::Command { job, command, tries }), Some(read)) => {
                self.command(ticket, job, *read, command, tries, now, fx);
            }
            (Some(Pending::Command { job, .. }), None) => {
                let refusal = match self.incoming.get(&job) {
                    Some(job) => wrong_state(job, "changed before its document has arrived"),
                    None => Refusal::NoSuchJob(job),
                };
                fx.push(Effect::Reply(ticket, Err(refusal)));
            }
            (Some(other), _) => {
                self.pending.insert(ticket, other);
            }
            (None, _) => {}
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a command with its place in the conversation")]
    pub(super) fn command(
        &mut self,
        ticket: Ticket,
        id: JobId,
        job: Job,
        command: JobCommand,
        tries: u32,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        if command == JobCommand::Restart && job.status.is_final() {
            fx.push(Effect::ReadDocuments(ticket, job.documents.iter().map(|d| d.id).collect()));
            self.pending.insert(ticket, Pending::Restart(Box::new(job), tries));
            return;
        }
        match self.event_of(&job, &command) {
            Ok(Wish::Apply(event)) => {
                self.pending.insert(ticket, Pending::Command { job: id, command, tries });
                self.apply(ticket, job, event, now, fx);
            }
            Ok(Wish::Already) => already(ticket, job, fx),
            // The first try was written, without the store saying so.
            Err(_) if tries > 0 && command == JobCommand::Restart && job.status == JobStatus::Waiting => {
                already(ticket, job, fx);
            }
            Err(refusal) => fx.push(Effect::Reply(ticket, Err(refusal))),
        }
    }

    pub(super) fn apply(
        &mut self,
        ticket: Ticket,
        job: Job,
        event: JobEvent,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let mut after = job.clone();
        let requested = matches!(event, JobEvent::RequestCancel);
        let entry = match after.apply(event, Source::User, now.wall) {
            Ok(entry) => entry,
            Err(not) => {
                self.pending.remove(&ticket);
                return fx.push(Effect::Reply(ticket, Err(wrong_state(&job, not.event))));
            }
        };
        let mut then = vec![Effect::Reply(ticket, Ok(Reply::Job(Box::new(after.clone()))))];
        if after.status == JobStatus::Waiting {
            then.push(Effect::Wake(after.serving_queue()));
        }
        if let (true, Some(bound)) = (requested, &after.bound) {
            then.push(Effect::CancelAt(bound.printer, after.id));
        }
        // A job that begins again, or goes elsewhere, needs a queue that is there.
        let settles = job.status.is_final() || after.queue != job.queue;
        let queue = settles.then(|| (after.queue, after.queue_name.clone()));
        let commit = Box::new(Commit {
            expect: vec![(job.id, job.revision)],
            queues: queue.into_iter().collect(),
            timeline: entry.into_iter().collect(),
            jobs: vec![after],
            ..Commit::default()
        });
        fx.push(Effect::Commit { ticket, commit, then });
    }

    /// What a command means for the job as it is.
    fn event_of(&mut self, job: &Job, command: &JobCommand) -> Result<Wish, Refusal> {
        let at_printer = job.status.is_at_printer();
        match command {
            JobCommand::Cancel(wish) => self.cancel_event(job, *wish),
            _ if job.is_arriving() => Err(wrong_state(job, "changed before its document has arrived")),
            JobCommand::Hold if job.status == JobStatus::Held => Ok(Wish::Already),
            JobCommand::Hold if job.status == JobStatus::Waiting => {
                Ok(Wish::Apply(JobEvent::Hold(HoldReason::User)))
            }
            JobCommand::Hold => Err(wrong_state(job, "held")),
            JobCommand::Release if job.status == JobStatus::Held => Ok(Wish::Apply(JobEvent::Release)),
            JobCommand::Release if job.status == JobStatus::Waiting => Ok(Wish::Already),
            JobCommand::Release => Err(wrong_state(job, "released")),
            JobCommand::Restart if job.status == JobStatus::Held => Ok(Wish::Apply(JobEvent::Release)),
            JobCommand::Restart => Err(wrong_state(job, "restarted")),
            JobCommand::SetPriority(_) if at_printer || job.status.is_final() => {
                Err(wrong_state(job, "given another priority"))
            }
            JobCommand::SetPriority(priority) => Ok(Wish::Apply(JobEvent::SetPriority(*priority))),
            JobCommand::Move(_) if at_printer || job.status.is_final() => Err(wrong_state(job, "moved")),
            JobCommand::Move(name) => match self.directory.queue(name) {
                Some(queue) if !self.directory.accepts(queue) => Err(Refusal::NotAccepting(name.clone())),
                Some(queue) => Ok(Wish::Apply(JobEvent::Move { queue, name: name.clone() })),
                None => Err(Refusal::NoSuchQueue(name.clone())),
            },
        }
    }

    fn cancel_event(&self, job: &Job, wish: cancel::Wish) -> Result<Wish, Refusal> {
        if job.cancel_requested && !job.status.is_final() {
            return Ok(Wish::Already);
        }
        let printer = job.bound.as_ref().and_then(|bound| self.directory.printer_by_id(bound.printer));
        let case = CancelCase {
            status: job.status,
            scheduling: printer.map(|p| p.scheduling).unwrap_or_default(),
            handle: printer.map_or(Handle::None, |printer| cancel::handle(job, printer)),
            rule: printer.map(|p| p.cancel_printing).unwrap_or_default(),
            wish,
        };
        match cancel::road(case) {
            CancelRoad::Refused(refusal) => Err(Refusal::CannotCancel { job: job.id, refusal }),
            CancelRoad::ServerInCharge | CancelRoad::Device if job.status.is_at_printer() => {
                Ok(Wish::Apply(JobEvent::RequestCancel))
            }
            CancelRoad::ServerInCharge | CancelRoad::Device => Ok(Wish::Apply(JobEvent::Cancel)),
        }
    }

    /// A finished job once more, if its documents are still there. It gets a new age.
    #[allow(clippy::too_many_arguments, reason = "a command with its place in the conversation")]
    pub(super) fn restart(
        &mut self,
        ticket: Ticket,
        job: Job,
        tries: u32,
        found: &[Document],
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let here = job.documents.iter().all(|wanted| found.iter().any(|document| document.id == wanted.id));
        // One that was interrupted while it arrived has none.
        let whole = here && !job.documents.is_empty();
        let accepted = self.numbers.accepted();
        match (whole, accepted) {
            (false, _) => fx.push(Effect::Reply(ticket, Err(Refusal::DocumentGone(job.id)))),
            (true, None) => fx.push(Effect::Reply(ticket, Err(out_of_numbers()))),
            (true, Some(accepted)) => {
                let (id, command) = (job.id, JobCommand::Restart);
                self.pending.insert(ticket, Pending::Command { job: id, command, tries });
                self.apply(ticket, job, JobEvent::Restart { accepted }, now, fx);
            }
        }
    }
}

/// The job is as the user wants it. Whoever must act on that is told once more: the first telling may have
/// been lost with the answer.
fn already(ticket: Ticket, job: Job, fx: &mut Vec<Effect>) {
    let hint = match &job.bound {
        _ if job.status == JobStatus::Waiting => Some(Effect::Wake(job.serving_queue())),
        Some(bound) if job.cancel_requested && job.status.is_at_printer() => {
            Some(Effect::CancelAt(bound.printer, job.id))
        }
        Some(_) | None => None,
    };
    fx.push(Effect::Reply(ticket, Ok(Reply::Job(Box::new(job)))));
    fx.extend(hint);
}

/// What is to be done for a command.
enum Wish {
    Apply(JobEvent),
    /// The job is so already.
    Already,
}
