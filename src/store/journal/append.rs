//! Writing: groups of commits, one write and one sync each.

use std::io;
use std::sync::Arc;

use super::begin::{Begin, remove_old};
use super::frame::{self, Place};
use super::prepare::{create_segment, cut, new_id, open_segment};
use super::replay::{Ending, Frame, Replayed, replay};
use super::segment::{JournalId, SEGMENT_HEADER_BYTES};
use super::{
    Bodies, BodyAt, FrameRef, JournalError, JournalFiles, LimitExceeded, Placed, Position, SegmentFile,
    VisitError,
};
use crate::failpoint;
use crate::store::durable::is_full;

/// Most commits of one group.
pub const GROUP_FRAMES_MAX: usize = 4096;
/// Most bytes of one group.
pub const GROUP_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The buffer of a large group is given back down to this.
const BUFFER_BYTES_KEPT: usize = 4 * 1024 * 1024;

/// Bytes of a segment. Compaction frees one at a time, so it needs at most so much room before it makes some.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How a journal is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Most bytes of a segment; the next group goes to a new one.
    pub segment_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes_max: SEGMENT_BYTES_MAX }
    }
}

/// A journal open for writing. There must be one at most of a directory; its owner sees to that.
#[derive(Debug)]
pub struct Journal {
    files: Arc<dyn JournalFiles>,
    options: Options,
    id: JournalId,
    file: Box<dyn SegmentFile>,
    /// Where the next frame goes; everything before is durable.
    end: Position,
    /// Why nothing may be written any more.
    poisoned: Option<String>,
    buffer: Vec<u8>,
}

impl Journal {
    /// Shows the commits from `from` on to `visit`, cuts off a torn tail, and makes ready to append.
    ///
    /// When this returns, everything that was shown is durable, even if the last process died before its sync.
    /// A torn tail that might once have been acknowledged is copied to `STATE/damaged` before it is cut.
    ///
    /// # Errors
    /// As [`replay`]; [`JournalError::Full`] where the disk has no room for a first segment.
    pub fn open(
        files: Arc<dyn JournalFiles>,
        options: Options,
        from: Position,
        visit: &mut dyn FnMut(Frame) -> Result<(), VisitError>,
    ) -> Result<(Self, Replayed), JournalError> {
        let replayed = replay(&*files, from, visit)?;
        remove_old(&*files, Begin::read(&*files)?)?;
        let id = match replayed.id {
            Some(id) => id,
            None => new_id()?,
        };
        let (file, end) = match replayed.ending {
            _ if replayed.end == Position::START => {
                let end = Position { segment: 1, offset: SEGMENT_HEADER_BYTES, seq: 1 };
                (create_segment(&*files, id, end)?, end)
            }
            Ending::Clean => (open_segment(&*files, replayed.end.segment)?, replayed.end),
            Ending::TornTail { at, bytes, incomplete } => (cut(&*files, id, at, bytes, incomplete)?, at),
        };
        let end = Position { offset: end.offset.max(SEGMENT_HEADER_BYTES), ..end };
        file.sync_data().map_err(|source| JournalError::io("sync", end.segment, source))?;
        files.sync_dir().map_err(|source| JournalError::directory("sync", source))?;
        Ok((Self { files, options, id, file, end, poisoned: None, buffer: Vec::new() }, replayed))
    }

    /// The identity that all segments of this journal share.
    pub fn id(&self) -> JournalId {
        self.id
    }

    /// Where the next commit goes. Everything before it is durable.
    pub fn end(&self) -> Position {
        self.end
    }

    /// Goes on in a new segment unless this one is empty, and says where its first frame goes.
    ///
    /// # Errors
    /// As [`Journal::append_group`].
    pub(in crate::store) fn begin_segment(&mut self) -> Result<Position, JournalError> {
        if self.end.offset > SEGMENT_HEADER_BYTES {
            self.rotate()?;
        }
        Ok(self.end)
    }

    /// A reader of small documents for other threads.
    pub fn bodies(&self) -> Bodies {
        Bodies::new(Arc::clone(&self.files))
    }

    /// The bytes of a small document, checked.
    pub fn read_body(&self, at: &BodyAt) -> Result<Vec<u8>, JournalError> {
        self.bodies().read(at)
    }

