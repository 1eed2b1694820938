//! `multipart/form-data` (RFC 7578) as bytes that come in pieces. Memory is bounded by [`HEAD_BYTES_MAX`] and the
//! largest piece, whatever is sent: nothing of a part's content is kept here.
//!
//! ```text
//! preamble --boundary ⏎ head ⏎⏎ content ⏎--boundary ⏎ … ⏎--boundary-- epilogue
//! ```

use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;

/// The longest head of a part, and the longest preamble, bytes.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Header fields of a part.
const FIELDS_MAX: usize = 16;
/// RFC 2046 section 5.1.1.
const BOUNDARY_CHARS_MAX: usize = 70;

/// What is wrong with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadForm {
    #[error("its Content-Type names no boundary of 1 to {BOUNDARY_CHARS_MAX} characters")]
    NoBoundary,
    #[error("it does not begin with its boundary")]
    NoBeginning,
    #[error("after a boundary stands neither a line break nor --")]
    BrokenBoundary,
    #[error("the head of a part is longer than {HEAD_BYTES_MAX} bytes or has more than {FIELDS_MAX} fields")]
    LargeHead,
    #[error("the head of a part is malformed")]
    BrokenHead,
    #[error("a part has no name: expected Content-Disposition: form-data; name=\"…\"")]
    NoName,
    #[error("it ends before its last boundary")]
    CutShort,
}

/// The boundary that the head of a request names, if its body is a form.
pub fn boundary(headers: &HeaderMap) -> Result<String, BadForm> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let found = parameters(value).find(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let (_, boundary) = found.ok_or(BadForm::NoBoundary)?;
    let good = (1..=BOUNDARY_CHARS_MAX).contains(&boundary.len())
        && boundary.bytes().all(|c| c == b' ' || c.is_ascii_graphic())
        && !boundary.ends_with(' ');
    if good { Ok(boundary) } else { Err(BadForm::NoBoundary) }
}

/// What a part says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub name: String,
    /// As the client wrote it: nothing to open a file by.
    pub file_name: Option<String>,
    pub content_type: Option<String>,
}

/// What comes next in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Part(Head),
    Content(Bytes),
    EndOfPart,
    /// The last boundary; whatever follows means nothing.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    /// Right behind a boundary.
    Boundary,
    Head,
    Content,
    End,
}

/// A form that is being read.
#[derive(Debug)]
pub struct Parser {
    /// Line break, two hyphens, boundary.
    delimiter: Finder<'static>,
    buffer: BytesMut,
    state: State,
}

impl Parser {
    pub fn new(boundary: &str) -> Parser {
        let delimiter = Finder::new(&format!("\r\n--{boundary}")).into_owned();
        // The first boundary has no line break of its own before it.
        Parser { delimiter, buffer: BytesMut::from("\r\n"), state: State::Preamble }
    }

    /// Takes the next piece of the body.
    pub fn push(&mut self, piece: &[u8]) {
        if self.state != State::End {
            self.buffer.extend_from_slice(piece);
        }
    }

    /// What is known by now; `None`: more of the body is needed.
    pub fn next(&mut self) -> Result<Option<Event>, BadForm> {
        loop {
            match self.state {
                State::Preamble => match self.delimiter.find(&self.buffer) {
                    Some(at) => self.pass_delimiter(at),
                    None if self.buffer.len() > HEAD_BYTES_MAX => return Err(BadForm::NoBeginning),
                    None => return Ok(None),
                },
                State::Boundary => match self.after_boundary()? {
                    Some(State::End) => {
                        self.state = State::End;
                        self.buffer = BytesMut::new();
                    }
                    Some(state) => self.state = state,
                    None => return Ok(None),
                },
                State::Head => {
                    let Some(head) = self.head()? else { return Ok(None) };
                    self.state = State::Content;
                    return Ok(Some(Event::Part(head)));
                }
                State::Content => return Ok(self.content()),
                State::End => return Ok(Some(Event::End)),
            }
        }
    }

