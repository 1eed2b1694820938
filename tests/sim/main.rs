//! The simulator: the real intake and traffic managers in a world where everything fails, and checkers that
//! look at each step. One seed is one world; a failing one is printed with the command that replays it.

mod checkers;
mod client;
mod disk;
mod doorstep;
mod faults;
mod printer;
mod process;
mod reroute;
mod shell;
mod talking;
mod trace;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use faults::Plant;
use world::World;

/// Seeds of each run, where `SPOOL_SEEDS` does not say otherwise.
const SEEDS: u64 = 500;
/// Within so many seeds each planted bug must be found.
const PLANTED_WITHIN: u64 = 200;
/// Seeds that once found something; they are run every time.
const KEPT: &str = include_str!("seeds.txt");

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs worlds on all processors; answers the first failing seed with what was wrong.
fn first_failure(seeds: &[u64], plant: Plant) -> Option<(u64, String)> {
    let (next, found) = (AtomicU64::new(0), Mutex::new(None::<(u64, String)>));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    if found.lock().expect("no thread panics with it").is_some() {
                        return;
                    }
                    if let Err(what) = live(*seed, plant) {
                        let mut found = found.lock().expect("no thread panics with it");
                        if found.as_ref().is_none_or(|(other, _)| seed < other) {
                            *found = Some((*seed, what));
                        }
                    }
                }
            });
        }
    });
    found.into_inner().expect("no thread panics with it")
}

/// One world from its beginning to its end; a panic of the model is a failure of its seed.
fn live(seed: u64, plant: Plant) -> Result<(), String> {
    let run = || World::new(seed, plant).run();
    std::panic::catch_unwind(run).unwrap_or_else(|_| Err("the model panicked; see above".to_owned()))
}

fn check(seeds: &[u64]) {
    if let Some((seed, what)) = first_failure(seeds, Plant::None) {
        panic!(
            "{what}\n\nseed {seed}; again with\n  SPOOL_SEED={seed} cargo test --test sim -- replay --nocapture\n"
        );
    }
}

#[test]
fn many_seeds() {
    let first = number("SPOOL_FIRST_SEED").unwrap_or(1);
    let seeds: Vec<u64> = (first..first + number("SPOOL_SEEDS").unwrap_or(SEEDS)).collect();
    check(&seeds);
}

#[test]
fn kept_seeds() {
    let kept: Vec<u64> =
        KEPT.lines().filter_map(|line| line.split('#').next()?.trim().parse().ok()).collect();
    check(&kept);
}

/// One world again, by its seed.
#[test]
fn replay() {
    if let Some(seed) = number("SPOOL_SEED") {
        check(&[seed]);
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 1..20 {
        let run = || World::new(seed, Plant::LateReportBelieved).run();
        assert_eq!(run(), run(), "seed {seed}");
    }
}

#[test]
fn planted_bugs_are_found() {
    let seeds: Vec<u64> = (1..=PLANTED_WITHIN).collect();
    for plant in [
        Plant::AckBeforeCommit,
        Plant::LateReportBelieved,
        Plant::LeftForgotten,
        Plant::OneMemberIsWoken,
        Plant::AgeIsLost,
        Plant::BegunHeardLate,
    ] {
        let Some((seed, what)) = first_failure(&seeds, plant) else {
            panic!("{plant:?} is not found within {PLANTED_WITHIN} seeds");
        };
        let sentence = what.rsplit("\n\n").next().and_then(|end| end.lines().next());
        println!("{plant:?} is found by seed {seed}: {}", sentence.unwrap_or_default());
    }
}
