//! When a traffic manager that failed is made anew: at once after its first failure, later and later where it
//! fails again and again, so that one that fails before it can decide anything costs next to nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::id::PrinterId;
use super::time::MonoTime;

/// The wait after the second failure in a row; each further one doubles it …
pub const FIRST_WAIT: Duration = Duration::from_millis(250);
/// … up to this.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// After so long without a failure the next one is a first one.
pub const CALM: Duration = Duration::from_secs(600);

/// The failures of all traffic managers that failed lately.
#[derive(Clone, Debug, Default)]
pub struct Revivals {
    failed: BTreeMap<PrinterId, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    in_row: u32,
    last: MonoTime,
}

impl Revivals {
    /// A traffic manager has failed: how long to wait before it is made anew.
    pub fn wait_after(&mut self, printer: PrinterId, now: MonoTime) -> Duration {
        self.failed.retain(|_, failures| now.since(failures.last) < CALM);
        let failures = self.failed.entry(printer).or_insert(Failures { in_row: 0, last: now });
        *failures = Failures { in_row: failures.in_row.saturating_add(1), last: now };
        match failures.in_row {
            1 => Duration::ZERO,
            in_row => FIRST_WAIT.saturating_mul(1 << (in_row - 2).min(16)).min(LONGEST_WAIT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_failure_costs_no_wait_and_each_further_one_twice_the_last() {
        let mut revivals = Revivals::default();
        let mut now = MonoTime::default();
        let mut wait = || {
            let wait = revivals.wait_after(PrinterId(1), now);
            now = now.plus(wait);
            wait
        };
        assert_eq!(wait(), Duration::ZERO);
        let waits: Vec<u128> = (0..10).map(|_| wait().as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    }

    #[test]
    fn a_failure_is_forgotten_after_a_calm_time_and_is_nobody_elses() {
        let mut revivals = Revivals::default();
        let early = MonoTime(SECOND);
        assert_eq!(revivals.wait_after(PrinterId(1), early), Duration::ZERO);
        assert_eq!(revivals.wait_after(PrinterId(2), early), Duration::ZERO);
        let last = early.plus(CALM - SECOND);
        assert_eq!(revivals.wait_after(PrinterId(1), last), FIRST_WAIT);
        assert_eq!(revivals.wait_after(PrinterId(1), last.plus(CALM)), Duration::ZERO);
    }
}
