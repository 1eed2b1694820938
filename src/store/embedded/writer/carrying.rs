//! Old commits are carried to the journal's end between two groups of new ones.

use crossbeam_channel::Sender;

use super::{RESERVE_BYTES, Writer};
use crate::failpoint;
use crate::model::commit::CommitError;
use crate::model::id::CommitSeq;
use crate::store::embedded::carry::Piece;
use crate::store::embedded::mark::Applied;
use crate::store::embedded::recent::View;
use crate::store::embedded::watched::Watched;
use crate::store::journal::{FrameRef, Op, Placed, Position};

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
        self.shared.recent.wait_for_room()?;
        let watched = Watched::new(&index);
        let view = View { recent: &self.shared.recent, index: &watched };
        let planned = piece.plan(CommitSeq(self.journal.end().seq), carried, &view);
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
        placed.into_iter().for_each(|placed| self.show_carried(planned.own.clone(), placed));
        Ok(self.journal.end())
    }

    /// The old values are there for all to see already.
    fn show_carried(&self, own: Vec<Op>, placed: Placed) {
        let end = Applied { journal: self.journal.id(), position: placed.end };
        *self.shared.written() = end;
        self.shared.recent.take(std::iter::once((own, placed.bodies, end)));
        self.shared.changes.send_replace(CommitSeq(placed.position.seq));
    }
}
