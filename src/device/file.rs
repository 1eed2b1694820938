//! `file:/path` or `file:///path`: a directory, where every job becomes a file ([`super::directory`]), or a
//! device node ([`super::node`]).
//!
//! Only places below [`Surroundings::files`] are written to, and a device node only where one of those lies
//! in `/dev` itself. What counts is what is really opened: symbolic links are followed first and judged then.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use percent_encoding::percent_decode_str;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, mkdirat, openat};
use rustix::io::Errno;

use super::directory::{Directory, DirectoryLink};
use super::node::NodeLink;
use super::{BadUri, JobTag, Kind, Link, Place, Surroundings, Target, usb};
use crate::model::description::Description;
use crate::model::outcome::Answer;
use crate::model::retry::NotReady;

pub const KIND: Kind = Kind { scheme: "file", example: "file:/srv/prints", parse };

/// The longest path, in bytes (PATH_MAX of Linux, with its end mark).
const PATH_BYTES_MAX: usize = 4095;
/// Directories made for a printer are the server's own: what is printed is nobody else's business.
const DIRECTORY_MODE: Mode = Mode::RWXU;

fn parse(place: &Place<'_>, surroundings: &Surroundings) -> Result<Arc<dyn Target>, BadUri> {
    let uri = place.uri;
    let bad = |why: String| BadUri { uri: uri.chars().take(200).collect(), why };
    let path = path_in(uri).map_err(bad)?;
    if !surroundings.may_write(&real_as_far_as_it_is(&path)) {
        return Err(bad(format!(
            "{} lies outside of the directories that may be written to; add it to `files` in [access]",
            path.display()
        )));
    }
    Ok(Arc::new(FileTarget { path, surroundings: Arc::new(surroundings.clone()) }))
}

/// The path of an address of this kind; `None` for others.
pub(super) fn path_of(uri: &str) -> Option<PathBuf> {
    uri.strip_prefix("file:").and_then(|_| path_in(uri).ok())
}

/// The absolute path in a URI, without steps upwards.
fn path_in(uri: &str) -> Result<PathBuf, String> {
    let rest = uri.strip_prefix("file:").unwrap_or(uri);
    let rest = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    if !rest.starts_with('/') {
        return Err(format!("the path must be absolute and on this machine: {}", KIND.example));
    }
    if rest.contains(['?', '#']) {
        return Err("a question mark or a hash in a path is written %3F or %23".to_owned());
    }
    let bytes: Vec<u8> = percent_decode_str(rest).collect();
    if bytes.len() > PATH_BYTES_MAX || bytes.iter().any(u8::is_ascii_control) {
        return Err("the path is too long or has control characters in it".to_owned());
    }
    let path = PathBuf::from(OsString::from_vec(bytes));
    let plain = |step| matches!(step, Component::RootDir | Component::Normal(_));
    if !path.components().all(plain) {
        return Err("the path must not have steps upwards in it".to_owned());
    }
    Ok(path)
}

/// The path with all symbolic links followed, where it exists; the rest of it stays as it is.
fn real_as_far_as_it_is(path: &Path) -> PathBuf {
    for there in path.ancestors() {
        if let Ok(real) = there.canonicalize() {
            let rest = path.strip_prefix(there).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path.to_owned()
}

#[derive(Clone, Debug)]
struct FileTarget {
    path: PathBuf,
    surroundings: Arc<Surroundings>,
}

/// What stands at the path.
enum Stand {
    Directory(Directory),
    /// Not opened yet: opening a device can have an effect.
    Node(OwnedFd, FileType),
}

impl Target for FileTarget {
    fn address(&self) -> (String, u16) {
        (String::new(), 0)
    }

    /// A file system or a driver may hang, so this runs on a blocking thread and is given up after the
    /// connect time.
    fn open(&self) -> BoxFuture<'static, Result<Box<dyn Link>, NotReady>> {
        let (target, limit) = (self.clone(), self.surroundings.timing.connect);
        async move {
            let opening = tokio::task::spawn_blocking(move || target.open_now());
            match tokio::time::timeout(limit, opening).await {
                Ok(Ok(opened)) => opened,
                Ok(Err(failed)) => Err(NotReady::Other(format!("opening failed: {failed}"))),
                Err(_elapsed) => Err(NotReady::Other("the file system or the device does not answer".into())),
            }
        }
        .boxed()
    }

    /// Told without a look at the disk: a device never knows. (A pipe elsewhere says so when it is asked.)
    fn can_ask(&self) -> bool {
        !self.path.starts_with("/dev")
    }

    fn ask(&self, tag: &JobTag) -> BoxFuture<'static, Answer> {
        let (target, tag, limit) = (self.clone(), tag.clone(), self.surroundings.timing.connect);
        async move {
            let asking = tokio::task::spawn_blocking(move || match target.stand() {
                Ok(Stand::Directory(directory)) => directory.ask(&tag),
                Ok(Stand::Node(..)) => Answer::CannotTell,
                Err(why) => Answer::NotReady(why),
            });
            match tokio::time::timeout(limit, asking).await {
                Ok(answer) => answer.unwrap_or(Answer::CannotTell),
                Err(_elapsed) => Answer::NotReady(NotReady::Other("the file system does not answer".into())),
            }
        }
        .boxed()
    }

    fn describe(&self) -> BoxFuture<'static, Result<Option<Description>, NotReady>> {
        let (target, limit) = (self.clone(), self.surroundings.timing.connect);
        async move {
            let looking = move || usb::describe(&target.path, &target.surroundings.usb);
            match tokio::time::timeout(limit, tokio::task::spawn_blocking(looking)).await {
                Ok(found) => Ok(found.ok().flatten()),
                Err(_elapsed) => Err(NotReady::Other("the device does not answer".into())),
            }
        }
        .boxed()
    }
}

