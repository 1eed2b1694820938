//! The process dies at each step of a compaction, and the next start has everything.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::compact::{check_left, eager, stays, use_up};
use super::*;
use crate::store::recover::recover;

/// The directory that a child of this test is to use.
const STATE: &str = "SPOOL_TEST_STATE";
/// The first job of a child's life.
const FIRST: &str = "SPOOL_TEST_FIRST";
/// Jobs of one life, at most.
const JOBS: u32 = 40_000;
/// Lives that die at a point.
const LIVES: u32 = 3;

/// What the children do: it is no test of its own.
#[test]
fn a_life_that_may_end() {
    let (Ok(path), Ok(first)) = (std::env::var(STATE), std::env::var(FIRST)) else { return };
    crate::failpoint::arm();
    let first: u32 = first.parse().expect("a number");
    let life = Life::try_open_with(path.as_ref(), eager()).expect("opens");
    use_up(&life, first..=first + JOBS - 1, |last| println!("\nup to {last}"));
    life.close();
}

fn live_from(path: &Path, first: u32, failpoints: &str) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "store::embedded::tests::compact_crash::a_life_that_may_end", "--nocapture"])
        .env(STATE, path)
        .env(FIRST, first.to_string())
        .env("FAILPOINTS", failpoints)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program starts")
}

/// The last job that a child told of before it died.
fn die(path: &Path, first: u32, failpoints: &str) -> u32 {
    let mut child = live_from(path, first, failpoints);
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let told = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("up to ")?.parse().ok());
    let last = told.last().unwrap_or(first - 1);
    let status = child.wait().expect("it ends");
    assert!(!status.success(), "{failpoints} was never passed");
    last
}

/// Of the jobs that were told of, those that stay are there. The batch in which the life died may be there in part: it is
/// brought to its end.
fn check_survived(path: &Path, last: u32) -> u32 {
    let life = Life::open(path);
    let found = life.ids();
    (1..=last).filter(|id| stays(*id)).for_each(|id| life.check_job(id));
    assert!(found.iter().all(|id| *id > last || stays(*id)), "jobs that had gone came back: {found:?}");
    found.iter().for_each(|id| life.check_job(*id));
    let newest = last + 50;
    let half: Vec<u32> = (last + 1..=newest).collect();
    for id in half {
        let there = life.wait(life.store.job(JobId(id))).expect("readable");
        match there {
            None if stays(id) => life.accept([id]),
            None => {}
            Some(_) if stays(id) => {}
            Some(job) => super::compact::take_away(&life, &job),
        }
    }
    check_left(&life, newest);
    life.close();
    newest
}

fn check_point(point: &str) {
    let (parent, path) = state();
    let mut last = 0;
    for life in 0..LIVES {
        // Each life dies somewhat later than the one before.
        let told = die(&path, last + 1, &format!("{point}={life}*off->1*return(kill)"));
        let image = parent.path().join(format!("image-{life}"));
        copy(&path, &image);
        last = check_survived(&path, told);
        // The journal alone is still the whole truth.
        fs::remove_dir_all(image.join("sled")).expect("ours");
        let report = recover(&image, &mut |_| {}).expect("recovers");
        // The write in which it died may be there in part.
        let lost = report.journal.frames_skipped() + report.bad_records + report.lost_bodies;
        assert_eq!(lost, 0, "{point}: {report}");
        check_survived(&image, told);
    }
    assert!(!path.join("journal/00000001.seg").exists(), "{point}: nothing was compacted");
}

#[test]
fn before_a_piece_is_written() {
    check_point("compact-carrying");
}

#[test]
fn before_the_index_has_a_piece() {
    check_point("compact-carried");
}

#[test]
fn before_a_checkpoint_of_what_was_carried() {
    check_point("compact-segment-carried");
}

#[test]
fn before_the_going_of_a_segment_is_noted() {
    check_point("compact-checkpointed");
}

#[test]
fn when_the_going_of_a_segment_is_noted() {
    check_point("compact-noted");
}

#[test]
fn when_a_segment_is_gone() {
    check_point("compact-removed");
}
