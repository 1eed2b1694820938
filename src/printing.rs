//! One attempt: the documents of a job go over a link, and its outcome is decided. Blocking.
//!
//! A document is checked before its last chunk is handed over, so one that is damaged never leaves whole, and
//! one of a single chunk never leaves at all. [`Whole::Maybe`] is said only when every byte had been handed
//! to the link; a link that knows that some of them did not leave makes it [`Whole::No`] again.

mod growing;

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use crate::device::{JobTag, Link, LinkError, Pulse, Stop};
use crate::failpoint;
use crate::model::job::{FailReason, Interruption};
use crate::model::liveness::Stage;
use crate::model::outcome::Outcome;
use crate::model::retry::{NotReady, Whole};
use crate::store::documents::Growth;

pub use self::growing::run_growing;

/// How many bytes of a document are read and handed over at a time.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Opens a document from its beginning. Called once for each copy.
pub type OpenBody = Box<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send>;

/// One document of a job, and what it must turn out to be.
pub struct Part {
    pub open: OpenBody,
    pub bytes: u64,
    /// CRC-32C of the whole.
    pub crc: u32,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("bytes", &self.bytes).field("crc", &self.crc).finish_non_exhaustive()
    }
}

/// What one attempt sends.
#[derive(Debug)]
pub enum Load {
    /// Documents that are here, and how often.
    Whole { parts: Vec<Part>, copies: u32 },
    /// One that still arrives.
    Growing(Arc<Growth>),
}

impl Load {
    /// Sends it; see [`run`] and [`run_growing`].
    pub fn run(&self, link: Box<dyn Link>, tag: &JobTag, pulse: &mut dyn Pulse) -> Outcome {
        match self {
            Load::Whole { parts, copies } => run(link, tag, parts, *copies, pulse),
            Load::Growing(growth) => run_growing(link, tag, growth, pulse),
        }
    }
}

/// Why sending stopped.
enum Failure {
    /// The document does not come whole.
    Interrupted(Interruption),
    Damaged(String),
    Link(LinkError),
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Failure {
        Failure::Link(error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        Failure::Link(stop.into())
    }
}

/// Sends all `parts`, in their order, `copies` times where the device does not make the copies itself. The link is gone when this returns: finished, or
/// dropped, which takes back what had not left.
pub fn run(
    mut link: Box<dyn Link>,
    tag: &JobTag,
    parts: &[Part],
    copies: u32,
    pulse: &mut dyn Pulse,
) -> Outcome {
    pulse.stage(Stage::Sending);
    let copies = if link.makes_copies(tag) { 1 } else { copies };
    let mut sender = Sender { link: &mut *link, pulse, handed: 0, buffer: Vec::new() };
    let sent = sender.begin(tag, parts).and_then(|()| sender.send(parts, copies));
    let handed = sender.handed;
    end(link, sent, handed, pulse)
}

/// Ends the job at the device, or lets go of it.
fn end(link: Box<dyn Link>, sent: Result<(), Failure>, handed: u64, pulse: &mut dyn Pulse) -> Outcome {
    match sent {
        Ok(()) => finish(link, handed, pulse),
        Err(failure) => failure.before_the_end(handed),
    }
}

fn finish(link: Box<dyn Link>, handed: u64, pulse: &mut dyn Pulse) -> Outcome {
    failpoint::hit("print-after-last-byte");
    pulse.stage(Stage::Ending);
    match link.finish(pulse) {
        Ok(how) => Outcome::Done { how, bytes: handed },
        Err(LinkError::NotReady(why)) => Outcome::NotReady(why),
        Err(LinkError::Broken(broken, whole)) => Outcome::Broken { broken, whole, bytes: handed },
        Err(LinkError::Document(why)) => Outcome::Document(why),
        Err(LinkError::Canceled) => Outcome::Canceled { bytes: handed },
        Err(LinkError::Credentials) => Outcome::Credentials,
        Err(LinkError::Stopped) => Outcome::Aborted { whole: Whole::Maybe, bytes: handed },
    }
}

impl Failure {
    /// The outcome when not every byte had been handed over.
    fn before_the_end(self, bytes: u64) -> Outcome {
        match self {
            Failure::Interrupted(why) => Outcome::Incomplete { why, bytes },
            Failure::Damaged(why) => Outcome::Document(FailReason::DocumentDamaged(why)),
            Failure::Link(LinkError::NotReady(why)) => Outcome::NotReady(why),
            // Only a beginning has come to nothing: no byte of the job was given to the link at all.
            Failure::Link(LinkError::Broken(broken, _)) if bytes == 0 => {
                Outcome::NotReady(NotReady::Other(broken.to_string()))
            }
            Failure::Link(LinkError::Broken(broken, _)) => {
                Outcome::Broken { broken, whole: Whole::No, bytes }
            }
            Failure::Link(LinkError::Document(why)) => Outcome::Document(why),
            Failure::Link(LinkError::Canceled) => Outcome::Canceled { bytes },
            Failure::Link(LinkError::Credentials) => Outcome::Credentials,
            Failure::Link(LinkError::Stopped) => Outcome::Aborted { whole: Whole::No, bytes },
        }
    }
}

struct Sender<'a> {
    link: &'a mut dyn Link,
    pulse: &'a mut dyn Pulse,
    /// Bytes given to the link so far, from the moment on in which it gets them.
    handed: u64,
    buffer: Vec<u8>,
}

