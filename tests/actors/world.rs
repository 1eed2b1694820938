//! The actors over a store in memory, in a time that passes only when nobody has anything to do.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use crossbeam_channel::Sender;
use spool::actors::board::Board;
use spool::actors::core::Front;
use spool::actors::device_manager::{self, DeviceManager};
use spool::actors::front::{Accepted, Answer, Core, PrinterCommand};
use spool::actors::job_manager::{self, JobManager};
use spool::actors::thread_watcher::ThreadWatcher;
use spool::actors::traffic_manager::{self, TrafficManager};
use spool::actors::worker::{Attempt, NotTaken, Running, StartAttempt};
use spool::clock::Clock;
use spool::device::{Surroundings, Timing};
use spool::model::commit::Commit;
use spool::model::document::Format;
use spool::model::event::Entry;
use spool::model::fleet::{Fleet, Numbers, Queues};
use spool::model::id::{DocumentId, Generation, JobId, PrinterId, QueueName};
use spool::model::intake::messages::Rules;
use spool::model::intake::numbers::Reserved;
use spool::model::intake::{Arrival, Handed, JobRequest};
use spool::model::job::{DoneHow, Identity, Job, JobStatus, Priority, Submitter};
use spool::model::liveness::{Beat, Patience};
use spool::model::options::Options;
use spool::model::outcome::Outcome;
use spool::model::printer::{Activity, Origin, Printer, PrinterLive};
use spool::model::retry::BackoffRange;
use spool::model::traffic;
use spool::store::Store;
use spool::store::documents::{Documents, SmallBodies};
use spool::store::memory::{Answer as Heard, MemoryStore};
use spool::store::read;
use tokio::sync::{Semaphore, oneshot};

pub const QUEUED_MAX: u64 = 10_000;
pub const SHORT: Duration = Duration::from_millis(10);
pub const SECOND: Duration = Duration::from_secs(1);
pub const PATIENCE: Patience = Patience { worker: Duration::from_secs(10), stall: Duration::from_secs(60) };

/// Runs a test on one thread whose clock stands while there is anything to do.
pub fn play(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    tokio::task::LocalSet::new().block_on(&runtime.unwrap(), test);
}

/// Lets everybody do what there is to do, and so much time pass.
pub async fn pass(time: Duration) {
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}

/// Stands where the print threads would: takes attempts, and ends them as it is told.
#[derive(Clone, Default)]
pub struct Bench(Arc<Mutex<Vec<(Attempt, Running)>>>, Arc<AtomicBool>);

impl Bench {
    fn lock(&self) -> MutexGuard<'_, Vec<(Attempt, Running)>> {
        self.0.lock().unwrap()
    }

    pub fn jobs(&self) -> Vec<JobId> {
        self.lock().iter().map(|(attempt, _)| attempt.job).collect()
    }

    /// The generation of the only attempt of this job, and whether it was told to end.
    pub fn of(&self, job: JobId) -> Option<(Generation, bool)> {
        let all = self.lock();
        let of_it = |(attempt, running): &(Attempt, Running)| (attempt.generation, running.is_aborted());
        all.iter().rfind(|(attempt, _)| attempt.job == job).map(of_it)
    }

    /// The oldest attempt of the job ends. `Untold`: the notice is lost.
    pub fn ends(&self, job: JobId, outcome: Outcome, notice: Notice) {
        let mut all = self.lock();
        let at = all.iter().position(|(attempt, _)| attempt.job == job).expect("it is being sent");
        let (Attempt { link, notify, generation, .. }, running) = all.remove(at);
        drop((all, link));
        running.put_report(outcome);
        if notice == Notice::Told {
            notify(generation);
        }
    }

    pub fn completes(&self, job: JobId) {
        self.ends(job, DONE, Notice::Told);
    }
}

pub const DONE: Outcome = Outcome::Done { how: DoneHow::PeerClosed, bytes: 4 };

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    Told,
    Lost,
}

impl StartAttempt for Bench {
    fn start(&self, attempt: Attempt) -> Result<Running, NotTaken> {
        let mut all = self.lock();
        let live =
            |(other, running): &(Attempt, Running)| other.printer == attempt.printer && !running.is_aborted();
        // A panic here would only be another panic of a traffic manager.
        self.1.fetch_or(all.iter().any(live), Ordering::Relaxed);
        let running = Running::of(&attempt);
        all.push((attempt, running.clone()));
        Ok(running)
    }
}

