//! Reading a damaged journal: everything that can be read, and an account of what cannot.
//!
//! No byte of a damaged segment is changed. What is to be skipped from now on is noted beside it, and a copy is made
//! for whoever wants to look closer, because old segments are removed one day.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use super::begin::{self, Begin};
use super::gaps::{Gap, Gaps};
use super::prepare::{create_segment, new_id};
use super::read::{Found, SegmentReader};
use super::replay::Frame;
use super::segment::{JournalId, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{DamageKind, JournalError, JournalFiles, Position, VisitError};

/// One stretch that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    pub segment: u32,
    /// Bytes from the beginning of the segment's file.
    pub offset: u64,
    pub bytes: u64,
    /// Commits that are missing in the count here; 0 at the journal's end, where it is not known whether any was
    /// acknowledged.
    pub frames: u64,
    pub kind: DamageKind,
}

/// What a salvage came to.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Commits that were read and shown.
    pub frames: u64,
    pub skipped: Vec<Skipped>,
    /// Segments with damage, and where their copies are; an error leaves the segment itself as the only one.
    pub copies: Vec<(u32, io::Result<PathBuf>)>,
}

impl Skipped {
    fn nothing(segment: u32, kind: DamageKind) -> Self {
        Skipped { segment, offset: 0, bytes: 0, frames: 0, kind }
    }
}

impl Salvaged {
    /// Bytes that could not be read.
    pub fn bytes_skipped(&self) -> u64 {
        self.skipped.iter().map(|skipped| skipped.bytes).sum()
    }

    /// Commits known to be lost.
    pub fn frames_skipped(&self) -> u64 {
        self.skipped.iter().map(|skipped| skipped.frames).sum()
    }
}

/// Shows every commit that can be read to `visit`, in order; afterwards the journal opens again.
///
/// # Errors
/// Only where the file system refuses its service, a segment is of a newer format, or `visit` fails: not for damage.
pub fn salvage(
    files: &dyn JournalFiles,
    visit: &mut dyn FnMut(Frame) -> Result<(), VisitError>,
) -> Result<Salvaged, JournalError> {
    let (begin, note) = match Begin::read(files) {
        Ok(begin) => (begin, Note::Good),
        Err(JournalError::Damaged(_)) => (Begin::FIRST, Note::Lost),
        Err(error) => return Err(error),
    };
    let numbers = begin::live(files, begin)?;
    let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
        return salvage_nothing(files, begin);
    };
    let present: BTreeSet<u32> = numbers.into_iter().collect();
    let id = match begin.id {
        Some(id) => id,
        None => find_id(files, &present)?,
    };
    let report = Salvaged::default();
    let mut salvage = Salvage { files, id, first, last, seq: begin.first_seq, report, visit };
    if note == Note::Lost || first > begin.segment {
        salvage.begin_at_first(begin, note)?;
    }
    for segment in first..=last {
        if present.contains(&segment) {
            salvage.segment(segment)?;
        } else {
            salvage.missing_segment(segment)?;
        }
    }
    Ok(salvage.report)
}

/// What can be said of the note about the oldest segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Good,
    Lost,
}

/// A journal of which nothing is left but the note where it began: it goes on there, so that no number comes twice.
fn salvage_nothing(files: &dyn JournalFiles, begin: Begin) -> Result<Salvaged, JournalError> {
    let mut report = Salvaged::default();
    if let Some(id) = begin.id {
        create_segment(files, id, begin.position())?;
        report.skipped.push(Skipped::nothing(begin.segment, DamageKind::Missing));
    }
    Ok(report)
}

