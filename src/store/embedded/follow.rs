//! The index follows the journal: in tables of bounded size, of which only the last value of each key is written.

use std::collections::BTreeMap;

use super::mark::{Applied, body_key, body_op};
use crate::failpoint;
use crate::store::journal::{Frame, JournalId, Op, PlacedBodies, Position};
use crate::store::keys;
use crate::store::sled::{Index, IndexError};

/// Keys of one batch that goes into the index: more take memory out of all proportion.
const BATCH_KEYS_MAX: usize = 64;
/// Keys that are collected while the journal is replayed.
const TABLE_KEYS_MAX: usize = 32 * 1024;
/// Bytes that are collected while the journal is replayed.
const TABLE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Commits as changes of keys: of several of one key the last.
#[derive(Debug, Default)]
pub(in crate::store) struct Table {
    pub changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// About how much memory the changes take, without what the tree needs.
    pub bytes: usize,
    /// Where the last commit ends in the journal.
    pub end: Option<Applied>,
}

impl Table {
    /// Takes a commit that ends in the journal at `end`.
    pub fn take(&mut self, ops: Vec<Op>, bodies: &PlacedBodies, end: Applied) {
        for op in &ops {
            if let Some(Op { key, value }) = body_gone(op) {
                self.change(key, value);
            }
        }
        ops.into_iter().for_each(|Op { key, value }| self.change(key, value));
        for (id, at) in bodies {
            let Op { key, value } = body_op(*id, at);
            self.change(key, value);
        }
        self.end = Some(end);
    }

    fn change(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        if let Some(Some(old)) = self.changes.insert(key, value) {
            self.bytes = self.bytes.saturating_sub(old.len());
        }
    }

    /// Writes all changes to the index, and then how far it goes now. A crash in between leaves an index that does
    /// not say that it has them, and they are replayed over what it has: each is a value, whatever was there before.
    pub fn write(&self, index: &Index) -> Result<(), IndexError> {
        let Some(end) = self.end else { return Ok(()) };
        let mut batch = Vec::with_capacity(BATCH_KEYS_MAX);
        for (key, value) in &self.changes {
            batch.push(Op { key: key.clone(), value: value.clone() });
            if batch.len() == BATCH_KEYS_MAX {
                index.apply(std::mem::take(&mut batch))?;
                failpoint::hit("index-half-applied");
            }
        }
        batch.push(end.op());
        index.apply(batch)?;
        failpoint::hit("index-applied");
        Ok(())
    }
}

/// Commits on their way from the journal into the index. What was taken is there after [`finish`](Follower::finish).
pub struct Follower<'a> {
    index: &'a Index,
    journal: JournalId,
    table: Table,
}

impl<'a> Follower<'a> {
    pub fn new(index: &'a Index, journal: JournalId) -> Self {
        Follower { index, journal, table: Table::default() }
    }

    pub fn take_frame(&mut self, frame: Frame) -> Result<(), IndexError> {
        self.take(frame.ops, &frame.bodies, frame.end)
    }

    /// Takes a commit that ends in the journal at `end`.
    pub fn take(&mut self, ops: Vec<Op>, bodies: &PlacedBodies, end: Position) -> Result<(), IndexError> {
        self.table.take(ops, bodies, Applied { journal: self.journal, position: end });
        if self.table.changes.len() >= TABLE_KEYS_MAX || self.table.bytes >= TABLE_BYTES_MAX {
            return self.write();
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<(), IndexError> {
        self.write()
    }

    fn write(&mut self) -> Result<(), IndexError> {
        std::mem::take(&mut self.table).write(self.index)
    }
}

/// With a document's record goes the place of its body.
fn body_gone(op: &Op) -> Option<Op> {
    let removed = op.value.is_none() && op.key.starts_with(keys::DOCUMENTS);
    let id = keys::listed_document(&op.key).filter(|_| removed)?;
    Some(Op { key: body_key(id.0), value: None })
}
