//! A commit in the making: what was read, with what the commit has changed so far laid over it.

use std::collections::BTreeMap;

use super::read::{self, Kv};
use super::record::{self, Stored, StoredDocument};
use super::tables::Op;
use super::{QueueId, ReadError, keys};
use crate::model::commit::CommitError;
use crate::model::id::{DocumentId, JobId};
use crate::model::job::{Job, JobStatus};
use crate::model::queue::QueueCounts;
use crate::model::time::WallTime;

/// Something as it was before the commit and as it is now.
struct Change<T> {
    before: Option<T>,
    now: Option<T>,
}

/// The operations of one commit. A key has one operation at most; a document or a counter that several jobs
/// of the commit touch is written once.
pub struct Draft<'a, K> {
    kv: &'a K,
    ops: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    jobs: BTreeMap<JobId, Option<Job>>,
    documents: BTreeMap<DocumentId, Change<StoredDocument>>,
    counts: BTreeMap<QueueId, Change<QueueCounts>>,
}

impl<'a, K: Kv> Draft<'a, K> {
    pub fn new(kv: &'a K) -> Self {
        Draft {
            kv,
            ops: BTreeMap::new(),
            jobs: BTreeMap::new(),
            documents: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    pub fn kv(&self) -> &'a K {
        self.kv
    }

    /// How many keys the commit touches so far, with what documents and counters will add at most.
    pub fn len(&self) -> usize {
        self.ops.len() + 3 * self.documents.len() + self.counts.len()
    }

    pub fn put<T: Stored>(
        &mut self,
        key: Vec<u8>,
        value: &T,
        what: impl FnOnce() -> String,
    ) -> Result<(), CommitError> {
        let record = record::encode(value)
            .map_err(|_| CommitError::Unavailable(format!("{} is too large to be stored", what())))?;
        self.ops.insert(key, Some(record));
        Ok(())
    }

    /// An entry of a list.
    pub fn list(&mut self, key: Vec<u8>) {
        self.ops.insert(key, Some(Vec::new()));
    }

    pub fn delete(&mut self, key: Vec<u8>) {
        self.ops.insert(key, None);
    }

    /// The job as it is after what the commit has changed so far.
    pub fn job(&mut self, id: JobId) -> Result<Option<Job>, CommitError> {
        match self.jobs.get(&id) {
            Some(job) => Ok(job.clone()),
            None => read::job(self.kv, id).map_err(unreadable),
        }
    }

    /// Puts a job in the place of `before`: record, lists, counters and the use of its documents.
    pub fn replace_job(&mut self, before: Option<&Job>, now: Option<&Job>) -> Result<(), CommitError> {
        let Some(id) = before.or(now).map(|job| job.id) else { return Ok(()) };
        let (gone, come) = (before.map(keys::lists_of), now.map(keys::lists_of));
        let (gone, come) = (gone.unwrap_or_default(), come.unwrap_or_default());
        gone.iter().filter(|key| !come.contains(key)).for_each(|key| self.delete(key.clone()));
        come.iter().filter(|key| !gone.contains(key)).for_each(|key| self.list(key.clone()));
        match now {
            Some(job) => self.put(keys::job(id), job, || format!("job {id}"))?,
            None => self.delete(keys::job(id)),
        }
        self.count(before, now)?;
        self.use_documents(before, now)?;
        self.jobs.insert(id, now.cloned());
        Ok(())
    }

    fn count(&mut self, before: Option<&Job>, now: Option<&Job>) -> Result<(), CommitError> {
        let (before, now) = (before.and_then(weight), now.and_then(weight));
        if before == now {
            return Ok(());
        }
        if let Some((queue, weight)) = before {
            let counts = self.counts(queue)?;
            counts.jobs = counts.jobs.saturating_sub(weight.jobs);
            counts.bytes = counts.bytes.saturating_sub(weight.bytes);
            counts.held = counts.held.saturating_sub(weight.held);
        }
        if let Some((queue, weight)) = now {
            let counts = self.counts(queue)?;
            counts.jobs += weight.jobs;
            counts.bytes = counts.bytes.saturating_add(weight.bytes);
            counts.held += weight.held;
        }
        Ok(())
    }

    /// What is in a queue after what the commit has changed so far.
    pub fn waiting(&mut self, queue: QueueId) -> Result<QueueCounts, CommitError> {
        self.counts(queue).map(|counts| *counts)
    }

    fn counts(&mut self, queue: QueueId) -> Result<&mut QueueCounts, CommitError> {
        let kv = self.kv;
        let change = match self.counts.entry(queue) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(unknown) => {
                let before = read::counts(kv, queue).map_err(unreadable)?;
                unknown.insert(Change { before, now: before })
            }
        };
        Ok(change.now.get_or_insert_default())
    }

