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
mod ipp;
mod node;
mod os;
pub mod power;
mod resolve;
mod sim;
mod socket;
pub mod usb;

use std::fmt;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub use self::resolve::Resolver;
pub use self::usb::UsbPlaces;
use crate::clock::Clock;
use crate::model::description::Description;
use crate::model::document::Format;
use crate::model::id::{AcceptedSeq, Generation, JobId};
use crate::model::job::{DoneHow, FailReason};
use crate::model::liveness::Stage;
use crate::model::news::News;
use crate::model::options::Options;
use crate::model::outcome::Answer;
pub use crate::model::outcome::CancelFailed;
use crate::model::printer::Printer;
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
pub type Parse = fn(&Place<'_>, &Surroundings) -> Result<Arc<dyn Target>, BadUri>;

/// Where a printer is, and what it wants to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub uri: &'a str,
    /// A file with `user:password`, read anew for each connection.
    pub credentials: Option<&'a Path>,
}

impl<'a> From<&'a str> for Place<'a> {
    fn from(uri: &'a str) -> Self {
        Place { uri, credentials: None }
    }
}

impl<'a> From<&'a String> for Place<'a> {
    fn from(uri: &'a String) -> Self {
        uri.as_str().into()
    }
}

impl<'a> From<&'a Printer> for Place<'a> {
    fn from(printer: &'a Printer) -> Self {
        Place { uri: &printer.uri, credentials: printer.credentials_file.as_deref().map(Path::new) }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.scheme)
    }
}

/// The kinds there are.
pub const KINDS: &[Kind] = &[socket::KIND, ipp::IPP, ipp::IPPS, file::KIND, sim::KIND];

/// What devices may use of the machine.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Directories below which `file:` may write, canonical. Devices in `/dev` are reached only where one of
    /// these lies in `/dev` too.
    pub files: Vec<PathBuf>,
    pub timing: Timing,
    pub clock: Clock,
    /// Looks up the names of network printers, for all of them together.
    pub names: Resolver,
    /// Where its USB printers are.
    pub usb: UsbPlaces,
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
            beat: Duration::from_millis(250),
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
    /// Which attempt it is, and over which connection: what came to nothing is not counted as an attempt, and
    /// connections are counted anew after each start.
    pub attempt: (u32, Generation),
    pub title: String,
    pub user: String,
    /// The device's own number for the job, where it gave one in this attempt or, for [`Target::ask`], in an
    /// earlier one.
    pub handle: Option<String>,
    /// File name extension for the format sent, without the dot: `pdf`, `ps`, `pcl`, `txt`, `prn`…
    pub extension: &'static str,
    /// The documents, in the order in which they are handed over.
    pub documents: Vec<DocumentTag>,
    pub options: Options,
    /// All that will be handed over where the link does not make copies itself: every document, every copy.
    pub bytes_total: u64,
    /// Whether the device's close is the final word (see `model::printer::Closes`).
    pub closes: Confirmation,
}

/// One document of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentTag {
    pub format: Format,
    pub bytes: u64,
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
    /// Whether [`Target::ask`] can know of a job.
    fn can_ask(&self) -> bool {
        false
    }
    /// Asks what became of a job, without a thread that could hang. Ends within the connect time.
    fn ask(&self, _tag: &JobTag) -> BoxFuture<'static, Answer> {
        ready(Answer::CannotTell).boxed()
    }
    /// Whether [`Target::cancel`] can be understood: the device takes a second connection for it.
    fn can_cancel(&self) -> bool {
        false
    }
    /// Tells the device to cancel the job with the handle in `tag`. What becomes of it, the device says to
    /// whoever has the link, or when it is asked. Ends within the connect time.
    fn cancel(&self, _tag: &JobTag) -> BoxFuture<'static, Result<(), CancelFailed>> {
        ready(Err(CancelFailed::TooLate)).boxed()
    }
    /// Asks the device what it is and has, also while it cannot print; `None` where it has no words for that.
    /// Ends within the connect time.
    fn describe(&self) -> BoxFuture<'static, Result<Option<Description>, NotReady>> {
        ready(Ok(None)).boxed()
    }
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
    /// What the device says of the job, apart from its end. Never lost; the newest holds.
    fn news(&mut self, news: News);
}

/// The attempt is to end now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// An open way to a device, for one job. Blocking.
pub trait Link: Send {
    /// Shuts the link from another thread; `None` where that cannot be done.
    fn shutter(&self) -> Option<Arc<dyn Shutter>>;
    /// What the device said of itself when the link was opened.
    fn description(&self) -> Option<Arc<Description>> {
        None
    }
    /// Whether the device makes the copies of this job itself: then each document is handed over once.
    fn makes_copies(&self, _tag: &JobTag) -> bool {
        false
    }
    /// Says what comes. Nothing that counts as a byte of the job may leave before this.
    fn begin(&mut self, tag: &JobTag, pulse: &mut dyn Pulse) -> Result<(), LinkError>;
    /// Another document, or another copy, begins. Devices that take one stream need not care.
    fn next_part(&mut self, _pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        Ok(())
    }
    /// Hands over all of `bytes`, reading whatever the device says meanwhile.
    fn write(&mut self, bytes: &[u8], pulse: &mut dyn Pulse) -> Result<(), LinkError>;
    /// There is nothing to hand over just now, after `handed` bytes: beats, and looks whether the device is still
    /// there where that can be seen.
    fn idle(&mut self, handed: u64, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        Ok(pulse.beat(handed)?)
    }
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
    /// The device says that the job was canceled there.
    Canceled,
    Credentials,
    /// The pulse said stop, or the link was shut from outside.
    Stopped,
}

impl From<Stop> for LinkError {
    fn from(Stop: Stop) -> LinkError {
        LinkError::Stopped
    }
}

/// Understands where a printer is.
pub fn parse<'a>(
    place: impl Into<Place<'a>>,
    surroundings: &Surroundings,
) -> Result<Arc<dyn Target>, BadUri> {
    let place = place.into();
    let uri = place.uri;
    let bad = |why: String| BadUri { uri: uri.chars().take(200).collect(), why };
    let Some((scheme, _)) = uri.split_once(':') else {
        return Err(bad(format!("it has no scheme; known are {}", schemes())));
    };
    match KINDS.iter().find(|kind| kind.scheme == scheme) {
        Some(kind) => (kind.parse)(&place, surroundings),
        None => Err(bad(format!("nothing prints to {scheme:?}; known are {}", schemes()))),
    }
}

fn schemes() -> String {
    KINDS.iter().map(|kind| kind.example).collect::<Vec<_>>().join(", ")
}

impl Surroundings {
    /// With the machine's own name service and devices.
    pub fn new(files: Vec<PathBuf>, timing: Timing, clock: Clock) -> Surroundings {
        Surroundings { files, timing, clock, names: Resolver::of_system(clock), usb: UsbPlaces::default() }
    }

    /// Whether `path`, canonical, lies below one of the directories that may be written to.
    pub fn may_write(&self, path: &Path) -> bool {
        self.files.iter().any(|allowed| path.starts_with(allowed))
    }
}
