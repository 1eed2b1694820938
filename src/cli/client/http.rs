//! One request and its answer, HTTP/1.1 (RFC 9112), a connection each.
//!
//! Our own, and not a library's, because of documents: they are announced with `Expect: 100-continue` so
//! that a refusal comes before the body, and the answer is watched for while the body is on its way, so
//! that a refusal in the middle is shown as what it is and not as a broken connection.

use std::fmt;
use std::io::{self, Read, Write};
use std::time::Duration;

use super::answer::Incoming;
pub use super::answer::Response;
use super::wire::{Await, Wire};

/// How long the server may be silent when it has the whole request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the server may take no byte of a document.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long «100 Continue» is waited for; a server that does not know it gets the body all the same
/// (RFC 9110 section 10.1.1).
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(2);
/// The same with a document that can be read only once: a server that asks others first may still send it on.
const CONTINUE_TIMEOUT_ONCE: Duration = Duration::from_secs(10);
/// How much of a document is in memory at a time, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// What is asked.
pub struct Request<'r> {
    pub method: &'static str,
    pub target: String,
    pub host: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body<'r>,
}

/// What goes with it.
pub enum Body<'r> {
    None,
    Json(String),
    Document(Document<'r>),
}

/// A document that is read while it is sent.
pub struct Document<'r> {
    pub source: &'r mut dyn Read,
    /// Known for a file, not for a pipe, which goes in chunks.
    pub length: Option<u64>,
    pub again: Again,
    /// Told how many bytes have gone.
    pub progress: &'r mut dyn FnMut(u64),
}

/// Whether a document can be read a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    Can,
    Cannot,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Broken {
    /// The connection ended or hung before the answer was whole. The request may have been carried out.
    Lost(io::Error),
    /// What is to be sent cannot be read.
    Source(io::Error),
    /// What the answer goes to takes no more.
    Sink(io::Error),
    /// What answers does not speak HTTP, or says more than anybody would read.
    Nonsense(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Lost(error) => write!(f, "the connection was lost: {error}"),
            Broken::Sink(error) => write!(f, "it cannot be written: {error}"),
            Broken::Source(error) => write!(f, "it cannot be read: {error}"),
            Broken::Nonsense(what) => write!(f, "what answers is no spool server: {what}"),
        }
    }
}

/// Asks, and waits for the answer.
pub(super) fn exchange(mut wire: Wire, request: Request<'_>) -> Result<Response, Broken> {
    let head = request.head();
    let mut exchange = Exchange { wire: &mut wire, incoming: Incoming::default() };
    // Whether all was sent or an answer came first: the answer is what counts.
    match request.body {
        Body::None => exchange.send(head.as_bytes())?,
        Body::Json(text) => exchange.send(format!("{head}{text}").as_bytes())?,
        Body::Document(mut document) => exchange.send_document(head.as_bytes(), &mut document)?,
    };
    exchange.answer()
}

/// Asks, and writes the body of a good answer to `sink` as it comes: its length. Any other answer is handed back.
pub(super) fn exchange_into(
    mut wire: Wire,
    request: &Request<'_>,
    sink: &mut dyn Write,
) -> Result<Result<u64, Response>, Broken> {
    let mut exchange = Exchange { wire: &mut wire, incoming: Incoming::default() };
    exchange.send(request.head().as_bytes())?;
    while !exchange.incoming.has_final_head()? {
        exchange.wait_for_some()?;
    }
    let Some(length) = exchange.incoming.good_length() else { return exchange.answer().map(Err) };
    let mut left = length;
    loop {
        let piece = exchange.incoming.take_body();
        let piece = &piece[..piece.len().min(left)];
        sink.write_all(piece).map_err(Broken::Sink)?;
        left -= piece.len();
        if left == 0 {
            sink.flush().map_err(Broken::Sink)?;
            return Ok(Ok(length as u64));
        }
        exchange.wait_for_some()?;
    }
}

/// How sending ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    All,
    /// The final answer began before all was sent: the rest is not wanted.
    Answered,
}

impl Request<'_> {
    pub(super) fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.target, self.host);
        head.push_str("connection: close\r\naccept: application/json\r\n");
        match &self.body {
            Body::None if self.method == "GET" => {}
            Body::None => head.push_str("content-length: 0\r\n"),
            Body::Json(text) => {
                head.push_str(&format!(
                    "content-type: application/json\r\ncontent-length: {}\r\n",
                    text.len()
                ));
            }
            Body::Document(document) => {
                let framing = match document.length {
                    Some(length) => format!("content-length: {length}\r\n"),
                    None => "transfer-encoding: chunked\r\n".to_owned(),
                };
                head.push_str(&framing);
                head.push_str("content-type: application/octet-stream\r\nexpect: 100-continue\r\n");
            }
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head
    }
}

struct Exchange<'w> {
    wire: &'w mut Wire,
    incoming: Incoming,
}

