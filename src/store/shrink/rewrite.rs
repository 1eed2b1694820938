//! All that is live, written to the journal once more.

use std::collections::BTreeSet;

use super::{Progress, ShrinkError};
use crate::model::id::CommitSeq;
use crate::store::embedded::carry::{Piece, holds_body};
use crate::store::embedded::compact::live_bytes;
use crate::store::embedded::mark::{self, CARRIED, decode_body, decode_position};
use crate::store::journal::{Begin, BodyAt, Directory, FrameRef, Journal, Op, Position};
use crate::store::read::{Direction, Kv, Row};
use crate::store::sled::Index;
use crate::store::{keys, read};

/// Rows read at once.
const CHUNK: usize = 1000;
/// Rows between two words of progress.
const PROGRESS_ROWS: u64 = 10_000;

/// What is live, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Live {
    pub journal: u64,
    pub index: u64,
}

/// A journal that says everything from `first` on.
pub(super) struct Rewritten {
    pub first: Position,
    pub end: Position,
    pub digest: Digest,
}

/// By what two indices with the same rows are known, whatever number their commits have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digest {
    rows: u64,
    crc: u32,
}

impl Digest {
    pub fn of(index: &Index) -> Result<Digest, ShrinkError> {
        let mut digest = Digest::default();
        for_each(index, &[1], |(key, value)| {
            digest.take(&key, &value);
            Ok(())
        })?;
        Ok(digest)
    }

    /// Events are left out: to write is an event.
    fn take(&mut self, key: &[u8], value: &[u8]) {
        if !key.starts_with(keys::EVENTS) {
            self.rows += 1;
            self.crc = crc32c::crc32c_append(crc32c::crc32c_append(self.crc, key), value);
        }
    }
}

/// How much there is to be written.
pub(super) fn count(index: &Index, progress: &mut dyn FnMut(Progress)) -> Result<Live, ShrinkError> {
    let (mut live, mut rows) = (Live::default(), 0);
    for_each(index, mark::BODIES, |(key, value)| {
        live.journal += live_bytes(&key, &value);
        live.index += (key.len() + value.len()) as u64;
        rows += 1;
        if rows % PROGRESS_ROWS == 0 {
            progress(Progress::Counted { rows });
        }
        Ok(())
    })?;
    Ok(live)
}

/// Appends everything that `index` holds, in new segments.
pub(super) fn rewrite(
    index: &Index,
    mut journal: Journal,
    files: &Directory,
    progress: &mut dyn FnMut(Progress),
) -> Result<Rewritten, ShrinkError> {
    let first = journal.begin_segment()?;
    let mut writing = Writing {
        index,
        // Nothing is said to be carried before all is.
        carried: carried_so_far(index, files)?,
        journal: &mut journal,
        piece: Piece::default(),
        own: BTreeSet::new(),
    };
    let (mut digest, mut rows) = (Digest::default(), 0);
    for_each(index, mark::BODIES, |(key, value)| {
        rows += 1;
        if rows % PROGRESS_ROWS == 0 {
            progress(Progress::Written { rows });
        }
        match key.first() {
            Some(0) => writing.body(&key, &value),
            Some(_) | None => {
                digest.take(&key, &value);
                writing.put(key, value)
            }
        }
    })?;
    writing.write()?;
    Ok(Rewritten { first, end: journal.end(), digest })
}

fn carried_so_far(index: &Index, files: &Directory) -> Result<Position, ShrinkError> {
    let begin = Begin::read(files)?.position();
    let known = index.value(CARRIED)?.and_then(|at| decode_position(&at));
    Ok(known.unwrap_or(begin).max(begin))
}

struct Writing<'a> {
    index: &'a Index,
    carried: Position,
    journal: &'a mut Journal,
    piece: Piece,
    /// The places in the ring of events that our own commits have taken.
    own: BTreeSet<Vec<u8>>,
}

impl Writing<'_> {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), ShrinkError> {
        if !self.own.contains(&key) {
            self.piece.put(key, value);
        }
        self.write_if_full()
    }

    fn body(&mut self, key: &[u8], value: &[u8]) -> Result<(), ShrinkError> {
        let Some(id) = keys::listed_document(key).filter(|_| key.starts_with(mark::BODIES)) else {
            return Ok(());
        };
        let at: BodyAt = decode_body(value).ok_or_else(|| read::damaged_place(id))?;
        if holds_body(self.index, id.0, &at)? {
            let bytes = self.journal.read_body(&at)?;
            self.piece.body(id.0, at, bytes);
        }
        self.write_if_full()
    }

    fn write_if_full(&mut self) -> Result<(), ShrinkError> {
        if self.piece.is_full() { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), ShrinkError> {
        let piece = std::mem::take(&mut self.piece);
        let seq = CommitSeq(self.journal.end().seq);
        let planned = piece.plan(seq, self.carried, self.index)?;
        let ops: Vec<Op> = planned.old.into_iter().chain(planned.own.iter().cloned()).collect();
        self.journal.append_group(&[FrameRef { ops: &ops, bodies: &planned.bodies }])?;
        self.own.extend(planned.own.into_iter().map(|op| op.key));
        Ok(())
    }
}

/// Shows all rows from `from` on, with memory for a chunk of them.
fn for_each(
    index: &Index,
    from: &[u8],
    mut visit: impl FnMut(Row) -> Result<(), ShrinkError>,
) -> Result<(), ShrinkError> {
    let mut from = from.to_vec();
    loop {
        let rows = index.range(&from, &[u8::MAX], Direction::Up, CHUNK)?;
        let last = rows.get(CHUNK - 1).map(|(key, _)| [key, &[0][..]].concat());
        rows.into_iter().try_for_each(&mut visit)?;
        match last {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}
