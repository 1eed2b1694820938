//! Numbers are never given twice, not even those that only lost commits knew.

use super::RecoverError;
use super::repairs::{Repairs, for_each_of};
use super::report::Report;
use crate::model::fleet::Numbers;
use crate::model::intake::numbers::{BLOCK, Reserved, SETTING as NUMBERS};
use crate::model::job::Job;
use crate::store::journal::Op;
use crate::store::record::{self, SettingV1};
use crate::store::{keys, read};

/// No commit that brings a job is smaller, in bytes of the journal.
pub(super) const FRAME_BYTES_MIN: u64 = 256;
/// Documents that one commit may bring.
const DOCUMENTS_OF_A_FRAME: u64 = crate::model::job::DOCUMENTS_MAX as u64;

/// The highest numbers in all that was read, also of what is gone since.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    job: u64,
    document: u64,
    printer: u64,
    pool: u64,
    /// Commits that could not be read, at most.
    pub lost_frames: u64,
}

impl Seen {
    pub fn take(&mut self, ops: &[Op]) {
        for op in ops {
            self.take_key(&op.key);
        }
    }

    fn take_key(&mut self, key: &[u8]) {
        let number = |key: &[u8]| key.last_chunk().map_or(0, |id| u64::from(u32::from_be_bytes(*id)));
        if key.starts_with(keys::JOBS) {
            self.job = self.job.max(number(key));
        } else if key.starts_with(keys::DOCUMENTS) {
            self.document = self.document.max(keys::listed_document(key).unwrap_or_default().0);
        } else if key.starts_with(keys::PRINTERS) {
            self.printer = self.printer.max(number(key));
        } else if key.starts_with(keys::POOLS) {
            self.pool = self.pool.max(number(key));
        }
    }
}

/// Raises what is reserved where that might not be beyond everything given.
pub(super) fn reserve(
    repairs: &mut Repairs<'_>,
    mut seen: Seen,
    report: &mut Report,
) -> Result<(), RecoverError> {
    let index = repairs.index();
    let mut accepted = 0;
    for_each_of(index, keys::JOBS, |(key, value)| {
        seen.take_key(&key);
        let job: Job = record::decode(&value, || "a job".to_owned())?;
        accepted = accepted.max(job.accepted.0);
        Ok(())
    })?;
    let read = read::setting(index, NUMBERS)?.and_then(|bytes| Reserved::from_bytes(&bytes));
    let old = read.unwrap_or_default();
    let lost = match seen.lost_frames {
        0 if read.is_some() => 0,
        frames => frames.saturating_add(2 * BLOCK),
    };
    let beyond = |reserved: u64, seen: u64, lost: u64| reserved.max(seen + 1).saturating_add(lost);
    let new = Reserved {
        job: beyond(old.job, seen.job, lost),
        document: beyond(old.document, seen.document, lost.saturating_mul(DOCUMENTS_OF_A_FRAME)),
        accepted: beyond(old.accepted, accepted, lost),
    };
    let nothing_yet = read.is_none() && seen.job == 0 && seen.document == 0 && seen.lost_frames == 0;
    if new != old && !nothing_yet {
        report.numbers_raised = true;
        repairs.put(keys::setting(NUMBERS), setting(&new.to_bytes())?)?;
    }
    let lost = seen.lost_frames;
    reserve_small(repairs, Numbers::PRINTERS_SETTING, (seen.printer, lost), report)?;
    reserve_small(repairs, Numbers::POOLS_SETTING, (seen.pool, lost), report)
}

/// The numbers of printers or of pools, of which the highest that was seen is given.
fn reserve_small(
    repairs: &mut Repairs<'_>,
    name: &str,
    (seen, lost_frames): (u64, u64),
    report: &mut Report,
) -> Result<(), RecoverError> {
    let read = read::setting(repairs.index(), name)?;
    let next = read.and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes).unwrap_or_default();
    let lost = u32::try_from(lost_frames.min(BLOCK)).unwrap_or_default();
    let least = u32::try_from(seen).unwrap_or(u32::MAX).saturating_add(1).saturating_add(lost);
    if next >= least || (seen == 0 && lost == 0) {
        return Ok(());
    }
    report.numbers_raised = true;
    repairs.put(keys::setting(name), setting(&least.to_be_bytes())?)
}

fn setting(bytes: &[u8]) -> Result<Vec<u8>, RecoverError> {
    record::encode(&SettingV1(bytes.to_vec()))
        .map_err(|_| RecoverError::Index("a setting has become too large".to_owned()))
}