impl Exchange<'_> {
    fn send_document(&mut self, head: &[u8], document: &mut Document<'_>) -> Result<Sent, Broken> {
        if self.send(head)? == Sent::Answered || self.may_go_on(document.again)? == Sent::Answered {
            return Ok(Sent::Answered);
        }
        match document.length {
            Some(length) => self.send_whole(document, length),
            None => self.send_chunks(document),
        }
    }

    /// Waits for «100 Continue» or a refusal.
    fn may_go_on(&mut self, again: Again) -> Result<Sent, Broken> {
        let longest = match again {
            Again::Can => CONTINUE_TIMEOUT,
            Again::Cannot => CONTINUE_TIMEOUT_ONCE,
        };
        loop {
            if self.incoming.has_final_head()? {
                return Ok(Sent::Answered);
            }
            if self.incoming.may_continue() {
                return Ok(Sent::All);
            }
            if !self.wire.wait(Await::Read, longest).map_err(Broken::Lost)?.read {
                return Ok(Sent::All);
            }
            self.read_some()?;
        }
    }

    /// Sends as many bytes as were announced; a file that has become shorter meanwhile is an error, and
    /// what was added to it is left out.
    fn send_whole(&mut self, document: &mut Document<'_>, length: u64) -> Result<Sent, Broken> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut gone = 0;
        while gone < length {
            let most = usize::try_from(length - gone).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
            let read = read_source(document.source, &mut piece[..most]).map_err(Broken::Source)?;
            if read == 0 {
                let short = format!("it became shorter while it was sent: {gone} of {length} bytes");
                return Err(Broken::Source(io::Error::new(io::ErrorKind::UnexpectedEof, short)));
            }
            if self.send(&piece[..read])? == Sent::Answered {
                return Ok(Sent::Answered);
            }
            gone += read as u64;
            (document.progress)(gone);
        }
        Ok(Sent::All)
    }

    /// Sends until the source ends (RFC 9112 section 7.1).
    fn send_chunks(&mut self, document: &mut Document<'_>) -> Result<Sent, Broken> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut gone = 0;
        loop {
            let read = read_source(document.source, &mut piece).map_err(Broken::Source)?;
            if read == 0 {
                return self.send(b"0\r\n\r\n");
            }
            let mut chunk = format!("{read:x}\r\n").into_bytes();
            chunk.extend_from_slice(&piece[..read]);
            chunk.extend_from_slice(b"\r\n");
            if self.send(&chunk)? == Sent::Answered {
                return Ok(Sent::Answered);
            }
            gone += read as u64;
            (document.progress)(gone);
        }
    }

    /// Sends all of `bytes`, unless the final answer comes first.
    fn send(&mut self, mut bytes: &[u8]) -> Result<Sent, Broken> {
        while !bytes.is_empty() {
            let ready = self.wire.wait(Await::ReadOrWrite, WRITE_TIMEOUT).map_err(Broken::Lost)?;
            if ready.read {
                self.read_some()?;
                if self.incoming.has_final_head()? {
                    return Ok(Sent::Answered);
                }
            }
            if ready.write {
                match self.wire.write(bytes) {
                    Ok(written) => bytes = &bytes[written.unwrap_or(0)..],
                    Err(error) => return self.refused_or(error),
                }
            }
            if !ready.read && !ready.write {
                return Err(Broken::Lost(silence("the server takes nothing", WRITE_TIMEOUT)));
            }
        }
        Ok(Sent::All)
    }

    /// A server that refuses and closes makes our write fail; its answer may be there all the same.
    fn refused_or(&mut self, error: io::Error) -> Result<Sent, Broken> {
        while self.read_some().is_ok() {
            if self.incoming.has_final_head()? {
                return Ok(Sent::Answered);
            }
            let more = self.wire.wait(Await::Read, Duration::ZERO).map_err(Broken::Lost)?;
            if !more.read {
                break;
            }
        }
        Err(Broken::Lost(error))
    }

    fn wait_for_some(&mut self) -> Result<(), Broken> {
        if !self.wire.wait(Await::Read, ANSWER_TIMEOUT).map_err(Broken::Lost)?.read {
            return Err(Broken::Lost(silence("the server does not answer", ANSWER_TIMEOUT)));
        }
        self.read_some()
    }

    fn answer(mut self) -> Result<Response, Broken> {
        loop {
            if let Some(response) = self.incoming.response()? {
                return Ok(response);
            }
            if !self.wire.wait(Await::Read, ANSWER_TIMEOUT).map_err(Broken::Lost)?.read {
                return Err(Broken::Lost(silence("the server does not answer", ANSWER_TIMEOUT)));
            }
            match self.read_some() {
                Err(Broken::Lost(error)) => return self.incoming.at_end(error),
                other => other?,
            }
        }
    }

    /// Takes what has come; the end of the connection is an error.
    fn read_some(&mut self) -> Result<(), Broken> {
        let mut buffer = [0; 16 * 1024];
        match self.wire.read(&mut buffer).map_err(Broken::Lost)? {
            Some(0) => Err(Broken::Lost(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed it without an answer",
            ))),
            Some(bytes) => self.incoming.take(&buffer[..bytes]),
            None => Ok(()),
        }
    }
}

/// Reads some bytes; 0 at the end. A signal is no error.
pub fn read_source(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

fn silence(what: &str, limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} for {} s", limit.as_secs()))
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::None => f.write_str("None"),
            Body::Json(text) => write!(f, "Json({text})"),
            Body::Document(document) => document.fmt(f),
        }
    }
}

impl fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({:?})", self.length)
    }
}
