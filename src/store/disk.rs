//! Every change of the store's files, and every sync: whatever a power cut may take away is done here.
//!
//! sled writes its own files; of those only the sync is here. In tests everything can be noted on a tape, from which
//! is built what a disk may hold after a cut; and in a test build a sync can be left out, to see that this is found.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::failpoint;

#[cfg(test)]
pub(super) mod tape;

/// The permissions of every file of the store.
pub(super) const FILE_MODE: u32 = 0o600;

/// What is made durable by the sync of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Synced {
    /// A segment of the journal.
    Journal,
    /// The file of a large document.
    Document,
    /// One that is replaced whole, or kept for people.
    SmallFile,
    /// The index as it is made, before anything is in it.
    NewIndex,
    /// Everything that the index has applied.
    Index,
}

impl Synced {
    /// The failpoint that leaves it out.
    fn failpoint(self) -> &'static str {
        match self {
            Synced::Journal => "skip-sync-journal",
            Synced::Document => "skip-sync-document",
            Synced::SmallFile => "skip-sync-small-file",
            Synced::NewIndex => "skip-sync-new-index",
            Synced::Index => "skip-sync-index",
        }
    }
}

/// Makes an empty file; it is an error if there is something of that name.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(FILE_MODE).open(path)?;
    #[cfg(test)]
    tape::created(path, &file);
    Ok(file)
}

/// Makes an empty file, or empties the one that is there.
pub(super) fn create_or_empty(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    #[cfg(test)]
    tape::created(path, &file);
    Ok(file)
}

/// Writes all of `bytes`; on an error any part of them may have been written.
pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let written = file.write_all_at(bytes, offset);
    #[cfg(test)]
    tape::wrote(file, bytes, offset);
    written
}

/// Cuts a file to `bytes`.
pub(super) fn cut(file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(bytes)?;
    #[cfg(test)]
    tape::cut(file, bytes);
    Ok(())
}

/// Makes the contents and the length of a file durable. Its name is made so by the sync of its directory.
pub(super) fn sync(file: &File, what: Synced) -> io::Result<()> {
    #[cfg(test)]
    let begun = tape::SyncBegun::of_file(file, what);
    if !failpoint::skips(what.failpoint()) {
        file.sync_data()?;
    }
    #[cfg(test)]
    begun.ended();
    Ok(())
}

/// Makes durable which entries a directory has.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = File::open(path)?;
    #[cfg(test)]
    let begun = tape::SyncBegun::of_directory(path);
    if !failpoint::skips("skip-sync-directory") {
        directory.sync_all()?;
    }
    #[cfg(test)]
    begun.ended();
    Ok(())
}

/// Gives a file another name; a file that had that name is gone.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    #[cfg(test)]
    tape::renamed(from, to);
    Ok(())
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    #[cfg(test)]
    tape::removed(path);
    Ok(())
}

/// Makes a directory as `builder` says.
pub(super) fn make_directory(builder: &DirBuilder, path: &Path) -> io::Result<()> {
    builder.create(path)?;
    #[cfg(test)]
    tape::made_directory(path);
    Ok(())
}
