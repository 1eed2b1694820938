//! A full disk: nothing half done, and on it goes when there is room.

use super::*;

/// A small file system of its own, unmounted in the end. Only root may mount; for others these tests are none.
pub(super) struct Tmpfs(PathBuf);

impl Tmpfs {
    pub fn mount(path: &Path, bytes: u64) -> Option<Tmpfs> {
        fs::create_dir_all(path).expect("made");
        let size = format!("size={bytes}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).status();
        mounted.is_ok_and(|status| status.success()).then_some(Tmpfs(path.to_owned()))
    }

    pub fn resize(&self, bytes: u64) {
        let size = format!("remount,size={bytes}");
        let done = Command::new("mount").args(["-o", &size]).arg(&self.0).status().expect("mount runs");
        assert!(done.success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn setting(n: u64) -> Commit {
    Commit { settings: vec![("filler".to_owned(), vec![n as u8; 60_000])], ..Commit::default() }
}

#[test]
fn new_documents_are_refused_before_the_disk_is_full() {
    let (_parent, path) = state();
    let Some(tmpfs) = Tmpfs::mount(&path, 12 << 20) else { return };
    let life = Life::open(&path);
    assert_eq!(life.commit(accept(1)), Err(CommitError::Full));
    life.commit(setting(1)).expect("what brings no document has room");
    tmpfs.resize(64 << 20);
    life.accept([1]);
    life.check(1);
}

#[test]
fn a_full_disk_is_survived() {
    const BYTES: u64 = 40 << 20;
    let (_parent, path) = state();
    let Some(tmpfs) = Tmpfs::mount(&path, BYTES) else { return };
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

#[test]
fn an_index_that_fails_alone_catches_up() {
    const BYTES: u64 = 4 << 20;
    let (_parent, path) = state();
    let Some(tmpfs) = Tmpfs::mount(&path.join("sled"), BYTES) else { return };
    let life = Life::open(&path);
    let mut n = 0;
    for round in 1..=2 {
        // The journal goes on taking commits when there is no room for the index: Unknown is one that it took.
        loop {
            match life.commit(accept(n + 1)) {
                Ok(_) => n += 1,
                Err(CommitError::Unknown) => n += 1,
                Err(CommitError::Full) => break,
                Err(error) => panic!("{error}"),
            }
            assert!(n < 100_000);
        }
        tmpfs.resize(BYTES * (round + 1));
        let next = (0..100).find_map(|_| life.commit(accept(n + 1)).ok());
        assert!(next.is_some(), "there is room again");
        n += 1;
        life.check(n);
    }
    assert_eq!(*life.store.broken().borrow(), None);
    life.close();
    Life::open(&path).check(n);
}

/// The index is lost under the running process, as a write without room may do it.
pub(super) fn lose_the_index(life: &Life, path: &Path) {
    let db = OpenOptions::new().write(true).open(path.join("sled/db")).expect("ours");
    db.set_len(0).expect("cut");
    life.store.shared.suspect.store(true, std::sync::atomic::Ordering::Release);
}

#[test]
fn an_index_that_does_not_survive_is_built_anew() {
    let (_parent, path) = closed(100);
    let life = Life::open(&path);
    life.accept(101..=200);
    lose_the_index(&life, &path);
    life.accept([201]);
    life.check(201);
    assert_eq!(*life.store.broken().borrow(), None);
    life.close();
    Life::open(&path).check(201);
}

#[test]
fn nothing_is_built_anew_from_a_damaged_journal() {
    let (_parent, path) = closed(100);
    let life = Life::open(&path);
    life.accept([101]);
    let segment = File::options().write(true).open(path.join("journal/00000001.seg")).expect("ours");
    segment.write_all_at(&[0xff; 8], 1024 + 100).expect("written");
    lose_the_index(&life, &path);
    assert!(matches!(life.commit(accept(102)), Err(CommitError::Unavailable(_))));
    let why = life.store.broken().borrow().clone().expect("asks for a restart");
    assert!(why.contains("spool recover"), "{why}");
}
