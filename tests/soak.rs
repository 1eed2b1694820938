//! A day of an office in minutes: everything that clients and people do, printers that fail and come back, history
//! that is purged. What the server takes of its machine stays what it is, and nothing that was promised is lost.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "soak/flat.rs"]
mod flat;
mod support;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use flat::{Bound, Sample};
use rustix::process::Signal;
use spool::store::EVENTS_KEPT;
use support::client::Place;
use support::crowd::{Crowd, Gate};
use support::home::Line;
use support::ledger::{Command, Ledger, Which};
use support::lots::Lots;
use support::meter::Meter;
use support::paper::{Machine, Paper, Temper};
use support::server::{Server, pool, printer};
use support::wait::Stopwatch;
use tempfile::TempDir;

/// How long it lasts, unless `SPOOL_SOAK` says otherwise, seconds.
const SECONDS: u64 = 120;
const CLIENTS: u64 = 4;
/// The first two are a pool; jobs for the first, which fails and goes off, move there.
const QUEUES: [&str; 5] = ["moody", "mate", "floor", "alone", "paper"];
/// One of so many jobs has a key: keys are kept for a day, longer than this lasts.
const KEYED_OF: u64 = 50;
/// Ended jobs and their documents are kept so long, and are purged when the configuration is read again.
const HISTORY: Duration = Duration::from_secs(5);
/// How often samples are taken and promises looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Documents and keys that are looked at with each sample.
const SAMPLES: usize = 5;
/// The configuration is read again, and the first printer goes off or comes back, every so many samples.
const RELOAD_EVERY: usize = 5;
const OFF_EVERY: usize = 7;
/// Copies of the running store in the whole run.
const BACKUPS: usize = 3;

const fn bound(name: &'static str, of: fn(&Sample) -> u64) -> Bound {
    Bound { name, of, noise: 16, warming: 0, each_job_milli: 5, each_event: 0 }
}

const MIB: u64 = 1 << 20;

/// What may grow. Memory and documents half a kilobyte for each job, so that one kilobyte that is left behind by each
/// is seen; the allocator takes its time until it has what it needs. The index does not give back what it had: its
/// growth is known (docs/gaps.md). Of files and threads one for 200 jobs.
const BOUNDS: [Bound; 5] = [
    Bound { noise: 8 * MIB, warming: 56 * MIB, each_job_milli: 512_000, ..bound("memory", |s| s.memory) },
    Bound { noise: 3 * MIB, each_job_milli: 2_000_000, each_event: 300, ..bound("index", |s| s.index) },
    Bound { noise: 16 * MIB, each_job_milli: 512_000, ..bound("documents", |s| s.documents) },
    bound("open files", |s| s.files),
    bound("threads", |s| s.threads),
];

/// The most that the journal takes, bytes: twice what is live, which is less than 100 MB here, two segments of 64 MiB, and
/// what comes in while one of them is being compacted.
const JOURNAL_MAX: u64 = 512 << 20;

fn configuration(machines: &[Machine], printed: &Path, grace_ms: usize) -> String {
    let mut text = format!(
        r#"
[access]
files = [{printed:?}]
[limits]
free_disk = "1MiB"
[history]
jobs = "5s"
documents = "5s"
[watch]
stall = "300ms"
[retry]
backoff = ["50ms", "200ms"]
grace = "{grace_ms}ms"
"#
    );
    text.push_str(&pool("floor", &["moody", "mate"], "least-completion-time"));
    for (name, machine) in ["moody", "mate", "alone"].iter().zip(machines) {
        text.push_str(&printer(name, &machine.uri(), ""));
    }
    text + &printer("paper", &format!("file:{}", printed.display()), "")
}

/// People who look: pages, lists, figures, and events for a while.
fn visitor(place: &Place, lots: &mut Lots) {
    for target in ["/", "/api/v1/printers", "/api/v1/pools", "/api/v1/jobs?limit=20", "/metrics"] {
        let answer = place.send("GET", target, &[], b"").unwrap();
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
    }
    let since = lots.draw(10_000).to_string();
    let mut headers = vec![("accept", "text/event-stream")];
    if lots.draw(2) == 0 {
        headers.push(("last-event-id", &since));
    }
    let stream = place.begin("GET", "/api/v1/events", &headers).unwrap();
    stream.set_read_timeout(Duration::from_secs(1)).unwrap();
    // Some stay for long, some leave in the middle of what they are told.
    let lines = usize::try_from(lots.draw(1000)).unwrap();
    BufReader::new(stream).lines().map_while(Result::ok).take(lines).for_each(drop);
}

/// Does it again and again until it is told to end, or nobody is left who could.
fn until_told<'s>(
    scope: &'s std::thread::Scope<'s, '_>,
    pause: Duration,
    mut act: impl FnMut() + Send + 's,
) -> Sender<()> {
    let (end, told) = channel();
    scope.spawn(move || {
        while told.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            act();
        }
    });
    end
}

/// What waits for a person is released.
fn release(place: &Place, ledger: &Ledger) {
    let mut line = Line::new(place).unwrap();
    for job in place.jobs("&status=held") {
        // What its own client holds is the client's.
        if job["reasons"][0] != "job-hold-until-specified" {
            ledger.command(&mut line, job["id"].as_u64().unwrap(), &Command::Release).unwrap();
        }
    }
}

struct Office {
    machines: [Machine; 3],
    /// Where the `file:` printer prints.
    printed: TempDir,
    paper: Arc<Paper>,
    server: Server,
    ledger: Ledger,
    gate: Gate,
}

