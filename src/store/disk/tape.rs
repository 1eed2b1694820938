//! What the store has done to a directory, in order: for tests that play back what a power cut leaves of it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Synced;

/// Files by their names.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A file, however it is called: no two files of a tape have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inode(usize);

/// One thing done. It was done between the one before and this one; paths are relative to the tape's directory.
#[derive(Clone, Debug)]
pub enum Event {
    Directory {
        path: PathBuf,
    },
    Create {
        path: PathBuf,
        inode: Inode,
    },
    Write {
        inode: Inode,
        offset: u64,
        bytes: Vec<u8>,
    },
    Cut {
        inode: Inode,
        bytes: u64,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
        inode: Inode,
    },
    Remove {
        path: PathBuf,
        inode: Inode,
    },
    /// What was noted of the file before `covers` is on disk.
    SyncFile {
        inode: Inode,
        what: Synced,
        covers: usize,
    },
    /// What was noted of the directory's entries before `covers` is on disk.
    SyncDirectory {
        path: PathBuf,
        covers: usize,
    },
    /// The index had these files, and they are on disk.
    SyncIndex {
        files: Arc<Files>,
    },
    /// The index had these files, which may be on disk or not.
    SeeIndex {
        files: Arc<Files>,
    },
}

/// The notes of one directory.
#[derive(Debug)]
pub struct Tape {
    root: PathBuf,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    events: Vec<Event>,
    names: HashMap<PathBuf, Inode>,
    /// By the numbers of the file system, which are given anew when a file is gone.
    inodes: HashMap<u64, Inode>,
    inodes_given: usize,
}

impl Noted {
    fn create(&mut self, path: PathBuf, number: u64) -> Inode {
        let inode = Inode(self.inodes_given);
        self.inodes_given += 1;
        self.inodes.insert(number, inode);
        self.names.insert(path.clone(), inode);
        self.events.push(Event::Create { path, inode });
        inode
    }
}

/// All tapes that run. Tests of the same process have directories of their own.
static RUNNING: Mutex<Vec<Arc<Tape>>> = Mutex::new(Vec::new());

impl Tape {
    /// Notes everything that is done below `root` until [`Tape::stop`]; what is there already is taken for durable.
    /// `root` is a path without links.
    pub fn start(root: &Path) -> Arc<Tape> {
        let tape = Arc::new(Tape { root: root.to_owned(), noted: Mutex::default() });
        if root.is_dir() {
            tape.note_directory(Path::new(""));
        }
        running().push(Arc::clone(&tape));
        tape
    }

    fn note_directory(&self, directory: &Path) {
        self.note(Event::Directory { path: directory.to_owned() });
        for entry in fs::read_dir(self.root.join(directory)).expect("a directory").flatten() {
            let (name, about) = (directory.join(entry.file_name()), entry.metadata().expect("it is there"));
            if about.is_dir() {
                self.note_directory(&name);
            } else if !name.starts_with("sled") {
                self.note_file(name, &about);
            }
        }
        let covers = self.len();
        self.note(Event::SyncDirectory { path: directory.to_owned(), covers });
        let sled = self.root.join("sled");
        if directory == "sled" && sled.join("db").exists() {
            self.note(Event::SyncIndex { files: Arc::new(read_index(&sled)) });
        }
    }

    fn note_file(&self, path: PathBuf, about: &fs::Metadata) {
        let bytes = fs::read(self.root.join(&path)).expect("it is there");
        let mut noted = self.noted();
        let inode = noted.create(path, about.ino());
        let covers = noted.events.len() + 1;
        noted.events.push(Event::Write { inode, offset: 0, bytes });
        noted.events.push(Event::SyncFile { inode, what: Synced::SmallFile, covers });
    }

    /// Notes no more.
    pub fn stop(&self) {
        running().retain(|tape| tape.root != self.root);
    }

    /// How much was noted.
    pub fn len(&self) -> usize {
        self.noted().events.len()
    }

    pub fn events(&self) -> Vec<Event> {
        self.noted().events.clone()
    }

    /// Notes how the index is now, whatever of it is on disk.
    pub fn see_index(&self) {
        let files = Arc::new(read_index(&self.root.join("sled")));
        self.note(Event::SeeIndex { files });
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: Event) {
        self.noted().events.push(event);
    }
}

