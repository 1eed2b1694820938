//! A document that is read while it is still written: how far it is, and how it ends.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;

use super::upload::Finished;
use super::{file_of, part_of};
use crate::model::id::DocumentId;
use crate::model::job::Interruption;

/// Chunks that were written last and are kept for whoever reads along close behind: he needs no file then.
const RECENT_CHUNKS: usize = 2;

/// A document on its way in, as the one who writes it and the one who reads it share it.
#[derive(Debug)]
pub struct Growth {
    id: DocumentId,
    directory: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Bytes that can be read.
    written: u64,
    /// The last of them, where somebody reads along; they end at `written`.
    recent: VecDeque<Bytes>,
    end: End,
    readers: Readers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Accepted(Finished),
    Never(Interruption),
}

/// Whether what is written is of use to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    MayCome,
    One,
    Gone,
}

/// How far a document has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grown {
    /// So many bytes of it can be read, and it may never become whole.
    SoFar(u64),
    /// It is whole, and its job accepted.
    Accepted(Finished),
    /// It will not become whole, or its job is not accepted.
    Never(Interruption),
}

impl Growth {
    /// Opens what there is of it.
    ///
    /// # Errors
    /// `NotFound` before its first byte is written, and when it is removed.
    pub fn open(&self) -> io::Result<File> {
        // Whoever opens it under its temporary name keeps it when it gets its own.
        match File::open(part_of(&self.directory, self.id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                File::open(file_of(&self.directory, self.id))
            }
            opened => opened,
        }
    }

    /// How far it is, as soon as more than `beyond` bytes can be read or its end is known, and after `longest` in
    /// any case. Blocking.
    pub fn look(&self, beyond: u64, longest: Duration) -> Grown {
        let waits = |state: &mut State| state.end == End::Open && state.written <= beyond;
        let looked = self.changed.wait_timeout_while(self.state(), longest, waits);
        let (state, _) = looked.unwrap_or_else(PoisonError::into_inner);
        match state.end {
            End::Open => Grown::SoFar(state.written),
            End::Accepted(finished) => Grown::Accepted(finished),
            End::Never(why) => Grown::Never(why),
        }
    }

    /// It is whole, durable, and its job accepted.
    pub fn accept(&self, finished: Finished) {
        self.end(End::Accepted(finished));
    }

    /// It does not become whole, or its job is not accepted. Nothing after [`accept`](Growth::accept).
    pub fn give_up(&self, why: Interruption) {
        self.end(End::Never(why));
    }

    /// Nobody will want it any more: its job has ended.
    pub fn refuse(&self) {
        self.state().readers = Readers::Gone;
    }

    /// Whether there is no use in writing more.
    pub fn is_refused(&self) -> bool {
        self.state().readers == Readers::Gone
    }

    /// Whether it was given up.
    pub fn is_given_up(&self) -> bool {
        matches!(self.state().end, End::Never(_))
    }

    /// What stands at `offset`, up to the end of its chunk, where that was written just now. Who asks reads along.
    pub fn recent(&self, offset: u64) -> Option<Bytes> {
        let mut state = self.state();
        if state.readers == Readers::MayCome {
            state.readers = Readers::One;
        }
        let mut end = state.written;
        for chunk in state.recent.iter().rev() {
            let begin = end - chunk.len() as u64;
            if (begin..end).contains(&offset) {
                return Some(chunk.slice((offset - begin) as usize..));
            }
            end = begin;
        }
        None
    }

    /// So much more of it can be read.
    pub(super) fn grow(&self, chunk: &Bytes) {
        let mut state = self.state();
        state.written += chunk.len() as u64;
        if state.readers == Readers::One {
            if state.recent.len() == RECENT_CHUNKS {
                state.recent.pop_front();
            }
            state.recent.push_back(chunk.clone());
        }
        drop(state);
        self.changed.notify_all();
    }

    fn end(&self, end: End) {
        let mut state = self.state();
        if state.end == End::Open {
            state.end = end;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The documents that grow just now, each as long as somebody has its [`Growth`].
#[derive(Debug, Default)]
pub(super) struct Growing(Mutex<HashMap<DocumentId, Weak<Growth>>>);

impl Growing {
    pub fn begin(&self, id: DocumentId, directory: PathBuf) -> Arc<Growth> {
        let state = State { written: 0, recent: VecDeque::new(), end: End::Open, readers: Readers::MayCome };
        let growth = Arc::new(Growth { id, directory, state: Mutex::new(state), changed: Condvar::new() });
        let mut growing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        growing.retain(|_, growth| growth.strong_count() > 0);
        growing.insert(id, Arc::downgrade(&growth));
        growth
    }

    pub fn get(&self, id: DocumentId) -> Option<Arc<Growth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id)?.upgrade()
    }
}
