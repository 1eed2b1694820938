//! Gives back the space of what is dead in the journal: its oldest segment is carried to its end, and goes.
//!
//! One thread reads the oldest segment, asks the index what of it is still so, and hands that in pieces to the writer,
//! which looks once more and appends it between two groups of commits. How far that went is part of each piece, so it is
//! as durable as the piece. A segment that is carried goes when a checkpoint of the index lies behind its last piece: no
//! replay begins in it any more, and no index places a document in it.
//!
//! | the process dies | at the next start |
//! |---|---|
//! | while a piece is written | it is whole or not there; carrying goes on behind the last one that is whole |
//! | before the checkpoint | the segment is there, carried whole; the next checkpoint lets it go |
//! | when its going is noted | what is left of it is removed |

use std::sync::{Arc, TryLockError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

mod rule;

pub use rule::Compaction;
use rule::{Counted, Present, Space};

use super::Shared;
use super::carry::{Piece, holds, holds_body};
use super::mark::{self, Checkpoint};
use super::writer::Carrying;
use crate::clock::Clock;
use crate::failpoint;
use crate::store::ReadError;
use crate::store::documents::Documents;
use crate::store::journal::{
    Begin, Directory, Frame, JournalError, Position, VisitError, begin_at, bytes_from, bytes_of, first_frame,
    replay_segment,
};
use crate::store::read::{Direction, Kv};

/// Between two pieces, so that at most half of the writer's time goes to them.
const PAUSE: Duration = Duration::from_millis(5);
/// Between two looks whether a checkpoint has been made, or a copy of the journal is done.
const WAIT: Duration = Duration::from_millis(100);
/// Rows read at once while what is live is counted: nothing goes into the index meanwhile, and others wait for that …
const CHUNK: usize = 250;
/// … and the pause between.
const CHUNK_PAUSE: Duration = Duration::from_millis(1);

/// Why a compaction ends before its time.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error("the store is being closed")]
    Stopping,
    /// It goes on where it was at the next look.
    #[error("{0}")]
    Later(String),
}

impl From<ReadError> for Halt {
    fn from(error: ReadError) -> Self {
        Halt::Later(error.to_string())
    }
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Visit(error) => {
                error.downcast().map_or_else(|other| Halt::Later(other.to_string()), |halt| *halt)
            }
            error => Halt::Later(error.to_string()),
        }
    }
}

/// All that compacts. Lives on one thread.
pub(super) struct Compactor {
    pub shared: Arc<Shared>,
    pub files: Arc<Directory>,
    pub documents: Documents,
    pub checkpoint: std::path::PathBuf,
    pub options: Compaction,
    pub clock: Clock,
}

/// The thread's ways out.
pub(super) struct Wires {
    pub pieces: Sender<Carrying>,
    /// Disconnected when it is to stop.
    pub stop: Receiver<()>,
}

impl Wires {
    /// Waits, unless the store is being closed.
    fn pause(&self, time: Duration) -> Result<(), Halt> {
        match self.stop.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Halt::Stopping),
        }
    }

    /// Hands a piece to the writer and waits until it is durable.
    fn hand_in(&self, piece: &mut Piece, carried: Position) -> Result<(), Halt> {
        let (answer, answered) = bounded(1);
        let piece = std::mem::take(piece);
        self.pieces.send(Carrying { piece, carried, answer }).map_err(|_| Halt::Stopping)?;
        match answered.recv() {
            Ok(Ok(_)) => self.pause(PAUSE),
            Ok(Err(error)) => Err(Halt::Later(error.to_string())),
            Err(_) => Err(Halt::Stopping),
        }
    }
}

impl Compactor {
    /// Until the store is closed.
    pub fn run(self, wires: &Wires) {
        let (mut counted, mut told) = (None, None);
        while wires.pause(self.options.look_every).is_ok() {
            match self.look(&mut counted, wires) {
                Ok(()) => told = None,
                Err(Halt::Stopping) => return,
                // Said once, for as long as it stays so.
                Err(Halt::Later(why)) => {
                    if told.as_ref() != Some(&why) {
                        log::warn!("the journal is not compacted now, it is tried again: {why}");
                    }
                    told = Some(why);
                }
            }
        }
    }

    fn look(&self, counted: &mut Option<Counted>, wires: &Wires) -> Result<(), Halt> {
        self.remove_carried(wires)?;
        let present = self.present()?;
        if self.options.is_count_due(*counted, present) {
            let live_bytes = self.count_live(wires)?;
            let Present { total_bytes, seq, now, .. } = present;
            *counted = Some(Counted { live_bytes, total_bytes, seq, at: now });
        }
        let Some(last) = counted else { return Ok(()) };
        let done = self.round(last.live_bytes, present, wires);
        last.total_bytes = self.present()?.total_bytes;
        done
    }

    fn present(&self) -> Result<Present, Halt> {
        let free = self.documents.free_bytes().unwrap_or(u64::MAX);
        Ok(Present {
            total_bytes: bytes_of(&*self.files)?,
            seq: self.shared.changes.borrow().0,
            space: Space::of(free),
            now: self.clock.now().mono,
        })
    }

