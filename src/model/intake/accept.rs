//! How a job or a document is taken in, or turned down with nothing left behind.

use super::messages::{Effect, Reply, Submission, Ticket};
use super::step::{
    Accepting, Announced, Intake, KeySlot, Pending, claim_of, files_of, first_entry, out_of_numbers,
};
use super::{Arrival, Handed, JobRequest, Refusal};
use crate::model::commit::{Commit, CommitError, IdempotencyKey, NewDocument};
use crate::model::document::{BodyPlace, Document};
use crate::model::id::{DocumentId, JobId, Revision};
use crate::model::job::{
    DOCUMENTS_MAX, DocumentRef, HoldReason, Interruption, Job, JobStatus, Reason, Submitter,
};
use crate::model::time::Now;

impl Intake {
    pub(super) fn announce(&mut self, ticket: Ticket, request: JobRequest, now: Now, fx: &mut Vec<Effect>) {
        let reply = self.admits().and_then(|()| {
            let mut job = self.draft(&request, None, now)?;
            job.reason = Reason::Held(HoldReason::Incoming);
            job.status = JobStatus::Held;
            let document = self.numbers.document().ok_or_else(out_of_numbers)?;
            let id = job.id;
            self.incoming.insert(id, job);
            fx.push(Effect::Incoming);
            Ok(Reply::Announced(id, document))
        });
        fx.push(Effect::Reply(ticket, reply));
    }

    /// A job as the request describes it, without documents, numbered.
    pub(super) fn draft(
        &mut self,
        request: &JobRequest,
        id: Option<JobId>,
        now: Now,
    ) -> Result<Job, Refusal> {
        let name = match (&request.queue, &self.directory.default) {
            (Some(name), _) | (None, Some(name)) => name.clone(),
            (None, None) => return Err(Refusal::NoDefaultQueue),
        };
        let queue = self.directory.queue(&name).ok_or_else(|| Refusal::NoSuchQueue(name.clone()))?;
        if !self.directory.accepts(queue) {
            return Err(Refusal::NotAccepting(name));
        }
        let id = match id {
            Some(id) => id,
            None => self.numbers.job().ok_or_else(out_of_numbers)?,
        };
        let (status, reason) = match request.arrival {
            Arrival::Print => (JobStatus::Waiting, Reason::None),
            Arrival::Hold => (JobStatus::Held, Reason::Held(HoldReason::User)),
        };
        let age = self.numbers.accepted().ok_or_else(out_of_numbers)?;
        let job = Job::new(id, (queue, name), request.submitter.clone(), age, now.wall);
        Ok(Job {
            status,
            reason,
            title: request.title.clone().unwrap_or(job.title),
            // What was asked for. The printer that prints it adds its own defaults, whichever it will be.
            options: request.options.clone(),
            priority: request.priority,
            control_hash: request.control_hash,
            ..job
        })
    }

    pub(super) fn submit(
        &mut self,
        ticket: Ticket,
        submission: Box<Submission>,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let Some(claim) = &submission.key else { return self.look_up(ticket, submission, now, fx) };
        let slot = (submission.request.submitter.user.clone(), claim.key.clone());
        if let Some(parked) = self.keys.get_mut(&slot) {
            parked.push(ticket);
            self.pending.insert(ticket, Pending::Parked(submission));
            return;
        }
        self.keys.insert(slot.clone(), Vec::new());
        self.pending.insert(ticket, Pending::Key(submission));
        fx.push(Effect::ReadKey(ticket, slot.0, slot.1));
    }

    pub(super) fn on_key_read(
        &mut self,
        ticket: Ticket,
        record: Option<(JobId, [u8; 32])>,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let (slot, claimed) = match self.pending.remove(&ticket) {
            Some(Pending::Key(submission)) => match (record, claim_of(&submission)) {
                (Some(_), Some(claim)) => {
                    self.give_up_arrival(&submission, fx);
                    claim
                }
                (None, _) | (_, None) => return self.look_up(ticket, submission, now, fx),
            },
            Some(Pending::KeyAgain(slot, claimed)) => (slot, claimed),
            Some(other) => {
                self.pending.insert(ticket, other);
                return;
            }
            None => return,
        };
        match record {
            Some((job, fingerprint)) if fingerprint == claimed => {
                self.pending.insert(ticket, Pending::Repeating(slot, job));
                fx.push(Effect::ReadJob(ticket, job));
                return;
            }
            Some((job, _)) => fx.push(Effect::Reply(ticket, Err(Refusal::KeyReused(job)))),
            // It has expired since: the same request may come again.
            None => fx.push(Effect::Reply(ticket, Err(out_of_numbers()))),
        }
        self.free_key(&slot, now, fx);
    }

