//! The threads that send, with real threads.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::io::{Cursor, Read};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use spool::actors::worker::{Attempt, NotTaken, PoolSize, PrintPool, Running, Shut, Stopped};
use spool::clock::Clock;
use spool::device::{
    self, Confirmation, JobTag, Link, LinkError, Pulse, Shutter, Surroundings, Target, Timing,
};
use spool::model::id::{AcceptedSeq, Generation, JobId, PrinterId};
use spool::model::job::DoneHow;
use spool::model::liveness::{Beat, Stage};
use spool::model::options::Options;
use spool::model::outcome::Outcome;
use spool::model::retry::{Broken, Whole};
use spool::model::time::WallTime;
use spool::printing::{Load, Part};
use support::printer::{PATIENCE, spawn};

const SHORT: Duration = Duration::from_millis(20);

struct Bench {
    pool: PrintPool,
    beats: Receiver<Beat>,
    told_in: Sender<Generation>,
    told: Receiver<Generation>,
}

fn bench(threads: usize, waiting: usize) -> Bench {
    let (beats_in, beats) = bounded(64);
    let (told_in, told) = unbounded();
    let pool = PrintPool::new(PoolSize { threads, waiting }, Clock::machine(), beats_in);
    Bench { pool, beats, told_in, told }
}

impl Bench {
    fn attempt(&self, n: u64, link: Box<dyn Link>) -> Attempt {
        let told = self.told_in.clone();
        Attempt {
            printer: PrinterId(n as u32),
            job: JobId(n as u32),
            generation: Generation(n),
            link,
            tag: tag(n),
            load: Load::Whole { parts: vec![part(b"body")], copies: 1 },
            notify: Box::new(move |generation| told.send(generation).unwrap()),
        }
    }

    fn start(&self, n: u64, link: Box<dyn Link>) -> Running {
        self.pool.start(self.attempt(n, link)).expect("the attempt is taken")
    }

    fn told(&self) -> Generation {
        self.told.recv_timeout(PATIENCE).expect("an outcome is told")
    }

    /// Waits for a beat of that attempt.
    fn beat(&self, n: u64) -> Beat {
        loop {
            let beat = self.beats.recv_timeout(PATIENCE).expect("a beat comes");
            if beat.generation == Generation(n) {
                return beat;
            }
        }
    }
}

fn tag(n: u64) -> JobTag {
    JobTag {
        id: JobId(n as u32),
        created_at: WallTime(0),
        accepted: AcceptedSeq(n),
        attempt: (1, Generation(n)),
        title: "t".to_owned(),
        user: "u".to_owned(),
        handle: None,
        extension: "prn",
        documents: Vec::new(),
        options: Options::default(),
        bytes_total: 4,
        closes: Confirmation::Close,
    }
}

fn part(body: &'static [u8]) -> Part {
    Part {
        open: Box::new(move || Ok(Box::new(Cursor::new(body)) as Box<dyn Read + Send>)),
        bytes: body.len() as u64,
        crc: crc32c::crc32c(body),
    }
}

fn sim(uri: &str) -> Arc<dyn Target> {
    let there = Surroundings::new(Vec::new(), Timing::default(), Clock::machine());
    device::parse(uri, &there).unwrap()
}

fn link(target: &dyn Target) -> Box<dyn Link> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(target.open()).unwrap()
}

const DONE: Outcome = Outcome::Done { how: DoneHow::PeerClosed, bytes: 4 };
const NEVER_BEGUN: Outcome = Outcome::Aborted { whole: Whole::No, bytes: 0 };

/// A link that nobody can shut: it hangs in `finish` until the test lets go of it.
struct Unshuttable(mpsc::Receiver<()>);

impl Link for Unshuttable {
    fn shutter(&self) -> Option<Arc<dyn Shutter>> {
        None
    }
    fn begin(&mut self, _tag: &JobTag, _pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        Ok(())
    }
    fn write(&mut self, _bytes: &[u8], _pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        Ok(())
    }
    fn finish(self: Box<Self>, _pulse: &mut dyn Pulse) -> Result<DoneHow, LinkError> {
        let _ = self.0.recv();
        Ok(DoneHow::PeerClosed)
    }
}

