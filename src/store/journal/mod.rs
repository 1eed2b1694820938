//! The append-only journal: the truth of the last moments, from which the index can be rebuilt.
//!
//! - [`Journal::append_group`] answers only when every byte is on disk: one write, one `fdatasync`, for many commits.
//! - [`replay`] hands the commits back in order and says how the journal ends: clean, torn by a crash in the middle
//!   of an unacknowledged write, or damaged. Damage is never skipped in silence, and never overwritten.
//! - [`salvage`] is the way out of damage: it reads all that can be read and notes what it skipped.
//!
//! ```text
//! STATE/journal/00000001.seg   header, then frames (see frame.rs); at most the segment limit
//! STATE/journal/begin         only after a compaction: the oldest segment; see begin.rs
//! STATE/journal/00000001.gaps  only after a salvage: what to skip, so that no damaged byte is ever changed
//! STATE/damaged/00000001.seg.1 copies of what could not be read
//! ```

use std::fmt;
use std::sync::Arc;

mod append;
mod begin;
mod error;
mod files;
mod frame;
mod gaps;
mod prepare;
mod read;
mod replay;
mod salvage;
mod segment;
mod window;

pub use append::{GROUP_BYTES_MAX, GROUP_FRAMES_MAX, Journal, Options, SEGMENT_BYTES_MAX};
pub use begin::{Begin, begin_at, bytes_from, bytes_of, oldest};
pub use error::{Damage, DamageKind, JournalError, LimitExceeded, VisitError};
pub use files::{Directory, JournalFiles, SegmentFile};
pub use frame::{
    BODIES_MAX, BODY_BYTES_MAX, FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX, FrameError, KEY_BYTES_MAX,
    OPS_MAX, VALUE_BYTES_MAX,
};
pub use replay::{Ending, Frame, Replayed, first_frame, identity, replay, replay_segment};
pub use salvage::{Salvaged, Skipped, salvage};
pub(in crate::store) use segment::number_of;
pub use segment::{FORMAT_VERSION, JournalId, SEGMENT_HEADER_BYTES};

/// One change of the index: a new value for a key, or `None` to delete it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

/// One commit to be appended: all of it becomes durable, or nothing.
#[derive(Debug, Clone, Copy)]
pub struct FrameRef<'a> {
    pub ops: &'a [Op],
    /// Small documents: their ids and bytes.
    pub bodies: &'a [(u64, &'a [u8])],
}

/// A place between two frames. Ordered as the journal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub segment: u32,
    /// Bytes from the beginning of the segment's file.
    pub offset: u64,
    /// Number of the frame that begins here. With it a position cannot be taken for one in another journal's life.
    pub seq: u64,
}

impl Position {
    /// The oldest frame there is.
    pub const START: Self = Self { segment: 0, offset: 0, seq: 0 };

    /// The first frame of a segment.
    pub fn first_of(segment: u32, seq: u64) -> Self {
        Self { segment, offset: SEGMENT_HEADER_BYTES, seq }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {} at {:08}.seg:{}", self.seq, self.segment, self.offset)
    }
}

/// Where the bytes of a small document are, and the checksum by which they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyAt {
    pub segment: u32,
    /// Bytes from the beginning of the segment's file.
    pub offset: u64,
    /// Bytes.
    pub len: u32,
    /// CRC-32C of the bytes.
    pub crc: u32,
}

/// Document ids and where their bytes are.
pub type PlacedBodies = Vec<(u64, BodyAt)>;

/// Where a commit has become durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub position: Position,
    /// Where the next frame begins: an index that has applied this commit replays from here.
    pub end: Position,
    /// In the order given.
    pub bodies: PlacedBodies,
}

/// Reads small documents. Cheap to clone; works beside the thread that appends.
#[derive(Debug, Clone)]
pub struct Bodies {
    files: Arc<dyn JournalFiles>,
}

impl Bodies {
    /// A reader of the journal in `files`.
    pub fn new(files: Arc<dyn JournalFiles>) -> Self {
        Self { files }
    }

    /// The bytes of a document, exactly those that were appended; an error if they can no longer be had.
    pub fn read(&self, at: &BodyAt) -> Result<Vec<u8>, JournalError> {
        let damaged = |kind| Damage { segment: at.segment, offset: at.offset, kind };
        if at.len as usize > BODY_BYTES_MAX {
            return Err(damaged(DamageKind::Body).into());
        }
        let failed = |source| JournalError::io("read a document from", at.segment, source);
        let file = self.files.open(at.segment).map_err(failed)?;
        let mut bytes = vec![0; at.len as usize];
        let read = file.read_at(&mut bytes, at.offset).map_err(failed)?;
        if read == bytes.len() && crc32c::crc32c(&bytes) == at.crc {
            Ok(bytes)
        } else {
            Err(damaged(DamageKind::Body).into())
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
