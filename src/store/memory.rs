//! A store in memory, for the simulator and for tests. It knows what was handed in from what is durable,
//! so that a crash can be played. Nothing in it depends on chance.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::sync::{oneshot, watch};

use super::counts::Counts;
use super::documents::SmallBodies;
use super::read::{self, Direction, Kv, Row};
use super::tables::{self, Op};
use super::{EventsSince, JobsQuery, KeyRecord, NamedValues, Page, Purge, Purgeable, ReadError, Store};
use crate::model::commit::{Commit, CommitError, Committed, Remove};
use crate::model::document::Document;
use crate::model::event::Entry;
use crate::model::id::{CommitSeq, DocumentId, JobId, QueueId};
use crate::model::job::Job;
use crate::model::pool::Pool;
use crate::model::printer::Printer;
use crate::model::queue::{OrderKey, QueueCounts};
use crate::model::time::WallTime;

/// The durable key space of a [`MemoryStore`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(BTreeMap<Vec<u8>, Vec<u8>>);

impl Rows {
    pub fn apply(&mut self, ops: Vec<Op>) {
        for Op { key, value } in ops {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }
}

impl Kv for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.0.get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Result<Vec<Row>, ReadError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let range = self.0.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        let own = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(match direction {
            Direction::Up => range.take(n).map(own).collect(),
            Direction::Down => range.rev().take(n).map(own).collect(),
        })
    }
}

/// When a commit becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// As it is handed in.
    AtOnce,
    /// When the test says so.
    Stepped,
}

/// Whether the writer of a durable commit hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Given,
    /// It is durable, and whoever waits for it hears [`CommitError::Unknown`].
    Lost,
}

type Waiting = oneshot::Sender<Result<Committed, CommitError>>;

struct State {
    rows: Rows,
    bodies: BTreeMap<DocumentId, Bytes>,
    counts: Counts,
    seq: CommitSeq,
    /// Handed in and not durable, in order.
    queued: VecDeque<(Commit, Waiting)>,
    pace: Pace,
    changes: watch::Sender<CommitSeq>,
}

/// A store in memory. A clone is another handle to the same.
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let (seq, queued) = (state.seq, state.queued.len());
        f.debug_struct("MemoryStore").field("seq", &seq).field("queued", &queued).finish_non_exhaustive()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl MemoryStore {
    /// An empty store in which a commit is durable at once.
    pub fn new() -> MemoryStore {
        MemoryStore::with(Pace::AtOnce, Rows::default(), BTreeMap::new(), Counts::default(), CommitSeq(0))
    }

    /// An empty store in which commits wait for [`sync_next`](Self::sync_next) or
    /// [`fail_next`](Self::fail_next).
    pub fn stepped() -> MemoryStore {
        MemoryStore::with(Pace::Stepped, Rows::default(), BTreeMap::new(), Counts::default(), CommitSeq(0))
    }

    fn with(
        pace: Pace,
        rows: Rows,
        bodies: BTreeMap<DocumentId, Bytes>,
        counts: Counts,
        seq: CommitSeq,
    ) -> MemoryStore {
        let (changes, _) = watch::channel(seq);
        let state = State { rows, bodies, counts, seq, queued: VecDeque::new(), pace, changes };
        MemoryStore { state: Arc::new(Mutex::new(state)) }
    }

    /// No operation panics half-way with the lock held, so a poisoned state is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits now, whatever is queued.
    pub fn commit_now(&self, commit: &Commit) -> Result<Committed, CommitError> {
        self.lock().commit(commit)
    }

    /// How many commits were handed in and are not durable.
    pub fn queued(&self) -> usize {
        self.lock().queued.len()
    }

    /// Makes the oldest queued commit durable, or finds that it cannot be; the outcome. `None` where none is
    /// queued.
    pub fn sync_next(&self, answer: Answer) -> Option<Result<Committed, CommitError>> {
        let mut state = self.lock();
        let (commit, waiting) = state.queued.pop_front()?;
        let outcome = state.commit(&commit);
        if answer == Answer::Given {
            // Whoever waited may have gone.
            let _ = waiting.send(outcome.clone());
        }
        Some(outcome)
    }

    /// Fails the oldest queued commit; false where none is queued. Nothing of it is written.
    pub fn fail_next(&self, error: CommitError) -> bool {
        let next = self.lock().queued.pop_front();
        next.map(|(_, waiting)| waiting.send(Err(error))).is_some()
    }

    /// The store as the next life of the process finds it: what is durable, and nothing that was queued.
    /// Whoever waits for an answer of this one hears [`CommitError::Unknown`].
    pub fn crash(&self) -> MemoryStore {
        let mut state = self.lock();
        state.queued.clear();
        let (rows, bodies) = (state.rows.clone(), state.bodies.clone());
        MemoryStore::with(state.pace, rows, bodies, state.counts.clone(), state.seq)
    }

    /// The body of an inline document.
    pub fn body(&self, id: DocumentId) -> Option<Bytes> {
        self.lock().bodies.get(&id).cloned()
    }

    /// Reads without a future; `look` gets the durable key space, for the functions of [`read`].
    pub fn read<T>(&self, look: impl FnOnce(&Rows) -> T) -> T {
        look(&self.lock().rows)
    }

    fn answer<T: Send + 'static>(&self, look: impl FnOnce(&Rows) -> T) -> BoxFuture<'static, T> {
        ready(self.read(look)).boxed()
    }
}

