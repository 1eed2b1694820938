//! One document that is far larger than any memory set aside for it.

use std::time::{Duration, Instant};

use crate::support::meter::FamilyPeak;

use super::Bench;
use super::peer::{Plan, Queue, Then, Who};
use super::report::Target;
use super::sink::{Sink, uris};

const BYTES: u64 = 1 << 30;
const MEMORY_MIB_MAX: f64 = 64.0;

struct Large {
    accepted: Duration,
    printed: Duration,
    /// Of the server and of all it started, in MiB.
    memory: f64,
}

/// It is printed when it has been accepted.
pub fn whole(bench: &mut Bench) {
    measure(bench, "d-large", "", Target::TimesAtMost(1.0));
}

/// It is printed while it comes.
pub fn streamed(bench: &mut Bench) {
    measure(bench, "d-large-stream", "stream = \"large\"\n", Target::TimesAtMost(0.5));
}

fn measure(bench: &mut Bench, name: &str, spool_printer: &str, target: Target) {
    let both = bench.alternating(1, |who| print(who, spool_printer));
    let printed = both.map(|rounds| rounds[0].printed.as_secs_f64());
    bench.report.add(format!("{name} printed"), "s", printed, target);
    let accepted = both.map(|rounds| rounds[0].accepted.as_secs_f64());
    bench.report.add(format!("{name} accepted"), "s", accepted, Target::Shown);
    let memory = both.map(|rounds| rounds[0].memory);
    bench.report.add(format!("{name} memory"), "MiB", memory, Target::AtMost(MEMORY_MIB_MAX));
}

/// From the first byte of the submission to the end of the document at the printer.
fn print(who: Who, spool_printer: &str) -> Large {
    let sinks = [Sink::start()];
    let peer = Plan { printers: &uris(&sinks), spool_printer, ..Plan::default() }.start(who);
    let memory = FamilyPeak::watch(peer.meter());
    let began = Instant::now();
    peer.submission(Queue::Printer(0), Then::Print, b"").send_large(&peer.place(), BYTES);
    let accepted = began.elapsed();
    let connection = sinks[0].ended(0);
    assert_eq!(connection.bytes, BYTES, "the printer got all of it");
    let printed = connection.ended.expect("it has ended") - began;
    Large { accepted, printed, memory: memory.bytes() as f64 / f64::from(1 << 20) }
}
