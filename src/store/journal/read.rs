//! Reading one segment with bounded memory: frame by frame, and searching for the next frame behind a bad one.

use std::ops::ControlFlow;

use super::frame::{self, FRAME_HEADER_BYTES, FrameError, Header, Place};
use super::gaps::Gaps;
use super::segment::{HeaderError, JournalId, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::window::{OnReadError, Window};
use super::{DamageKind, JournalError, JournalFiles, Op, PlacedBodies};

/// How far ahead of the last known frame another one may be: more than any journal will ever hold. Of random bytes
/// nearly all fail this test, which is cheaper than a checksum.
const SEQ_AHEAD_MAX: u64 = 1 << 48;

/// An open segment whose header, or what stands in for it, is known.
#[derive(Debug)]
pub(super) struct SegmentReader {
    pub segment: u32,
    pub id: JournalId,
    /// `None` where the header is lost and only notes of an earlier salvage stand in for it.
    pub first_seq: Option<u64>,
    pub gaps: Gaps,
    bytes: Window,
}

/// What stands at an offset.
#[derive(Debug)]
pub(super) enum Found {
    End,
    Frame(Header, Vec<Op>, PlacedBodies),
    Bad(FrameError),
}

/// A segment that cannot be read from its beginning.
#[derive(Debug)]
pub(super) enum Unopened {
    Failed(JournalError),
    /// The header, or the notes beside it, cannot be read; the file has `len` bytes.
    Unreadable {
        kind: DamageKind,
        len: u64,
    },
}

impl From<JournalError> for Unopened {
    fn from(error: JournalError) -> Self {
        Self::Failed(error)
    }
}

impl SegmentReader {
    pub fn open(files: &dyn JournalFiles, segment: u32) -> Result<Self, Unopened> {
        let failed = |source| JournalError::io("read", segment, source);
        let mut bytes = Window::open(files, segment, OnReadError::Fail).map_err(failed)?;
        let gaps = match files.read_gaps(segment).map_err(failed)? {
            None => None,
            Some(notes) => match Gaps::parse(&notes, segment) {
                None => {
                    return Err(Unopened::Unreadable { kind: DamageKind::Gaps, len: bytes.len });
                }
                gaps => gaps,
            },
        };
        let header =
            SegmentHeader::parse(bytes.at(0, SEGMENT_HEADER_BYTES as usize).map_err(failed)?, segment);
        match (header, gaps) {
            (Err(HeaderError::Newer(found)), _) => Err(JournalError::Newer { segment, found }.into()),
            (Ok(header), None) if bytes.len >= SEGMENT_HEADER_BYTES => {
                Ok(Self::new(header.id, Some(header.first_seq), None, segment, bytes))
            }
            (_, None) => Err(Unopened::Unreadable { kind: DamageKind::Header, len: bytes.len }),
            (header, Some(gaps)) => {
                Ok(Self::new(gaps.id, header.ok().map(|header| header.first_seq), Some(gaps), segment, bytes))
            }
        }
    }

    /// For salvage: opens whatever is there, as part of the journal `id` if its own header is lost.
    pub fn open_damaged(files: &dyn JournalFiles, segment: u32, id: JournalId) -> Result<Self, JournalError> {
        let failed = |source| JournalError::io("read", segment, source);
        let mut bytes = Window::open(files, segment, OnReadError::TakeZeros).map_err(failed)?;
        let gaps = files.read_gaps(segment).map_err(failed)?.and_then(|notes| Gaps::parse(&notes, segment));
        match SegmentHeader::parse(bytes.at(0, SEGMENT_HEADER_BYTES as usize).map_err(failed)?, segment) {
            Err(HeaderError::Newer(found)) => Err(JournalError::Newer { segment, found }),
            Err(HeaderError::Unreadable) => Ok(Self::new(id, None, gaps, segment, bytes)),
            Ok(header) => Ok(Self::new(header.id, Some(header.first_seq), gaps, segment, bytes)),
        }
    }

    fn new(id: JournalId, first_seq: Option<u64>, gaps: Option<Gaps>, segment: u32, bytes: Window) -> Self {
        let gaps = gaps.unwrap_or(Gaps { segment, id, list: Vec::new() });
        Self { segment, id, first_seq, gaps, bytes }
    }

    /// Bytes of the file when it was opened.
    pub fn len(&self) -> u64 {
        self.bytes.len
    }

    /// Reads what stands at `offset`.
    pub fn read(&mut self, offset: u64) -> Result<Found, JournalError> {
        if offset >= self.len() {
            return Ok(Found::End);
        }
        let place = self.place(offset);
        let header = match self.header(place)? {
            Ok(header) => header,
            Err(why) => return Ok(Found::Bad(why)),
        };
        let payload = self.payload(&header, place)?;
        let parts = header.covers(payload, place).and_then(|()| frame::decode(payload, place));
        Ok(parts.map_or_else(Found::Bad, |(ops, bodies)| Found::Frame(header, ops, bodies)))
    }

    /// The first valid frame at or after `offset` whose header passes `wanted`, numbered `seq_min` or higher.
    pub fn search(
        &mut self,
        offset: u64,
        seq_min: u64,
        wanted: impl Fn(&Header) -> bool,
    ) -> Result<Option<(u64, Header)>, JournalError> {
        for offset in offset..self.len() {
            let place = self.place(offset);
            match self.candidate(place, seq_min)? {
                ControlFlow::Break(()) => break,
                ControlFlow::Continue(Some(header)) if wanted(&header) => {
                    let payload = self.payload(&header, place)?;
                    if header.covers(payload, place).is_ok() {
                        return Ok(Some((offset, header)));
                    }
                }
                ControlFlow::Continue(_) => {}
            }
        }
        Ok(None)
    }

    /// A header at `place`, if its number is plausible; `Break` where the file is too short for any.
    fn candidate(
        &mut self,
        place: Place,
        seq_min: u64,
    ) -> Result<ControlFlow<(), Option<Header>>, JournalError> {
        let segment = self.segment;
        let bytes = self
            .bytes
            .at(place.offset, FRAME_HEADER_BYTES)
            .map_err(|source| JournalError::io("read", segment, source))?;
        let Some(seq) =
            bytes.get(8..16).and_then(|bytes| bytes.first_chunk()).map(|seq| u64::from_le_bytes(*seq))
        else {
            return Ok(ControlFlow::Break(()));
        };
        if seq.checked_sub(seq_min).is_none_or(|ahead| ahead > SEQ_AHEAD_MAX) {
            return Ok(ControlFlow::Continue(None));
        }
        Ok(ControlFlow::Continue(self.header(place)?.ok()))
    }

    fn place(&self, offset: u64) -> Place {
        Place { id: self.id, segment: self.segment, offset }
    }

    fn header(&mut self, place: Place) -> Result<Result<Header, FrameError>, JournalError> {
        let segment = self.segment;
        let failed = |source| JournalError::io("read", segment, source);
        let bytes = self.bytes.at(place.offset, FRAME_HEADER_BYTES).map_err(failed)?;
        Ok(if bytes.len() < FRAME_HEADER_BYTES {
            Err(FrameError::Incomplete)
        } else {
            Header::parse(bytes, place)
        })
    }

    fn payload(&mut self, header: &Header, place: Place) -> Result<&[u8], JournalError> {
        let segment = self.segment;
        let failed = |source| JournalError::io("read", segment, source);
        self.bytes.at(place.offset + FRAME_HEADER_BYTES as u64, header.payload_bytes as usize).map_err(failed)
    }
}
