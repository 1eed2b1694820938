//! Which design the store gets is decided by these figures, see `docs/adr/0001-journal-with-sled-as-index.md`.
//!
//! Jobs of 10 KB are accepted durably, by 1 and by 64 clients at once, in groups as they form:
//! - A: record, index keys and body in one journal frame, one `fdatasync` a group; sled follows without a flush and is
//!   made durable every second beside it.
//! - A2: as A, but the answers go before sled has followed, on a thread of its own (reads would need an overlay).
//! - J: the journal alone, as the upper bound of A and A2.
//! - B: bodies in append-only segment files with one `fdatasync` a group, record and index keys in sled alone, with its
//!   flush and one `fdatasync` a group (its own flush does not reach the disk on Linux).
//!
//! Runs for about a minute: `cargo bench --bench store_design`. `STORE_BENCH_DIR` names the directory to use.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a measurement uses the real clock and threads"
)]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use spool::store::journal::{Directory, FrameRef, Journal, Op, Options, Position};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const BODY_BYTES: usize = 10_240;
const RECORD_BYTES: usize = 300;
const INDEX_KEYS: usize = 5;
const GROUP_JOBS_MAX: usize = 256;
const GROUP_BYTES_MAX: usize = 1024 * 1024;
const BATCH_KEYS_MAX: usize = 64;
const ROUND: Duration = Duration::from_millis(2200);
const ROUNDS: usize = 3;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
const CLIENTS: [usize; 2] = [1, 64];
const DESIGNS: [&str; 4] = ["J", "A", "A2", "B"];
/// Groups that sled may be behind in design A2.
const GROUPS_BEHIND_MAX: usize = 4;

/// A job on its way to the store thread, and the way back for its answer.
struct Job {
    ops: Vec<Op>,
    body: Vec<u8>,
    done: Sender<()>,
}

fn job(id: u64, done: Sender<()>) -> Job {
    let mut ops = vec![Op { key: key(b'j', id), value: Some(vec![id as u8; RECORD_BYTES]) }];
    ops.extend(
        (0..INDEX_KEYS).map(|n| Op { key: key(b'0' + n as u8, id), value: Some(id.to_be_bytes().to_vec()) }),
    );
    let mut body = vec![0; BODY_BYTES];
    for (n, word) in body.chunks_mut(8).enumerate() {
        word.copy_from_slice(
            &id.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(n as u32 % 64).to_le_bytes(),
        );
    }
    Job { ops, body, done }
}

fn key(kind: u8, id: u64) -> Vec<u8> {
    let mut key = vec![kind, b'/'];
    key.extend_from_slice(b"queue-of-a-printer/");
    key.extend_from_slice(&id.to_be_bytes());
    key
}

trait Design: Send {
    fn commit(&mut self, group: &mut [Job]) -> Result<(), AnyError>;
}

fn open_sled(dir: &Path) -> Result<sled::Db, AnyError> {
    let db = sled::Config::new()
        .path(dir.join("sled"))
        .cache_capacity(128 * 1024 * 1024)
        .flush_every_ms(None)
        .mode(sled::Mode::LowSpace)
        .open()?;
    File::open(dir.join("sled"))?.sync_all()?;
    Ok(db)
}

/// As many batches as it takes; a job is never split.
fn apply<'a>(db: &sled::Db, jobs: impl Iterator<Item = &'a Vec<Op>>) -> sled::Result<()> {
    let mut jobs = jobs.peekable();
    while jobs.peek().is_some() {
        let mut batch = sled::Batch::default();
        for op in jobs.by_ref().take(BATCH_KEYS_MAX / (INDEX_KEYS + 1)).flatten() {
            match &op.value {
                Some(value) => batch.insert(&op.key[..], &value[..]),
                None => batch.remove(&op.key[..]),
            }
        }
        db.apply_batch(batch)?;
    }
    Ok(())
}

fn sync_sled(db: &sled::Db, dir: &Path) -> Result<(), AnyError> {
    db.flush()?;
    Ok(File::open(dir.join("sled/db"))?.sync_data()?)
}

/// How sled follows the journal.
enum Follow {
    Never,
    BeforeTheAnswer(sled::Db),
    After(Sender<Vec<Vec<Op>>>),
}

