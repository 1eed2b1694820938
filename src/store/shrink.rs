//! `spool compact`: a stopped store takes no more room than it needs.
//!
//! 1. Whatever the index holds is appended to the journal once more, from a new segment on: nothing changes by that.
//! 2. A new index is built beside the old one from these segments alone, and held against the old one row by row.
//! 3. The two directories are exchanged in one step, a checkpoint says so, and the old segments go.
//!
//! It may end anywhere: the next start finds a journal and an index that belong together, or an old and a new index of
//! which it takes the one in its place. What is left over is removed then.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod rewrite;
mod sizes;
#[cfg(test)]
mod tests;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::ReadError;
use super::disk;
use super::embedded::checkpoint::{CheckpointError, Checkpoints};
use super::embedded::follow::Follower;
use super::embedded::mark::{Applied, generation_op};
use super::embedded::open::{Halves, open_halves, open_index, remove_leftover};
use super::embedded::{OpenError, Options};
use super::journal::{Directory, JournalError, Position, begin_at, replay};
use super::sled::{Index, IndexError};
use super::state::{State, StateError};
use crate::failpoint;
use crate::model::commit::CommitError;
use rewrite::{Digest, Rewritten};
pub use sizes::Sizes;

/// Why a store was not compacted. It is as it was, though perhaps longer.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("the index: {0}")]
    Index(String),
    #[error(
        "{free} bytes are free and about {needed} are needed to write what is live once more; free some, or start the server, which compacts in small steps"
    )]
    Room { free: u64, needed: u64 },
    #[error(
        "the new index does not hold what the old one holds, so the old one stays; nothing is lost, please report this"
    )]
    Different,
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

/// How far a compaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Rows of the index that were looked at.
    Counted { rows: u64 },
    /// Rows and documents that were written to the journal.
    Written { rows: u64 },
    /// Commits that the new index has.
    Indexed { frames: u64 },
}

/// What a compaction came to.
#[derive(Debug)]
pub struct Report {
    pub before: Sizes,
    pub after: Sizes,
    /// Why the index was left as it is, where it could not be exchanged for a new one.
    pub index_kept: Option<String>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Report { before, after, index_kept } = self;
        let change = |before, after| format!("{} -> {}", sizes::told(before), sizes::told(after));
        write!(f, "journal {}, ", change(before.journal, after.journal))?;
        write!(f, "index {}", change(before.index, after.index))?;
        match index_kept {
            Some(why) => write!(f, " (left as it is: {why})"),
            None => Ok(()),
        }
    }
}

