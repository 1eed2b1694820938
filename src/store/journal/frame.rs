//! One commit as bytes: a header, then operations and small documents. All numbers are little-endian.
//!
//! ```text
//! header   payload length u32 · payload CRC-32C u32 · seq u64 · index in its group u32 · header CRC-32C u32
//! payload  ops u16, each: key length u16 · key · kind u8 (0 delete, 1 put) · [value length u32 · value]
//!          bodies u16, each: document id u64 · length u32 · body CRC-32C u32 · bytes
//! ```
//!
//! Both checksums begin with the journal's random identity and the frame's own place. So bytes that look like a
//! frame, but were put there as a document by somebody who prints a journal, are no frame.

use super::{BodyAt, FrameRef, JournalId, LimitExceeded, Op, PlacedBodies};

/// Bytes before a frame's payload.
pub const FRAME_HEADER_BYTES: usize = 24;
/// Most payload bytes of one frame.
pub const FRAME_PAYLOAD_BYTES_MAX: usize = 32 * 1024 * 1024 - FRAME_HEADER_BYTES;
/// Most operations of one frame: as many as a commit may have keys.
pub const OPS_MAX: usize = crate::model::commit::KEYS_MAX;
/// Most bytes of a key.
pub const KEY_BYTES_MAX: usize = 1024;
/// Most bytes of a value.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Most document bodies of one frame.
pub const BODIES_MAX: usize = 128;
/// Most bytes of a document body; larger ones are files of their own.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What a checksum covers besides the bytes: a frame is valid in its own journal, at its own place, and nowhere else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub id: JournalId,
    pub segment: u32,
    pub offset: u64,
}

impl Place {
    fn checksum(self, bytes: &[u8]) -> u32 {
        let mut seed = [0_u8; 28];
        seed[..16].copy_from_slice(&self.id.0);
        seed[16..20].copy_from_slice(&self.segment.to_le_bytes());
        seed[20..].copy_from_slice(&self.offset.to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c(&seed), bytes)
    }
}

/// A frame's header, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub payload_bytes: u32,
    payload_crc: u32,
    pub seq: u64,
    /// How many frames of the same write stand before this one.
    pub index: u32,
}

impl Header {
    /// The first frame of the write this one belongs to. That write began when every earlier frame was durable.
    pub fn group_start(&self) -> u64 {
        self.seq.saturating_sub(u64::from(self.index))
    }

    /// Bytes of the whole frame.
    pub fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.payload_bytes as usize
    }

    fn encode(&self, place: Place) -> [u8; FRAME_HEADER_BYTES] {
        let mut out = [0_u8; FRAME_HEADER_BYTES];
        out[0..4].copy_from_slice(&self.payload_bytes.to_le_bytes());
        out[4..8].copy_from_slice(&self.payload_crc.to_le_bytes());
        out[8..16].copy_from_slice(&self.seq.to_le_bytes());
        out[16..20].copy_from_slice(&self.index.to_le_bytes());
        let crc = place.checksum(&out[..20]);
        out[20..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header at `place`. Cheap tests come first: a search for the next frame asks this of every byte.
    pub fn parse(bytes: &[u8], place: Place) -> Result<Self, FrameError> {
        let mut input = Input(bytes);
        let header = Self {
            payload_bytes: input.u32()?,
            payload_crc: input.u32()?,
            seq: input.u64()?,
            index: input.u32()?,
        };
        let crc = input.u32()?;
        if header.payload_bytes as usize > FRAME_PAYLOAD_BYTES_MAX {
            return Err(FrameError::TooLong);
        }
        if place.checksum(&bytes[..20]) != crc {
            return Err(FrameError::HeaderChecksum);
        }
        Ok(header)
    }

    /// Whether `payload` is what was written behind this header at `place`.
    pub fn covers(&self, payload: &[u8], place: Place) -> Result<(), FrameError> {
        if payload.len() < self.payload_bytes as usize {
            return Err(FrameError::Incomplete);
        }
        if place.checksum(payload) == self.payload_crc { Ok(()) } else { Err(FrameError::PayloadChecksum) }
    }
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the file ends inside a frame")]
    Incomplete,
    #[error("the frame says it is longer than a frame may be")]
    TooLong,
    #[error("the checksum of the frame's header does not match")]
    HeaderChecksum,
    #[error("the checksum of the frame's contents does not match")]
    PayloadChecksum,
    #[error("the checksum matches, but the contents break the format")]
    Malformed,
}

/// Refuses what a reader would refuse, before anything is written.
pub(super) fn check(frame: &FrameRef<'_>) -> Result<(), LimitExceeded> {
    within("operations in a frame", frame.ops.len(), OPS_MAX)?;
    within("bodies in a frame", frame.bodies.len(), BODIES_MAX)?;
    for op in frame.ops {
        within("bytes of a key", op.key.len(), KEY_BYTES_MAX)?;
        within("bytes of a value", op.value.as_ref().map_or(0, Vec::len), VALUE_BYTES_MAX)?;
    }
    for (_, body) in frame.bodies {
        within("bytes of a document body", body.len(), BODY_BYTES_MAX)?;
    }
    Ok(())
}

/// Bytes of the whole frame.
pub(super) fn encoded_bytes(frame: &FrameRef<'_>) -> usize {
    let op = |op: &Op| 2 + op.key.len() + 1 + op.value.as_ref().map_or(0, |value| 4 + value.len());
    let ops: usize = frame.ops.iter().map(op).sum();
    let bodies: usize = frame.bodies.iter().map(|(_, body)| 16 + body.len()).sum();
    FRAME_HEADER_BYTES + 4 + ops + bodies
}

// The parts at their largest fit a frame, so a frame needs no check of its own.
const _: () = assert!(
    4 + OPS_MAX * (KEY_BYTES_MAX + VALUE_BYTES_MAX + 7) + BODIES_MAX * (BODY_BYTES_MAX + 16)
        <= FRAME_PAYLOAD_BYTES_MAX
);

fn within(what: &'static str, found: usize, max: usize) -> Result<(), LimitExceeded> {
    if found <= max { Ok(()) } else { Err(LimitExceeded { what, found, max }) }
}

/// Appends one frame, already checked, to `out`. `place` is where the frame will begin in its segment.
pub(super) fn encode(
    frame: &FrameRef<'_>,
    seq: u64,
    index: u32,
    place: Place,
    out: &mut Vec<u8>,
) -> PlacedBodies {
    let start = out.len();
    out.resize(start + FRAME_HEADER_BYTES, 0);
    put_u16(out, frame.ops.len());
    for op in frame.ops {
        encode_op(op, out);
    }
    put_u16(out, frame.bodies.len());
    let mut bodies = Vec::with_capacity(frame.bodies.len());
    for (document_id, bytes) in frame.bodies {
        let crc = crc32c::crc32c(bytes);
        out.extend_from_slice(&document_id.to_le_bytes());
        put_u32(out, bytes.len());
        out.extend_from_slice(&crc.to_le_bytes());
        let offset = place.offset + (out.len() - start) as u64;
        bodies.push((*document_id, BodyAt { segment: place.segment, offset, len: bytes.len() as u32, crc }));
        out.extend_from_slice(bytes);
    }
    let payload = &out[start + FRAME_HEADER_BYTES..];
    let header =
        Header { payload_bytes: payload.len() as u32, payload_crc: place.checksum(payload), seq, index };
    out[start..start + FRAME_HEADER_BYTES].copy_from_slice(&header.encode(place));
    bodies
}

fn encode_op(op: &Op, out: &mut Vec<u8>) {
    put_u16(out, op.key.len());
    out.extend_from_slice(&op.key);
    match &op.value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            put_u32(out, value.len());
            out.extend_from_slice(value);
        }
    }
}

