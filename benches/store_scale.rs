//! The store with very many waiting jobs: how long an acceptance and a page of a list take, how much memory, and how
//! long a start.
//!
//! `cargo bench --bench store_scale`. `STORE_SCALE_JOBS` says how many jobs (100,000; a million takes some minutes),
//! `STORE_SCALE_DIR` in which directory, `STORE_SCALE_BODY` how many bytes a document has (2,000).

#![allow(clippy::disallowed_methods, clippy::expect_used, reason = "a measurement uses the real clock")]

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use spool::model::commit::{Commit, NewDocument, Remove};
use spool::model::document::{BodyPlace, Document, Format};
use spool::model::event::{Entry, Source};
use spool::model::id::{AcceptedSeq, DocumentId, JobId, PrinterId, QueueId, QueueName, Revision};
use spool::model::job::{Identity, Job, JobStatus, Submitter};
use spool::model::time::WallTime;
use spool::store::embedded::{EmbeddedStore, Opened, Options};
use spool::store::state::State;
use spool::store::{JobsQuery, Store};
use tokio::runtime::Runtime;

const QUEUES: u32 = 100;
const UNDER_WAY: usize = 64;
const SAMPLES: usize = 200;

fn main() {
    let number =
        |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (jobs, body) = (number("STORE_SCALE_JOBS", 100_000_u32), number("STORE_SCALE_BODY", 2_000));
    let parent = std::env::var("STORE_SCALE_DIR").map_or_else(|_| std::env::temp_dir(), PathBuf::from);
    let directory = tempfile::tempdir_in(parent).expect("a directory");
    let path = directory.path().join("state");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let body = Bytes::from(vec![b'x'; body as usize]);

    let mut store = open(&path, "new");
    let churned = number("STORE_SCALE_CHURN", 0);
    if churned > 0 {
        return churn(&runtime, &store, churned, &body, &path);
    }
    let mut filled = 0;
    for goal in [100, jobs / 10, jobs] {
        fill(&runtime, &store, filled + 1..goal + 1, &body);
        filled = goal;
        measure(&runtime, &store, filled, &body);
        filled += SAMPLES as u32;
        store.close();
        drop(store);
        store = open(&path, "closed");
    }
    fill(&runtime, &store, filled + 1..filled + 20_001, &body);
    drop(store);
    drop(open(&path, "not closed"));
    println!("disk: journal {} MiB, sled {} MiB", size(&path.join("journal")), size(&path.join("sled")));
}

fn open(path: &Path, how: &str) -> EmbeddedStore {
    let state = State::open(path).expect("a state directory");
    let start = Instant::now();
    let Opened { store, replayed, .. } = EmbeddedStore::open(&state, Options::default()).expect("opens");
    println!("open ({how}): {:.0?}, {replayed} commits replayed, {}", start.elapsed(), memory());
    store
}