    /// Registered documents are looked up; a job that brings its own goes straight on.
    pub(super) fn look_up(
        &mut self,
        ticket: Ticket,
        submission: Box<Submission>,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let registered: Vec<DocumentId> = submission
            .documents
            .iter()
            .filter_map(|handed| match handed {
                Handed::Registered(id) => Some(*id),
                Handed::Inline { .. } | Handed::File { .. } => None,
            })
            .collect();
        if registered.is_empty() {
            self.accept(ticket, submission, &[], now, fx);
        } else {
            self.pending.insert(ticket, Pending::Documents(submission));
            fx.push(Effect::ReadDocuments(ticket, registered));
        }
    }

    pub(super) fn accept(
        &mut self,
        ticket: Ticket,
        submission: Box<Submission>,
        found: &[Document],
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let key = claim_of(&submission);
        match self.accepted(&submission, found, now) {
            Ok((job, commit)) => {
                let announced =
                    if self.incoming.contains_key(&job.id) { Announced::Yes } else { Announced::No };
                let files = files_of(&submission);
                let registered = self.offered.contains_key(&job.id).then(|| Box::new(commit.clone()));
                let (job_id, queue) = (job.id, job.queue);
                let accepting = Accepting { job: job_id, queue, announced, key, files, registered, tries: 0 };
                let reply = Effect::Reply(ticket, Ok(Reply::Accepted(Box::new(job.clone()))));
                let mut then = vec![reply];
                if job.status == JobStatus::Waiting {
                    then.push(Effect::Wake(job.serving_queue()));
                }
                self.accepting += u64::from(announced == Announced::No);
                self.pending.insert(ticket, Pending::Accepting(Box::new(accepting)));
                fx.push(Effect::Commit { ticket, commit: Box::new(commit), then });
            }
            Err(refusal) => {
                self.give_up_arrival(&submission, fx);
                fx.push(Effect::Reply(ticket, Err(refusal)));
                if let Some((slot, _)) = key {
                    self.free_key(&slot, now, fx);
                }
            }
        }
    }

    /// The commit of a job is over: it is arriving no more.
    pub(super) fn arrived(&mut self, accepting: &Accepting, fx: &mut Vec<Effect>) {
        match accepting.announced {
            Announced::No => self.accepting -= 1,
            Announced::Yes => {
                self.incoming.remove(&accepting.job);
                fx.push(Effect::Incoming);
            }
        }
    }

    /// The commit of a job failed: the request ends and nothing of it stays.
    pub(super) fn not_accepted(
        &mut self,
        ticket: Ticket,
        accepting: Accepting,
        error: &CommitError,
        refusal: Refusal,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        self.arrived(&accepting, fx);
        // After `Unknown` the job may be there, need its files (the sweep at the next start decides) and wait.
        if *error == CommitError::Unknown {
            fx.push(Effect::Wake(accepting.queue));
        } else {
            fx.extend(accepting.files.into_iter().map(Effect::Discard));
        }
        match (accepting.key, error) {
            // The same key came in with a commit of which the store had not said that it was written.
            (Some((slot, claimed)), CommitError::DuplicateKey(_)) => {
                fx.push(Effect::ReadKey(ticket, slot.0.clone(), slot.1.clone()));
                self.pending.insert(ticket, Pending::KeyAgain(slot, claimed));
            }
            (key, _) => {
                fx.push(Effect::Reply(ticket, Err(refusal)));
                if let Some((slot, _)) = key {
                    self.free_key(&slot, now, fx);
                }
            }
        }
    }

    /// A broken upload. One that is being accepted already is whole and stays.
    pub(super) fn withdraw(&mut self, job: JobId, fx: &mut Vec<Effect>) {
        let accepting = |pending: &Pending| matches!(pending, Pending::Accepting(a) | Pending::Registered(a) if a.job == job);
        if self.pending.values().any(accepting) {
            return;
        }
        let arriving = self.incoming.remove(&job).is_some();
        if arriving {
            fx.push(Effect::Incoming);
        }
        if let (true, Some(why)) = (arriving, self.offered.get_mut(&job)) {
            *why = Interruption::Upload;
        }
        // Where it was never offered, no printer has it.
        if !arriving || self.offered.contains_key(&job) {
            self.interrupt(job, fx);
        }
    }

