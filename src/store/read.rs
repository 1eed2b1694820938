//! Every read, over nothing but an ordered space of keys: what all stores have in common.

use super::keys::{self, Group};
use super::record::{self, EventV1, SettingV1, Stored, StoredDocument};
use super::{
    EVENTS_KEPT, EventsSince, KeyRecord, NamedValues, PAGE_ROWS_MAX, PAGE_SCAN_MAX, Page, Purge, Purgeable,
    ReadError,
};
use crate::model::commit::KeyId;
use crate::model::document::Document;
use crate::model::event::Entry;
use crate::model::id::{CommitSeq, DocumentId, JobId, QueueId};
use crate::model::job::Job;
use crate::model::pool::Pool;
use crate::model::printer::Printer;
use crate::model::queue::QueueCounts;
use crate::model::time::WallTime;

mod jobs;
mod queues;

pub use jobs::jobs;
pub use queues::{head, places};

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Which end of a range comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
}

/// An ordered space of keys. What one call answers is consistent; between two calls others may write.
pub trait Kv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError>;
    /// Rows whose keys are at least `from` and less than `to`, at most `n`.
    fn range(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Result<Vec<Row>, ReadError>;
}

fn get<T: Stored>(kv: &impl Kv, key: &[u8], what: impl FnOnce() -> String) -> Result<Option<T>, ReadError> {
    kv.get(key)?.map(|value| record::decode(&value, what)).transpose()
}

fn damaged(what: String, why: &str) -> ReadError {
    ReadError::Damaged { what, why: why.to_owned() }
}

/// For the place of a document's body that cannot be read.
pub(super) fn damaged_place(id: DocumentId) -> ReadError {
    damaged(format!("the place of document {id}"), "it is no place in the journal")
}

/// All records of a small table, in the order of their numbers.
fn all<T: Stored>(kv: &impl Kv, table: &[u8], what: &str) -> Result<Vec<T>, ReadError> {
    let rows = kv.range(table, &keys::behind(table), Direction::Up, usize::MAX)?;
    rows.iter().map(|(_, value)| record::decode(value, || format!("a {what}"))).collect()
}

pub fn job(kv: &impl Kv, id: JobId) -> Result<Option<Job>, ReadError> {
    let what = || format!("job {id}");
    match get::<Job>(kv, &keys::job(id), what)? {
        Some(job) if job.id != id => Err(damaged(what(), "it is the record of another job")),
        job => Ok(job),
    }
}

/// All jobs that a printer has.
pub fn jobs_at_printers(kv: &impl Kv) -> Result<Vec<Job>, ReadError> {
    let list = keys::by_status(Group::AtPrinter);
    let rows = kv.range(&list, &keys::behind(&list), Direction::Up, usize::MAX)?;
    let found = rows.iter().filter_map(|(key, _)| keys::listed_job(key)).map(|id| job(kv, id));
    let jobs = found.filter_map(Result::transpose).collect::<Result<Vec<Job>, ReadError>>()?;
    Ok(jobs.into_iter().filter(|job| job.status.is_at_printer()).collect())
}

pub fn timeline(kv: &impl Kv, job: JobId, after: u32, n: usize) -> Result<Vec<Entry>, ReadError> {
    let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
    let to = keys::behind(&keys::timeline(job));
    let rows = kv.range(&keys::entry(job, first), &to, Direction::Up, n)?;
    let what = || format!("an entry in the timeline of job {job}");
    rows.iter().map(|(_, value)| record::decode(value, what)).collect()
}

/// A document and whether it is in use.
pub fn stored_document(kv: &impl Kv, id: DocumentId) -> Result<Option<StoredDocument>, ReadError> {
    let what = || format!("document {id}");
    match get::<StoredDocument>(kv, &keys::document(id), what)? {
        Some(stored) if stored.document.id != id => {
            Err(damaged(what(), "it is the record of another document"))
        }
        stored => Ok(stored),
    }
}

pub fn document(kv: &impl Kv, id: DocumentId) -> Result<Option<Document>, ReadError> {
    Ok(stored_document(kv, id)?.map(|stored| stored.document))
}