struct NoBodies;

impl SmallBodies for NoBodies {
    fn read(&self, _: DocumentId) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

/// All actors there are, round one store.
pub struct World {
    pub store: MemoryStore,
    pub board: Arc<Board>,
    pub front: Front,
    pub bench: Bench,
    pub jobs: Addr<JobManager>,
    pub devices: Addr<DeviceManager>,
    pub watcher: Addr<ThreadWatcher>,
    pub parts: Arc<traffic_manager::Parts>,
    pub beats: Sender<Beat>,
    pub clock: Clock,
    _files: tempfile::TempDir,
}

pub fn name(text: &str) -> QueueName {
    QueueName::new(text).unwrap()
}

pub fn printer(id: u32, uri: &str) -> Printer {
    Printer::new(PrinterId(id), name(&format!("p{id}")), uri.to_owned(), Origin::Api)
}

impl World {
    /// With one printer, number 1, that is always ready.
    pub async fn new() -> World {
        World::with(MemoryStore::new(), vec![printer(1, "sim:")], Room::default()).await
    }

    pub async fn with(store: MemoryStore, printers: Vec<Printer>, room: Room) -> World {
        for printer in &printers {
            store.commit_now(&Commit { printers: vec![printer.clone()], ..Commit::default() }).unwrap();
        }
        let files = tempfile::tempdir().unwrap();
        let documents = Documents::new(files.path().to_owned(), Arc::new(NoBodies)).unwrap();
        let (clock, board, bench) = (Clock::tokio(), Arc::<Board>::default(), Bench::default());
        let (beats, heard) = crossbeam_channel::bounded(64);
        let watcher = ThreadWatcher::new(PATIENCE, heard, board.clone(), clock).start();
        let shared: Arc<dyn Store> = Arc::new(store.clone());
        let next = printers.len() as u32 + 1;
        let numbers = Numbers { printer: next, ..Numbers::default() };
        let fleet = Fleet::new(Queues::new(printers, Vec::new(), numbers), "test".to_owned());
        board.publish_directory(fleet.directory());
        let reserved = Reserved::default();
        let jobs = JobManager::new(job_manager::Parts {
            store: shared.clone(),
            documents: documents.clone(),
            board: board.clone(),
            clock,
            rules: Rules {
                queued_jobs_max: room.jobs,
                free_disk_min: room.free_disk_min,
                key_kept: Duration::from_secs(3600),
            },
            reserved,
            // More than any test needs: the store is asked for none while a test steps it.
            block: Reserved { job: 1 << 20, document: 1 << 20, accepted: 1 << 20 },
        })
        .start();
        let backoff = BackoffRange { first: SECOND, longest: Duration::from_secs(60) };
        let traffic = Arc::new(traffic_manager::Parts {
            store: shared.clone(),
            documents: documents.clone(),
            board: board.clone(),
            clock,
            pool: Arc::new(bench.clone()),
            watcher: watcher.clone(),
            surroundings: Surroundings::new(Vec::new(), Timing::default(), clock),
            rules: traffic::Rules { backoff, broken_max: 5, blocked: Duration::from_secs(1800) },
            describing: Arc::new(Semaphore::new(traffic_manager::DESCRIBING_MAX)),
        });
        let parts = device_manager::Parts {
            store: shared.clone(),
            board: board.clone(),
            clock,
            traffic: traffic.clone(),
            grace: Duration::from_secs(30),
        };
        let devices = DeviceManager::new(parts, fleet).start();
        let front = Front::new(shared, documents, board.clone(), jobs.clone(), devices.clone());
        let world = World {
            store,
            board,
            front,
            bench,
            jobs,
            devices,
            watcher,
            parts: traffic,
            beats,

            clock,
            _files: files,
        };
        pass(SHORT).await;
        world
    }

    /// A small job to this printer, as a request under way.
    pub fn submission(&self, printer: u32) -> Answer<Accepted> {
        let request = request(printer);
        self.front.submit(None, request, vec![document()], None)
    }

