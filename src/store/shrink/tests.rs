//! A stopped store is compacted, and is what it was.

#[cfg(feature = "failpoints")]
use std::process::Command;

use super::*;
use crate::store::embedded::tests::compact::{check_left, eager, lazy, rows, use_up};
#[cfg(feature = "failpoints")]
use crate::store::embedded::tests::copy;
use crate::store::embedded::tests::{Life, closed, state, until};
use crate::store::journal::Begin;
use crate::store::recover::recover;

const JOBS: u32 = 1000;
/// The directory that a child of this test is to compact.
#[cfg(feature = "failpoints")]
const STATE: &str = "SPOOL_TEST_STATE";

/// A store most of whose journal is dead.
fn used() -> (tempfile::TempDir, PathBuf) {
    let (parent, path) = state();
    let life = Life::try_open_with(&path, lazy()).expect("opens");
    use_up(&life, 1..=JOBS, |_| {});
    life.close();
    (parent, path)
}

fn shrunk(path: &Path) -> Report {
    let mut heard = Vec::new();
    let report = shrink_with(path, lazy(), &mut |progress| heard.push(progress)).expect("compacts");
    assert!(report.before.journal > 3 * report.after.journal, "{report}");
    report
}

#[test]
fn a_stopped_store_becomes_short_and_stays_what_it_is() {
    let (_parent, path) = used();
    let life = Life::try_open_with(&path, lazy()).expect("opens");
    let before = rows(&life);
    life.close();
    let report = shrunk(&path);
    assert_eq!(report.index_kept, None);
    assert!(report.to_string().starts_with("journal "), "{report}");
    assert!(!path.join("sled.new").exists());
    let life = Life::try_open_with(&path, lazy()).expect("opens");
    assert_eq!(life.replayed, 0);
    assert!(rows(&life) == before);
    check_left(&life, JOBS);
    drop(life);
    // And from the journal alone.
    fs::remove_dir_all(path.join("sled")).expect("ours");
    let report = recover(&path, &mut |_| {}).expect("recovers");
    assert!(report.is_complete(), "{report}");
    check_left(&Life::open(&path), JOBS);
    // And on it goes.
    let life = Life::try_open_with(&path, eager()).expect("opens");
    use_up(&life, JOBS + 1..=2 * JOBS, |_| {});
    let begin = || Begin::read(&Directory::new(&path).expect("there")).expect("readable").segment;
    let first = begin();
    until("a segment goes", || begin() > first);
    check_left(&life, 2 * JOBS);
}

#[test]
fn to_compact_twice_is_fine_and_an_empty_store_is_one() {
    let (_parent, path) = used();
    shrunk(&path);
    let again = shrink_with(&path, lazy(), &mut |_| {}).expect("compacts");
    // Each time adds its own events.
    assert!(again.after.journal <= again.before.journal + 4096, "{again}");
    check_left(&Life::open(&path), JOBS);
    let (_parent, path) = closed(0);
    shrink_with(&path, lazy(), &mut |_| {}).expect("compacts");
    Life::open(&path).check(0);
}

#[test]
fn a_store_in_use_is_refused() {
    let (_parent, path) = closed(1);
    let life = Life::open(&path);
    let error = shrink(&path, &mut |_| {}).expect_err("in use");
    assert!(matches!(error, ShrinkError::State(StateError::InUse { .. })), "{error}");
    life.check(1);
}

#[test]
fn a_damaged_document_is_not_thrown_away() {
    let (_parent, path) = used();
    let segment = path.join("journal/00000002.seg");
    let mut bytes = fs::read(&segment).expect("ours");
    bytes.iter_mut().skip(2048).for_each(|byte| *byte ^= 0x55);
    fs::write(&segment, &bytes).expect("ours");
    let error = shrink_with(&path, lazy(), &mut |_| {}).expect_err("damaged");
    assert!(error.to_string().contains("spool recover"), "{error}");
    assert_eq!(fs::read(&segment).expect("still there"), bytes);
}

/// What the children do: it is no test of its own.
#[cfg(feature = "failpoints")]
#[test]
fn a_compaction_that_may_end() {
    let Ok(path) = std::env::var(STATE) else { return };
    failpoint::arm();
    shrink_with(path.as_ref(), lazy(), &mut |_| {}).expect("compacts");
}

#[cfg(feature = "failpoints")]
#[test]
fn it_may_end_anywhere() {
    let (parent, path) = used();
    for point in [
        "shrink-written",
        "shrink-indexed",
        "shrink-exchanged",
        "checkpoint-begun",
        "checkpoint-flushed",
        "shrink-checkpointed",
        "compact-noted",
        "compact-removed",
    ] {
        let image = parent.path().join(point);
        copy(&path, &image);
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "store::shrink::tests::a_compaction_that_may_end"])
            .env(STATE, &image)
            .env("FAILPOINTS", format!("{point}=1*return(kill)"))
            .output()
            .expect("this program starts");
        assert!(!child.status.success(), "{point} was never passed");
        let died = parent.path().join("died");
        copy(&image, &died);
        // From the journal alone …
        fs::remove_dir_all(died.join("sled")).expect("ours");
        let report = recover(&died, &mut |_| {}).expect("recovers");
        assert!(report.is_complete(), "{point}: {report}");
        check_left(&Life::open(&died), JOBS);
        fs::remove_dir_all(&died).expect("ours");
        // … and as it was left: it starts, and can be compacted to the end.
        check_left(&Life::open(&image), JOBS);
        shrink_with(&image, lazy(), &mut |_| {}).expect("compacts");
        check_left(&Life::open(&image), JOBS);
    }
}
