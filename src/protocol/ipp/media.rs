//! Sizes of media in self-describing names (PWG 5101.1 section 5): `iso_a4_210x297mm`, `na_letter_8.5x11in`.

/// Width and height, in hundredths of a millimetre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MediaSize {
    pub x: i32,
    pub y: i32,
}

/// Hundredths of a millimetre.
const MILLIMETRE: u64 = 100;
const INCH: u64 = 2_540;
/// Digits behind the point that a name may have; more are no size.
const DECIMALS_MAX: usize = 4;

/// The size that a self-describing name tells; `None` for other names, such as `a4` and `auto`.
pub fn media_size(name: &str) -> Option<MediaSize> {
    let (_, size) = name.rsplit_once('_')?;
    let (size, unit) = match (size.strip_suffix("mm"), size.strip_suffix("in")) {
        (Some(size), _) => (size, MILLIMETRE),
        (_, Some(size)) => (size, INCH),
        (None, None) => return None,
    };
    let (x, y) = size.split_once('x')?;
    Some(MediaSize { x: length(x, unit)?, y: length(y, unit)? })
}

/// A decimal number of units, rounded to the nearest hundredth of a millimetre.
fn length(text: &str, unit: u64) -> Option<i32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > DECIMALS_MAX || whole.len() > 5 {
        return None;
    }
    let scale = 10u64.pow(decimals.len() as u32);
    let number = whole.parse::<u64>().ok()? * scale + decimals.parse::<u64>().ok()?;
    let length = (number * unit + scale / 2) / scale;
    i32::try_from(length).ok().filter(|length| *length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_sizes() {
        let cases = [
            ("iso_a4_210x297mm", Some((21_000, 29_700))),
            ("na_letter_8.5x11in", Some((21_590, 27_940))),
            ("na_number-10_4.125x9.5in", Some((10_478, 24_130))),
            ("custom_min_76.2x127mm", Some((7_620, 12_700))),
            ("a4", None),
            ("iso_a4_210x297", None),
            ("iso_a4_210mm", None),
            ("x_0x1mm", None),
            ("x_-1x1mm", None),
            ("x_1x1.00000mm", None),
            ("x_999999x1in", None),
            ("x_.5x1in", None),
            ("x_x1in", None),
            ("", None),
        ];
        for (name, size) in cases {
            assert_eq!(media_size(name).map(|size| (size.x, size.y)), size, "{name}");
        }
    }
}
