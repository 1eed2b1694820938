//! Why a store does not open, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::ReadError;
use crate::store::journal::JournalError;
use crate::store::sled::IndexError;

/// Why the store of a state directory does not open. Nothing that could be read was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal has everything that was ever acknowledged.
    #[error("the index {} cannot be used: {why}; `spool recover` builds it anew from the journal", path.display())]
    Index { path: PathBuf, why: String },
    #[error("no space left for the index {} ({why}); free some, then start again", path.display())]
    Full { path: PathBuf, why: String },
    #[error("the index {} is still open ({why}); try again", path.display())]
    Busy { path: PathBuf, why: String },
    #[error(
        "{documents} documents are in {}, but journal, index and checkpoint are gone or empty; copy or mount them back, or go on without them after `spool recover`, which keeps the documents aside",
        path.display()
    )]
    Emptied { path: PathBuf, documents: usize },
    #[error("the state directory {} was written by a newer version of spool; use the newer version", path.display())]
    Newer { path: PathBuf },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

impl OpenError {
    pub(super) fn unusable(path: &Path, why: impl Into<String>) -> OpenError {
        OpenError::Index { path: path.to_owned(), why: why.into() }
    }

    pub(super) fn index(path: &Path, error: IndexError) -> OpenError {
        match error {
            IndexError::Full(why) => OpenError::Full { path: path.to_owned(), why },
            IndexError::Busy(why) => OpenError::Busy { path: path.to_owned(), why },
            IndexError::Failed(_) | IndexError::Panicked(_) => OpenError::unusable(path, error.to_string()),
        }
    }

    /// An error of a replay, which may be one of the index that followed it.
    pub(super) fn replay(path: &Path, error: JournalError) -> OpenError {
        match error {
            JournalError::Visit(error) => match error.downcast::<IndexError>() {
                Ok(error) => OpenError::index(path, *error),
                Err(error) => JournalError::Visit(error).into(),
            },
            error => error.into(),
        }
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> OpenError {
        OpenError::Io { doing, path: path.to_owned(), source }
    }
}

/// For the sweep, whose errors are of the document directory.
impl From<io::Error> for OpenError {
    fn from(source: io::Error) -> Self {
        OpenError::Io { doing: "read", path: PathBuf::from("documents"), source }
    }
}
