//! A directory as a printer: every job becomes a file, `000012-title.pdf`; further documents and copies of it
//! become `000012-title-2.pdf` and so on.
//!
//! A file is written under a hidden name, synced, and only then renamed, the first one last: as long as its
//! name does not stand there nothing was printed, and any failure until then is *not-ready* or *broken, not
//! whole*. Nothing is ever overwritten; where a name is taken a `~2` is put behind it.
//!
//! The directory is never in doubt: a finished file carries the stamp of its job (the time of its submission,
//! with the number of its acceptance as nanoseconds) as its time of change, so that the file of another job
//! with the same number and title is not taken for it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::fs::{fsync, futimens, linkat, openat, renameat_with, statat, unlinkat};
use rustix::io::Errno;

use super::{JobTag, Link, LinkError, Pulse, Shutter};
use crate::failpoint;
use crate::model::id::JobId;
use crate::model::job::DoneHow;
use crate::model::outcome::Answer;
use crate::model::retry::{Broken, NotReady, Whole};

/// What is printed may be read by the server's user and its group.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
/// The longest title in a name, in bytes.
const TITLE_BYTES_MAX: usize = 100;
/// So many names are tried for one file.
const NAMES_MAX: u32 = 1000;
/// How long a busy disk may keep one write …
const WRITE_MAX: Duration = Duration::from_secs(60);
/// … and the sync of a whole file.
const SYNC_MAX: Duration = Duration::from_secs(600);

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// `at` is the directory, perhaps only looked at; `path` is for people.
    pub fn open(at: &OwnedFd, path: PathBuf) -> Result<Directory, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Directory { fd: openat(at, ".", flags, Mode::empty())?, path })
    }

    /// Whether the file of this job stands there. Where it does not, what its attempt left behind is removed,
    /// so that it will not come to stand there.
    pub fn ask(&self, tag: &JobTag) -> Answer {
        let unknown = |error: Errno| {
            Answer::NotReady(NotReady::Other(format!("{} cannot be read: {error}", self.path.display())))
        };
        match self.find_or_remove(&Names::of(tag)) {
            // The name is there, perhaps since a moment ago: it must outlive a power cut as well.
            Ok(Found::Finished) => match fsync(&self.fd) {
                Ok(()) => Answer::Printed(DoneHow::FileWritten),
                Err(error) => unknown(error),
            },
            Ok(Found::Nothing) => Answer::NotPrinted,
            Err(error) => unknown(error),
        }
    }

    fn find_or_remove(&self, names: &Names) -> Result<Found, Errno> {
        let mut left = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.starts_with(&names.hidden_prefix) {
                left.push(name.to_owned());
            } else if name.starts_with(&names.number) && self.has_stamp(name, names.stamp) {
                if names.is_first(name) {
                    return Ok(Found::Finished);
                }
                left.push(name.to_owned());
            }
        }
        for name in left {
            self.remove(&name)?;
        }
        Ok(Found::Nothing)
    }

    fn has_stamp(&self, name: &str, stamp: Stamp) -> bool {
        statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
            let off = stat.st_mtime.abs_diff(stamp.seconds);
            // Some file systems keep times to the second or to two.
            (off == 0 && stat.st_mtime_nsec == stamp.nanoseconds) || (off <= 2 && stat.st_mtime_nsec == 0)
        })
    }

    fn remove(&self, name: &str) -> Result<(), Errno> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Gives the hidden file `from` the first free name.
    fn name(&self, from: &str, names: &Names, part: usize) -> Result<String, Errno> {
        for again in 1..=NAMES_MAX {
            let to = names.visible(part, again);
            match self.rename_to_new(from, &to) {
                Ok(()) => return Ok(to),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Errno::EXIST)
    }

    fn rename_to_new(&self, from: &str, to: &str) -> Result<(), Errno> {
        match renameat_with(&self.fd, from, &self.fd, to, RenameFlags::NOREPLACE) {
            // A file system that cannot promise not to replace: a second link does promise it.
            Err(Errno::INVAL | Errno::NOSYS) => {
                linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?;
                self.remove(from)
            }
            renamed => renamed,
        }
    }
}

enum Found {
    Finished,
    Nothing,
}

/// The time of change that a job's files get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    seconds: i64,
    nanoseconds: u64,
}

