//! One printer at the end of a wire. Blocking, and without any knowledge of queues, stores or actors.
//!
//! A device kind is one file and one line in [`KINDS`]. It parses its URI to a [`Target`]; opening a
//! target gives a [`Link`], which takes the bytes of one job and hears the device's final word.
//!
//! A link never waits longer than [`Timing::beat`] without a sign of life, never says «done» before the
//! device has taken every byte, and when it is dropped early takes back what had not left yet.

mod address;
mod connect;
mod directory;
mod file;
mod node;
mod os;
mod sim;
mod socket;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::model::id::{AcceptedSeq, JobId};
use crate::model::job::{DoneHow, FailReason};
use crate::model::liveness::Stage;
use crate::model::outcome::Answer;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::model::time::WallTime;

/// What a device kind is: its scheme and how its URIs are understood.
#[derive(Clone, Copy)]
pub struct Kind {
    pub scheme: &'static str,
    /// One line that shows how such a URI looks.
    pub example: &'static str,
    pub parse: Parse,
}

/// Understands a URI of one kind.
pub type Parse = fn(&str, &Surroundings) -> Result<Arc<dyn Target>, BadUri>;

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.scheme)
    }
}

/// The kinds there are.
pub const KINDS: &[Kind] = &[socket::KIND, file::KIND, sim::KIND];

/// What devices may use of the machine.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Directories below which `file:` may write, canonical. Devices in `/dev` are reached only where one of
    /// these lies in `/dev` too.
    pub files: Vec<PathBuf>,
    pub timing: Timing,
    pub clock: Clock,
}

/// The waits of a device. Every one is a limit with a name in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A connection that is not up after this long is not there: off or asleep.
    pub connect: Duration,
    /// How long a link waits in the operating system before it gives a sign of life.
    pub beat: Duration,
    /// How long after the last byte has left a device may neither close nor speak.
    pub silence: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(10),
            beat: Duration::from_secs(1),
            silence: Duration::from_secs(90),
        }
    }
}

/// Why a URI names no device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUri {
    pub uri: String,
    pub why: String,
}

impl fmt::Display for BadUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a printer's address: {}", self.uri, self.why)
    }
}

impl std::error::Error for BadUri {}

/// The job as the device gets to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTag {
    pub id: JobId,
    /// With `id` and `accepted`: which printing of which job, also where another state directory counts from 1.
    pub created_at: WallTime,
    /// Another one after each restart of the job by a user; the same over all attempts between.
    pub accepted: AcceptedSeq,
    pub title: String,
    pub user: String,
    /// File name extension for the format sent, without the dot: `pdf`, `ps`, `pcl`, `txt`, `prn`…
    pub extension: &'static str,
    /// All that will be handed over: every document, every copy.
    pub bytes_total: u64,
    /// Whether the device's close is the final word (see `model::printer::Closes`).
    pub closes: Confirmation,
}

/// What counts as the end of a job at a device that has no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The device's closing of the connection.
    Close,
    /// Nothing: silence after the last byte is all there is.
    Silence,
}

/// A device by its address. Cheap to clone and to keep for dead printers: it holds nothing open.
pub trait Target: Send + Sync + fmt::Debug {
    /// Host and port, for the device table; empty and 0 where there are none.
    fn address(&self) -> (String, u16);
    /// Connects, without a thread and without sending anything. Dropping the future gives up.
    fn open(&self) -> BoxFuture<'static, Result<Box<dyn Link>, NotReady>>;
    /// Whether [`Target::ask`] can know of a job. Never blocks.
    fn can_ask(&self) -> bool;
    /// Asks what became of a job. Blocking, within the connect time.
    fn ask(&self, tag: &JobTag) -> Answer;
}

/// Signs of life, and the wish to end.
pub trait Pulse {
    /// Called at least once every [`Timing::beat`] while the link works, with the number of bytes that
    /// the device has taken. An `Err` tells the link to end as fast as it can.
    fn beat(&mut self, bytes: u64) -> Result<(), Stop>;
    /// Where the attempt is now. A link tells [`Stage::AwaitingWord`], when the last byte has left.
    fn stage(&mut self, stage: Stage);
    /// From now on up to `longest` may pass between two beats: the operating system is asked for something
    /// that cannot be interrupted. Holds until it is changed.
    fn protect(&mut self, longest: Duration);
}

/// The attempt is to end now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// An open way to a device, for one job. Blocking.
pub trait Link: Send {
    /// Shuts the link from another thread; `None` where that cannot be done.
    fn shutter(&self) -> Option<Arc<dyn Shutter>>;
    /// Says what comes. Nothing that counts as a byte of the job may leave before this.
    fn begin(&mut self, tag: &JobTag, pulse: &mut dyn Pulse) -> Result<(), LinkError>;
    /// Another document, or another copy, begins. Devices that take one stream need not care.
    fn next_part(&mut self, _pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        Ok(())
    }
    /// Hands over all of `bytes`, reading whatever the device says meanwhile.
    fn write(&mut self, bytes: &[u8], pulse: &mut dyn Pulse) -> Result<(), LinkError>;
    /// Ends the job and waits for the device's final word.
    fn finish(self: Box<Self>, pulse: &mut dyn Pulse) -> Result<DoneHow, LinkError>;
}

/// Shuts a link from outside: a thread that hangs in it comes back with an error.
pub trait Shutter: Send + Sync {
    /// Returns at once; may be called again, and after the link has ended.
    fn shut(&self);
}

/// Why a link ended before its final word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// Before any byte of the job left; what the link had taken until then nobody will ever see.
    NotReady(NotReady),
    /// With what the link itself knows of the bytes handed over: [`Whole::No`] where some certainly did not
    /// leave.
    Broken(Broken, Whole),
    /// The device or the file system says that this document cannot be printed.
    Document(FailReason),
    Credentials,
    /// The pulse said stop, or the link was shut from outside.
    Stopped,
}

impl From<Stop> for LinkError {
    fn from(Stop: Stop) -> LinkError {
        LinkError::Stopped
    }
}

/// Understands a printer's URI.
pub fn parse(uri: &str, surroundings: &Surroundings) -> Result<Arc<dyn Target>, BadUri> {
    let bad = |why: String| BadUri { uri: uri.chars().take(200).collect(), why };
    let Some((scheme, _)) = uri.split_once(':') else {
        return Err(bad(format!("it has no scheme; known are {}", schemes())));
    };
    match KINDS.iter().find(|kind| kind.scheme == scheme) {
        Some(kind) => (kind.parse)(uri, surroundings),
        None => Err(bad(format!("nothing prints to {scheme:?}; known are {}", schemes()))),
    }
}

fn schemes() -> String {
    KINDS.iter().map(|kind| kind.example).collect::<Vec<_>>().join(", ")
}

impl Surroundings {
    /// Whether `path`, canonical, lies below one of the directories that may be written to.
    pub fn may_write(&self, path: &Path) -> bool {
        self.files.iter().any(|allowed| path.starts_with(allowed))
    }
}
