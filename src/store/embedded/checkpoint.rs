//! Makes the index durable now and then, beside the commits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::Shared;
use super::mark::{Applied, Checkpoint, generation_op};
use crate::failpoint;
use crate::store::sled::{Index, IndexError};

/// Why a checkpoint was not made; the last one stands.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum CheckpointError {
    #[error("the index: {0}")]
    Index(#[from] IndexError),
    #[error("cannot write {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
}

/// The last checkpoint, and where the next goes.
#[derive(Debug)]
pub(in crate::store) struct Checkpoints {
    pub path: PathBuf,
    pub last: Checkpoint,
}

impl Checkpoints {
    /// Makes what was applied up to `applied` durable, and then says so.
    ///
    /// The generation is in the index before it is in the file, so an index that lacks it is not this one.
    pub fn make(&mut self, index: &Index, applied: Applied) -> Result<(), CheckpointError> {
        let generation = self.last.generation + 1;
        index.apply(vec![generation_op(generation)])?;
        failpoint::hit("checkpoint-begun");
        index.sync()?;
        failpoint::hit("checkpoint-flushed");
        let checkpoint = Checkpoint::new(generation, applied);
        checkpoint
            .write(&self.path)
            .map_err(|source| CheckpointError::File { path: self.path.clone(), source })?;
        self.last = checkpoint;
        Ok(())
    }

    /// As [`make`](Checkpoints::make), if something has changed.
    pub fn make_if_changed(&mut self, shared: &Shared) {
        let applied = *shared.applied();
        // While the index is opened again there is nothing to make durable.
        let Ok(index) = shared.index() else { return };
        if applied == self.last.applied {
            return;
        }
        if let Err(error) = self.make(&index, applied) {
            log::warn!("the index was not made durable, the next start replays more of the journal: {error}");
        }
    }
}

/// How often it is looked whether a checkpoint is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Commits after which one is due however short the time: a start that must replay them takes a second or two.
const COMMITS_MAX: u64 = 50_000;

/// Makes a checkpoint until told to stop: `every` so often, and sooner after many commits. Not more often, since it
/// writes to the disk that commits wait for.
pub(in crate::store) fn keep_making(
    mut checkpoints: Checkpoints,
    shared: &Arc<Shared>,
    every: Duration,
    stop: &Receiver<()>,
) -> Checkpoints {
    let look_every = LOOK_EVERY.min(every);
    let mut waited = Duration::ZERO;
    while stop.recv_timeout(look_every) == Err(RecvTimeoutError::Timeout) {
        waited += look_every;
        let applied = shared.applied().position.seq;
        if waited >= every || applied.saturating_sub(checkpoints.last.applied.position.seq) >= COMMITS_MAX {
            checkpoints.make_if_changed(shared);
            waited = Duration::ZERO;
        }
    }
    checkpoints
}
