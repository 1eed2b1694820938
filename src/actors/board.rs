//! What every part may read at any time without asking an actor: snapshots that the actors publish, and
//! the ways to the traffic managers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use actix::Addr;
use tokio::sync::broadcast;

use super::doorstep::{Begun, Doorstep};
use super::front::{LiveEvent, WorkerRow};
use super::traffic_manager::{self, TrafficManager};
use crate::model::description::Description;
use crate::model::directory::Directory;
use crate::model::event::Subject;
use crate::model::id::{Generation, JobId, PrinterId, QueueId};
use crate::model::intake::Refusal;
use crate::model::job::{DocumentRef, Job};
use crate::model::liveness::Beat;
use crate::model::printer::PrinterLive;
use crate::model::traffic::Invitation;

/// Live events that wait for a slow reader; more and it is told that it has missed some.
const LIVE_EVENTS_KEPT: usize = 1024;

/// The snapshots. One for the process.
#[derive(Debug)]
pub struct Board {
    directory: RwLock<Arc<Directory>>,
    live: RwLock<HashMap<PrinterId, PrinterLive>>,
    described: RwLock<HashMap<PrinterId, Arc<Description>>>,
    workers: RwLock<Arc<Vec<WorkerRow>>>,
    beats: RwLock<HashMap<PrinterId, Beat>>,
    incoming: RwLock<Arc<Vec<Job>>>,
    withdrawn: Mutex<Vec<JobId>>,
    admission: RwLock<Result<(), Refusal>>,
    traffic: RwLock<HashMap<PrinterId, TrafficHandle>>,
    events: broadcast::Sender<LiveEvent>,
}

/// The way to one traffic manager.
#[derive(Clone, Debug)]
pub struct TrafficHandle {
    pub address: Addr<TrafficManager>,
    pub notices: Arc<Notices>,
}

/// What a traffic manager is to know, kept until it knows. Its message is only the bell.
#[derive(Debug, Default)]
pub struct Notices {
    woken: AtomicBool,
    /// The device itself is to be woken.
    wake_up: AtomicBool,
    /// Somebody looks at the printer: what is shown of it is to be new.
    look: AtomicBool,
    canceled: Mutex<Vec<JobId>>,
    /// A job that might be sent while it arrives; the last one is as good as any.
    offered: Mutex<Option<(Box<Job>, DocumentRef)>>,
    /// The invitation, while there is nothing to do.
    pub doorstep: Doorstep,
}

impl Notices {
    /// There is work; false where that is known and not looked at yet.
    fn wake(&self) -> bool {
        !self.woken.swap(true, Ordering::AcqRel)
    }

    fn cancel(&self, job: JobId) {
        let mut canceled = lock(&self.canceled);
        if !canceled.contains(&job) {
            canceled.push(job);
        }
    }

    pub fn take_look(&self) -> bool {
        self.look.swap(false, Ordering::AcqRel)
    }

    pub fn take_wake_up(&self) -> bool {
        self.wake_up.swap(false, Ordering::AcqRel)
    }

    pub fn take_wake(&self) -> bool {
        self.woken.swap(false, Ordering::AcqRel)
    }

    pub fn take_offered(&self) -> Option<(Box<Job>, DocumentRef)> {
        lock(&self.offered).take()
    }

    pub fn take_canceled(&self) -> Vec<JobId> {
        std::mem::take(&mut lock(&self.canceled))
    }
}

impl TrafficHandle {
    /// To be called on the handle that the board keeps: actix bounds what one address sends, and a clone is
    /// another one.
    fn ring(&self) {
        // Full: a bell is in it already. Closed: a new one looks by itself.
        let _ = self.address.try_send(traffic_manager::Bell);
    }
}

impl Default for Board {
    fn default() -> Self {
        Board {
            directory: RwLock::default(),
            live: RwLock::default(),
            described: RwLock::default(),
            workers: RwLock::default(),
            beats: RwLock::default(),
            incoming: RwLock::default(),
            withdrawn: Mutex::default(),
            // Nothing is taken before the job manager says so.
            admission: RwLock::new(Err(Refusal::Stopping)),
            traffic: RwLock::default(),
            events: broadcast::channel(LIVE_EVENTS_KEPT).0,
        }
    }
}