    /// A job that begins needs its documents; one that ends lets go of them.
    fn use_documents(&mut self, before: Option<&Job>, now: Option<&Job>) -> Result<(), CommitError> {
        let (had, has) = (before.map(uses).unwrap_or_default(), now.map(uses).unwrap_or_default());
        for id in has.iter().filter(|id| !had.contains(id)) {
            let stored = self.document(*id).map_err(unreadable)?;
            stored.as_mut().ok_or(CommitError::NoDocument(*id))?.users += 1;
        }
        let ended_at = now.map_or(WallTime(0), |job| job.updated_at);
        for id in had.iter().filter(|id| !has.contains(id)) {
            // What cannot be read is left as it is: a damaged document must not keep a job from ending.
            if let Ok(Some(stored)) = self.document(*id) {
                stored.users = stored.users.saturating_sub(1);
                stored.used_at = stored.used_at.max(ended_at);
            }
        }
        Ok(())
    }

    /// A document, to be changed.
    pub fn document(&mut self, id: DocumentId) -> Result<&mut Option<StoredDocument>, ReadError> {
        let kv = self.kv;
        match self.documents.entry(id) {
            std::collections::btree_map::Entry::Occupied(known) => Ok(&mut known.into_mut().now),
            std::collections::btree_map::Entry::Vacant(unknown) => {
                let before = read::stored_document(kv, id)?;
                Ok(&mut unknown.insert(Change { now: before.clone(), before }).now)
            }
        }
    }

    /// The operations, in the order of their keys.
    pub fn finish(mut self) -> Result<Vec<Op>, CommitError> {
        for (id, Change { before, now }) in std::mem::take(&mut self.documents) {
            if before == now {
                continue;
            }
            let (gone, come) = (before.as_ref().and_then(unused), now.as_ref().and_then(unused));
            if gone != come {
                gone.into_iter().for_each(|key| self.delete(key));
                come.into_iter().for_each(|key| self.list(key));
            }
            match now {
                Some(stored) => self.put(keys::document(id), &stored, || format!("document {id}"))?,
                None => self.delete(keys::document(id)),
            }
        }
        for (queue, Change { before, now }) in std::mem::take(&mut self.counts) {
            // A queue that holds nothing leaves nothing behind.
            match now.filter(|counts| *counts != QueueCounts::default()) {
                now if now == before => {}
                Some(now) => self.put(keys::counts(queue), &now, || format!("the counts of {queue:?}"))?,
                None => self.delete(keys::counts(queue)),
            }
        }
        Ok(self.ops.into_iter().map(|(key, value)| Op { key, value }).collect())
    }
}

/// What a job adds to the counts of its queue.
pub fn weight(job: &Job) -> Option<(QueueId, QueueCounts)> {
    let waiting = QueueCounts { jobs: 1, bytes: job.bytes_total(), held: 0 };
    match job.status {
        JobStatus::Held => Some((job.serving_queue(), QueueCounts { held: 1, ..QueueCounts::default() })),
        JobStatus::Waiting => Some((job.serving_queue(), waiting)),
        status if status.is_at_printer() => Some((job.serving_queue(), waiting)),
        _ => None,
    }
}

/// The documents that a job keeps from being purged, each once.
pub fn uses(job: &Job) -> Vec<DocumentId> {
    let mut ids: Vec<DocumentId> = match job.status.is_final() {
        true => Vec::new(),
        false => job.documents.iter().map(|document| document.id).collect(),
    };
    ids.sort();
    ids.dedup();
    ids
}

/// The place of a document among those that nothing uses.
pub fn unused(stored: &StoredDocument) -> Option<Vec<u8>> {
    (stored.users == 0).then(|| keys::unused(stored.used_at, stored.document.id))
}

/// A commit that would build on what cannot be read does not happen.
pub fn unreadable(error: ReadError) -> CommitError {
    CommitError::Unavailable(error.to_string())
}
