//! The thread that writes: groups of commits, one sync each.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, never, select};
use futures_util::future::FutureExt;
use tokio::sync::oneshot;

mod carrying;

pub(super) use carrying::Carrying;

use super::Shared;
use super::error::OpenError;
use super::mark::Applied;
use super::overlay::Overlay;
use super::recent::View;
use super::revive::revive;
use super::watched::Watched;
use crate::failpoint;
use crate::model::commit::{Commit, CommitError, Committed, NewDocument, Remove};
use crate::model::document::BodyPlace;
use crate::model::id::CommitSeq;
use crate::store::Committing;
use crate::store::documents::Documents;
use crate::store::journal::{Directory, FrameRef, Journal, JournalError, Op, Placed};
use crate::store::read::Kv;
use crate::store::sled::{Index, IndexError};
use crate::store::{keys, tables};

/// Commits of one group; one that belongs right behind the last comes with it.
const GROUP_COMMITS_MAX: usize = 256;
/// Bytes of documents in one group; the commit that passes it is the last.
const GROUP_BYTES_MAX: usize = 1024 * 1024;
/// How often an index that has failed is opened again before those who wait for it are told that it is not known …
const REVIVE_TRIES: u32 = 20;
/// … and how long after the last time.
const REVIVE_PAUSE: Duration = Duration::from_millis(200);
/// How often a group is planned anew when the index fails while it is read; an index that fails each time must not
/// hold up the store for ever.
const REPLANS_MAX: u32 = 3;
/// How often the index is looked after while no commit comes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Free space below which no more documents are taken, in bytes: a few segments of the index.
const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

/// A commit on its way in, and the way back for its answer.
pub(super) struct Order {
    commit: Commit,
    answer: oneshot::Sender<Result<Committed, CommitError>>,
    /// One that comes right behind it, into the same group.
    behind: Option<Box<Order>>,
}

impl Order {
    /// An order, and its answer when it comes.
    pub fn new(commit: Commit, behind: Option<Box<Order>>) -> (Order, Committing) {
        let (answer, answered) = oneshot::channel();
        let answered = answered.map(|answer| answer.unwrap_or(Err(CommitError::Unknown)));
        (Order { commit, answer, behind }, answered.boxed())
    }
}

/// Where the index is, to open it again.
pub(super) struct Indexing {
    pub files: Arc<Directory>,
    pub path: PathBuf,
    pub cache_bytes: u64,
    pub checkpoint: PathBuf,
}

/// All that writes. Lives on one thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    journal: Journal,
    documents: Documents,
    indexing: Indexing,
    /// Why the index lacks commits that the journal has: nothing can be planned until it has caught up.
    behind: Option<CommitError>,
}

/// A commit that may be written.
struct Planned {
    order: Order,
    ops: Vec<Op>,
}

impl Writer {
    pub fn new(shared: Arc<Shared>, journal: Journal, documents: Documents, indexing: Indexing) -> Writer {
        Writer { shared, journal, documents, indexing, behind: None }
    }

    /// Until nobody can hand in any more, and all that was handed in is answered. `pieces` of old commits come between.
    pub fn run(mut self, orders: &Receiver<Order>, mut pieces: Receiver<Carrying>) {
        loop {
            select! {
                recv(orders) -> first => match first {
                    Ok(first) => self.group(collect(first, orders)),
                    Err(_) => return,
                },
                recv(pieces) -> piece => match piece {
                    Ok(piece) => self.carry(piece),
                    Err(_) => pieces = never(),
                },
                default(LOOK_EVERY) => drop(self.healthy_index()),
            }
        }
    }

    fn group(&mut self, group: Vec<Order>) {
        self.group_with(group, REPLANS_MAX);
    }

    /// `replans`: how often the group may be planned anew because the index failed meanwhile.
    fn group_with(&mut self, group: Vec<Order>, replans: u32) {
        let index = match self.healthy_index() {
            Ok(index) => index,
            Err(error) => return refuse(group, &error),
        };
        let group = self.refuse_what_brings_more(group);
        if let Err(error) = self.shared.recent.wait_for_room() {
            return refuse(group, &error);
        }
        let watched = Watched::new(&index);
        let view = View { recent: &self.shared.recent, index: &watched };
        let planned = plan(group, self.journal.end().seq, &view);
        if let Some(error) = watched.failure() {
            // Not the commits are at fault. Nothing was written, so they can be planned again when it works.
            self.fall_behind(&error, index);
            let group = planned.into_iter().map(|(order, _)| order).collect();
            return match replans.checked_sub(1) {
                Some(left) => self.group_with(group, left),
                None => refuse(group, &CommitError::Unavailable(format!("the index: {error}"))),
            };
        }
        let planned = refuse_impossible(planned);
        let placed = match append(&mut self.journal, &planned) {
            Ok(placed) => placed,
            Err(error) => return self.not_appended(planned, &error),
        };
        // From here on the commits are durable, whatever becomes of the index.
        failpoint::hit("journal-synced");
        self.answer(planned, placed);
    }