#[test]
fn threads_are_reused_and_outcomes_kept_until_taken() {
    let bench = bench(4, 10);
    let target = sim("sim:");
    let mut attempts = Vec::new();
    for n in 1..=5 {
        attempts.push(bench.start(n, link(&*target)));
        assert_eq!(bench.told(), Generation(n));
    }
    // One after the other: at most one more thread than needed, made while the last one was about to be idle.
    assert!(bench.pool.threads() <= 2, "{} threads", bench.pool.threads());
    for running in &attempts {
        assert_eq!(running.report(), Some(DONE));
        assert_eq!(running.report(), Some(DONE), "it stays until it is decided on");
    }
    let first = bench.beat(1);
    assert_eq!((&*first.worker, first.stage, first.job), ("print-0", Stage::Sending, JobId(1)));
    assert_eq!(bench.pool.stop(PATIENCE), Stopped { remaining: 0 });
    assert_eq!(bench.pool.threads(), 0);
}

#[test]
fn a_panic_is_an_outcome_and_the_thread_lives_on() {
    let bench = bench(1, 10);
    let target = sim("sim:?fail=panic@1");
    let first = bench.start(1, link(&*target));
    bench.told();
    let broken = Outcome::Broken { broken: Broken::WorkerPanic, whole: Whole::No, bytes: 0 };
    assert_eq!(first.report(), Some(broken));
    let second = bench.start(2, link(&*target));
    bench.told();
    assert_eq!(second.report(), Some(DONE));
    assert_eq!(bench.pool.threads(), 1);
    bench.pool.stop(PATIENCE);
}

#[test]
fn a_notifier_that_panics_loses_nothing() {
    let bench = bench(1, 10);
    let target = sim("sim:");
    let panics = Attempt { notify: Box::new(|_| panic!("on plan")), ..bench.attempt(1, link(&*target)) };
    let first = bench.pool.start(panics).unwrap();
    let second = bench.start(2, link(&*target));
    bench.told();
    assert_eq!(first.report(), Some(DONE));
    assert_eq!(second.report(), Some(DONE));
    bench.pool.stop(PATIENCE);
}

#[test]
fn beats_that_nobody_takes_stop_nothing() {
    let (beats_in, _beats) = bounded(1);
    let size = PoolSize { threads: 1, waiting: 10 };
    let bench = Bench { pool: PrintPool::new(size, Clock::machine(), beats_in), ..bench(1, 1) };
    let target = sim("sim:");
    for n in 1..=20 {
        let running = bench.start(n, link(&*target));
        bench.told();
        assert_eq!(running.report(), Some(DONE));
    }
    bench.pool.stop(PATIENCE);
}

#[test]
fn a_full_pool_lets_wait_in_order_and_then_refuses() {
    let bench = bench(1, 2);
    let (stalls, quick) = (sim("sim:?fail=stall@1&recover=1000s"), sim("sim:"));
    let first = bench.start(1, link(&*stalls));
    bench.beat(1);
    let second = bench.start(2, link(&*quick));
    let third = bench.start(3, link(&*quick));
    let fourth = bench.pool.start(bench.attempt(4, link(&*quick)));
    assert!(matches!(fourth, Err(NotTaken::Full(attempt)) if attempt.generation == Generation(4)));
    assert_eq!(second.report(), None);
    assert_eq!(bench.pool.threads(), 1);
    assert_eq!(first.shut(), Shut::Done);
    assert_eq!([bench.told(), bench.told(), bench.told()], [1, 2, 3].map(Generation));
    assert_eq!(first.report(), Some(Outcome::Aborted { whole: Whole::No, bytes: 4 }));
    assert_eq!(third.report(), Some(DONE));
    bench.pool.stop(PATIENCE);
}

