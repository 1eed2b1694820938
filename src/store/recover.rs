//! `spool recover`: a store that no longer opens, made whole from all that can still be read.
//!
//! 1. An index that is whole is kept; any other is set aside, and built anew from the journal.
//! 2. The journal is salvaged: what can be read is applied, what cannot is noted and copied.
//! 3. Every record is decoded; what cannot be goes to a file in `STATE/damaged`.
//! 4. Lists, counters and the use of documents are compared with the records they follow from.
//! 5. Numbers are reserved beyond everything that may ever have been given.
//! 6. What a compaction had carried is forgotten: pieces of it may be among what was lost. It begins again.
//!
//! What is changed in 3 to 6 is committed to the journal like anything else. Nothing is deleted that could not be
//! read. A recovery that is interrupted is simply done again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod bodies;
mod lists;
mod numbers;
mod rebuild;
mod records;
mod repairs;
mod report;
#[cfg(test)]
mod tests;

use super::ReadError;
use super::disk;
use super::durable;
use super::embedded::checkpoint::{CheckpointError, Checkpoints};
use super::embedded::mark::{Applied, Checkpoint, Unreadable};
use super::journal::{Bodies, Directory, JournalError, Options};
use super::sled::IndexError;
use super::state::{State, StateError};
use rebuild::Rebuilt;
use repairs::Repairs;
pub use report::{BadRecord, IndexFate, LostBody, Report};

/// Memory for pages of the index, in bytes.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// The generation of checkpoints after the last one was lost: higher than any can have been.
const GENERATION_AFTER_LOSS: u64 = 1 << 32;

/// Why a recovery did not come to its end; it can be done again.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error(transparent)]
    State(#[from] StateError),
    /// A newer program would read what this one would set aside.
    #[error("{what} was written by a newer version of spool; recover with that")]
    Newer { what: String },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the new index: {0}")]
    Index(String),
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

/// How far a recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Commits read from the journal.
    Journal { frames: u64 },
    /// Records decoded.
    Records { rows: u64 },
    /// List entries compared.
    Lists { rows: u64 },
}

/// Makes the store of a state directory whole again, as far as it can be read. Blocking, and long for a large store;
/// `progress` hears of it now and then.
///
/// # Errors
/// See [`RecoverError`]. Damage is none: it is what the report is about.
pub fn recover(state: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Report, RecoverError> {
    let state = State::open_to_recover(state)?;
    let files = Directory::new(state.path())
        .map(Arc::new)
        .map_err(|source| failed("use the journal in", state.path(), source))?;
    let checkpoint = match Checkpoint::read(&state.checkpoint()) {
        Ok(checkpoint) => checkpoint,
        Err(Unreadable::Newer) => {
            return Err(RecoverError::Newer { what: format!("the store in {}", state.path().display()) });
        }
        Err(Unreadable::Damaged | Unreadable::Io(_)) => None,
    };
    let Rebuilt { index, journal, seen, mut report, restate } =
        rebuild::rebuild(&state, &files, checkpoint.as_ref(), progress)?;
    let mut repairs = Repairs::new(&index, journal);
    records::check(&mut repairs, &state.damaged(), &mut report, progress)?;
    let used = lists::repair_jobs(&mut repairs, &mut report, progress)?;
    lists::repair_others(&mut repairs, &used, &mut report)?;
    bodies::check(&state, &Bodies::new(files.clone()), &repairs, &mut report)?;
    numbers::reserve(&mut repairs, seen, &mut report)?;
    if restate {
        repairs.restate_all()?;
    }
    repairs.forget_carried()?;
    let journal = repairs.finish()?;
    let generation = checkpoint.map_or(GENERATION_AFTER_LOSS, |checkpoint| checkpoint.generation);
    let applied = Applied { journal: journal.id(), position: journal.end() };
    index.apply(vec![applied.op()])?;
    let mut checkpoints =
        Checkpoints { path: state.checkpoint(), last: Checkpoint::new(generation, applied) };
    checkpoints.make(&index, applied)?;
    Ok(report)
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> RecoverError {
    RecoverError::Io { doing, path: path.to_owned(), source }
}

impl From<IndexError> for RecoverError {
    fn from(error: IndexError) -> Self {
        RecoverError::Index(error.to_string())
    }
}

/// Reads that fail for a reason other than the record read.
impl From<ReadError> for RecoverError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Newer { what, .. } => RecoverError::Newer { what },
            ReadError::Damaged { .. } | ReadError::Unavailable(_) => RecoverError::Index(error.to_string()),
        }
    }
}

impl From<CheckpointError> for RecoverError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Index(error) => error.into(),
            CheckpointError::File { path, source } => RecoverError::Io { doing: "write", path, source },
        }
    }
}

/// A name in `directory` that is not taken: what was set aside before is never overwritten.
fn free_name(directory: &Path, name: &str) -> PathBuf {
    let names = (1_u32..).map(|n| directory.join(format!("{name}-{n}")));
    names.into_iter().find(|path| !path.exists()).unwrap_or_else(|| directory.join(name))
}

/// Moves something to a free name in the directory of damaged things, durably.
fn move_aside(from: &Path, damaged: &Path, name: &str) -> Result<PathBuf, RecoverError> {
    let to = free_name(damaged, name);
    disk::rename(from, &to)
        .and_then(|()| durable::sync_parent(from))
        .and_then(|()| disk::sync_directory(damaged))
        .map_err(|source| failed("move aside", from, source))?;
    Ok(to)
}