impl Board {
    pub fn directory(&self) -> Arc<Directory> {
        read(&self.directory).clone()
    }

    pub fn publish_directory(&self, directory: Arc<Directory>) {
        *write(&self.directory) = directory;
        self.tell(Subject::Server);
    }

    pub fn live(&self, printer: PrinterId) -> PrinterLive {
        read(&self.live).get(&printer).cloned().unwrap_or_default()
    }

    /// The printers that are of no use just now, though they have work.
    pub fn not_ready(&self) -> Vec<PrinterId> {
        let live = read(&self.live);
        live.iter().filter(|(_, live)| live.not_ready_since.is_some()).map(|(id, _)| *id).collect()
    }

    pub fn publish_live(&self, printer: PrinterId, live: PrinterLive) {
        let before = write(&self.live).insert(printer, live.clone());
        if !before.is_some_and(|before| before.looks_like(&live)) {
            self.tell(Subject::Printer(printer));
        }
    }

    /// What the device last said of itself.
    pub fn description(&self, printer: PrinterId) -> Option<Arc<Description>> {
        read(&self.described).get(&printer).cloned()
    }

    /// Tells of it only where the device says something new.
    pub fn publish_description(&self, printer: PrinterId, description: Arc<Description>) {
        let old = write(&self.described).insert(printer, description.clone());
        if old.is_none_or(|old| old != description) {
            self.tell(Subject::Printer(printer));
        }
    }

    /// The device is another now.
    pub fn forget_description(&self, printer: PrinterId) {
        write(&self.described).remove(&printer);
    }

    pub fn workers(&self) -> Arc<Vec<WorkerRow>> {
        read(&self.workers).clone()
    }

    /// Publishes the threads, and tells of those that are new, gone or at something else.
    pub fn publish_workers(&self, rows: Vec<WorkerRow>) {
        let before = std::mem::replace(&mut *write(&self.workers), Arc::new(rows.clone()));
        let same = |a: &WorkerRow, b: &WorkerRow| {
            (&a.name, a.job, a.stage, a.generation) == (&b.name, b.job, b.stage, b.generation)
        };
        for row in rows.iter().filter(|row| !before.iter().any(|old| same(old, row))) {
            self.tell(Subject::Worker(row.name.clone()));
        }
        for old in before.iter().filter(|old| !rows.iter().any(|row| row.name == old.name)) {
            self.tell(Subject::Worker(old.name.clone()));
        }
    }

    /// The last sign of life of the attempt at this printer, where it is of this generation.
    pub fn beat(&self, printer: PrinterId, generation: Generation) -> Option<Beat> {
        read(&self.beats).get(&printer).filter(|beat| beat.generation == generation).cloned()
    }

    pub fn publish_beats(&self, beats: HashMap<PrinterId, Beat>) {
        *write(&self.beats) = beats;
    }

    pub fn incoming(&self) -> Arc<Vec<Job>> {
        read(&self.incoming).clone()
    }

    /// Publishes the jobs that are arriving, and tells of those that are new or gone.
    pub fn publish_incoming(&self, jobs: Vec<Job>) {
        let new = Arc::new(jobs);
        let old = std::mem::replace(&mut *write(&self.incoming), new.clone());
        let only_in = |a: &[Job], b: &[Job]| -> Vec<JobId> {
            a.iter().map(|job| job.id).filter(|id| !b.iter().any(|job| job.id == *id)).collect()
        };
        for job in only_in(&new, &old).into_iter().chain(only_in(&old, &new)) {
            self.tell(Subject::Job(job));
        }
    }

    /// The document of an announced job does not come. Kept until the job manager has seen it: a full mailbox
    /// would lose it, and with it a place in the queue for as long as the server runs.
    pub fn withdraw(&self, job: JobId) {
        lock(&self.withdrawn).push(job);
    }

