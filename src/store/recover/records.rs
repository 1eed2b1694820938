//! Every record is decoded once. Those that cannot be are kept in a file and taken out of the store.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::repairs::{Repairs, for_each};
use super::report::{BadRecord, Report};
use super::{Progress, RecoverError, failed, free_name};
use crate::model::event::Entry;
use crate::model::job::Job;
use crate::model::pool::Pool;
use crate::model::printer::Printer;
use crate::model::queue::QueueCounts;
use crate::store::disk::{self, Synced};
use crate::store::durable;
use crate::store::record::{self, EventV1, SettingV1, Stored, StoredDocument};
use crate::store::{KeyRecord, ReadError};

/// Records between two words of progress.
const PROGRESS_ROWS: u64 = 10_000;

pub(super) fn check(
    repairs: &mut Repairs<'_>,
    damaged: &Path,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), RecoverError> {
    let mut aside = SetAside { path: free_name(damaged, "records"), file: None };
    let mut rows = 0;
    for_each(repairs.index(), &[1], &[u8::MAX], |(key, value)| {
        rows += 1;
        if rows % PROGRESS_ROWS == 0 {
            progress(Progress::Records { rows });
        }
        match decode(&key, &value) {
            Ok(()) => Ok(()),
            Err(ReadError::Newer { what, .. }) => Err(RecoverError::Newer { what }),
            Err(ReadError::Damaged { what, why }) => {
                aside.write(&key, &value)?;
                report.bad_record(BadRecord { what, why });
                repairs.delete(key)
            }
            Err(error @ ReadError::Unavailable(_)) => Err(error.into()),
        }
    })?;
    report.rows = rows;
    report.records_file = aside.finish()?;
    // What was taken out is in the file, durably; now it may go.
    repairs.write()
}

/// Decodes the record under a key; keys of lists have none.
fn decode(key: &[u8], value: &[u8]) -> Result<(), ReadError> {
    match key.first() {
        Some(b'J') => whole::<Job>("a job", key, value),
        Some(b'T') => whole::<Entry>("an entry in a job's timeline", key, value),
        Some(b'D') => whole::<StoredDocument>("a document", key, value),
        Some(b'R') => whole::<Printer>("a printer", key, value),
        Some(b'O') => whole::<Pool>("a pool", key, value),
        Some(b'N') => whole::<SettingV1>("a setting", key, value),
        Some(b'K') => whole::<KeyRecord>("an idempotency key", key, value),
        Some(b'C') => whole::<QueueCounts>("a counter", key, value),
        Some(b'E') => whole::<EventV1>("an event", key, value),
        Some(_) | None => Ok(()),
    }
}

fn whole<T: Stored>(what: &str, key: &[u8], value: &[u8]) -> Result<(), ReadError> {
    record::decode::<T>(value, || format!("{what} (key {})", hex::encode(key))).map(drop)
}

/// A file of lines `key value`, both in hexadecimal; made with the first line.
struct SetAside {
    path: PathBuf,
    file: Option<File>,
}

impl SetAside {
    fn write(&mut self, key: &[u8], value: &[u8]) -> Result<(), RecoverError> {
        let error = |source| failed("write", &self.path, source);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(disk::create_new(&self.path).map_err(error)?),
        };
        writeln!(file, "{} {}", hex::encode(key), hex::encode(value)).map_err(error)
    }

    /// Makes the file durable; `None` if there was nothing to keep.
    fn finish(self) -> Result<Option<PathBuf>, RecoverError> {
        let Some(file) = self.file else { return Ok(None) };
        disk::sync(&file, Synced::SmallFile)
            .and_then(|()| durable::sync_parent(&self.path))
            .map_err(|source| failed("sync", &self.path, source))?;
        Ok(Some(self.path))
    }
}
