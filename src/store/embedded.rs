//! The store of one server: a journal that holds the truth, and sled as an index of it.
//!
//! One thread writes. It takes the commits that wait as a group, plans each over those before it, appends all to the
//! journal with one sync, notes in memory what they change, and only then answers. So `Ok` means on disk, and a read
//! that follows it sees the commit, because it looks in that memory first. A second thread brings what is there into the
//! index, a third makes the index durable now and then, so that a start has little to replay. An index that is
//! lost, older or damaged is never used: `spool recover` builds it anew.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::sync::{Semaphore, watch};

pub(super) mod carry;
pub(super) mod checkpoint;
pub(super) mod compact;
mod error;
pub(super) mod follow;
mod heads;
pub(super) mod mark;
pub(super) mod open;
mod overlay;
mod recent;
mod revive;
#[cfg(test)]
pub(super) mod tests;
mod threads;
mod watched;
mod writer;

pub use compact::Compaction;
pub use error::OpenError;
use heads::Heads;
pub use open::Opened;
use recent::{Recent, Seen, View};
use threads::Threads;
use writer::Order;

use super::backup::EmbeddedBackups;
use super::counts::Counts;
use super::documents::{Documents, SmallBodies};
use super::journal::{self, Bodies, BodyAt, JournalError};
use super::read::{self, Kv};
use super::sled::{Index, IndexError};
use super::state::State;
use super::stats::Stats;
use super::{
    Committing, EventsSince, JobsQuery, KeyRecord, NamedValues, Page, Purge, Purgeable, ReadError, Store,
};
use crate::model::commit::{Commit, CommitError};
use crate::model::document::Document;
use crate::model::event::Entry;
use crate::model::id::{CommitSeq, DocumentId, JobId, QueueId};
use crate::model::job::Job;
use crate::model::pool::Pool;
use crate::model::printer::Printer;
use crate::model::queue::{OrderKey, QueueCounts};
use crate::model::time::WallTime;

/// The most reads at the same time, and so the most threads for them.
pub(super) const READS_MAX: usize = 32;

/// How the store is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Memory for pages of the index, in bytes.
    pub cache_bytes: u64,
    /// How often the index is made durable while it changes. What was not yet is replayed at the next start.
    pub checkpoint_every: Duration,
    pub journal: journal::Options,
    pub compaction: Compaction,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            cache_bytes: 32 * 1024 * 1024,
            checkpoint_every: Duration::from_secs(10),
            journal: journal::Options::default(),
            compaction: Compaction::default(),
        }
    }
}

/// The embedded store. To drop it without [`close`](EmbeddedStore::close) is safe, as a crash is.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    threads: Threads,
    reads: Arc<Semaphore>,
    /// Keeps other processes out while the store is there.
    state: State,
}

/// What readers and the threads of the store have in common.
pub(super) struct Shared {
    /// `None` while it is being opened again after it failed.
    index: RwLock<Option<Arc<Index>>>,
    /// A read has failed since the writer last looked: sled tells of a failed write wherever it likes.
    suspect: AtomicBool,
    bodies: Bodies,
    /// Whoever reads more of the journal than its end holds this meanwhile, so that no segment goes.
    old_segments: RwLock<()>,
    counts: RwLock<Counts>,
    /// What the index has not got yet.
    recent: Recent,
    heads: Heads,
    /// What the index has applied.
    applied: Mutex<mark::Applied>,
    /// Where the journal ends; everything before it is durable and was, or is being, answered.
    written: Mutex<mark::Applied>,
    changes: watch::Sender<CommitSeq>,
    broken: watch::Sender<Option<String>>,
    stats: Arc<Stats>,
}

impl EmbeddedStore {
    /// Opens the store of a state directory: checks that the index is whole and belongs to the journal, replays what
    /// it lacks, and sweeps files that a crash has left.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing that could be read was changed then. Blocking.
    pub fn open(state: &State, options: Options) -> Result<Opened, OpenError> {
        open::open(state, options)
    }

    /// Why the store takes no commits any more, once it does not: the process is to be started again. A full disk is
    /// no such reason.
    pub fn broken(&self) -> watch::Receiver<Option<String>> {
        self.shared.broken.subscribe()
    }