/// Designs J, A and A2.
struct JournalFirst {
    journal: Journal,
    follow: Follow,
    jobs: u64,
}

impl JournalFirst {
    fn open(dir: &Path, design: &str, stop: Arc<AtomicBool>) -> Result<Self, AnyError> {
        let files = Arc::new(Directory::new(dir)?);
        let (journal, _) = Journal::open(files, Options::default(), Position::START, &mut |_| Ok(()))?;
        let follow = match design {
            "J" => Follow::Never,
            "A" => Follow::BeforeTheAnswer(checkpointed_sled(dir, stop)?),
            _ => Follow::After(following_sled(checkpointed_sled(dir, stop)?)),
        };
        Ok(Self { journal, follow, jobs: 0 })
    }
}

fn checkpointed_sled(dir: &Path, stop: Arc<AtomicBool>) -> Result<sled::Db, AnyError> {
    let db = open_sled(dir)?;
    let (db_to_sync, dir) = (db.clone(), dir.to_owned());
    thread::spawn(move || {
        let mut last = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
            if last.elapsed() >= CHECKPOINT_EVERY {
                sync_sled(&db_to_sync, &dir).expect("checkpoint");
                last = Instant::now();
            }
        }
    });
    Ok(db)
}

fn following_sled(db: sled::Db) -> Sender<Vec<Vec<Op>>> {
    let (to_sled, groups) = bounded::<Vec<Vec<Op>>>(GROUPS_BEHIND_MAX);
    thread::spawn(move || {
        for group in groups {
            apply(&db, group.iter()).expect("apply");
        }
    });
    to_sled
}

impl Design for JournalFirst {
    fn commit(&mut self, group: &mut [Job]) -> Result<(), AnyError> {
        let bodies: Vec<[(u64, &[u8]); 1]> =
            group.iter().zip(self.jobs..).map(|(job, id)| [(id, &job.body[..])]).collect();
        let frames: Vec<FrameRef<'_>> =
            group.iter().zip(&bodies).map(|(job, bodies)| FrameRef { ops: &job.ops, bodies }).collect();
        self.journal.append_group(&frames)?;
        self.jobs += group.len() as u64;
        match &self.follow {
            Follow::Never => {}
            Follow::BeforeTheAnswer(db) => apply(db, group.iter().map(|job| &job.ops))?,
            Follow::After(to_sled) => {
                to_sled.send(group.iter_mut().map(|job| std::mem::take(&mut job.ops)).collect())?;
            }
        }
        Ok(())
    }
}

/// Design B.
struct SledAlone {
    bodies: File,
    db: sled::Db,
    dir: PathBuf,
}

impl SledAlone {
    fn open(dir: &Path) -> Result<Self, AnyError> {
        let bodies = OpenOptions::new().create(true).append(true).open(dir.join("bodies.seg"))?;
        Ok(Self { bodies, db: open_sled(dir)?, dir: dir.to_owned() })
    }
}

impl Design for SledAlone {
    fn commit(&mut self, group: &mut [Job]) -> Result<(), AnyError> {
        let bodies: Vec<&[u8]> = group.iter().map(|job| &job.body[..]).collect();
        let bytes = bodies.concat();
        std::hint::black_box(crc32c::crc32c(&bytes));
        self.bodies.write_all(&bytes)?;
        self.bodies.sync_data()?; // before the records: a record without its body would be a lost job
        apply(&self.db, group.iter().map(|job| &job.ops))?;
        sync_sled(&self.db, &self.dir)
    }
}

/// The store's thread: takes what is there, up to the group's limits, makes it durable, answers all.
fn store_thread(mut design: Box<dyn Design>, jobs: Receiver<Job>) {
    let mut group = Vec::new();
    while let Ok(first) = jobs.recv() {
        let mut bytes = first.body.len();
        group.push(first);
        while group.len() < GROUP_JOBS_MAX && bytes < GROUP_BYTES_MAX {
            let Ok(job) = jobs.try_recv() else { break };
            bytes += job.body.len();
            group.push(job);
        }
        design.commit(&mut group).expect("commit");
        for job in group.drain(..) {
            job.done.send(()).ok();
        }
    }
}

