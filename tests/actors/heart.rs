//! The whole core in motion, with real threads and in real time: it starts, prints, stops, and leaves
//! nothing behind.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use spool::actors::front::Core;
use spool::app::heart::{Ground, Heart};
use spool::clock::Clock;
use spool::config::Config;
use spool::device::{Surroundings, Timing};
use spool::model::document::{Format, INLINE_BYTES_MAX};
use spool::model::id::{DocumentId, JobId};
use spool::model::intake::Handed;
use spool::model::job::{Job, JobStatus};
use spool::store::Store;
use spool::store::documents::{Documents, SmallBodies};
use spool::store::memory::MemoryStore;
use spool::store::read;

use crate::world::{printer, request};

/// How long a test waits for anything: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(30);
const ROUNDS: usize = 20;
const FAST: u32 = 1;
/// A job takes a minute there.
const SLOW: u32 = 2;

/// Print threads are counted over the whole process.
static ALONE: Mutex<()> = Mutex::new(());

struct Bodies(MemoryStore);

impl SmallBodies for Bodies {
    fn read(&self, id: DocumentId) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.body(id).map(|body| body.to_vec()))
    }
}

struct Life {
    heart: Heart,
    store: MemoryStore,
    _files: tempfile::TempDir,
}

async fn start(store: MemoryStore) -> Life {
    let files = tempfile::tempdir().unwrap();
    let documents = Documents::new(files.path().to_owned(), Arc::new(Bodies(store.clone()))).unwrap();
    let timing = Timing { beat: Duration::from_millis(20), ..Timing::default() };
    let (clock, printers) = (Clock::machine(), vec![printer(FAST, "sim:"), printer(SLOW, "sim:?ppm=1")]);
    let mut config = Config { printers, ..Config::default() };
    config.limits.free_disk = 0;
    let ground = Ground {
        store: Arc::new(store.clone()),
        documents,
        surroundings: Surroundings::new(Vec::new(), timing, clock),
        clock,
        printed: files.path().to_owned(),
    };
    Life { heart: Heart::start(&config, ground).await.unwrap(), store, _files: files }
}

impl Life {
    async fn submit(&self, printer: u32) -> JobId {
        let body = Bytes::from(vec![7; INLINE_BYTES_MAX as usize]);
        let document =
            Handed::Inline { name: "d".to_owned(), format: Format::Text, crc: crc32c::crc32c(&body), body };
        self.heart.front.submit(None, request(printer), vec![document], None).await.unwrap().job.id
    }

    fn job(&self, id: JobId) -> Job {
        self.store.read(|rows| read::job(rows, id)).unwrap().expect("it is there")
    }

    async fn reaches(&self, id: JobId, status: JobStatus) {
        let mut changes = self.store.changes();
        let reached = async {
            while self.job(id).status != status {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{:?}", self.job(id)));
    }
}

/// Names of the print threads of this process. A thread that has told its end may still be listed for a
/// moment: it is waited for.
fn print_threads_left() -> Vec<String> {
    let clock = Clock::machine();
    let begun = clock.now().mono;
    loop {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        let left: Vec<String> = names.filter(|name| name.starts_with("print-")).collect();
        if left.is_empty() || clock.now().mono.since(begun) > PATIENCE {
            return left;
        }
        std::thread::yield_now();
    }
}

fn alone(test: impl Future<Output = ()>) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    actix_rt::System::new().block_on(test);
    assert_eq!(print_threads_left(), [] as [String; 0]);
}

#[test]
fn it_starts_and_stops_twenty_times_and_leaves_no_thread() {
    alone(async {
        let store = MemoryStore::new();
        for round in 0..ROUNDS {
            let life = start(store.clone()).await;
            assert!(life.heart.beats());
            let jobs = [life.submit(FAST).await, life.submit(FAST).await, life.submit(FAST).await];
            if round % 2 == 0 {
                life.reaches(jobs[2], JobStatus::Completed).await;
            }
            life.heart.stop(PATIENCE).await;
            // What the stop has overtaken waits for the next life, and is never between the two.
            let rest = store.read(read::jobs_at_printers).unwrap();
            assert_eq!(rest, []);
        }
        let life = start(store).await;
        let last = life.submit(FAST).await;
        life.reaches(last, JobStatus::Completed).await;
        for id in 1..=last.0 {
            let job = life.store.read(|rows| read::job(rows, JobId(id))).unwrap();
            assert!(job.is_none_or(|job| job.status == JobStatus::Completed && job.attempts == 1));
        }
        life.heart.stop(PATIENCE).await;
    });
}

#[test]
fn it_stops_while_sending_and_says_what_became_of_the_job() {
    alone(async {
        for _ in 0..ROUNDS / 4 {
            let life = start(MemoryStore::new()).await;
            let (sending, behind) = (life.submit(SLOW).await, life.submit(SLOW).await);
            life.reaches(sending, JobStatus::Transmitting).await;
            let Life { heart, store, _files } = life;
            heart.stop(Duration::ZERO).await;
            let job = |id| store.read(|rows| read::job(rows, id)).unwrap().unwrap();
            assert_eq!((job(sending).status, job(behind).status), (JobStatus::Waiting, JobStatus::Waiting));
            // The next life goes on with it.
            let next = start(store.clone()).await;
            next.reaches(sending, JobStatus::Transmitting).await;
            next.heart.stop(Duration::ZERO).await;
        }
    });
}

#[test]
fn a_stop_right_after_the_start_is_a_stop() {
    alone(async {
        for _ in 0..ROUNDS / 4 {
            let life = start(MemoryStore::new()).await;
            life.heart.stop(PATIENCE).await;
        }
    });
}
