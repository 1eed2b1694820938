//! Jobs that may be sent while their document arrives: offered to their printer, which may register them, and
//! accepted when the document is here, or ended when it does not come.
//!
//! The printer and whoever accepts race in the store: of the two commits that bring the job one is refused.

use super::Refusal;
use super::messages::{Effect, Reply, Ticket};
use super::step::{Accepting, Intake, Pending, TRIES_MAX, wrong_state};
use crate::model::commit::{Commit, CommitError};
use crate::model::document::BodyPlace;
use crate::model::event::Source;
use crate::model::id::{JobId, QueueId};
use crate::model::job::{
    AfterArrival, DocumentRef, HoldReason, Interruption, Job, JobEvent, JobStatus, Reason,
};
use crate::model::stream::{Offer, may_stream};
use crate::model::time::Now;

/// The tickets under which the intake itself ends jobs; no request gets one so high.
const INTERRUPTING: u64 = 1 << 63;

/// A job that is to end, why, and how often that was tried.
pub(super) type Interrupted = (JobId, Interruption, u32);

impl Intake {
    pub(super) fn offer(&mut self, offer: Offer, fx: &mut Vec<Effect>) {
        let Some(job) = self.incoming.get(&offer.job) else { return };
        let QueueId::Printer(id) = job.queue else { return };
        let Some(printer) = self.directory.printer_by_id(id) else { return };
        if self.stopping || !may_stream(printer, job, &offer) {
            return;
        }
        let document = DocumentRef {
            id: offer.document,
            format: offer.format,
            bytes: offer.bytes.unwrap_or_default(),
            crc: 0,
            place: BodyPlace::File,
        };
        let job = Job { status: JobStatus::Waiting, reason: Reason::None, ..job.clone() };
        self.offered.insert(job.id, Interruption::NotAccepted);
        fx.push(Effect::Offer(id, Box::new(job), document));
    }

    /// The document of a job is here that its printer was faster to register: it is accepted where it is.
    pub(super) fn arrive(
        &mut self,
        ticket: Ticket,
        accepting: Accepting,
        read: Option<Box<Job>>,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        match (read.map(|job| *job), &accepting.registered) {
            (Some(job), Some(brought)) if job.is_arriving() => match accepted(job, brought, now) {
                Ok((job, commit)) => self.accept_registered(ticket, accepting, job, commit, fx),
                Err(refusal) => self.refuse_registered(ticket, accepting, refusal, now, fx),
            },
            (Some(job), _) => {
                self.refuse_registered(ticket, accepting, wrong_state(&job, "accepted"), now, fx);
            }
            (None, _) => {
                let refusal = Refusal::NoSuchJob(accepting.job);
                self.refuse_registered(ticket, accepting, refusal, now, fx);
            }
        }
    }

    fn accept_registered(
        &mut self,
        ticket: Ticket,
        accepting: Accepting,
        job: Job,
        commit: Commit,
        fx: &mut Vec<Effect>,
    ) {
        let mut then = vec![Effect::Reply(ticket, Ok(Reply::Accepted(Box::new(job.clone()))))];
        if job.status == JobStatus::Waiting {
            then.push(Effect::Wake(job.serving_queue()));
        }
        let accepting = Accepting { tries: accepting.tries + 1, ..accepting };
        self.pending.insert(ticket, Pending::Accepting(Box::new(accepting)));
        fx.push(Effect::Commit { ticket, commit: Box::new(commit), then });
    }

    fn refuse_registered(
        &mut self,
        ticket: Ticket,
        accepting: Accepting,
        refusal: Refusal,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let error = CommitError::Changed(accepting.job);
        self.not_accepted(ticket, accepting, &error, refusal, now, fx);
    }

    /// The document of a job does not come: where a printer had registered it and let go of it, it ends here. A
    /// printer that has it finds out by itself.
    pub(super) fn interrupt(&mut self, job: JobId, fx: &mut Vec<Effect>) {
        let why = self.offered.get(&job).copied().unwrap_or(Interruption::NotAccepted);
        let ticket = Ticket(INTERRUPTING | u64::from(job.0));
        self.pending.insert(ticket, Pending::Interrupting { job, why, tries: 0 });
        fx.push(Effect::ReadJob(ticket, job));
    }

    pub(super) fn end_interrupted(
        &mut self,
        ticket: Ticket,
        (id, why, tries): Interrupted,
        read: Option<Box<Job>>,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let Some(mut job) = read.filter(|job| job.is_arriving()) else {
            self.offered.remove(&id);
            return;
        };
        if job.status != JobStatus::Held {
            return;
        }
        let before = (job.id, job.revision);
        let event = JobEvent::Interrupt { why, bytes: job.bytes_sent };
        let Ok(entry) = job.apply(event, Source::System, now.wall) else { return };
        self.pending.insert(ticket, Pending::Interrupting { job: id, why, tries });
        let (timeline, jobs) = (entry.into_iter().collect(), vec![*job]);
        let commit = Commit { expect: vec![before], timeline, jobs, ..Commit::default() };
        fx.push(Effect::Commit { ticket, commit: Box::new(commit), then: Vec::new() });
    }

    /// Where it is not known what the record is now it is looked at again; else the next start ends the job.
    pub(super) fn not_interrupted(
        &mut self,
        ticket: Ticket,
        (job, why, tries): Interrupted,
        error: &CommitError,
        fx: &mut Vec<Effect>,
    ) {
        if matches!(error, CommitError::Changed(_) | CommitError::Unknown) && tries < TRIES_MAX {
            self.pending.insert(ticket, Pending::Interrupting { job, why, tries: tries + 1 });
            fx.push(Effect::ReadJob(ticket, job));
        }
    }
}

/// The registered job with the document that `brought` brings, and the commit that says so.
fn accepted(mut job: Job, brought: &Commit, now: Now) -> Result<(Job, Commit), Refusal> {
    let Some(new) = brought.documents.first() else { return Err(Refusal::EmptyBody) };
    let then = match job.reason {
        Reason::Held(HoldReason::Incoming) => AfterArrival::Wait,
        _ => AfterArrival::Stay,
    };
    let before = (job.id, job.revision);
    let event = JobEvent::Arrive { document: DocumentRef::from(&new.document), then };
    let entry = job.apply(event, Source::User, now.wall).map_err(|_| wrong_state(&job, "accepted"))?;
    let commit = Commit {
        expect: vec![before],
        jobs: vec![job.clone()],
        timeline: entry.into_iter().collect(),
        documents: brought.documents.clone(),
        key: brought.key.clone(),
        ..Commit::default()
    };
    Ok((job, commit))
}

/// What the start of the server makes of a job that waited for its document when the last life ended.
pub fn after_restart(mut job: Job, now: Now) -> Option<Commit> {
    let before = (job.id, job.revision);
    if job.status != JobStatus::Held || !job.is_arriving() {
        return None;
    }
    let event = JobEvent::Interrupt { why: Interruption::ServerStopped, bytes: job.bytes_sent };
    let entry = job.apply(event, Source::System, now.wall).ok()?;
    let timeline = entry.into_iter().collect();
    Some(Commit { expect: vec![before], timeline, jobs: vec![job], ..Commit::default() })
}