    /// Makes all `frames` durable, with one write and one sync; they get consecutive numbers in this order.
    ///
    /// # Errors
    /// On [`JournalError::Full`] and [`JournalError::Limit`] nothing was written and the journal goes on working.
    /// On any other error it is not known whether the frames are durable, and the journal takes no more.
    pub fn append_group(&mut self, frames: &[FrameRef<'_>]) -> Result<Vec<Placed>, JournalError> {
        if let Some(why) = &self.poisoned {
            return Err(JournalError::Poisoned { why: why.clone() });
        }
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = self.check(frames)?;
        if self.end.offset > SEGMENT_HEADER_BYTES && self.end.offset + bytes > self.options.segment_bytes_max
        {
            self.rotate()?;
        }
        let placed = self.encode(frames);
        self.write()?;
        if let Some(last) = placed.last() {
            self.end = last.end;
        }
        Ok(placed)
    }

    /// Bytes the group will take, if it may be written at all.
    fn check(&self, frames: &[FrameRef<'_>]) -> Result<u64, LimitExceeded> {
        if frames.len() > GROUP_FRAMES_MAX {
            return Err(LimitExceeded {
                what: "commits in a group",
                found: frames.len(),
                max: GROUP_FRAMES_MAX,
            });
        }
        let mut bytes = 0;
        for frame in frames {
            frame::check(frame)?;
            bytes += frame::encoded_bytes(frame);
        }
        let room = self.options.segment_bytes_max.saturating_sub(SEGMENT_HEADER_BYTES);
        let max = GROUP_BYTES_MAX.min(usize::try_from(room).unwrap_or(usize::MAX));
        if bytes > max {
            return Err(LimitExceeded { what: "bytes in a group", found: bytes, max });
        }
        Ok(bytes as u64)
    }

    fn encode(&mut self, frames: &[FrameRef<'_>]) -> Vec<Placed> {
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES_KEPT);
        let (start, mut position) = (self.end.offset, self.end);
        let mut placed = Vec::with_capacity(frames.len());
        for (index, frame) in (0_u32..).zip(frames) {
            let place = Place { id: self.id, segment: position.segment, offset: position.offset };
            let bodies = frame::encode(frame, position.seq, index, place, &mut self.buffer);
            let end =
                Position { offset: start + self.buffer.len() as u64, seq: position.seq + 1, ..position };
            placed.push(Placed { position, end, bodies });
            position = end;
        }
        placed
    }

    fn write(&mut self) -> Result<(), JournalError> {
        if let Err(error) = self.file.write_at(&self.buffer, self.end.offset) {
            return Err(self.write_failed(error));
        }
        failpoint::hit("journal-before-sync");
        // After a failed sync the system may call pages clean that never reached the disk, so nothing is tried again.
        self.file.sync_data().map_err(|error| self.poison("sync", error))
    }

    /// A full disk is no reason to stop: the part that was written is cut off, durably, because a later write
    /// at the same place must not be followed by remains of this one.
    fn write_failed(&mut self, error: io::Error) -> JournalError {
        if !is_full(&error) {
            return self.poison("write", error);
        }
        match self.file.truncate(self.end.offset).and_then(|()| self.file.sync_data()) {
            Ok(()) => JournalError::Full { source: error },
            Err(error) => self.poison("cut", error),
        }
    }

    /// Takes no more writes. What was not acknowledged is cut off if the disk still lets us; whether it does is not
    /// reported, since nothing can be done about it and the next start sees for itself.
    fn poison(&mut self, doing: &'static str, source: io::Error) -> JournalError {
        let segment = self.end.segment;
        self.poisoned = Some(format!("cannot {doing} journal/{segment:08}.seg: {source}"));
        let cut = self.file.truncate(self.end.offset).and_then(|()| self.file.sync_data());
        log::error!(segment = segment, doing = doing, cut = cut.is_ok(); "the journal takes no more writes: {source}");
        JournalError::io(doing, segment, source)
    }

    /// Goes on in a new segment, durable before any frame is written to it.
    fn rotate(&mut self) -> Result<(), JournalError> {
        let next =
            Position { segment: self.end.segment + 1, offset: SEGMENT_HEADER_BYTES, seq: self.end.seq };
        match create_segment(&*self.files, self.id, next) {
            Ok(file) => {
                self.file = file;
                self.end = next;
                Ok(())
            }
            Err(full @ JournalError::Full { .. }) => Err(full),
            Err(error) => {
                self.poisoned = Some(error.to_string());
                Err(error)
            }
        }
    }
}
