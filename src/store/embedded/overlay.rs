//! What the index will be when the commits of a group have been applied that are not yet.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::store::ReadError;
use crate::store::journal::Op;
use crate::store::read::{Direction, Kv, Row};

/// Changes laid over a space of keys.
pub(super) struct Overlay<'a, K> {
    base: &'a K,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a, K: Kv> Overlay<'a, K> {
    pub fn new(base: &'a K) -> Self {
        Overlay { base, changes: BTreeMap::new() }
    }

    pub fn lay(&mut self, ops: &[Op]) {
        self.changes.extend(ops.iter().map(|op| (op.key.clone(), op.value.clone())));
    }
}

impl<K: Kv> Kv for Overlay<'_, K> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn range(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Result<Vec<Row>, ReadError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        let changes = || self.changes.range::<[u8], _>(bounds);
        // Each change takes away one row of the base at most, so this many are enough.
        let rows = self.base.range(from, to, direction, n.saturating_add(changes().count()))?;
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = rows.into_iter().collect();
        for (key, value) in changes() {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(match direction {
            Direction::Up => merged.into_iter().take(n).collect(),
            Direction::Down => merged.into_iter().rev().take(n).collect(),
        })
    }
}
