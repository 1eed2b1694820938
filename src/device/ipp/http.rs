//! HTTP/1.1 as IPP needs it (RFC 8010 section 4, RFC 9112): heads of requests, and answers as they come in.
//! Pure: bytes and values.

use std::fmt::Write;

/// The longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// The most fields of a head.
const FIELDS_MAX: usize = 96;
/// The longest body of an answer, in bytes: one with every media size there is has some hundred thousand.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The longest line that tells the size of a chunk, in bytes.
const CHUNK_LINE_BYTES_MAX: usize = 1024;

/// What stands at the head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// `host:port`.
    pub host: &'a str,
    pub path: &'a str,
    /// The whole value of `Authorization`.
    pub authorization: Option<&'a str>,
    /// Of the IPP message and the document after it, in bytes. Always told, so that no printer can ask for
    /// it (411) or fail at chunks.
    pub length: u64,
    pub expect: Expect,
}

/// Whether the printer is to say that it wants the body, before it gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Nothing,
    Continue,
}

/// The head of a POST, to its empty line.
pub fn post(head: &Head<'_>) -> Vec<u8> {
    let Head { host, path, authorization, length, expect } = head;
    let mut text = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: spool/{} IPP/2.0\r\n\
         Content-Type: application/ipp\r\nAccept: application/ipp\r\nContent-Length: {length}\r\n",
        env!("CARGO_PKG_VERSION")
    );
    if *expect == Expect::Continue {
        text.push_str("Expect: 100-continue\r\n");
    }
    if let Some(authorization) = authorization {
        // Writing to a string does not fail.
        let _ = write!(text, "Authorization: {authorization}\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Asks for TLS on this connection (RFC 2817 section 3.2).
pub fn upgrade(host: &str) -> Vec<u8> {
    format!("OPTIONS * HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n")
        .into_bytes()
}

/// A final answer, or the change to another protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    /// A challenge with the scheme `Basic` is among the fields.
    pub basic: bool,
    pub keeps: Keeps,
}

/// Whether the connection may carry another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    Open,
    Closes,
}

/// What has come in so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Not enough to say.
    More,
    /// `100 Continue`, or another interim answer (RFC 9110 section 15.2).
    Interim {
        status: u16,
        used: usize,
    },
    Whole {
        reply: Reply,
        used: usize,
    },
}

/// Whether the printer may still send something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Open,
    Closed,
}

/// Where a body ends.
enum Framing {
    None,
    Length(usize),
    Chunks,
    Close,
}

/// Understands what has come in; an error says what is wrong with it.
pub fn understand(bytes: &[u8], stream: Stream) -> Result<Incoming, String> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut answer = httparse::Response::new(&mut fields);
    let head = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) if bytes.len() > HEAD_BYTES_MAX => {
            return Err(format!("the head of its answer is longer than {HEAD_BYTES_MAX} bytes"));
        }
        Ok(httparse::Status::Partial) => return Ok(Incoming::More),
        Err(error) => return Err(format!("its answer is not HTTP: {error}")),
    };
    let status = answer.code.unwrap_or(0);
    if (100..200).contains(&status) && status != 101 {
        return Ok(Incoming::Interim { status, used: head });
    }
    let keeps = keeps(&answer);
    let framing = framing(&answer, status)?;
    let basic = values(&answer, "www-authenticate").any(offers_basic);
    let rest = &bytes[head..];
    let (body, used, keeps) = match framing {
        Framing::None => (Vec::new(), 0, keeps),
        Framing::Length(length) if length > BODY_BYTES_MAX => return Err(too_long()),
        Framing::Length(length) => match rest.get(..length) {
            Some(body) => (body.to_vec(), length, keeps),
            None => return Ok(Incoming::More),
        },
        Framing::Chunks => match chunks(rest)? {
            Some((body, used)) => (body, used, keeps),
            None => return Ok(Incoming::More),
        },
        Framing::Close if rest.len() > BODY_BYTES_MAX => return Err(too_long()),
        Framing::Close if stream == Stream::Open => return Ok(Incoming::More),
        Framing::Close => (rest.to_vec(), rest.len(), Keeps::Closes),
    };
    Ok(Incoming::Whole { reply: Reply { status, body, basic, keeps }, used: head + used })
}

