//! One exchange after the other over one connection: requests out, answers in, and whatever comes too early.

use std::io::{self, ErrorKind};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::driver::{Driver, Ended};
use super::http::{self, Incoming, Reply, Stream};
use super::wire::Wire;
use crate::model::retry::Broken;

/// What is read at once.
const READ_BYTES: usize = 16 * 1024;
/// So many reads, and what came is looked at.
const READS_MAX: usize = 64;
/// No single wait is longer; whoever waits looks at the time again.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Why an exchange has no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Told to end, or shut from outside.
    Stopped,
    /// The connection is gone.
    Broken(Broken),
    /// What came is no answer; the words say why.
    Nonsense(String),
}

impl From<Ended> for Lost {
    fn from(ended: Ended) -> Lost {
        match ended {
            Ended::Stopped => Lost::Stopped,
            Ended::Failed(error) => lost(&error),
        }
    }
}

/// What ended a connection. After the printer's close a reset comes as EPIPE (tcp(7)).
fn lost(error: &io::Error) -> Lost {
    if error.kind() == ErrorKind::InvalidData {
        return Lost::Nonsense(format!("TLS with it failed: {error}"));
    }
    Lost::Broken(match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::CONNRESET | Errno::CONNABORTED) => Broken::Reset,
        Some(Errno::PIPE) => Broken::EarlyClose,
        None if error.kind() == ErrorKind::UnexpectedEof => Broken::EarlyClose,
        _ => Broken::WriteFailed,
    })
}

/// What came of sending.
#[derive(Debug)]
pub struct Sent {
    pub bytes: usize,
    /// An answer before everything had gone, or with it.
    pub early: Option<Reply>,
}

/// A connection over which HTTP is spoken.
pub struct Connection {
    pub wire: Wire,
    /// What has come in and was not understood yet.
    inbox: Vec<u8>,
    stream: Stream,
    /// It has carried an exchange before: the printer may have closed it meanwhile.
    pub used: bool,
}

impl Connection {
    pub fn new(wire: Wire) -> Connection {
        Connection { wire, inbox: Vec::new(), stream: Stream::Open, used: false }
    }

