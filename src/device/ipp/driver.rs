//! The two ways to wait. What is said to a printer is written once, as `async` functions that wait nowhere but
//! here: on a runtime, where a thousand dead printers hold no thread, or on a print thread, which blocks in
//! poll(2), gives signs of life and can be told to end. There a future is never pending: see [`block`].

use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use tokio::io::Interest;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::device::address::{Host, HostPort};
use crate::device::{LinkError, Pulse, Resolver, Shutter, Timing, connect, os};
use crate::model::retry::{Broken, NotReady, Whole};
use crate::model::time::MonoTime;

/// Why waiting ended without what was waited for.
#[derive(Debug)]
pub enum Ended {
    /// The pulse said so, or the link was shut.
    Stopped,
    Failed(io::Error),
}

/// Waits, in one of two ways.
pub trait Driver {
    fn now(&self) -> MonoTime;
    /// Bytes of the job that the printer has taken, as they were last told.
    fn taken(&self) -> u64;
    /// Gives a sign of life where nothing is waited for.
    fn alive(&mut self, taken: u64) -> Result<(), Ended>;
    /// Waits for the socket, at most for `longest`; may come back early and in vain.
    async fn ready(&mut self, socket: &TcpStream, wanted: PollFlags, longest: Duration) -> Result<(), Ended>;
    /// Connects to the printer; `peer` is where it was before. The stream is nonblocking.
    async fn connect(&mut self, place: &HostPort, peer: Option<SocketAddr>) -> Result<Arc<TcpStream>, NoWay>;
}

