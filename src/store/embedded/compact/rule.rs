//! When the journal is worth compacting, and when it is worth counting what of it is live.

use std::time::Duration;

use crate::model::time::MonoTime;
use crate::store::journal::SEGMENT_BYTES_MAX;

/// How much of the journal may be dead, and how often that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Compaction {
    /// Bytes that the journal may have beyond twice what is live.
    pub slack_bytes: u64,
    /// How often the journal's length is looked at.
    pub look_every: Duration,
    /// How often what is live is counted while the store changes, at least. All keys are read for it.
    pub count_every: Duration,
}

impl Default for Compaction {
    fn default() -> Self {
        Compaction {
            slack_bytes: 2 * SEGMENT_BYTES_MAX,
            look_every: Duration::from_secs(5),
            count_every: Duration::from_mins(10),
        }
    }
}

/// Where less than this is free on the disk, the journal is kept shorter than it need be: more is written then for
/// each byte that is freed. Well above what must be free for a new job to be accepted.
pub(super) const SHORT_OF_SPACE_BYTES: u64 = 768 * 1024 * 1024;
/// Where the disk is short of space, what is live is counted so many times as often.
const HASTE: u32 = 10;

/// How much room there is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Enough,
    Short,
}

impl Space {
    pub fn of(free_bytes: u64) -> Space {
        if free_bytes < SHORT_OF_SPACE_BYTES { Space::Short } else { Space::Enough }
    }
}

/// What was live when it was counted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub live_bytes: u64,
    /// Bytes of the journal then.
    pub total_bytes: u64,
    /// The last commit then.
    pub seq: u64,
    pub at: MonoTime,
}

/// How long the journal is now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub total_bytes: u64,
    pub seq: u64,
    pub space: Space,
    pub now: MonoTime,
}

impl Compaction {
    /// Whether the journal is longer than it should be. With twice the live bytes each byte carried frees one at least,
    /// so that nothing is written more than twice; short of space it is four.
    pub(super) fn is_too_long(&self, total_bytes: u64, live_bytes: u64, space: Space) -> bool {
        let dead_allowed = match space {
            Space::Enough => live_bytes,
            Space::Short => live_bytes / 4,
        };
        total_bytes > live_bytes.saturating_add(dead_allowed).saturating_add(self.slack_bytes)
    }

    /// Whether it is time to let go what was carried: until then it takes room twice.
    pub(super) fn is_enough_at_once(&self, written_bytes: u64, space: Space) -> bool {
        match space {
            Space::Enough => written_bytes > self.slack_bytes / 2,
            Space::Short => written_bytes > self.slack_bytes / 16,
        }
    }

    /// Whether to count. A journal within the slack needs none. Else the keys are read again when the journal has grown
    /// by a part of what was live, so that reading costs in proportion to what is written; and after some time in any
    /// case, because removals make the live part smaller and the journal hardly longer.
    pub(super) fn is_count_due(&self, last: Option<Counted>, present: Present) -> bool {
        if present.total_bytes <= self.slack_bytes {
            return false;
        }
        let Some(last) = last.filter(|last| last.seq <= present.seq) else { return true };
        let every = match present.space {
            Space::Enough => self.count_every,
            Space::Short => self.count_every / HASTE,
        };
        let grown = present.total_bytes.saturating_sub(last.total_bytes);
        present.seq != last.seq
            && (grown >= self.slack_bytes.max(last.live_bytes / 4) || present.now.since(last.at) >= every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Compaction = Compaction {
        slack_bytes: 100,
        look_every: Duration::from_secs(1),
        count_every: Duration::from_secs(60),
    };

    #[test]
    fn twice_what_is_live_and_the_slack_may_be_there() {
        for (total, live, space, long) in [
            (100, 0, Space::Enough, false),
            (101, 0, Space::Enough, true),
            (2100, 1000, Space::Enough, false),
            (2101, 1000, Space::Enough, true),
            (1350, 1000, Space::Short, false),
            (1351, 1000, Space::Short, true),
            (u64::MAX, u64::MAX / 2, Space::Enough, false),
        ] {
            assert_eq!(RULE.is_too_long(total, live, space), long, "{total} of which {live}");
        }
    }

    #[test]
    fn counting_is_in_proportion_to_what_was_written() {
        let last = Counted { live_bytes: 4000, total_bytes: 5000, seq: 7, at: MonoTime(Duration::ZERO) };
        let due = |total_bytes, seq, seconds, space| {
            let now = MonoTime(Duration::from_secs(seconds));
            RULE.is_count_due(Some(last), Present { total_bytes, seq, space, now })
        };
        assert!(!due(5999, 8, 59, Space::Enough), "neither grown nor old");
        assert!(due(6000, 8, 0, Space::Enough), "grown by a quarter");
        assert!(due(5001, 8, 60, Space::Enough), "old, and something has happened");
        assert!(!due(5000, 7, 600, Space::Enough), "old, and nothing has happened");
        assert!(due(5001, 8, 6, Space::Short), "in haste");
        assert!(!due(100, 9, 600, Space::Short), "within the slack");
        let now = MonoTime(Duration::ZERO);
        let present = |total_bytes| Present { total_bytes, seq: 1, space: Space::Enough, now };
        assert!(!RULE.is_count_due(None, present(100)) && RULE.is_count_due(None, present(101)));
    }
}
