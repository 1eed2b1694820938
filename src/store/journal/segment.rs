//! The head of a segment file, written twice so that one bad sector does not make the whole segment unreadable.
//!
//! ```text
//! magic "SPOOLJNL" · format version u16 · reserved u16 · segment u32 · first seq u64 · journal id 16 bytes · CRC-32C u32
//! ```
//!
//! One copy at 0, one at 512; frames begin at [`SEGMENT_HEADER_BYTES`].

/// Where the first frame of a segment begins.
pub const SEGMENT_HEADER_BYTES: u64 = 1024;
/// The format this program writes, and the newest it reads.
pub const FORMAT_VERSION: u16 = 1;

const MAGIC: &[u8; 8] = b"SPOOLJNL";
const COPY_BYTES: usize = 44;
const COPY_OFFSETS: [usize; 2] = [0, 512];

/// Random identity of a journal, the same in all its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalId(pub [u8; 16]);

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub segment: u32,
    /// Number of the first frame; known before there is one, so that numbers never start again.
    pub first_seq: u64,
    pub id: JournalId,
}

/// Why a segment's head cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// Written by a newer program.
    Newer(u16),
    /// Neither copy is whole.
    Unreadable,
}

impl SegmentHeader {
    /// The first [`SEGMENT_HEADER_BYTES`] of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(COPY_BYTES);
        copy.extend_from_slice(MAGIC);
        copy.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        copy.extend_from_slice(&[0; 2]);
        copy.extend_from_slice(&self.segment.to_le_bytes());
        copy.extend_from_slice(&self.first_seq.to_le_bytes());
        copy.extend_from_slice(&self.id.0);
        copy.extend_from_slice(&crc32c::crc32c(&copy).to_le_bytes());
        let mut out = vec![0; SEGMENT_HEADER_BYTES as usize];
        for offset in COPY_OFFSETS {
            out[offset..offset + COPY_BYTES].copy_from_slice(&copy);
        }
        out
    }

    /// Reads the head of the file that is named `segment`: the first copy that is whole.
    ///
    /// A copy with a higher version must be whole too, or a flipped bit would look like a newer program. So the
    /// length of a copy and the place of its checksum are the same in all formats.
    pub fn parse(bytes: &[u8], segment: u32) -> Result<Self, HeaderError> {
        let copies = || COPY_OFFSETS.iter().filter_map(|&at| whole(bytes.get(at..at + COPY_BYTES)?));
        if let Some(header) = copies().find_map(|copy| parse_copy(copy, segment)) {
            return Ok(header);
        }
        let newer = copies().filter_map(version).find(|&version| version > FORMAT_VERSION);
        Err(newer.map_or(HeaderError::Unreadable, HeaderError::Newer))
    }
}

/// A copy without its checksum, if that is right.
fn whole(copy: &[u8]) -> Option<&[u8]> {
    let (body, crc) = copy.split_last_chunk::<4>()?;
    (crc32c::crc32c(body) == u32::from_le_bytes(*crc)).then_some(body)
}

fn version(body: &[u8]) -> Option<u16> {
    let rest = body.strip_prefix(MAGIC)?;
    rest.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn parse_copy(body: &[u8], segment: u32) -> Option<SegmentHeader> {
    if version(body)? != FORMAT_VERSION {
        return None;
    }
    let header = SegmentHeader {
        segment: u32::from_le_bytes(*body.get(12..)?.first_chunk()?),
        first_seq: u64::from_le_bytes(*body.get(16..)?.first_chunk()?),
        id: JournalId(*body.get(24..)?.first_chunk()?),
    };
    (header.segment == segment).then_some(header)
}

/// The name of a segment's file.
pub(super) fn file_name(segment: u32) -> String {
    format!("{segment:08}.seg")
}

/// The number in a segment's file name; `None` for files that are none.
pub(in crate::store) fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    let number: u32 = digits.parse().ok()?;
    (file_name(number) == name && number > 0).then_some(number)
}
