//! Opening: is the index whole, is it the journal's, and what does it lack?

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::{Semaphore, watch};

use super::checkpoint::{CheckpointError, Checkpoints};
use super::compact::Compactor;
use super::error::OpenError;
use super::follow::Follower;
use super::heads::Heads;
use super::mark::{APPLIED, Applied, Checkpoint, GENERATION, Unreadable, decode_generation};
use super::recent::Recent;
use super::revive::empty;
use super::threads::Threads;
use super::writer::{Indexing, Writer};
use super::{EmbeddedStore, Options, READS_MAX, Shared};
use crate::clock::Clock;
use crate::model::id::CommitSeq;
use crate::store::counts::Counts;
use crate::store::disk;
use crate::store::documents::{Documents, unclaimed};
use crate::store::journal::{
    Directory, Ending, Frame, Journal, JournalError, Position, identity, oldest, replay,
};
use crate::store::read;
use crate::store::sled::Index;
use crate::store::state::State;
use crate::store::upgrade;

/// A store that is open, and how it was found.
#[derive(Debug)]
pub struct Opened {
    pub store: EmbeddedStore,
    pub documents: Documents,
    /// Commits that the index lacked.
    pub replayed: u64,
    /// Bytes of a write at the journal's end that was never finished, and was cut off.
    pub torn_bytes: u64,
    /// Files that belonged to nothing.
    pub swept: usize,
}

/// The two halves of the store, in step.
pub(in crate::store) struct Halves {
    pub index: Index,
    pub journal: Journal,
    pub checkpoints: Checkpoints,
    replayed: u64,
    torn_bytes: u64,
}

pub(super) fn open(state: &State, options: Options) -> Result<Opened, OpenError> {
    let files = Directory::new(state.path())
        .map(Arc::new)
        .map_err(|source| OpenError::io("use the journal in", state.path(), source))?;
    let halves = open_halves(state, &files, options)?;
    let swept = sweep(&state.documents(), &halves.index)?;
    assemble(state, files, options, halves, swept)
}

/// Opens journal and index, and lets the index have what it lacks.
pub(in crate::store) fn open_halves(
    state: &State,
    files: &Arc<Directory>,
    options: Options,
) -> Result<Halves, OpenError> {
    remove_leftover(state)?;
    match read_checkpoint(state)? {
        Some(checkpoint) => continue_with(state, files, options, checkpoint),
        None => begin(state, files, options),
    }
}

