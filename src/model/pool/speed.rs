//! How fast a printer is, after what was seen of it, and how long work takes that waits for it.

use std::time::Duration;

use crate::model::time::MonoTime;

/// Smaller jobs say more about connecting than about printing: nothing is learned of them, in bytes.
pub const LEARN_BYTES_MIN: u64 = 64 * 1024;
/// The weight of the newest job in what is learned: one in so many.
const NEWEST: u64 = 4;
/// What a printer is taken for of which no mate knows anything either, in bytes a second.
pub const SPEED_DEFAULT: u64 = 1024 * 1024;

/// A job that a printer has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InHand {
    /// When it was begun.
    pub since: MonoTime,
    /// All that is to be handed over of it.
    pub bytes: u64,
}

impl InHand {
    /// The bytes that are left at this speed, as far as can be told from outside.
    pub fn left(self, speed: u64, now: MonoTime) -> u64 {
        let done = now.since(self.since).as_millis().saturating_mul(u128::from(speed)) / 1000;
        self.bytes.saturating_sub(u64::try_from(done).unwrap_or(u64::MAX))
    }
}

/// The speed after another job of so many bytes, in bytes a second; `None` where nothing is known yet.
pub fn learn(known: Option<u64>, bytes: u64, took: Duration) -> Option<u64> {
    if bytes < LEARN_BYTES_MIN {
        return known;
    }
    let seen = u128::from(bytes) * 1000 / took.as_millis().max(1);
    let seen = u64::try_from(seen).unwrap_or(u64::MAX).max(1);
    Some(match known {
        None => seen,
        Some(known) => known - known / NEWEST + seen / NEWEST,
    })
}

/// Whether a speed has changed enough to be written down: by more than a tenth.
pub fn differs(a: Option<u64>, b: Option<u64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.abs_diff(b) > a.max(b) / 10,
        (a, b) => a != b,
    }
}

/// How long so many bytes take at this speed.
pub fn time_for(bytes: u64, speed: u64) -> Duration {
    let micros = u128::from(bytes) * 1_000_000 / u128::from(speed.max(1));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// The mean of the speeds that are known, or the default.
pub fn mean(known: impl Iterator<Item = u64>) -> u64 {
    let (sum, count) = known.fold((0u128, 0u128), |(sum, count), speed| (sum + u128::from(speed), count + 1));
    sum.checked_div(count).and_then(|mean| u64::try_from(mean).ok()).unwrap_or(SPEED_DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_learned_from_jobs_that_say_something() {
        let second = Duration::from_secs(1);
        assert_eq!(learn(None, 100, second), None);
        assert_eq!(learn(None, 1_000_000, second), Some(1_000_000));
        assert_eq!(learn(Some(1_000_000), 2_000_000, second), Some(1_250_000));
        assert_eq!(learn(Some(1_000_000), 10, second), Some(1_000_000));
        let mut speed = None;
        for _ in 0..30 {
            speed = learn(speed, 3_000_000, second);
        }
        assert!(!differs(speed, Some(3_000_000)), "{speed:?}");
        assert!(differs(None, Some(1)) && differs(Some(100), Some(80)) && !differs(Some(100), Some(95)));
    }

    #[test]
    fn what_is_left_shrinks_with_time() {
        let hand = InHand { since: MonoTime(Duration::from_secs(10)), bytes: 1000 };
        let left = |seconds| hand.left(100, MonoTime(Duration::from_secs(seconds)));
        assert_eq!([left(10), left(15), left(20), left(99)], [1000, 500, 0, 0]);
        assert_eq!(time_for(500, 100), Duration::from_secs(5));
        assert_eq!(mean([100, 300].into_iter()), 200);
        assert_eq!(mean(std::iter::empty()), SPEED_DEFAULT);
    }
}
