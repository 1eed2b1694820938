//! What a server says on its standard error.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io::BufRead;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Lines of a log, and whoever waits for the next one.
#[derive(Default)]
pub struct Log {
    lines: Mutex<Lines>,
    came: Condvar,
}

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    ended: bool,
}

/// So much of a log is shown where a test fails.
const SHOWN: usize = 60;

impl Log {
    pub fn read(&self, from: impl BufRead) {
        for line in from.lines().map_while(Result::ok) {
            self.lines.lock().unwrap().all.push(line);
            self.came.notify_all();
        }
        self.lines.lock().unwrap().ended = true;
        self.came.notify_all();
    }

    pub fn len(&self) -> usize {
        self.lines.lock().unwrap().all.len()
    }

    /// Waits for a further line, but not for long.
    pub fn wait(&self, seen: usize, longest: Duration) {
        let nothing = |lines: &mut Lines| lines.all.len() <= seen && !lines.ended;
        drop(self.came.wait_timeout_while(self.lines.lock().unwrap(), longest, nothing).unwrap());
    }

    pub fn ended(&self, longest: Duration) -> bool {
        let runs = |lines: &mut Lines| !lines.ended;
        self.came.wait_timeout_while(self.lines.lock().unwrap(), longest, runs).unwrap().0.ended
    }

    pub fn text(&self) -> String {
        let lines = self.lines.lock().unwrap();
        lines.all[lines.all.len().saturating_sub(SHOWN)..].join("\n")
    }
}
