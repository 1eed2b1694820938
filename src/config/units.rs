//! Sizes and times as people write them: `64MiB`, `30s`.

use std::time::Duration;

/// What a size looks like, for messages.
pub const SIZE: &str = "a size such as 64MiB";
/// What a time looks like, for messages.
pub const TIME: &str = "a time such as 30s, 10m, 24h or 30d";

/// The longest time that can be asked for: ten years. More is a slip of the pen.
const TIME_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Reads a size: a whole number and one of `B KiB MiB GiB TiB`.
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Reads a time: a whole number and one of `ms s m h d`, up to ten years.
pub fn time(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        _ => return None,
    };
    let time = Duration::from_millis(number.checked_mul(milliseconds)?);
    (time <= TIME_MAX).then_some(time)
}

/// Writes a size for people: `1.5 MiB`.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, factor)| bytes >= *factor) {
        Some((unit, factor)) => format!("{:.1} {unit}", bytes as f64 / *factor as f64),
        None => format!("{bytes} B"),
    }
}

/// `64MiB` as 64 and `MiB`; digits may be grouped as in `1_000B`.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_')?;
    let (number, unit) = text.split_at(end);
    Some((number.replace('_', "").parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_need_a_unit_they_know() {
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("1_000B"), Some(1000));
        for bad in ["", "64", "MiB", "2 GB", "2GB", "-1B", "1.5MiB", "99999999TiB", "64mib"] {
            assert_eq!(size(bad), None, "{bad:?}");
        }
        assert_eq!(time("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(time("30d"), Some(Duration::from_secs(30 * 86_400)));
        for bad in ["", "30", "s", "30 s", "1w", "-1s", "3651d", "99999999999999999999s"] {
            assert_eq!(time(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_fits() {
        assert_eq!(size_text(0), "0 B");
        assert_eq!(size_text(1023), "1023 B");
        assert_eq!(size_text(1536), "1.5 KiB");
        assert_eq!(size_text(2 << 30), "2.0 GiB");
    }
}
