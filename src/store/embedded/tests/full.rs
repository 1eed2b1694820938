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

fn setting(n: u64) -> Commit {
    Commit { settings: vec![("filler".to_owned(), vec![n as u8; 60_000])], ..Commit::default() }
}

#[test]
fn new_documents_are_refused_before_the_disk_is_full() {
    let Some(tmpfs) = Tmpfs::mount(12 << 20) else { return };
    let life = Life::open(&tmpfs.0.path().join("state"));
    assert_eq!(life.commit(accept(1)), Err(CommitError::Full));
    life.commit(setting(1)).expect("what brings no document has room");
    tmpfs.resize(64 << 20);
    life.accept([1]);
    life.check(1);
}

#[test]
fn a_full_disk_is_survived() {
    const BYTES: u64 = 40 << 20;
    let Some(tmpfs) = Tmpfs::mount(BYTES) else { return };
    let path = tmpfs.0.path().join("state");
    let life = Life::open(&path);
    life.accept(1..=100);
    for round in 1..=3 {
        let mut written = 0;
        let error = loop {
            match life.commit(setting(written)) {
                Ok(_) => written += 1,
                Err(error) => break error,
            }
            assert!(written < 100_000);
        };
        // Unknown: the journal had room for it, the index had not.
        assert!(matches!(error, CommitError::Full | CommitError::Unknown), "{error}");
        assert_eq!(life.commit(setting(1)), Err(CommitError::Full));
        assert_eq!(life.commit(accept(100 + round)), Err(CommitError::Full));
        tmpfs.resize(BYTES * (u64::from(round) + 1));
        let next = (0..100).find_map(|_| life.commit(accept(100 + round)).ok());
        assert!(next.is_some(), "there is room again");
        life.check(100 + round);
    }
    life.close();
    Life::open(&path).check(103);
}
