//! What the whole program does, beside what CUPS does with the same work in the same minutes: the real programs over
//! loopback and over a real disk, printers that are sinks, and one table at the end.
//!
//! `cargo bench --bench core` runs all cases, `cargo bench --bench core -- a-accept j` those whose names begin so,
//! and `--alone` leaves CUPS out. benches/README.md says what the figures mean, and what was seen.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "it measures, and nobody relies on it")]

#[path = "core/crash.rs"]
mod crash;
#[path = "core/cups.rs"]
mod cups;
#[path = "core/freeze.rs"]
mod freeze;
#[path = "core/held.rs"]
mod held;
#[path = "core/large.rs"]
mod large;
#[path = "core/load.rs"]
mod load;
#[path = "core/many.rs"]
mod many;
#[path = "core/peer.rs"]
mod peer;
#[path = "core/pool.rs"]
mod pool;
#[path = "core/report.rs"]
mod report;
#[path = "core/request.rs"]
mod request;
#[path = "core/sink.rs"]
mod sink;
#[path = "core/speed.rs"]
mod speed;
#[path = "../tests/support/mod.rs"]
mod support;

use cups::Cups;
use peer::Who;
use report::{Both, Report};

/// A usual small document.
const SMALL: &[u8] = &[b'x'; 10_000];

/// When a case is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Always,
    /// Where it is named: it takes long.
    Named,
}

struct Case {
    /// Those that tell of two things have two.
    names: &'static [&'static str],
    run: Run,
    measure: fn(&mut Bench),
}

const fn case(names: &'static [&'static str], measure: fn(&mut Bench)) -> Case {
    Case { names, run: Run::Always, measure }
}

const CASES: [Case; 18] = [
    case(&["a-accept-1"], |bench| speed::accept(bench, 1)),
    case(&["a-accept-8"], |bench| speed::accept(bench, 8)),
    case(&["a-accept-64"], |bench| speed::accept(bench, 64)),
    case(&["b-first-byte"], speed::first_byte),
    case(&["c-through-1", "i-cpu-1"], |bench| speed::through(bench, 1)),
    case(&["c-through-8", "i-cpu-8"], |bench| speed::through(bench, 8)),
    case(&["d-large"], large::whole),
    case(&["d-large-stream"], large::streamed),
    case(&["e-held-50k"], held::fifty_thousand),
    Case { names: &["e-held-1m"], run: Run::Named, measure: held::million },
    case(&["f-refuse"], |bench| pool::measure(bench, &pool::REFUSES)),
    case(&["f-reset"], |bench| pool::measure(bench, &pool::RESETS)),
    case(&["f-stall"], |bench| pool::measure(bench, &pool::STALLS)),
    case(&["g-kill"], crash::kill),
    case(&["h-idle-1k"], many::thousand),
    case(&["h-idle-10k"], many::ten_thousand),
    case(&["h-dead-1k"], many::dead),
    case(&["j-freeze"], freeze::measure),
];

/// What all cases share.
struct Bench {
    with_cups: bool,
    report: Report,
}

impl Bench {
    /// Measures both in turn, so often, so that a busy neighbour disturbs both.
    fn alternating<T>(&self, rounds: usize, mut measure: impl FnMut(Who) -> T) -> Both<Vec<T>> {
        let mut both = Both { spool: Vec::new(), cups: self.with_cups.then(Vec::new) };
        for _ in 0..rounds {
            both.spool.push(measure(Who::Spool));
            if let Some(cups) = &mut both.cups {
                cups.push(measure(Who::Cups));
            }
        }
        both
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let alone = arguments.iter().any(|argument| argument == "--alone");
    if !alone && !Cups::is_there() {
        println!("CUPS is not there, so spool is measured alone; benches/fetch-cups fetches it");
    }
    let mut bench = Bench { with_cups: !alone && Cups::is_there(), report: Report::default() };
    for case in CASES {
        let named = |wish: &&String| case.names.iter().any(|name| name.starts_with(wish.as_str()));
        if (wanted.is_empty() && case.run == Run::Always) || wanted.iter().any(named) {
            (case.measure)(&mut bench);
        }
    }
    bench.report.print();
}
