//! Reading the journal back, and telling how it ends.

use super::append::GROUP_BYTES_MAX;
use super::begin;
use super::frame::{FrameError, Header};
use super::read::{Found, SegmentReader, Unopened};
use super::segment::{JournalId, SEGMENT_HEADER_BYTES};
use super::{Damage, DamageKind, JournalError, JournalFiles, Op, PlacedBodies, Position, VisitError};

/// A commit that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub position: Position,
    /// Where the next one begins.
    pub end: Position,
    pub ops: Vec<Op>,
    /// Ids and places of its small documents.
    pub bodies: PlacedBodies,
}

/// How a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a whole frame.
    Clean,
    /// With a write that was never finished, so never acknowledged: `bytes` from `at` on are no whole frames, or belong
    /// to the same write as such.
    TornTail {
        at: Position,
        bytes: u64,
        /// Whether the file simply ends too early. Otherwise a last write that was acknowledged and then damaged
        /// looks the same, and the bytes are worth keeping.
        incomplete: bool,
    },
}

/// What a replay came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// How many frames were shown.
    pub frames: u64,
    /// Where the next frame would be appended, leaving a torn tail out.
    pub end: Position,
    pub ending: Ending,
    /// The journal's identity; `None` while it has no readable segment.
    pub id: Option<JournalId>,
}

/// The identity in a segment's head; `None` where there is none to be read.
///
/// # Errors
/// Where the file system refuses its service, or the segment is of a newer format.
pub fn identity(files: &dyn JournalFiles, segment: u32) -> Result<Option<JournalId>, JournalError> {
    let numbers = files.list().map_err(|source| JournalError::directory("list", source))?;
    if numbers.binary_search(&segment).is_err() {
        return Ok(None);
    }
    match SegmentReader::open(files, segment) {
        Ok(reader) => Ok(Some(reader.id)),
        Err(Unopened::Unreadable { .. }) => Ok(None),
        Err(Unopened::Failed(error)) => Err(error),
    }
}

/// Shows every commit from `from` on to `visit`, in order, with memory for one frame; changes nothing.
///
/// # Errors
/// [`JournalError::Damaged`] where acknowledged commits cannot be read; those before it have been shown.
pub fn replay(
    files: &dyn JournalFiles,
    from: Position,
    visit: &mut dyn FnMut(Frame) -> Result<(), VisitError>,
) -> Result<Replayed, JournalError> {
    let (begin, numbers) = begin::whole(files)?;
    let Some(&last) = numbers.last() else {
        return replay_nothing(from);
    };
    let first = if from == Position::START { begin.segment } else { from.segment };
    if numbers.binary_search(&first).is_err() {
        return Err(damage(first, 0, DamageKind::Missing));
    }
    let mut walk = Walk { files, from, first, last, seq: from.seq, id: begin.id, frames: 0, visit };
    for segment in first..=last {
        let (end, ending) = walk.segment(segment)?;
        if segment == last {
            return Ok(Replayed { frames: walk.frames, end, ending, id: walk.id });
        }
    }
    Err(damage(first, 0, DamageKind::Missing))
}

/// Where the first frame of a segment is.
///
/// # Errors
/// [`JournalError::Damaged`] where its head cannot be read.
pub fn first_frame(files: &dyn JournalFiles, segment: u32) -> Result<Position, JournalError> {
    let reader = match SegmentReader::open(files, segment) {
        Ok(reader) => reader,
        Err(Unopened::Unreadable { kind, .. }) => return Err(damage(segment, 0, kind)),
        Err(Unopened::Failed(error)) => return Err(error),
    };
    Ok(Position::first_of(segment, first_seq(&reader)))
}

/// The number of the first frame that can be read in a segment.
fn first_seq(reader: &SegmentReader) -> u64 {
    let skipped = reader.gaps.skip(SEGMENT_HEADER_BYTES).map(|(_, seq)| seq);
    skipped.or(reader.first_seq).unwrap_or_default()
}

/// Shows the commits of one segment from `from` on to `visit`. It is not the journal's last, so it must end with a
/// whole frame. Answers where it ends.
///
/// # Errors
/// As [`replay`].
pub fn replay_segment(
    files: &dyn JournalFiles,
    from: Position,
    visit: &mut dyn FnMut(Frame) -> Result<(), VisitError>,
) -> Result<Position, JournalError> {
    let (first, last) = (from.segment, from.segment.saturating_add(1));
    let mut walk = Walk { files, from, first, last, seq: from.seq, id: None, frames: 0, visit };
    walk.segment(from.segment).map(|(end, _)| end)
}

fn replay_nothing(from: Position) -> Result<Replayed, JournalError> {
    if from == Position::START {
        Ok(Replayed { frames: 0, end: from, ending: Ending::Clean, id: None })
    } else {
        Err(damage(from.segment, 0, DamageKind::Missing))
    }
}

