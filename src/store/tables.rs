//! What a commit means for the keys: the one place where records, lists and counters are kept in step.
//!
//! [`plan`] is pure: it reads, checks, and answers the operations; the store makes them durable and applies
//! them, all or none. How many keys the commits of a job's way take (one inline document):
//!
//! | commit | keys |
//! |---|---|
//! | accepted | 9 (11 with an idempotency key): job, four lists, entry, document, counts, event |
//! | attempt | 6: job, three lists, entry, event |
//! | last byte, handle, print start | 3: job, entry, event |
//! | progress | 2: job, event |
//! | completed | 9: job, three lists, entry, document, its purge list, counts, event |
//! | completed, and the next one's attempt | 14 |

use std::collections::BTreeSet;

use super::draft::{Draft, unreadable};
pub use super::journal::Op;

use super::read::{self, Direction, Kv};
use super::record::{EventV1, SettingV1, StoredDocument, SubjectV1};
use super::{KeyRecord, keys};
use crate::model::commit::{Commit, CommitError, IdempotencyKey, KEYS_MAX, KeyId, NewDocument, Remove};
use crate::model::id::{CommitSeq, DocumentId, JobId, QueueId};
use crate::model::job::Job;

/// The keys that are kept for what comes after removals of jobs: the event.
const RESERVED: usize = 1;

/// The operations of `commit` under the number `seq`, in the order of their keys and at most
/// [`KEYS_MAX`], or why it cannot be.
pub fn plan(commit: &Commit, seq: CommitSeq, kv: &impl Kv) -> Result<Vec<Op>, CommitError> {
    let mut draft = Draft::new(kv);
    check_expected(commit, &mut draft)?;
    check_queues(commit, &draft)?;
    if let Some(key) = &commit.key {
        remember_key(key, commit, &mut draft)?;
    }
    // Documents before the jobs that print them.
    for new in &commit.documents {
        add_document(new, &mut draft)?;
    }
    for job in &commit.jobs {
        let before = draft.job(job.id)?;
        draft.replace_job(before.as_ref(), Some(job))?;
    }
    for entry in &commit.timeline {
        let key = keys::entry(entry.job, entry.seq);
        draft.put(key, entry, || format!("entry {} of job {}", entry.seq, entry.job))?;
    }
    put_the_rest(commit, &mut draft)?;
    remove(&commit.remove, &mut draft)?;
    put_event(commit, seq, &mut draft)?;
    let ops = draft.finish()?;
    if ops.len() > KEYS_MAX {
        let why = format!("a commit of {} keys is too large; {KEYS_MAX} is the limit", ops.len());
        return Err(CommitError::Unavailable(why));
    }
    Ok(ops)
}

fn check_expected(commit: &Commit, draft: &mut Draft<'_, impl Kv>) -> Result<(), CommitError> {
    for (id, expected) in &commit.expect {
        let revision = draft.job(*id)?.map(|job| job.revision).unwrap_or_default();
        if revision != *expected {
            return Err(CommitError::Changed(*id));
        }
    }
    Ok(())
}

fn check_queues(commit: &Commit, draft: &Draft<'_, impl Kv>) -> Result<(), CommitError> {
    for (queue, name) in &commit.queues {
        let key = match *queue {
            QueueId::Printer(id) => keys::printer(id),
            QueueId::Pool(id) => keys::pool(id),
        };
        if draft.kv().get(&key).map_err(unreadable)?.is_none() {
            return Err(CommitError::NoQueue(name.clone()));
        }
    }
    Ok(())
}

/// A key that has expired by the time of the job which the new one brings is as good as none.
fn remember_key(
    key: &IdempotencyKey,
    commit: &Commit,
    draft: &mut Draft<'_, impl Kv>,
) -> Result<(), CommitError> {
    let id = keys::key_id(&key.user, &key.key);
    let now = commit.jobs.iter().find(|job| job.id == key.job).map(|job| job.updated_at);
    if let Some(old) = read::key_record(draft.kv(), id).map_err(unreadable)? {
        if now.is_none_or(|now| old.expires_at > now) {
            return Err(CommitError::DuplicateKey(old.job));
        }
        draft.delete(keys::expiry(old.expires_at, id));
    }
    let record = KeyRecord { job: key.job, fingerprint: key.fingerprint, expires_at: key.expires_at };
    draft.list(keys::expiry(key.expires_at, id));
    draft.put(keys::idempotency(id), &record, || format!("the idempotency key of job {}", key.job))
}

/// A document that is there already keeps its users.
fn add_document(new: &NewDocument, draft: &mut Draft<'_, impl Kv>) -> Result<(), CommitError> {
    let stored = draft.document(new.document.id).map_err(unreadable)?;
    let (users, used_at) = match stored {
        Some(stored) => (stored.users, stored.used_at),
        None => (0, new.document.created_at),
    };
    *stored = Some(StoredDocument { document: new.document.clone(), users, used_at });
    Ok(())
}

