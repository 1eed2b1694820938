//! An index that failed, on a full disk say, is opened again and catches up: what it lacks is in the journal.

use std::sync::{Arc, PoisonError};

use super::Shared;
use super::error::OpenError;
use super::follow::Follower;
use super::mark::{Applied, Checkpoint, Unreadable};
use super::open::open_index;
use super::writer::Indexing;
use crate::model::id::CommitSeq;
use crate::store::counts::Counts;
use crate::store::journal::{Position, replay};

/// Replaces the index by a new opening of it that has everything up to `end`. Until this succeeds there is none.
///
/// # Errors
/// [`OpenError::Full`] and [`OpenError::Busy`] pass; after others only a new start helps, or a recovery.
pub(super) fn revive(shared: &Shared, indexing: &Indexing, end: Position) -> Result<(), OpenError> {
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
    let (index, from) = open_index(&indexing.path, indexing.cache_bytes, &checkpoint)?;
    let mut follower = Follower::new(&index, from.journal);
    replay(&*indexing.files, from.position, &mut |frame| Ok(follower.take_frame(frame)?))
        .map_err(|error| OpenError::replay(&indexing.path, error))?;
    follower.finish().map_err(|error| OpenError::index(&indexing.path, error))?;
    *shared.counts.write().unwrap_or_else(PoisonError::into_inner) = Counts::load(&index)?;
    *shared.applied() = Applied { position: end, ..from };
    shared.set_index(Some(Arc::new(index)));
    shared.changes.send_replace(CommitSeq(end.seq - 1));
    Ok(())
}
