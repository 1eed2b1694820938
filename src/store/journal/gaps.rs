//! Notes of a salvage beside a segment: which bytes nobody can read, so that the next start need not ask again,
//! and not one byte of the damaged segment is changed.

use super::segment::JournalId;

const MAGIC: &[u8; 8] = b"SPOOLGAP";
const VERSION: u16 = 1;

/// Bytes to be skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub offset: u64,
    pub bytes: u64,
    /// The frame that is next after the gap; those before it are lost.
    pub next_seq: u64,
}

impl Gap {
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// All notes about one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gaps {
    pub segment: u32,
    /// Stands in for the segment's header where that is lost.
    pub id: JournalId,
    /// Ascending by offset.
    pub list: Vec<Gap>,
}

impl Gaps {
    /// Where to read on, and which frame is next, if a gap is at or round `offset`.
    pub fn skip(&self, offset: u64) -> Option<(u64, u64)> {
        let at = |offset| self.list.iter().rev().find(move |gap| gap.offset <= offset && offset <= gap.end());
        at(offset).map(|gap| (gap.end(), gap.next_seq))
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.id.0);
        for gap in &self.list {
            out.extend_from_slice(&gap.offset.to_le_bytes());
            out.extend_from_slice(&gap.bytes.to_le_bytes());
            out.extend_from_slice(&gap.next_seq.to_le_bytes());
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// `None` if these are not whole notes about `segment`.
    pub fn parse(bytes: &[u8], segment: u32) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let rest = body.strip_prefix(MAGIC)?;
        let (version, rest) = rest.split_first_chunk::<2>()?;
        let (number, rest) = rest.split_first_chunk::<4>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        if u16::from_le_bytes(*version) != VERSION || u32::from_le_bytes(*number) != segment {
            return None;
        }
        let (entries, []) = rest.as_chunks::<24>() else {
            return None;
        };
        Some(Self { segment, id: JournalId(*id), list: entries.iter().map(parse_gap).collect() })
    }
}

fn parse_gap(entry: &[u8; 24]) -> Gap {
    let mut words = entry.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    let mut next = || words.next().unwrap_or_default();
    Gap { offset: next(), bytes: next(), next_seq: next() }
}