impl Stamp {
    fn of(tag: &JobTag) -> Stamp {
        let milliseconds = tag.created_at.0;
        Stamp {
            seconds: i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX),
            nanoseconds: milliseconds % 1000 * 1_000_000 + tag.accepted.0 % 1_000_000,
        }
    }

    fn times(self) -> Timestamps {
        let time = Timespec { tv_sec: self.seconds, tv_nsec: self.nanoseconds as _ };
        Timestamps { last_access: time, last_modification: time }
    }
}

/// The names of a job's files: they follow from the job alone.
#[derive(Clone, Debug)]
struct Names {
    /// `000012-`
    number: String,
    /// `000012-title`
    stem: String,
    extension: &'static str,
    /// `.spool-000012-` and the stamp: no other job has these, whoever writes here.
    hidden_prefix: String,
    stamp: Stamp,
}

impl Names {
    fn of(tag: &JobTag) -> Names {
        let stamp = Stamp::of(tag);
        let JobId(id) = tag.id;
        let number = format!("{id:06}-");
        Names {
            stem: format!("{number}{}", file_title(&tag.title, tag.extension)),
            extension: tag.extension,
            hidden_prefix: format!(".spool-{number}{:x}-{:x}-", stamp.seconds, stamp.nanoseconds),
            number,
            stamp,
        }
    }

    fn hidden(&self, part: usize) -> String {
        format!("{}{part}.part", self.hidden_prefix)
    }

    fn visible(&self, part: usize, again: u32) -> String {
        let Names { stem, extension, .. } = self;
        let part = if part == 1 { String::new() } else { format!("-{part}") };
        let again = if again == 1 { String::new() } else { format!("~{again}") };
        format!("{stem}{part}{again}.{extension}")
    }

    /// Whether that is a name of the first file: the one whose name says that all are there.
    fn is_first(&self, name: &str) -> bool {
        let middle = name
            .strip_prefix(self.stem.as_str())
            .and_then(|rest| rest.strip_suffix(self.extension))
            .and_then(|rest| rest.strip_suffix('.'));
        match middle {
            Some("") => true,
            Some(again) => again.strip_prefix('~').is_some_and(|n| n.parse::<u32>().is_ok()),
            None => false,
        }
    }
}

/// A title as a part of a file name: letters, digits, and marks that mean nothing to a shell or a path. It
/// stands behind the number, so it cannot hide the file.
fn file_title(title: &str, extension: &str) -> String {
    let tail = |at: usize| title.is_char_boundary(at) && title[at..].eq_ignore_ascii_case(extension);
    let bare = match title.len().checked_sub(extension.len() + 1) {
        Some(dot) if title.as_bytes()[dot] == b'.' && tail(dot + 1) => &title[..dot],
        Some(_) | None => title,
    };
    let mut name = String::new();
    for c in bare.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' }) {
        if name.len() + c.len_utf8() > TITLE_BYTES_MAX {
            break;
        }
        name.push(c);
    }
    let name = name.trim_matches(['.', '_']);
    if name.is_empty() { "untitled".to_owned() } else { name.to_owned() }
}

/// A job on its way into a directory. Dropped early it leaves nothing behind.
pub struct DirectoryLink {
    directory: Directory,
    job: Option<Writing>,
    taken: u64,
}

struct Writing {
    names: Names,
    /// The hidden files, the last one being written.
    files: Vec<File>,
    /// Names given already, of files whose first one has not got its own yet.
    named: Vec<String>,
}

impl DirectoryLink {
    pub fn new(directory: Directory) -> DirectoryLink {
        DirectoryLink { directory, job: None, taken: 0 }
    }

    fn start_file(&mut self) -> Result<(), LinkError> {
        let Some(job) = &mut self.job else { return Err(out_of_order()) };
        let name = job.names.hidden(job.files.len() + 1);
        let directory = &self.directory;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // What an earlier attempt of this very job left is of no use.
        let created = directory.remove(&name).and_then(|()| openat(&directory.fd, &name, flags, FILE_MODE));
        job.files.push(created.map_err(|error| directory.unprinted(&error.into()))?.into());
        Ok(())
    }

    /// Syncs every file, names them, the first one last, and syncs the names.
    fn publish(&mut self) -> Result<(), LinkError> {
        let directory = &self.directory;
        let Some(job) = &mut self.job else { return Err(out_of_order()) };
        for file in &job.files {
            let synced = futimens(file, &job.names.stamp.times()).map_err(io::Error::from);
            synced.and_then(|()| file.sync_all()).map_err(|error| directory.unprinted(&error))?;
        }
        failpoint::hit("file-before-name");
        for part in (1..=job.files.len()).rev() {
            let named = directory.name(&job.names.hidden(part), &job.names, part);
            job.named.push(named.map_err(|error| directory.unprinted(&error.into()))?);
        }
        // From here on it may be seen, and a power cut alone decides whether it stays.
        failpoint::hit("file-named");
        self.job = None;
        fsync(directory.fd.as_fd()).map_err(|_| LinkError::Broken(Broken::WriteFailed, Whole::Maybe))
    }
}