/// Keeps some commits under way, and says how the slowest of them fared.
fn fill(runtime: &Runtime, store: &EmbeddedStore, ids: std::ops::Range<u32>, body: &Bytes) {
    let (start, count) = (Instant::now(), ids.len());
    let mut waits = Vec::with_capacity(count);
    let mut under_way = VecDeque::new();
    let mut ids = ids.peekable();
    while ids.peek().is_some() || !under_way.is_empty() {
        while under_way.len() < UNDER_WAY
            && let Some(id) = ids.next()
        {
            under_way.push_back((Instant::now(), store.commit(accept(id, body))));
        }
        if let Some((begun, answer)) = under_way.pop_front() {
            runtime.block_on(answer).expect("there is room");
            waits.push(begun.elapsed());
        }
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!("{count} jobs, {UNDER_WAY} at once: {rate:.0}/s, {}, {}", percentiles(waits), memory());
}

/// Jobs come, are printed, and are purged when 900 others have come.
fn churn(runtime: &Runtime, store: &EmbeddedStore, jobs: u32, body: &Bytes, path: &Path) {
    const KEPT: u32 = 900;
    const STEPS: u32 = 20;
    for step in 0..STEPS {
        let start = Instant::now();
        let ids = step * jobs / STEPS + 1..(step + 1) * jobs / STEPS + 1;
        for first in ids.clone().step_by(UNDER_WAY) {
            let ids = first..(first + UNDER_WAY as u32).min(ids.end);
            all(runtime, store, ids.clone().map(|id| accept(id, body)));
            all(runtime, store, ids.clone().map(|id| attempt(id, body)));
            all(runtime, store, ids.clone().map(|id| complete(id, body)));
            all(runtime, store, ids.filter_map(|id| id.checked_sub(KEPT)).filter(|id| *id > 0).map(purge));
        }
        let (journal, sled) = (size(&path.join("journal")), size(&path.join("sled")));
        let rate = ids.len() as f64 / start.elapsed().as_secs_f64();
        println!("{} jobs: {rate:.0}/s, journal {journal} MiB, sled {sled} MiB, {}", ids.end - 1, memory());
    }
}

fn all(runtime: &Runtime, store: &EmbeddedStore, commits: impl Iterator<Item = Commit>) {
    let under_way: Vec<_> = commits.map(|commit| store.commit(commit)).collect();
    for answer in under_way {
        runtime.block_on(answer).expect("committed");
    }
}

/// A job's later commits: its record anew, and an entry.
fn change(id: u32, body: &Bytes, entry: u32, change: impl FnOnce(&mut Job)) -> Commit {
    let mut commit = accept(id, body);
    let job = &mut commit.jobs[0];
    job.entries = entry;
    job.revision = Revision(u64::from(entry) - 1);
    change(job);
    let entry = Entry { seq: entry, ..accepted(job) };
    Commit { expect: Vec::new(), jobs: commit.jobs, timeline: vec![entry], ..Commit::default() }
}

fn attempt(id: u32, body: &Bytes) -> Commit {
    change(id, body, 2, |job| job.status = JobStatus::Transmitting)
}

fn complete(id: u32, body: &Bytes) -> Commit {
    change(id, body, 3, |job| {
        job.status = JobStatus::Completed;
        job.finished_at = Some(job.created_at);
    })
}

fn purge(id: u32) -> Commit {
    let remove = vec![Remove::Document(DocumentId(id.into())), Remove::Job(JobId(id))];
    Commit { remove, ..Commit::default() }
}

fn measure(runtime: &Runtime, store: &EmbeddedStore, jobs: u32, body: &Bytes) {
    let time = |work: &mut dyn FnMut(u32)| {
        percentiles(
            (0..SAMPLES as u32)
                .map(|n| {
                    let start = Instant::now();
                    work(n);
                    start.elapsed()
                })
                .collect(),
        )
    };
    println!("with {jobs} jobs waiting:");
    let ack = time(&mut |n| {
        runtime.block_on(store.commit(accept(jobs + 1 + n, body))).expect("there is room");
    });
    let query = |before| JobsQuery { limit: 100, before, ..JobsQuery::default() };
    let newest = time(&mut |_| {
        assert!(!runtime.block_on(store.jobs(query(None))).expect("readable").rows.is_empty());
    });
    let anywhere = time(&mut |n| {
        let before = JobId(jobs / SAMPLES as u32 * n + 101);
        runtime.block_on(store.jobs(query(Some(before)))).expect("readable");
    });
    let of_queue = time(&mut |n| {
        let queue = Some(queue(n));
        runtime.block_on(store.jobs(JobsQuery { queue, ..query(None) })).expect("readable");
    });
    let head = time(&mut |n| {
        runtime.block_on(store.head(vec![queue(n)], None, 64)).expect("readable");
    });
    let job = time(&mut |n| {
        runtime.block_on(store.job(JobId(jobs / SAMPLES as u32 * n + 1))).expect("readable");
    });
    for (what, figures) in [
        ("accept, one at a time", ack),
        ("100 newest jobs", newest),
        ("100 jobs anywhere", anywhere),
        ("100 jobs of a queue", of_queue),
        ("head of a queue, 64", head),
        ("one job", job),
    ] {
        println!("  {what}: {figures}");
    }
}

fn percentiles(mut waits: Vec<Duration>) -> String {
    waits.sort();
    let at = |n: usize| waits.get(waits.len() * n / 100).or(waits.last()).copied().unwrap_or_default();
    format!("p50 {:.2?}, p99 {:.2?}, longest {:.2?}", at(50), at(99), at(100))
}

fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: u64 = kib.trim().trim_end_matches(" kB").parse().unwrap_or_default();
    format!("RSS {} MiB", kib / 1024)
}

fn size(directory: &Path) -> u64 {
    let files = fs::read_dir(directory).expect("a directory").flatten();
    files.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum::<u64>() >> 20
}

fn queue(n: u32) -> QueueId {
    QueueId::Printer(PrinterId(n % QUEUES + 1))
}

fn accept(id: u32, body: &Bytes) -> Commit {
    let submitter = Submitter { user: format!("user {}", id % 1000), identity: Identity::Claimed };
    let document = Document {
        id: DocumentId(id.into()),
        submitter: submitter.clone(),
        name: "Monthly report.pdf".to_owned(),
        format: Format::Pdf,
        bytes: body.len() as u64,
        crc: 0,
        place: BodyPlace::Inline,
        created_at: WallTime(1_767_225_600_000 + u64::from(id)),
    };
    let job = job(id, submitter, &document);
    Commit {
        expect: vec![(JobId(id), Revision(0))],
        timeline: vec![accepted(&job)],
        jobs: vec![job],
        documents: vec![NewDocument { document, body: Some(body.clone()) }],
        ..Commit::default()
    }
}

fn job(id: u32, submitter: Submitter, document: &Document) -> Job {
    let queue = (queue(id), QueueName::new("office").expect("a name"));
    Job {
        title: "Monthly report".to_owned(),
        documents: vec![document.into()],
        entries: 1,
        ..Job::new(JobId(id), queue, submitter, AcceptedSeq(id.into()), document.created_at)
    }
}

fn accepted(job: &Job) -> Entry {
    Entry {
        job: job.id,
        seq: 1,
        at: job.created_at,
        source: Source::User,
        kind: "accepted".into(),
        from: None,
        to: job.status,
        reason: None,
        message: "accepted".to_owned(),
        attempt: 0,
        printer: None,
        next_at: None,
    }
}
