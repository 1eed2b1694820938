//! A pool: printers that share a queue.

use super::id::{PoolId, PrinterId, QueueName};
use super::printer::Origin;

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