impl Directory {
    /// A failure while no name stands there. A disk that is full or may not be written to keeps no job from
    /// being printed later; what else fails counts as an attempt.
    fn unprinted(&self, error: &io::Error) -> LinkError {
        let path = self.path.display();
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOSPC | Errno::DQUOT) => LinkError::NotReady(NotReady::Other(format!(
                "the disk of {path} is full; make room and it goes on by itself"
            ))),
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => LinkError::NotReady(NotReady::Other(format!(
                "nothing can be written to {path} ({error}); let the server's user write there"
            ))),
            Some(Errno::NOENT) => LinkError::NotReady(NotReady::Other(format!("{path} was removed"))),
            _ => LinkError::Broken(Broken::WriteFailed, Whole::No),
        }
    }
}

/// A mistake in the program: the steps of a link were not taken in their order.
fn out_of_order() -> LinkError {
    LinkError::Broken(Broken::WriteFailed, Whole::No)
}

impl Link for DirectoryLink {
    /// A call to the file system cannot be shut.
    fn shutter(&self) -> Option<Arc<dyn Shutter>> {
        None
    }

    fn begin(&mut self, tag: &JobTag, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        pulse.protect(WRITE_MAX);
        pulse.beat(0)?;
        self.job = Some(Writing { names: Names::of(tag), files: Vec::new(), named: Vec::new() });
        self.start_file()
    }

    fn next_part(&mut self, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        pulse.beat(self.taken)?;
        self.start_file()
    }

    fn write(&mut self, bytes: &[u8], pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        pulse.beat(self.taken)?;
        let Some(file) = self.job.as_mut().and_then(|job| job.files.last_mut()) else {
            return Err(out_of_order());
        };
        file.write_all(bytes).map_err(|error| self.directory.unprinted(&error))?;
        self.taken += bytes.len() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>, pulse: &mut dyn Pulse) -> Result<DoneHow, LinkError> {
        pulse.protect(SYNC_MAX);
        pulse.beat(self.taken)?;
        self.publish().map(|()| DoneHow::FileWritten)
    }
}

impl Drop for DirectoryLink {
    fn drop(&mut self) {
        let Some(job) = self.job.take() else { return };
        let hidden = (1..=job.files.len()).map(|part| job.names.hidden(part));
        for name in hidden.chain(job.named) {
            // What stays is hidden, and removed when the job is asked for or tried again.
            let _ = self.directory.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_harmless_names() {
        for (title, name) in [
            ("Bericht für März.pdf", "Bericht_für_März"),
            ("report.PDF", "report"),
            ("../../etc/passwd", "etc_passwd"),
            ("..", "untitled"),
            ("", "untitled"),
            (".hidden", "hidden"),
            ("a/b\\c:d*e?f\"g<h>i|j", "a_b_c_d_e_f_g_h_i_j"),
            ("$(reboot) `x`; rm -rf ~", "reboot___x___rm_-rf"),
            ("new\nline\0nul\u{202e}fdp", "new_line_nul_fdp"),
            (".pdf", "untitled"),
            ("é.pdf", "é"),
        ] {
            assert_eq!(file_title(title, "pdf"), name, "{title:?}");
        }
        assert!(file_title(&"ä".repeat(5000), "pdf").len() <= TITLE_BYTES_MAX);
    }

    #[test]
    fn a_full_disk_is_not_the_job_s_fault() {
        let place = tempfile::tempdir().unwrap();
        let fd = OwnedFd::from(File::open(place.path()).unwrap());
        let directory = Directory { fd, path: "/srv/prints".into() };
        let full = "the disk of /srv/prints is full; make room and it goes on by itself".to_owned();
        let not_ready = LinkError::NotReady(NotReady::Other(full));
        assert_eq!(directory.unprinted(&Errno::NOSPC.into()), not_ready);
        assert!(matches!(directory.unprinted(&Errno::ACCESS.into()), LinkError::NotReady(_)));
        let broken = LinkError::Broken(Broken::WriteFailed, Whole::No);
        assert_eq!(directory.unprinted(&Errno::IO.into()), broken);
    }
}
