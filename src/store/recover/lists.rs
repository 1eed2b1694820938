//! Lists, counters and the use of documents follow from the records. Where commits are missing in between they may
//! not; the records are believed.

use std::collections::BTreeMap;

use super::repairs::{Repairs, for_each_of};
use super::report::Report;
use super::{Progress, RecoverError};
use crate::model::id::{DocumentId, JobId, QueueId};
use crate::model::job::Job;
use crate::model::queue::QueueCounts;
use crate::store::draft::{unused, uses, weight};
use crate::store::read::{self, Kv};
use crate::store::record::{self, Stored, StoredDocument};
use crate::store::sled::Index;
use crate::store::{KeyRecord, keys};

/// Lists whose keys end with the number of a job.
const LISTS_OF_JOBS: [&[u8]; 5] = [b"Q", b"S", b"L", b"U", keys::FINISHED];
/// Jobs between two words of progress.
const PROGRESS_ROWS: u64 = 10_000;

/// How many unfinished jobs print each document.
pub(super) type Used = BTreeMap<DocumentId, u32>;

/// Brings every list of jobs and all counters in step with the jobs.
pub(super) fn repair_jobs(
    repairs: &mut Repairs<'_>,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> Result<Used, RecoverError> {
    let index = repairs.index();
    let (mut used, mut rows) = (Used::new(), 0);
    let mut counts: BTreeMap<QueueId, QueueCounts> = BTreeMap::new();
    for_each_of(index, keys::JOBS, |(_, value)| {
        let job: Job = decoded(&value)?;
        report.jobs += 1;
        rows += 1;
        if rows % PROGRESS_ROWS == 0 {
            progress(Progress::Lists { rows });
        }
        for id in uses(&job) {
            *used.entry(id).or_default() += 1;
        }
        if let Some((queue, weight)) = weight(&job) {
            let counts = counts.entry(queue).or_default();
            counts.jobs += weight.jobs;
            counts.bytes = counts.bytes.saturating_add(weight.bytes);
            counts.held += weight.held;
        }
        keys::lists_of(&job).into_iter().try_for_each(|key| list(repairs, report, index, key))
    })?;
    for prefix in LISTS_OF_JOBS {
        for_each_of(index, prefix, |(key, _)| {
            let id = keys::listed_job(&key).unwrap_or_default();
            let belongs = read::job(index, id)?.is_some_and(|job| keys::lists_of(&job).contains(&key));
            unlist(repairs, report, belongs, key)
        })?;
    }
    repair_counts(repairs, report, counts)?;
    drop_timelines_without_a_job(repairs, report)?;
    Ok(used)
}

/// Brings the lists of documents and of keys in step with them.
pub(super) fn repair_others(
    repairs: &mut Repairs<'_>,
    used: &Used,
    report: &mut Report,
) -> Result<(), RecoverError> {
    let index = repairs.index();
    for_each_of(index, keys::DOCUMENTS, |(key, value)| {
        let mut stored: StoredDocument = decoded(&value)?;
        let users = used.get(&stored.document.id).copied().unwrap_or_default();
        if stored.users != users {
            stored.users = users;
            report.counters_repaired += 1;
            repairs.put(key, encoded(&stored)?)?;
        }
        unused(&stored).map_or(Ok(()), |key| list(repairs, report, index, key))
    })?;
    repairs.write()?;
    for_each_of(index, keys::UNUSED, |(key, _)| {
        let id = keys::listed_document(&key).unwrap_or_default();
        let belongs =
            read::stored_document(index, id)?.is_some_and(|stored| unused(&stored).as_ref() == Some(&key));
        unlist(repairs, report, belongs, key)
    })?;
    for_each_of(index, b"K", |(key, value)| {
        let record: KeyRecord = decoded(&value)?;
        let id = keys::listed_key(&key);
        id.map_or(Ok(()), |id| list(repairs, report, index, keys::expiry(record.expires_at, id)))
    })?;
    for_each_of(index, keys::EXPIRY, |(key, _)| {
        let belongs = match keys::listed_key(&key) {
            Some(id) => {
                read::key_record(index, id)?.is_some_and(|record| keys::expiry(record.expires_at, id) == key)
            }
            None => false,
        };
        unlist(repairs, report, belongs, key)
    })
}

fn repair_counts(
    repairs: &mut Repairs<'_>,
    report: &mut Report,
    mut counts: BTreeMap<QueueId, QueueCounts>,
) -> Result<(), RecoverError> {
    for_each_of(repairs.index(), keys::COUNTS, |(key, value)| {
        let found: QueueCounts = decoded(&value)?;
        let right = keys::counted_queue(&key).and_then(|queue| counts.remove(&queue));
        if right == Some(found) {
            return Ok(());
        }
        report.counters_repaired += 1;
        match right {
            Some(right) => repairs.put(key, encoded(&right)?),
            None => repairs.delete(key),
        }
    })?;
    for (queue, right) in counts {
        report.counters_repaired += 1;
        repairs.put(keys::counts(queue), encoded(&right)?)?;
    }
    Ok(())
}

/// A job's number is not used again, so its timeline would stay for ever.
fn drop_timelines_without_a_job(repairs: &mut Repairs<'_>, report: &mut Report) -> Result<(), RecoverError> {
    let index = repairs.index();
    for_each_of(index, b"T", |(key, _)| {
        let id = key.get(1..5).and_then(|id| id.first_chunk()).map(|id| JobId(u32::from_be_bytes(*id)));
        let belongs = match id {
            Some(id) => index.get(&keys::job(id))?.is_some(),
            None => false,
        };
        unlist(repairs, report, belongs, key)
    })
}

/// Sees to it that a key is in its list.
fn list(
    repairs: &mut Repairs<'_>,
    report: &mut Report,
    index: &Index,
    key: Vec<u8>,
) -> Result<(), RecoverError> {
    if index.get(&key)?.is_some() {
        return Ok(());
    }
    report.entries_added += 1;
    repairs.put(key, Vec::new())
}

/// Sees to it that a key is in its list only if it belongs there.
fn unlist(
    repairs: &mut Repairs<'_>,
    report: &mut Report,
    belongs: bool,
    key: Vec<u8>,
) -> Result<(), RecoverError> {
    if belongs {
        return Ok(());
    }
    report.entries_removed += 1;
    repairs.delete(key)
}

/// A record that was decoded a moment ago.
fn decoded<T: Stored>(value: &[u8]) -> Result<T, RecoverError> {
    Ok(record::decode(value, || "a record that was whole a moment ago".to_owned())?)
}

fn encoded<T: Stored>(value: &T) -> Result<Vec<u8>, RecoverError> {
    record::encode(value).map_err(|_| RecoverError::Index("a record has become too large".to_owned()))
}