    /// Bytes of the journal that values and documents would take if each stood there once.
    fn count_live(&self, wires: &Wires) -> Result<u64, Halt> {
        let (mut from, mut live) = (mark::BODIES.to_vec(), 0);
        loop {
            let rows = self.shared.look(|kv| kv.range(&from, &[u8::MAX], Direction::Up, CHUNK))?;
            live += rows.iter().map(|(key, value)| live_bytes(key, value)).sum::<u64>();
            match rows.into_iter().nth(CHUNK - 1) {
                Some((last, _)) => from = [last, vec![0]].concat(),
                None => return Ok(live),
            }
            wires.pause(CHUNK_PAUSE)?;
        }
    }

    /// Carries the oldest segments and lets them go while the journal is too long; each of those that are there now once
    /// at most.
    fn round(&self, live_bytes: u64, present: Present, wires: &Wires) -> Result<(), Halt> {
        let last = self.end().segment;
        let is_long = |bytes| self.options.is_too_long(bytes, live_bytes, present.space);
        loop {
            let mut from = self.carried()?;
            let begun = bytes_of(&*self.files)?;
            while from.segment < last
                && is_long(bytes_from(&*self.files, from.segment)?)
                && !self
                    .options
                    .is_enough_at_once(bytes_of(&*self.files)?.saturating_sub(begun), present.space)
            {
                from = self.carry(from, wires)?;
                failpoint::hit("compact-segment-carried");
            }
            if !self.remove_carried(wires)? {
                return Ok(());
            }
        }
    }

    /// The place before which nothing is needed any more.
    fn carried(&self) -> Result<Position, Halt> {
        let begin = Begin::read(&*self.files)?.position();
        let known = self.shared.look(|kv| kv.get(mark::CARRIED))?.and_then(|at| mark::decode_position(&at));
        Ok(known.map_or(begin, |known| known.max(begin)))
    }

    /// Removes the segments that were carried whole, if there are any, when no index can need them.
    fn remove_carried(&self, wires: &Wires) -> Result<bool, Halt> {
        let (begin, carried) = (Begin::read(&*self.files)?, self.carried()?);
        if carried.segment <= begin.segment {
            return Ok(false);
        }
        self.wait_for_checkpoint(wires)?;
        failpoint::hit("compact-checkpointed");
        let before = bytes_of(&*self.files)?;
        self.remove_before(first_frame(&*self.files, carried.segment)?, wires)?;
        log::info!(before = before, after = bytes_of(&*self.files)?; "the journal was compacted");
        Ok(true)
    }

    /// Carries what is live behind `from` in its segment, and says where the next begins.
    fn carry(&self, from: Position, wires: &Wires) -> Result<Position, Halt> {
        let mut piece = Piece::default();
        let mut take = |frame: Frame| -> Result<(), Halt> {
            for (key, value) in frame.ops.into_iter().filter_map(|op| Some((op.key, op.value?))) {
                if self.shared.look(|kv| holds(kv, &key, &value))? {
                    piece.put(key, value);
                }
                if piece.is_full() {
                    wires.hand_in(&mut piece, frame.position)?;
                }
            }
            for (id, at) in frame.bodies {
                if self.shared.look(|kv| holds_body(kv, id, &at))? {
                    piece.body(id, at, self.shared.bodies.read(&at)?);
                }
                if piece.is_full() {
                    wires.hand_in(&mut piece, frame.position)?;
                }
            }
            wires.pause(Duration::ZERO)
        };
        let end = replay_segment(&*self.files, from, &mut |frame| take(frame).map_err(VisitError::from))?;
        let next = Position::first_of(end.segment + 1, end.seq);
        wires.hand_in(&mut piece, next)?;
        Ok(next)
    }

    fn wait_for_checkpoint(&self, wires: &Wires) -> Result<(), Halt> {
        let end = self.end();
        loop {
            match Checkpoint::read(&self.checkpoint) {
                Ok(Some(checkpoint)) if checkpoint.applied.position >= end => return Ok(()),
                Ok(_) => wires.pause(WAIT)?,
                Err(error) => return Err(Halt::Later(format!("the checkpoint: {error:?}"))),
            }
        }
    }

    /// Lets the journal begin at `first`, when nobody reads what stands before it.
    fn remove_before(&self, first: Position, wires: &Wires) -> Result<(), Halt> {
        let id = self.shared.written().journal;
        loop {
            let free = match self.shared.old_segments.try_write() {
                Ok(free) => free,
                Err(TryLockError::Poisoned(free)) => free.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    wires.pause(WAIT)?;
                    continue;
                }
            };
            let removed = begin_at(&*self.files, id, first);
            drop(free);
            return Ok(removed.map(drop)?);
        }
    }

    /// Where the journal ends, at least.
    fn end(&self) -> Position {
        self.shared.written().position
    }
}

/// What a row of the index takes in the journal, in bytes.
pub(in crate::store) fn live_bytes(key: &[u8], value: &[u8]) -> u64 {
    /// Lengths and kind of an operation, or number, length and checksum of a document.
    const OP_BYTES: u64 = 7;
    const BODY_BYTES: u64 = 16;
    match key.first() {
        Some(0) if key.starts_with(mark::BODIES) => {
            mark::decode_body(value).map_or(0, |at| BODY_BYTES + u64::from(at.len))
        }
        Some(0) | None => 0,
        Some(_) => OP_BYTES + (key.len() + value.len()) as u64,
    }
}
