//! Small files that are replaced whole, and directories whose entries must last.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::disk::{self, Synced};

/// Files of a few bytes are read up to this.
const SMALL_FILE_BYTES_MAX: u64 = 4096;

/// Replaces a file: afterwards, and after a power cut, it is the old one or the new one, whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let file = disk::create_or_empty(&new)?;
    disk::write_at(&file, bytes, 0)?;
    disk::sync(&file, Synced::SmallFile)?;
    disk::rename(&new, path)?;
    sync_parent(path)
}

/// The contents of a small file; `None` if there is none.
pub(super) fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(SMALL_FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Makes durable that `path` is there, or is not.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => disk::sync_directory(parent),
        _ => disk::sync_directory(Path::new(".")),
    }
}

/// Whether an error means that there is no room, by disk, quota or file size limit.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
