//! The bytes of documents: small ones in the journal, large ones as files.
//!
//! ```text
//! STATE/documents/17        a document, whole and durable
//! STATE/documents/18.part   an upload; of no worth after a crash
//! ```
//!
//! A file is durable before its record is committed, and goes only after its record has gone. So a file without a
//! record belongs to nothing, and is swept at the next start. Files that are not named so are none of ours.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLockReadGuard};

mod growth;
mod remover;
mod sweep;
#[cfg(test)]
mod tests;
mod upload;

use growth::Growing;
pub use growth::{Grown, Growth};
use remover::{Remover, Unwanted};
pub(super) use sweep::unclaimed;
pub use upload::{Finished, Upload};

use crate::model::document::BodyPlace;
use crate::model::id::DocumentId;

/// Reads small documents from where the store has them.
pub trait SmallBodies: Send + Sync {
    /// The bytes of a small document, checked; `None` if the store has none of that number. Blocking.
    fn read(&self, id: DocumentId) -> io::Result<Option<Vec<u8>>>;
}

/// The bodies of all documents: small ones in the journal, large ones as files. Clones are the same.
#[derive(Clone)]
pub struct Documents {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    small: Arc<dyn SmallBodies>,
    remover: Remover,
    growing: Growing,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").field("directory", &self.shared.directory).finish_non_exhaustive()
    }
}

impl Documents {
    /// The documents in `directory`, which is there.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn new(directory: PathBuf, small: Arc<dyn SmallBodies>) -> io::Result<Documents> {
        let remover = Remover::start(&directory)?;
        Ok(Documents { shared: Arc::new(Shared { directory, small, remover, growing: Growing::default() }) })
    }

    /// Reads a document from its beginning. Blocking; a large document is read as it is asked for.
    ///
    /// # Errors
    /// `NotFound` if there is no such body, `InvalidData` if it is no longer what was written.
    pub fn open(&self, id: DocumentId, place: BodyPlace) -> io::Result<Box<dyn Read + Send>> {
        match place {
            BodyPlace::Inline => match self.shared.small.read(id)? {
                Some(bytes) => Ok(Box::new(Cursor::new(bytes))),
                None => Err(missing(id, "the journal")),
            },
            BodyPlace::File => match File::open(file_of(&self.shared.directory, id)) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(missing(id, "the document directory"))
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Begins the file of a document that is to be large. Its number must never have been used.
    pub fn begin(&self, id: DocumentId) -> Upload {
        let growth = self.shared.growing.begin(id, self.shared.directory.clone());
        Upload::new(self.shared.directory.clone(), id, self.shared.remover.handle(), growth)
    }

    /// A document that is being written, or waits for its job to be accepted.
    pub fn growing(&self, id: DocumentId) -> Option<Arc<Growth>> {
        self.shared.growing.get(id)
    }

    /// Removes a body that belongs to nothing; does not block. Where it cannot be done soon, the next start does it.
    pub fn discard(&self, id: DocumentId) {
        self.shared.remover.handle().remove(Unwanted::Document(id));
    }

    /// While this is held no file is removed; what is to go waits.
    pub(super) fn keep_files(&self) -> RwLockReadGuard<'_, ()> {
        self.shared.remover.keep_files()
    }

    /// Bytes free for documents. Blocking.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.shared.directory)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

fn missing(id: DocumentId, whence: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("document {id} is gone from {whence}"))
}

fn file_of(directory: &Path, id: DocumentId) -> PathBuf {
    directory.join(id.to_string())
}

fn part_of(directory: &Path, id: DocumentId) -> PathBuf {
    directory.join(format!("{id}.part"))
}
