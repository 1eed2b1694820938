//! Toner, ink, waste: printer-supply (PWG 5100.13 section 5.6.21) or the older marker-* attributes of CUPS.

use super::attribute::Group;
use super::value::Value;

/// The most supplies that are read of one printer.
const SUPPLIES_MAX: usize = 100;

/// One supply. What the printer does not say is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    pub name: String,
    /// In the words of marker-types: `toner-cartridge`, `ink`, `waste-toner`.
    pub kind: Option<String>,
    /// `#RRGGBB`.
    pub color: Option<String>,
    /// What is left, 0 to 100; of a container that fills up, the space that is left.
    pub percent: Option<u8>,
}

/// The supplies that a printer group tells of.
pub(super) fn supplies(printer: &Group<'_>) -> Vec<Supply> {
    let descriptions = printer.strings("printer-supply-description");
    let values = printer.values("printer-supply").iter().take(SUPPLIES_MAX);
    let told: Vec<Supply> = values
        .enumerate()
        .filter_map(|(at, value)| {
            // An octetString by the standard; some printers send text.
            let text = match value {
                Value::OctetString(bytes) => String::from_utf8_lossy(bytes),
                other => other.text()?,
            };
            Some(from_pairs(&text, descriptions.get(at).cloned()))
        })
        .collect();
    if told.is_empty() { from_markers(printer) } else { told }
}

/// `type=toner;unit=percent;maxcapacity=100;level=40;colorantname=cyan;`, with keys in any order.
fn from_pairs(text: &str, description: Option<String>) -> Supply {
    let pair = |key: &str| {
        let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        let mut found = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(key));
        found.next().map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    };
    let number = |key| pair(key).and_then(|value| value.parse::<i64>().ok());
    let kind = pair("type").map(hyphenated);
    let used = pair("class").is_some_and(|class| class.eq_ignore_ascii_case("receptacleThatIsFilled"));
    let colorant = pair("colorantname").filter(|name| !name.eq_ignore_ascii_case("unknown"));
    let in_percent = pair("unit").is_some_and(|unit| unit.eq_ignore_ascii_case("percent"));
    let max = number("maxcapacity").filter(|max| *max > 0).or(in_percent.then_some(100));
    let percent = number("level").and_then(|level| percent(level, max?));
    Supply {
        name: description
            .filter(|text| !text.is_empty())
            .or_else(|| colorant.map(str::to_owned))
            .or_else(|| kind.clone())
            .unwrap_or_default(),
        kind,
        color: colorant.and_then(color_of),
        percent: if used { percent.map(|full| 100 - full) } else { percent },
    }
}

/// marker-names, -types, -colors and -levels, side by side.
fn from_markers(printer: &Group<'_>) -> Vec<Supply> {
    let names = printer.strings("marker-names");
    let kinds = printer.strings("marker-types");
    let colors = printer.strings("marker-colors");
    let levels = printer.integers("marker-levels");
    let count = names.len().max(kinds.len()).max(levels.len()).min(SUPPLIES_MAX);
    let supply = |at: usize| {
        let kind = kinds.get(at).filter(|kind| !kind.is_empty()).cloned();
        let level = levels.get(at).and_then(|level| percent(i64::from(*level), 100));
        let fills = kind.as_ref().is_some_and(|kind| kind.starts_with("waste"));
        Supply {
            name: names.get(at).cloned().or_else(|| kind.clone()).unwrap_or_default(),
            color: colors.get(at).and_then(|color| color_of(color)),
            percent: if fills { level.map(|full| 100 - full) } else { level },
            kind,
        }
    };
    (0..count).map(supply).collect()
}

/// Levels below 0 mean «unknown», «some» and «no limit» (RFC 3805, prtMarkerSuppliesLevel).
fn percent(level: i64, max: i64) -> Option<u8> {
    let level = level.clamp(-1, max);
    (level >= 0).then(|| i128::from(level) * 100 / i128::from(max)).and_then(|part| u8::try_from(part).ok())
}

/// `wasteToner`, as printer MIBs say it, as IPP's `waste-toner`.
fn hyphenated(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// A colour by its number or its name.
fn color_of(text: &str) -> Option<String> {
    let is_number = text
        .strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|c| c.is_ascii_hexdigit()));
    let named = match text.to_ascii_lowercase().as_str() {
        "black" => "#000000",
        "cyan" => "#00FFFF",
        "magenta" => "#FF00FF",
        "yellow" => "#FFFF00",
        "red" => "#FF0000",
        "green" => "#00FF00",
        "blue" => "#0000FF",
        "white" => "#FFFFFF",
        _ if is_number => return Some(text.to_ascii_uppercase()),
        _ => return None,
    };
    Some(named.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ipp::{Attribute, GroupTag};

    fn percent_of(text: &str) -> Option<u8> {
        from_pairs(text, None).percent
    }

    #[test]
    fn levels_are_told_in_percent_of_what_is_left() {
        let cases = [
            ("type=toner;maxcapacity=8000;level=2000;unit=impressions", Some(25)),
            ("type=toner;unit=percent;level=40", Some(40)),
            ("level=40", None),
            ("maxcapacity=100;level=-2", None),
            ("maxcapacity=100;level=-3", None),
            ("maxcapacity=-2;level=10", None),
            ("maxcapacity=0;level=10", None),
            ("maxcapacity=100;level=250", Some(100)),
            ("class=receptacleThatIsFilled;maxcapacity=100;level=90", Some(10)),
            ("maxcapacity=9223372036854775807;level=9223372036854775807", Some(100)),
            ("maxcapacity=99999999999999999999;level=1", None),
            ("", None),
            (";;=;level", None),
        ];
        for (text, percent) in cases {
            assert_eq!(percent_of(text), percent, "{text}");
        }
    }

    #[test]
    fn older_printers_tell_by_their_markers() {
        let mut printer = Group::new(GroupTag::Printer);
        let texts = |name, texts: &[&'static str]| Attribute {
            name: std::borrow::Cow::Borrowed(name),
            values: texts.iter().map(|text| Value::name(*text)).collect(),
        };
        let levels = [80, -1, 30].map(Value::Integer).to_vec();
        printer.attributes = vec![
            texts("marker-names", &["Cyan", "Black", "Waste"]),
            texts("marker-types", &["ink-cartridge", "ink", "waste-ink"]),
            texts("marker-colors", &["#00ffff", "none", "#1#2#3"]),
            Attribute { name: "marker-levels".into(), values: levels },
        ];
        let told: Vec<_> = supplies(&printer).into_iter().map(|s| (s.name, s.color, s.percent)).collect();
        let expected = [
            ("Cyan".to_owned(), Some("#00FFFF".to_owned()), Some(80)),
            ("Black".to_owned(), None, None),
            ("Waste".to_owned(), None, Some(70)),
        ];
        assert_eq!(told, expected);
    }
}
