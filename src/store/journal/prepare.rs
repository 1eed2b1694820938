//! Making a segment ready to be written: a new one, the last one, or one with a torn tail.

use std::io;

use super::segment::{JournalId, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{JournalError, JournalFiles, Position, SegmentFile};
use crate::store::durable::is_full;

/// The identity of a new journal.
pub(super) fn new_id() -> Result<JournalId, JournalError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| {
        JournalError::directory("get an identity for", io::Error::other(error.to_string()))
    })?;
    Ok(JournalId(id))
}

/// A new segment whose first frame will be at `first`; durable when this returns, not there if the disk is full.
pub(super) fn create_segment(
    files: &dyn JournalFiles,
    id: JournalId,
    first: Position,
) -> Result<Box<dyn SegmentFile>, JournalError> {
    let segment = first.segment;
    let file = match files.create(segment) {
        Ok(file) => file,
        Err(source) if is_full(&source) => return Err(JournalError::Full { source }),
        Err(source) => return Err(JournalError::io("create", segment, source)),
    };
    match write_header(&*file, id, first).and_then(|()| files.sync_dir()) {
        Ok(()) => Ok(file),
        Err(source) if is_full(&source) => {
            files.remove(segment).map_err(|source| JournalError::io("remove", segment, source))?;
            Err(JournalError::Full { source })
        }
        Err(source) => Err(JournalError::io("write the header of", segment, source)),
    }
}

/// The length of a new file is part of what `fdatasync` makes durable; its name is made so by the directory's sync.
fn write_header(file: &dyn SegmentFile, id: JournalId, first: Position) -> io::Result<()> {
    let header = SegmentHeader { segment: first.segment, first_seq: first.seq, id };
    file.write_at(&header.encode(), 0)?;
    file.sync_data()
}

pub(super) fn open_segment(
    files: &dyn JournalFiles,
    segment: u32,
) -> Result<Box<dyn SegmentFile>, JournalError> {
    files.open(segment).map_err(|source| JournalError::io("open", segment, source))
}

/// Cuts off a torn tail, after a copy if it might be more than that.
pub(super) fn cut(
    files: &dyn JournalFiles,
    id: JournalId,
    at: Position,
    bytes: u64,
    incomplete: bool,
) -> Result<Box<dyn SegmentFile>, JournalError> {
    let segment = at.segment;
    log::warn!(segment = segment, offset = at.offset, bytes = bytes; "cutting off an unfinished write of the journal");
    if !incomplete {
        let copy =
            files.set_aside(segment).map_err(|source| JournalError::io("set aside", segment, source))?;
        log::warn!(segment = segment, copy:% = copy.display(); "kept a copy of the segment with the unfinished write");
    }
    let file = open_segment(files, segment)?;
    file.truncate(at.offset).map_err(|source| JournalError::io("cut", segment, source))?;
    if at.offset < SEGMENT_HEADER_BYTES {
        write_header(&*file, id, at)
            .map_err(|source| JournalError::io("write the header of", segment, source))?;
    }
    Ok(file)
}
