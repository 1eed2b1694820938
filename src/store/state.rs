//! The state directory: who may use it, in which format it is, and how often it was opened.
//!
//! ```text
//! STATE/            0711   others may pass through to what they are given by name, not look round
//!   lock                   held by the one process that uses the directory; tells its number
//!   format                 the layout of everything here; a newer one is refused
//!   epoch                  counts the starts
//!   checkpoint             how far the index is durable
//!   journal/  0700         the truth
//!   sled/     0700         the index of it
//!   sled.new/              only while `spool compact` runs
//!   documents/ 0700        large documents
//!   damaged/  0700         what could not be read; never touched again
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::disk::{self, FILE_MODE};
use super::durable;
use crate::model::id::Epoch;

/// The layout that this program writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Where the count of starts goes on when it was lost: higher than any count can have been.
const EPOCH_AFTER_LOSS: u64 = 1 << 32;

const STATE_MODE: u32 = 0o711;
const INNER_MODE: u32 = 0o700;
const INNER: [&str; 4] = ["journal", "sled", "documents", "damaged"];
const FORMAT_PREFIX: &str = "spool state ";

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("the state directory {} is in use by {holder}; stop that first, or choose another directory", path.display())]
    InUse { path: PathBuf, holder: Holder },
    #[error(
        "the state directory {} was written by a newer version of spool (format {found}, this one knows up to {FORMAT_VERSION}); use the newer version",
        path.display()
    )]
    Newer { path: PathBuf, found: u32 },
    #[error("{} is damaged: {why}; `spool recover` sets it right", path.display())]
    Damaged { path: PathBuf, why: &'static str },
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

/// The process that has the directory, as far as it said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(pub Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => write!(f, "another process"),
        }
    }
}

/// What to do about a `format` or `epoch` that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnDamage {
    Refuse,
    WriteAnew,
}

/// A predecessor that is just ending, or a child of it that has not begun its own program yet, is waited for:
/// so often and so long.
pub(super) const LOCK_LOOKS: u32 = 20;
pub(super) const LOCK_LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(50);

/// A state directory that is ours alone until this and all its clones are dropped.
#[derive(Clone, Debug)]
pub struct State {
    path: PathBuf,
    epoch: Epoch,
    /// Holds the lock. It is not inherited by processes that this one starts, and ends with it in any case.
    _lock: Arc<File>,
}

impl State {
    /// Makes the directory where it is missing, takes it for this process, and counts the start durably.
    ///
    /// # Errors
    /// [`StateError::InUse`] while another process has it; see the variants for the rest. Nothing but the lock
    /// was touched then.
    pub fn open(path: &Path) -> Result<State, StateError> {
        State::take(path, OnDamage::Refuse)
    }

    /// As [`State::open`], but sets right what of its own files is damaged. For `spool recover`.
    ///
    /// # Errors
    /// As [`State::open`], without [`StateError::Damaged`].
    pub fn open_to_recover(path: &Path) -> Result<State, StateError> {
        State::take(path, OnDamage::WriteAnew)
    }