    /// The index, if it has everything and works. sled writes behind our back, so it may have failed since it was
    /// last used.
    fn healthy_index(&mut self) -> Result<Arc<Index>, CommitError> {
        if self.behind.is_some() {
            self.catch_up(1);
        }
        if self.behind.is_none()
            && let Ok(index) = self.shared.index()
        {
            match self.shared.look_after(&index) {
                Ok(()) => return Ok(index),
                Err(error) => self.fall_behind(&error, index),
            }
        }
        match &self.behind {
            None => self.shared.index().map_err(|error| CommitError::Unavailable(error.to_string())),
            Some(error) => Err(error.clone()),
        }
    }

    fn fall_behind(&mut self, error: &IndexError, index: Arc<Index>) {
        log::error!("the index failed, it is opened again and catches up with the journal: {error}");
        self.behind = Some(match error {
            IndexError::Full(_) => CommitError::Full,
            _ => CommitError::Unavailable(format!("the index: {error}")),
        });
        drop(index);
        self.catch_up(REVIVE_TRIES);
    }

    /// While there is little room, what is there must still come to its end and be removed. New documents must not
    /// take that room away.
    fn refuse_what_brings_more(&self, group: Vec<Order>) -> Vec<Order> {
        if self.documents.free_bytes().is_ok_and(|free| free >= RESERVE_BYTES) {
            return group;
        }
        let (more, rest) = group.into_iter().partition(|order| !order.commit.documents.is_empty());
        refuse(more, &CommitError::Full);
        rest
    }

    fn not_appended(&mut self, planned: Vec<Planned>, error: &JournalError) {
        // Some of the group may fit where all do not, and some of them may make room.
        if let (JournalError::Full { .. } | JournalError::Limit(_), true) = (error, planned.len() > 1) {
            return planned.into_iter().for_each(|planned| self.group(vec![planned.order]));
        }
        let told = self.append_failed(error);
        refuse(planned.into_iter().map(|planned| planned.order).collect(), &told);
    }

    /// What those are told who waited for a write of the journal that failed.
    fn append_failed(&self, error: &JournalError) -> CommitError {
        match error {
            JournalError::Full { .. } => CommitError::Full,
            JournalError::Limit(_) | JournalError::Poisoned { .. } => {
                CommitError::Unavailable(error.to_string())
            }
            _ => {
                self.shared.break_down(error.to_string());
                CommitError::Unknown
            }
        }
    }

    fn count(&self, ops: &[Op]) {
        let mut counts = self.shared.counts.write().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = counts.follow(ops) {
            log::error!("a counter that was just written cannot be read: {error}");
        }
    }

    /// Shows the commits to whoever reads, and then to those who wait for them.
    fn answer(&self, planned: Vec<Planned>, placed: Vec<Placed>) {
        let Some(last) = placed.last().map(|placed| placed.position.seq) else { return };
        let journal = self.journal.id();
        *self.shared.written() = Applied { journal, position: self.journal.end() };
        let mut queued = Vec::new();
        let (mut orders, mut changes) = (Vec::with_capacity(placed.len()), Vec::with_capacity(placed.len()));
        for (Planned { order, ops }, Placed { position, end, bodies }) in planned.into_iter().zip(placed) {
            self.count(&ops);
            queued.extend(ops.iter().filter(|op| keys::queue_prefix(&op.key).is_some()).cloned());
            orders.push((order, CommitSeq(position.seq)));
            changes.push((ops, bodies, Applied { journal, position: end }));
        }
        self.shared.recent.take(changes.into_iter());
        self.shared.heads.note(queued.iter());
        self.shared.changes.send_replace(CommitSeq(last));
        self.shared.stats.group(orders.iter().map(|(order, _)| &order.commit));
        for (Order { commit, answer, .. }, seq) in orders {
            // Whoever waited may have gone.
            let _ = answer.send(Ok(Committed { seq }));
            self.discard_bodies(&commit);
        }
    }