/// The journal's identity, from any segment that still tells it. If none does, no frame can be checked either, and a
/// new one serves for what will be written.
fn find_id(files: &dyn JournalFiles, present: &BTreeSet<u32>) -> Result<JournalId, JournalError> {
    let new = new_id()?;
    for &segment in present {
        match SegmentReader::open_damaged(files, segment, new) {
            Ok(reader) if reader.first_seq.is_some() => return Ok(reader.id),
            Ok(reader) if !reader.gaps.list.is_empty() => return Ok(reader.gaps.id),
            Err(error @ JournalError::Newer { .. }) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(new)
}

struct Salvage<'a> {
    files: &'a dyn JournalFiles,
    id: JournalId,
    first: u32,
    last: u32,
    /// The number the next frame should have.
    seq: u64,
    report: Salvaged,
    visit: &'a mut dyn FnMut(Frame) -> Result<(), VisitError>,
}

impl Salvage<'_> {
    /// An empty segment takes the place of a missing one; the gap in the numbers shows in the segment behind it.
    fn missing_segment(&mut self, segment: u32) -> Result<(), JournalError> {
        let failed = |source| JournalError::io("create", segment, source);
        let header = SegmentHeader { segment, first_seq: self.seq, id: self.id };
        let file = self.files.create(segment).map_err(failed)?;
        file.write_at(&header.encode(), 0).map_err(failed)?;
        file.sync_data().and_then(|()| self.files.sync_dir()).map_err(failed)?;
        self.report.skipped.push(Skipped::nothing(segment, DamageKind::Missing));
        Ok(())
    }

    /// The oldest segments are not there, or nobody knows whether they should be: the journal begins with the first one
    /// that is.
    fn begin_at_first(&mut self, begin: Begin, note: Note) -> Result<(), JournalError> {
        let reader = SegmentReader::open_damaged(self.files, self.first, self.id)?;
        let first_seq = reader.first_seq.filter(|_| reader.id == self.id).unwrap_or(begin.first_seq);
        let (kind, frames) = match note {
            Note::Good => (DamageKind::Missing, first_seq.saturating_sub(begin.first_seq)),
            Note::Lost => (DamageKind::Begin, 0),
        };
        self.report.skipped.push(Skipped { frames, ..Skipped::nothing(begin.segment, kind) });
        self.seq = first_seq;
        Begin { segment: self.first, first_seq, id: Some(self.id) }.write(self.files, self.id)
    }

    fn segment(&mut self, segment: u32) -> Result<(), JournalError> {
        let mut reader = SegmentReader::open_damaged(self.files, segment, self.id)?;
        if self.was_being_made(&reader) {
            return Ok(()); // Opening the journal finishes it.
        }
        let mut gaps = Vec::new();
        if reader.id != self.id {
            return self.foreign_segment(reader);
        }
        let mut offset = self.begin(&mut reader, &mut gaps)?;
        loop {
            match reader.read(offset)? {
                Found::End => break,
                Found::Frame(header, ops, bodies) if header.seq == self.seq => {
                    let position = Position { segment, offset, seq: self.seq };
                    offset += header.frame_bytes() as u64;
                    self.seq += 1;
                    self.report.frames += 1;
                    let end = Position { segment, offset, seq: self.seq };
                    (self.visit)(Frame { position, end, ops, bodies }).map_err(JournalError::Visit)?;
                }
                Found::Frame(header, ..) => {
                    let kind = DamageKind::Sequence { expected: self.seq, found: header.seq };
                    offset = self.skip(&mut reader, offset, self.seq, kind, &mut gaps)?;
                }
                Found::Bad(why) => {
                    offset = self.skip(&mut reader, offset, self.seq, DamageKind::Frame(why), &mut gaps)?;
                }
            }
        }
        self.keep_notes(&reader, gaps)
    }

    /// A file that came here from another journal: none of its frames belong to this one.
    fn foreign_segment(&mut self, mut reader: SegmentReader) -> Result<(), JournalError> {
        let (segment, offset) = (reader.segment, SEGMENT_HEADER_BYTES);
        let bytes = reader.len().saturating_sub(offset);
        self.report.skipped.push(Skipped { segment, offset, bytes, frames: 0, kind: DamageKind::Foreign });
        reader.id = self.id;
        self.keep_notes(&reader, vec![Gap { offset, bytes, next_seq: self.seq }])
    }

    /// Whether the process died while it made this segment, before any frame; as replay sees it.
    fn was_being_made(&self, reader: &SegmentReader) -> bool {
        let headless = match reader.first_seq {
            None => reader.len() <= SEGMENT_HEADER_BYTES,
            Some(_) => reader.len() < SEGMENT_HEADER_BYTES,
        };
        let noted = !reader.gaps.list.is_empty();
        headless
            && !noted
            && reader.segment == self.last
            && (reader.segment > self.first || reader.segment == 1)
    }

    /// Where the first frame is. Without a header, or with frames missing before, that is where one can be read.
    fn begin(&mut self, reader: &mut SegmentReader, gaps: &mut Vec<Gap>) -> Result<u64, JournalError> {
        if let (Some(first_seq), true) = (reader.first_seq, reader.segment == self.first) {
            self.seq = first_seq;
        }
        let kind = match reader.first_seq {
            None => DamageKind::Header,
            Some(_) if reader.len() < SEGMENT_HEADER_BYTES => DamageKind::Header,
            Some(first_seq) if first_seq == self.seq => return Ok(SEGMENT_HEADER_BYTES),
            Some(first_seq) => DamageKind::Sequence { expected: self.seq, found: first_seq },
        };
        let seq_without_frames = reader.first_seq.unwrap_or_default().max(self.seq);
        self.skip(reader, SEGMENT_HEADER_BYTES, seq_without_frames, kind, gaps)
    }

    /// Skips to the next valid frame, or to the end; `seq_at_end` is the number to go on with in the latter case.
    fn skip(
        &mut self,
        reader: &mut SegmentReader,
        offset: u64,
        seq_at_end: u64,
        kind: DamageKind,
        gaps: &mut Vec<Gap>,
    ) -> Result<u64, JournalError> {
        let found = reader.search(offset, self.seq, |_| true)?;
        let (end, next_seq) =
            found.map_or((reader.len().max(offset), seq_at_end), |(offset, header)| (offset, header.seq));
        let frames = next_seq - self.seq;
        self.report.skipped.push(Skipped {
            segment: reader.segment,
            offset,
            bytes: end - offset,
            frames,
            kind,
        });
        gaps.push(Gap { offset, bytes: end - offset, next_seq });
        self.seq = next_seq;
        Ok(end)
    }

    /// Notes the gaps beside the segment, after a copy of it; nothing to do where an earlier salvage found the same.
    fn keep_notes(&mut self, reader: &SegmentReader, list: Vec<Gap>) -> Result<(), JournalError> {
        let segment = reader.segment;
        let failed = |source| JournalError::io("note the gaps of", segment, source);
        let notes = Gaps { segment, id: reader.id, list };
        let old = self.files.read_gaps(segment).map_err(failed)?;
        let new = notes.encode();
        let needed = !notes.list.is_empty() || old.is_some();
        if !needed || old.as_deref() == Some(&new[..]) {
            return Ok(());
        }
        self.report.copies.push((segment, self.files.set_aside(segment)));
        self.files.write_gaps(segment, &new).map_err(failed)
    }
}
