//! `socket://host[:port]`: raw bytes over TCP, «port 9100».
//!
//! Such a printer has no words: its final word is that it closes after our end. A close that comes earlier,
//! a reset, or bytes that it never acknowledged are never «done». Whatever it sends is read and thrown away,
//! since many a printer stops taking data while its status is not read.
//!
//! Bytes count as taken when the printer's side has acknowledged them, not when the operating system has
//! them: its buffer alone can hold minutes of a slow printer's work.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustix::event::PollFlags;
use rustix::io::Errno;
use socket2::SockRef;

use super::address::HostPort;
use super::connect::connect;
use super::{
    BadUri, Confirmation, JobTag, Kind, Link, LinkError, Place, Pulse, Resolver, Shutter, Surroundings,
    Target, Timing, os,
};
use crate::clock::Clock;
use crate::model::job::DoneHow;
use crate::model::liveness::Stage;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::model::time::MonoTime;

pub const KIND: Kind = Kind { scheme: "socket", example: "socket://10.0.0.20:9100", parse };

const PORT_DEFAULT: u16 = 9100;
/// After the peer has closed: how long bytes that it has not acknowledged may stand still.
const CLOSE_DRAIN: Duration = Duration::from_secs(10);
/// The pause between two looks at those bytes.
const CLOSE_DRAIN_LOOK: Duration = Duration::from_millis(5);
/// A device that goes on speaking after the last byte, and never closes, is taken for silent after so many
/// times [`Timing::silence`] (an hour, as it is set).
const SPEECH_SILENCES: u32 = 40;
/// What is read at once of the device's words.
const READ_BYTES: usize = 4096;
/// So many reads, and it is our turn again, however much the device has to say.
const READS_MAX: usize = 16;

fn parse(place: &Place<'_>, surroundings: &Surroundings) -> Result<Arc<dyn Target>, BadUri> {
    let uri = place.uri;
    let bad = |why: String| BadUri { uri: uri.chars().take(200).collect(), why };
    let rest = uri
        .strip_prefix("socket://")
        .ok_or_else(|| bad(format!("two slashes follow the scheme: {}", KIND.example)))?;
    let place = HostPort::parse(rest.strip_suffix('/').unwrap_or(rest), PORT_DEFAULT).map_err(bad)?;
    let Surroundings { timing, clock, names, .. } = surroundings.clone();
    Ok(Arc::new(SocketTarget { place, timing, clock, names }))
}

#[derive(Debug)]
struct SocketTarget {
    place: HostPort,
    timing: Timing,
    clock: Clock,
    names: Resolver,
}

impl Target for SocketTarget {
    fn address(&self) -> (String, u16) {
        (self.place.host.to_string(), self.place.port)
    }

    fn open(&self) -> BoxFuture<'static, Result<Box<dyn Link>, NotReady>> {
        let (place, timing, clock) = (self.place.clone(), self.timing, self.clock);
        let names = self.names.clone();
        async move {
            let stream = connect(&place, &names, timing.connect).await?;
            Ok(Box::new(SocketLink::new(stream, timing, clock)) as Box<dyn Link>)
        }
        .boxed()
    }
}

/// The connection, as the link and its shutter share it. However it ends before all bytes were acknowledged, it is
/// reset: what the operating system still holds must not leave after we said that it did not, and a printer must
/// not take a part for the whole.
struct Wire {
    stream: TcpStream,
    /// Somebody shut it from outside.
    shut: AtomicBool,
    /// Every byte was acknowledged after our end: an ordinary close is right.
    all_taken: AtomicBool,
}

impl Wire {
    /// From the beginning on the operating system is to reset it when it is closed, also when the process dies.
    fn new(stream: TcpStream) -> Wire {
        // On an error the connection is gone already.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        Wire { stream, shut: AtomicBool::new(false), all_taken: AtomicBool::new(false) }
    }

    fn is_taken(&self) {
        self.all_taken.store(true, Ordering::Release);
        let _ = SockRef::from(&self.stream).set_linger(None);
    }
}

/// Weak, so that whoever keeps it keeps no connection open.
struct SocketShutter(Weak<Wire>);

impl Shutter for SocketShutter {
    fn shut(&self) {
        if let Some(wire) = self.0.upgrade() {
            wire.shut.store(true, Ordering::Release);
            // On an error the connection is gone already.
            let _ = match wire.all_taken.load(Ordering::Acquire) {
                true => wire.stream.shutdown(Shutdown::Both),
                false => os::reset(&wire.stream),
            };
        }
    }
}

