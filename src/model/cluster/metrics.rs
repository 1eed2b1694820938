//! How loaded a server is, as it tells the others each second.

use std::sync::Arc;
use std::time::Duration;

use crate::model::document::Format;
use crate::model::id::QueueName;

/// How often a node tells the others how it is.
pub const PERIOD: Duration = Duration::from_secs(1);
/// A node that has not been heard for this long gets nothing.
pub const SILENT_AFTER: Duration = Duration::from_secs(3);
/// The most queues that a node tells of; those with work and those that were asked for last go first.
pub const QUEUES_TOLD_MAX: usize = 2_000;

/// One measurement of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Counts the measurements of one life of the node; an older one that arrives late changes nothing.
    pub seq: u64,
    pub taking: Taking,
    /// Jobs that have not ended, those that were promised room and have not come among them.
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    /// How long all that takes, as far as is known.
    pub expected_completion: Option<Duration>,
    /// Threads that send.
    pub busy_workers: u32,
    /// Of all processors of its machine, in thousandths; `None` where the system does not tell.
    pub cpu_permille: Option<u16>,
    /// Where its state is, in bytes.
    pub free_disk: Option<u64>,
    /// The queue that it uses where none is named.
    pub default: Option<QueueName>,
    pub queues: Arc<Vec<QueueLoad>>,
}

/// Whether a server takes new work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Taking {
    #[default]
    Open,
    /// Its limits of jobs are reached.
    Full,
    DiskFull,
    Stopping,
}

impl Taking {
    pub const ALL: [Taking; 4] = [Taking::Open, Taking::Full, Taking::DiskFull, Taking::Stopping];

    pub fn word(self) -> &'static str {
        match self {
            Taking::Open => "open",
            Taking::Full => "full",
            Taking::DiskFull => "disk-full",
            Taking::Stopping => "stopping",
        }
    }
}

/// One queue of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueLoad {
    pub name: QueueName,
    /// Whether it takes new jobs.
    pub accepting: bool,
    /// Whether it is offered to the network.
    pub shared: bool,
    /// Whether one of its printers can print just now, as far as is known.
    pub able: bool,
    /// What its printers take; empty where that is not known.
    pub formats: Vec<Format>,
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    /// Of all its printers together, where it was learned.
    pub bytes_per_s: Option<u64>,
    /// For all that waits there.
    pub expected_wait: Option<Duration>,
}

impl Taking {
    pub fn from_word(word: &str) -> Option<Taking> {
        Taking::ALL.into_iter().find(|taking| taking.word() == word)
    }
}

impl QueueLoad {
    /// Whether a document of this format may be sent there.
    pub fn takes(&self, format: &Format) -> bool {
        *format == Format::Unknown || self.formats.is_empty() || self.formats.contains(format)
    }
}

impl Metrics {
    /// The queue of this name, or the default one where none is named.
    pub fn queue(&self, name: Option<&QueueName>) -> Option<&QueueLoad> {
        let name = name.or(self.default.as_ref())?;
        self.queues.iter().find(|queue| queue.name == *name)
    }
}