fn damage(segment: u32, offset: u64, kind: DamageKind) -> JournalError {
    Damage { segment, offset, kind }.into()
}

/// A walk over the segments, frame by frame.
struct Walk<'a> {
    files: &'a dyn JournalFiles,
    from: Position,
    first: u32,
    last: u32,
    /// The number the next frame must have.
    seq: u64,
    id: Option<JournalId>,
    frames: u64,
    visit: &'a mut dyn FnMut(Frame) -> Result<(), VisitError>,
}

impl Walk<'_> {
    fn segment(&mut self, segment: u32) -> Result<(Position, Ending), JournalError> {
        let mut reader = match SegmentReader::open(self.files, segment) {
            Ok(reader) => reader,
            Err(Unopened::Failed(error)) => return Err(error),
            Err(Unopened::Unreadable { kind, len }) => {
                return self.without_header(segment, kind, len);
            }
        };
        if self.id.is_some_and(|id| id != reader.id) {
            return Err(damage(segment, 0, DamageKind::Foreign));
        }
        self.id = Some(reader.id);
        let mut offset = self.begin(&reader)?;
        loop {
            if let Some((end, next_seq)) = reader.gaps.skip(offset) {
                (offset, self.seq) = (end, next_seq);
            }
            match reader.read(offset)? {
                Found::End => return Ok((self.at(segment, offset), Ending::Clean)),
                Found::Bad(why) => return self.bad_frame(&mut reader, offset, why),
                Found::Frame(header, _, _) if header.seq != self.seq => {
                    let kind = DamageKind::Sequence { expected: self.seq, found: header.seq };
                    return Err(damage(segment, offset, kind));
                }
                Found::Frame(header, ops, bodies) => {
                    let position = self.at(segment, offset);
                    offset += header.frame_bytes() as u64;
                    self.seq += 1;
                    self.frames += 1;
                    let end = self.at(segment, offset);
                    (self.visit)(Frame { position, end, ops, bodies }).map_err(JournalError::Visit)?;
                }
            }
        }
    }

    fn at(&self, segment: u32, offset: u64) -> Position {
        Position { segment, offset, seq: self.seq }
    }

    /// Where to begin in a segment: numbers must go on where the segment before ended, or where `from` says.
    fn begin(&mut self, reader: &SegmentReader) -> Result<u64, JournalError> {
        let is_noted = reader.gaps.skip(SEGMENT_HEADER_BYTES).is_some();
        let first_seq = first_seq(reader);
        if self.from == Position::START && reader.segment == self.first {
            self.seq = first_seq;
        } else if reader.segment == self.from.segment {
            return self.begin_inside(reader);
        } else if !is_noted && first_seq != self.seq {
            let kind = DamageKind::Sequence { expected: self.seq, found: first_seq };
            return Err(damage(reader.segment, SEGMENT_HEADER_BYTES, kind));
        }
        Ok(SEGMENT_HEADER_BYTES)
    }

    fn begin_inside(&self, reader: &SegmentReader) -> Result<u64, JournalError> {
        if reader.len() < self.from.offset {
            return Err(damage(reader.segment, reader.len(), DamageKind::Shorter));
        }
        Ok(self.from.offset.max(SEGMENT_HEADER_BYTES))
    }

    /// A last segment that is no longer than its header was being made when the process died: it held no frame yet.
    fn without_header(
        &self,
        segment: u32,
        kind: DamageKind,
        len: u64,
    ) -> Result<(Position, Ending), JournalError> {
        let torn = kind == DamageKind::Header && segment == self.last && len <= SEGMENT_HEADER_BYTES;
        let seq_known = segment > self.from.segment && (segment > self.first || segment == 1);
        if !torn || !seq_known {
            return Err(damage(segment, 0, kind));
        }
        let at = Position { segment, offset: 0, seq: self.seq.max(1) };
        Ok((at, Ending::TornTail { at, bytes: len, incomplete: true }))
    }

    /// A bad frame is a torn tail if nothing behind it was written after it had become durable.
    ///
    /// A write of many frames may reach the disk in any order, so valid frames of the same write prove nothing; a
    /// frame whose own write began later proves that this one was acknowledged, and so do more bytes than a write has.
    fn bad_frame(
        &self,
        reader: &mut SegmentReader,
        offset: u64,
        why: FrameError,
    ) -> Result<(Position, Ending), JournalError> {
        let damaged = Err(damage(reader.segment, offset, DamageKind::Frame(why)));
        let (bytes, seq) = (reader.len() - offset, self.seq);
        if reader.segment != self.last || bytes > GROUP_BYTES_MAX as u64 {
            return damaged;
        }
        let incomplete = why == FrameError::Incomplete;
        let later = |header: &Header| header.group_start() > seq;
        if !incomplete && reader.search(offset + 1, seq, later)?.is_some() {
            return damaged;
        }
        let at = self.at(reader.segment, offset);
        Ok((at, Ending::TornTail { at, bytes, incomplete }))
    }
}
