//! Whether what a server takes of its machine stays what it is.

use std::path::Path;

use super::support::meter::Meter;

/// What a server takes at one moment; sizes in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Jobs that have ended so far.
    pub jobs: u64,
    /// Events that are kept for readers that come back: more with every commit, until there are `EVENTS_KEPT`.
    pub events: u64,
    pub memory: u64,
    pub files: u64,
    pub threads: u64,
    pub documents: u64,
    pub index: u64,
    pub journal: u64,
}

impl Sample {
    pub fn take(process: Meter, state: &Path, (jobs, events): (u64, u64)) -> Sample {
        Sample {
            jobs,
            events,
            memory: process.memory(),
            files: process.open_files() as u64,
            threads: process.threads() as u64,
            documents: size(&state.join("documents")),
            index: size(&state.join("sled")),
            journal: size(&state.join("journal")),
        }
    }
}

/// The bytes of all files below a directory, as they lie on disk. One may go while they are counted.
pub fn size(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path()),
            Ok(found) => found.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Of so many samples one is lower.
const LOW: usize = 10;

/// After so many jobs nothing fills up any more.
const WARM_JOBS: u64 = 10_000;

/// Something that is measured, and how much more of it there may be in the last quarter than in the second.
pub struct Bound {
    pub name: &'static str,
    pub of: fn(&Sample) -> u64,
    /// What comes and goes.
    pub noise: u64,
    /// As much again may come as long as caches fill.
    pub warming: u64,
    /// More for each job that has ended between, in thousandths: what is kept of each would be seen.
    pub each_job_milli: u64,
    /// More for each event that is kept.
    pub each_event: u64,
}

/// Says of each whether it is flat: what there is nearly always in the last quarter against the same in the second. What
/// comes and goes by the load of the machine is above it; what is left behind lifts it. The first quarter is left out,
/// in which caches fill.
pub fn check(samples: &[Sample], bounds: &[Bound]) {
    let quarter = samples.len() / 4;
    assert!(quarter > 0, "too short: {samples:?}");
    let (early, late) = (&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]);
    let between = |of: fn(&Sample) -> u64| low(late, of) - low(early, of);
    let is_warm = low(early, |sample| sample.jobs) >= WARM_JOBS;
    let (jobs, events) = (between(|sample| sample.jobs), between(|sample| sample.events));
    let mut grown = Vec::new();
    for Bound { name, of, noise, warming, each_job_milli, each_event } in bounds {
        let noise = noise + if is_warm { 0 } else { *warming };
        let (before, after) = (low(early, of), low(late, of));
        let most = before + noise + jobs * each_job_milli / 1000 + events * each_event;
        println!(
            "{name}: {before}, later {after}, of at most {most}; {jobs} jobs and {events} events between"
        );
        if after > most {
            grown.push(*name);
        }
    }
    assert!(grown.is_empty(), "not flat over {jobs} jobs: {grown:?}; {samples:#?}");
}

fn low(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(of).collect();
    values.sort_unstable();
    values[values.len() / LOW]
}

const MEMORY: Bound = Bound {
    name: "memory",
    of: |sample| sample.memory,
    noise: 1 << 20,
    warming: 8 << 20,
    each_job_milli: 512_000,
    each_event: 0,
};

fn run_that_keeps(each_job: u64) -> Vec<Sample> {
    // It comes and goes by half a megabyte, and caches fill at the beginning.
    let one = |n: u64| Sample {
        jobs: n * 1000,
        memory: (50 << 20) + (n.min(20) << 20) + (n % 2) * (512 << 10) + n * 1000 * each_job,
        ..Sample::default()
    };
    (0..100).map(one).collect()
}

#[test]
fn what_comes_and_goes_is_flat() {
    check(&run_that_keeps(0), &[MEMORY]);
}

#[test]
#[should_panic(expected = "not flat")]
fn what_is_allowed_to_caches_is_no_leave_for_leaks() {
    let cold: Vec<Sample> = run_that_keeps(1024).into_iter().take(20).collect();
    check(&cold, &[Bound { warming: 0, ..MEMORY }]);
}

#[test]
#[should_panic(expected = "not flat")]
fn a_kilobyte_a_job_is_a_leak() {
    check(&run_that_keeps(1024), &[MEMORY]);
}