    /// What was done since the store was opened.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.shared.stats)
    }

    /// Makes copies of this store; `documents` are its own.
    pub fn backups(&self, documents: Documents) -> EmbeddedBackups {
        EmbeddedBackups { state: self.state.path().to_owned(), shared: Arc::clone(&self.shared), documents }
    }

    /// Finishes what was handed in, makes the index durable and ends the threads. Later commits are refused. Blocking;
    /// to close twice is fine.
    pub fn close(&self) {
        self.threads.close();
    }

    /// Reads wait here for their turn and not as threads: a thousand printers that begin together, or a disk that
    /// hangs, would else make hundreds.
    fn answer<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Seen<'_, Index>) -> Result<T, ReadError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, ReadError>> {
        let (shared, places) = (Arc::clone(&self.shared), Arc::clone(&self.reads));
        let reading = async move {
            // Never closed. The thread keeps the place also where nobody waits for it any more.
            let place = places.acquire_owned().await;
            let looked = tokio::task::spawn_blocking(move || {
                let _place = place;
                shared.look(look)
            })
            .await;
            looked.unwrap_or_else(|error| Err(ReadError::Unavailable(error.to_string())))
        };
        reading.boxed()
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("state", &self.state.path()).finish_non_exhaustive()
    }
}

impl Shared {
    fn index(&self) -> Result<Arc<Index>, ReadError> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.clone().ok_or_else(|| ReadError::Unavailable("the index is being opened again".to_owned()))
    }

    fn look<T>(&self, look: impl FnOnce(&Seen<'_, Index>) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let index = self.index()?;
        let looked = look(&Seen { heads: &self.heads, view: View { recent: &self.recent, index: &*index } });
        if matches!(looked, Err(ReadError::Unavailable(_))) {
            self.suspect.store(true, Ordering::Release);
        }
        looked
    }

    /// Whether the index works, as far as can be told without writing.
    fn look_after(&self, index: &Index) -> Result<(), IndexError> {
        if let Some(failure) = self.recent.failure() {
            return Err(failure);
        }
        if self.suspect.swap(false, Ordering::AcqRel) {
            return Err(IndexError::Failed("a read failed".to_owned()));
        }
        index.value(mark::APPLIED).map(drop)
    }

    fn set_index(&self, index: Option<Arc<Index>>) {
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
    }

    pub(super) fn applied(&self) -> MutexGuard<'_, mark::Applied> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn written(&self) -> MutexGuard<'_, mark::Applied> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// While this is held no segment of the journal goes.
    pub(super) fn keep_segments(&self) -> RwLockReadGuard<'_, ()> {
        self.old_segments.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the bytes of a small document are now.
    fn place_of(&self, id: DocumentId) -> io::Result<Option<BodyAt>> {
        let value = self.look(|view| view.get(&mark::body_key(id.0))).map_err(io::Error::other)?;
        let Some(value) = value else { return Ok(None) };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("the place of document {id}"));
        mark::decode_body(&value).map(Some).ok_or_else(damaged)
    }

    fn break_down(&self, why: String) {
        self.broken.send_if_modified(|broken| {
            let first = broken.is_none();
            if first {
                log::error!("the store takes no more commits: {why}");
                *broken = Some(why);
            }
            first
        });
    }
}

impl SmallBodies for Shared {
    fn read(&self, id: DocumentId) -> io::Result<Option<Vec<u8>>> {
        let found = read_where_it_is(|| self.place_of(id), |at| self.bodies.read(at))?;
        found.transpose().map_err(|error| match error {
            JournalError::Damaged(damage) => {
                io::Error::new(io::ErrorKind::InvalidData, format!("document {id}: {damage}"))
            }
            error => io::Error::other(error),
        })
    }
}

/// Reads a document at its place. While its segment is being opened it may be carried elsewhere; then it is looked for
/// again. `None` where it has no place.
fn read_where_it_is(
    mut place: impl FnMut() -> io::Result<Option<BodyAt>>,
    mut read: impl FnMut(&BodyAt) -> Result<Vec<u8>, JournalError>,
) -> io::Result<Option<Result<Vec<u8>, JournalError>>> {
    let mut last = None;
    loop {
        let Some(at) = place()? else { return Ok(None) };
        let bytes = read(&at);
        if bytes.is_ok() || last.replace(at) == Some(at) {
            return Ok(Some(bytes));
        }
    }
}

fn refused(error: CommitError) -> Committing {
    ready(Err(error)).boxed()
}

