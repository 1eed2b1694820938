//! One file on its way to the server: opened, sent piece by piece, and sent once more where the connection
//! was lost. The idempotency key is the same both times, so nothing is printed twice.

use std::fs::File;
use std::io::{self, Cursor, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::client::{Broken, Document, NoAnswer, Server, good, read_answer, read_source};
use super::failure::Failure;
use super::output::{clean, pause};
use super::shapes::Job;
use crate::clock::Clock;
use crate::model::text::{NAME_BYTES_MAX, cleaned};
use crate::model::time::MonoTime;

/// An upload that takes longer than this gets a progress bar, on a terminal.
const QUIET: Duration = Duration::from_secs(1);
/// How long is waited before a document is sent again.
const BEFORE_AGAIN: Duration = Duration::from_secs(1);
/// How much is waited for before a source that is no file is promised to the server, in bytes, at most.
const BEGINNING_BYTES: usize = 64 * 1024;
/// After a lost connection the server is looked for so many times; found, it is sent the document once.
const TRIES_AFTER_LOSS: u32 = 10;

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
        let Source::File(path) = self else {
            return Ok(Opened { source: Box::new(io::stdin()), length: None, again: Again::Cannot });
        };
        let metadata = std::fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        if !metadata.is_file() {
            // A pipe with a name: to open it is to begin to read it, which must not be done to look.
            let later = LazyFile { path: path.clone(), file: None };
            return Ok(Opened { source: Box::new(later), length: None, again: Again::Cannot });
        }
        let file = File::open(path)?;
        let length = Some(file.metadata()?.len());
        Ok(Opened { source: Box::new(file), length, again: Again::Can })
    }
}

struct Opened {
    source: Box<dyn Read>,
    length: Option<u64>,
    again: Again,
}

impl Opened {
    /// Waits for the beginning of what may still be in the making: the server does not wait long for a body that it
    /// was promised.
    fn begun(mut self) -> io::Result<Opened> {
        if self.again == Again::Cannot {
            let mut beginning = vec![0; BEGINNING_BYTES];
            let bytes = read_source(&mut *self.source, &mut beginning)?;
            beginning.truncate(bytes);
            self.source = match bytes {
                0 => Box::new(io::empty()),
                _ => Box::new(Cursor::new(beginning).chain(self.source)),
            };
        }
        Ok(self)
    }
}

/// Whether a source can be read a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    Can,
    Cannot,
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

/// Submits one document as one job.
pub fn upload(source: &Source, target: &str, key: &str, server: &Server) -> Result<Job, Failure> {
    let what = format!("cannot print {}", source.name());
    let failed = |error| Failure::failed(format!("{what}: {error}"));
    let open = || source.open().and_then(Opened::begun).map_err(failed);
    let first = open()?;
    let mut left = if first.again == Again::Can { TRIES_AFTER_LOSS } else { 0 };
    let mut lost = None;
    let mut answer = send(first, target, key, server);
    loop {
        match answer {
            Ok(response) => return read_answer(good(response, &what)?, &what),
            // Once lost, the server may be starting again: only its absence is waited out.
            Err(NoAnswer::Broken(Broken::Lost(error))) if lost.is_none() => lost = Some(error),
            Err(NoAnswer::Unreachable(_)) if lost.is_some() => {}
            Err(NoAnswer::Broken(Broken::Lost(_))) => left = 0,
            Err(other) => return Err(other.about(&what)),
        }
        if left == 0 {
            let error = lost.map(|error| error.to_string()).unwrap_or_default();
            let advice = "it may have been taken: look at `spool jobs` before you print it again";
            return Err(Failure::failed(format!("{what}: the connection was lost ({error}); {advice}")));
        }
        left -= 1;
        pause(BEFORE_AGAIN);
        answer = send(open()?, target, key, server);
    }
}

fn send(
    mut opened: Opened,
    target: &str,
    key: &str,
    server: &Server,
) -> Result<super::client::Response, NoAnswer> {
    let mut bar = Bar::new(opened.length);
    let mut progress = |gone| bar.shows(gone);
    let length = opened.length;
    let document = Document { source: &mut *opened.source, length, progress: &mut progress };
    let answer = server.upload(target, key, document);
    bar.ends();
    answer
}

/// A progress bar that shows itself only when it takes long and a person looks on.
struct Bar {
    clock: Clock,
    started: MonoTime,
    bar: ProgressBar,
}

impl Bar {
    fn new(length: Option<u64>) -> Bar {
        let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
        bar.set_draw_target(ProgressDrawTarget::hidden());
        let template = match length {
            Some(_) => "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}",
        };
        let bar = match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        let clock = Clock::machine();
        Bar { clock, started: clock.now().mono, bar }
    }

    fn shows(&mut self, gone: u64) {
        let late = self.clock.now().mono.since(self.started) > QUIET;
        if self.bar.is_hidden() && late && io::stderr().is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(gone);
    }

    fn ends(self) {
        self.bar.finish_and_clear();
    }
}
