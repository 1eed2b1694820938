//! What of old commits is still needed, in pieces small enough to be written between two groups of commits.
//!
//! A piece puts values that the store holds anyway, so to write it changes nothing, now and in every replay. That is why
//! deletions need not be carried: the oldest segment goes first, so what a deletion there hid is gone as well.

use std::collections::BTreeMap;

use super::mark::{body_key, body_op, carried_op};
use crate::model::commit::{Commit, CommitError};
use crate::model::id::{CommitSeq, DocumentId};
use crate::store::ReadError;
use crate::store::draft::unreadable;
use crate::store::journal::{BODIES_MAX, BodyAt, OPS_MAX, Op, Position};
use crate::store::read::Kv;
use crate::store::{keys, tables};

/// Bytes of a piece; the value or document that passes it is the last.
const PIECE_BYTES_MAX: usize = 256 * 1024;
/// Keys that each piece puts for itself: its event, and how far the journal has been carried.
const OWN_OPS: usize = 2;

/// Values and documents of old commits.
#[derive(Debug, Default)]
pub(in crate::store) struct Piece {
    ops: BTreeMap<Vec<u8>, Vec<u8>>,
    bodies: Vec<(u64, BodyAt, Vec<u8>)>,
    bytes: usize,
}

/// A piece as it goes into the journal.
pub(in crate::store) struct Carried<'a> {
    /// What the store holds anyway.
    pub old: Vec<Op>,
    /// What changes by the carrying itself.
    pub own: Vec<Op>,
    pub bodies: Vec<(u64, &'a [u8])>,
}

impl Piece {
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.ops.insert(key, value);
    }

    /// A document that lies at `at`.
    pub fn body(&mut self, id: u64, at: BodyAt, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.bodies.push((id, at, bytes));
    }

    pub fn is_full(&self) -> bool {
        self.bytes >= PIECE_BYTES_MAX
            || self.ops.len() >= OPS_MAX - OWN_OPS
            || self.bodies.len() >= BODIES_MAX
    }

    /// What of it still holds, as the commit of number `seq`: it has an event, as every commit has, which names nothing.
    /// `carried` is the place in the journal before which nothing else is needed then.
    pub fn plan(&self, seq: CommitSeq, carried: Position, kv: &impl Kv) -> Result<Carried<'_>, CommitError> {
        let mut own = tables::plan(&Commit::default(), seq, kv)?;
        own.push(carried_op(carried));
        let mut old = Vec::new();
        for (key, value) in &self.ops {
            if own.iter().all(|op| op.key != *key) && holds(kv, key, value).map_err(unreadable)? {
                old.push(Op { key: key.clone(), value: Some(value.clone()) });
            }
        }
        let mut bodies = Vec::new();
        for (id, at, bytes) in &self.bodies {
            if holds_body(kv, *id, at).map_err(unreadable)? {
                bodies.push((*id, &bytes[..]));
            }
        }
        Ok(Carried { old, own, bodies })
    }
}

/// Whether a key of the tables has this value. The store's own keys are written anew by whatever they tell of.
pub(super) fn holds(kv: &impl Kv, key: &[u8], value: &[u8]) -> Result<bool, ReadError> {
    Ok(key.first().is_some_and(|first| *first != 0) && kv.get(key)?.as_deref() == Some(value))
}

/// Whether a document that there is lies just there.
pub(in crate::store) fn holds_body(kv: &impl Kv, id: u64, at: &BodyAt) -> Result<bool, ReadError> {
    let place = kv.get(&body_key(id))?;
    Ok(place == body_op(id, at).value && kv.get(&keys::document(DocumentId(id)))?.is_some())
}