impl Office {
    fn open(seed: u64) -> Office {
        let paper = Arc::new(Paper::default());
        let machine = |n: u64, temper| Machine::start(temper, seed.wrapping_add(n), &paper);
        let machines = [machine(1, Temper::Moody), machine(2, Temper::Even), machine(3, Temper::Moody)];
        let printed = tempfile::tempdir().unwrap();
        let server =
            Server::start_with(&configuration(&machines, printed.path(), 300), &[("RUST_LOG", "warn")]);
        let (ledger, gate) = (Ledger::new(HISTORY), Gate::default());
        Office { machines, printed, paper, server, ledger, gate }
    }

    /// All that was promised holds.
    fn check(&self, lots: &mut Lots, which: Which) {
        let place = self.server.socket();
        self.ledger.check_list(&place);
        self.paper.carry_off(self.printed.path());
        self.ledger.check_paper(&place, &self.paper, which);
        self.ledger.check_bodies(&place, lots, SAMPLES);
        self.ledger.check_keys(&place, lots, SAMPLES);
        self.ledger.forget_purged(&self.paper);
        release(&place, &self.ledger);
    }

    fn sample(&self) -> Sample {
        let tally = self.ledger.tally();
        let ended = tally.completed + tally.canceled + tally.purged_unseen;
        let events = self.server.figure("spool_commits_total").min(EVENTS_KEPT);
        Sample::take(Meter::of(self.server.pid()), &self.server.state(), (ended as u64, events))
    }

    /// What happens beside the clients' work.
    fn happens(&self, n: usize, all: usize) {
        if n.is_multiple_of(RELOAD_EVERY) {
            let text = configuration(&self.machines, self.printed.path(), 300 + n % 2);
            fs::write(self.server.home().join("spool.toml"), text).unwrap();
            self.server.signal(Signal::HUP);
        }
        if n.is_multiple_of(OFF_EVERY) {
            self.machines[0].set(if (n / OFF_EVERY).is_multiple_of(2) { Temper::Moody } else { Temper::Off });
        }
        if n.is_multiple_of((all / BACKUPS).max(1)) {
            self.server.cli(&["backup", "copy"]);
            fs::remove_file(self.server.home().join("copy")).unwrap();
        }
    }

    /// Everything ends once the printers are well.
    fn close(&self, lots: &mut Lots) {
        self.machines.iter().for_each(|machine| machine.set(Temper::Even));
        let watch = Stopwatch::start();
        while self.ledger.open() > 0 {
            assert!(watch.elapsed() < support::wait::PATIENCE, "{} jobs do not end", self.ledger.open());
            let place = self.server.socket();
            let mut line = Line::new(&place).unwrap();
            for job in place.jobs("&status=held") {
                self.ledger.command(&mut line, job["id"].as_u64().unwrap(), &Command::Release).unwrap();
            }
            self.check(lots, Which::New);
        }
        self.check(lots, Which::All);
    }
}

/// Ends the work of the clients when it is dropped.
struct Ends<'g>(&'g Gate);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Clients, visitors, people and faults for so long; what the server took meanwhile.
fn work(office: &Office, lots: &mut Lots, length: Duration, seed: u64) -> Vec<Sample> {
    let (gate, ledger, place) = (&office.gate, &office.ledger, office.server.socket());
    let crowd = Crowd { place: &place, gate, ledger, queues: &QUEUES, keyed_of: KEYED_OF, seed };
    let mut visits = Lots::new(seed.wrapping_add(100));
    let all = usize::try_from(length.as_secs()).unwrap();
    let mut samples = Vec::new();
    std::thread::scope(|scope| {
        gate.open();
        // Also where a check fails: the clients would go on for ever, and the scope with them.
        let _ends = Ends(gate);
        let start = |number| {
            let crowd = &crowd;
            scope.spawn(move || crowd.client(number))
        };
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        let visiting = until_told(scope, EVERY, || visitor(&place, &mut visits));
        let (watch, ticks) = (Stopwatch::start(), channel::<()>());
        // On a busy machine fewer samples are taken, not for longer.
        for n in (1..=all).take_while(|_| watch.elapsed() < length) {
            let left = (EVERY * u32::try_from(n).unwrap()).saturating_sub(watch.elapsed());
            // Nothing is awaited but the time of the next sample.
            let _ = ticks.1.recv_timeout(left);
            office.check(lots, Which::New);
            samples.push(office.sample());
            office.happens(n, all);
        }
        gate.end();
        drop(visiting);
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    samples
}

#[test]
fn under_load_and_faults_it_takes_no_more_than_it_took() {
    let length = env::var("SPOOL_SOAK").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(SECONDS);
    let (length, seed) = (Duration::from_secs(length), Lots::seed());
    let mut lots = Lots::new(seed);
    let mut office = Office::open(seed);
    let samples = work(&office, &mut lots, length, seed);
    office.close(&mut lots);
    println!("{:?}", office.ledger.tally());
    let journal = samples.iter().map(|sample| sample.journal).max().unwrap();
    println!("the journal took {journal} bytes at most");
    flat::check(&samples, &BOUNDS);
    assert!(journal <= JOURNAL_MAX, "the journal took {journal} bytes");

    office.server.stop();
    compact(&office.server, journal);
    office.server.restart();
    office.check(&mut lots, Which::All);
}

/// What is not needed any more goes; the rest is there, as is seen when the server runs again.
fn compact(server: &Server, journal: u64) {
    println!("{}", server.cli(&["compact"]));
    let left = flat::size(&server.state().join("journal"));
    assert!(left < journal / 2, "{left} bytes are left of {journal}");
}