/// Removes the index that a compaction has made and not put in place, or has replaced.
pub(in crate::store) fn remove_leftover(state: &State) -> Result<(), OpenError> {
    let path = state.new_sled();
    match std::fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(OpenError::io("remove", &path, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The checkpoint, if the state directory was ever used.
fn read_checkpoint(state: &State) -> Result<Option<Checkpoint>, OpenError> {
    let path = state.checkpoint();
    Checkpoint::read(&path).map_err(|unreadable| match unreadable {
        Unreadable::Io(source) => OpenError::io("read", &path, source),
        Unreadable::Damaged => OpenError::unusable(&state.sled(), "the file `checkpoint` is damaged"),
        Unreadable::Newer => OpenError::Newer { path: state.path().to_owned() },
    })
}

/// A new store. A first start that died before its checkpoint has answered nobody, so what is there of an index
/// is worth nothing; a journal that holds commits is another matter.
fn begin(state: &State, files: &Arc<Directory>, options: Options) -> Result<Halves, OpenError> {
    let mut first = |_: Frame| Err("the journal holds commits".into());
    match replay(&**files, Position::START, &mut first) {
        Ok(_) => {}
        Err(JournalError::Visit(_)) => {
            let why = "the file `checkpoint` is missing, while the journal holds commits";
            return Err(OpenError::unusable(&state.sled(), why));
        }
        Err(error) => return Err(error.into()),
    }
    refuse_documents_without_a_store(&state.documents())?;
    let path = state.sled();
    if Index::exists(&path) {
        log::warn!(path:% = path.display(); "removing what a first start that did not finish has left");
        empty(&path).map_err(|source| OpenError::io("empty", &path, source))?;
    }
    let index = Index::open(&path, options.cache_bytes).map_err(|error| OpenError::index(&path, error))?;
    let (journal, _) = Journal::open(files.clone(), options.journal, Position::START, &mut |_| Ok(()))?;
    let applied = Applied { journal: journal.id(), position: journal.end() };
    index.apply(vec![applied.op()]).map_err(|error| OpenError::index(&path, error))?;
    let mut checkpoints = Checkpoints { path: state.checkpoint(), last: Checkpoint::new(0, applied) };
    checkpoint_now(state, &mut checkpoints, &index, applied)?;
    Ok(Halves { index, journal, checkpoints, replayed: 0, torn_bytes: 0 })
}

/// No document is written before the first checkpoint. Where there are some the rest was lost, or not mounted, and a
/// new store would sweep them.
fn refuse_documents_without_a_store(documents: &Path) -> Result<(), OpenError> {
    let mut found = 0;
    unclaimed(documents, |_| {
        found += 1;
        Ok::<_, OpenError>(true)
    })?;
    if found == 0 { Ok(()) } else { Err(OpenError::Emptied { path: documents.to_owned(), documents: found }) }
}

fn continue_with(
    state: &State,
    files: &Arc<Directory>,
    options: Options,
    last: Checkpoint,
) -> Result<Halves, OpenError> {
    let path = state.sled();
    let (index, from) = open_index(&path, options.cache_bytes, &last, files)?;
    check_identity(files, &path, from)?;
    let mut follower = Follower::new(&index, from.journal);
    let (journal, replayed) = Journal::open(files.clone(), options.journal, from.position, &mut |frame| {
        Ok(follower.take_frame(frame)?)
    })
    .map_err(|error| OpenError::replay(&path, error))?;
    follower.finish().map_err(|error| OpenError::index(&path, error))?;
    let torn_bytes = match replayed.ending {
        Ending::Clean => 0,
        Ending::TornTail { bytes, .. } => bytes,
    };
    let mut checkpoints = Checkpoints { path: state.checkpoint(), last };
    if replayed.frames > 0 || last.forms != upgrade::forms() {
        let applied = Applied { position: journal.end(), ..from };
        checkpoint_now(state, &mut checkpoints, &index, applied)?;
    }
    Ok(Halves { index, journal, checkpoints, replayed: replayed.frames, torn_bytes })
}

/// Opens an index that must come up to `checkpoint` and reach into the journal in `files`, and says how far it goes.
pub(in crate::store) fn open_index(
    path: &Path,
    cache_bytes: u64,
    checkpoint: &Checkpoint,
    files: &Directory,
) -> Result<(Index, Applied), OpenError> {
    let failed = |error| OpenError::index(path, error);
    let refused = |why: &str| Err(OpenError::unusable(path, why));
    if !Index::exists(path) {
        return refused("it is missing");
    }
    let index = Index::open(path, cache_bytes).map_err(failed)?;
    let applied = index.value(APPLIED).map_err(failed)?;
    let generation = index.value(GENERATION).map_err(failed)?;
    let (Some(applied), Some(generation)) = (applied, generation) else {
        return refused("it has opened empty");
    };
    let (Some(applied), Some(generation)) = (Applied::decode(&applied), decode_generation(&generation))
    else {
        return refused("it does not say how far it goes");
    };
    if applied.journal != checkpoint.applied.journal {
        return refused("it belongs to another journal");
    }
    if applied.position < checkpoint.applied.position || generation < checkpoint.generation {
        return refused("it is older than its last checkpoint, as after a power cut or a copy from a backup");
    }
    // What was deleted in segments that have gone it would never hear of.
    if applied.position.segment < oldest(files)? {
        return refused("it is older than the oldest segment of the journal, as after a copy from a backup");
    }
    Ok((index, applied))
}

fn check_identity(files: &Directory, path: &Path, from: Applied) -> Result<(), OpenError> {
    match identity(files, from.position.segment)? {
        Some(id) if id != from.journal => Err(OpenError::unusable(path, "it belongs to another journal")),
        // What cannot be told here is found damaged by the replay.
        Some(_) | None => Ok(()),
    }
}

fn checkpoint_now(
    state: &State,
    checkpoints: &mut Checkpoints,
    index: &Index,
    applied: Applied,
) -> Result<(), OpenError> {
    checkpoints.make(index, applied).map_err(|error| match error {
        CheckpointError::Index(error) => OpenError::index(&state.sled(), error),
        CheckpointError::File { path, source } => OpenError::Io { doing: "write", path, source },
    })
}

/// Removes what a crash has left between a document and its record.
fn sweep(documents: &Path, index: &Index) -> Result<usize, OpenError> {
    let claimed = |id| Ok::<_, OpenError>(read::stored_document(index, id)?.is_some());
    let found = unclaimed(documents, claimed)?;
    for path in &found {
        disk::remove(path).map_err(|source| OpenError::io("remove", path, source))?;
    }
    if !found.is_empty() {
        log::info!(files = found.len(); "swept documents that no commit had reached");
    }
    Ok(found.len())
}

fn assemble(
    state: &State,
    files: Arc<Directory>,
    options: Options,
    halves: Halves,
    swept: usize,
) -> Result<Opened, OpenError> {
    let Halves { index, journal, checkpoints, replayed, torn_bytes } = halves;
    let counts = Counts::load(&index)?;
    let applied = Applied { journal: journal.id(), position: journal.end() };
    let last = CommitSeq(applied.position.seq - 1);
    let shared = Arc::new(Shared {
        index: RwLock::new(Some(Arc::new(index))),
        suspect: AtomicBool::new(false),
        bodies: journal.bodies(),
        old_segments: RwLock::default(),
        counts: RwLock::new(counts),
        recent: Recent::default(),
        heads: Heads::default(),
        applied: Mutex::new(applied),
        written: Mutex::new(applied),
        changes: watch::channel(last).0,
        broken: watch::channel(None).0,
        stats: Arc::default(),
    });
    let thread = |source| OpenError::io("start a thread for", state.path(), source);
    let documents = Documents::new(state.documents(), shared.clone()).map_err(thread)?;
    let compactor = Compactor {
        shared: shared.clone(),
        files: files.clone(),
        documents: documents.clone(),
        checkpoint: state.checkpoint(),
        options: options.compaction,
        clock: Clock::machine(),
    };
    let indexing = Indexing {
        files,
        path: state.sled(),
        cache_bytes: options.cache_bytes,
        checkpoint: state.checkpoint(),
    };
    let writer = Writer::new(shared.clone(), journal, documents.clone(), indexing);
    let threads = Threads::start(shared.clone(), writer, checkpoints, options.checkpoint_every, compactor)
        .map_err(thread)?;
    let store =
        EmbeddedStore { shared, threads, reads: Arc::new(Semaphore::new(READS_MAX)), state: state.clone() };
    Ok(Opened { store, documents, replayed, torn_bytes, swept })
}
