//! How far the index has followed the journal, and how far that is durable.

use std::io;
use std::path::Path;

use crate::store::durable;
use crate::store::journal::{BodyAt, JournalId, Op, Position};
use crate::store::upgrade;

/// Keys of the store itself begin with zero: the journal's identity and the place up to which it was applied …
pub(in crate::store) const APPLIED: &[u8] = &[0, b'A'];
/// … the number of the last checkpoint …
pub(in crate::store) const GENERATION: &[u8] = &[0, b'G'];
/// … the place in the journal before which nothing is needed any more …
pub(in crate::store) const CARRIED: &[u8] = &[0, b'C'];
/// … and where small documents are.
pub(in crate::store) const BODIES: &[u8] = &[0, b'B'];

/// The place in a journal up to which the index has followed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Applied {
    pub journal: JournalId,
    pub position: Position,
}

impl Applied {
    pub fn op(&self) -> Op {
        Op { key: APPLIED.to_vec(), value: Some(self.encode()) }
    }

    fn encode(&self) -> Vec<u8> {
        [&self.journal.0[..], &encode_position(self.position)].concat()
    }

    pub fn decode(bytes: &[u8]) -> Option<Applied> {
        let (journal, position) = bytes.split_first_chunk::<16>()?;
        Some(Applied { journal: JournalId(*journal), position: decode_position(position)? })
    }
}

fn encode_position(Position { segment, offset, seq }: Position) -> Vec<u8> {
    [&segment.to_be_bytes()[..], &offset.to_be_bytes(), &seq.to_be_bytes()].concat()
}

pub(in crate::store) fn decode_position(bytes: &[u8]) -> Option<Position> {
    let (segment, rest) = bytes.split_first_chunk::<4>()?;
    let (offset, seq) = rest.split_first_chunk::<8>()?;
    Some(Position {
        segment: u32::from_be_bytes(*segment),
        offset: u64::from_be_bytes(*offset),
        seq: u64::from_be_bytes(seq.try_into().ok()?),
    })
}

/// Everything before `position` that is still needed stands in the journal once more, before the commit that says so.
pub(in crate::store) fn carried_op(position: Position) -> Op {
    Op { key: CARRIED.to_vec(), value: Some(encode_position(position)) }
}

pub(in crate::store) fn generation_op(generation: u64) -> Op {
    Op { key: GENERATION.to_vec(), value: Some(generation.to_be_bytes().to_vec()) }
}

pub(in crate::store) fn decode_generation(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

pub(in crate::store) fn body_key(id: u64) -> Vec<u8> {
    [BODIES, &id.to_be_bytes()].concat()
}

pub(in crate::store) fn body_op(id: u64, at: &BodyAt) -> Op {
    let BodyAt { segment, offset, len, crc } = *at;
    let value = [&segment.to_be_bytes()[..], &offset.to_be_bytes(), &len.to_be_bytes(), &crc.to_be_bytes()];
    Op { key: body_key(id), value: Some(value.concat()) }
}

pub(in crate::store) fn decode_body(bytes: &[u8]) -> Option<BodyAt> {
    let (segment, rest) = bytes.split_first_chunk::<4>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (len, crc) = rest.split_first_chunk::<4>()?;
    Some(BodyAt {
        segment: u32::from_be_bytes(*segment),
        offset: u64::from_be_bytes(*offset),
        len: u32::from_be_bytes(*len),
        crc: u32::from_be_bytes(crc.try_into().ok()?),
    })
}

/// What a file beside the index says of it: an index that does not come up to this has lost something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Checkpoint {
    /// Counts the checkpoints.
    pub generation: u64,
    pub applied: Applied,
    /// The forms of records that there may be, as [`upgrade::forms`] counts them.
    pub forms: u32,
}

const MAGIC: &[u8; 8] = b"SPOOLCKP";
const VERSION: u16 = 1;

/// Why a checkpoint cannot be had.
#[derive(Debug)]
pub(in crate::store) enum Unreadable {
    Io(io::Error),
    Damaged,
    Newer,
}

impl Checkpoint {
    pub fn new(generation: u64, applied: Applied) -> Checkpoint {
        Checkpoint { generation, applied, forms: upgrade::forms() }
    }

    /// Replaces the file, durably.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        durable::replace(path, &self.encode())
    }

    /// The checkpoint in the file; `None` if there is no file.
    pub fn read(path: &Path) -> Result<Option<Checkpoint>, Unreadable> {
        let Some(bytes) = durable::read_small(path).map_err(Unreadable::Io)? else {
            return Ok(None);
        };
        let (version, checkpoint) = Checkpoint::decode(&bytes).ok_or(Unreadable::Damaged)?;
        match checkpoint {
            Some(checkpoint) if checkpoint.forms <= upgrade::forms() => Ok(Some(checkpoint)),
            None if version <= VERSION => Err(Unreadable::Damaged),
            Some(_) | None => Err(Unreadable::Newer),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let Checkpoint { generation, applied, forms } = self;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&forms.to_be_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&applied.encode());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// The version of a whole file, and what it says if we know that version.
    fn decode(bytes: &[u8]) -> Option<(u16, Option<Checkpoint>)> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return None;
        }
        let (version, rest) = body.strip_prefix(MAGIC)?.split_first_chunk::<2>()?;
        let version = u16::from_be_bytes(*version);
        Some((version, (version == VERSION).then(|| Checkpoint::decode_fields(rest)).flatten()))
    }

    fn decode_fields(bytes: &[u8]) -> Option<Checkpoint> {
        let (forms, rest) = bytes.split_first_chunk::<4>()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        Some(Checkpoint {
            generation: u64::from_be_bytes(*generation),
            applied: Applied::decode(rest)?,
            forms: u32::from_be_bytes(*forms),
        })
    }
}
