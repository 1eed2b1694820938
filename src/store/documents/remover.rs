//! Removes files in the background: to remove a large file takes as long as some commits.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::{file_of, part_of};
use crate::failpoint;
use crate::model::id::DocumentId;
use crate::store::disk;

/// How many removals may wait. What comes beyond is left to the next start.
const WAITING_MAX: usize = 65_536;

/// A file that is not wanted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwanted {
    Document(DocumentId),
    Upload(DocumentId),
}

impl Unwanted {
    fn path(self, directory: &Path) -> PathBuf {
        match self {
            Unwanted::Document(id) => file_of(directory, id),
            Unwanted::Upload(id) => part_of(directory, id),
        }
    }
}

/// The thread that removes. It ends when this is dropped, after what waits then.
#[derive(Debug)]
pub(super) struct Remover {
    handle: RemoverHandle,
    /// Held for writing while a file is removed.
    gate: Arc<RwLock<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Asks for removals.
#[derive(Clone, Debug)]
pub(super) struct RemoverHandle {
    /// `None` ends the thread; uploads may hold handles for longer than it lives.
    to_thread: Sender<Option<Unwanted>>,
}

impl Remover {
    pub fn start(directory: &Path) -> io::Result<Remover> {
        let (to_thread, waiting) = bounded(WAITING_MAX);
        let directory = directory.to_owned();
        let gate = Arc::new(RwLock::new(()));
        let own = Arc::clone(&gate);
        let thread = thread::Builder::new()
            .name("document-remover".to_owned())
            .spawn(move || remove_all(&directory, &waiting, &own))?;
        Ok(Remover { handle: RemoverHandle { to_thread }, gate, thread: Some(thread) })
    }

    pub fn keep_files(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn handle(&self) -> RemoverHandle {
        self.handle.clone()
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        // An error would mean that the thread is gone, which is all that is wanted.
        let _ = self.handle.to_thread.send(None);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl RemoverHandle {
    /// Never blocks. What cannot be taken is swept at the next start.
    pub fn remove(&self, unwanted: Unwanted) {
        match self.to_thread.try_send(Some(unwanted)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                log::warn!("{WAITING_MAX} files wait to be removed; {unwanted:?} is left to the next start");
            }
        }
    }
}

fn remove_all(directory: &Path, waiting: &Receiver<Option<Unwanted>>, gate: &RwLock<()>) {
    while let Ok(Some(unwanted)) = waiting.recv() {
        let path = unwanted.path(directory);
        failpoint::hit("body-before-remove");
        let _removing = gate.write().unwrap_or_else(PoisonError::into_inner);
        match disk::remove(&path) {
            Ok(()) => {}
            // To remove twice is to remove once.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                log::warn!(path:% = path.display(); "cannot remove a document, the next start tries again: {error}");
            }
        }
    }
}
