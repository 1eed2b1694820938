//! sled 0.34.7 as an index that may be lost. The only file that names it, because it must be used just so:
//!
//! - Its `flush` does not reach the disk on Linux. [`Index::sync`] adds the `fdatasync`; without it a power cut leaves a
//!   database that opens empty without a word.
//! - No flusher of its own, never `flush_async` (it dead-locks with some callers waiting), no compression, no
//!   watchers, no merge operators, no iterator held over a write.
//! - Batches of about 64 keys: large ones take memory out of all proportion.
//! - After a failed write every call fails until it is opened anew; damage may also show as a panic.
//!
//! - Its keys are blocks of rows and not rows ([`block`]).
//!
//! So nothing that was acknowledged is ever in sled alone.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

mod block;

use block::{Changing, Damaged, JOINED_BYTES_MAX};

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

impl From<Damaged> for IndexError {
    fn from(Damaged: Damaged) -> Self {
        IndexError::Failed("a block of rows in it is damaged".to_owned())
    }
}

impl From<IndexError> for ReadError {
    fn from(error: IndexError) -> Self {
        ReadError::Unavailable(format!("the index: {error}"))
    }
}

/// The tree of blocks; where an earlier version had its rows, in the tree without a name, is nothing.
const BLOCKS: &str = "blocks";

/// A block, under the key from which on rows are in it and not in the one before.
type Block = (sled::IVec, sled::IVec);

/// An ordered space of keys on disk.
pub(super) struct Index {
    db: sled::Db,
    blocks: sled::Tree,
    /// Blocks are read, changed and written by one at a time, …
    changing: Mutex<()>,
    /// … and who reads several of them sees all of a change or nothing: rows move from block to block.
    moving: RwLock<()>,
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
            if !db.is_empty() {
                return Err(IndexError::Failed("it was written by an earlier version of spool".to_owned()));
            }
            let blocks = db.open_tree(BLOCKS)?;
            db.flush()?;
            for name in ["db", "conf"] {
                let path = directory.join(name);
                fs::set_permissions(&path, Permissions::from_mode(FILE_MODE))?;
                disk::sync(&File::open(path)?, Synced::NewIndex)?;
            }
            sync_directory(directory)?;
            let (changing, moving) = (Mutex::default(), RwLock::default());
            Ok(Index { db, blocks, changing, moving, directory: directory.to_owned() })
        })
    }

    /// Applies operations, all or none of them; a later one of the same key wins.
    pub fn apply(&self, ops: Vec<Op>) -> Result<(), IndexError> {
        guarded(|| {
            let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
            let batch = self.plan(ops)?;
            let _moving = self.moving.write().unwrap_or_else(PoisonError::into_inner);
            Ok(self.blocks.apply_batch(batch)?)
        })
    }

    /// What operations mean for the blocks.
    fn plan(&self, ops: Vec<Op>) -> Result<sled::Batch, IndexError> {
        let ops: BTreeMap<_, _> = ops.into_iter().map(|Op { key, value }| (key, value)).collect();
        let mut ops = ops.into_iter().map(|(key, value)| Op { key, value }).peekable();
        let mut batch = sled::Batch::default();
        while let Some(Op { key, .. }) = ops.peek() {
            let block = self.block_of(key)?;
            let mut next = self.block_behind(block.as_ref().map_or(key, |(from, _)| from))?;
            let (from, rows) = match block {
                Some((from, rows)) => (Some(from), block::all_rows(&rows)?),
                None => (None, Vec::new()),
            };
            let mut changing = Changing::new(rows);
            let mut deletes = false;
            let written = loop {
                let here = |op: &Op| next.as_ref().is_none_or(|(next, _)| op.key[..] < next[..]);
                let own: Vec<Op> = std::iter::from_fn(|| ops.next_if(here)).collect();
                deletes |= own.iter().any(|op| op.value.is_none());
                changing.apply(own);
                let written = changing.write();
                let bytes: usize = written.iter().map(|block| block.bytes.len()).sum();
                match next {
                    Some((key, rows)) if deletes && bytes + rows.len() <= JOINED_BYTES_MAX => {
                        changing.join(block::all_rows(&rows)?);
                        next = self.block_behind(&key)?;
                        batch.remove(key);
                    }
                    _ => break written,
                }
            };
            if let (Some(from), true) = (&from, written.is_empty()) {
                batch.remove(from);
            }
            let mut from = from;
            for block in written {
                batch.insert(from.take().unwrap_or_else(|| block.first.into()), block.bytes);
            }
        }
        Ok(batch)
    }

    /// The block in which a key is, if it is anywhere.
    fn block_of(&self, key: &[u8]) -> Result<Option<Block>, IndexError> {
        Ok(self.blocks.range(..=key).next_back().transpose()?)
    }

    fn block_behind(&self, from: &[u8]) -> Result<Option<Block>, IndexError> {
        Ok(self.blocks.range::<&[u8], _>((Bound::Excluded(from), Bound::Unbounded)).next().transpose()?)
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
        guarded(|| {
            let _moving = self.moving.read().unwrap_or_else(PoisonError::into_inner);
            let Some((_, rows)) = self.block_of(key)? else { return Ok(None) };
            Ok(block::value(&rows, key)?)
        })
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
        guarded(|| {
            let _moving = self.moving.read().unwrap_or_else(PoisonError::into_inner);
            let mut found = Vec::new();
            match direction {
                Direction::Up => {
                    let first = self.block_of(from)?.map_or_else(|| from.into(), |(first, _)| first);
                    for block in self.blocks.range(&first[..]..to) {
                        found.extend(block::rows(&block?.1, from, to)?);
                        if found.len() >= n {
                            break;
                        }
                    }
                }
                Direction::Down => {
                    for block in self.blocks.range(..to).rev() {
                        let (first, rows) = block?;
                        found.extend(block::rows(&rows, from, to)?.into_iter().rev());
                        if found.len() >= n || first[..] <= *from {
                            break;
                        }
                    }
                }
            }
            found.truncate(n);
            Ok(found)
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

#[cfg(test)]
mod tests;