// Lengths were held against limits far below these types' maxima by `check`.
fn put_u16(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&(n as u16).to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&(n as u32).to_le_bytes());
}

/// The operations and the places of the bodies in a payload whose checksum is right; `place` is the frame's.
///
/// A matching checksum is no reason to trust a length: everything is bounded again, and nothing may be left over.
pub(super) fn decode(payload: &[u8], place: Place) -> Result<(Vec<Op>, PlacedBodies), FrameError> {
    let mut input = Input(payload);
    let ops_count = input.count(OPS_MAX)?;
    let mut ops = Vec::with_capacity(ops_count);
    for _ in 0..ops_count {
        ops.push(decode_op(&mut input)?);
    }
    let bodies_count = input.count(BODIES_MAX)?;
    let mut bodies = Vec::with_capacity(bodies_count);
    for _ in 0..bodies_count {
        let document_id = input.u64()?;
        let len = input.u32()?;
        let crc = input.u32()?;
        let offset = place.offset + (FRAME_HEADER_BYTES + payload.len() - input.0.len()) as u64;
        input.bytes(len as usize, BODY_BYTES_MAX)?;
        bodies.push((document_id, BodyAt { segment: place.segment, offset, len, crc }));
    }
    if input.0.is_empty() { Ok((ops, bodies)) } else { Err(FrameError::Malformed) }
}

fn decode_op(input: &mut Input<'_>) -> Result<Op, FrameError> {
    let key_len = input.u16()?;
    let key = input.bytes(usize::from(key_len), KEY_BYTES_MAX)?.to_vec();
    let value = match input.array::<1>()? {
        [0] => None,
        [1] => {
            let len = input.u32()?;
            Some(input.bytes(len as usize, VALUE_BYTES_MAX)?.to_vec())
        }
        _ => return Err(FrameError::Malformed),
    };
    Ok(Op { key, value })
}

/// The bytes not read yet.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, len: usize, max: usize) -> Result<&'a [u8], FrameError> {
        if len > max {
            return Err(FrameError::Malformed);
        }
        let (head, rest) = self.0.split_at_checked(len).ok_or(FrameError::Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(FrameError::Malformed)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u16(&mut self) -> Result<u16, FrameError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, FrameError> {
        self.array().map(u64::from_le_bytes)
    }

    fn count(&mut self, max: usize) -> Result<usize, FrameError> {
        let count = usize::from(self.u16()?);
        if count <= max { Ok(count) } else { Err(FrameError::Malformed) }
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
