//! What a submitter asks for besides the document: IPP's job template attributes (RFC 8011 section 5.2 and
//! PWG 5100.x), by their names.

use std::collections::BTreeMap;
use std::fmt;

/// The most copies that one job may ask for.
pub const COPIES_MAX: u32 = 9_999;
/// The most options that one job may carry.
pub const OPTIONS_MAX: usize = 64;
/// The longest value of an option, in bytes.
pub const VALUE_BYTES_MAX: usize = 255;

/// Checked options. The names are IPP's, the values are what the submitter wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    values: BTreeMap<String, String>,
}

/// Why an option was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadOption {
    Unknown { name: String },
    Value { name: String, value: String, expected: &'static str },
    TooMany,
}

impl fmt::Display for BadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadOption::Unknown { name } => {
                write!(f, "no option is named {name:?}; known are ")?;
                let mut names = KNOWN.iter().map(|(name, _)| *name);
                names.next().map_or(Ok(()), |first| f.write_str(first))?;
                names.try_for_each(|name| write!(f, ", {name}"))
            }
            BadOption::Value { name, value, expected } => {
                write!(f, "option {name} cannot be {value:?}: expected {expected}")
            }
            BadOption::TooMany => write!(f, "more than {OPTIONS_MAX} options"),
        }
    }
}

impl std::error::Error for BadOption {}

/// What the values of an option look like.
#[derive(Clone, Copy)]
enum Values {
    Number(u32, u32, &'static str),
    OneOf(&'static [&'static str], &'static str),
    /// A media size or type by its self-describing name (PWG 5101.1), or any other keyword.
    Keyword,
    /// Ranges of pages, ascending: `1-3,7`.
    Pages,
}

/// The options there are. One line here is a new option.
const KNOWN: [(&str, Values); 12] = [
    ("copies", Values::Number(1, COPIES_MAX, "a whole number from 1 to 9999")),
    ("finishings", Values::Keyword),
    ("media", Values::Keyword),
    ("media-source", Values::Keyword),
    ("media-type", Values::Keyword),
    ("number-up", Values::OneOf(&["1", "2", "4", "6", "9", "16"], "1, 2, 4, 6, 9 or 16")),
    (
        "orientation-requested",
        Values::OneOf(
            &["portrait", "landscape", "reverse-landscape", "reverse-portrait", "none"],
            "portrait, landscape, reverse-landscape, reverse-portrait or none",
        ),
    ),
    ("output-bin", Values::Keyword),
    ("page-ranges", Values::Pages),
    (
        "print-color-mode",
        Values::OneOf(
            &["auto", "color", "monochrome", "bi-level", "process-monochrome"],
            "auto, color, monochrome, bi-level or process-monochrome",
        ),
    ),
    ("print-quality", Values::OneOf(&["draft", "normal", "high"], "draft, normal or high")),
    (
        "sides",
        Values::OneOf(
            &["one-sided", "two-sided-long-edge", "two-sided-short-edge"],
            "one-sided, two-sided-long-edge or two-sided-short-edge",
        ),
    ),
];

impl Options {
    /// Checks and takes one option; the last of the same name counts.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), BadOption> {
        let Some((known, values)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            return Err(BadOption::Unknown { name: shortened(name) });
        };
        if let Some(expected) = values.refuse(value) {
            return Err(BadOption::Value { name: (*known).to_owned(), value: shortened(value), expected });
        }
        if self.values.len() >= OPTIONS_MAX && !self.values.contains_key(name) {
            return Err(BadOption::TooMany);
        }
        self.values.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Takes one option away; an unknown name is an error, one that is not set is none.
    pub fn remove(&mut self, name: &str) -> Result<(), BadOption> {
        if !KNOWN.iter().any(|(known, _)| *known == name) {
            return Err(BadOption::Unknown { name: shortened(name) });
        }
        self.values.remove(name);
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How often the document is printed; once where nothing was said.
    pub fn copies(&self) -> u32 {
        self.get("copies").and_then(|value| value.parse().ok()).unwrap_or(1)
    }

    /// These options, with `defaults` where nothing was said.
    pub fn or(&self, defaults: &Options) -> Options {
        let mut values = defaults.values.clone();
        values.extend(self.values.clone());
        Options { values }
    }

    /// The names of all options there are.
    pub fn known() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name)
    }
}

impl Values {
    /// What was expected, where `value` is not it.
    fn refuse(self, value: &str) -> Option<&'static str> {
        let (good, expected) = match self {
            Values::Number(least, most, expected) => {
                (value.parse::<u32>().is_ok_and(|n| (least..=most).contains(&n)), expected)
            }
            Values::OneOf(values, expected) => (values.contains(&value), expected),
            Values::Keyword => {
                (is_keyword(value), "a keyword of letters, digits, dots, dashes or underscores")
            }
            Values::Pages => (is_page_ranges(value), "ascending pages such as 1-3,7"),
        };
        (!good).then_some(expected)
    }
}

fn is_keyword(value: &str) -> bool {
    (1..=VALUE_BYTES_MAX).contains(&value.len())
        && value.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_'))
}

fn is_page_ranges(value: &str) -> bool {
    let mut last = 0u32;
    value.len() <= VALUE_BYTES_MAX
        && value.split(',').all(|range| {
            let (first, end) = range.split_once('-').unwrap_or((range, range));
            match (first.parse::<u32>(), end.parse::<u32>()) {
                (Ok(first), Ok(end)) if first > last && end >= first => {
                    last = end;
                    true
                }
                _ => false,
            }
        })
}

/// The beginning of a text that came from outside, for an error message.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_their_kind() {
        let good = [
            ("copies", "9999"),
            ("sides", "one-sided"),
            ("media", "iso_a4_210x297mm"),
            ("page-ranges", "1-3,7"),
        ];
        for (name, value) in good {
            let mut options = Options::default();
            options.set(name, value).unwrap();
            assert_eq!(options.get(name), Some(value));
        }
        let bad = [
            ("copies", "0"),
            ("copies", "10000"),
            ("copies", "-1"),
            ("copies", "99999999999999999999"),
            ("sides", "both"),
            ("media", "a b"),
            ("media", ""),
            ("page-ranges", "3-1"),
            ("page-ranges", "5,2"),
            ("page-ranges", "0"),
            ("frobnicate", "1"),
        ];
        for (name, value) in bad {
            assert!(Options::default().set(name, value).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn what_was_said_wins_over_defaults() {
        let mut said = Options::default();
        said.set("copies", "2").unwrap();
        let mut defaults = Options::default();
        defaults.set("copies", "5").unwrap();
        defaults.set("sides", "one-sided").unwrap();
        let both = said.or(&defaults);
        assert_eq!((both.copies(), both.get("sides")), (2, Some("one-sided")));
    }
}
