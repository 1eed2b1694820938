//! A connection to the server, over TCP or over the Unix socket, that can wait for «readable» and
//! «writable» at once: an answer that comes early must be seen while a document is still being sent.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A connection that is not up after this long is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What both kinds of connection can do.
trait Stream: Read + Write + AsFd {}
impl Stream for TcpStream {}
impl Stream for UnixStream {}

/// An open connection; no call on it waits without a limit.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
}

/// What a connection is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) read: bool,
    pub(super) write: bool,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Await {
    Read,
    ReadOrWrite,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({:?})", self.stream.as_fd())
    }
}

impl Wire {
    pub(super) fn unix(path: &Path) -> io::Result<Wire> {
        let stream = UnixStream::connect(path)?;
        stream.set_nonblocking(true)?;
        Ok(Wire { stream: Box::new(stream) })
    }

    /// Connects to the first address of the host that answers.
    pub(super) fn tcp(host: &str, port: u16) -> io::Result<Wire> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    return Ok(Wire { stream: Box::new(stream) });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Waits until the connection is ready, or for `limit`; then it is ready for nothing.
    pub(super) fn wait(&self, what: Await, limit: Duration) -> io::Result<Ready> {
        let flags = match what {
            Await::Read => PollFlags::IN,
            Await::ReadOrWrite => PollFlags::IN | PollFlags::OUT,
        };
        let limit = Timespec::try_from(limit).map_err(|_| io::ErrorKind::InvalidInput)?;
        loop {
            let mut polled = [PollFd::new(&self.stream, flags)];
            match poll(&mut polled, Some(&limit)) {
                Ok(_) => {
                    let seen = polled[0].revents();
                    // An error or a hang-up shows itself in the read that follows.
                    let read = seen.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
                    return Ok(Ready { read, write: seen.contains(PollFlags::OUT) });
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads what is there; `None` where nothing is there yet, 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        not_yet(self.stream.read(buffer))
    }

    /// Writes what fits; `None` where nothing fits yet.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        not_yet(self.stream.write(bytes))
    }
}

fn not_yet(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