struct SocketLink {
    wire: Arc<Wire>,
    timing: Timing,
    clock: Clock,
    closes: Confirmation,
    /// Bytes that the operating system has taken from us.
    handed: u64,
    ended: Ended,
}

/// Whether our half of the connection is closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

/// What a look at the device's words found.
enum Heard {
    Nothing,
    Words,
    Close,
}

impl SocketLink {
    fn new(stream: TcpStream, timing: Timing, clock: Clock) -> SocketLink {
        SocketLink {
            wire: Arc::new(Wire::new(stream)),
            timing,
            clock,
            closes: Confirmation::Close,
            handed: 0,
            ended: Ended::No,
        }
    }

    /// Bytes of the job that the device has not acknowledged; our end, which is counted with them, is none.
    fn unacknowledged(&self) -> u64 {
        let queued = os::queued(&self.wire.stream).unwrap_or(0);
        match self.ended {
            Ended::No => queued,
            Ended::Yes => queued.saturating_sub(1),
        }
    }

    fn taken(&self) -> u64 {
        self.handed.saturating_sub(self.unacknowledged())
    }

    /// Reads what the device has said, and whether it has closed.
    fn listen(&self) -> Result<Heard, LinkError> {
        let mut heard = Heard::Nothing;
        let mut words = [0; READ_BYTES];
        for _ in 0..READS_MAX {
            match (&self.wire.stream).read(&mut words) {
                // Shutting from outside looks like a close.
                Ok(0) if self.wire.shut.load(Ordering::Acquire) => return Err(LinkError::Stopped),
                Ok(0) => return Ok(Heard::Close),
                Ok(_) => heard = Heard::Words,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(cause(&error))),
            }
        }
        Ok(heard)
    }

    /// The connection has ended: nothing more can leave, so what was never sent never was.
    fn broken(&self, broken: Broken) -> LinkError {
        if self.wire.shut.load(Ordering::Acquire) {
            return LinkError::Stopped;
        }
        if self.handed == 0 {
            return LinkError::NotReady(NotReady::Busy);
        }
        let end = u64::from(self.ended == Ended::Yes);
        match os::not_sent(&self.wire.stream) {
            Ok(bytes) if bytes > end => LinkError::Broken(broken, Whole::No),
            Ok(_) | Err(_) => LinkError::Broken(broken, Whole::Maybe),
        }
    }

    fn wait(&self, wanted: PollFlags, longest: Duration) -> Result<(), LinkError> {
        os::wait_socket(&self.wire.stream, wanted, longest.min(self.timing.beat))
            .map_err(|error| self.broken(cause(&error)))
    }

    /// The peer has closed after our end: done, as soon as it has acknowledged every byte. One that closed
    /// without having read them answers with a reset.
    fn settle(&self, pulse: &mut dyn Pulse) -> Result<DoneHow, LinkError> {
        let longest = CLOSE_DRAIN.min(self.timing.silence);
        let (mut left, mut since) = (u64::MAX, self.now());
        loop {
            pulse.beat(self.taken())?;
            let now_left = self.unacknowledged();
            // In this order: what was acknowledged stays so, whatever comes after it.
            match self.wire.stream.take_error() {
                Ok(Some(error)) | Err(error) => return Err(self.broken(cause(&error))),
                Ok(None) if now_left == 0 => return Ok(self.done(DoneHow::PeerClosed)),
                Ok(None) if self.wire.shut.load(Ordering::Acquire) => return Err(LinkError::Stopped),
                Ok(None) => {}
            }
            if now_left < left {
                (left, since) = (now_left, self.now());
            } else if self.now().since(since) >= longest {
                return Err(self.broken(Broken::EarlyClose));
            }
            // Both directions are closed, so waiting for the socket itself would come back at once.
            os::wait(&mut [], CLOSE_DRAIN_LOOK).map_err(|error| self.broken(cause(&error)))?;
        }
    }

    fn done(&self, how: DoneHow) -> DoneHow {
        self.wire.is_taken();
        how
    }

    fn now(&self) -> MonoTime {
        self.clock.now().mono
    }
}

impl Link for SocketLink {
    fn shutter(&self) -> Option<Arc<dyn Shutter>> {
        Some(Arc::new(SocketShutter(Arc::downgrade(&self.wire))))
    }