fn too_long() -> String {
    format!("its answer is longer than {BODY_BYTES_MAX} bytes")
}

/// Whether a head is there to its end, whatever follows it.
pub fn has_head(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|four| four == b"\r\n\r\n")
}

/// The values of a field.
fn values<'a>(answer: &'a httparse::Response<'_, '_>, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = move |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case(name);
    answer
        .headers
        .iter()
        .filter(named)
        .filter_map(|field| std::str::from_utf8(field.value).ok())
        .map(str::trim)
}

fn has_token(answer: &httparse::Response<'_, '_>, name: &str, token: &str) -> bool {
    values(answer, name)
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

fn keeps(answer: &httparse::Response<'_, '_>) -> Keeps {
    let old = answer.version == Some(0);
    if has_token(answer, "connection", "close") || old && !has_token(answer, "connection", "keep-alive") {
        Keeps::Closes
    } else {
        Keeps::Open
    }
}

/// RFC 9112 section 6.3.
fn framing(answer: &httparse::Response<'_, '_>, status: u16) -> Result<Framing, String> {
    if matches!(status, 101 | 204 | 304) {
        return Ok(Framing::None);
    }
    if values(answer, "transfer-encoding").next().is_some() {
        let chunked = has_token(answer, "transfer-encoding", "chunked");
        return if chunked {
            Ok(Framing::Chunks)
        } else {
            Err("its answer is in a transfer coding that is not known here".to_owned())
        };
    }
    let mut lengths = values(answer, "content-length");
    let Some(length) = lengths.next() else { return Ok(Framing::Close) };
    let number = length.parse().map_err(|_| "the length of its answer is no number".to_owned())?;
    if lengths.any(|other| other != length) {
        return Err("its answer has two lengths".to_owned());
    }
    Ok(Framing::Length(number))
}

/// One of the challenges in a field has this scheme (RFC 9110 section 11.6.1).
fn offers_basic(value: &str) -> bool {
    value
        .split(',')
        .any(|part| part.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("basic")))
}

/// The content of a chunked body and the bytes that it took, when all of it is there (RFC 9112 section 7.1).
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = line(&bytes[at..])? else { return Ok(None) };
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok())
            .ok_or("the size of a chunk of its answer is no number")?;
        at += line.len() + 2;
        if size == 0 {
            return Ok(trailer(&bytes[at..])?.map(|used| (body, at + used)));
        }
        if body.len().saturating_add(size) > BODY_BYTES_MAX {
            return Err(too_long());
        }
        let Some(chunk) = bytes.get(at..at + size) else { return Ok(None) };
        body.extend_from_slice(chunk);
        match bytes.get(at + size..at + size + 2) {
            None => return Ok(None),
            Some(b"\r\n") => at += size + 2,
            Some(_) => return Err("a chunk of its answer does not end where it says".to_owned()),
        }
    }
}

/// How many bytes the fields after the last chunk take, when they are all there.
fn trailer(bytes: &[u8]) -> Result<Option<usize>, String> {
    let mut at = 0;
    loop {
        match line(&bytes[at..])? {
            None if at > HEAD_BYTES_MAX => return Err("its answer has no end".to_owned()),
            None => return Ok(None),
            Some([]) => return Ok(Some(at + 2)),
            Some(field) => at += field.len() + 2,
        }
    }
}

/// The first line, without its end.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    let window = &bytes[..bytes.len().min(CHUNK_LINE_BYTES_MAX)];
    match window.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => Ok(Some(&bytes[..end])),
        None if bytes.len() >= CHUNK_LINE_BYTES_MAX => Err("a line of its answer is too long".to_owned()),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
