//! How often somebody may be wrong. Secrets are too long to be guessed; this keeps it so where an administrator has
//! chosen the token himself, and keeps a program gone wrong out of the log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::time::MonoTime;

/// Wrong log-ins from one address within [`WINDOW`]; after that nothing from there is looked at until it is over.
pub const WRONG_MAX: u32 = 10;
pub const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered at once; one more takes the place of the oldest.
const ADDRESSES_MAX: usize = 1024;

/// Wrong log-ins by address. Those who come through the Unix socket have none and are never kept out.
#[derive(Debug, Default)]
pub struct Attempts {
    wrong: Mutex<HashMap<IpAddr, Count>>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: MonoTime,
    wrong: u32,
}

impl Attempts {
    /// Looks at credentials, unless too many from this address were wrong: `Err` with the time to wait then.
    pub fn look<T>(
        &self,
        from: IpAddr,
        now: MonoTime,
        look: impl FnOnce() -> Option<T>,
    ) -> Result<Option<T>, Duration> {
        let from = network(from);
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|_, count| now.since(count.since) < WINDOW);
        if let Some(count) = wrong.get(&from).filter(|count| count.wrong >= WRONG_MAX) {
            return Err(WINDOW.saturating_sub(now.since(count.since)));
        }
        let found = look();
        if found.is_none() {
            if wrong.len() >= ADDRESSES_MAX
                && let Some(oldest) = wrong.iter().min_by_key(|(_, count)| count.since).map(|(from, _)| *from)
            {
                wrong.remove(&oldest);
            }
            wrong.entry(from).or_insert(Count { since: now, wrong: 0 }).wrong += 1;
        }
        Ok(found)
    }
}

/// One customer's addresses are one: of IPv6 he has 2⁶⁴.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_wrong_too_often_waits_and_nobody_else() {
        let attempts = Attempts::default();
        let [first, second] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        let start = MonoTime::default();
        for n in 0..WRONG_MAX {
            let now = start.plus(Duration::from_secs(n.into()));
            assert_eq!(attempts.look(first, now, || None::<()>), Ok(None));
        }
        let now = start.plus(Duration::from_secs(20));
        assert_eq!(attempts.look(first, now, || Some(())), Err(Duration::from_secs(40)));
        assert_eq!(attempts.look(second, now, || Some(())), Ok(Some(())));
        assert_eq!(attempts.look(first, start.plus(WINDOW), || Some(())), Ok(Some(())));
    }

    #[test]
    fn the_memory_for_addresses_is_bounded() {
        let attempts = Attempts::default();
        for n in 0..=u32::try_from(ADDRESSES_MAX).expect("small") {
            let now = MonoTime::default().plus(Duration::from_millis(n.into()));
            assert_eq!(attempts.look(IpAddr::from(n.to_be_bytes()), now, || None::<()>), Ok(None));
        }
        assert_eq!(attempts.wrong.lock().expect("no panic").len(), ADDRESSES_MAX);
        let [one, other] = ["2001:db8::1", "2001:db8::2"].map(|text| text.parse().expect("an address"));
        assert_eq!(network(one), network(other));
    }
}
