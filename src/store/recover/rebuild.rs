//! An index that is whole, and a journal that opens.

use std::fs;
use std::sync::Arc;

use super::numbers::Seen;
use super::report::{IndexFate, Report};
use super::{CACHE_BYTES, Options, Progress, RecoverError, failed, move_aside};
use crate::store::disk;
use crate::store::embedded::follow::Follower;
use crate::store::embedded::mark::{Applied, Checkpoint, body_key, body_op, decode_body};
use crate::store::embedded::open::open_index;
use crate::store::journal::{
    Bodies, Directory, Frame, Journal, JournalError, JournalId, PlacedBodies, Position, salvage,
};
use crate::store::read::{Direction, Kv};
use crate::store::sled::{Index, IndexError};
use crate::store::state::State;

/// While it is being built, the index belongs to no journal, so that no start takes it for whole.
const NO_JOURNAL: JournalId = JournalId([0; 16]);
/// Commits between two words of progress.
const PROGRESS_FRAMES: u64 = 10_000;
/// Rows read at once.
const CHUNK: usize = 1000;

pub(super) struct Rebuilt {
    pub index: Index,
    pub journal: Journal,
    pub seen: Seen,
    pub report: Report,
    /// The index holds what the journal has lost.
    pub restate: bool,
}

pub(super) fn rebuild(
    state: &State,
    files: &Arc<Directory>,
    checkpoint: Option<&Checkpoint>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Rebuilt, RecoverError> {
    let (index, applied, fate) = match checkpoint.and_then(|checkpoint| whole_index(state, files, checkpoint))
    {
        Some((index, applied)) => (index, applied, IndexFate::Kept),
        None => {
            let (index, fate) = new_index(state)?;
            (index, Applied { journal: NO_JOURNAL, position: Position::START }, fate)
        }
    };
    let (mut seen, bodies) = (Seen::default(), Bodies::new(files.clone()));
    let mut follower = Follower::new(&index, applied.journal);
    let mut end = Position::START;
    let mut frames = 0;
    let mut take = |frame: Frame| -> Result<(), IndexError> {
        frames += 1;
        if frames % PROGRESS_FRAMES == 0 {
            progress(Progress::Journal { frames });
        }
        seen.take(&frame.ops);
        end = frame.end;
        // What the index has already is not put back to what it was.
        match frame.position.seq >= applied.position.seq {
            true => follower.take_frame(frame),
            false => find_bodies(&index, &bodies, &frame.bodies),
        }
    };
    let salvaged = salvage(&**files, &mut |frame| Ok(take(frame)?)).map_err(journal_error)?;
    follower.finish()?;
    seen.lost_frames = salvaged.frames_skipped() + salvaged.bytes_skipped() / super::numbers::FRAME_BYTES_MIN;
    let (journal, _) = Journal::open(files.clone(), Options::default(), end, &mut |_| Ok(()))?;
    let kept = fate == IndexFate::Kept;
    let restate = kept && (!salvaged.skipped.is_empty() || journal.end().seq < applied.position.seq);
    let mut report = Report::new(fate, salvaged);
    if let Some(checkpoint) =
        checkpoint.filter(|checkpoint| !kept && checkpoint.applied.journal == journal.id())
    {
        report.commits_missing = checkpoint.applied.position.seq.saturating_sub(journal.end().seq);
        seen.lost_frames += report.commits_missing;
    }
    Ok(Rebuilt { index, journal, seen, report, restate })
}

/// A journal older than its index has documents at other places than the index knows.
fn find_bodies(index: &Index, bodies: &Bodies, found: &PlacedBodies) -> Result<(), IndexError> {
    for (id, at) in found {
        let known = index.value(&body_key(*id))?.and_then(|place| decode_body(&place));
        if known.is_some_and(|known| known != *at && bodies.read(&known).is_err()) {
            index.apply(vec![body_op(*id, at)])?;
        }
    }
    Ok(())
}

/// The index, if it is all that a start would ask of it and every row of it can be read.
fn whole_index(state: &State, files: &Directory, checkpoint: &Checkpoint) -> Option<(Index, Applied)> {
    let (index, applied) = match open_index(&state.sled(), CACHE_BYTES, checkpoint, files) {
        Ok(opened) => opened,
        Err(error) => {
            log::warn!("{error}");
            return None;
        }
    };
    let mut from = vec![0];
    loop {
        match index.range(&from, &[u8::MAX], Direction::Up, CHUNK) {
            Err(error) => {
                log::warn!("{error}");
                return None;
            }
            Ok(rows) => match rows.into_iter().nth(CHUNK - 1) {
                Some((last, _)) => from = [last, vec![0]].concat(),
                None => return Some((index, applied)),
            },
        }
    }
}

/// An empty index in the place of what is there.
fn new_index(state: &State) -> Result<(Index, IndexFate), RecoverError> {
    let path = state.sled();
    let empty = fs::read_dir(&path).map_err(|source| failed("read", &path, source))?.next().is_none();
    let fate = if empty {
        IndexFate::Missing
    } else {
        IndexFate::SetAside(move_aside(&path, &state.damaged(), "sled")?)
    };
    if !empty {
        state.make_inner().map_err(RecoverError::State)?;
        disk::sync_directory(state.path()).map_err(|source| failed("sync", state.path(), source))?;
    }
    Ok((Index::open(&path, CACHE_BYTES)?, fate))
}

fn journal_error(error: JournalError) -> RecoverError {
    match error {
        JournalError::Visit(error) => RecoverError::Index(error.to_string()),
        error => error.into(),
    }
}
