//! The order of jobs that wait.

use super::id::{AcceptedSeq, JobId};
use super::job::Priority;

/// How many jobs a traffic manager reads first from the heads of its queues, where some may be none for it.
pub const FIRST_ENTRIES: usize = 4;
/// How many it reads at once where none of the first were for it.
pub const HEAD_ENTRIES: usize = 64;
/// So many jobs that it may not take are passed over for one that it may; further behind nothing is looked for.
pub const PASSED_OVER_MAX: usize = 1024;

/// A place in a queue. Higher priority first, then the older; the number only to make it unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderKey {
    pub priority: Priority,
    pub accepted: AcceptedSeq,
    pub job: JobId,
}

impl Ord for OrderKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.priority, self.accepted, self.job).cmp(&(self.priority, other.accepted, other.job))
    }
}

impl PartialOrd for OrderKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// How much waits in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Jobs that wait or are at a printer; held ones are not counted.
    pub jobs: u64,
    pub bytes: u64,
    pub held: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_goes_before_age_and_age_before_number() {
        let key = |priority, accepted, job| OrderKey {
            priority: Priority::new(priority).unwrap(),
            accepted: AcceptedSeq(accepted),
            job: JobId(job),
        };
        let mut keys = [key(50, 2, 1), key(50, 1, 9), key(100, 7, 3), key(1, 0, 4), key(50, 2, 0)];
        keys.sort();
        let order: Vec<u32> = keys.iter().map(|key| key.job.0).collect();
        assert_eq!(order, [3, 9, 0, 1, 4]);
    }
}
