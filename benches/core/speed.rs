//! Accepting, and the way from the submission to the printer, for small jobs.

use std::time::{Duration, Instant};

use super::load;
use super::peer::{ANY_JOBS, Peer, Plan, Queue, Then, Who};
use super::report::{Target, median, percentile_ms};
use super::sink::{Sink, uris};
use super::{Bench, SMALL};

const ACCEPTED_JOBS: usize = 5000;
const ROUNDS: usize = 3;
const ALONE_JOBS: usize = 200;
const BLOCK: usize = 20;
const STREAM_JOBS: usize = 1000;
/// So many that the printers and not the clients are waited for.
const STREAM_CLIENTS: usize = 8;

/// Held jobs, so that nothing but acceptance is measured.
pub fn accept(bench: &mut Bench, clients: usize) {
    let sinks = [Sink::start()];
    let plan = Plan { printers: &uris(&sinks), cups_settings: ANY_JOBS, ..Plan::default() };
    let rounds = bench.alternating(ROUNDS, |who| {
        let peer = plan.start(who);
        load::submit(&peer, clients, ACCEPTED_JOBS, 1, Then::Hold, SMALL)
    });
    let rate = |load: &load::Load| ACCEPTED_JOBS as f64 / load.took.as_secs_f64();
    let rates = rounds.map(|rounds| median(rounds.iter().map(rate).collect()));
    let target = match clients {
        1 => Target::TimesAtLeast(0.7),
        64 => Target::TimesAtLeast(4.0),
        _ => Target::Shown,
    };
    bench.report.add(format!("a-accept-{clients}"), "accepts/s", rates, target);
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let times = rounds
            .map(|rounds| median(rounds.iter().map(|load| percentile_ms(&load.times, share)).collect()));
        bench.report.add(format!("a-accept-{clients} {name}"), "ms", times, Target::Shown);
    }
}

/// From the submission to the first byte at the printer, one job after the other; the next is submitted when nothing
/// of the last is left to be done. Both servers are there all the time, and take turns.
pub fn first_byte(bench: &mut Bench) {
    let both = bench.alternating(1, |who| {
        let sink = Sink::start();
        let plan = Plan { printers: &uris(std::slice::from_ref(&sink)), ..Plan::default() };
        (plan.start(who), sink)
    });
    let mut servers = both.map(|_| Vec::new());
    for _ in 0..ALONE_JOBS / BLOCK {
        for (times, peer) in
            [(Some(&mut servers.spool), Some(&both.spool)), (servers.cups.as_mut(), both.cups.as_ref())]
        {
            if let (Some(times), Some(peer)) = (times, peer) {
                let (peer, sink) = &peer[0];
                times.extend(block(peer, sink, times.len()));
            }
        }
    }
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let times = servers.map(|times| percentile_ms(times, share));
        bench.report.add(format!("b-first-byte {name}"), "ms", times, Target::TimesAtMost(0.1));
    }
}

/// Jobs one after the other, of which so many have been printed before.
fn block(peer: &Peer, sink: &Sink, before: usize) -> Vec<Duration> {
    let mut line = peer.line();
    let request = peer.submission(Queue::Printer(0), Then::Print, SMALL);
    let one = |n| {
        peer.rests();
        let sent = Instant::now();
        request.send(&mut line);
        sink.ended(n).first_byte.expect("it has begun") - sent
    };
    (before..before + BLOCK).map(one).collect()
}

/// How long 1,000 jobs take, and the processor time that the server and all that it starts need for them.
struct Through {
    took: Duration,
    cpu: Duration,
}

/// From the first submission to the last byte at the last printer.
pub fn through(bench: &mut Bench, printers: usize) {
    let rounds = bench.alternating(1, |who| stream(who, printers));
    let rates = rounds.map(|rounds| STREAM_JOBS as f64 / rounds[0].took.as_secs_f64());
    bench.report.add(format!("c-through-{printers}"), "jobs/s", rates, Target::TimesAtLeast(15.0));
    let cpu = rounds.map(|rounds| rounds[0].cpu.as_secs_f64() * 1000.0 / STREAM_JOBS as f64);
    bench.report.add(format!("i-cpu-{printers}"), "CPU s/1,000", cpu, Target::TimesAtMost(1.0 / 15.0));
}

fn stream(who: Who, printers: usize) -> Through {
    let sinks: Vec<Sink> = (0..printers).map(|_| Sink::start()).collect();
    let peer = Plan { printers: &uris(&sinks), cups_settings: ANY_JOBS, ..Plan::default() }.start(who);
    let before = peer.meter().cpu_with_children();
    let began = Instant::now();
    load::submit(&peer, STREAM_CLIENTS, STREAM_JOBS, printers, Then::Print, SMALL);
    for sink in &sinks {
        sink.received((STREAM_JOBS / printers * SMALL.len()) as u64);
    }
    let took = began.elapsed();
    peer.rests();
    Through { took, cpu: peer.meter().cpu_with_children() - before }
}
