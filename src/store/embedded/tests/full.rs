//! A full disk: nothing half done, and on it goes when there is room.

use super::*;

/// A small file system of its own, unmounted in the end. Tests run as root, or not at all.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(bytes: u64) -> Option<Tmpfs> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let size = format!("size={bytes}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(directory.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Tmpfs(directory))
    }

    fn resize(&self, bytes: u64) {
        let size = format!("remount,size={bytes}");
        let done = Command::new("mount").args(["-o", &size]).arg(self.0.path()).status().expect("mount runs");
        assert!(done.success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_survived() {
    const BYTES: u64 = 6 << 20;
    let Some(tmpfs) = Tmpfs::mount(BYTES) else { return };
    let path = tmpfs.0.path().join("state");
    let life = Life::open(&path);
    for round in 1..=3_u64 {
        let mut accepted = life.ids().len() as u32;
        let error = loop {
            match life.commit(accept(accepted + 1)) {
                Ok(_) => accepted += 1,
                Err(error) => break error,
            }
            assert!(accepted < 100_000);
        };
        // Unknown: the journal had room for it, the index had not.
        assert!(matches!(error, CommitError::Full | CommitError::Unknown), "{error}");
        let mut known = accepted;
        if error == CommitError::Unknown {
            known += 1;
        }
        assert!(matches!(life.commit(accept(known + 1)), Err(CommitError::Full)), "still full");
        tmpfs.resize(BYTES * (round + 1));
        let next = (0..100).find_map(|_| life.commit(accept(known + 1)).ok());
        assert!(next.is_some(), "there is room again");
        life.check(known + 1);
    }
    let n = life.ids().len() as u32;
    life.close();
    Life::open(&path).check(n);
}
