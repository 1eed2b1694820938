//! The journal is compacted while the store is in use, and the store stays what it is.

use super::*;
use crate::model::commit::Remove;
use crate::model::id::Revision;
use crate::model::job::{JobEvent, JobStatus};
use crate::store::journal;

const SEGMENT: u64 = 64 * 1024;

/// Small segments that are compacted as soon as there is anything to gain.
pub(in crate::store) fn eager() -> Options {
    Options {
        checkpoint_every: Duration::from_millis(20),
        cache_bytes: 8 << 20,
        journal: journal::Options { segment_bytes_max: SEGMENT },
        compaction: Compaction {
            slack_bytes: 2 * SEGMENT,
            look_every: Duration::from_millis(5),
            count_every: Duration::ZERO,
        },
    }
}