    fn take(path: &Path, on_damage: OnDamage) -> Result<State, StateError> {
        make_directory(path, STATE_MODE)?;
        let lock = lock(path)?;
        check_format(path, on_damage)?;
        make_inner(path)?;
        let epoch = count_start(path, on_damage)?;
        Ok(State { path: path.to_owned(), epoch, _lock: Arc::new(lock) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of this start; higher than that of every earlier one.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Makes again what was moved away.
    pub(super) fn make_inner(&self) -> Result<(), StateError> {
        make_inner(&self.path)
    }

    pub(super) fn sled(&self) -> PathBuf {
        self.path.join("sled")
    }

    /// An index that is being made, or one that was replaced: of no worth after a crash.
    pub(super) fn new_sled(&self) -> PathBuf {
        self.path.join("sled.new")
    }

    pub(super) fn documents(&self) -> PathBuf {
        self.path.join("documents")
    }

    pub(super) fn damaged(&self) -> PathBuf {
        self.path.join("damaged")
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint")
    }
}

fn make_inner(state: &Path) -> Result<(), StateError> {
    INNER.iter().try_for_each(|name| make_directory(&state.join(name), INNER_MODE))
}

/// Makes a directory with these permissions, or gives it them.
fn make_directory(path: &Path, mode: u32) -> Result<(), StateError> {
    let mut builder = DirBuilder::new();
    let builder = builder.recursive(mode == STATE_MODE).mode(mode);
    let made = match disk::make_directory(builder, path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(source) => return Err(failed("create", path, source)),
    };
    let found = fs::metadata(path).map_err(|source| failed("look at", path, source))?;
    if !found.is_dir() {
        return Err(failed("use", path, io::ErrorKind::NotADirectory.into()));
    }
    // A mode asked for passes through the process's mask, one that is set does not.
    if found.permissions().mode() & 0o7777 != mode {
        fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(|source| failed("set the permissions of", path, source))?;
    }
    if made {
        durable::sync_parent(path).map_err(|source| failed("sync the parent of", path, source))?;
    }
    Ok(())
}

fn lock(state: &Path) -> Result<File, StateError> {
    let path = state.join("lock");
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    let mut file = options.open(&path).map_err(|source| failed("open", &path, source))?;
    for look in 0.. {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if look < LOCK_LOOKS => {
                let _ = crossbeam_channel::after(LOCK_LOOK_EVERY).recv();
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(StateError::InUse { path: state.to_owned(), holder: holder(&mut file) });
            }
            Err(error) => return Err(failed("lock", &path, error.into())),
        }
    }
    // The number is for people. Where it cannot be written, on a full disk say, the lock still holds.
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = written {
        log::warn!(path:% = path.display(); "cannot note the process that holds the lock: {error}");
    }
    Ok(file)
}

fn holder(lock: &mut File) -> Holder {
    let mut text = String::new();
    let read = lock.take(32).read_to_string(&mut text);
    Holder(read.ok().and_then(|_| text.trim().parse().ok()))
}

fn check_format(state: &Path, on_damage: OnDamage) -> Result<(), StateError> {
    let path = state.join("format");
    let anew = || {
        let text = format!("{FORMAT_PREFIX}{FORMAT_VERSION}\n");
        durable::replace(&path, text.as_bytes()).map_err(|source| failed("write", &path, source))
    };
    let damaged = |why| match on_damage {
        OnDamage::Refuse => Err(StateError::Damaged { path: path.clone(), why }),
        OnDamage::WriteAnew => anew(),
    };
    match durable::read_small(&path).map_err(|source| failed("read", &path, source))? {
        // The format is written before anything else, so a directory that holds more has lost it.
        None if INNER.iter().any(|name| holds_something(&state.join(name))) => damaged("it is missing"),
        None => anew(),
        Some(bytes) => match parse_number(&bytes, FORMAT_PREFIX) {
            Some(found) if found > u64::from(FORMAT_VERSION) => {
                let found = u32::try_from(found).unwrap_or(u32::MAX);
                Err(StateError::Newer { path: state.to_owned(), found })
            }
            Some(found) if found == u64::from(FORMAT_VERSION) => Ok(()),
            Some(_) | None => damaged("it does not name a format"),
        },
    }
}

/// An empty directory may have been made by hand, and a file system of its own put there.
fn holds_something(directory: &Path) -> bool {
    fs::read_dir(directory)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name() != "lost+found"))
}

fn count_start(state: &Path, on_damage: OnDamage) -> Result<Epoch, StateError> {
    let path = state.join("epoch");
    let damaged = |why| match on_damage {
        OnDamage::Refuse => Err(StateError::Damaged { path: path.clone(), why }),
        OnDamage::WriteAnew => Ok(EPOCH_AFTER_LOSS),
    };
    let last = match durable::read_small(&path).map_err(|source| failed("read", &path, source))? {
        // The checkpoint is written after the first start was counted.
        None if state.join("checkpoint").exists() => damaged("it is missing")?,
        None => 0,
        Some(bytes) => match parse_number(&bytes, "") {
            Some(last) if last < u64::MAX => last,
            Some(_) | None => damaged("it is not the number of a start")?,
        },
    };
    let epoch = last + 1;
    durable::replace(&path, format!("{epoch}\n").as_bytes())
        .map_err(|source| failed("write", &path, source))?;
    Ok(Epoch(epoch))
}

/// A prefix, a decimal number, a line's end, nothing else.
fn parse_number(bytes: &[u8], prefix: &str) -> Option<u64> {
    let digits = std::str::from_utf8(bytes).ok()?.strip_prefix(prefix)?.strip_suffix('\n')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> StateError {
    StateError::Io { doing, path: path.to_owned(), source }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
