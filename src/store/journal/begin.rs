//! Where a journal begins: a note that tells a segment that was compacted away from one that was lost.
//!
//! ```text
//! magic "SPOOLBEG" · format version u16 · segment u32 · first seq u64 · journal id 16 bytes · CRC-32C u32
//! ```
//!
//! Without the note a journal begins with segment 1. The note is replaced, durably, before an old segment goes; so a
//! segment before it belongs to nothing and a missing one behind it is lost. No such segment is ever read again: what
//! was still needed of it stands in later ones.

use std::collections::BTreeSet;

use super::segment::JournalId;
use super::{Damage, DamageKind, JournalError, JournalFiles, Position};

const MAGIC: &[u8; 8] = b"SPOOLBEG";
const VERSION: u16 = 1;

/// The oldest segment of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    pub segment: u32,
    /// Number of its first frame.
    pub first_seq: u64,
    /// `None` for a journal from which nothing has gone yet.
    pub id: Option<JournalId>,
}

impl Begin {
    pub(super) const FIRST: Begin = Begin { segment: 1, first_seq: 1, id: None };

    /// Where the oldest frame is.
    pub fn position(&self) -> Position {
        Position::first_of(self.segment, self.first_seq)
    }

    /// What the note says; the first segment where there is none.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] where there is one that cannot be read.
    pub fn read(files: &dyn JournalFiles) -> Result<Begin, JournalError> {
        match files
            .read_begin()
            .map_err(|source| JournalError::directory("read where it begins from", source))?
        {
            None => Ok(Begin::FIRST),
            Some(bytes) => Begin::parse(&bytes)
                .ok_or_else(|| Damage { segment: 1, offset: 0, kind: DamageKind::Begin }.into()),
        }
    }

    /// Replaces the note, durably. What stands before may go when this returns.
    pub(super) fn write(&self, files: &dyn JournalFiles, id: JournalId) -> Result<(), JournalError> {
        let noted = Begin { id: Some(id), ..*self };
        files
            .write_begin(&noted.encode(id))
            .map_err(|source| JournalError::directory("note where it begins in", source))
    }

    fn encode(&self, id: JournalId) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&id.0);
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    fn parse(bytes: &[u8]) -> Option<Begin> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (version, rest) = body.strip_prefix(MAGIC)?.split_first_chunk::<2>()?;
        let (segment, rest) = rest.split_first_chunk::<4>()?;
        let (first_seq, id) = rest.split_first_chunk::<8>()?;
        let begin = Begin {
            segment: u32::from_le_bytes(*segment),
            first_seq: u64::from_le_bytes(*first_seq),
            id: Some(JournalId(id.try_into().ok()?)),
        };
        (u16::from_le_bytes(*version) == VERSION && begin.segment > 0).then_some(begin)
    }
}

/// The segments that belong to the journal, which must all be there from the oldest to the last.
///
/// # Errors
/// [`JournalError::Damaged`] where one is missing, or the note about the oldest cannot be read.
pub(super) fn whole(files: &dyn JournalFiles) -> Result<(Begin, Vec<u32>), JournalError> {
    let begin = Begin::read(files)?;
    let numbers = live(files, begin)?;
    let missing = |segment| Damage { segment, offset: 0, kind: DamageKind::Missing };
    match numbers.last() {
        Some(&last) => {
            let present: BTreeSet<u32> = numbers.iter().copied().collect();
            match (begin.segment..=last).find(|segment| !present.contains(segment)) {
                Some(segment) => Err(missing(segment).into()),
                None => Ok((begin, numbers)),
            }
        }
        None if begin == Begin::FIRST => Ok((begin, numbers)),
        None => Err(missing(begin.segment).into()),
    }
}

/// The segments that are there and belong to the journal.
pub(super) fn live(files: &dyn JournalFiles, begin: Begin) -> Result<Vec<u32>, JournalError> {
    let mut numbers = files.list().map_err(|source| JournalError::directory("list", source))?;
    numbers.retain(|segment| *segment >= begin.segment);
    Ok(numbers)
}

/// Bytes of all segments that belong to the journal.
///
/// # Errors
/// Where the file system refuses, or the note about the oldest cannot be read.
pub fn bytes_of(files: &dyn JournalFiles) -> Result<u64, JournalError> {
    bytes_from(files, Begin::read(files)?.segment)
}

/// Bytes of the segments from `first` on.
///
/// # Errors
/// Where the file system refuses.
pub fn bytes_from(files: &dyn JournalFiles, first: u32) -> Result<u64, JournalError> {
    let mut numbers = files.list().map_err(|source| JournalError::directory("list", source))?;
    numbers.retain(|segment| *segment >= first);
    let bytes = |segment| files.open(segment).and_then(|file| file.len());
    numbers
        .into_iter()
        .map(|segment| bytes(segment).map_err(|source| JournalError::io("look at", segment, source)))
        .sum()
}

/// The oldest segment that can be of use: where the note cannot be read, the first that is there.
///
/// # Errors
/// Where the file system refuses.
pub fn oldest(files: &dyn JournalFiles) -> Result<u32, JournalError> {
    match Begin::read(files) {
        Ok(begin) => Ok(begin.segment),
        Err(JournalError::Damaged(_)) => {
            let numbers = files.list().map_err(|source| JournalError::directory("list", source))?;
            Ok(numbers.first().copied().unwrap_or(Begin::FIRST.segment))
        }
        Err(error) => Err(error),
    }
}

/// Removes what stands before the journal's beginning, and says how many segments went. A crash may have left some
/// whose going was noted.
///
/// # Errors
/// Where the file system refuses.
pub fn remove_old(files: &dyn JournalFiles, begin: Begin) -> Result<usize, JournalError> {
    let numbers = files.list().map_err(|source| JournalError::directory("list", source))?;
    let old: Vec<u32> = numbers.into_iter().filter(|segment| *segment < begin.segment).collect();
    for &segment in &old {
        files.remove(segment).map_err(|source| JournalError::io("remove", segment, source))?;
        crate::failpoint::hit("compact-removed");
    }
    if !old.is_empty() {
        files.sync_dir().map_err(|source| JournalError::directory("sync", source))?;
    }
    Ok(old.len())
}

/// Lets the journal begin at `first`, a frame that begins a segment, and removes everything before.
///
/// # Errors
/// Where the file system refuses; what is left is removed when the journal is opened next.
pub fn begin_at(files: &dyn JournalFiles, id: JournalId, first: Position) -> Result<usize, JournalError> {
    let begin = Begin { segment: first.segment, first_seq: first.seq, id: Some(id) };
    begin.write(files, id)?;
    crate::failpoint::hit("compact-noted");
    remove_old(files, begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flipped_bit_moves_the_beginning() {
        let id = JournalId([7; 16]);
        let begin = Begin { segment: 9, first_seq: 77, id: Some(id) };
        let bytes = begin.encode(id);
        assert_eq!(Begin::parse(&bytes), Some(begin));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Begin::parse(&flipped), None, "bit {bit}");
        }
    }
}