/// Documents of a user, or of all. There is no list by user: a page looks at [`PAGE_SCAN_MAX`] documents.
pub fn documents(
    kv: &impl Kv,
    user: Option<&str>,
    before: Option<DocumentId>,
    limit: usize,
) -> Result<Page<Document, DocumentId>, ReadError> {
    let limit = limit.clamp(1, PAGE_ROWS_MAX);
    let to = before.map_or_else(|| keys::behind(keys::DOCUMENTS), keys::document);
    let scan = if user.is_some() { PAGE_SCAN_MAX } else { limit + 1 };
    let found = kv.range(keys::DOCUMENTS, &to, Direction::Down, scan)?;
    let (mut rows, mut last) = (Vec::new(), None);
    for (seen, (key, value)) in found.iter().enumerate() {
        if rows.len() == limit {
            return Ok(Page { rows, next: last });
        }
        let stored: StoredDocument = record::decode(value, || format!("document {:?}", &key[1..]))?;
        last = Some(stored.document.id);
        if user.is_none_or(|user| stored.document.submitter.user == user) {
            rows.push(stored.document);
        }
        if seen + 1 == scan {
            return Ok(Page { rows, next: last });
        }
    }
    Ok(Page { rows, next: None })
}

pub fn printers(kv: &impl Kv) -> Result<Vec<Printer>, ReadError> {
    all(kv, keys::PRINTERS, "printer")
}

pub fn pools(kv: &impl Kv) -> Result<Vec<Pool>, ReadError> {
    all(kv, keys::POOLS, "pool")
}

pub fn setting(kv: &impl Kv, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
    let stored: Option<SettingV1> = get(kv, &keys::setting(name), || format!("setting {name}"))?;
    Ok(stored.map(|SettingV1(bytes)| bytes))
}

/// The values whose names begin so, in the order of their names; at most `n`.
pub fn settings(kv: &impl Kv, prefix: &str, n: usize) -> Result<NamedValues, ReadError> {
    let from = keys::setting(prefix);
    let rows = kv.range(&from, &keys::behind(&from), Direction::Up, n)?;
    let one = |(key, _): (Vec<u8>, _)| {
        let name = keys::setting_name(&key);
        let value = setting(kv, &name)?;
        Ok(value.map(|value| (name, value)))
    };
    rows.into_iter().map(one).filter_map(Result::transpose).collect()
}

/// The record of an idempotency key; expired ones are none.
pub fn key(kv: &impl Kv, user: &str, text: &str, now: WallTime) -> Result<Option<KeyRecord>, ReadError> {
    let record = key_record(kv, keys::key_id(user, text))?;
    Ok(record.filter(|record| record.expires_at > now))
}

/// The record of an idempotency key, expired or not.
pub fn key_record(kv: &impl Kv, id: KeyId) -> Result<Option<KeyRecord>, ReadError> {
    get(kv, &keys::idempotency(id), || "an idempotency key".to_owned())
}

pub fn counts(kv: &impl Kv, queue: QueueId) -> Result<Option<QueueCounts>, ReadError> {
    get(kv, &keys::counts(queue), || format!("the counts of {queue:?}"))
}

/// What may be purged: the oldest first.
pub fn purgeable(kv: &impl Kv, what: Purge, until: WallTime, n: usize) -> Result<Vec<Purgeable>, ReadError> {
    let list = match what {
        Purge::Jobs => keys::FINISHED,
        Purge::Documents => keys::UNUSED,
        Purge::Keys => keys::EXPIRY,
    };
    let found = |key: &[u8]| match what {
        Purge::Jobs => keys::listed_job(key).map(Purgeable::Job),
        Purge::Documents => keys::listed_document(key).map(Purgeable::Document),
        Purge::Keys => keys::listed_key(key).map(Purgeable::Key),
    };
    let rows = kv.range(list, &keys::until(list, until), Direction::Up, n)?;
    Ok(rows.iter().filter_map(|(key, _)| found(key)).collect())
}

/// Events after `after`, where `last` is the newest commit. Those of one commit are never parted, so there
/// may be some more than `n`.
pub fn events_since(
    kv: &impl Kv,
    last: CommitSeq,
    after: CommitSeq,
    n: usize,
) -> Result<EventsSince, ReadError> {
    if after > last || last.0 - after.0 > EVENTS_KEPT {
        return Ok(EventsSince::Reset);
    }
    let mut events = Vec::new();
    for seq in (after.0 + 1..=last.0).map(CommitSeq) {
        if events.len() >= n {
            break;
        }
        match get::<EventV1>(kv, &keys::event(seq), || format!("the event of commit {seq}"))? {
            Some(event) if event.seq == seq.0 => events.extend(event.events()),
            // Meanwhile a newer commit has taken its slot.
            Some(_) | None => return Ok(EventsSince::Reset),
        }
    }
    Ok(EventsSince::Events(events))
}