fn running() -> MutexGuard<'static, Vec<Arc<Tape>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tape of a path, and what the path is called there.
fn of_path(path: &Path) -> Option<(Arc<Tape>, PathBuf)> {
    let running = running();
    running.iter().find_map(|tape| Some((Arc::clone(tape), path.strip_prefix(&tape.root).ok()?.to_owned())))
}

/// The tape of an open file, and what the file is there.
fn of_file(file: &File) -> Option<(Arc<Tape>, Inode)> {
    let (tape, _) = of_path(&path_of(file)?)?;
    let number = file.metadata().ok()?.ino();
    let inode = tape.noted().inodes.get(&number).copied()?;
    Some((tape, inode))
}

/// Where an open file is now; `None` also where nobody wants to know.
fn path_of(file: &File) -> Option<PathBuf> {
    if running().is_empty() {
        return None;
    }
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

pub fn made_directory(path: &Path) {
    let Some((tape, path)) = of_path(path) else { return };
    tape.note(Event::Directory { path });
}

pub fn created(path: &Path, file: &File) {
    let (Some((tape, path)), Ok(about)) = (of_path(path), file.metadata()) else { return };
    let mut noted = tape.noted();
    let known = noted.names.get(&path).copied();
    if let Some(inode) = known.filter(|inode| noted.inodes.get(&about.ino()) == Some(inode)) {
        noted.events.push(Event::Cut { inode, bytes: 0 });
        return;
    }
    noted.create(path, about.ino());
}

pub fn wrote(file: &File, bytes: &[u8], offset: u64) {
    let Some((tape, inode)) = of_file(file) else { return };
    tape.note(Event::Write { inode, offset, bytes: bytes.to_vec() });
}

pub fn cut(file: &File, bytes: u64) {
    let Some((tape, inode)) = of_file(file) else { return };
    tape.note(Event::Cut { inode, bytes });
}

pub fn renamed(from: &Path, to: &Path) {
    let (Some((tape, from)), Some((_, to))) = (of_path(from), of_path(to)) else { return };
    let mut noted = tape.noted();
    let Some(inode) = noted.names.remove(&from) else { return };
    noted.names.insert(to.clone(), inode);
    noted.events.push(Event::Rename { from, to, inode });
}

pub fn removed(path: &Path) {
    let Some((tape, path)) = of_path(path) else { return };
    let mut noted = tape.noted();
    let Some(inode) = noted.names.remove(&path) else { return };
    noted.events.push(Event::Remove { path, inode });
}

/// A sync under way: what is noted from now on is not in it.
pub struct SyncBegun(Option<(Arc<Tape>, Event)>);

impl SyncBegun {
    pub fn of_file(file: &File, what: Synced) -> SyncBegun {
        SyncBegun(match what {
            Synced::Index => SyncBegun::of_index(file),
            _ => of_file(file).map(|(tape, inode)| {
                let covers = tape.len();
                (tape, Event::SyncFile { inode, what, covers })
            }),
        })
    }

    pub fn of_directory(path: &Path) -> SyncBegun {
        SyncBegun(of_path(path).map(|(tape, path)| {
            let covers = tape.len();
            (tape, Event::SyncDirectory { path, covers })
        }))
    }

    fn of_index(file: &File) -> Option<(Arc<Tape>, Event)> {
        let path = path_of(file)?;
        let (tape, _) = of_path(&path)?;
        let files = Arc::new(read_index(path.parent()?));
        Some((tape, Event::SyncIndex { files }))
    }

    pub fn ended(self) {
        if let Some((tape, event)) = self.0 {
            tape.note(event);
        }
    }
}

/// All files of the index, by their names below its directory. While sled writes, some of it is in and some is not,
/// as on a disk.
fn read_index(directory: &Path) -> Files {
    let mut files = Files::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        for path in fs::read_dir(&next).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                waiting.push(path);
            } else if let (Ok(bytes), Ok(name)) = (fs::read(&path), path.strip_prefix(directory)) {
                files.insert(name.to_owned(), bytes);
            }
        }
    }
    files
}
