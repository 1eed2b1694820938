//! The few things a journal asks of a file system, behind a trait, so that tests can fill the disk, break a sync,
//! or play back every prefix of what was synced.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::segment::{file_name, number_of};
use crate::store::disk::{self, Synced, sync_directory};
use crate::store::durable;

/// A directory of numbered segments.
pub trait JournalFiles: Debug + Send + Sync {
    /// The numbers of all segments, ascending.
    fn list(&self) -> io::Result<Vec<u32>>;
    /// Makes an empty segment; it is an error if there is one of that number.
    fn create(&self, segment: u32) -> io::Result<Box<dyn SegmentFile>>;
    /// Opens a segment for reading and writing.
    fn open(&self, segment: u32) -> io::Result<Box<dyn SegmentFile>>;
    /// Removes a segment and the notes beside it.
    fn remove(&self, segment: u32) -> io::Result<()>;
    /// Makes durable which segments there are.
    fn sync_dir(&self) -> io::Result<()>;
    /// Copies a segment, durably and under a new name, to where unreadable things are kept; says where that is.
    fn set_aside(&self, segment: u32) -> io::Result<PathBuf>;
    /// The notes beside a segment that say which of its bytes are to be skipped; `None` if it has none.
    fn read_gaps(&self, segment: u32) -> io::Result<Option<Vec<u8>>>;
    /// Replaces these notes, durably and all or nothing.
    fn write_gaps(&self, segment: u32, bytes: &[u8]) -> io::Result<()>;
    /// The note that says with which segment the journal begins; `None` if there is none.
    fn read_begin(&self) -> io::Result<Option<Vec<u8>>>;
    /// Replaces that note, durably and all or nothing.
    fn write_begin(&self, bytes: &[u8]) -> io::Result<()>;
}

/// One open segment.
pub trait SegmentFile: Debug + Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether nothing was written yet.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads up to `buf.len()` bytes; fewer only where the file ends.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes`; on an error any part of them may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the contents and the length durable (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts the file to `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;
}

/// Segments in a directory of the local file system.
#[derive(Debug, Clone)]
pub struct Directory {
    journal: PathBuf,
    damaged: PathBuf,
}

impl Directory {
    /// The journal of the state directory `state`: `state/journal` is made now, `state/damaged` when needed.
    pub fn new(state: &Path) -> io::Result<Self> {
        let files = Self { journal: state.join("journal"), damaged: state.join("damaged") };
        if !files.journal.is_dir() {
            fs::create_dir_all(&files.journal)?;
            sync_directory(state)?;
        }
        Ok(files)
    }

    fn path(&self, segment: u32) -> PathBuf {
        self.journal.join(file_name(segment))
    }

    fn begin_path(&self) -> PathBuf {
        self.journal.join("begin")
    }

    fn gaps_path(&self, segment: u32) -> PathBuf {
        self.path(segment).with_extension("gaps")
    }
}

impl JournalFiles for Directory {
    fn list(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.journal)? {
            if let Some(number) = entry?.file_name().to_str().and_then(number_of) {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn create(&self, segment: u32) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(disk::create_new(&self.path(segment))?))
    }

    fn open(&self, segment: u32) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(segment))?;
        Ok(Box::new(file))
    }

    fn remove(&self, segment: u32) -> io::Result<()> {
        match disk::remove(&self.gaps_path(segment)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => disk::remove(&self.path(segment)),
        }
    }

    fn sync_dir(&self) -> io::Result<()> {
        sync_directory(&self.journal)
    }

    fn set_aside(&self, segment: u32) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.damaged)?;
        if let Some(state) = self.damaged.parent() {
            sync_directory(state)?;
        }
        let (mut copy, path) = create_numbered(&self.damaged, &file_name(segment))?;
        io::copy(&mut File::open(self.path(segment))?, &mut copy)?;
        disk::sync(&copy, Synced::SmallFile)?;
        sync_directory(&self.damaged)?;
        Ok(path)
    }

    fn read_gaps(&self, segment: u32) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.gaps_path(segment)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_gaps(&self, segment: u32, bytes: &[u8]) -> io::Result<()> {
        durable::replace(&self.gaps_path(segment), bytes)
    }

    fn read_begin(&self) -> io::Result<Option<Vec<u8>>> {
        durable::read_small(&self.begin_path())
    }

    fn write_begin(&self, bytes: &[u8]) -> io::Result<()> {
        durable::replace(&self.begin_path(), bytes)
    }
}

/// A new file `name.1`, `name.2`, …: what was set aside before is never overwritten.
fn create_numbered(directory: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    for n in 1_u32.. {
        let path = directory.join(format!("{name}.{n}"));
        match disk::create_new(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

impl SegmentFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match FileExt::read_at(self, &mut buf[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        disk::write_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        disk::sync(self, Synced::Journal)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        disk::cut(self, len)
    }
}
