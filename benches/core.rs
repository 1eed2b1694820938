//! What the whole program does in a second: the real binary over loopback and over a real disk.
//!
//! `cargo bench --bench core` runs all cases, `cargo bench --bench core -- accept` those whose names begin so;
//! `-- cups-accept` runs them against CUPS, where it is installed. benches/README.md says what the figures mean,
//! and what was seen.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "it measures, and nobody relies on it")]

#[path = "core/many.rs"]
mod many;
#[path = "core/peer.rs"]
mod peer;
#[path = "core/sink.rs"]
mod sink;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Write;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use peer::{Cups, Peer, Then};
use sink::Sink;
use support::client::{Answer, Place};
use support::home::id_of;

/// A usual small document.
const BODY_BYTES: usize = 10_000;
const ACCEPT_TIME: Duration = Duration::from_secs(5);
const LATENCY_JOBS: usize = 200;
const STREAM_JOBS: usize = 8000;
/// So many that the printers and not the clients are waited for.
const STREAM_CLIENTS: usize = 8;
const LARGE_BYTES: u64 = 1 << 30;

type Case = (&'static str, fn(&str, Who));

const CASES: [Case; 9] = [
    ("accept-1", |name, who| accept(name, who, 1)),
    ("accept-8", |name, who| accept(name, who, 8)),
    ("accept-64", |name, who| accept(name, who, 64)),
    ("first-byte", first_byte),
    ("through-1", |name, who| through(name, who, 1)),
    ("through-8", |name, who| through(name, who, 8)),
    ("large", large),
    ("thousand-idle", |name, _| many::idle(name)),
    ("thousand-dead", |name, _| many::dead(name)),
];

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Spool,
    Cups,
}

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!("{:<16} {:>8} {:<10} {:>8} {:>8} {:>8}", "case", "rate", "", "p50 ms", "p99 ms", "max ms");
    let measure = |name: &str, who, run: fn(&str, Who)| {
        let named = wanted.iter().any(|wish| name.starts_with(wish.as_str()));
        if named || (wanted.is_empty() && who == Who::Spool) {
            run(name, who);
        }
    };
    for (name, run) in CASES {
        measure(name, Who::Spool, run);
        if name.starts_with("accept") {
            measure(&format!("cups-{name}"), Who::Cups, run);
        }
    }
}

/// Runs `measured` over a server with printers at these URIs.
fn with(who: Who, uris: &[String], measured: impl FnOnce(&Peer<'_>)) {
    match who {
        Who::Spool => {
            let home = peer::home(uris);
            measured(&Peer::spool(&home));
        }
        Who::Cups => match Cups::start(uris) {
            Some(cups) => measured(&Peer::Cups(cups)),
            None => println!("cupsd is not installed"),
        },
    }
}

fn row(name: &str, rate: f64, unit: &str, times: &mut [Duration], note: &str) {
    times.sort_unstable();
    let at = |share: f64| match times.len() {
        0 => "-".to_owned(),
        n => format!("{:.2}", times[((n - 1) as f64 * share) as usize].as_secs_f64() * 1000.0),
    };
    println!("{name:<16} {rate:>8.0} {unit:<10} {:>8} {:>8} {:>8}  {note}", at(0.5), at(0.99), at(1.0));
}

fn uris(sinks: &[Sink]) -> Vec<String> {
    sinks.iter().map(Sink::uri).collect()
}

/// Held jobs, so that nothing but acceptance is measured: job and document on disk, then the answer.
fn accept(name: &str, who: Who, clients: usize) {
    let sinks = [Sink::start()];
    with(who, &uris(&sinks), |peer| {
        let begin = Barrier::new(clients + 1);
        let request = peer.request(0, Then::Hold, &[b'x'; BODY_BYTES]);
        let client = || {
            let mut line = peer.line();
            let mut times = Vec::new();
            begin.wait();
            let end = Instant::now() + ACCEPT_TIME;
            while Instant::now() < end {
                let sent = Instant::now();
                request.send(&mut line);
                times.push(sent.elapsed());
            }
            times
        };
        let mut times = thread::scope(|scope| {
            let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
            begin.wait();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        let rate = times.len() as f64 / ACCEPT_TIME.as_secs_f64();
        row(name, rate, "accepts/s", &mut times, &peer.memory());
    });
}

/// From the first byte of the submission to the first byte at the printer, one job after the other. The next
/// is submitted when the printer has had the last, and the server has had time to note it.
fn first_byte(name: &str, who: Who) {
    let sinks = [Sink::start()];
    with(who, &uris(&sinks), |peer| {
        let mut line = peer.line();
        let request = peer.request(0, Then::Print, &[b'x'; BODY_BYTES]);
        let mut times = Vec::new();
        for n in 0..LATENCY_JOBS {
            let sent = Instant::now();
            request.send(&mut line);
            let connection = sinks[0].ended(n);
            times.push(connection.first_byte.unwrap() - sent);
            thread::sleep(Duration::from_millis(20));
        }
        row(name, times.len() as f64, "jobs", &mut times, &peer.memory());
    });
}

/// From the first submission to the last byte at the last printer.
fn through(name: &str, who: Who, printers: usize) {
    let sinks: Vec<Sink> = (0..printers).map(|_| Sink::start()).collect();
    with(who, &uris(&sinks), |peer| {
        let began = Instant::now();
        thread::scope(|scope| {
            for client in 0..STREAM_CLIENTS {
                scope.spawn(move || {
                    let mut line = peer.line();
                    let request = peer.request(client % printers, Then::Print, &[b'x'; BODY_BYTES]);
                    (0..STREAM_JOBS / STREAM_CLIENTS).for_each(|_| drop(request.send(&mut line)));
                });
            }
        });
        let accepted = began.elapsed().as_secs_f64();
        for sink in &sinks {
            sink.received((STREAM_JOBS / printers * BODY_BYTES) as u64);
        }
        let took = began.elapsed().as_secs_f64();
        let note = format!("{STREAM_JOBS} jobs, all accepted after {accepted:.2} s; {}", peer.memory());
        row(name, STREAM_JOBS as f64 / took, "jobs/s", &mut [], &note);
    });
}

/// One document of 1 GiB.
fn large(name: &str, _: Who) {
    let sinks = [Sink::start()];
    let home = peer::home(&uris(&sinks));
    let peer = Peer::spool(&home);
    let began = Instant::now();
    let length = LARGE_BYTES.to_string();
    let head = [("content-length", length.as_str())];
    let mut stream = Place::Tcp(home.http).begin("POST", "/api/v1/jobs?printer=p0", &head).unwrap();
    let piece = vec![b'x'; 1 << 20];
    (0..LARGE_BYTES >> 20).for_each(|_| stream.write_all(&piece).unwrap());
    id_of(&Answer::read(stream).unwrap());
    let accepted = began.elapsed().as_secs_f64();
    sinks[0].received(LARGE_BYTES);
    let took = began.elapsed().as_secs_f64();
    let note = format!("accepted after {accepted:.2} s, printed after {took:.2} s; {}", peer.memory());
    row(name, (LARGE_BYTES >> 20) as f64 / took, "MiB/s", &mut [], &note);
}