#[test]
fn an_attempt_that_waits_can_be_aborted() {
    let bench = bench(1, 2);
    let first = bench.start(1, link(&*sim("sim:?fail=stall@1&recover=1000s")));
    bench.beat(1);
    let second = bench.start(2, link(&*sim("sim:")));
    second.abort();
    first.shut();
    bench.told();
    bench.told();
    assert_eq!(second.report(), Some(NEVER_BEGUN));
    bench.pool.stop(PATIENCE);
}

#[test]
fn an_attempt_that_waits_can_be_taken_back_at_once() {
    let bench = bench(1, 10);
    let (stalls, quick) = (sim("sim:?fail=stall@1&recover=1000s"), sim("sim:"));
    let first = bench.start(1, link(&*stalls));
    bench.beat(1);
    let (second, third) = (bench.start(2, link(&*quick)), bench.start(3, link(&*quick)));
    bench.pool.take_back(&second);
    assert_eq!(bench.told(), Generation(2));
    assert_eq!(second.report(), Some(NEVER_BEGUN));
    // Neither one that has begun nor one that was taken back already.
    bench.pool.take_back(&first);
    bench.pool.take_back(&second);
    first.shut();
    assert_eq!((bench.told(), bench.told()), (Generation(1), Generation(3)));
    assert_eq!((second.report(), third.report()), (Some(NEVER_BEGUN), Some(DONE)));
    bench.pool.stop(PATIENCE);
}

#[test]
fn a_stop_ends_what_hangs_and_reports_what_waits() {
    let bench = bench(1, 2);
    let first = bench.start(1, link(&*sim("sim:?fail=stall@1&recover=1000s")));
    bench.beat(1);
    let second = bench.start(2, link(&*sim("sim:")));
    assert_eq!(bench.pool.stop(SHORT), Stopped { remaining: 0 });
    assert_eq!(first.report(), Some(Outcome::Aborted { whole: Whole::No, bytes: 4 }));
    assert_eq!(second.report(), Some(NEVER_BEGUN));
    assert_eq!(bench.pool.stop(SHORT), Stopped { remaining: 0 }, "again");
    let late = bench.pool.start(bench.attempt(3, link(&*sim("sim:"))));
    assert!(matches!(late, Err(NotTaken::Stopping(_))));
}

#[test]
fn a_stop_tells_of_threads_that_cannot_be_ended() {
    let bench = bench(1, 1);
    let (let_go, hang) = mpsc::channel();
    let running = bench.start(1, Box::new(Unshuttable(hang)));
    bench.beat(1);
    assert_eq!(running.shut(), Shut::CannotBe);
    assert_eq!(bench.pool.stop(SHORT), Stopped { remaining: 1 });
    drop(let_go);
    bench.told();
    assert_eq!(bench.pool.stop(PATIENCE), Stopped { remaining: 0 });
    assert_eq!(running.report(), Some(DONE), "its word counts, however late");
}

#[test]
fn starts_and_stops_from_all_sides_end_well() {
    for _ in 0..20 {
        let bench = Arc::new(bench(3, 100));
        let target = sim("sim:");
        let starter = |k: u64| {
            let (bench, target) = (bench.clone(), target.clone());
            let (taken_in, taken) = unbounded();
            spawn("starter", move || {
                let started =
                    (0..20).filter_map(|n| bench.pool.start(bench.attempt(k * 100 + n, link(&*target))).ok());
                let _ = taken_in.send(started.collect::<Vec<_>>());
            });
            taken
        };
        let starters = [0, 1, 2, 3].map(starter);
        let stopper = bench.clone();
        let stopping = spawn("stopper", move || {
            assert_eq!(stopper.pool.stop(PATIENCE), Stopped { remaining: 0 });
        });
        assert_eq!(bench.pool.stop(PATIENCE), Stopped { remaining: 0 });
        stopping.join().unwrap();
        for taken in starters {
            for running in taken.recv_timeout(PATIENCE).unwrap() {
                let outcome = running.report();
                assert!(
                    matches!(&outcome, Some(outcome) if [DONE, NEVER_BEGUN].contains(outcome)),
                    "{outcome:?}"
                );
            }
        }
        assert_eq!(bench.pool.threads(), 0);
    }
}
