//! What is durable in the journal and not yet in the index: it is answered and read from memory, and a thread of its own
//! brings it into the index, in the order of keys and of each key only the last value. So nobody waits for the index,
//! and what comes and goes quickly, as a job that is printed at once, costs it little.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Shared;
use super::follow::Table;
use super::heads::Heads;
use super::mark::Applied;
use super::overlay::{self, Change, Changes};
use crate::failpoint;
use crate::model::commit::CommitError;
use crate::store::ReadError;
use crate::store::journal::{Op, PlacedBodies};
use crate::store::read::{Direction, Kv, Row};
use crate::store::sled::IndexError;

/// How long changes wait at most for others before they go into the index …
const COLLECT_FOR: Duration = Duration::from_secs(1);
/// … and how many keys do not wait any longer.
const KEYS_ENOUGH: usize = 64 * 1024;
/// Changes that may wait beside those that are being brought into the index; commits wait for room.
const KEYS_MAX: usize = 128 * 1024;
/// The same in bytes.
const BYTES_MAX: usize = 48 * 1024 * 1024;
/// How long a group of commits waits at most while there is room, but the index does not keep up.
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// How long a commit waits for room before it looks whether the index still works.
const ROOM_LOOK: Duration = Duration::from_millis(200);

/// Changes in memory, in two tables: one that grows, over one that is being brought into the index.
#[derive(Debug, Default)]
pub(super) struct Recent {
    tables: Mutex<Tables>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Tables {
    growing: Table,
    leaving: Option<Arc<Table>>,
    /// Why the index did not take the leaving table; until it is opened again nothing more goes there.
    failure: Option<IndexError>,
    phase: Phase,
}

/// Whether there is more to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// All that is there goes into the index, and no more comes.
    Draining,
    /// What is there stays in the journal alone, as after a crash.
    Abandoned,
    /// As that, and nobody makes room any more: one of the store's threads has panicked.
    Failed,
}