    /// The job and the commit that brings it, or why not.
    pub(super) fn accepted(
        &mut self,
        submission: &Submission,
        found: &[Document],
        now: Now,
    ) -> Result<(Job, Commit), Refusal> {
        let Submission { announced, request, documents, key } = submission;
        match announced.filter(|id| self.incoming.contains_key(id)) {
            // It was admitted when it was announced; only the end of the server may come between.
            Some(_) if self.stopping => return Err(Refusal::Stopping),
            Some(_) => {}
            None => self.admits()?,
        }
        if documents.is_empty() {
            return Err(Refusal::EmptyBody);
        }
        if documents.len() > DOCUMENTS_MAX {
            return Err(Refusal::TooManyDocuments { documents_max: DOCUMENTS_MAX });
        }
        let id = announced.filter(|id| self.incoming.contains_key(id));
        let mut job = self.draft(request, id, now)?;
        let mut commit = Commit { expect: vec![(job.id, Revision(0))], ..Commit::default() };
        for handed in documents {
            let (reference, name) = self.take_in(handed, &request.submitter, found, now, &mut commit)?;
            if job.documents.is_empty() && request.title.is_none() && !name.is_empty() {
                job.title = name;
            }
            job.documents.push(reference);
        }
        job.entries = 1;
        commit.queues.push((job.queue, job.queue_name.clone()));
        commit.timeline.push(first_entry(&job));
        commit.key = key.as_ref().map(|claim| IdempotencyKey {
            user: request.submitter.user.clone(),
            key: claim.key.clone(),
            fingerprint: claim.fingerprint,
            job: job.id,
            expires_at: now.wall.plus(self.rules.key_kept),
        });
        commit.jobs.push(job.clone());
        Ok((job, commit))
    }

    pub(super) fn take_in(
        &mut self,
        handed: &Handed,
        submitter: &Submitter,
        found: &[Document],
        now: Now,
        commit: &mut Commit,
    ) -> Result<(DocumentRef, String), Refusal> {
        let document = match handed {
            Handed::Registered(id) => {
                let document = found.iter().find(|document| document.id == *id);
                let document = document.ok_or(Refusal::NoSuchDocument(*id))?;
                return Ok((DocumentRef::from(document), document.name.clone()));
            }
            new => self.new_document(new, submitter, now)?,
        };
        let told = (DocumentRef::from(&document.document), document.document.name.clone());
        commit.documents.push(document);
        Ok(told)
    }

    pub(super) fn new_document(
        &mut self,
        handed: &Handed,
        submitter: &Submitter,
        now: Now,
    ) -> Result<NewDocument, Refusal> {
        let (id, name, format, bytes, crc, body) = match handed {
            Handed::Registered(id) => return Err(Refusal::NoSuchDocument(*id)),
            Handed::Inline { name, format, crc, body } => {
                let id = self.numbers.document().ok_or_else(out_of_numbers)?;
                (id, name, format, body.len() as u64, *crc, Some(body.clone()))
            }
            Handed::File { id, name, format, bytes, crc } => (*id, name, format, *bytes, *crc, None),
        };
        if bytes == 0 {
            return Err(Refusal::EmptyBody);
        }
        let place = if body.is_some() { BodyPlace::Inline } else { BodyPlace::File };
        let document = Document {
            id,
            submitter: submitter.clone(),
            name: name.clone(),
            format: format.clone(),
            bytes,
            crc,
            place,
            created_at: now.wall,
        };
        Ok(NewDocument { document, body })
    }

    /// A submission that becomes no job leaves nothing behind.
    pub(super) fn give_up_arrival(&mut self, submission: &Submission, fx: &mut Vec<Effect>) {
        if let Some(id) = submission.announced
            && self.incoming.remove(&id).is_some()
        {
            fx.push(Effect::Incoming);
        }
        fx.extend(files_of(submission).into_iter().map(Effect::Discard));
    }

    /// The request that held a key is over; those that waited for it go on, one after the other.
    pub(super) fn free_key(&mut self, slot: &KeySlot, now: Now, fx: &mut Vec<Effect>) {
        let parked = self.keys.remove(slot).unwrap_or_default();
        for ticket in parked {
            if let Some(Pending::Parked(submission)) = self.pending.remove(&ticket) {
                self.submit(ticket, submission, now, fx);
            }
        }
    }
}