    pub fn take_withdrawn(&self) -> Vec<JobId> {
        std::mem::take(&mut lock(&self.withdrawn))
    }

    pub fn admission(&self) -> Result<(), Refusal> {
        read(&self.admission).clone()
    }

    pub fn publish_admission(&self, admission: Result<(), Refusal>) {
        if *read(&self.admission) != admission {
            *write(&self.admission) = admission;
            self.tell(Subject::Server);
        }
    }

    pub fn live_events(&self) -> broadcast::Receiver<LiveEvent> {
        self.events.subscribe()
    }

    fn tell(&self, subject: Subject) {
        // Nobody listening is no error.
        let _ = self.events.send(LiveEvent { subject });
    }

    pub fn traffic(&self, printer: PrinterId) -> Option<TrafficHandle> {
        read(&self.traffic).get(&printer).cloned()
    }

    pub fn set_traffic(&self, printer: PrinterId, handle: Option<TrafficHandle>) {
        match handle {
            Some(handle) => write(&self.traffic).insert(printer, handle),
            None => {
                write(&self.live).remove(&printer);
                write(&self.described).remove(&printer);
                write(&self.traffic).remove(&printer)
            }
        };
    }

    /// Tells whoever prints from this queue that there is work. Wakes merge.
    pub fn wake(&self, queue: QueueId) {
        self.servers_of(queue).into_iter().for_each(|printer| self.wake_printer(printer));
    }

    /// The same, but for one printer that knows already.
    pub fn wake_others(&self, queue: QueueId, knows: PrinterId) {
        let others = self.servers_of(queue).into_iter().filter(|printer| *printer != knows);
        others.for_each(|printer| self.wake_printer(printer));
    }

    /// Who prints from a queue.
    fn servers_of(&self, queue: QueueId) -> Vec<PrinterId> {
        match queue {
            QueueId::Printer(printer) => vec![printer],
            QueueId::Pool(pool) => {
                let directory = self.directory();
                directory.pools.iter().filter(|p| p.id == pool).flat_map(|p| p.members.clone()).collect()
            }
        }
    }

    fn wake_printer(&self, printer: PrinterId) {
        if let Some(handle) = read(&self.traffic).get(&printer)
            && handle.notices.wake()
        {
            handle.ring();
        }
    }

    /// Somebody looks at the printer.
    pub fn look_at(&self, printer: PrinterId) {
        if let Some(handle) = read(&self.traffic).get(&printer) {
            handle.notices.look.store(true, Ordering::Release);
            handle.ring();
        }
    }

    /// Somebody wants the device woken.
    pub fn wake_up(&self, printer: PrinterId) {
        if let Some(handle) = read(&self.traffic).get(&printer) {
            handle.notices.wake_up.store(true, Ordering::Release);
            handle.ring();
        }
    }

    /// Begins a job by the printer's invitation, where that stands and nothing waits there already. `hand_in` hands in
    /// the job and its attempt, or makes nothing of it.
    pub fn begin<T>(
        &self,
        printer: PrinterId,
        hand_in: impl FnOnce(&Invitation) -> Option<(T, Begun)>,
    ) -> Option<T> {
        let handles = read(&self.traffic);
        let handle = handles.get(&printer)?;
        if handle.notices.woken.load(Ordering::Acquire) {
            return None;
        }
        let told = handle.notices.doorstep.begin(hand_in)?;
        handle.ring();
        Some(told)
    }

    /// A job that is arriving might be sent meanwhile.
    pub fn offer(&self, printer: PrinterId, job: Box<Job>, document: DocumentRef) {
        if let Some(handle) = read(&self.traffic).get(&printer) {
            *lock(&handle.notices.offered) = Some((job, document));
            handle.ring();
        }
    }

    /// The durable flag of a job is set: its printer is told.
    pub fn cancel_at(&self, printer: PrinterId, job: JobId) {
        if let Some(handle) = read(&self.traffic).get(&printer) {
            handle.notices.cancel(job);
            handle.ring();
        }
    }
}

fn lock<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