impl Store for EmbeddedStore {
    fn commit(&self, commit: Commit) -> Committing {
        let (order, answered) = Order::new(commit, None);
        self.threads.hand_in(order).map_or_else(refused, |()| answered)
    }

    fn commit_both(&self, first: Commit, second: Commit) -> [Committing; 2] {
        let (behind, second) = Order::new(second, None);
        let (order, first) = Order::new(first, Some(Box::new(behind)));
        match self.threads.hand_in(order) {
            Ok(()) => [first, second],
            Err(error) => [refused(error.clone()), refused(error)],
        }
    }

    fn head(
        &self,
        queues: Vec<QueueId>,
        after: Option<OrderKey>,
        n: usize,
    ) -> BoxFuture<'static, Result<Vec<Job>, ReadError>> {
        self.answer(move |view| read::head(view, &queues, after, n))
    }

    fn places(&self, queue: QueueId, n: usize) -> BoxFuture<'static, Result<Vec<OrderKey>, ReadError>> {
        self.answer(move |view| read::places(view, queue, None, n))
    }

    fn job(&self, id: JobId) -> BoxFuture<'static, Result<Option<Job>, ReadError>> {
        self.answer(move |view| read::job(view, id))
    }

    fn jobs(&self, query: JobsQuery) -> BoxFuture<'static, Result<Page<Job, JobId>, ReadError>> {
        self.answer(move |view| read::jobs(view, &query))
    }

    fn jobs_at_printers(&self) -> BoxFuture<'static, Result<Vec<Job>, ReadError>> {
        self.answer(|view| read::jobs_at_printers(view))
    }

    fn timeline(
        &self,
        job: JobId,
        after: u32,
        n: usize,
    ) -> BoxFuture<'static, Result<Vec<Entry>, ReadError>> {
        self.answer(move |view| read::timeline(view, job, after, n))
    }

    fn document(&self, id: DocumentId) -> BoxFuture<'static, Result<Option<Document>, ReadError>> {
        self.answer(move |view| read::document(view, id))
    }

    fn documents(
        &self,
        user: Option<String>,
        before: Option<DocumentId>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Page<Document, DocumentId>, ReadError>> {
        self.answer(move |view| read::documents(view, user.as_deref(), before, limit))
    }

    fn printers(&self) -> BoxFuture<'static, Result<Vec<Printer>, ReadError>> {
        self.answer(|view| read::printers(view))
    }

    fn pools(&self) -> BoxFuture<'static, Result<Vec<Pool>, ReadError>> {
        self.answer(|view| read::pools(view))
    }

    fn setting(&self, name: &str) -> BoxFuture<'static, Result<Option<Vec<u8>>, ReadError>> {
        let name = name.to_owned();
        self.answer(move |view| read::setting(view, &name))
    }

    fn settings(&self, prefix: &str, n: usize) -> BoxFuture<'static, Result<NamedValues, ReadError>> {
        let prefix = prefix.to_owned();
        self.answer(move |view| read::settings(view, &prefix, n))
    }

    fn key(
        &self,
        user: &str,
        key: &str,
        now: WallTime,
    ) -> BoxFuture<'static, Result<Option<KeyRecord>, ReadError>> {
        let (user, key) = (user.to_owned(), key.to_owned());
        self.answer(move |view| read::key(view, &user, &key, now))
    }

    fn counts(&self, queue: QueueId) -> QueueCounts {
        self.shared.counts.read().unwrap_or_else(PoisonError::into_inner).of(queue)
    }

    fn counts_total(&self) -> QueueCounts {
        self.shared.counts.read().unwrap_or_else(PoisonError::into_inner).total()
    }

    fn purgeable(
        &self,
        what: Purge,
        until: WallTime,
        n: usize,
    ) -> BoxFuture<'static, Result<Vec<Purgeable>, ReadError>> {
        self.answer(move |view| read::purgeable(view, what, until, n))
    }

    fn last_seq(&self) -> CommitSeq {
        *self.shared.changes.borrow()
    }

    fn events_since(&self, after: CommitSeq, n: usize) -> BoxFuture<'static, Result<EventsSince, ReadError>> {
        let last = self.last_seq();
        self.answer(move |view| read::events_since(view, last, after, n))
    }

    fn changes(&self) -> watch::Receiver<CommitSeq> {
        self.shared.changes.subscribe()
    }
}