    /// Port 9100 has no greeting. A printer that took the connection only to close it is busy.
    fn begin(&mut self, tag: &JobTag, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        self.closes = tag.closes;
        pulse.beat(0)?;
        match self.listen()? {
            Heard::Close => Err(self.broken(Broken::EarlyClose)),
            Heard::Nothing | Heard::Words => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8], pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            pulse.beat(self.taken())?;
            if let Heard::Close = self.listen()? {
                return Err(self.broken(Broken::EarlyClose));
            }
            match (&self.wire.stream).write(rest) {
                Ok(taken) => {
                    self.handed += taken as u64;
                    rest = &rest[taken..];
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(PollFlags::IN | PollFlags::OUT, self.timing.beat)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(cause(&error))),
            }
        }
        Ok(())
    }

    fn idle(&mut self, _handed: u64, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        pulse.beat(self.taken())?;
        match self.listen()? {
            Heard::Close => Err(self.broken(Broken::EarlyClose)),
            Heard::Nothing | Heard::Words => Ok(()),
        }
    }

    /// Closes our half and reads until the device closes its own. While bytes are unacknowledged the device
    /// has not had its last byte yet: that is not silence but a stall, which whoever watches decides about.
    fn finish(mut self: Box<Self>, pulse: &mut dyn Pulse) -> Result<DoneHow, LinkError> {
        // An error here means that the connection is gone; listening tells how.
        let _ = self.wire.stream.shutdown(Shutdown::Write);
        self.ended = Ended::Yes;
        let mut quiet_since = self.now();
        let mut last_byte: Option<MonoTime> = None;
        loop {
            pulse.beat(self.taken())?;
            match self.listen()? {
                Heard::Close => return self.settle(pulse),
                Heard::Words => quiet_since = self.now(),
                Heard::Nothing => {}
            }
            if self.unacknowledged() > 0 {
                self.wait(PollFlags::IN, self.timing.beat)?;
                continue;
            }
            let now = self.now();
            let left_at = *last_byte.get_or_insert_with(|| {
                quiet_since = now;
                pulse.stage(Stage::AwaitingWord);
                self.wire.is_taken();
                now
            });
            let quiet = now.since(quiet_since);
            if quiet >= self.timing.silence || now.since(left_at) >= self.timing.silence * SPEECH_SILENCES {
                return self.silent();
            }
            self.wait(PollFlags::IN, self.timing.silence.saturating_sub(quiet))?;
        }
    }
}

impl SocketLink {
    fn silent(&self) -> Result<DoneHow, LinkError> {
        match self.closes {
            Confirmation::Close => Err(LinkError::Broken(Broken::Silent, Whole::Maybe)),
            Confirmation::Silence => Ok(self.done(DoneHow::Unconfirmed)),
        }
    }
}

/// What ended a connection. After the peer's close a reset comes as EPIPE (tcp(7)): it was the close that
/// came too early.
fn cause(error: &io::Error) -> Broken {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::CONNRESET | Errno::CONNABORTED) => Broken::Reset,
        Some(Errno::PIPE) => Broken::EarlyClose,
        _ => Broken::WriteFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::parse as parse_any;

    #[test]
    fn socket_addresses_are_understood_and_hostile_ones_refused() {
        let surroundings = Surroundings::new(Vec::new(), Timing::default(), Clock::machine());
        for (uri, host, port) in [
            ("socket://10.0.0.20", "10.0.0.20", 9100),
            ("socket://Printer:9101/", "printer", 9101),
            ("socket://[::1]:9102", "::1", 9102),
        ] {
            let target = parse_any(uri, &surroundings).unwrap();
            assert_eq!(target.address(), (host.to_owned(), port), "{uri}");
        }
        for uri in [
            "socket:",
            "socket:a",
            "socket:/a",
            "socket://",
            "socket:///",
            "socket:///a",
            "socket://a//",
            "socket://a/queue",
            "socket://a?x=1",
            "socket://a#x",
            "socket://root:pw@a",
            "socket://a:99999",
            "socket://a\r\nb",
            "socket://:9100",
            "SOCKET://a",
            "socket://a:9100:9100",
        ] {
            let error = parse_any(uri, &surroundings).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains("is not a printer's address"), "{error}");
        }
        let long = format!("socket://{}", "é".repeat(100_000));
        assert!(parse_any(&long, &surroundings).map(|_| ()).unwrap_err().uri.chars().count() <= 200);
    }
}
