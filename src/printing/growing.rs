//! A document that is sent while it still arrives. Its last piece leaves only when its job is accepted: until then
//! the device cannot have it whole, and letting go of the link resets it.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use super::{CHUNK_BYTES, Failure, Sender, end};
use crate::device::{JobTag, Link, LinkError, Pulse};
use crate::failpoint;
use crate::model::liveness::Stage;
use crate::model::outcome::Outcome;
use crate::model::retry::{Broken, Whole};
use crate::model::stream::waits_on;
use crate::store::documents::{Finished, Grown, Growth};

/// How long more bytes are waited for without a look at the device.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Sends a document as it grows, once. The link is gone when this returns, as after [`super::run`].
pub fn run_growing(mut link: Box<dyn Link>, tag: &JobTag, growth: &Growth, pulse: &mut dyn Pulse) -> Outcome {
    pulse.stage(Stage::Sending);
    let mut sender = Sender { link: &mut *link, pulse, handed: 0, buffer: Vec::new() };
    let sent = sender.begin(tag, &[]).and_then(|()| sender.send_growing(growth));
    let handed = sender.handed;
    end(link, sent, handed, pulse)
}

/// What is handed over next: so many bytes, and whether they are the last.
struct Piece {
    bytes: usize,
    last: Option<Finished>,
}

impl Sender<'_> {
    fn send_growing(&mut self, growth: &Growth) -> Result<(), Failure> {
        let (mut body, mut crc, mut waited) = (None, 0, Duration::ZERO);
        loop {
            let piece = self.next_piece(growth, &mut waited)?;
            self.pulse.stage(Stage::Sending);
            self.buffer.resize(piece.bytes, 0);
            let read = read(growth, &mut body, &mut self.buffer);
            read.map_err(|error| Failure::Damaged(format!("the document cannot be read: {error}")))?;
            crc = crc32c::crc32c_append(crc, &self.buffer);
            if piece.last.is_some_and(|finished| finished.crc != crc) {
                return Err(Failure::Damaged("the document does not match its checksum".to_owned()));
            }
            if piece.bytes > 0 {
                self.handed += piece.bytes as u64;
                self.link.write(&self.buffer, self.pulse)?;
            }
            if piece.last.is_some() {
                return Ok(());
            }
            failpoint::hit("print-growing");
        }
    }

    /// Waits for a piece that may leave: as long as the job is not accepted, one that others follow.
    fn next_piece(&mut self, growth: &Growth, waited: &mut Duration) -> Result<Piece, Failure> {
        let beyond = self.handed + CHUNK_BYTES as u64;
        loop {
            match growth.look(beyond, LOOK_EVERY) {
                Grown::Never(why) => return Err(Failure::Interrupted(why)),
                Grown::SoFar(written) if written > beyond => {
                    return Ok(Piece { bytes: CHUNK_BYTES, last: None });
                }
                Grown::SoFar(_) => self.wait_on(waited)?,
                Grown::Accepted(finished) => {
                    let left = finished.bytes.saturating_sub(self.handed);
                    let bytes = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
                    return Ok(Piece { bytes, last: Some(finished).filter(|_| left == bytes as u64) });
                }
            }
        }
    }

    fn wait_on(&mut self, waited: &mut Duration) -> Result<(), Failure> {
        *waited += LOOK_EVERY;
        if !waits_on(*waited, self.handed) {
            return Err(LinkError::Broken(Broken::UploadSlow, Whole::No).into());
        }
        self.pulse.stage(Stage::AwaitingData);
        Ok(self.link.idle(self.handed, self.pulse)?)
    }
}

/// Reads on; the file is there when its first bytes are.
fn read(growth: &Growth, body: &mut Option<File>, buffer: &mut [u8]) -> io::Result<()> {
    let file = match body {
        Some(file) => file,
        none => none.insert(growth.open()?),
    };
    file.read_exact(buffer)
}
