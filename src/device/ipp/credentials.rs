//! Who we are to a printer: the file `user:password`, read anew for each connection, so that a change of it
//! counts at once.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 1024;

/// The value of `Authorization` for the scheme Basic (RFC 7617).
#[derive(Clone, PartialEq, Eq)]
pub struct Basic(String);

impl Basic {
    pub fn header(&self) -> &str {
        &self.0
    }
}

/// Never the password.
impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Basic(…)")
    }
}

/// Reads the file; an error says what to do about it.
pub fn read(path: &Path) -> Result<Basic, String> {
    let text = text(path)
        .map_err(|error| format!("the file with its user and password, {}: {error}", path.display()))?;
    basic(&text).ok_or_else(|| {
        format!("the file {} must hold one line user:password and nothing else", path.display())
    })
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let bytes = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if bytes as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn basic(text: &str) -> Option<Basic> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (user, _) = line.split_once(':')?;
    let good = !user.is_empty() && !line.chars().any(char::is_control);
    good.then(|| Basic(format!("Basic {}", base64(line.as_bytes()))))
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            text.push(if digit > three.len() { '=' } else { char::from(DIGITS[value as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_header() {
        // RFC 4648 section 10, RFC 7617 section 2.
        for (text, digits) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(text.as_bytes()), digits);
        }
        for text in ["Aladdin:open sesame", "Aladdin:open sesame\n", "Aladdin:open sesame\r\n"] {
            assert_eq!(basic(text).unwrap().header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        }
        for text in ["", "\n", "user", ":password", "a:b\nc:d", "a:b\n\n", "a:\0"] {
            assert_eq!(basic(text), None, "{text:?}");
        }
        assert!(!format!("{:?}", basic("a:secret")).contains("secret"));
    }
}
