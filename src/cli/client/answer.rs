//! An answer while it comes in: interim heads are skipped, the body is put together by its framing
//! (RFC 9112 section 6.3).

use std::io;
use std::mem;

use super::http::Broken;

/// The longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most headers of an answer.
const HEADERS_MAX: usize = 100;
/// The longest answer, in bytes: a page of a thousand jobs is about a mebibyte.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// `Location`: what was made, or where it is to be sent.
    pub location: Option<String>,
    /// `Spool-Node`: the server that has it, where it is not the one that was asked.
    pub node: Option<String>,
    pub body: Vec<u8>,
}

/// What the head of the final answer says; the body of `response` is still to come.
#[derive(Clone, Debug)]
struct Head {
    framing: Framing,
    response: Response,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    ToTheEnd,
}

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    bytes: Vec<u8>,
    /// Set when the head of the final answer is whole; then `bytes` holds what follows it.
    head: Option<Head>,
    /// «100 Continue» has come.
    go_on: bool,
    chunked: Vec<u8>,
}

impl Incoming {
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if self.bytes.len() + self.chunked.len() + bytes.len() > BODY_BYTES_MAX {
            return Err(Broken::Nonsense("its answer is longer than 64 MiB".to_owned()));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn may_continue(&self) -> bool {
        self.go_on
    }

    /// Reads heads as far as they have come; interim ones (1xx) are noted and skipped.
    pub(super) fn has_final_head(&mut self) -> Result<bool, Broken> {
        while self.head.is_none() {
            let Some((length, head)) = head(&self.bytes)? else { return Ok(false) };
            self.bytes.drain(..length);
            match head.response.status {
                100..=199 => self.go_on = true,
                204 | 304 => self.head = Some(Head { framing: Framing::Length(0), ..head }),
                _ => self.head = Some(head),
            }
        }
        Ok(true)
    }

    /// The answer, when all of it has come.
    pub(super) fn response(&mut self) -> Result<Option<Response>, Broken> {
        if !self.has_final_head()? {
            return Ok(None);
        }
        let Some(Head { framing, response }) = self.head.clone() else { return Ok(None) };
        let body = match framing {
            Framing::Length(length) if self.bytes.len() >= length => {
                self.bytes.truncate(length);
                mem::take(&mut self.bytes)
            }
            Framing::Chunked if self.take_chunks()? => mem::take(&mut self.chunked),
            Framing::Length(_) | Framing::Chunked | Framing::ToTheEnd => return Ok(None),
        };
        Ok(Some(Response { body, ..response }))
    }

    /// How long the body of a good answer is, where the answer says it.
    pub(super) fn good_length(&self) -> Option<usize> {
        match self.head {
            Some(Head { framing: Framing::Length(length), response: Response { status: 200, .. } }) => {
                Some(length)
            }
            _ => None,
        }
    }

    /// What has come of the body; it is not kept.
    pub(super) fn take_body(&mut self) -> Vec<u8> {
        mem::take(&mut self.bytes)
    }

    /// The status, when the final head has come.
    pub(super) fn status(&mut self) -> Result<Option<u16>, Broken> {
        self.has_final_head()?;
        Ok(self.head.as_ref().map(|head| head.response.status))
    }

    /// The part of the body that has come since, of an answer that has no end.
    pub(super) fn take_part(&mut self) -> Result<Vec<u8>, Broken> {
        match self.head {
            Some(Head { framing: Framing::Chunked, .. }) => {
                self.take_chunks()?;
                Ok(mem::take(&mut self.chunked))
            }
            Some(_) => Ok(mem::take(&mut self.bytes)),
            None => Ok(Vec::new()),
        }
    }

    /// The connection has ended: the answer, where that is how it ends.
    pub(super) fn at_end(mut self, error: io::Error) -> Result<Response, Broken> {
        match self.head {
            Some(Head { framing: Framing::ToTheEnd, response }) => {
                Ok(Response { body: mem::take(&mut self.bytes), ..response })
            }
            Some(_) | None => Err(Broken::Lost(error)),
        }
    }

    /// Moves whole chunks over to the body; true after the last one.
    fn take_chunks(&mut self) -> Result<bool, Broken> {
        loop {
            let nonsense = |_| Broken::Nonsense("a chunk of its answer has no length".to_owned());
            let size = httparse::parse_chunk_size(&self.bytes).map_err(nonsense)?;
            let httparse::Status::Complete((start, length)) = size else { return Ok(false) };
            if length == 0 {
                return Ok(true);
            }
            let too_long = || Broken::Nonsense("a chunk of its answer is longer than 64 MiB".to_owned());
            let length = usize::try_from(length).ok().filter(|length| *length <= BODY_BYTES_MAX);
            let end = start + length.ok_or_else(too_long)?;
            if self.bytes.len() < end + 2 {
                return Ok(false);
            }
            self.chunked.extend_from_slice(&self.bytes[start..end]);
            self.bytes.drain(..end + 2);
        }
    }
}

/// The head at the beginning of `bytes`, and its length.
fn head(bytes: &[u8]) -> Result<Option<(usize, Head)>, Broken> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| Broken::Nonsense(error.to_string()))?;
    let httparse::Status::Complete(length) = parsed else {
        let short = bytes.len() <= HEAD_BYTES_MAX;
        return if short { Ok(None) } else { Err(Broken::Nonsense("its head never ends".to_owned())) };
    };
    let value = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    };
    let coding = value("transfer-encoding").map(|coding| coding.to_ascii_lowercase());
    let framing = match (coding, value("content-length")) {
        (Some(coding), _) if coding.ends_with("chunked") => Framing::Chunked,
        (Some(_), _) | (None, None) => Framing::ToTheEnd,
        (None, Some(length)) => {
            let nonsense = |_| Broken::Nonsense(format!("its answer is {length:?} bytes long"));
            Framing::Length(length.parse().map_err(nonsense)?)
        }
    };
    let response = Response {
        status: response.code.unwrap_or_default(),
        location: value("location"),
        node: value("spool-node"),
        body: Vec::new(),
    };
    Ok(Some((length, Head { framing, response })))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds an answer byte by byte: it must be whole at its last byte and not before.
    fn check_answer(text: &str, status: u16, body: &str) {
        let mut incoming = Incoming::default();
        let (last, before) = text.as_bytes().split_last().expect("an answer");
        for byte in before {
            incoming.take(&[*byte]).unwrap();
            assert_eq!(incoming.response().unwrap(), None);
        }
        incoming.take(&[*last]).unwrap();
        let whole = Response { status, body: body.into(), ..Response::default() };
        assert_eq!(incoming.response().unwrap(), Some(whole), "{text:?}");
    }

    #[test]
    fn answers_end_where_their_framing_says() {
        check_answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc");
        check_answer("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
        check_answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 1\r\n\r\nx", 201, "x");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n";
        check_answer(chunked, 200, "abcd");
    }

    #[test]
    fn an_answer_says_where_to_go_and_who_has_it() {
        let mut incoming = Incoming::default();
        let head = "HTTP/1.1 307 T\r\nLOCATION: http://b:1/Up\r\nSpool-Node: b\r\nContent-Length: 0\r\n\r\n";
        incoming.take(head.as_bytes()).unwrap();
        let response = incoming.response().unwrap().unwrap();
        assert_eq!(
            (response.location.as_deref(), response.node.as_deref()),
            (Some("http://b:1/Up"), Some("b"))
        );
    }

    #[test]
    fn an_answer_without_length_ends_with_the_connection() {
        let mut incoming = Incoming::default();
        incoming.take(b"HTTP/1.1 200 OK\r\n\r\nabc").unwrap();
        assert_eq!(incoming.response().unwrap(), None);
        let whole = incoming.at_end(io::ErrorKind::UnexpectedEof.into()).unwrap();
        assert_eq!(whole.body, b"abc");
    }

    #[test]
    fn what_is_no_answer_is_nonsense() {
        for text in ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"] {
            let mut incoming = Incoming::default();
            incoming.take(text.as_bytes()).unwrap();
            assert!(matches!(incoming.response(), Err(Broken::Nonsense(_))), "{text:?}");
        }
    }
}