impl FileTarget {
    fn open_now(&self) -> Result<Box<dyn Link>, NotReady> {
        match self.stand()? {
            Stand::Directory(directory) => Ok(Box::new(DirectoryLink::new(directory))),
            Stand::Node(at, kind) => {
                let surroundings = &self.surroundings;
                let node = reopen(&at, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
                    .map_err(|error| self.not_ready(error))?;
                let link = NodeLink::new(node, kind, surroundings.timing)
                    .map_err(|error| NotReady::Other(error.to_string()))?;
                Ok(Box::new(link))
            }
        }
    }

    /// Finds what stands at the path, makes the directory where only it is missing, and judges by what was
    /// really found.
    fn stand(&self) -> Result<Stand, NotReady> {
        let at = match self.look() {
            Err(Errno::NOENT) if self.make() => self.look(),
            found => found,
        };
        let at = at.map_err(|error| self.not_ready(error))?;
        let real = real_path(&at).map_err(|error| {
            NotReady::Other(format!("the real place of {} is not known: {error}", self.path.display()))
        })?;
        let kind = fstat(&at).map_err(|error| self.not_ready(error))?.st_mode;
        let kind = FileType::from_raw_mode(kind);
        match kind {
            FileType::Directory if self.surroundings.may_write(&real) => {
                let directory = Directory::open(&at, real).map_err(|error| self.not_ready(error))?;
                Ok(Stand::Directory(directory))
            }
            FileType::Fifo if self.surroundings.may_write(&real) => Ok(Stand::Node(at, kind)),
            FileType::CharacterDevice if self.surroundings.may_drive(&real) => Ok(Stand::Node(at, kind)),
            FileType::Directory | FileType::Fifo | FileType::CharacterDevice => {
                Err(NotReady::Other(format!(
                    "{} lies outside of the places that may be written to; add its directory to `files` in [access]",
                    real.display()
                )))
            }
            _ => Err(NotReady::Other(format!(
                "{} is neither a directory nor a device for printing",
                real.display()
            ))),
        }
    }

    fn look(&self) -> Result<OwnedFd, Errno> {
        openat(CWD, &self.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
    }

    /// Makes the directory, one level below a place that may be written to; never in `/dev`, where a missing
    /// name is a device that is not plugged in.
    fn make(&self) -> bool {
        let Some((parent, name)) = self.path.parent().zip(self.path.file_name()) else { return false };
        let Ok(at) = openat(CWD, parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        else {
            return false;
        };
        let allowed = |real: PathBuf| self.surroundings.may_write(&real) && !real.starts_with("/dev");
        real_path(&at).is_ok_and(allowed) && mkdirat(&at, name, DIRECTORY_MODE).is_ok()
    }

    fn not_ready(&self, error: Errno) -> NotReady {
        let path = self.path.display();
        match error {
            Errno::BUSY | Errno::AGAIN => NotReady::Busy,
            Errno::NOENT | Errno::NXIO | Errno::NODEV | Errno::IO => NotReady::Unreachable,
            Errno::ACCESS | Errno::PERM => NotReady::Other(format!(
                "{path} may not be opened for writing by the server's user; change its owner or its group"
            )),
            error => NotReady::Other(format!("{path} cannot be opened: {error}")),
        }
    }
}

impl Surroundings {
    /// Whether the device at `path` may be written to: it must be meant, not just lie below `/`.
    pub(super) fn may_drive(&self, path: &Path) -> bool {
        self.files.iter().any(|allowed| allowed.starts_with("/dev") && path.starts_with(allowed))
    }
}

/// Where an open file really is.
fn real_path(fd: &OwnedFd) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// Opens for use what was only looked at: the very same thing, whatever its name stands for by now.
fn reopen(at: &OwnedFd, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat(CWD, format!("/proc/self/fd/{}", at.as_raw_fd()), flags | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::device::{Timing, parse as parse_any};

    fn surroundings(files: &Path) -> Surroundings {
        let files = vec![files.canonicalize().unwrap()];
        Surroundings::new(files, Timing::default(), Clock::machine())
    }

    #[test]
    fn paths_are_understood_and_hostile_ones_refused() {
        let place = tempfile::tempdir().unwrap();
        let there = surroundings(place.path());
        let path = place.path().to_str().unwrap();
        for uri in [
            format!("file:{path}"),
            format!("file://{path}/a"),
            format!("file://localhost{path}"),
            format!("file:{path}/m%C3%A4rz%3F"),
        ] {
            parse_any(&uri, &there).unwrap();
        }
        for uri in [
            "file:".to_owned(),
            "file:a".to_owned(),
            "file:///etc".to_owned(),
            format!("file:{path}/../x"),
            format!("file:{path}/%2e%2e/x"),
            format!("file:{path}x"),
            format!("file://server{path}"),
            format!("file:{path}/a%00b"),
            format!("file:{path}/a?b"),
            format!("file:{path}/{}", "a".repeat(5000)),
        ] {
            assert!(parse_any(&uri, &there).is_err(), "{uri}");
        }
    }

    #[test]
    fn a_symbolic_link_out_is_refused() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), inside.path().join("way-out")).unwrap();
        let there = surroundings(inside.path());
        for end in ["way-out", "way-out/deeper"] {
            let uri = format!("file:{}/{end}", inside.path().display());
            assert!(parse_any(&uri, &there).is_err(), "{uri}");
        }
    }

    #[test]
    fn devices_must_be_meant() {
        let all = Surroundings { files: vec!["/".into()], ..surroundings(Path::new("/")) };
        assert!(!all.may_drive(Path::new("/dev/null")));
        assert!(surroundings(Path::new("/dev")).may_drive(Path::new("/dev/null")));
    }
}
