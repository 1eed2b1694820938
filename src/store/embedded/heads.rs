//! The heads of all queues, in memory: a printer looks at the first jobs of its queues for every job it prints, and must
//! not have to pass by those that have just left.
//!
//! Of each queue a window is known: every key from its beginning up to some key. Whatever is committed is noted here
//! after it can be read, and before it is answered; a window that runs out is filled from what can be read.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::ReadError;
use crate::store::journal::Op;
use crate::store::keys;
use crate::store::read::{Direction, Kv, Row};

/// Keys that are read at once to fill a window.
const FILL_KEYS: usize = 256;
/// Keys of one window; what is beyond is forgotten.
const WINDOW_KEYS_MAX: usize = 1024;

/// Windows into the queues, by the prefixes of their keys.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<HashMap<Vec<u8>, Window>>);

#[derive(Debug)]
struct Window {
    keys: BTreeSet<Vec<u8>>,
    /// Every key of the queue below this one is in the window; `None`: every key of the queue.
    known_to: Option<Vec<u8>>,
}

impl Heads {
    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was committed, once it can be read.
    pub fn note<'o>(&self, ops: impl Iterator<Item = &'o Op>) {
        let mut windows = self.lock();
        for Op { key, value } in ops {
            let Some(window) = keys::queue_prefix(key).and_then(|queue| windows.get_mut(queue)) else {
                continue;
            };
            match value {
                Some(_) => window.insert(key),
                None => drop(window.keys.remove(key)),
            }
        }
    }

    /// Forgets all: what can be read is about to change in ways that are not noted.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The first `n` rows of `from..to`, if that lies in a queue and near its head; else `None`.
    pub fn range(
        &self,
        from: &[u8],
        to: &[u8],
        n: usize,
        base: &impl Kv,
    ) -> Result<Option<Vec<Row>>, ReadError> {
        let Some(queue) = keys::queue_prefix(from).filter(|_| n <= FILL_KEYS) else { return Ok(None) };
        let mut windows = self.lock();
        if !windows.contains_key(queue) {
            windows.insert(queue.to_vec(), Window { keys: BTreeSet::new(), known_to: Some(queue.to_vec()) });
        }
        let Some(window) = windows.get_mut(queue) else { return Ok(None) };
        if window.known_to.as_deref().is_some_and(|known_to| known_to < from) {
            return Ok(None);
        }
        let end = keys::behind(queue);
        loop {
            let found = window.keys.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
            let rows: Vec<Row> = found.take(n).map(|key| (key.clone(), Vec::new())).collect();
            if rows.len() == n || window.known_to.as_deref().is_none_or(|known_to| known_to >= to) {
                return Ok(Some(rows));
            }
            if window.keys.len() >= WINDOW_KEYS_MAX {
                return Ok(None);
            }
            window.fill(&end, base)?;
        }
    }
}

impl Window {
    fn insert(&mut self, key: &[u8]) {
        if self.known_to.as_deref().is_none_or(|known_to| key < known_to) {
            self.keys.insert(key.to_vec());
            if self.keys.len() > WINDOW_KEYS_MAX {
                self.known_to = self.keys.pop_last();
            }
        }
    }

    /// Reads on where the knowledge ends. While this is done nothing is noted, so nothing is missed.
    fn fill(&mut self, end: &[u8], base: &impl Kv) -> Result<(), ReadError> {
        let Some(from) = &self.known_to else { return Ok(()) };
        let rows = base.range(from, end, Direction::Up, FILL_KEYS)?;
        let last = rows.get(FILL_KEYS - 1).map(|(key, _)| [key, &[0][..]].concat());
        self.keys.extend(rows.into_iter().map(|(key, _)| key));
        self.known_to = last;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::id::{AcceptedSeq, JobId, PrinterId, QueueId};
    use crate::model::job::Priority;
    use crate::model::queue::OrderKey;
    use crate::store::memory::Rows;

    fn key(queue: u32, place: u32) -> Vec<u8> {
        let priority = Priority::new(50).expect("a priority");
        let order = OrderKey { priority, accepted: AcceptedSeq(place.into()), job: JobId(place) };
        keys::in_queue(QueueId::Printer(PrinterId(queue)), order)
    }

    proptest! {
        /// Whatever comes and goes: what the windows answer is what is there.
        #[test]
        fn a_window_shows_what_is_there(
            begin in 0..1500_u32,
            steps in prop::collection::vec((0..2_u32, 0..1500_u32, any::<bool>(), 0..300_usize, any::<bool>()), 1..60),
        ) {
            let mut rows = Rows::default();
            let put = |queue, place| Op { key: key(queue, place), value: Some(Vec::new()) };
            rows.apply((0..begin).map(|place| put(0, place)).collect());
            let heads = Heads::default();
            for (queue, place, there, n, from_start) in steps {
                // A whole stretch at once, as a printer empties its queue.
                let ops: Vec<Op> = (place..place + 40)
                    .map(|place| Op { key: key(queue, place), value: there.then(Vec::new) })
                    .collect();
                rows.apply(ops.clone());
                heads.note(ops.iter());
                let prefix = keys::queue(QueueId::Printer(PrinterId(queue)));
                let from = if from_start { prefix.clone() } else { key(queue, place) };
                let to = keys::behind(&prefix);
                if let Some(seen) = heads.range(&from, &to, n, &rows).expect("readable") {
                    prop_assert_eq!(seen, rows.range(&from, &to, Direction::Up, n).expect("readable"));
                }
            }
        }
    }
}
