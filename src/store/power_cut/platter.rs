//! What a disk may hold after a power cut, from the notes of what was done to it.
//!
//! Only what was synced is certain. Of the rest a disk may have all, nothing, or any part, in any order: sectors of a
//! write without their neighbours, a file without its name, a new name without the file's bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::conformance::make::Chance;
use crate::store::disk::tape::{Event, Files, Inode};

/// What a disk writes whole or not at all, bytes.
const SECTOR: usize = 512;

/// How much of what was not synced the disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    Lost,
    Kept,
    /// Each thing by lot, and by lot a part of it.
    Drawn,
    /// Of every write some sectors.
    Torn,
}

/// Which index the disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexIs {
    /// That of the last sync.
    Synced,
    /// A newer one.
    Seen,
    /// That of a sync before the last.
    Older,
    /// A mixture of the last synced and a newer one, or one that is cut short.
    Torn,
    Empty,
}

/// The state directory as the next start finds it.
#[derive(Debug, Default)]
pub struct Image {
    directories: BTreeSet<PathBuf>,
    files: Files,
    index: Option<Arc<Files>>,
}

impl Image {
    /// The disk after a cut that comes when `events` were done.
    pub fn after(events: &[Event], unsynced: Unsynced, index: IndexIs, chance: &mut Chance) -> Image {
        let mut platter = Platter { unsynced, certain: Certain::of(events), ..Platter::default() };
        for (at, event) in events.iter().enumerate() {
            platter.take(at, event, chance);
        }
        let Platter { directories, names, contents, .. } = platter;
        let bytes = |inode: &Inode| contents.get(inode).cloned().unwrap_or_default();
        let files = names.iter().map(|(path, inode)| (path.clone(), bytes(inode))).collect();
        Image { directories, files, index: choose_index(events, index, chance) }
    }

    /// Puts it to `root`, which is not there.
    pub fn write(&self, root: &Path) {
        fs::create_dir_all(root).expect("a directory");
        for directory in &self.directories {
            fs::create_dir_all(root.join(directory)).expect("a directory");
        }
        for (name, bytes) in &self.files {
            let path = root.join(name);
            // What is in a directory that is not there is not there either.
            if path.parent().is_some_and(Path::is_dir) {
                fs::write(path, bytes).expect("a file");
            }
        }
        for (name, bytes) in self.index.iter().flat_map(|files| files.iter()) {
            let path = root.join("sled").join(name);
            fs::create_dir_all(path.parent().expect("below the root")).expect("a directory");
            fs::write(path, bytes).expect("a file");
        }
    }
}

/// Up to which event everything is on disk.
#[derive(Debug, Default)]
struct Certain {
    files: HashMap<Inode, usize>,
    directories: HashMap<PathBuf, usize>,
}

impl Certain {
    fn of(events: &[Event]) -> Certain {
        let mut certain = Certain::default();
        for event in events {
            let (known, covers) = match event {
                Event::SyncFile { inode, covers, .. } => (certain.files.entry(*inode).or_default(), *covers),
                Event::SyncDirectory { path, covers } => {
                    (certain.directories.entry(path.clone()).or_default(), *covers)
                }
                _ => continue,
            };
            *known = covers.max(*known);
        }
        certain
    }

    fn has_bytes(&self, at: usize, inode: Inode) -> bool {
        self.files.get(&inode).is_some_and(|covers| at < *covers)
    }

    /// The entry of `path` in its directory.
    fn has_entry(&self, at: usize, path: &Path) -> bool {
        let directory = path.parent().unwrap_or(Path::new(""));
        self.directories.get(directory).is_some_and(|covers| at < *covers)
    }
}

#[derive(Debug)]
struct Platter {
    unsynced: Unsynced,
    certain: Certain,
    directories: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, Inode>,
    contents: HashMap<Inode, Vec<u8>>,
}

impl Default for Platter {
    fn default() -> Platter {
        Platter {
            unsynced: Unsynced::Lost,
            certain: Certain::default(),
            directories: BTreeSet::new(),
            names: BTreeMap::new(),
            contents: HashMap::new(),
        }
    }
}

