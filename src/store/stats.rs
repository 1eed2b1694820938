//! What the store has taken since it was opened, counted in the one place through which every change goes.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::commit::Commit;

/// Counters that only grow; a restart begins at zero.
#[derive(Debug, Default)]
pub struct Stats {
    pub commits: AtomicU64,
    /// Groups of commits: one sync each.
    pub groups: AtomicU64,
    pub accepted: AtomicU64,
    pub attempts: AtomicU64,
    pub completed: AtomicU64,
    pub failed: AtomicU64,
    pub canceled: AtomicU64,
    pub restarted: AtomicU64,
    pub rerouted: AtomicU64,
    /// Bytes of completed jobs, as they went to their printers.
    pub bytes_completed: AtomicU64,
}

impl Stats {
    /// A group has become durable.
    pub(super) fn group<'a>(&self, commits: impl Iterator<Item = &'a Commit>) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        commits.for_each(|commit| self.commit(commit));
    }

    fn commit(&self, commit: &Commit) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        for entry in &commit.timeline {
            let counter = match &*entry.kind {
                "accepted" => &self.accepted,
                "attempt" => &self.attempts,
                "completed" => &self.completed,
                "failed" => &self.failed,
                "canceled" => &self.canceled,
                "restarted" => &self.restarted,
                "rerouted" => &self.rerouted,
                _ => continue,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            if entry.kind == "completed"
                && let Some(job) = commit.jobs.iter().find(|job| job.id == entry.job)
            {
                self.bytes_completed.fetch_add(job.bytes_sent, Ordering::Relaxed);
            }
        }
    }
}
