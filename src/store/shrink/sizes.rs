//! How much room the parts of a store take.

use super::{ShrinkError, bytes_below};
use crate::store::journal::{Directory, bytes_of};
use crate::store::state::State;

/// Bytes on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub journal: u64,
    pub index: u64,
}

impl Sizes {
    pub(super) fn of(state: &State, files: &Directory) -> Result<Sizes, ShrinkError> {
        Ok(Sizes { journal: bytes_of(files)?, index: bytes_below(&state.sled())? })
    }
}

/// `1.2 GiB`: three digits at most, and the unit.
pub(super) fn told(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (bytes.saturating_mul(10), 0);
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    match (unit, tenths) {
        (1.., 0..100) => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
        _ => format!("{} {}", tenths / 10, UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_units_that_can_be_read() {
        for (bytes, said) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (10 * 1024 - 1, "9.9 KiB"),
            (10 * 1024, "10 KiB"),
            (1_300_000_000, "1.2 GiB"),
            (u64::MAX, "1677721 TiB"),
        ] {
            assert_eq!(told(bytes), said);
        }
    }
}