/// How the thread that brings changes into the index is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Drain,
    Abandon,
    Failed,
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits that have become durable, in their order.
    pub fn take(&self, commits: impl Iterator<Item = (Vec<Op>, PlacedBodies, Applied)>) {
        let mut tables = self.lock();
        let first = tables.growing.end.is_none();
        commits.for_each(|(ops, bodies, end)| tables.growing.take(ops, &bodies, end));
        let enough = tables.growing.changes.len() >= KEYS_ENOUGH;
        drop(tables);
        if first || enough {
            self.changed.notify_all();
        }
    }

    /// Waits until there is room for more, or the index has failed. Where changes come faster than the index takes them,
    /// each group waits a little, so that none has to wait for a whole table.
    ///
    /// # Errors
    /// Where nobody makes room any more, and nothing more is to be committed.
    pub fn wait_for_room(&self) -> Result<(), CommitError> {
        let tables = self.lock();
        let over = tables.growing.changes.len().saturating_sub(KEYS_ENOUGH);
        let pause = PAUSE_MAX.mul_f64((over as f64 / KEYS_ENOUGH as f64).min(1.0));
        let leaving = |tables: &mut Tables| tables.leaving.is_some() && tables.failure.is_none();
        let waited = self.changed.wait_timeout_while(tables, pause, leaving);
        let mut tables = waited.unwrap_or_else(PoisonError::into_inner).0;
        let full = |tables: &Tables| {
            let Table { changes, bytes, .. } = &tables.growing;
            (changes.len() >= KEYS_MAX || *bytes >= BYTES_MAX) && tables.failure.is_none()
        };
        while tables.phase != Phase::Failed && full(&tables) {
            self.changed.notify_all();
            tables = self.changed.wait_timeout(tables, ROOM_LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        match tables.phase {
            Phase::Failed => Err(CommitError::Unavailable("one of its threads has panicked".to_owned())),
            Phase::Open | Phase::Draining | Phase::Abandoned => Ok(()),
        }
    }

    /// Why the index did not take what it should, told once.
    pub fn failure(&self) -> Option<IndexError> {
        self.lock().failure.take()
    }

    /// Forgets everything: an index was opened that has it all.
    pub fn clear(&self) {
        let mut tables = self.lock();
        (tables.growing, tables.leaving, tables.failure) = (Table::default(), None, None);
        drop(tables);
        self.changed.notify_all();
    }

    pub fn end(&self, end: End) {
        self.lock().phase = match end {
            End::Drain => Phase::Draining,
            End::Abandon => Phase::Abandoned,
            End::Failed => Phase::Failed,
        };
        self.changed.notify_all();
    }

    /// The next table that is to go into the index, when it is time; `None` at the end.
    fn next(&self) -> Option<Arc<Table>> {
        let collecting =
            |tables: &mut Tables| tables.phase == Phase::Open && tables.growing.changes.len() < KEYS_ENOUGH;
        let nothing = |tables: &mut Tables| tables.phase == Phase::Open && tables.growing.end.is_none();
        loop {
            let waited = self.changed.wait_while(self.lock(), nothing);
            let tables = waited.unwrap_or_else(PoisonError::into_inner);
            let waited = self.changed.wait_timeout_while(tables, COLLECT_FOR, collecting);
            let mut tables = waited.unwrap_or_else(PoisonError::into_inner).0;
            match (tables.phase, &tables.leaving) {
                (Phase::Abandoned | Phase::Failed, _) => return None,
                // It failed; the writer opens the index again, and clears all this.
                (Phase::Draining, Some(_)) => return None,
                (Phase::Open, Some(_)) => {
                    let failed =
                        |tables: &mut Tables| tables.phase == Phase::Open && tables.leaving.is_some();
                    drop(self.changed.wait_while(tables, failed));
                }
                (phase, None) => {
                    if tables.growing.end.is_some() {
                        let leaving = Arc::new(mem::take(&mut tables.growing));
                        tables.leaving = Some(Arc::clone(&leaving));
                        return Some(leaving);
                    }
                    if phase == Phase::Draining {
                        return None;
                    }
                }
            }
        }
    }

    /// The table is in the index. Not where all was cleared meanwhile.
    fn written(&self, table: &Arc<Table>, shared: &Shared) {
        let mut tables = self.lock();
        if tables.leaving.as_ref().is_some_and(|leaving| Arc::ptr_eq(leaving, table)) {
            tables.leaving = None;
            if let Some(end) = table.end {
                *shared.applied() = end;
            }
        }
        drop(tables);
        self.changed.notify_all();
    }

    fn failed(&self, table: &Arc<Table>, error: IndexError) {
        let mut tables = self.lock();
        if tables.leaving.as_ref().is_some_and(|leaving| Arc::ptr_eq(leaving, table)) {
            tables.failure = Some(error);
        }
        drop(tables);
        self.changed.notify_all();
    }
}

/// Brings changes into the index until told to end.
pub(super) fn keep_following(shared: &Shared) {
    while let Some(table) = shared.recent.next() {
        failpoint::hit("index-following");
        let written = match shared.index() {
            Ok(index) => table.write(&index),
            // The writer is opening it again, and will clear all this.
            Err(error) => Err(IndexError::Failed(error.to_string())),
        };
        match written {
            Ok(()) => shared.recent.written(&table, shared),
            Err(error) => shared.recent.failed(&table, error),
        }
    }
}

impl Changes for Recent {
    fn change(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let tables = self.lock();
        let change = tables.growing.changes.change(key);
        change.or_else(|| tables.leaving.as_ref().and_then(|leaving| leaving.changes.change(key)))
    }

    fn changes(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Vec<Change> {
        let tables = self.lock();
        let growing = tables.growing.changes.changes(from, to, direction, n);
        let leaving = match &tables.leaving {
            Some(leaving) => leaving.changes.changes(from, to, direction, n),
            None => return growing,
        };
        drop(tables);
        let mut merged: BTreeMap<Vec<u8>, Option<Vec<u8>>> = leaving.into_iter().collect();
        merged.extend(growing);
        match direction {
            Direction::Up => merged.into_iter().take(n).collect(),
            Direction::Down => merged.into_iter().rev().take(n).collect(),
        }
    }
}

/// The index with what is not yet in it.
pub(super) struct View<'a, K> {
    pub recent: &'a Recent,
    pub index: &'a K,
}

/// As [`View`], with the heads of the queues at hand. For readers: the writer tells the heads what he has written.
pub(super) struct Seen<'a, K> {
    pub heads: &'a Heads,
    pub view: View<'a, K>,
}

impl<K: Kv> Kv for Seen<'_, K> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.view.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Result<Vec<Row>, ReadError> {
        let near = match direction {
            Direction::Up => self.heads.range(from, to, n, &self.view)?,
            Direction::Down => None,
        };
        near.map_or_else(|| self.view.range(from, to, direction, n), Ok)
    }
}

impl<K: Kv> Kv for View<'_, K> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        overlay::get(self.recent, self.index, key)
    }

    fn range(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Result<Vec<Row>, ReadError> {
        overlay::range(self.recent, self.index, (from, to), direction, n)
    }
}
