//! What a recovery changes, committed like anything else: to the journal first, then to the index.

use std::mem;

use super::RecoverError;
use crate::store::embedded::follow::Follower;
use crate::store::embedded::mark::CARRIED;
use crate::store::journal::{FrameRef, Journal, Op};
use crate::store::keys;
use crate::store::read::{Direction, Kv, Row};
use crate::store::sled::Index;

/// Operations of one commit.
const OPS: usize = 64;
/// Commits of one sync.
const FRAMES: usize = 256;
/// Rows read at once.
const CHUNK: usize = 1000;

pub(super) struct Repairs<'a> {
    index: &'a Index,
    journal: Journal,
    waiting: Vec<Op>,
}

impl<'a> Repairs<'a> {
    pub fn new(index: &'a Index, journal: Journal) -> Self {
        Repairs { index, journal, waiting: Vec::new() }
    }

    pub fn index(&self) -> &'a Index {
        self.index
    }

    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), RecoverError> {
        self.take(Op { key, value: Some(value) })
    }

    pub fn delete(&mut self, key: Vec<u8>) -> Result<(), RecoverError> {
        self.take(Op { key, value: None })
    }

    fn take(&mut self, op: Op) -> Result<(), RecoverError> {
        self.waiting.push(op);
        if self.waiting.len() == OPS * FRAMES { self.write() } else { Ok(()) }
    }

    /// Makes all changes so far durable, and visible in the index.
    pub fn write(&mut self) -> Result<(), RecoverError> {
        let ops = mem::take(&mut self.waiting);
        let frames: Vec<FrameRef<'_>> = ops.chunks(OPS).map(|ops| FrameRef { ops, bodies: &[] }).collect();
        let mut follower = Follower::new(self.index, self.journal.id());
        let placed = self.journal.append_group(&frames)?;
        for (frame, placed) in frames.iter().zip(placed) {
            follower.take(frame.ops.to_vec(), &placed.bodies, placed.end)?;
        }
        Ok(follower.finish()?)
    }

    /// Writes to the journal whatever is in the index, so that the journal is the whole truth again.
    pub fn restate_all(&mut self) -> Result<(), RecoverError> {
        self.write()?;
        let index = self.index;
        // The store's own keys are not of the journal.
        for_each(index, &[1], &[u8::MAX], |(key, value)| self.put(key, value))
    }

    /// The oldest segment stays until all that is live in it has been written once more.
    pub fn forget_carried(&mut self) -> Result<(), RecoverError> {
        if self.index.value(CARRIED)?.is_none() {
            return Ok(());
        }
        self.delete(CARRIED.to_vec())
    }

    pub fn finish(mut self) -> Result<Journal, RecoverError> {
        self.write()?;
        Ok(self.journal)
    }
}

/// Shows all rows of a range, with memory for a chunk of them.
pub(super) fn for_each(
    index: &Index,
    from: &[u8],
    to: &[u8],
    mut visit: impl FnMut(Row) -> Result<(), RecoverError>,
) -> Result<(), RecoverError> {
    let mut from = from.to_vec();
    loop {
        let rows = index.range(&from, to, Direction::Up, CHUNK)?;
        let last = rows.get(CHUNK - 1).map(|(key, _)| [key, &[0][..]].concat());
        rows.into_iter().try_for_each(&mut visit)?;
        match last {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

/// As [`for_each`], for all keys that begin with `prefix`.
pub(super) fn for_each_of(
    index: &Index,
    prefix: &[u8],
    visit: impl FnMut(Row) -> Result<(), RecoverError>,
) -> Result<(), RecoverError> {
    for_each(index, prefix, &keys::behind(prefix), visit)
}
