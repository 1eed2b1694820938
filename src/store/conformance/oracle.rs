//! What a store must hold, kept in the simplest way there is.

use std::collections::BTreeMap;

use super::make::QUEUES;
use crate::model::commit::{Commit, CommitError, KeyId, Remove};
use crate::model::document::Document;
use crate::model::event::{Entry, Event, Subject};
use crate::model::id::{CommitSeq, DocumentId, JobId, QueueId, Revision};
use crate::model::job::{Job, JobStatus};
use crate::model::queue::{OrderKey, QueueCounts};
use crate::model::time::WallTime;
use crate::store::{JobsQuery, KeyRecord, keys};

#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub jobs: BTreeMap<JobId, Job>,
    pub timeline: BTreeMap<(JobId, u32), Entry>,
    /// With the time of the last use.
    pub documents: BTreeMap<DocumentId, (Document, WallTime)>,
    pub keys: BTreeMap<KeyId, KeyRecord>,
    pub settings: BTreeMap<String, Vec<u8>>,
    pub events: Vec<Event>,
    pub seq: CommitSeq,
    /// The store commits by itself, too.
    pub own_commits: bool,
}

impl Oracle {
    /// What a commit must do, or how it must fail.
    pub fn commit(&mut self, commit: &Commit) -> Result<CommitSeq, CommitError> {
        let mut next = self.clone();
        next.try_commit(commit)?;
        *self = next;
        Ok(self.seq)
    }

    /// The numbers before `seq` went to commits of the store's own.
    pub fn skip_before(&mut self, seq: CommitSeq) {
        self.seq.0 = self.seq.0.max(seq.0.saturating_sub(1));
        self.own_commits = true;
    }

    fn try_commit(&mut self, commit: &Commit) -> Result<(), CommitError> {
        for (id, revision) in &commit.expect {
            if self.jobs.get(id).map_or(Revision(0), |job| job.revision) != *revision {
                return Err(CommitError::Changed(*id));
            }
        }
        self.take_key(commit)?;
        for new in &commit.documents {
            self.documents.insert(new.document.id, (new.document.clone(), new.document.created_at));
        }
        for job in &commit.jobs {
            self.take_job(job)?;
        }
        for entry in &commit.timeline {
            self.timeline.insert((entry.job, entry.seq), entry.clone());
        }
        self.settings.extend(commit.settings.iter().cloned());
        self.settings.retain(|name, _| !commit.unset.contains(name));
        for removal in &commit.remove {
            self.remove(*removal)?;
        }
        self.tell(commit);
        Ok(())
    }

    fn take_key(&mut self, commit: &Commit) -> Result<(), CommitError> {
        let Some(key) = &commit.key else { return Ok(()) };
        let id = keys::key_id(&key.user, &key.key);
        let now = commit.jobs.first().map(|job| job.updated_at).unwrap_or_default();
        match self.keys.get(&id) {
            Some(old) if old.expires_at > now => return Err(CommitError::DuplicateKey(old.job)),
            Some(_) | None => {}
        }
        let record = KeyRecord { job: key.job, fingerprint: key.fingerprint, expires_at: key.expires_at };
        self.keys.insert(id, record);
        Ok(())
    }

    fn take_job(&mut self, job: &Job) -> Result<(), CommitError> {
        let before = self.jobs.insert(job.id, job.clone());
        let began = before.is_none_or(|before| before.status.is_final());
        for document in &job.documents {
            match self.documents.get_mut(&document.id) {
                None if began && !job.status.is_final() => return Err(CommitError::NoDocument(document.id)),
                Some((_, used_at)) if !began && job.status.is_final() => {
                    *used_at = (*used_at).max(job.updated_at);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn remove(&mut self, removal: Remove) -> Result<(), CommitError> {
        match removal {
            Remove::Job(id) if self.jobs.get(&id).is_some_and(|job| !job.status.is_final()) => {
                return Err(CommitError::Changed(id));
            }
            Remove::Job(id) => {
                self.jobs.remove(&id);
                self.timeline.retain(|(job, _), _| *job != id);
            }
            Remove::Document(id) if self.in_use(id) => return Err(CommitError::InUse(id)),
            Remove::Document(id) => drop(self.documents.remove(&id)),
            Remove::Key(id) => drop(self.keys.remove(&id)),
            Remove::Printer(_) | Remove::Pool(_) => {}
        }
        Ok(())
    }

    fn tell(&mut self, commit: &Commit) {
        self.seq.0 += 1;
        let mut jobs: Vec<JobId> = commit.jobs.iter().map(|job| job.id).collect();
        jobs.extend(commit.remove.iter().filter_map(|removal| match removal {
            Remove::Job(id) => Some(*id),
            _ => None,
        }));
        jobs.sort();
        jobs.dedup();
        let seq = self.seq;
        self.events.extend(jobs.into_iter().map(|job| Event { seq, subject: Subject::Job(job) }));
    }

    pub fn in_use(&self, id: DocumentId) -> bool {
        let uses = |job: &Job| job.documents.iter().any(|document| document.id == id);
        self.jobs.values().any(|job| !job.status.is_final() && uses(job))
    }

    pub fn queue(&self, queue: QueueId) -> Vec<OrderKey> {
        let here =
            self.jobs.values().filter(|job| job.serving_queue() == queue && job.status == JobStatus::Waiting);
        let place = |job: &Job| OrderKey { priority: job.priority, accepted: job.accepted, job: job.id };
        let mut order: Vec<OrderKey> = here.map(place).collect();
        order.sort();
        order
    }

    pub fn counts(&self, queue: QueueId) -> QueueCounts {
        let mut counts = QueueCounts::default();
        for job in self.jobs.values().filter(|job| job.serving_queue() == queue) {
            match job.status {
                JobStatus::Held => counts.held += 1,
                JobStatus::Completed | JobStatus::Failed | JobStatus::Canceled => {}
                _ => {
                    counts.jobs += 1;
                    counts.bytes += job.documents.iter().map(|document| document.bytes).sum::<u64>();
                }
            }
        }
        counts
    }

    pub fn counts_total(&self) -> QueueCounts {
        QUEUES.iter().map(|queue| self.counts(*queue)).fold(QueueCounts::default(), |a, b| QueueCounts {
            jobs: a.jobs + b.jobs,
            bytes: a.bytes + b.bytes,
            held: a.held + b.held,
        })
    }

    /// All jobs that a query asks for, newest first, without its limit.
    pub fn jobs(&self, query: &JobsQuery) -> Vec<Job> {
        let JobsQuery { statuses, queue, user, before, limit: _ } = query;
        let wanted = |job: &&Job| {
            (statuses.is_empty() || statuses.contains(&job.status))
                && queue.is_none_or(|queue| queue == job.queue)
                && user.as_ref().is_none_or(|user| *user == job.submitter.user)
                && before.is_none_or(|before| job.id < before)
        };
        self.jobs.values().rev().filter(wanted).cloned().collect()
    }
}
