//! `spool backup`: a copy of a running server's state, in one file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::client::Server;
use super::failure::Failure;
use super::output::line;

/// `spool backup`
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The file to make; it must not be there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The file has its name only once it is whole and on disk.
pub fn backup(args: &BackupArgs, server: &Server) -> Result<(), Failure> {
    let file = args.file.as_path();
    let failed = |why: &dyn std::fmt::Display| Failure::failed(format!("backup {}: {why}", file.display()));
    if file.exists() {
        return Err(failed(&"it is there already; name a new file"));
    }
    let mut name = file.file_name().map(ToOwned::to_owned).ok_or_else(|| failed(&"this names no file"))?;
    name.push(".part");
    let part = file.with_file_name(name);
    let written = write(&part, server).and_then(|bytes| {
        keep(&part, file).map_err(|error| failed(&error))?;
        Ok(bytes)
    });
    match written {
        Ok(bytes) => line(&format!(
            "backup {}: {bytes} bytes; to restore it: mkdir DIR && tar -xf {} -C DIR && spool recover --state DIR",
            file.display(),
            file.display()
        )),
        Err(failure) => {
            // Part of a copy is worth nothing.
            let _ = fs::remove_file(&part);
            Err(failure)
        }
    }
}

fn write(part: &Path, server: &Server) -> Result<u64, Failure> {
    let what = format!("backup {}", part.display());
    let file = fresh(part).map_err(|error| Failure::failed(format!("{what}: {error}")))?;
    let mut sink = BufWriter::new(file);
    server.download("/api/v1/backup", &mut sink, &what)
}

/// A file that nobody else has open or has chosen the place of: the copy holds everybody's documents. What stands under
/// the name is left from a copy that was cut off, or was laid there by somebody who would like to read along.
fn fresh(part: &Path) -> io::Result<File> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)
}

fn keep(part: &Path, file: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
