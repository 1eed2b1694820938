//! A disk whose power can be cut: an ext4 file system of its own in a file.
//!
//! Why that is a power cut. A write that is not synced is in the kernel's memory for this file system, and only what
//! the kernel has handed to the disk is in the file. The cut is the ioctl by which file system developers try theirs
//! (`EXT4_IOC_SHUTDOWN`, with the flag that nothing may be flushed first, not even ext4's own journal): from that
//! moment nothing more gets to the disk, and every call fails. The file is copied then, before anything is unmounted,
//! and the copy is mounted: ext4 replays its journal as after any cut. So what was written and not synced is gone,
//! unless the kernel happened to have written it already. What a disk loses of its own cache is not tried here, nor
//! what other file systems make of what ext4 does unasked; `src/store/power_cut/` plays that back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The directory of each disk begins so; the number of its process follows.
const NAME: &str = "spool-power-cut-";
/// Far more than the tests write, and hardly any of it is there before it is written.
const BYTES: u64 = 1 << 30;
/// `_IOR('X', 125, __u32)` with `EXT4_GOING_FLAGS_NOLOGFLUSH`, as in Linux's fs/ext4/ext4.h. Perl is on every system
/// that has Debian's tools, and calls it without a line of unsafe code here.
const SHUT_DOWN: &str = r#"open(my $d, "<", $ARGV[0]) or die "open: $!";
my $flags = pack("L", 2); ioctl($d, 0x8004587d, $flags) or die "ioctl: $!";"#;

/// A mounted disk. It is unmounted, and its loop device free, when this is dropped.
pub struct Disk {
    directory: TempDir,
    mounted_at: PathBuf,
    /// How often the power came back: each time the disk is another file.
    lives: u32,
}

impl Disk {
    /// An empty disk, mounted at `directory`, which is made.
    ///
    /// # Errors
    /// What cannot be done here, and why.
    pub fn mount(directory: &Path) -> Result<Disk, String> {
        clean_up();
        let name = format!("{NAME}{}-", std::process::id());
        let own = tempfile::Builder::new().prefix(&name).tempdir().map_err(|error| error.to_string())?;
        let disk = Disk { directory: own, mounted_at: directory.to_owned(), lives: 0 };
        fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        let image = fs::File::create(disk.image()).and_then(|image| image.set_len(BYTES));
        image.map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(disk.image()))?;
        disk.mount_image()?;
        Ok(disk)
    }

    /// Nothing gets to the disk any more.
    pub fn cut_power(&mut self) {
        run(Command::new("perl").args(["-e", SHUT_DOWN]).arg(&self.mounted_at)).expect("the power is cut");
        let dead = self.image();
        self.lives += 1;
        run(Command::new("cp").arg("--sparse=always").args([&dead, &self.image()]))
            .expect("the disk is copied");
    }

    /// The disk as the cut has left it. Nobody must have files open on it any more.
    pub fn restore_power(&mut self) {
        run(Command::new("umount").arg(&self.mounted_at)).expect("the dead disk is unmounted");
        self.mount_image().expect("the disk is mounted");
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join(format!("disk-{}", self.lives))
    }

    /// The loop device is the mount's, and goes with it.
    fn mount_image(&self) -> Result<(), String> {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(&self.mounted_at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that a failed test has left must not keep it.
        let _ = run(Command::new("umount").arg("--lazy").arg(&self.mounted_at));
    }
}

/// Unmounts the disks of test processes that did not live to do so.
fn clean_up() {
    let listed =
        Command::new("losetup").args(["--list", "--noheadings", "--output", "NAME,BACK-FILE"]).output();
    let listed =
        listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default();
    for line in listed.lines() {
        let Some((device, file)) = line.split_once(char::is_whitespace) else { continue };
        let Some((_, rest)) = file.split_once(NAME) else { continue };
        let owner = rest.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(owner).exists() {
            let _ = run(Command::new("umount").arg("--lazy").arg(device));
            let _ = run(Command::new("losetup").args(["--detach", device]));
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