fn put_the_rest(commit: &Commit, draft: &mut Draft<'_, impl Kv>) -> Result<(), CommitError> {
    for printer in &commit.printers {
        draft.put(keys::printer(printer.id), printer, || format!("printer {}", printer.name))?;
    }
    for pool in &commit.pools {
        draft.put(keys::pool(pool.id), pool, || format!("pool {}", pool.name))?;
    }
    for (name, value) in &commit.settings {
        draft.put(keys::setting(name), &SettingV1(value.clone()), || format!("setting {name}"))?;
    }
    commit.unset.iter().for_each(|name| draft.delete(keys::setting(name)));
    Ok(())
}

/// Jobs come last: their timelines take what room is left.
fn remove(removals: &[Remove], draft: &mut Draft<'_, impl Kv>) -> Result<(), CommitError> {
    for removal in removals {
        match *removal {
            Remove::Document(id) => remove_document(id, draft)?,
            Remove::Printer(id) => {
                empty(QueueId::Printer(id), draft)?;
                draft.delete(keys::printer(id));
            }
            Remove::Pool(id) => {
                empty(QueueId::Pool(id), draft)?;
                draft.delete(keys::pool(id));
            }
            Remove::Key(id) => remove_key(id, draft)?,
            Remove::Job(_) => {}
        }
    }
    for removal in removals {
        if let Remove::Job(id) = *removal {
            remove_job(id, draft)?;
        }
    }
    Ok(())
}

/// A queue goes only without jobs; a printer may also have one that waited in the queue of a pool.
fn empty(queue: QueueId, draft: &mut Draft<'_, impl Kv>) -> Result<(), CommitError> {
    let own = draft.waiting(queue)?;
    let bound = match queue {
        QueueId::Printer(printer) => {
            let here = |job: &&Job| {
                job.serving_queue() != queue
                    && job.bound.as_ref().is_some_and(|bound| bound.printer == printer)
            };
            read::jobs_at_printers(draft.kv()).map_err(unreadable)?.iter().filter(here).count() as u64
        }
        QueueId::Pool(_) => 0,
    };
    match own.jobs + own.held + bound {
        0 => Ok(()),
        jobs => Err(CommitError::HasJobs { queue, jobs }),
    }
}

fn remove_document(id: DocumentId, draft: &mut Draft<'_, impl Kv>) -> Result<(), CommitError> {
    let stored = draft.document(id).map_err(unreadable)?;
    match stored {
        Some(StoredDocument { users: 1.., .. }) => Err(CommitError::InUse(id)),
        Some(_) | None => {
            *stored = None;
            Ok(())
        }
    }
}

fn remove_key(id: KeyId, draft: &mut Draft<'_, impl Kv>) -> Result<(), CommitError> {
    if let Some(old) = read::key_record(draft.kv(), id).map_err(unreadable)? {
        draft.delete(keys::expiry(old.expires_at, id));
        draft.delete(keys::idempotency(id));
    }
    Ok(())
}

fn remove_job(id: JobId, draft: &mut Draft<'_, impl Kv>) -> Result<(), CommitError> {
    let Some(job) = draft.job(id)? else { return Ok(()) };
    if !job.status.is_final() {
        return Err(CommitError::Changed(id));
    }
    let own = 1 + keys::lists_of(&job).len();
    let room = KEYS_MAX.saturating_sub(draft.len() + RESERVED);
    let from = keys::timeline(id);
    // One more than there is room for, to see whether that is all.
    let rows = draft.kv().range(&from, &keys::behind(&from), Direction::Up, room + 1).map_err(unreadable)?;
    let all = rows.len() + own <= room;
    for (key, _) in rows.into_iter().take(room) {
        draft.delete(key);
    }
    if all { draft.replace_job(Some(&job), None) } else { Ok(()) }
}

/// What subscribers are told: every commit has its event, so that their numbers have no gaps.
fn put_event(commit: &Commit, seq: CommitSeq, draft: &mut Draft<'_, impl Kv>) -> Result<(), CommitError> {
    let mut subjects = BTreeSet::new();
    subjects.extend(commit.jobs.iter().map(|job| SubjectV1::Job(job.id.0)));
    subjects.extend(commit.timeline.iter().map(|entry| SubjectV1::Job(entry.job.0)));
    subjects.extend(commit.printers.iter().map(|printer| SubjectV1::Printer(printer.id.0)));
    subjects.extend(commit.pools.iter().map(|_| SubjectV1::Server));
    subjects.extend(commit.remove.iter().filter_map(|removal| match removal {
        Remove::Job(id) => Some(SubjectV1::Job(id.0)),
        Remove::Printer(id) => Some(SubjectV1::Printer(id.0)),
        Remove::Pool(_) => Some(SubjectV1::Server),
        Remove::Document(_) | Remove::Key(_) => None,
    }));
    let event = EventV1 { seq: seq.0, subjects: subjects.into_iter().collect() };
    draft.put(keys::event(seq), &event, || format!("the event of commit {seq}"))
}

#[cfg(test)]
mod tests;