    /// The handshake of TLS, where there is one.
    pub async fn shake<D: Driver>(&mut self, driver: &mut D) -> Result<(), Lost> {
        loop {
            match self.wire.shake() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let wanted = self.wire.wanted(PollFlags::IN);
                    driver.ready(self.wire.socket(), wanted, WAIT_MAX).await?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(&error)),
            }
        }
    }

    /// Whether the printer has closed it, or spoken without being asked: then it is of no use any more.
    pub fn is_stale(&mut self) -> bool {
        self.listen().is_err() || self.stream == Stream::Closed || !self.inbox.is_empty()
    }

    /// Hands over all of `bytes`, or less where an answer comes before: the rest of them has not gone then.
    /// `taken` gets how many bytes were handed over just now, and tells how many the printer has, for the
    /// signs of life.
    pub async fn send<D: Driver>(
        &mut self,
        driver: &mut D,
        bytes: &[u8],
        taken: &mut impl FnMut(usize, &Wire) -> u64,
    ) -> Result<Sent, Lost> {
        let mut rest = bytes;
        loop {
            if rest.is_empty() && self.wire.flush().is_ok() {
                // What the printer says from now on is about all of it, and heard by who waits for its answer.
                driver.alive(taken(0, &self.wire))?;
                return Ok(Sent { bytes: bytes.len(), early: None });
            }
            if let Some(reply) = self.heard()? {
                return Ok(Sent { bytes: bytes.len() - rest.len(), early: Some(reply) });
            }
            // With nothing left this only flushes.
            match self.wire.write(rest) {
                Ok(handed) => {
                    rest = &rest[handed..];
                    driver.alive(taken(handed, &self.wire))?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    driver.alive(taken(0, &self.wire))?;
                    let wanted = PollFlags::IN | PollFlags::OUT;
                    driver.ready(self.wire.socket(), wanted, WAIT_MAX).await?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It may have answered before it closed.
                Err(error) => {
                    let early = Some(self.last_words().ok_or_else(|| lost(&error))?);
                    return Ok(Sent { bytes: bytes.len() - rest.len(), early });
                }
            }
        }
    }

    /// Waits for the answer as long as it takes, or until `longest` is over.
    pub async fn reply<D: Driver>(
        &mut self,
        driver: &mut D,
        longest: Option<Duration>,
    ) -> Result<Option<Reply>, Lost> {
        let since = driver.now();
        loop {
            if let Some(reply) = self.heard()? {
                return Ok(Some(reply));
            }
            let left = match longest {
                Some(longest) => longest.saturating_sub(driver.now().since(since)),
                None => WAIT_MAX,
            };
            if left.is_zero() {
                return Ok(None);
            }
            driver.ready(self.wire.socket(), self.wire.wanted(PollFlags::IN), left).await?;
        }
    }

    /// Waits for leave to send the body, or until `longest` is over: many a printer never says it (RFC 9110
    /// section 10.1.1). A final answer instead of it is given.
    pub async fn leave<D: Driver>(
        &mut self,
        driver: &mut D,
        longest: Duration,
    ) -> Result<Option<Reply>, Lost> {
        let since = driver.now();
        loop {
            self.listen()?;
            match self.understand()? {
                Incoming::Interim { status: 100, used } => {
                    self.inbox.drain(..used);
                    return Ok(None);
                }
                Incoming::Interim { used, .. } => drop(self.inbox.drain(..used)),
                Incoming::Whole { reply, used } => return Ok(Some(self.take(reply, used))),
                Incoming::More if self.stream == Stream::Closed => {
                    return Err(Lost::Broken(Broken::EarlyClose));
                }
                Incoming::More => {
                    let left = longest.saturating_sub(driver.now().since(since));
                    if left.is_zero() {
                        return Ok(None);
                    }
                    driver.ready(self.wire.socket(), self.wire.wanted(PollFlags::IN), left).await?;
                }
            }
        }
    }

    /// Waits for an answer of which only the head counts. CUPS announces a chunked body there and sends none.
    pub async fn skip_answer<D: Driver>(&mut self, driver: &mut D, longest: Duration) -> Result<(), Lost> {
        let since = driver.now();
        loop {
            self.listen_unseen()?;
            let left = longest.saturating_sub(driver.now().since(since));
            if http::has_head(&self.inbox) {
                self.inbox.clear();
                return Ok(());
            }
            if left.is_zero() || self.stream == Stream::Closed {
                return Err(Lost::Broken(Broken::EarlyClose));
            }
            driver.ready(self.wire.socket(), self.wire.wanted(PollFlags::IN), left).await?;
        }
    }

    /// The answer, if it is there.
    fn heard(&mut self) -> Result<Option<Reply>, Lost> {
        let listened = self.listen();
        loop {
            match self.understand()? {
                Incoming::Interim { used, .. } => drop(self.inbox.drain(..used)),
                Incoming::Whole { reply, used } => return Ok(Some(self.take(reply, used))),
                Incoming::More => {
                    listened?;
                    return match self.stream {
                        Stream::Open => Ok(None),
                        Stream::Closed => Err(Lost::Broken(Broken::EarlyClose)),
                    };
                }
            }
        }
    }

    fn last_words(&mut self) -> Option<Reply> {
        self.heard().ok().flatten()
    }

    fn understand(&self) -> Result<Incoming, Lost> {
        http::understand(&self.inbox, self.stream).map_err(Lost::Nonsense)
    }

    fn take(&mut self, reply: Reply, used: usize) -> Reply {
        self.inbox.drain(..used);
        self.used = true;
        reply
    }

    /// Reads what is there. What is too much is found out before more is read.
    fn listen(&mut self) -> Result<(), Lost> {
        let before = self.inbox.len();
        let listened = self.listen_unseen();
        if self.inbox.len() > before {
            self.understand()?;
        }
        listened
    }

    /// Reads what is there, a little at a time.
    fn listen_unseen(&mut self) -> Result<(), Lost> {
        let mut buffer = [0; READ_BYTES];
        for _ in 0..READS_MAX {
            if self.stream == Stream::Closed {
                break;
            }
            match self.wire.read(&mut buffer) {
                Ok(0) => self.stream = Stream::Closed,
                Ok(bytes) => self.inbox.extend_from_slice(&buffer[..bytes]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(&error)),
            }
        }
        Ok(())
    }
}