impl State {
    fn commit(&mut self, commit: &Commit) -> Result<Committed, CommitError> {
        let seq = CommitSeq(self.seq.0 + 1);
        let ops = tables::plan(commit, seq, &self.rows)?;
        let mut counts = self.counts.clone();
        counts.follow(&ops).map_err(|error| CommitError::Unavailable(error.to_string()))?;
        self.rows.apply(ops);
        self.counts = counts;
        for new in &commit.documents {
            self.bodies.extend(new.body.clone().map(|body| (new.document.id, body)));
        }
        for removal in &commit.remove {
            if let Remove::Document(id) = removal {
                self.bodies.remove(id);
            }
        }
        self.seq = seq;
        self.changes.send_replace(seq);
        Ok(Committed { seq })
    }
}

impl SmallBodies for MemoryStore {
    fn read(&self, id: DocumentId) -> io::Result<Option<Vec<u8>>> {
        Ok(self.body(id).map(Vec::from))
    }
}

impl Store for MemoryStore {
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<Committed, CommitError>> {
        let mut state = self.lock();
        match state.pace {
            Pace::AtOnce => ready(state.commit(&commit)).boxed(),
            Pace::Stepped => {
                let (waiting, answer) = oneshot::channel();
                state.queued.push_back((commit, waiting));
                answer.map(|answer| answer.unwrap_or(Err(CommitError::Unknown))).boxed()
            }
        }
    }

    fn head(
        &self,
        queues: Vec<QueueId>,
        after: Option<OrderKey>,
        n: usize,
    ) -> BoxFuture<'static, Result<Vec<Job>, ReadError>> {
        self.answer(move |rows| read::head(rows, &queues, after, n))
    }

    fn places(&self, queue: QueueId, n: usize) -> BoxFuture<'static, Result<Vec<OrderKey>, ReadError>> {
        self.answer(move |rows| read::places(rows, queue, None, n))
    }

    fn job(&self, id: JobId) -> BoxFuture<'static, Result<Option<Job>, ReadError>> {
        self.answer(|rows| read::job(rows, id))
    }

    fn jobs(&self, query: JobsQuery) -> BoxFuture<'static, Result<Page<Job, JobId>, ReadError>> {
        self.answer(|rows| read::jobs(rows, &query))
    }

    fn jobs_at_printers(&self) -> BoxFuture<'static, Result<Vec<Job>, ReadError>> {
        self.answer(read::jobs_at_printers)
    }

    fn timeline(
        &self,
        job: JobId,
        after: u32,
        n: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>, ReadError>> {
        self.answer(|rows| read::timeline(rows, job, after, n))
    }

    fn document(&self, id: DocumentId) -> BoxFuture<'static, Result<Option<Document>, ReadError>> {
        self.answer(|rows| read::document(rows, id))
    }

    fn documents(
        &self,
        user: Option<String>,
        before: Option<DocumentId>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Page<Document, DocumentId>, ReadError>> {
        self.answer(|rows| read::documents(rows, user.as_deref(), before, limit))
    }

    fn printers(&self) -> BoxFuture<'static, Result<Vec<Printer>, ReadError>> {
        self.answer(read::printers)
    }

    fn pools(&self) -> BoxFuture<'static, Result<Vec<Pool>, ReadError>> {
        self.answer(read::pools)
    }

    fn setting(&self, name: &str) -> BoxFuture<'static, Result<Option<Vec<u8>>, ReadError>> {
        self.answer(|rows| read::setting(rows, name))
    }

    fn settings(&self, prefix: &str, n: usize) -> BoxFuture<'static, Result<NamedValues, ReadError>> {
        self.answer(|rows| read::settings(rows, prefix, n))
    }

    fn key(
        &self,
        user: &str,
        key: &str,
        now: WallTime,
    ) -> BoxFuture<'static, Result<Option<KeyRecord>, ReadError>> {
        self.answer(|rows| read::key(rows, user, key, now))
    }

    fn counts(&self, queue: QueueId) -> QueueCounts {
        self.lock().counts.of(queue)
    }

    fn counts_total(&self) -> QueueCounts {
        self.lock().counts.total()
    }

    fn purgeable(
        &self,
        what: Purge,
        until: WallTime,
        n: usize,
    ) -> BoxFuture<'static, Result<Vec<Purgeable>, ReadError>> {
        self.answer(|rows| read::purgeable(rows, what, until, n))
    }

    fn last_seq(&self) -> CommitSeq {
        self.lock().seq
    }

    fn events_since(&self, after: CommitSeq, n: usize) -> BoxFuture<'static, Result<EventsSince, ReadError>> {
        let state = self.lock();
        ready(read::events_since(&state.rows, state.seq, after, n)).boxed()
    }

    fn changes(&self) -> watch::Receiver<CommitSeq> {
        self.lock().changes.subscribe()
    }
}

#[cfg(test)]
mod tests;
