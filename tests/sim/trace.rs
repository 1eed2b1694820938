//! What happened, one line for each event, kept for the case that something goes wrong.

use std::collections::VecDeque;
use std::fmt;

/// How many lines are kept.
const TAIL: usize = 400;

#[derive(Clone, Debug, Default)]
pub struct Trace {
    lines: VecDeque<String>,
}

impl Trace {
    /// Columns: time, printer (or `-`), generation, job, what happened, the state after it.
    pub fn line(&mut self, at: u64, who: &str, generation: u64, job: &str, event: &str, state: &str) {
        if self.lines.len() == TAIL {
            self.lines.pop_front();
        }
        let seconds = at as f64 / 1000.0;
        let event: String = event.chars().take(150).collect();
        self.lines
            .push_back(format!("{seconds:>10.3} {who:<8} g{generation:<4} {job:<6} {event:<60} {state}"));
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "   seconds who      gen   job    event{:56}state", "")?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
