//! A device node (`/dev/usb/lp0`, a serial line) or a named pipe: bytes go in, and the driver says when they
//! are out. Written to without blocking, so that the thread beats and can be stopped while the device takes
//! nothing.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::fs::FileType;
use rustix::io::{Errno, ioctl_fionread};
use rustix::termios::{OptionalActions, isatty, tcdrain, tcgetattr, tcsetattr};

use super::{JobTag, Link, LinkError, Pulse, Shutter, Timing, os};
use crate::model::job::DoneHow;
use crate::model::liveness::Stage;
use crate::model::retry::{Broken, NotReady, Whole};

/// The pause between two looks at what a driver has not sent yet.
const DRAIN_LOOK: Duration = Duration::from_millis(20);
/// What a serial line may take for its very last bytes, once the driver has none left.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// What kind of node it is decides how one knows that everything is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Terminal,
    Pipe,
    /// A character device that is no terminal: it is writable again when it has sent the last write.
    Device,
}

/// An open node.
pub struct NodeLink {
    node: File,
    sort: Sort,
    timing: Timing,
    /// Bytes that the driver has taken from us.
    handed: u64,
    bell: Arc<Bell>,
}

/// Wakes a thread that waits for the node.
struct Bell {
    rung: AtomicBool,
    fd: OwnedFd,
}

impl Shutter for Bell {
    fn shut(&self) {
        self.rung.store(true, Ordering::Release);
        // It can only fail when its counter is full, and then it rings already.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }
}

impl NodeLink {
    /// `node` is open for writing without blocking. A terminal is told to pass every byte as it is.
    pub fn new(node: OwnedFd, kind: FileType, timing: Timing) -> io::Result<NodeLink> {
        let sort = match kind {
            FileType::Fifo => Sort::Pipe,
            _ if isatty(&node) => Sort::Terminal,
            _ => Sort::Device,
        };
        if sort == Sort::Terminal {
            let mut settings = tcgetattr(&node)?;
            settings.make_raw();
            tcsetattr(&node, OptionalActions::Now, &settings)?;
        }
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let bell = Arc::new(Bell { rung: AtomicBool::new(false), fd });
        Ok(NodeLink { node: node.into(), sort, timing, handed: 0, bell })
    }

    /// Bytes that have left the driver.
    fn taken(&self) -> u64 {
        self.handed.saturating_sub(self.held())
    }

    /// Bytes that the driver still has, as far as it tells.
    fn held(&self) -> u64 {
        match self.sort {
            Sort::Terminal => os::queued(&self.node).unwrap_or(0),
            Sort::Pipe => ioctl_fionread(&self.node).unwrap_or(0),
            Sort::Device => 0,
        }
    }

    /// Waits until the node can be written to, at most for a beat; the bell ends it early.
    fn wait_writable(&self) -> Result<(), LinkError> {
        let mut wanted = [PollFd::new(&self.node, PollFlags::OUT), PollFd::new(&self.bell.fd, PollFlags::IN)];
        os::wait(&mut wanted, self.timing.beat).map_err(|error| self.broken(&error))?;
        self.check_bell()
    }

    /// Waits for `longest`; the bell ends it early.
    fn pause(&self, longest: Duration) -> Result<(), LinkError> {
        os::wait(&mut [PollFd::new(&self.bell.fd, PollFlags::IN)], longest)
            .map_err(|error| self.broken(&error))?;
        self.check_bell()
    }

    fn check_bell(&self) -> Result<(), LinkError> {
        if self.bell.rung.load(Ordering::Acquire) { Err(LinkError::Stopped) } else { Ok(()) }
    }

    fn broken(&self, error: &io::Error) -> LinkError {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::BUSY) if self.handed == 0 => LinkError::NotReady(NotReady::Busy),
            Some(Errno::NODEV | Errno::NXIO | Errno::IO | Errno::PIPE) if self.handed == 0 => {
                LinkError::NotReady(NotReady::Unreachable)
            }
            Some(Errno::PIPE) => LinkError::Broken(Broken::EarlyClose, Whole::Maybe),
            _ => LinkError::Broken(Broken::WriteFailed, Whole::Maybe),
        }
    }
}

impl Link for NodeLink {
    fn shutter(&self) -> Option<Arc<dyn Shutter>> {
        Some(self.bell.clone())
    }

    fn begin(&mut self, _tag: &JobTag, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        pulse.beat(0)?;
        self.check_bell()
    }

    fn write(&mut self, bytes: &[u8], pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            pulse.beat(self.taken())?;
            self.check_bell()?;
            match self.node.write(rest) {
                Ok(0) => self.pause(self.timing.beat)?,
                Ok(taken) => {
                    self.handed += taken as u64;
                    rest = &rest[taken..];
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait_writable()?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // That is how a line printer says that it is out of paper (lp(4)); it may claim to be
                // writable all the while.
                Err(error) if error.kind() == ErrorKind::StorageFull => self.pause(self.timing.beat)?,
                Err(error) => return Err(self.broken(&error)),
            }
        }
        Ok(())
    }

    /// Waits until the driver has nothing left. Closing the node earlier would cut the last write off.
    fn finish(self: Box<Self>, pulse: &mut dyn Pulse) -> Result<DoneHow, LinkError> {
        loop {
            pulse.beat(self.taken())?;
            let mut writable = [PollFd::new(&self.node, PollFlags::OUT)];
            os::wait(&mut writable, Duration::ZERO).map_err(|error| self.broken(&error))?;
            let ready = writable[0].revents();
            // Hung up: what the driver held is lost, and it no longer tells how much that was.
            if ready.contains(PollFlags::HUP) {
                return Err(self.broken(&Errno::PIPE.into()));
            }
            if self.held() == 0 && ready.contains(PollFlags::OUT) {
                break;
            }
            if ready.contains(PollFlags::ERR) {
                return Err(self.broken(&Errno::PIPE.into()));
            }
            self.pause(DRAIN_LOOK.min(self.timing.beat))?;
        }
        pulse.stage(Stage::AwaitingWord);
        if self.sort == Sort::Terminal {
            pulse.protect(DRAIN_MAX);
            tcdrain(&self.node).map_err(|error| self.broken(&error.into()))?;
        }
        Ok(DoneHow::Drained)
    }
}
