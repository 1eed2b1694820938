//! A pool: printers that share a queue.

pub mod able;
pub mod choice;
pub mod speed;

use super::id::{PoolId, PrinterId, QueueName};

/// A pool as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub id: PoolId,
    pub name: QueueName,
    /// In the order in which `first-available` asks them.
    pub members: Vec<PrinterId>,
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
