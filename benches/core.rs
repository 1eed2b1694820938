//! What the whole program does in a second: the real binary over loopback and over a real disk.
//!
//! `cargo bench --bench core` runs all cases, `cargo bench --bench core -- accept` those whose names begin so.
//! benches/README.md says what the figures mean, and what was seen.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "it measures, and nobody relies on it")]

#[path = "core/sink.rs"]
mod sink;
#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use sink::Sink;
use support::client::Place;
use support::home::{Home, Life, Line, QUICK, id_of};

/// A usual small document.
const BODY_BYTES: usize = 10_000;
const ACCEPT_TIME: Duration = Duration::from_secs(5);
const LATENCY_JOBS: usize = 200;
const STREAM_JOBS: usize = 1000;
/// So many that the printers and not the clients are waited for.
const STREAM_CLIENTS: usize = 8;
const LARGE_BYTES: u64 = 1 << 30;

type Case = (&'static str, fn(&str));

const CASES: [Case; 7] = [
    ("accept-1", |name| accept(name, 1)),
    ("accept-8", |name| accept(name, 8)),
    ("accept-64", |name| accept(name, 64)),
    ("first-byte", first_byte),
    ("through-1", |name| through(name, 1)),
    ("through-8", |name| through(name, 8)),
    ("large", large),
];

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!("{:<12} {:>12} {:<10} {:>9} {:>9} {:>9}  ", "case", "rate", "", "p50 ms", "p99 ms", "max ms");
    for (name, run) in CASES {
        if wanted.is_empty() || wanted.iter().any(|wish| name.starts_with(wish.as_str())) {
            run(name);
        }
    }
}

fn row(name: &str, rate: f64, unit: &str, times: &mut [Duration], note: &str) {
    times.sort_unstable();
    let at = |share: f64| match times.len() {
        0 => "-".to_owned(),
        n => format!("{:.2}", times[((n - 1) as f64 * share) as usize].as_secs_f64() * 1000.0),
    };
    println!("{name:<12} {rate:>12.0} {unit:<10} {:>9} {:>9} {:>9}  {note}", at(0.5), at(0.99), at(1.0));
}

fn serve<'h>(home: &'h Home) -> Life<'h> {
    let mut life = home.begin(&[("RUST_LOG", "warn")]);
    life.ready();
    life
}

/// Held jobs, so that nothing but acceptance is measured: job and document on disk, then the answer.
fn accept(name: &str, clients: usize) {
    let home = Home::with(QUICK, &[("paper", "file:STATE/printed")]);
    let life = serve(&home);
    let place = Place::Tcp(home.http);
    let begin = Barrier::new(clients + 1);
    let body = vec![b'x'; BODY_BYTES];
    let mut times = thread::scope(|scope| {
        let client = || {
            let mut line = Line::new(&place).unwrap();
            let mut times = Vec::new();
            begin.wait();
            let end = Instant::now() + ACCEPT_TIME;
            while Instant::now() < end {
                let sent = Instant::now();
                let answer = line.send("POST", "/api/v1/jobs?printer=paper&hold=true", &[], &body).unwrap();
                times.push(sent.elapsed());
                id_of(&answer);
            }
            times
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        begin.wait();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    let rate = times.len() as f64 / ACCEPT_TIME.as_secs_f64();
    row(name, rate, "accepts/s", &mut times, &memory(&life));
}

/// From the first byte of the submission to the first byte at the printer, one job after the other.
fn first_byte(name: &str) {
    let sink = Sink::start();
    let home = Home::with(QUICK, &[("office", &sink.uri())]);
    let life = serve(&home);
    let mut line = Line::new(&Place::Unix(home.socket())).unwrap();
    let body = vec![b'x'; BODY_BYTES];
    let (mut times, mut ends) = (Vec::new(), Vec::new());
    for n in 0..LATENCY_JOBS {
        let sent = Instant::now();
        let id = id_of(&line.send("POST", "/api/v1/jobs?printer=office", &[], &body).unwrap());
        let connection = sink.ended(n);
        times.push(connection.first_byte.unwrap() - sent);
        let path = format!("/api/v1/jobs/{id}");
        while line.send("GET", &path, &[], b"").unwrap().json()["status"] != "completed" {}
        ends.push(sent.elapsed());
    }
    row(name, times.len() as f64, "jobs", &mut times, &memory(&life));
    row("  to completed", ends.len() as f64, "jobs", &mut ends, "");
}

/// From the first submission to the last byte at the last printer.
fn through(name: &str, printers: usize) {
    let sinks: Vec<Sink> = (0..printers).map(|_| Sink::start()).collect();
    let named: Vec<(String, String)> =
        sinks.iter().enumerate().map(|(n, sink)| (format!("p{n}"), sink.uri())).collect();
    let named: Vec<(&str, &str)> = named.iter().map(|(name, uri)| (name.as_str(), uri.as_str())).collect();
    let home = Home::with(QUICK, &named);
    let life = serve(&home);
    let place = Place::Tcp(home.http);
    let body = vec![b'x'; BODY_BYTES];
    let began = Instant::now();
    thread::scope(|scope| {
        for client in 0..STREAM_CLIENTS {
            let (place, body) = (&place, &body);
            scope.spawn(move || {
                let mut line = Line::new(place).unwrap();
                let target = format!("/api/v1/jobs?printer=p{}", client % printers);
                for _ in 0..STREAM_JOBS / STREAM_CLIENTS {
                    id_of(&line.send("POST", &target, &[], body).unwrap());
                }
            });
        }
    });
    let accepted = began.elapsed();
    for sink in &sinks {
        sink.received((STREAM_JOBS / printers * BODY_BYTES) as u64);
    }
    let took = began.elapsed();
    let note = format!(
        "{} jobs; all accepted after {:.2} s; {}",
        STREAM_JOBS,
        accepted.as_secs_f64(),
        memory(&life)
    );
    row(name, STREAM_JOBS as f64 / took.as_secs_f64(), "jobs/s", &mut [], &note);
}

/// One document of 1 GiB.
fn large(name: &str) {
    let sink = Sink::start();
    let home = Home::with(QUICK, &[("office", &sink.uri())]);
    let life = serve(&home);
    let began = Instant::now();
    let answer = {
        use std::io::Write;
        let length = LARGE_BYTES.to_string();
        let head = [("content-length", length.as_str())];
        let place = Place::Tcp(home.http);
        let mut stream = place.begin("POST", "/api/v1/jobs?printer=office", &head).unwrap();
        let piece = vec![b'x'; 1 << 20];
        (0..LARGE_BYTES >> 20).for_each(|_| stream.write_all(&piece).unwrap());
        support::client::Answer::read(stream).unwrap()
    };
    id_of(&answer);
    let accepted = began.elapsed();
    sink.received(LARGE_BYTES);
    let took = began.elapsed();
    let rate = (LARGE_BYTES >> 20) as f64 / took.as_secs_f64();
    let note = format!(
        "accepted after {:.2} s, printed after {:.2} s; {}",
        accepted.as_secs_f64(),
        took.as_secs_f64(),
        memory(&life)
    );
    row(name, rate, "MiB/s", &mut [], &note);
}

/// The most memory that the server has had so far.
fn memory(life: &Life<'_>) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", life.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    format!("RSS {} MiB", kib >> 10)
}
