//! A server that answers by a script: one reply for each connection, and what came in is kept.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// No answer of the script takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// What one connection is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// After the whole body.
    Answer(u16, String),
    /// Instead of «100 Continue».
    Refusal(u16, String),
    /// It is to be sent there; said when so many bytes of the body have come, at 0 instead of «100 Continue».
    SentOn(u64, String),
    /// When so many bytes of the body have come; then the connection is closed.
    Midway(u64, u16, String),
    /// The connection is closed after the whole body, without an answer.
    HangUp,
}

/// What came in over one connection.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    headers: Vec<(String, String)>,
    pub body_bytes: u64,
    /// The first bytes of it.
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A scripted server; it ends when its script does.
#[derive(Debug)]
pub struct Scripted {
    pub url: String,
    seen: Receiver<Seen>,
}

impl Scripted {
    pub fn tcp(replies: Vec<Reply>) -> Scripted {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = run(replies, move || listener.accept().map(|(stream, _)| stream));
        Scripted { url, seen }
    }

    pub fn unix(path: &Path, replies: Vec<Reply>) -> Scripted {
        let listener = UnixListener::bind(path).expect("a socket");
        let seen = run(replies, move || listener.accept().map(|(stream, _)| stream));
        Scripted { url: format!("unix:{}", path.display()), seen }
    }

    /// The next request that came in.
    pub fn next(&self) -> Seen {
        self.seen.recv_timeout(LIMIT).expect("a request comes in")
    }

    /// Whether no further request came in, now that the command has ended.
    pub fn is_quiet(&self) -> bool {
        matches!(
            self.seen.recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout)
        )
    }
}

fn run<S: Read + Write>(
    replies: Vec<Reply>,
    accept: impl Fn() -> io::Result<S> + Send + 'static,
) -> Receiver<Seen> {
    let (sender, seen) = channel();
    let serve = move || {
        for reply in replies {
            let Ok(stream) = accept() else { return };
            // A client that goes away is a client that was tested for that.
            let _ = connection(stream, &reply, &sender);
        }
    };
    std::thread::Builder::new().name("scripted".to_owned()).spawn(serve).expect("a thread");
    seen
}

fn connection<S: Read + Write>(stream: S, reply: &Reply, seen: &Sender<Seen>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = head(&mut stream)?;
    if let Reply::Refusal(status, body) = reply {
        // Known to the test before the client can have ended.
        let _ = seen.send(request);
        return answer(stream.get_mut(), *status, body);
    }
    if request.header("expect") == Some("100-continue") && !matches!(reply, Reply::SentOn(0, _)) {
        stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let most = match reply {
        Reply::Midway(bytes, ..) | Reply::SentOn(bytes, _) => *bytes,
        _ => u64::MAX,
    };
    read_body(&mut stream, &mut request, most)?;
    let _ = seen.send(request);
    match reply {
        Reply::Answer(status, body) => answer(stream.get_mut(), *status, body),
        Reply::Midway(_, status, body) => {
            answer(stream.get_mut(), *status, body)?;
            // A server that refuses takes the rest until the client stops, or it would be cut off.
            io::copy(&mut stream, &mut io::sink()).map(drop)
        }
        Reply::SentOn(_, location) => {
            let head = format!("HTTP/1.1 307 X\r\nlocation: {location}\r\ncontent-length: 0\r\n");
            stream.get_mut().write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
            io::copy(&mut stream, &mut io::sink()).map(drop)
        }
        Reply::Refusal(..) | Reply::HangUp => Ok(()),
    }
}

fn head(stream: &mut impl BufRead) -> io::Result<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => return Ok(Seen { method, target, headers, body_bytes: 0, body: String::new() }),
        }
    }
}

/// Reads a body by its framing, and keeps none of it but the beginning.
fn read_body(stream: &mut impl BufRead, request: &mut Seen, most: u64) -> io::Result<()> {
    if let Some(length) = request.header("content-length").and_then(|length| length.parse::<u64>().ok()) {
        return take(stream, request, length.min(most));
    }
    if request.header("transfer-encoding").is_none() {
        return Ok(());
    }
    while request.body_bytes < most {
        let mut size = String::new();
        stream.read_line(&mut size)?;
        let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        take(stream, request, size)?;
        stream.read_line(&mut String::new())?;
        if size == 0 {
            break;
        }
    }
    Ok(())
}

fn take(stream: &mut impl BufRead, request: &mut Seen, mut left: u64) -> io::Result<()> {
    while left > 0 {
        let piece = stream.fill_buf()?;
        let piece = &piece[..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if request.body.len() < 1024 {
            request.body.push_str(&String::from_utf8_lossy(piece));
        }
        let taken = piece.len();
        stream.consume(taken);
        request.body_bytes += taken as u64;
        left -= taken as u64;
    }
    Ok(())
}

fn answer(stream: &mut impl Write, status: u16, body: &str) -> io::Result<()> {
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n", body.len());
    stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes())
}