    /// The body has ended.
    pub fn finish(&self) -> Result<(), BadForm> {
        if self.state == State::End { Ok(()) } else { Err(BadForm::CutShort) }
    }

    fn pass_delimiter(&mut self, at: usize) {
        self.buffer.advance(at + self.delimiter.needle().len());
        self.state = State::Boundary;
    }

    /// Two hyphens, or blanks and a line break.
    fn after_boundary(&mut self) -> Result<Option<State>, BadForm> {
        if self.buffer.starts_with(b"--") {
            return Ok(Some(State::End));
        }
        let blanks = self.buffer.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
        match &self.buffer[blanks..] {
            [b'\r', b'\n', ..] => {
                // The line break may be the one that ends an empty head.
                self.buffer.advance(blanks);
                Ok(Some(State::Head))
            }
            [] | [b'\r'] if self.buffer.len() <= HEAD_BYTES_MAX => Ok(None),
            [b'-'] if blanks == 0 => Ok(None),
            _ => Err(BadForm::BrokenBoundary),
        }
    }

    /// The head, once all of it is here; it begins with the line break of the boundary.
    fn head(&mut self) -> Result<Option<Head>, BadForm> {
        const END: &[u8] = b"\r\n\r\n";
        let window = &self.buffer[..self.buffer.len().min(HEAD_BYTES_MAX)];
        let Some(at) = memchr::memmem::find(window, END) else {
            return if self.buffer.len() > HEAD_BYTES_MAX { Err(BadForm::LargeHead) } else { Ok(None) };
        };
        let text = self.buffer.split_to(at + END.len());
        parse_head(&text[b"\r\n".len()..]).map(Some)
    }

    fn content(&mut self) -> Option<Event> {
        match self.delimiter.find(&self.buffer) {
            Some(0) => {
                self.pass_delimiter(0);
                Some(Event::EndOfPart)
            }
            Some(at) => Some(Event::Content(self.buffer.split_to(at).freeze())),
            None => {
                // The end may be the beginning of a delimiter.
                let certain = self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1);
                (certain > 0).then(|| Event::Content(self.buffer.split_to(certain).freeze()))
            }
        }
    }
}

fn parse_head(text: &[u8]) -> Result<Head, BadForm> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let fields = match httparse::parse_headers(text, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => fields,
        Err(httparse::Error::TooManyHeaders) => return Err(BadForm::LargeHead),
        Ok(httparse::Status::Partial) | Err(_) => return Err(BadForm::BrokenHead),
    };
    let field = |name: &str| {
        let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(field.value).ok()
    };
    let disposition = field("content-disposition").ok_or(BadForm::NoName)?;
    let kind = disposition.split(';').next().unwrap_or_default().trim();
    let parameter = |wanted: &str| {
        parameters(disposition).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    let name = parameter("name").filter(|_| kind.eq_ignore_ascii_case("form-data")).ok_or(BadForm::NoName)?;
    let content_type = field("content-type").map(str::to_owned);
    Ok(Head { name, file_name: parameter("filename"), content_type })
}

/// The parameters behind the first word of a field: `; name=value` or `; name="value"`.
fn parameters(field: &str) -> impl Iterator<Item = (&str, String)> {
    let mut rest = field.split_once(';').map_or("", |(_, rest)| rest);
    std::iter::from_fn(move || {
        let (name, value) = rest.split_once('=')?;
        let name = name.trim_matches([' ', '\t', ';']);
        let (value, after) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let (value, after) = value.split_once(';').unwrap_or((value, ""));
                (value.trim().to_owned(), after)
            }
        };
        rest = after;
        Some((name, value))
    })
}

/// What stands up to the closing quote, and what follows. Browsers write a quote in it as `%22`, others as `\"`; a
/// backslash before anything else is one of a path, as old browsers send it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value.replace("%22", "\""), &text[at + 1..])),
            '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
