//! Texts that come from outside and are shown to people.

use std::fmt;

/// The longest title, user or document name, in bytes (RFC 8011 section 5.1.3: name is 255 octets).
pub const NAME_BYTES_MAX: usize = 255;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadText {
    Empty,
    TooLong { bytes_max: usize },
    ControlCharacter { at: usize },
}

impl fmt::Display for BadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadText::Empty => write!(f, "it is empty"),
            BadText::TooLong { bytes_max } => write!(f, "it is longer than {bytes_max} bytes"),
            BadText::ControlCharacter { at } => write!(f, "it has a control character at byte {at}"),
        }
    }
}

impl std::error::Error for BadText {}

/// A text that can stand in a log line, a header, a printer's display and a table: not empty, bounded, and
/// without control characters (line breaks among them) or marks that turn the direction of what follows.
pub fn printable(text: &str, bytes_max: usize) -> Result<String, BadText> {
    if text.is_empty() {
        return Err(BadText::Empty);
    }
    if text.len() > bytes_max {
        return Err(BadText::TooLong { bytes_max });
    }
    match text.char_indices().find(|(_, c)| c.is_control() || turns_direction(*c)) {
        Some((at, _)) => Err(BadText::ControlCharacter { at }),
        None => Ok(text.to_owned()),
    }
}

/// A text of the server's own making or of a printer's, made fit to be shown: what [`printable`] refuses
/// is replaced, what is too long is cut.
pub fn cleaned(text: &str, bytes_max: usize) -> String {
    let mut clean = String::new();
    for c in text.chars().map(|c| if c.is_control() || turns_direction(c) { ' ' } else { c }) {
        if clean.len() + c.len_utf8() > bytes_max {
            break;
        }
        clean.push(c);
    }
    clean
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_break_a_line_is_refused() {
        assert_eq!(printable("Bericht für März", 255).unwrap(), "Bericht für März");
        assert_eq!(printable("", 255), Err(BadText::Empty));
        assert_eq!(printable(&"x".repeat(256), 255), Err(BadText::TooLong { bytes_max: 255 }));
        for bad in ["a\nb", "a\0", "a\x1b[2J", "a\u{202e}b", "a\u{7f}"] {
            assert_eq!(printable(bad, 255), Err(BadText::ControlCharacter { at: 1 }), "{bad:?}");
        }
        assert_eq!(cleaned("a\nbü", 3), "a b");
    }
}
