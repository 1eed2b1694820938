//! Two printers that share a queue, one of which fails: how long until its job comes out of the other.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::printer::{Behaviour, FakePrinter};

use super::Bench;
use super::peer::{Plan, Queue, Queues, Then, Who};
use super::report::Target;
use super::request::{is_over, job_of};

/// More than the operating system takes for a printer that does not read.
const LARGE: usize = 16 << 20;
/// One for each printer.
const JOBS: usize = 2;
/// A job that has not come out after this is not waited for.
const LONGEST: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// What is said of the jobs afterwards is said by then.
const SETTLED: Duration = Duration::from_millis(500);
/// The worst of so many is told. CUPS, which is slow at it, has one.
const ROUNDS: usize = 3;

/// What befalls one of the two.
pub struct Fault {
    name: &'static str,
    spool_settings: &'static str,
    bytes: usize,
    befalls: fn(&mut FakePrinter),
    seconds_max: f64,
}

pub const REFUSES: Fault = Fault {
    name: "f-refuse",
    spool_settings: "",
    bytes: 10_000,
    befalls: FakePrinter::refuse,
    seconds_max: 0.25,
};

pub const RESETS: Fault = Fault {
    name: "f-reset",
    spool_settings: "",
    bytes: LARGE,
    befalls: |printer| printer.behave(Behaviour::ResetAfter(100_000)),
    seconds_max: 0.5,
};

/// With a watch of three seconds: it is the half second after that which is promised.
pub const STALLS: Fault = Fault {
    name: "f-stall",
    spool_settings: "[watch]\nstall = \"3s\"\n",
    bytes: LARGE,
    befalls: |printer| printer.behave(Behaviour::NeverRead),
    seconds_max: 3.5,
};

struct Outcome {
    /// From the first submission until both have begun to come out of the other printer, in seconds; infinite where
    /// they have not.
    begun: f64,
    /// The same, whole.
    whole: f64,
    /// Jobs that are said to be over and have not come out.
    falsely_over: usize,
}

pub fn measure(bench: &mut Bench, fault: &Fault) {
    let both = bench.alternating(1, |who| {
        let rounds = if who == Who::Spool { ROUNDS } else { 1 };
        (0..rounds).map(|_| round(who, fault)).collect::<Vec<_>>()
    });
    let worst = |figure: fn(&Outcome) -> f64| both.map(|all| all[0].iter().map(figure).fold(0.0, f64::max));
    let target = Target::AtMost(fault.seconds_max);
    bench.report.add(
        format!("{} begun at the other", fault.name),
        "s",
        worst(|outcome| outcome.begun),
        target,
    );
    let whole = worst(|outcome| outcome.whole);
    bench.report.add(format!("{} out of the other", fault.name), "s", whole, Target::Shown);
    let falsely = both.map(|all| all[0].iter().map(|outcome| outcome.falsely_over).sum::<usize>() as f64);
    bench.report.add(format!("{} falsely over", fault.name), "jobs", falsely, Target::AtMost(0.0));
}

fn round(who: Who, fault: &Fault) -> Outcome {
    let mut failing = FakePrinter::start(Behaviour::Normal);
    let other = FakePrinter::start(Behaviour::Normal);
    let uris = [failing.uri(), other.uri()];
    let spool_settings = fault.spool_settings;
    let plan = Plan { printers: &uris, queues: Queues::Shared, spool_settings, ..Plan::default() };
    let peer = plan.start(who);
    let mut line = peer.line();
    // Both have printed before, and nothing is known against them.
    for printer in 0..JOBS {
        peer.submission(Queue::Printer(printer), Then::Print, b"good").send(&mut line);
    }
    failing.documents(1);
    other.documents(1);
    peer.rests();

    (fault.befalls)(&mut failing);
    let submission = peer.submission(Queue::All, Then::Print, &vec![b'x'; fault.bytes]);
    let began = Instant::now();
    let jobs: Vec<u64> = (0..JOBS).map(|_| job_of(&submission.send(&mut line))).collect();
    let begun = until(began, || other.begun_count() == 1 + JOBS);
    let whole = until(began, || other.document_count() == 1 + JOBS);
    thread::sleep(SETTLED);
    let over = jobs.iter().filter(|job| is_over(&peer.job(**job).send(&mut line))).count();
    Outcome { begun, whole, falsely_over: over.saturating_sub(other.document_count() - 1) }
}

/// The seconds that have passed when it is so.
fn until(began: Instant, is_so: impl Fn() -> bool) -> f64 {
    while began.elapsed() < LONGEST {
        if is_so() {
            return began.elapsed().as_secs_f64();
        }
        thread::sleep(LOOK_EVERY);
    }
    f64::INFINITY
}