/// Compacts the store of a state directory that nobody uses. Blocking, and long for a large store; `progress` hears of it
/// now and then.
///
/// # Errors
/// See [`ShrinkError`]; [`StateError::InUse`] while a server runs.
pub fn shrink(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Report, ShrinkError> {
    shrink_with(path, Options::default(), progress)
}

fn shrink_with(
    path: &Path,
    options: Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, ShrinkError> {
    let state = State::open(path)?;
    let files = Directory::new(state.path())
        .map(Arc::new)
        .map_err(|source| failed("use the journal in", state.path(), source))?;
    let before = Sizes::of(&state, &files)?;
    let Halves { index, journal, checkpoints, .. } = open_halves(&state, &files, options)?;
    check_room(&state, &index, progress)?;
    let Rewritten { first, end, digest } = rewrite::rewrite(&index, journal, &files, progress)?;
    failpoint::hit("shrink-written");
    // Nobody else has it open: the lock of the state directory is ours.
    drop(index);
    let applied = Applied { journal: checkpoints.last.applied.journal, position: end };
    let beside = Beside { state: &state, files: &files, checkpoints, cache_bytes: options.cache_bytes };
    let index_kept = beside.replace_index(first, applied, digest, progress)?;
    begin_at(&*files, applied.journal, first)?;
    remove_leftover(&state)?;
    Ok(Report { before, after: Sizes::of(&state, &files)?, index_kept })
}

/// Before anything is written: the journal takes what is live once more, and so does the index.
fn check_room(state: &State, index: &Index, progress: &mut dyn FnMut(Progress)) -> Result<(), ShrinkError> {
    let live = rewrite::count(index, progress)?;
    let needed = live.journal.saturating_add(2 * live.index);
    let found = rustix::fs::statvfs(state.path());
    let found = found.map_err(|error| failed("look at", state.path(), error.into()))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if free < needed { Err(ShrinkError::Room { free, needed }) } else { Ok(()) }
}

/// The index that is to be, beside the one that is.
struct Beside<'a> {
    state: &'a State,
    files: &'a Directory,
    checkpoints: Checkpoints,
    cache_bytes: u64,
}

impl Beside<'_> {
    /// Puts an index in place that was made from the segments from `first` on. Answers why not, where the file system
    /// cannot exchange two directories; then the old one has followed.
    fn replace_index(
        mut self,
        first: Position,
        end: Applied,
        digest: Digest,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<String>, ShrinkError> {
        self.build(first, end, digest, progress)?;
        failpoint::hit("shrink-indexed");
        let (old, new) = (self.state.sled(), self.state.new_sled());
        let exchanged = renameat_with(CWD, &old, CWD, &new, RenameFlags::EXCHANGE);
        let kept = match exchanged {
            Ok(()) => {
                disk::sync_directory(self.state.path())
                    .map_err(|source| failed("sync", self.state.path(), source))?;
                None
            }
            Err(error) => Some(format!("cannot exchange {} and {}: {error}", old.display(), new.display())),
        };
        failpoint::hit("shrink-exchanged");
        self.catch_up(end)?;
        failpoint::hit("shrink-checkpointed");
        Ok(kept)
    }

    fn build(
        &self,
        first: Position,
        end: Applied,
        digest: Digest,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ShrinkError> {
        remove_leftover(self.state)?;
        let index = Index::open(&self.state.new_sled(), self.cache_bytes)?;
        let mut follower = Follower::new(&index, end.journal);
        let mut frames = 0;
        replay(self.files, first, &mut |frame| {
            frames += 1;
            if frames % 1000 == 0 {
                progress(Progress::Indexed { frames });
            }
            Ok(follower.take_frame(frame)?)
        })?;
        follower.finish()?;
        if Digest::of(&index)? != digest {
            return Err(ShrinkError::Different);
        }
        index.apply(vec![generation_op(self.checkpoints.last.generation + 1)])?;
        Ok(index.sync()?)
    }

    /// The index in place, old or new, goes as far as the journal, and a checkpoint says so.
    fn catch_up(&mut self, end: Applied) -> Result<(), ShrinkError> {
        let (index, from) =
            open_index(&self.state.sled(), self.cache_bytes, &self.checkpoints.last, self.files)?;
        let mut follower = Follower::new(&index, end.journal);
        replay(self.files, from.position, &mut |frame| Ok(follower.take_frame(frame)?))?;
        follower.finish()?;
        Ok(self.checkpoints.make(&index, end)?)
    }
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> ShrinkError {
    ShrinkError::Io { doing, path: path.to_owned(), source }
}

impl From<IndexError> for ShrinkError {
    fn from(error: IndexError) -> Self {
        ShrinkError::Index(error.to_string())
    }
}

impl From<CheckpointError> for ShrinkError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Index(error) => error.into(),
            CheckpointError::File { path, source } => ShrinkError::Io { doing: "write", path, source },
        }
    }
}

/// Bytes of all files below a directory.
fn bytes_below(path: &Path) -> Result<u64, ShrinkError> {
    let mut bytes = 0;
    for entry in fs::read_dir(path).map_err(|source| failed("read", path, source))? {
        let entry = entry.map_err(|source| failed("read", path, source))?;
        let about = entry.metadata().map_err(|source| failed("look at", &entry.path(), source))?;
        bytes += if about.is_dir() { bytes_below(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
