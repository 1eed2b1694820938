//! Segments in memory, with a disk that can be full or broken, and a memory of what was synced.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{
    Frame, FrameRef, Journal, JournalError, JournalFiles, Op, Options, Placed, Position, Replayed,
    SegmentFile, replay,
};

#[derive(Debug, Default, Clone)]
pub(super) struct Disk {
    pub segments: BTreeMap<u32, Vec<u8>>,
    /// What a power cut leaves.
    pub synced: BTreeMap<u32, Vec<u8>>,
    pub gaps: BTreeMap<u32, Vec<u8>>,
    pub begin: Option<Vec<u8>>,
    pub aside: Vec<u32>,
    /// Bytes of all segments together, beyond which writes stop half way.
    pub capacity: Option<usize>,
    pub sync_fails: bool,
    pub truncate_fails: bool,
    pub reads_fail_at: Option<(u32, u64)>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct MemoryFiles(Arc<Mutex<Disk>>);

#[derive(Debug)]
struct MemorySegment {
    files: MemoryFiles,
    segment: u32,
}

impl MemoryFiles {
    pub fn of(segments: BTreeMap<u32, Vec<u8>>) -> Self {
        Self(Arc::new(Mutex::new(Disk { synced: segments.clone(), segments, ..Disk::default() })))
    }

    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no test panics while it holds the disk")
    }

    fn file(&self, segment: u32) -> Box<dyn SegmentFile> {
        Box::new(MemorySegment { files: self.clone(), segment })
    }
}

impl JournalFiles for MemoryFiles {
    fn list(&self) -> io::Result<Vec<u32>> {
        Ok(self.disk().segments.keys().copied().collect())
    }

    fn create(&self, segment: u32) -> io::Result<Box<dyn SegmentFile>> {
        match self.disk().segments.insert(segment, Vec::new()) {
            None => Ok(self.file(segment)),
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn open(&self, segment: u32) -> io::Result<Box<dyn SegmentFile>> {
        if self.disk().segments.contains_key(&segment) {
            Ok(self.file(segment))
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn remove(&self, segment: u32) -> io::Result<()> {
        self.disk().segments.remove(&segment);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_aside(&self, segment: u32) -> io::Result<PathBuf> {
        self.disk().aside.push(segment);
        Ok(PathBuf::from("aside"))
    }

    fn read_gaps(&self, segment: u32) -> io::Result<Option<Vec<u8>>> {
        Ok(self.disk().gaps.get(&segment).cloned())
    }

    fn write_gaps(&self, segment: u32, bytes: &[u8]) -> io::Result<()> {
        self.disk().gaps.insert(segment, bytes.to_vec());
        Ok(())
    }

    fn read_begin(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.disk().begin.clone())
    }

    fn write_begin(&self, bytes: &[u8]) -> io::Result<()> {
        self.disk().begin = Some(bytes.to_vec());
        Ok(())
    }
}

impl SegmentFile for MemorySegment {
    fn len(&self) -> io::Result<u64> {
        Ok(self.files.disk().segments[&self.segment].len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.files.disk();
        let read = offset..offset + buf.len() as u64;
        if disk.reads_fail_at.is_some_and(|(segment, at)| segment == self.segment && read.contains(&at)) {
            return Err(io::Error::other("bad sector"));
        }
        let rest = disk.segments[&self.segment].get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = self.files.disk();
        let used: usize = disk.segments.values().map(Vec::len).sum();
        let room = disk.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(used));
        let part = &bytes[..bytes.len().min(room)];
        let data = disk.segments.entry(self.segment).or_default();
        let end = offset as usize + part.len();
        data.resize(data.len().max(end), 0);
        data[offset as usize..end].copy_from_slice(part);
        if part.len() < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.files.disk();
        if disk.sync_fails {
            return Err(io::Error::other("the disk is on fire"));
        }
        let data = disk.segments[&self.segment].clone();
        disk.synced.insert(self.segment, data);
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut disk = self.files.disk();
        if disk.truncate_fails {
            return Err(io::Error::other("the disk is on fire"));
        }
        disk.segments.entry(self.segment).or_default().resize(len as usize, 0);
        Ok(())
    }
}

/// A commit that can be known again by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub ops: Vec<Op>,
    pub bodies: Vec<(u64, Vec<u8>)>,
}

pub(super) fn commit(n: u64) -> Commit {
    let key = format!("job/{n}").into_bytes();
    let put = Op { key: key.clone(), value: Some(vec![n as u8; 1 + n as usize % 7]) };
    let delete = Op { key: format!("old/{n}").into_bytes(), value: None };
    let body = format!("%!PS {n}").into_bytes();
    Commit { ops: vec![put, delete], bodies: vec![(n, body)] }
}

/// Commits 1, 2, … in groups of these sizes.
pub(super) fn written(groups: &[usize], segment_bytes_max: u64) -> (MemoryFiles, Vec<Placed>) {
    let files = MemoryFiles::default();
    let mut journal = open(&files, segment_bytes_max);
    let mut next = 1;
    let mut placed = Vec::new();
    for &size in groups {
        let commits: Vec<Commit> = (next..next + size as u64).map(commit).collect();
        placed.extend(append(&mut journal, &commits).expect("there is room"));
        next += size as u64;
    }
    (files, placed)
}

pub(super) fn open(files: &MemoryFiles, segment_bytes_max: u64) -> Journal {
    try_open(files, segment_bytes_max, Position::START).expect("the journal opens").0
}

pub(super) fn try_open(
    files: &MemoryFiles,
    segment_bytes_max: u64,
    from: Position,
) -> Result<(Journal, Replayed), JournalError> {
    Journal::open(Arc::new(files.clone()), Options { segment_bytes_max }, from, &mut |_| Ok(()))
}

pub(super) fn append(journal: &mut Journal, commits: &[Commit]) -> Result<Vec<Placed>, JournalError> {
    let bodies: Vec<Vec<(u64, &[u8])>> = commits
        .iter()
        .map(|commit| commit.bodies.iter().map(|(id, body)| (*id, &body[..])).collect())
        .collect();
    let frames: Vec<FrameRef<'_>> =
        commits.iter().zip(&bodies).map(|(commit, bodies)| FrameRef { ops: &commit.ops, bodies }).collect();
    journal.append_group(&frames)
}

/// The frames shown, and what came of it.
pub(super) fn replay_all(
    files: &MemoryFiles,
    from: Position,
) -> (Vec<Frame>, Result<Replayed, JournalError>) {
    let mut frames = Vec::new();
    let result = replay(files, from, &mut |frame| {
        frames.push(frame);
        Ok(())
    });
    (frames, result)
}

/// Each frame is what was written under its number, to the last byte of its bodies.
pub(super) fn check_true(files: &MemoryFiles, frames: &[Frame]) {
    let bodies = super::Bodies::new(Arc::new(files.clone()));
    for frame in frames {
        let expected = commit(frame.position.seq);
        assert_eq!(frame.ops, expected.ops, "at {}", frame.position);
        for ((id, at), expected) in frame.bodies.iter().zip(&expected.bodies) {
            assert_eq!((*id, bodies.read(at).expect("readable")), *expected);
        }
    }
}
