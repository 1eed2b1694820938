//! A store in memory, as much of one as the front doors read.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use spool::model::commit::{Commit, CommitError, Committed, IdempotencyKey, Remove};
use spool::model::document::Document;
use spool::model::event::{Entry, Event, Subject};
use spool::model::id::{CommitSeq, DocumentId, JobId, QueueId};
use spool::model::job::{Job, JobStatus};
use spool::model::pool::Pool;
use spool::model::printer::Printer;
use spool::model::queue::{OrderKey, QueueCounts};
use spool::model::time::WallTime;
use spool::store::{EventsSince, JobsQuery, KeyRecord, Page, Purge, Purgeable, ReadError, Store};
use tokio::sync::{Notify, watch};

type Read<T> = BoxFuture<'static, Result<T, ReadError>>;

#[derive(Default)]
struct Inner {
    seq: u64,
    jobs: BTreeMap<JobId, Job>,
    timeline: BTreeMap<(JobId, u32), Entry>,
    documents: BTreeMap<DocumentId, (Document, Option<Bytes>)>,
    keys: HashMap<(String, String), IdempotencyKey>,
    events: Vec<Event>,
    /// Events up to this commit are no longer kept.
    forgotten: u64,
    reading: Option<(Sender<()>, Arc<Notify>)>,
}

pub struct MemoryStore {
    inner: Mutex<Inner>,
    changes: watch::Sender<CommitSeq>,
}

impl MemoryStore {
    pub fn new() -> MemoryStore {
        MemoryStore { inner: Mutex::default(), changes: watch::Sender::new(CommitSeq(0)) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while it was held")
    }

    pub fn apply(&self, commit: Commit) -> Result<Committed, CommitError> {
        let mut inner = self.inner();
        inner.seq += 1;
        let seq = CommitSeq(inner.seq);
        for job in commit.jobs {
            inner.events.push(Event { seq, subject: Subject::Job(job.id) });
            inner.jobs.insert(job.id, job);
        }
        inner.timeline.extend(commit.timeline.into_iter().map(|entry| ((entry.job, entry.seq), entry)));
        for new in commit.documents {
            inner.documents.insert(new.document.id, (new.document, new.body));
        }
        if let Some(key) = commit.key {
            inner.keys.insert((key.user.clone(), key.key.clone()), key);
        }
        for remove in commit.remove {
            if let Remove::Document(id) = remove {
                let used = |job: &&Job| !job.status.is_final() && job.documents.iter().any(|d| d.id == id);
                if inner.jobs.values().find(used).is_some() {
                    return Err(CommitError::InUse(id));
                }
                inner.documents.remove(&id);
            }
        }
        drop(inner);
        self.changes.send_replace(seq);
        Ok(Committed { seq })
    }

    /// Puts a job there as it is.
    pub fn put(&self, job: Job) {
        self.apply(Commit { jobs: vec![job], ..Commit::default() }).expect("a commit");
    }

    pub fn job_now(&self, id: JobId) -> Option<Job> {
        self.inner().jobs.get(&id).cloned()
    }

    pub fn jobs_now(&self) -> Vec<Job> {
        self.inner().jobs.values().cloned().collect()
    }

    pub fn document_now(&self, id: DocumentId) -> Option<(Document, Option<Bytes>)> {
        self.inner().documents.get(&id).cloned()
    }

    pub fn key_now(&self, user: &str, key: &str) -> Option<IdempotencyKey> {
        self.inner().keys.get(&(user.to_owned(), key.to_owned())).cloned()
    }

    /// Keeps no events up to now.
    pub fn forget_events(&self) {
        let mut inner = self.inner();
        inner.forgotten = inner.seq;
        inner.events.clear();
    }

    /// The next read of a job says so, and waits.
    pub fn stop_reading(&self, entered: Sender<()>) -> Arc<Notify> {
        let proceed = Arc::new(Notify::new());
        self.inner().reading = Some((entered, Arc::clone(&proceed)));
        proceed
    }
}

fn now<T: Send + 'static>(value: T) -> Read<T> {
    ready(Ok(value)).boxed()
}

impl Store for MemoryStore {
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<Committed, CommitError>> {
        ready(self.apply(commit)).boxed()
    }

    fn head(&self, queue: QueueId, after: Option<OrderKey>, n: usize) -> Read<Vec<OrderKey>> {
        let inner = self.inner();
        let here = inner.jobs.values().filter(|job| job.queue == queue).filter_map(Job::order);
        let mut keys: Vec<OrderKey> = here.filter(|key| after.is_none_or(|after| *key > after)).collect();
        keys.sort();
        keys.truncate(n);
        now(keys)
    }