fn client(jobs: Sender<Job>, ids: Arc<AtomicU64>, until: Instant, latencies: Arc<Mutex<Vec<Duration>>>) {
    let (done, answer) = bounded(1);
    let mut mine = Vec::new();
    while Instant::now() < until {
        let job = job(ids.fetch_add(1, Ordering::Relaxed), done.clone());
        let sent = Instant::now();
        if jobs.send(job).is_err() || answer.recv().is_err() {
            break;
        }
        mine.push(sent.elapsed());
    }
    latencies.lock().expect("no client panics").extend(mine);
}

#[derive(Clone, Copy)]
struct Figures {
    per_second: f64,
    p50: Duration,
    p99: Duration,
    max: Duration,
}

fn round(design: Box<dyn Design>, clients: usize) -> Figures {
    let (to_store, jobs) = bounded(1024);
    let store = thread::spawn(move || store_thread(design, jobs));
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let ids = Arc::new(AtomicU64::new(1));
    let start = Instant::now();
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let (to_store, ids, latencies) = (to_store.clone(), Arc::clone(&ids), Arc::clone(&latencies));
            thread::spawn(move || client(to_store, ids, start + ROUND, latencies))
        })
        .collect();
    drop(to_store);
    for thread in threads {
        thread.join().expect("client");
    }
    let elapsed = start.elapsed();
    store.join().expect("store thread");
    let mut latencies = latencies.lock().expect("no client panics").clone();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    Figures {
        per_second: latencies.len() as f64 / elapsed.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
        max: at(1.0),
    }
}

/// One round in a directory of its own, so that no round pays for the one before.
fn measure(root: &Path, name: &str, clients: usize) -> Result<Figures, AnyError> {
    let dir = root.join("round");
    fs::create_dir_all(&dir)?;
    let stop = Arc::new(AtomicBool::new(false));
    let design: Box<dyn Design> = match name {
        "B" => Box::new(SledAlone::open(&dir)?),
        _ => Box::new(JournalFirst::open(&dir, name, Arc::clone(&stop))?),
    };
    let figures = round(design, clients);
    stop.store(true, Ordering::Relaxed);
    thread::sleep(Duration::from_millis(100));
    fs::remove_dir_all(&dir)?;
    Ok(figures)
}

fn median<T: PartialOrd + Copy>(rounds: &[Figures], of: impl Fn(&Figures) -> T) -> T {
    let mut values: Vec<T> = rounds.iter().map(of).collect();
    values.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    values[values.len() / 2]
}

fn cases() -> impl Iterator<Item = (usize, &'static str)> {
    CLIENTS.into_iter().flat_map(|clients| DESIGNS.map(|design| (clients, design)))
}

fn report(clients: usize, design: &str, rounds: &[Figures]) -> io::Result<()> {
    let rates: Vec<f64> = rounds.iter().map(|figures| figures.per_second).collect();
    let (low, high) = rates.iter().fold((f64::MAX, 0.0_f64), |(l, h), &r| (l.min(r), h.max(r)));
    let ms = |of: fn(&Figures) -> Duration| median(rounds, of).as_secs_f64() * 1000.0;
    writeln!(
        io::stdout(),
        "{clients:>7}  {design:<6} {:>9.0}  {:>13}  {:>7.2} {:>7.2} {:>7.1}",
        median(rounds, |figures| figures.per_second),
        format!("{low:.0}..{high:.0}"),
        ms(|figures| figures.p50),
        ms(|figures| figures.p99),
        ms(|figures| figures.max),
    )
}

fn main() -> Result<(), AnyError> {
    let root =
        std::env::var_os("STORE_BENCH_DIR").map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from);
    let root = root.join(format!("store-design-{}", std::process::id()));
    let mut seen: BTreeMap<(usize, &str), Vec<Figures>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (clients, design) in cases() {
            seen.entry((clients, design)).or_default().push(measure(&root, design, clients)?);
        }
    }
    fs::remove_dir_all(&root)?;
    writeln!(io::stdout(), "clients  design accepts/s       min..max   p50 ms  p99 ms  max ms")?;
    for (clients, design) in cases() {
        report(clients, design, &seen[&(clients, design)])?;
    }
    Ok(())
}