    /// That job, accepted, and what follows from it at once.
    pub async fn submit(&self, printer: u32) -> JobId {
        let id = self.submission(printer).await.unwrap().job.id;
        pass(SHORT).await;
        id
    }

    pub async fn command(&self, printer: u32, command: PrinterCommand) {
        self.front.printer_command(name(&format!("p{printer}")), command).await.unwrap();
        pass(SHORT).await;
    }

    pub fn job(&self, id: JobId) -> Job {
        self.store.read(|rows| read::job(rows, id)).unwrap().expect("it is there")
    }

    pub fn status(&self, id: JobId) -> JobStatus {
        self.job(id).status
    }

    pub fn timeline(&self, id: JobId) -> Vec<Entry> {
        self.store.read(|rows| read::timeline(rows, id, 0, 1000)).unwrap()
    }

    pub fn live(&self, printer: u32) -> PrinterLive {
        self.board.live(PrinterId(printer))
    }

    pub fn activity(&self, printer: u32) -> Activity {
        self.live(printer).activity
    }

    pub fn traffic(&self, printer: u32) -> Addr<TrafficManager> {
        self.board.traffic(PrinterId(printer)).expect("it runs").address
    }

    /// Makes durable all that waits to be, until nothing does.
    pub async fn sync_all(&self) {
        while self.store.sync_next(Heard::Given).is_some() {
            pass(SHORT).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let mixed = self.bench.1.load(Ordering::Relaxed);
        assert!(!mixed || std::thread::panicking(), "two connections to one printer at once");
    }
}

/// What the world has room for.
#[derive(Clone, Copy)]
pub struct Room {
    pub jobs: u64,
    pub free_disk_min: u64,
}

impl Default for Room {
    fn default() -> Room {
        Room { jobs: QUEUED_MAX, free_disk_min: 0 }
    }
}

pub fn submitter() -> Submitter {
    Submitter { user: "ann".to_owned(), identity: Identity::Claimed }
}

pub fn request(printer: u32) -> JobRequest {
    JobRequest {
        queue: Some(name(&format!("p{printer}"))),
        submitter: submitter(),
        title: None,
        options: Options::default(),
        priority: Priority::DEFAULT,
        arrival: Arrival::Print,
        control_hash: None,
    }
}

pub fn document() -> Handed {
    let body = Bytes::from_static(b"body");
    Handed::Inline { name: "d".to_owned(), format: Format::Text, crc: crc32c::crc32c(&body), body }
}

/// Makes an actor panic.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Fall;

impl Handler<Fall> for TrafficManager {
    type Result = ();

    #[allow(clippy::panic, reason = "that is what it is for")]
    fn handle(&mut self, _: Fall, _: &mut Self::Context) {
        panic!("it falls, as the test wants");
    }
}

/// Keeps an actor from its mailbox until its sender is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Doze(pub oneshot::Receiver<()>);

impl Handler<Doze> for TrafficManager {
    type Result = ();

    fn handle(&mut self, msg: Doze, ctx: &mut Self::Context) {
        ctx.wait(msg.0.into_actor(self).map(|_, _, _| ()));
    }
}

impl Handler<Doze> for JobManager {
    type Result = ();

    fn handle(&mut self, msg: Doze, ctx: &mut Self::Context) {
        ctx.wait(msg.0.into_actor(self).map(|_, _, _| ()));
    }
}

/// Fills a place in a mailbox and says nothing.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Chaff;

impl Handler<Chaff> for TrafficManager {
    type Result = ();

    fn handle(&mut self, _: Chaff, _: &mut Self::Context) {}
}

impl Handler<Chaff> for JobManager {
    type Result = ();

    fn handle(&mut self, _: Chaff, _: &mut Self::Context) {}
}

/// Keeps an actor from its mailbox, and fills that. Dropping what this answers wakes it.
pub async fn doze<A>(address: &Addr<A>) -> oneshot::Sender<()>
where
    A: Actor<Context = Context<A>> + Handler<Doze> + Handler<Chaff>,
{
    let (wake, woken) = oneshot::channel();
    assert!(address.try_send(Doze(woken)).is_ok());
    pass(SHORT).await;
    while address.try_send(Chaff).is_ok() {}
    wake
}
