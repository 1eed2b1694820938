//! Very many jobs that wait: what they cost those that come, those that look, and the next start.

use std::time::{Duration, Instant};

use super::Bench;
use super::load;
use super::peer::{ANY_JOBS, Peer, Plan, Then, Who};
use super::report::{Both, Target, percentile_ms};
use super::request::List;
use super::sink::{Sink, uris};

const BODY: &[u8] = &[b'x'; 1000];
/// Accepted one after the other, to see how long that takes; so many that the pauses which come every few seconds
/// are among them.
const SAMPLES: usize = 5000;
/// In turns of so many.
const BLOCK: usize = 250;
const LISTS: usize = 100;
const FILLERS: usize = 64;
/// More than there will be.
const LIMITS: &str = "[limits]\nqueued_jobs = 2_000_000\n";

const SLOWER_MAX: f64 = 1.3;
const STALL_MS_MAX: f64 = 50.0;
const LIST_MS_MAX: f64 = 5.0;

struct Held {
    empty: Vec<Duration>,
    filled: Duration,
    full: Vec<Duration>,
    lists: Vec<Duration>,
    /// Resident, in MB.
    memory: f64,
    start: Duration,
}

pub fn fifty_thousand(bench: &mut Bench) {
    let both = bench.alternating(1, |who| hold(who, 50_000));
    report(bench, "e-held-50k", both, 1.0, Target::Shown);
}

/// Without CUPS, which would need hours.
pub fn million(bench: &mut Bench) {
    let both = Both { spool: vec![hold(Who::Spool, 1_000_000)], cups: None };
    report(bench, "e-held-1m", both, 3.0, Target::AtMost(400.0));
}

fn hold(who: Who, jobs: usize) -> Held {
    let sinks = [Sink::start()];
    let plan =
        Plan { printers: &uris(&sinks), spool_settings: LIMITS, cups_settings: ANY_JOBS, ..Plan::default() };
    let mut peer = plan.start(who);
    let filled = load::submit(&peer, FILLERS, jobs, 1, Then::Hold, BODY).took;
    let (empty, full) = beside(&plan.start(who), &peer);
    let lists = load::ask(&peer, &peer.list(List::Jobs), LISTS);
    let memory = peer.meter().memory_peak() as f64 / 1e6;
    peer.stop();
    let began = Instant::now();
    peer.run_again();
    Held { empty, filled, full, lists, memory, start: began.elapsed() }
}

/// How long acceptances take at a server without jobs and at a full one, in turn, so that a busy neighbour disturbs
/// both.
fn beside(empty: &Peer, full: &Peer) -> (Vec<Duration>, Vec<Duration>) {
    let (mut of_empty, mut of_full) = (Vec::new(), Vec::new());
    while of_full.len() < SAMPLES {
        of_empty.extend(load::submit(empty, 1, BLOCK, 1, Then::Hold, BODY).times);
        of_full.extend(load::submit(full, 1, BLOCK, 1, Then::Hold, BODY).times);
    }
    (of_empty, of_full)
}

fn report(bench: &mut Bench, name: &str, both: Both<Vec<Held>>, start_s: f64, memory: Target) {
    let median_ms = |times: &[Duration]| percentile_ms(times, 0.5);
    let mut row = |what: &str, unit, figure: &dyn Fn(&Held) -> f64, target| {
        bench.report.add(format!("{name} {what}"), unit, both.map(|rounds| figure(&rounds[0])), target);
    };
    row("filled in", "s", &|held| held.filled.as_secs_f64(), Target::Shown);
    row("accepted, empty, p50", "ms", &|held| median_ms(&held.empty), Target::Shown);
    row("accepted, full, p50", "ms", &|held| median_ms(&held.full), Target::Shown);
    let slower = |held: &Held| median_ms(&held.full) / median_ms(&held.empty);
    row("full to empty", "times", &slower, Target::AtMost(SLOWER_MAX));
    row("longest stall", "ms", &|held| percentile_ms(&held.full, 1.0), Target::AtMost(STALL_MS_MAX));
    row("page of 100 p99", "ms", &|held| percentile_ms(&held.lists, 0.99), Target::AtMost(LIST_MS_MAX));
    row("memory", "MB", &|held| held.memory, memory);
    row("start again", "s", &|held| held.start.as_secs_f64(), Target::AtMost(start_s));
}
