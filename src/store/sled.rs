//! sled 0.34.7 as an index that may be lost. The only file that names it, because it must be used just so:
//!
//! - Its `flush` does not reach the disk on Linux. [`Index::sync`] adds the `fdatasync`; without it a power cut leaves a
//!   database that opens empty without a word.
//! - No flusher of its own, never `flush_async` (it dead-locks with some callers waiting), no compression, no
//!   watchers, no merge operators, no iterator held over a write.
//! - Batches of about 64 keys: large ones take memory out of all proportion.
//! - After a failed write every call fails until it is opened anew; damage may also show as a panic.
//!
//! So nothing that was acknowledged is ever in sled alone.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::ReadError;
use super::disk::{self, FILE_MODE, Synced, sync_directory};
use super::durable::is_full;
use super::journal::Op;
use super::read::{Direction, Kv, Row};
use super::state::{LOCK_LOOK_EVERY, LOCK_LOOKS};

/// Why the index does not serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    #[error("no space left on its file system ({0})")]
    Full(String),
    /// Somebody still has it open.
    #[error("it is still open ({0})")]
    Busy(String),
    #[error("{0}")]
    Failed(String),
    #[error("it panicked ({0})")]
    Panicked(String),
}

impl From<io::Error> for IndexError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            _ if is_full(&error) => IndexError::Full(error.to_string()),
            // So sled reports a lock that it did not get.
            io::ErrorKind::Other if error.to_string().contains("could not acquire lock") => {
                IndexError::Busy(error.to_string())
            }
            _ => IndexError::Failed(error.to_string()),
        }
    }
}

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => error.into(),
            other => IndexError::Failed(other.to_string()),
        }
    }
}

impl From<IndexError> for ReadError {
    fn from(error: IndexError) -> Self {
        ReadError::Unavailable(format!("the index: {error}"))
    }
}

/// An ordered space of keys on disk.
pub(super) struct Index {
    db: sled::Db,
    directory: PathBuf,
}

impl Index {
    /// Whether there is something in `directory` that looks like an index.
    pub fn exists(directory: &Path) -> bool {
        directory.join("db").exists()
    }

    /// Opens the index in `directory`, or makes one. sled lets go of its file somewhat after it was dropped, and a child
    /// holds it until it begins its own program; so it is waited for as the state directory is.
    pub fn open(directory: &Path, cache_bytes: u64) -> Result<Index, IndexError> {
        for _ in 0..LOCK_LOOKS {
            match Index::open_now(directory, cache_bytes) {
                Err(IndexError::Busy(_)) => {
                    let _ = crossbeam_channel::after(LOCK_LOOK_EVERY).recv();
                }
                opened => return opened,
            }
        }
        Index::open_now(directory, cache_bytes)
    }

    fn open_now(directory: &Path, cache_bytes: u64) -> Result<Index, IndexError> {
        guarded(|| {
            let db = sled::Config::new()
                .path(directory)
                .cache_capacity(cache_bytes)
                .flush_every_ms(None)
                .use_compression(false)
                .mode(sled::Mode::LowSpace)
                .open()?;
            for name in ["db", "conf"] {
                let path = directory.join(name);
                fs::set_permissions(&path, Permissions::from_mode(FILE_MODE))?;
                disk::sync(&File::open(path)?, Synced::NewIndex)?;
            }
            sync_directory(directory)?;
            Ok(Index { db, directory: directory.to_owned() })
        })
    }

    /// Applies operations, all or none of them; a later one of the same key wins.
    pub fn apply(&self, ops: Vec<Op>) -> Result<(), IndexError> {
        guarded(|| {
            let mut batch = sled::Batch::default();
            for Op { key, value } in ops {
                match value {
                    Some(value) => batch.insert(key, value),
                    None => batch.remove(key),
                }
            }
            Ok(self.db.apply_batch(batch)?)
        })
    }

    /// Makes durable everything that was applied before the call. Others may go on meanwhile.
    pub fn sync(&self) -> Result<(), IndexError> {
        guarded(|| {
            self.db.flush()?;
            Ok(disk::sync(&File::open(self.directory.join("db"))?, Synced::Index)?)
        })
    }

    /// The value of a key.
    pub fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        guarded(|| Ok(self.db.get(key)?.map(|value| value.to_vec())))
    }

    /// Rows whose keys are at least `from` and less than `to`, at most `n`.
    pub fn rows(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        n: usize,
    ) -> Result<Vec<Row>, IndexError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let row = |row: sled::Result<(sled::IVec, sled::IVec)>| {
            row.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(IndexError::from)
        };
        guarded(|| {
            let range = self.db.range(from..to);
            match direction {
                Direction::Up => range.take(n).map(row).collect(),
                Direction::Down => range.rev().take(n).map(row).collect(),
            }
        })
    }
}

impl Kv for Index {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.value(key)?)
    }

    fn range(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Result<Vec<Row>, ReadError> {
        Ok(self.rows(from, to, direction, n)?)
    }
}

/// Damaged files can make sled panic. What it leaves behind then is not used again.
fn guarded<T>(work: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(IndexError::Panicked(text.to_owned()))
    })
}
