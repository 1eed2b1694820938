//! A pool: printers that share a queue.

pub mod able;
pub mod choice;
pub mod speed;

use super::id::{PoolId, PrinterId, QueueName};
use super::printer::{Origin, PrinterState};

/// The most pools one server keeps.
pub const POOLS_MAX: usize = 10_000;
/// The most printers in one pool.
pub const MEMBERS_MAX: usize = 1_000;

/// A pool as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub id: PoolId,
    pub name: QueueName,
    /// In the order in which `first-available` asks them. None where all have gone: its jobs wait.
    pub members: Vec<PrinterId>,
    pub policy: PoolPolicy,
    pub origin: Origin,
    /// Whether it takes new jobs.
    pub accepting: bool,
}

/// A pool as somebody wants it, its members by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolDraft {
    pub name: QueueName,
    pub members: Vec<QueueName>,
    pub policy: PoolPolicy,
}

/// Which member takes the next job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PoolPolicy {
    #[default]
    LeastCompletionTime,
    RoundRobin,
    FirstAvailable,
}

impl PoolPolicy {
    pub const ALL: [PoolPolicy; 3] =
        [PoolPolicy::LeastCompletionTime, PoolPolicy::RoundRobin, PoolPolicy::FirstAvailable];

    /// The word for it in the configuration, over HTTP and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            PoolPolicy::LeastCompletionTime => "least-completion-time",
            PoolPolicy::RoundRobin => "round-robin",
            PoolPolicy::FirstAvailable => "first-available",
        }
    }
}

/// What the members of a pool do just now, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members {
    pub idle: usize,
    pub processing: usize,
    pub stopped: usize,
}

impl Members {
    pub fn count(states: impl IntoIterator<Item = PrinterState>) -> Members {
        states.into_iter().fold(Members::default(), |mut members, state| {
            match state {
                PrinterState::Idle => members.idle += 1,
                PrinterState::Processing => members.processing += 1,
                PrinterState::Stopped => members.stopped += 1,
            }
            members
        })
    }

    /// The state of the pool as if it were one printer (RFC 8011 section 5.4.11): it is stopped only where
    /// none of its members can print.
    pub fn state(self) -> PrinterState {
        match self {
            Members { processing: 1.., .. } => PrinterState::Processing,
            Members { idle: 1.., .. } => PrinterState::Idle,
            _ => PrinterState::Stopped,
        }
    }

    /// For people.
    pub fn sentence(self) -> String {
        let Members { idle, processing, stopped } = self;
        let all = idle + processing + stopped;
        if all == 0 {
            return "it has no members: its jobs wait until it has, or until they are moved".to_owned();
        }
        let mut parts = Vec::new();
        for (number, what) in [(processing, "busy"), (idle, "idle"), (stopped, "stopped")] {
            if number > 0 {
                parts.push(format!("{number} {what}"));
            }
        }
        let parts = parts.join(", ");
        match self.state() {
            PrinterState::Stopped => format!("none of its {all} printers can print now"),
            PrinterState::Idle | PrinterState::Processing if all == 1 => {
                format!("its printer is {}", &parts[2..])
            }
            PrinterState::Idle | PrinterState::Processing => format!("of its {all} printers: {parts}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PrinterState::{Idle, Processing, Stopped};

    #[test]
    fn a_pool_is_stopped_only_where_no_member_can_print() {
        let cases: [(&[PrinterState], PrinterState, &str); 5] = [
            (&[], Stopped, "it has no members: its jobs wait until it has, or until they are moved"),
            (&[Stopped, Stopped], Stopped, "none of its 2 printers can print now"),
            (&[Stopped, Idle], Idle, "of its 2 printers: 1 idle, 1 stopped"),
            (&[Idle, Processing, Idle], Processing, "of its 3 printers: 1 busy, 2 idle"),
            (&[Idle], Idle, "its printer is idle"),
        ];
        for (states, state, sentence) in cases {
            let members = Members::count(states.iter().copied());
            assert_eq!((members.state(), members.sentence().as_str()), (state, sentence), "{states:?}");
        }
    }
}
