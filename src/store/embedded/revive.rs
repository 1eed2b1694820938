//! An index that failed, on a full disk say, is opened again and catches up: what it lacks is in the journal.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use super::Shared;
use super::error::OpenError;
use super::follow::Follower;
use super::mark::{Applied, Checkpoint, Unreadable, generation_op};
use super::open::open_index;
use super::writer::Indexing;
use crate::model::id::CommitSeq;
use crate::store::counts::Counts;
use crate::store::journal::{Position, replay};
use crate::store::sled::Index;

/// Replaces the index by a new opening of it that has everything up to `end`. Until this succeeds there is none.
///
/// After a write that found no room sled may not open any more. Then it is built anew, because this process knows why
/// it is damaged and has the journal in hand; at a start nobody knows, and it is refused.
///
/// # Errors
/// [`OpenError::Full`] and [`OpenError::Busy`] pass; after others only a new start helps, or a recovery.
pub(super) fn revive(shared: &Shared, indexing: &Indexing, end: Position) -> Result<(), OpenError> {
    let _kept = shared.keep_segments();
    shared.set_index(None);
    let checkpoint = match Checkpoint::read(&indexing.checkpoint) {
        Ok(Some(checkpoint)) => checkpoint,
        Ok(None) | Err(Unreadable::Damaged | Unreadable::Newer) => {
            return Err(OpenError::unusable(
                &indexing.path,
                "the file `checkpoint` was changed by somebody else",
            ));
        }
        Err(Unreadable::Io(source)) => return Err(OpenError::io("read", &indexing.checkpoint, source)),
    };
    let index = match reopen(indexing, &checkpoint) {
        Err(OpenError::Index { why, .. }) => {
            log::error!("the index did not survive, it is built anew from the journal: {why}");
            build_anew(indexing, &checkpoint, end)?
        }
        opened => opened?,
    };
    *shared.counts.write().unwrap_or_else(PoisonError::into_inner) = Counts::load(&index)?;
    *shared.applied() = Applied { position: end, ..checkpoint.applied };
    shared.recent.clear();
    shared.heads.clear();
    shared.set_index(Some(Arc::new(index)));
    shared.changes.send_replace(CommitSeq(end.seq - 1));
    Ok(())
}

fn reopen(indexing: &Indexing, checkpoint: &Checkpoint) -> Result<Index, OpenError> {
    let (index, from) = open_index(&indexing.path, indexing.cache_bytes, checkpoint, &indexing.files)?;
    follow(indexing, &index, from)?;
    Ok(index)
}

fn build_anew(indexing: &Indexing, checkpoint: &Checkpoint, end: Position) -> Result<Index, OpenError> {
    let Indexing { files, path, cache_bytes, .. } = indexing;
    // Nothing goes before it is certain that the journal has it all.
    let replayed = replay(&**files, Position::START, &mut |_| Ok(()))?;
    if replayed.end != end {
        return Err(OpenError::unusable(path, "it is damaged, and the journal does not end where it should"));
    }
    empty(path).map_err(|source| OpenError::io("empty", path, source))?;
    let failed = |error| OpenError::index(path, error);
    let index = Index::open(path, *cache_bytes).map_err(failed)?;
    follow(indexing, &index, Applied { position: Position::START, ..checkpoint.applied })?;
    index.apply(vec![generation_op(checkpoint.generation)]).map_err(failed)?;
    Ok(index)
}

fn follow(indexing: &Indexing, index: &Index, from: Applied) -> Result<(), OpenError> {
    let mut follower = Follower::new(index, from.journal);
    replay(&*indexing.files, from.position, &mut |frame| Ok(follower.take_frame(frame)?))
        .map_err(|error| OpenError::replay(&indexing.path, error))?;
    follower.finish().map_err(|error| OpenError::index(&indexing.path, error))
}

/// The directory itself stays: a file system may be mounted there.
pub(super) fn empty(directory: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
