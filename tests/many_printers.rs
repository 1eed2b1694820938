//! A thousand printers, of which ten live: the dead ones cost the living nothing, and the server little.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use support::printer::{Behaviour, FakePrinter};
use support::server::{Server, printer};
use support::sink::{Printed, Sink};
use support::sleeper::Sleeper;
use support::wait::{PATIENCE, Stopwatch, wait_until};

const LIVE: usize = 10;
/// Of each kind: refusing, unreachable, silent, unresolvable.
const DEAD_EACH: usize = 247;
/// One more that refuses, and comes back.
const BACK: &str = "back";
const DEAD: usize = 4 * DEAD_EACH + 1;

/// Jobs for each of the living.
const JOBS_EACH: usize = 20;
const DOCUMENT: [u8; 10_000] = [b'x'; 10_000];

/// With so many dead the living take at most so many times as long …
const SLOWER_MAX: u32 = 5;
/// … as without them, where that took at least so long.
const SHORTEST: Duration = Duration::from_secs(1);
/// The list of all printers is answered within three times what is promised.
const LIST_MAX: Duration = Duration::from_secs(3);
/// One for each silent printer that is being sent to, and those that the server always has.
const THREADS_MAX: usize = DEAD_EACH + LIVE + 100;
/// A connection and a document for each printer, and what the server needs for itself.
const FILES_MAX: usize = 2 * 1000 + 200;
const MEMORY_MAX: u64 = 512 << 20;

/// Short times, so that all of the dead are tried again and again while the test runs.
const SETTINGS: &str = "[watch]\nconnect = \"2s\"\n[limits]\nfree_disk = \"1MiB\"\n";

/// The dead, and how they are kept so.
struct Dead {
    refusing: FakePrinter,
    silent: FakePrinter,
    asleep: Sleeper,
    back: FakePrinter,
}

impl Dead {
    fn start() -> Dead {
        let mut refusing = FakePrinter::start(Behaviour::Normal);
        refusing.refuse();
        let mut back = FakePrinter::start(Behaviour::Normal);
        back.refuse();
        let silent = FakePrinter::start(Behaviour::NeverRead);
        Dead { refusing, silent, asleep: Sleeper::new(), back }
    }

    fn names() -> impl Iterator<Item = String> {
        let kinds = ["refusing", "asleep", "silent", "unresolved"];
        let of_kind = |kind: &'static str| (0..DEAD_EACH).map(move |n| format!("{kind}-{n}"));
        kinds.into_iter().flat_map(of_kind).chain([BACK.to_owned()])
    }

    fn uri(&self, name: &str) -> String {
        match name.split_once('-') {
            Some(("refusing", _)) => self.refusing.uri(),
            Some(("silent", _)) => self.silent.uri(),
            Some(("asleep", _)) => self.asleep.uri(),
            Some((_, number)) => format!("socket://printer-{number}.invalid"),
            None => self.back.uri(),
        }
    }
}

fn living(sinks: &[Sink]) -> String {
    sinks.iter().enumerate().map(|(n, sink)| printer(&format!("live-{n}"), &sink.uri(), "")).collect()
}

/// Prints at all of the living; how long it took from the first submission to the last byte.
fn print_at_all(server: &Server, sinks: &[Sink], expected: Printed) -> Duration {
    let watch = Stopwatch::start();
    for _ in 0..JOBS_EACH {
        for n in 0..sinks.len() {
            server.submit(&format!("printer=live-{n}"), &DOCUMENT);
        }
    }
    for sink in sinks {
        (0..JOBS_EACH).for_each(|_| assert_eq!(sink.next(), expected));
    }
    watch.elapsed()
}

fn printers(server: &Server) -> Vec<Value> {
    server.get("/api/v1/printers?limit=1000")["printers"].as_array().unwrap().clone()
}

/// How many of the printers of each kind say of themselves what is true of them.
fn known(server: &Server) -> BTreeMap<String, usize> {
    let mut known = BTreeMap::new();
    for printer in printers(server) {
        let kind = printer["name"].as_str().unwrap().split('-').next().unwrap().to_owned();
        let reason = match kind.as_str() {
            "refusing" | BACK => "connection-refused",
            "asleep" => "asleep",
            "unresolved" => "name-unresolved",
            // It has the job and does not take its last byte.
            "silent" if !printer["job"].is_null() => "",
            _ => continue,
        };
        let reasons = printer["reasons"].as_array().unwrap();
        if reason.is_empty() || reasons.iter().any(|word| word == reason) {
            *known.entry(kind).or_default() += 1;
        }
    }
    known
}