impl From<Ended> for LinkError {
    fn from(ended: Ended) -> LinkError {
        match ended {
            Ended::Stopped => LinkError::Stopped,
            Ended::Failed(_) => LinkError::Broken(Broken::WriteFailed, Whole::No),
        }
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub enum NoWay {
    Stopped,
    NotReady(NotReady),
}

/// Waits on a runtime. Whoever drops the future has ended it; how long all of it may take, the caller says.
pub struct OnRuntime {
    pub clock: Clock,
    pub timing: Timing,
    pub names: Resolver,
}

impl Driver for OnRuntime {
    fn now(&self) -> MonoTime {
        self.clock.now().mono
    }

    fn taken(&self) -> u64 {
        0
    }

    fn alive(&mut self, _taken: u64) -> Result<(), Ended> {
        Ok(())
    }

    async fn ready(&mut self, socket: &TcpStream, wanted: PollFlags, longest: Duration) -> Result<(), Ended> {
        let interest = if wanted.contains(PollFlags::OUT) {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        // The runtime gets a descriptor of its own for each wait, so that the socket stays ours.
        let watched = socket.try_clone().and_then(tokio::net::TcpStream::from_std).map_err(Ended::Failed)?;
        match timeout(longest, watched.ready(interest)).await {
            Ok(Err(error)) => Err(Ended::Failed(error)),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    async fn connect(
        &mut self,
        place: &HostPort,
        _peer: Option<SocketAddr>,
    ) -> Result<Arc<TcpStream>, NoWay> {
        connect::connect(place, &self.names, self.timing.connect).await.map(Arc::new).map_err(NoWay::NotReady)
    }
}

/// Ends what a print thread does with a printer, from outside: the same for every connection that it makes.
pub struct Switch {
    off: AtomicBool,
    /// Readable from then on.
    bell: OwnedFd,
    current: Mutex<Weak<TcpStream>>,
    /// The connection is in the middle of a document.
    within: AtomicBool,
}

impl Switch {
    pub fn new() -> io::Result<Arc<Switch>> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (off, within) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Arc::new(Switch { off, bell, current: Mutex::default(), within }))
    }

    pub fn is_off(&self) -> bool {
        self.off.load(Ordering::Acquire)
    }

    /// From now on this is the connection to shut.
    pub fn guard(&self, socket: &Arc<TcpStream>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(socket);
    }

    /// From now on the connection is in the middle of a document: to shut it is to reset it, since many a
    /// printer takes what came before an orderly end for the whole.
    pub fn enters_document(&self) {
        self.within.store(true, Ordering::Release);
    }

    /// The document is at the printer whole.
    pub fn leaves_document(&self) {
        self.within.store(false, Ordering::Release);
    }
}

impl Shutter for Switch {
    fn shut(&self) {
        self.off.store(true, Ordering::Release);
        // It cannot fail: one is far from the largest number.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        if let Some(socket) = self.current.lock().unwrap_or_else(PoisonError::into_inner).upgrade() {
            // On an error the connection is gone already.
            let _ = match self.within.load(Ordering::Acquire) {
                true => os::reset(&socket),
                false => socket.shutdown(Shutdown::Both),
            };
        }
    }
}

/// Waits on a print thread.
pub struct OnThread<'a> {
    pub clock: Clock,
    pub timing: Timing,
    pub switch: &'a Switch,
    pub pulse: &'a mut dyn Pulse,
    /// Bytes of the job that the printer has taken.
    pub taken: u64,
}

impl OnThread<'_> {
    /// Lets time pass.
    pub fn pass(&mut self, wait: Duration) -> Result<(), Ended> {
        let until = self.now().plus(wait);
        loop {
            let left = until.since(self.now());
            self.poll(None, left)?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    fn poll(&mut self, waited: Option<(&TcpStream, PollFlags)>, longest: Duration) -> Result<(), Ended> {
        self.alive(self.taken)?;
        let mut all = vec![PollFd::new(&self.switch.bell, PollFlags::IN)];
        all.extend(waited.map(|(socket, wanted)| PollFd::new(socket, wanted)));
        os::wait(&mut all, longest.min(self.timing.beat)).map_err(Ended::Failed)?;
        if self.switch.is_off() { Err(Ended::Stopped) } else { Ok(()) }
    }
}

impl Driver for OnThread<'_> {
    fn now(&self) -> MonoTime {
        self.clock.now().mono
    }

    fn taken(&self) -> u64 {
        self.taken
    }

    fn alive(&mut self, taken: u64) -> Result<(), Ended> {
        self.taken = taken;
        if self.switch.is_off() || self.pulse.beat(taken).is_err() { Err(Ended::Stopped) } else { Ok(()) }
    }

    async fn ready(&mut self, socket: &TcpStream, wanted: PollFlags, longest: Duration) -> Result<(), Ended> {
        self.poll(Some((socket, wanted)), longest)
    }

    /// To where the printer was when the link was opened: looking up a name would hold the thread.
    async fn connect(&mut self, place: &HostPort, peer: Option<SocketAddr>) -> Result<Arc<TcpStream>, NoWay> {
        let peer = peer.or(match place.host {
            Host::Ip(ip) => Some(SocketAddr::new(ip, place.port)),
            Host::Name(_) => None,
        });
        let peer = peer.ok_or(NoWay::NotReady(NotReady::Unresolved))?;
        let not_ready = |error: &io::Error| NoWay::NotReady(connect::not_ready(error));
        let socket = Arc::new(connect::begin(peer).map_err(|error| not_ready(&error))?);
        self.switch.guard(&socket);
        let until = self.now().plus(self.timing.connect);
        while socket.peer_addr().is_err() {
            let left = until.since(self.now());
            if left.is_zero() {
                return Err(NoWay::NotReady(NotReady::Asleep));
            }
            self.poll(Some((&socket, PollFlags::OUT)), left)?;
            if let Ok(Some(error)) | Err(error) = socket.take_error() {
                return Err(not_ready(&error));
            }
        }
        Ok(socket)
    }
}

impl From<Ended> for NoWay {
    fn from(ended: Ended) -> NoWay {
        match ended {
            Ended::Stopped => NoWay::Stopped,
            Ended::Failed(error) => NoWay::NotReady(connect::not_ready(&error)),
        }
    }
}

/// The outcome of what only waits on this thread.
pub fn block<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("on a print thread nothing is ever pending: all waiting is in `OnThread`")
}
