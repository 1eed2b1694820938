//! What can go wrong with a journal, and what to do about it.

use std::error::Error;
use std::io;

use super::frame::FrameError;
use super::segment::FORMAT_VERSION;

/// Why the one who is shown the frames wants no more of them.
pub type VisitError = Box<dyn Error + Send + Sync>;

/// A journal operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Nothing was written, and the journal goes on working.
    #[error("no space left on the file system of the journal; free some, nothing was written ({source})")]
    Full { source: io::Error },
    /// Nothing was written, and the journal goes on working.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A write or a sync failed, now or before: what the disk holds is not known until the journal is opened again.
    #[error("the journal takes no more writes since one failed ({why}); look after the disk, then restart")]
    Poisoned { why: String },
    #[error("cannot {doing} journal/{segment:08}.seg: {source}")]
    Io { doing: &'static str, segment: u32, source: io::Error },
    #[error("cannot {doing} the journal's directory: {source}")]
    Directory { doing: &'static str, source: io::Error },
    #[error(
        "journal/{segment:08}.seg has format {found}, this program reads up to {FORMAT_VERSION}; use the newer program"
    )]
    Newer { segment: u32, found: u16 },
    #[error(transparent)]
    Damaged(#[from] Damage),
    #[error("a commit of the journal could not be applied: {0}")]
    Visit(VisitError),
}

impl JournalError {
    pub(super) fn io(doing: &'static str, segment: u32, source: io::Error) -> Self {
        Self::Io { doing, segment, source }
    }

    pub(super) fn directory(doing: &'static str, source: io::Error) -> Self {
        Self::Directory { doing, source }
    }

    /// Whether the same append may succeed later, without a restart.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}

/// More than a frame or a group may hold; the journal is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} {what}, at most {max} are allowed")]
pub struct LimitExceeded {
    pub what: &'static str,
    pub found: usize,
    pub max: usize,
}

/// A place where acknowledged data cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "journal/{segment:08}.seg is damaged at byte {offset}: {kind}; `spool recover` saves what can be read"
)]
pub struct Damage {
    pub segment: u32,
    /// Bytes from the beginning of the segment's file.
    pub offset: u64,
    pub kind: DamageKind,
}

/// What is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    #[error("the file is missing")]
    Missing,
    #[error("its header cannot be read")]
    Header,
    #[error("its notes about gaps cannot be read")]
    Gaps,
    #[error("the note `journal/begin`, which says with which segment the journal begins, cannot be read")]
    Begin,
    #[error("it belongs to another journal")]
    Foreign,
    #[error("{0}")]
    Frame(FrameError),
    #[error("frame {found} stands where frame {expected} should")]
    Sequence { expected: u64, found: u64 },
    #[error("it is shorter than what was already read from it once")]
    Shorter,
    #[error("the document here is not the one that was written")]
    Body,
}
