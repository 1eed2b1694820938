//! Changes laid over a space of keys: what is not yet where it will be, seen as if it were.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::store::ReadError;
use crate::store::journal::Op;
use crate::store::read::{Direction, Kv, Row};

/// The fewest rows that are read at once.
const CHUNK: usize = 16;

/// A key, and its new value or `None` where it is deleted.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

/// Changes in the order of their keys, one for each key.
pub(super) trait Changes {
    /// The change of a key, if there is one.
    fn change(&self, key: &[u8]) -> Option<Option<Vec<u8>>>;
    /// Changes whose keys are at least `from` and less than `to`, at most `n`.
    fn changes(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Vec<Change>;
}

impl Changes for BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    fn change(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        self.get(key).cloned()
    }

    fn changes(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Vec<Change> {
        if from >= to {
            return Vec::new();
        }
        let found = self.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        let owned = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| (key.clone(), value.clone());
        match direction {
            Direction::Up => found.take(n).map(owned).collect(),
            Direction::Down => found.rev().take(n).map(owned).collect(),
        }
    }
}

/// What the index will be when the commits of a group have been applied that are not yet.
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
        get(&self.changes, self.base, key)
    }

    fn range(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Result<Vec<Row>, ReadError> {
        range(&self.changes, self.base, (from, to), direction, n)
    }
}

/// The value of a key in `base` with `changes` laid over it.
pub(super) fn get(changes: &impl Changes, base: &impl Kv, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
    match changes.change(key) {
        Some(value) => Ok(value),
        None => base.get(key),
    }
}

/// The rows of a range of `base` with `changes` laid over it.
///
/// The changes are read before the base in each step: where they move into the base meanwhile, they are seen twice,
/// and not missed.
pub(super) fn range(
    changes: &impl Changes,
    base: &impl Kv,
    (from, to): (&[u8], &[u8]),
    direction: Direction,
    n: usize,
) -> Result<Vec<Row>, ReadError> {
    let (mut from, mut to) = (from.to_vec(), to.to_vec());
    let mut rows = Vec::new();
    while rows.len() < n && from < to {
        // Some more, since some may be deleted.
        let missing = (n - rows.len()).max(CHUNK);
        let changed = changes.changes(&from, &to, direction, missing);
        let kept = base.range(&from, &to, direction, missing)?;
        let ends = [
            changed.last().filter(|_| changed.len() == missing).map(|(key, _)| key),
            kept.last().filter(|_| kept.len() == missing).map(|(key, _)| key),
        ];
        let known_to = ends.into_iter().flatten().min_by(|a, b| order(direction, a, b)).cloned();
        merge(changed, kept, direction, known_to.as_deref(), &mut rows);
        match (known_to, direction) {
            (None, _) => break,
            (Some(key), Direction::Up) => from = [key, vec![0]].concat(),
            (Some(key), Direction::Down) => to = key,
        }
    }
    rows.truncate(n);
    Ok(rows)
}

fn order(direction: Direction, a: &[u8], b: &[u8]) -> Ordering {
    match direction {
        Direction::Up => a.cmp(b),
        Direction::Down => b.cmp(a),
    }
}

/// Both in one, as far as both are known.
fn merge(
    changed: Vec<Change>,
    kept: Vec<Row>,
    direction: Direction,
    known_to: Option<&[u8]>,
    rows: &mut Vec<Row>,
) {
    let known = |key: &[u8]| known_to.is_none_or(|end| order(direction, key, end) != Ordering::Greater);
    let mut changed = changed.into_iter().filter(|(key, _)| known(key)).peekable();
    let mut kept = kept.into_iter().filter(|(key, _)| known(key)).peekable();
    loop {
        let next = match (changed.peek(), kept.peek()) {
            (Some((change, _)), Some((row, _))) => order(direction, change, row),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        if next == Ordering::Greater {
            rows.extend(kept.next());
            continue;
        }
        if next == Ordering::Equal {
            kept.next();
        }
        if let Some((key, Some(value))) = changed.next() {
            rows.push((key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::memory::Rows;

    fn map(of: &[(u8, bool)]) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        of.iter().map(|(key, there)| (vec![*key], there.then(|| vec![1]))).collect()
    }

    proptest! {
        /// Whatever lies over what: the same as if the changes had been applied.
        #[test]
        fn laid_over_is_as_good_as_applied(
            base in prop::collection::vec(0..40_u8, 0..30),
            changes in prop::collection::vec((0..40_u8, any::<bool>()), 0..30),
            from in 0..40_u8, to in 0..42_u8, n in prop_oneof![0..6_usize, Just(usize::MAX)], up in any::<bool>(),
        ) {
            let (mut applied, mut under) = (Rows::default(), Rows::default());
            let ops = |keys: &[u8]| keys.iter().map(|key| Op { key: vec![*key], value: Some(vec![0]) }).collect::<Vec<_>>();
            applied.apply(ops(&base));
            under.apply(ops(&base));
            let changes = map(&changes);
            applied.apply(changes.iter().map(|(key, value)| Op { key: key.clone(), value: value.clone() }).collect());
            let direction = if up { Direction::Up } else { Direction::Down };
            let seen = range(&changes, &under, (&[from], &[to]), direction, n).expect("readable");
            prop_assert_eq!(seen, applied.range(&[from], &[to], direction, n).expect("readable"));
            prop_assert_eq!(get(&changes, &under, &[from]).expect("readable"), applied.get(&[from]).expect("readable"));
        }
    }
}