fn waiting(server: &Server) -> usize {
    server.get("/api/v1/jobs?status=active&limit=1000")["jobs"].as_array().unwrap().len()
}

/// The limit of open files of a process: what holds, and what it could be.
fn limit_of(pid: u32) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

#[test]
fn ptm_3_a_thousand_printers_of_which_ten_live_print_as_fast_as_ten() {
    let expected = support::server::sum(&DOCUMENT[..]);
    let sinks: Vec<Sink> = (0..LIVE).map(|_| Sink::start()).collect();
    let alone = print_at_all(
        &Server::start_with(&format!("{SETTINGS}{}", living(&sinks)), &[("RUST_LOG", "warn")]),
        &sinks,
        expected,
    );

    let mut dead = Dead::start();
    let all: String = Dead::names().map(|name| printer(&name, &dead.uri(&name), "")).collect();
    // The server has to raise the limit itself.
    let ours = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(512), ..ours }).unwrap();
    let configuration = format!("{SETTINGS}{}{all}", living(&sinks));
    let mut server = Server::start_with(&configuration, &[("RUST_LOG", "warn")]);
    setrlimit(Resource::Nofile, Rlimit { current: ours.maximum, ..ours }).unwrap();
    let (holds, highest) = limit_of(server.pid());
    assert_eq!(holds, highest);

    for name in Dead::names() {
        server.submit(&format!("printer={name}"), &DOCUMENT);
    }
    let kinds = ["asleep", "refusing", "silent", "unresolved"].map(|kind| (kind.to_owned(), DEAD_EACH));
    let expects: BTreeMap<String, usize> = kinds.into_iter().chain([(BACK.to_owned(), 1)]).collect();
    wait_until("every dead printer is known for what it is", PATIENCE * 2, || {
        (known(&server) == expects).then_some(())
    });

    let among_the_dead = print_at_all(&server, &sinks, expected);
    println!("ten alone: {alone:?}; among a thousand: {among_the_dead:?}");
    assert!(among_the_dead < alone.max(SHORTEST) * SLOWER_MAX, "{among_the_dead:?}, alone {alone:?}");

    let watch = Stopwatch::start();
    assert_eq!(printers(&server).len(), LIVE + DEAD);
    let listed = watch.elapsed();
    assert!(listed < LIST_MAX, "{listed:?}");

    let meter = server.meter();
    let (threads, files, memory) = (meter.thread_names(), meter.open_files(), meter.memory_peak());
    println!("{} threads, {files} open files, {} MiB, list {listed:?}", threads.len(), memory >> 20);
    assert!(threads.len() < THREADS_MAX, "{threads:?}");
    assert!(files < FILES_MAX, "{files}");
    assert!(memory < MEMORY_MAX, "{memory}");

    // All are there still, also after a power cut, and each goes out when its printer is back.
    server.wait("the living are done", || (waiting(&server) == DEAD).then_some(()));
    server.kill();
    server.restart();
    assert_eq!(waiting(&server), DEAD);
    dead.back.listen();
    assert_eq!(dead.back.documents(1), [DOCUMENT.to_vec()]);
    server.wait("it is known to be done", || (waiting(&server) == DEAD - 1).then_some(()));
}

#[test]
fn a_server_that_may_open_too_few_files_says_so() {
    let home = tempfile::tempdir().unwrap();
    let all: String = (0..100).map(|n| printer(&format!("p{n}"), "sim:", "")).collect();
    fs::write(home.path().join("spool.toml"), all).unwrap();
    let log = home.path().join("log");
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 200 && exec \"$0\" serve --http 127.0.0.1:0", env!("CARGO_BIN_EXE_spool")])
        .current_dir(home.path())
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let told = "this process may open 200 files, and 100 printers can need 712";
    wait_until("it says so", PATIENCE, || fs::read_to_string(&log).unwrap().contains(told).then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
}
