//! A file read forward through one buffer.

use std::io;

use super::{JournalFiles, SegmentFile};

/// Bytes read at once.
const WINDOW_BYTES: usize = 1024 * 1024;
/// Bytes given up for each failed read when salvaging: a disk's sector, as file systems see it.
const SECTOR_BYTES: usize = 4096;
/// What to do when the disk refuses to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnReadError {
    Fail,
    /// Take zeros for what cannot be read; no checksum matches there.
    TakeZeros,
}

/// A file seen through one buffer that moves forward.
#[derive(Debug)]
pub(super) struct Window {
    file: Box<dyn SegmentFile>,
    /// Bytes of the file when it was opened.
    pub len: u64,
    on_error: OnReadError,
    start: u64,
    buffer: Vec<u8>,
}

impl Window {
    pub fn open(files: &dyn JournalFiles, segment: u32, on_error: OnReadError) -> io::Result<Self> {
        let file = files.open(segment)?;
        let len = file.len()?;
        Ok(Self { file, len, on_error, start: 0, buffer: Vec::new() })
    }

    /// `len` bytes at `offset`; fewer only where the file ends.
    pub fn at(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = len.min(left);
        if !self.holds(offset, len) {
            self.fill(offset, len.max(WINDOW_BYTES).min(left))?;
        }
        let from =
            offset.checked_sub(self.start).and_then(|from| usize::try_from(from).ok()).unwrap_or(usize::MAX);
        let to = from.saturating_add(len).min(self.buffer.len());
        Ok(self.buffer.get(from..to).unwrap_or_default())
    }

    fn holds(&self, offset: u64, len: usize) -> bool {
        self.start <= offset && offset + len as u64 <= self.start + self.buffer.len() as u64
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        self.start = offset;
        self.buffer.resize(len, 0);
        match (self.file.read_at(&mut self.buffer, offset), self.on_error) {
            (Ok(read), _) => self.buffer.truncate(read),
            (Err(_), OnReadError::TakeZeros) => self.fill_by_sectors(),
            (Err(error), OnReadError::Fail) => {
                self.buffer.clear();
                return Err(error);
            }
        }
        Ok(())
    }

    fn fill_by_sectors(&mut self) {
        let mut offset = self.start;
        for sector in self.buffer.chunks_mut(SECTOR_BYTES) {
            if !matches!(self.file.read_at(sector, offset), Ok(read) if read == sector.len()) {
                sector.fill(0);
            }
            offset += sector.len() as u64;
        }
    }
}