impl Sender<'_> {
    /// The first document is opened before the device hears anything of the job.
    fn begin(&mut self, tag: &JobTag, parts: &[Part]) -> Result<(), Failure> {
        self.pulse.beat(0)?;
        if let Some(first) = parts.first() {
            first.body(1)?;
        }
        Ok(self.link.begin(tag, self.pulse)?)
    }

    fn send(&mut self, parts: &[Part], copies: u32) -> Result<(), Failure> {
        for copy in 0..copies {
            for (n, part) in parts.iter().enumerate() {
                if copy > 0 || n > 0 {
                    self.link.next_part(self.pulse)?;
                }
                self.send_part(part, n + 1)?;
            }
        }
        Ok(())
    }

    /// Sends document number `n`, counted from 1. All that can be wrong with it is known before its last
    /// chunk goes.
    fn send_part(&mut self, part: &Part, n: usize) -> Result<(), Failure> {
        let mut body = part.body(n)?;
        let (mut left, mut crc) = (part.bytes, 0);
        loop {
            let size = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            self.buffer.resize(size, 0);
            body.read_exact(&mut self.buffer).map_err(|error| part.unreadable(n, &error))?;
            crc = crc32c::crc32c_append(crc, &self.buffer);
            left -= size as u64;
            if left == 0 {
                part.check_end(n, crc, &mut *body)?;
            }
            if size > 0 {
                self.handed += size as u64;
                self.link.write(&self.buffer, self.pulse)?;
            }
            if left == 0 {
                return Ok(());
            }
            failpoint::hit("print-between-chunks");
        }
    }
}

impl Part {
    fn body(&self, n: usize) -> Result<Box<dyn Read + Send>, Failure> {
        (self.open)().map_err(|error| Failure::Damaged(format!("document {n} cannot be opened: {error}")))
    }

    fn unreadable(&self, n: usize, error: &io::Error) -> Failure {
        Failure::Damaged(match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("document {n} is shorter than its {} bytes", self.bytes),
            _ => format!("document {n} cannot be read: {error}"),
        })
    }

    fn check_end(&self, n: usize, crc: u32, body: &mut dyn Read) -> Result<(), Failure> {
        match io::copy(&mut body.take(1), &mut io::sink()) {
            Ok(0) if crc == self.crc => Ok(()),
            Ok(0) => Err(Failure::Damaged(format!("document {n} does not match its checksum"))),
            Ok(_) => Err(Failure::Damaged(format!("document {n} is longer than its {} bytes", self.bytes))),
            Err(error) => Err(self.unreadable(n, &error)),
        }
    }
}
