//! A small HTTP client over TCP and the Unix socket: one request a connection.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::wait::PATIENCE;

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A connection of either kind.
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Place {
    pub fn connect(&self) -> io::Result<Stream> {
        let stream = match self {
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Place::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        stream.set_read_timeout(PATIENCE)?;
        Ok(stream)
    }

    fn host(&self) -> String {
        match self {
            Place::Tcp(address) => address.to_string(),
            Place::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Sends the head of a request; the body is up to the caller.
    pub fn begin(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> io::Result<Stream> {
        let mut stream = self.connect()?;
        let mut head =
            format!("{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.host());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        Ok(stream)
    }

    /// A whole request and its answer.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let length = body.len().to_string();
        let mut all = headers.to_vec();
        if method != "GET" {
            all.push(("content-length", &length));
        }
        let mut stream = self.begin(method, target, &all)?;
        // Who refuses early may close before it has read all of the body: its answer is there all the same.
        let sent = stream.write_all(body);
        match Answer::read(stream) {
            Ok(answer) => Ok(answer),
            Err(error) => Err(sent.err().unwrap_or(error)),
        }
    }
}

/// What the server tells.
impl Place {
    /// The JSON of something that must be there.
    #[track_caller]
    pub fn get(&self, target: &str) -> Value {
        self.send("GET", target, &[], b"").expect("an answer").expect(200)
    }

    /// All jobs, newest first, page by page; `filter` is further query.
    #[track_caller]
    pub fn jobs(&self, filter: &str) -> Vec<Value> {
        let (mut jobs, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/v1/jobs?limit=1000&cursor={cursor}{filter}"));
            jobs.extend(page["jobs"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return jobs,
            }
        }
    }

    /// The timeline of a job, oldest first.
    #[track_caller]
    pub fn timeline(&self, id: u64) -> Vec<Value> {
        let found = self.get(&format!("/api/v1/jobs/{id}/events?limit=1000"));
        found["events"].as_array().expect("a list").clone()
    }
}

impl Stream {
    pub fn set_read_timeout(&self, longest: Duration) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_read_timeout(Some(longest)),
            Stream::Unix(stream) => stream.set_read_timeout(Some(longest)),
        }
    }

    pub fn shut(&self) {
        let _ = match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a server answered.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl Answer {
    /// Reads an answer to its end.
    pub fn read(stream: impl Read) -> io::Result<Answer> {
        let mut stream = BufReader::new(stream);
        let (status, headers) = read_head(&mut stream)?;
        let mut answer = Answer { status, headers, body: Vec::new() };
        match (answer.header("content-length"), answer.is_chunked()) {
            (Some(length), _) => {
                let length: u64 = length.parse().map_err(io::Error::other)?;
                stream.take(length).read_to_end(&mut answer.body)?;
            }
            (None, true) => drop(Chunked::new(stream).read_to_end(&mut answer.body)?),
            (None, false) => drop(stream.read_to_end(&mut answer.body)?),
        }
        Ok(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding") == Some("chunked")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// A refusal with this status and this code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        let problem = self.clone().expect(status);
        assert_eq!(problem["code"], code, "{self:?}");
        problem
    }
}

/// Status and fields, with names in lower case. An interim answer is passed over.
pub fn read_head(stream: &mut impl BufRead) -> io::Result<(u16, Vec<(String, String)>)> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let status = line.split(' ').nth(1).and_then(|word| word.trim().parse().ok());
        let status: u16 = status.ok_or_else(|| io::Error::other(format!("no status: {line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
                None => break,
            }
        }
        if status != 100 {
            return Ok((status, headers));
        }
    }
}

/// The content of a chunked body.
pub struct Chunked<R> {
    stream: R,
    left: u64,
    ended: bool,
}

impl<R: BufRead> Chunked<R> {
    pub fn new(stream: R) -> Chunked<R> {
        Chunked { stream, left: 0, ended: false }
    }

    pub fn get_ref(&self) -> &R {
        &self.stream
    }
}

impl<R: BufRead> Read for Chunked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        if self.left == 0 {
            let mut size = String::new();
            self.stream.read_line(&mut size)?;
            self.left = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            self.ended = self.left == 0;
            if self.ended {
                return Ok(0);
            }
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.stream.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        if self.left == 0 {
            // The end of the chunk's line.
            self.stream.read_line(&mut String::new())?;
        }
        Ok(read)
    }
}
