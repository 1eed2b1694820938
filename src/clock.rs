//! The only reader of time. Everything else is told, so that the simulator and paused clocks can tell it
//! something else.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::time::{MonoTime, Now, WallTime};

/// Tells the present. Cloning is cheap; clones agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    /// The machine's clocks; the monotonic one counts from this instant.
    Machine(Instant),
    /// tokio's clock, which tests may pause; the wall clock runs along with it from a fixed moment.
    Tokio(tokio::time::Instant),
}

/// Where the wall clock of a paused test begins: 2026-01-01T00:00:00Z.
const TEST_EPOCH: WallTime = WallTime(1_767_225_600_000);

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "the one place that may")]
    pub fn machine() -> Clock {
        Clock { source: Source::Machine(Instant::now()) }
    }

    /// A clock that follows tokio's, also where that is paused.
    pub fn tokio() -> Clock {
        Clock { source: Source::Tokio(tokio::time::Instant::now()) }
    }

    #[allow(clippy::disallowed_methods, reason = "the one place that may")]
    pub fn now(&self) -> Now {
        match self.source {
            Source::Machine(start) => Now { wall: wall(), mono: MonoTime(start.elapsed()) },
            Source::Tokio(start) => {
                let elapsed: Duration = start.elapsed();
                Now { wall: TEST_EPOCH.plus(elapsed), mono: MonoTime(elapsed) }
            }
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that may")]
fn wall() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
