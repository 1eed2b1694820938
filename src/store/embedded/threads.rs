//! The threads of the store: how commits reach the one that writes, and how all end.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError, bounded};

use super::Shared;
use super::checkpoint::{Checkpoints, keep_making};
use super::compact::{Compactor, Wires};
use super::recent::{End, keep_following};
use super::writer::{Order, Writer};
use crate::model::commit::CommitError;

/// How many commits may wait for the store thread: more than all actors together ever have under way.
const WAITING_MAX: usize = 16_384;

pub(super) struct Threads {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

struct Running {
    orders: Sender<Order>,
    writer: JoinHandle<()>,
    follower: JoinHandle<()>,
    /// Dropped to end the thread.
    stop: Sender<()>,
    checkpoints: JoinHandle<Checkpoints>,
    /// Dropped to end the thread.
    halt: Sender<()>,
    compactor: JoinHandle<()>,
}

/// Held by a thread without which the store does not go on: where that panics, the store takes no more commits, says so,
/// and nobody waits for it.
struct Needed(Arc<Shared>);

impl Drop for Needed {
    fn drop(&mut self) {
        if thread::panicking() {
            let thread = thread::current();
            let why = format!("its thread {} has panicked", thread.name().unwrap_or("without a name"));
            self.0.recent.end(End::Failed);
            self.0.break_down(why);
        }
    }
}

impl Threads {
    pub fn start(
        shared: Arc<Shared>,
        writer: Writer,
        checkpoints: Checkpoints,
        every: Duration,
        compactor: Compactor,
    ) -> io::Result<Threads> {
        let (orders, waiting) = bounded(WAITING_MAX);
        let (pieces, carried) = bounded(0);
        let (halt, halted) = bounded(0);
        let compactor = thread::Builder::new()
            .name("store-compact".to_owned())
            .spawn(move || compactor.run(&Wires { pieces, stop: halted }))?;
        let (stop, stopped) = bounded(0);
        let keeper = Arc::clone(&shared);
        let checkpoints = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || keep_making(checkpoints, &keeper, every, &stopped))?;
        let following = Arc::clone(&shared);
        let follower = thread::Builder::new().name("store-index".to_owned()).spawn(move || {
            let _needed = Needed(Arc::clone(&following));
            keep_following(&following);
        })?;
        let needed = Needed(Arc::clone(&shared));
        let writer = thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            let _needed = needed;
            writer.run(&waiting, carried);
        })?;
        let running = Running { orders, writer, follower, stop, checkpoints, halt, compactor };
        let running = Mutex::new(Some(running));
        Ok(Threads { shared, running })
    }

    /// Puts a commit behind those that wait; never blocks.
    pub fn hand_in(&self, order: Order) -> Result<(), CommitError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = running.as_ref() else {
            return Err(CommitError::Unavailable("it is closed".to_owned()));
        };
        running.orders.try_send(order).map_err(|error| {
            CommitError::Unavailable(match error {
                TrySendError::Full(_) => format!("{WAITING_MAX} commits wait for the disk already"),
                TrySendError::Disconnected(_) => "its thread has ended".to_owned(),
            })
        })
    }

    /// Ends all threads after what waits, and makes a last checkpoint.
    pub fn close(&self) {
        if let Some(mut checkpoints) = self.end(End::Drain) {
            checkpoints.make_if_changed(&self.shared);
        }
    }

    fn end(&self, end: End) -> Option<Checkpoints> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Running { orders, writer, follower, stop, checkpoints, halt, compactor } = running?;
        drop(halt);
        drop(orders);
        drop(stop);
        if writer.join().is_err() {
            log::error!("the store's thread has panicked");
        }
        if compactor.join().is_err() {
            log::error!("the thread that compacts the journal has panicked");
        }
        self.shared.recent.end(end);
        if follower.join().is_err() {
            log::error!("the thread of the store's index has panicked");
        }
        checkpoints.join().ok()
    }
}

/// Without a last checkpoint: the next start finds what it finds after a crash.
impl Drop for Threads {
    fn drop(&mut self) {
        self.end(End::Abandon);
    }
}
