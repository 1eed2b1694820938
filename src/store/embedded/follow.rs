//! The index follows the journal: in batches of bounded size, each with the place up to which it goes.

use super::mark::{Applied, body_key, body_op};
use crate::failpoint;
use crate::store::journal::{Frame, JournalId, Op, PlacedBodies, Position};
use crate::store::keys;
use crate::store::sled::{Index, IndexError};

/// Keys of one batch; only a commit that has more makes it larger.
const BATCH_KEYS_MAX: usize = 64;

/// Commits on their way into the index. What was taken is there after [`finish`](Follower::finish).
pub struct Follower<'a> {
    index: &'a Index,
    journal: JournalId,
    ops: Vec<Op>,
    end: Option<Position>,
}

impl<'a> Follower<'a> {
    pub fn new(index: &'a Index, journal: JournalId) -> Self {
        Follower { index, journal, ops: Vec::new(), end: None }
    }

    pub fn take_frame(&mut self, frame: Frame) -> Result<(), IndexError> {
        self.take(frame.ops, &frame.bodies, frame.end)
    }

    /// Takes a commit that ends in the journal at `end`. It is never split.
    pub fn take(&mut self, ops: Vec<Op>, bodies: &PlacedBodies, end: Position) -> Result<(), IndexError> {
        if !self.ops.is_empty() && self.ops.len() + ops.len() + bodies.len() > BATCH_KEYS_MAX {
            self.write()?;
        }
        let gone: Vec<Op> = ops.iter().filter_map(body_gone).collect();
        self.ops.extend(ops);
        self.ops.extend(gone);
        self.ops.extend(bodies.iter().map(|(id, at)| body_op(*id, at)));
        self.end = Some(end);
        Ok(())
    }

    pub fn finish(mut self) -> Result<(), IndexError> {
        self.write()
    }

    fn write(&mut self) -> Result<(), IndexError> {
        let Some(position) = self.end.take() else { return Ok(()) };
        let mut ops = std::mem::take(&mut self.ops);
        ops.push(Applied { journal: self.journal, position }.op());
        self.index.apply(ops)?;
        failpoint::hit("index-applied");
        Ok(())
    }
}

/// With a document's record goes the place of its body.
fn body_gone(op: &Op) -> Option<Op> {
    let removed = op.value.is_none() && op.key.starts_with(keys::DOCUMENTS);
    let id = keys::listed_document(&op.key).filter(|_| removed)?;
    Some(Op { key: body_key(id.0), value: None })
}
