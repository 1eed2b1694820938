//! Old commits are carried to the journal's end between two groups of new ones.

use crossbeam_channel::Sender;

use super::{RESERVE_BYTES, Writer};
use crate::failpoint;
use crate::model::commit::CommitError;
use crate::model::id::CommitSeq;
use crate::store::embedded::carry::Piece;
use crate::store::embedded::follow::Follower;
use crate::store::embedded::mark::Applied;
use crate::store::embedded::watched::Watched;
use crate::store::journal::{FrameRef, Op, Placed, Position};
use crate::store::sled::{Index, IndexError};

/// A piece to be written, and the way back for where the journal ends then.
pub(in crate::store::embedded) struct Carrying {
    pub piece: Piece,
    /// Before this place nothing else is needed.
    pub carried: Position,
    pub answer: Sender<Result<Position, CommitError>>,
}

impl Writer {
    pub(super) fn carry(&mut self, Carrying { piece, carried, answer }: Carrying) {
        // Whoever waited may have gone.
        let _ = answer.send(self.carry_piece(&piece, carried));
    }

    fn carry_piece(&mut self, piece: &Piece, carried: Position) -> Result<Position, CommitError> {
        let index = self.healthy_index()?;
        // The last room is for jobs that come to their end; half of what new documents leave free is for this.
        if self.documents.free_bytes().is_ok_and(|free| free < RESERVE_BYTES / 2) {
            return Err(CommitError::Full);
        }
        let watched = Watched::new(&index);
        let planned = piece.plan(CommitSeq(self.journal.end().seq), carried, &watched);
        if let Some(error) = watched.failure() {
            self.fall_behind(&error, index);
            return Err(CommitError::Unavailable(format!("the index: {error}")));
        }
        let planned = planned?;
        let ops: Vec<Op> = planned.old.iter().chain(&planned.own).cloned().collect();
        failpoint::hit("compact-carrying");
        let placed = self.journal.append_group(&[FrameRef { ops: &ops, bodies: &planned.bodies }]);
        let placed = placed.map_err(|error| self.append_failed(&error))?;
        failpoint::hit("compact-carried");
        if let Some(placed) = placed.into_iter().next()
            && let Err(error) = self.follow_carried(&index, planned.own, &placed)
        {
            self.fall_behind(&error, index);
        }
        Ok(self.journal.end())
    }

    /// The index has the old values already.
    fn follow_carried(&self, index: &Index, own: Vec<Op>, placed: &Placed) -> Result<(), IndexError> {
        let mut follower = Follower::new(index, self.journal.id());
        follower.take(own, &placed.bodies, placed.end)?;
        follower.finish()?;
        *self.shared.applied() = Applied { journal: self.journal.id(), position: placed.end };
        self.shared.changes.send_replace(CommitSeq(placed.position.seq));
        Ok(())
    }
}
