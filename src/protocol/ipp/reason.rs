//! printer-state-reasons (RFC 8011 section 5.4.12).

use std::fmt;

/// A keyword, and how grave it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason {
    /// Without the suffix: `media-empty`.
    pub keyword: String,
    /// The suffix, where there was one.
    pub suffix: Option<Severity>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Report,
    Warning,
    Error,
}

impl Severity {
    fn suffix(self) -> &'static str {
        match self {
            Severity::Report => "-report",
            Severity::Warning => "-warning",
            Severity::Error => "-error",
        }
    }
}

impl Reason {
    /// Understands one value; `None` for `none`.
    pub fn parse(text: &str) -> Option<Reason> {
        let severities = [Severity::Report, Severity::Warning, Severity::Error];
        let suffixed = severities.into_iter().find_map(|severity| {
            let keyword = text.strip_suffix(severity.suffix())?;
            Some(Reason { keyword: keyword.to_owned(), suffix: Some(severity) })
        });
        let plain = || Reason { keyword: text.to_owned(), suffix: None };
        (text != "none" && !text.is_empty()).then(|| suffixed.unwrap_or_else(plain))
    }

    /// A reason without a suffix counts as an error.
    pub fn severity(&self) -> Severity {
        self.suffix.unwrap_or(Severity::Error)
    }
}

/// As it was said.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.keyword, self.suffix.map_or("", Severity::suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_come_apart_and_together() {
        let cases = [
            ("media-empty-error", "media-empty", Severity::Error),
            ("toner-low-warning", "toner-low", Severity::Warning),
            ("offline-report", "offline", Severity::Report),
            ("door-open", "door-open", Severity::Error),
            ("-report", "", Severity::Report),
        ];
        for (text, keyword, severity) in cases {
            let reason = Reason::parse(text).unwrap();
            assert_eq!((reason.keyword.as_str(), reason.severity()), (keyword, severity));
            assert_eq!(reason.to_string(), text);
        }
        assert_eq!((Reason::parse("none"), Reason::parse("")), (None, None));
    }
}