    /// Files go when their records have gone.
    fn discard_bodies(&self, commit: &Commit) {
        for removal in &commit.remove {
            if let Remove::Document(id) = removal {
                self.documents.discard(*id);
            }
        }
    }

    /// Opens the index again, which then follows the journal from wherever it is.
    fn catch_up(&mut self, tries: u32) {
        for attempt in 0..tries {
            if attempt > 0 {
                thread::park_timeout(REVIVE_PAUSE);
            }
            match revive(&self.shared, &self.indexing, self.journal.end()) {
                Ok(()) => {
                    log::warn!("the index has been opened again");
                    self.behind = None;
                    return;
                }
                Err(OpenError::Full { .. }) => self.behind = Some(CommitError::Full),
                Err(OpenError::Busy { .. }) => {}
                Err(error) => {
                    self.shared.break_down(error.to_string());
                    self.behind = Some(CommitError::Unavailable(error.to_string()));
                    return;
                }
            }
        }
    }
}

/// The first, and what waits behind it, up to a bound.
fn collect(first: Order, orders: &Receiver<Order>) -> Vec<Order> {
    let (mut bytes, mut group) = (0, Vec::new());
    let mut next = Some(first);
    while let Some(mut order) = next {
        let behind = order.behind.take();
        bytes += body_bytes(&order.commit);
        group.push(order);
        next = match behind {
            Some(behind) => Some(*behind),
            None if group.len() < GROUP_COMMITS_MAX && bytes < GROUP_BYTES_MAX => orders.try_recv().ok(),
            None => None,
        };
    }
    group
}

fn body_bytes(commit: &Commit) -> usize {
    commit.documents.iter().filter_map(|new| new.body.as_ref()).map(|body| body.len()).sum()
}

/// What the commits of a group mean, each over those before it.
fn plan(group: Vec<Order>, first_seq: u64, index: &impl Kv) -> Vec<(Order, Result<Vec<Op>, CommitError>)> {
    let mut overlay = Overlay::new(index);
    let mut seq = CommitSeq(first_seq);
    let mut planned = Vec::with_capacity(group.len());
    for order in group {
        let ops = check_bodies(&order.commit).and_then(|()| tables::plan(&order.commit, seq, &overlay));
        if let Ok(ops) = &ops {
            overlay.lay(ops);
            seq.0 += 1;
        }
        planned.push((order, ops));
    }
    planned
}

/// Answers those that cannot be.
fn refuse_impossible(planned: Vec<(Order, Result<Vec<Op>, CommitError>)>) -> Vec<Planned> {
    let possible = |(order, ops): (Order, Result<Vec<Op>, CommitError>)| match ops {
        Ok(ops) => Some(Planned { order, ops }),
        Err(error) => {
            refuse(vec![order], &error);
            None
        }
    };
    planned.into_iter().filter_map(possible).collect()
}

fn check_bodies(commit: &Commit) -> Result<(), CommitError> {
    for NewDocument { document, body } in &commit.documents {
        match (document.place, body) {
            (BodyPlace::Inline, Some(body)) if body.len() as u64 == document.bytes => {}
            (BodyPlace::File, None) => {}
            (BodyPlace::Inline | BodyPlace::File, _) => {
                let why = format!("document {} does not come with the bytes it says", document.id);
                return Err(CommitError::Unavailable(why));
            }
        }
    }
    Ok(())
}

fn append(journal: &mut Journal, planned: &[Planned]) -> Result<Vec<Placed>, JournalError> {
    let bodies: Vec<Vec<(u64, &[u8])>> =
        planned.iter().map(|planned| bodies(&planned.order.commit)).collect();
    let frame = |(planned, bodies)| {
        let (Planned { ops, .. }, bodies): (&Planned, &Vec<(u64, &[u8])>) = (planned, bodies);
        FrameRef { ops, bodies }
    };
    let frames: Vec<FrameRef<'_>> = planned.iter().zip(&bodies).map(frame).collect();
    journal.append_group(&frames)
}

fn bodies(commit: &Commit) -> Vec<(u64, &[u8])> {
    commit.documents.iter().filter_map(|new| Some((new.document.id.0, new.body.as_deref()?))).collect()
}

fn refuse(orders: Vec<Order>, error: &CommitError) {
    for order in orders {
        // Whoever waited may have gone.
        let _ = order.answer.send(Err(error.clone()));
    }
}