impl Platter {
    fn take(&mut self, at: usize, event: &Event, chance: &mut Chance) {
        match event {
            Event::Directory { path } => {
                if self.takes_entry(at, path, chance) {
                    self.directories.insert(path.clone());
                }
            }
            Event::Create { path, inode } => {
                if self.takes_entry(at, path, chance) {
                    self.names.insert(path.clone(), *inode);
                }
            }
            Event::Rename { from, to, inode } => {
                if self.takes_entry(at, to, chance) {
                    self.forget(from, *inode);
                    self.names.insert(to.clone(), *inode);
                }
            }
            Event::Remove { path, inode } => {
                if self.takes_entry(at, path, chance) {
                    self.forget(path, *inode);
                }
            }
            Event::Write { inode, offset, bytes } => self.write(at, *inode, *offset, bytes, chance),
            Event::Cut { inode, bytes } => {
                if self.certain.has_bytes(at, *inode) || self.draw(chance) {
                    self.contents.entry(*inode).or_default().resize(*bytes as usize, 0);
                }
            }
            Event::SyncFile { .. }
            | Event::SyncDirectory { .. }
            | Event::SyncIndex { .. }
            | Event::SeeIndex { .. } => {}
        }
    }

    fn forget(&mut self, path: &Path, inode: Inode) {
        if self.names.get(path) == Some(&inode) {
            self.names.remove(path);
        }
    }

    fn takes_entry(&self, at: usize, path: &Path, chance: &mut Chance) -> bool {
        self.certain.has_entry(at, path) || self.draw(chance)
    }

    fn draw(&self, chance: &mut Chance) -> bool {
        match self.unsynced {
            Unsynced::Lost => false,
            Unsynced::Kept | Unsynced::Torn => true,
            Unsynced::Drawn => chance.once_in(2),
        }
    }

    fn write(&mut self, at: usize, inode: Inode, offset: u64, bytes: &[u8], chance: &mut Chance) {
        let certain = self.certain.has_bytes(at, inode);
        if !certain && !self.draw(chance) {
            return;
        }
        let torn = match self.unsynced {
            Unsynced::Lost | Unsynced::Kept => false,
            Unsynced::Drawn => !certain && chance.once_in(2),
            Unsynced::Torn => !certain,
        };
        let offset = offset as usize;
        let contents = self.contents.entry(inode).or_default();
        contents.resize(contents.len().max(offset + bytes.len()), 0);
        if torn {
            take_some(contents, offset, bytes, chance);
        } else {
            contents[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
    }
}

/// Some sectors of a write, by lot.
fn take_some(contents: &mut [u8], offset: usize, bytes: &[u8], chance: &mut Chance) {
    for (at, sector) in sectors(offset, bytes).filter(|_| chance.once_in(2)) {
        contents[at..at + sector.len()].copy_from_slice(sector);
    }
}

/// The pieces of a write that are written whole, and where they go.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let first = bytes.len().min(SECTOR - offset % SECTOR);
    let (first, rest) = bytes.split_at(first);
    let rest_at = offset + first.len();
    let rest = rest.chunks(SECTOR).enumerate().map(move |(n, sector)| (rest_at + n * SECTOR, sector));
    std::iter::once((offset, first)).chain(rest)
}

fn choose_index(events: &[Event], which: IndexIs, chance: &mut Chance) -> Option<Arc<Files>> {
    let synced: Vec<&Arc<Files>> = events.iter().filter_map(synced_index).collect();
    let last = synced.last().copied().cloned();
    let seen = events.iter().rev().find_map(|event| match event {
        Event::SyncIndex { files } | Event::SeeIndex { files } => Some(Arc::clone(files)),
        _ => None,
    });
    match which {
        IndexIs::Synced => last,
        IndexIs::Seen => seen,
        IndexIs::Older => {
            synced.len().checked_sub(1).map(|before| synced[chance.size(before.max(1))].clone())
        }
        IndexIs::Torn => Some(Arc::new(tear(&*last?, &*seen?, chance))),
        IndexIs::Empty => None,
    }
}

fn synced_index(event: &Event) -> Option<&Arc<Files>> {
    match event {
        Event::SyncIndex { files } => Some(files),
        _ => None,
    }
}

/// Some sectors of the old files, some of the new ones; or a file that ends too early.
fn tear(old: &Files, new: &Files, chance: &mut Chance) -> Files {
    let mut torn = old.clone();
    for (name, bytes) in new {
        let file = torn.entry(name.clone()).or_default();
        file.resize(file.len().max(bytes.len()), 0);
        take_some(file, 0, bytes, chance);
        if chance.once_in(3) {
            file.truncate(chance.size(bytes.len()));
        }
    }
    torn
}
