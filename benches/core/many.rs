//! Very many printers: what they cost at the start, at rest, and when most of them are dead.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::meter::Meter;
use crate::support::sleeper::Sleeper;

use super::Bench;
use super::load;
use super::peer::{Plan, Queue, Then, Who};
use super::report::{Both, Target, percentile_ms};
use super::request::List;

const DEAD_OF: usize = 1000;
const LIVE: usize = 10;
const PAGES: usize = 100;
const PAGE_MS_MAX: f64 = 10.0;
/// Over which the use of the processor is measured.
const WATCHED: Duration = Duration::from_secs(20);
/// How long the server may need to find out who is dead, before it is measured: longer than a connection may take.
const SETTLED: Duration = Duration::from_secs(15);

struct Idle {
    started: Duration,
    started_again: Duration,
    pages: Vec<Duration>,
    cost: Cost,
}

/// At rest.
struct Cost {
    /// The most so far, in MB.
    memory: f64,
    /// Percent of one core.
    cpu: f64,
    threads: usize,
}

pub fn thousand(bench: &mut Bench) {
    let both = bench.alternating(1, |who| idle(who, 1000));
    report(bench, "h-idle-1k", both, (40.0, 0.2));
}

/// CUPS is not asked to do this.
pub fn ten_thousand(bench: &mut Bench) {
    let both = Both { spool: vec![idle(Who::Spool, 10_000)], cups: None };
    report(bench, "h-idle-10k", both, (200.0, 1.0));
}

/// Printers that would refuse, and nobody prints.
fn idle(who: Who, count: usize) -> Idle {
    let uris: Vec<String> = vec![refusing(); count];
    let plan = Plan { printers: &uris, ..Plan::default() };
    let began = Instant::now();
    let mut peer = plan.start(who);
    let started = began.elapsed();
    peer.stop();
    let began = Instant::now();
    peer.run_again();
    let started_again = began.elapsed();
    let pages = load::ask(&peer, &peer.list(List::Printers), PAGES);
    Idle { started, started_again, pages, cost: Cost::of(peer.meter()) }
}

fn report(bench: &mut Bench, name: &str, both: Both<Vec<Idle>>, (memory, start_s): (f64, f64)) {
    let mut row = |what: &str, unit, figure: &dyn Fn(&Idle) -> f64, target| {
        bench.report.add(format!("{name} {what}"), unit, both.map(|all| figure(&all[0])), target);
    };
    row("memory", "MB", &|idle| idle.cost.memory, Target::AtMost(memory));
    row("first start", "s", &|idle| idle.started.as_secs_f64(), Target::AtMost(start_s));
    row("start again", "s", &|idle| idle.started_again.as_secs_f64(), Target::AtMost(start_s));
    row("page of 100 p99", "ms", &|idle| percentile_ms(&idle.pages, 0.99), Target::AtMost(PAGE_MS_MAX));
    row("processor", "% of a core", &|idle| idle.cost.cpu, Target::Shown);
    row("threads", "", &|idle| idle.cost.threads as f64, Target::Shown);
}

/// Ten that nobody prints to, and the rest of them dead in three ways, each with a job that waits and is tried at the
/// first pace. CUPS would keep a process for each.
pub fn dead(bench: &mut Bench) {
    let (refusing, asleep) = (refusing(), Sleeper::new());
    let uri = |n: usize| match (n < LIVE, n % 3) {
        (false, 1) => format!("socket://printer-{n}.invalid"),
        (false, 2) => asleep.uri(),
        _ => refusing.clone(),
    };
    let uris: Vec<String> = (0..DEAD_OF).map(uri).collect();
    let mut peer = Plan { printers: &uris, ..Plan::default() }.start(Who::Spool);
    let mut line = peer.line();
    for printer in LIVE..DEAD_OF {
        peer.submission(Queue::Printer(printer), Then::Print, b"a page").send(&mut line);
    }
    thread::sleep(SETTLED);
    let cost = Cost::of(peer.meter());
    peer.kill();
    let began = Instant::now();
    peer.run_again();
    let started_again = began.elapsed().as_secs_f64();
    let mut row = |what: &str, unit, spool| {
        bench.report.add(format!("h-dead-1k {what}"), unit, Both { spool, cups: None }, Target::Shown);
    };
    row("memory", "MB", cost.memory);
    row("processor", "% of a core", cost.cpu);
    row("threads", "", cost.threads as f64);
    row("start again", "s", started_again);
}

impl Cost {
    fn of(meter: Meter) -> Cost {
        let before = meter.cpu_with_children();
        thread::sleep(WATCHED);
        let used = meter.cpu_with_children() - before;
        let cpu = used.as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
        Cost { memory: meter.memory_peak() as f64 / 1e6, cpu, threads: meter.threads() }
    }
}

/// A port where nobody listens.
fn refusing() -> String {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    format!("socket://{}", free.expect("a free port"))
}
