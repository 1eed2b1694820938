//! Time as a value. The model never asks what time it is: it is told.

use std::fmt;
use std::time::Duration;

/// A moment on the wall clock: milliseconds since 1970-01-01T00:00:00Z. For people and for history;
/// it may jump, so nothing waits by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub u64);

/// A moment on the monotonic clock: the time since the process began. Everything that waits, waits by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoTime(pub Duration);

/// The present, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub wall: WallTime,
    pub mono: MonoTime,
}

impl WallTime {
    pub fn plus(self, wait: Duration) -> WallTime {
        WallTime(self.0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }

    pub fn minus(self, wait: Duration) -> WallTime {
        WallTime(self.0.saturating_sub(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl MonoTime {
    pub fn plus(self, wait: Duration) -> MonoTime {
        MonoTime(self.0.saturating_add(wait))
    }

    /// How long ago `earlier` was; nothing if it is still to come.
    pub fn since(self, earlier: MonoTime) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Now {
    /// The moment on the wall clock at which the monotonic clock will show `at`.
    pub fn wall_at(self, at: MonoTime) -> WallTime {
        self.wall.plus(at.since(self.mono))
    }
}

impl fmt::Display for MonoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.0.as_secs_f64())
    }
}