    fn job(&self, id: JobId) -> Read<Option<Job>> {
        let mut inner = self.inner();
        let job = inner.jobs.get(&id).cloned();
        match inner.reading.take() {
            None => now(job),
            Some((entered, proceed)) => async move {
                entered.send(()).expect("the test waits");
                proceed.notified().await;
                Ok(job)
            }
            .boxed(),
        }
    }

    fn jobs(&self, query: JobsQuery) -> Read<Page<Job, JobId>> {
        let inner = self.inner();
        let fits = |job: &&Job| {
            (query.statuses.is_empty() || query.statuses.contains(&job.status))
                && query.queue.is_none_or(|queue| queue == job.queue)
                && query.user.as_ref().is_none_or(|user| *user == job.submitter.user)
                && query.before.is_none_or(|before| job.id < before)
        };
        let mut rows: Vec<Job> =
            inner.jobs.values().rev().filter(fits).take(query.limit + 1).cloned().collect();
        let more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let next = rows.last().filter(|_| more).map(|job| job.id);
        now(Page { rows, next })
    }

    fn jobs_at_printers(&self) -> Read<Vec<Job>> {
        now(self.jobs_now().into_iter().filter(|job| job.status.is_at_printer()).collect())
    }

    fn timeline(&self, job: JobId, after: u32, n: usize) -> Read<Vec<Entry>> {
        let inner = self.inner();
        let range = (job, after.saturating_add(1))..=(job, u32::MAX);
        now(inner.timeline.range(range).take(n).map(|(_, entry)| entry.clone()).collect())
    }

    fn document(&self, id: DocumentId) -> Read<Option<Document>> {
        now(self.document_now(id).map(|(document, _)| document))
    }

    fn documents(
        &self,
        user: Option<String>,
        before: Option<DocumentId>,
        limit: usize,
    ) -> Read<Page<Document, DocumentId>> {
        let inner = self.inner();
        let all = inner.documents.values().rev().map(|(document, _)| document);
        let mut rows: Vec<Document> = all
            .filter(|document| user.as_ref().is_none_or(|user| *user == document.submitter.user))
            .filter(|document| before.is_none_or(|before| document.id < before))
            .take(limit + 1)
            .cloned()
            .collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|document| document.id);
        now(Page { rows, next })
    }

    fn printers(&self) -> Read<Vec<Printer>> {
        now(Vec::new())
    }

    fn pools(&self) -> Read<Vec<Pool>> {
        now(Vec::new())
    }

    fn setting(&self, _: &str) -> Read<Option<Vec<u8>>> {
        now(None)
    }

    fn key(&self, user: &str, key: &str, _: WallTime) -> Read<Option<KeyRecord>> {
        let record = self.key_now(user, key).map(|key| KeyRecord {
            job: key.job,
            fingerprint: key.fingerprint,
            expires_at: key.expires_at,
        });
        now(record)
    }

    fn counts(&self, queue: QueueId) -> QueueCounts {
        let jobs = self.jobs_now().into_iter().filter(|job| job.queue == queue);
        jobs.fold(QueueCounts::default(), |mut counts, job| {
            match job.status {
                JobStatus::Held => counts.held += 1,
                status if status.is_final() => {}
                _ => (counts.jobs, counts.bytes) = (counts.jobs + 1, counts.bytes + job.bytes_total()),
            }
            counts
        })
    }

    fn counts_total(&self) -> QueueCounts {
        let queues: std::collections::BTreeSet<QueueId> =
            self.jobs_now().iter().map(|job| job.queue).collect();
        queues.into_iter().map(|queue| self.counts(queue)).fold(QueueCounts::default(), |a, b| QueueCounts {
            jobs: a.jobs + b.jobs,
            bytes: a.bytes + b.bytes,
            held: a.held + b.held,
        })
    }

    fn purgeable(&self, _: Purge, _: WallTime, _: usize) -> Read<Vec<Purgeable>> {
        now(Vec::new())
    }

    fn last_seq(&self) -> CommitSeq {
        CommitSeq(self.inner().seq)
    }

    fn events_since(&self, after: CommitSeq, n: usize) -> Read<EventsSince> {
        let inner = self.inner();
        if after.0 < inner.forgotten {
            return now(EventsSince::Reset);
        }
        let newer = inner.events.iter().filter(|event| event.seq > after);
        now(EventsSince::Events(newer.take(n).cloned().collect()))
    }

    fn changes(&self) -> watch::Receiver<CommitSeq> {
        self.changes.subscribe()
    }
}
