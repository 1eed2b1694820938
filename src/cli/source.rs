//! What is printed: a file, or what a pipe gives; and how much of it has been read, which says whether it can be sent
//! once more.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use super::client::{Again, read_source};
use super::failure::Failure;
use super::output::clean;
use crate::model::text::{NAME_BYTES_MAX, cleaned};

/// How much is waited for before a source that is no file is promised to the server, in bytes, at most.
const BEGINNING_BYTES: usize = 64 * 1024;

/// Where a document comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    StandardInput,
    File(PathBuf),
}

impl Source {
    pub fn new(path: PathBuf) -> Source {
        if path == Path::new("-") { Source::StandardInput } else { Source::File(path) }
    }

    /// What it is called in messages.
    pub fn name(&self) -> String {
        match self {
            Source::StandardInput => "standard input".to_owned(),
            Source::File(path) => clean(&path.display().to_string()),
        }
    }

    /// The title of a job that is given none. A file may be called anything; it is printed all the same.
    pub fn title(&self) -> Option<String> {
        match self {
            Source::StandardInput => None,
            Source::File(path) => {
                let name = cleaned(&path.file_name()?.to_string_lossy(), NAME_BYTES_MAX);
                Some(name.trim().to_owned()).filter(|name| !name.is_empty())
            }
        }
    }

    /// Whether it can be read at all; asked before anything is sent.
    pub fn check(&self) -> Result<(), Failure> {
        match self.open() {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::failed(format!("{}: cannot be read: {error}", self.name()))),
        }
    }

    fn open(&self) -> io::Result<Opened> {
        let Source::File(path) = self else { return Ok(Opened::pipe(io::stdin())) };
        let metadata = std::fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        if !metadata.is_file() {
            // A pipe with a name: to open it is to begin to read it, which must not be done to look.
            return Ok(Opened::pipe(LazyFile { path: path.clone(), file: None }));
        }
        let file = File::open(path)?;
        let length = Some(file.metadata()?.len());
        // Of an empty one nothing is left to be sent.
        let gone = if length == Some(0) { Gone::All } else { Gone::Nothing };
        Ok(Opened { source: Box::new(file), length, again: Again::Can, gone, bytes: 0 })
    }

    /// Opens it, and waits for the beginning of what may still be in the making: the server does not wait long for a
    /// body that it was promised.
    pub fn begin(&self) -> io::Result<Opened> {
        let mut opened = self.open()?;
        if opened.again == Again::Cannot {
            let mut beginning = vec![0; BEGINNING_BYTES];
            let bytes = read_source(&mut *opened.source, &mut beginning)?;
            beginning.truncate(bytes);
            opened.source = match bytes {
                0 => Box::new(io::empty()),
                _ => Box::new(Cursor::new(beginning).chain(opened.source)),
            };
        }
        Ok(opened)
    }
}

/// A source while it is sent.
pub struct Opened {
    source: Box<dyn Read>,
    pub length: Option<u64>,
    pub again: Again,
    pub gone: Gone,
    bytes: u64,
}

/// How much of a source has been taken to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    Nothing,
    Part,
    /// Whoever got it may have accepted it.
    All,
}

impl Opened {
    fn pipe(source: impl Read + 'static) -> Opened {
        Opened { source: Box::new(source), length: None, again: Again::Cannot, gone: Gone::Nothing, bytes: 0 }
    }

    /// Whether it can be sent from its beginning.
    pub fn can_be_sent(&self) -> bool {
        self.again == Again::Can || self.gone == Gone::Nothing
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.bytes += read as u64;
        let all = self.length.map_or(read == 0, |length| self.bytes >= length);
        self.gone = if all { Gone::All } else { Gone::Part };
        Ok(read)
    }
}

/// A file that is opened at the first read.
struct LazyFile {
    path: PathBuf,
    file: Option<File>,
}

impl Read for LazyFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = match self.file.take() {
            Some(file) => self.file.insert(file),
            None => self.file.insert(File::open(&self.path)?),
        };
        file.read(buffer)
    }
}
