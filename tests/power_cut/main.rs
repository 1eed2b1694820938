//! The power is cut while the real program takes jobs, on a disk of its own: what was acknowledged is there
//! afterwards, whole. And with a sync left out it is not, which shows that these tests would tell.
//!
//! To mount a disk takes root and loop devices. Where there are none this is said, and power cuts are left to
//! `src/store/power_cut/`, which needs neither.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod disk;

use clients::{Acknowledged, broken_promises, submit_until};
use disk::Disk;
use support::client::Place;
use support::home::Home;

/// How many cuts a disk goes through; a tenth of `SPOOL_ROUNDS` where that is more.
const ROUNDS: usize = 3;
/// Answers before the first cut.
const ANSWERS: usize = 15;

fn rounds() -> usize {
    let told = std::env::var("SPOOL_ROUNDS").ok().and_then(|rounds| rounds.parse::<usize>().ok());
    told.unwrap_or_default().div_ceil(10).max(ROUNDS)
}

/// A server and a disk for its state; nothing where no disk can be mounted.
struct Stage {
    /// Unmounted before the directory goes in which it is mounted.
    disk: Disk,
    home: Home,
    acknowledged: Acknowledged,
}

impl Stage {
    fn new() -> Option<Stage> {
        let home = Home::new(&[("paper", "file:STATE/printed")]);
        match Disk::mount(&home.state()) {
            Ok(disk) => Some(Stage { disk, home, acknowledged: Acknowledged::new() }),
            Err(why) => {
                println!("no disk can be mounted here, power cuts are played back in src/store alone: {why}");
                None
            }
        }
    }

    /// A life with these failpoints, in which the power is cut.
    fn live_and_cut(&mut self, round: usize, failpoints: &str) {
        let Stage { disk, home, acknowledged } = self;
        let mut life = home.start_dying(failpoints);
        life.ready();
        let answers = ANSWERS + round * 7 % 30;
        let heard = submit_until(&Place::Tcp(home.http), round, answers, || {
            disk.cut_power();
            // Nobody answers who has no power.
            life.kill();
        });
        disk.restore_power();
        let again: Vec<_> = heard.values().filter(|id| acknowledged.values().any(|old| old == *id)).collect();
        assert!(again.is_empty(), "numbers were given twice: {again:?}");
        acknowledged.extend(heard);
    }

    /// What the next start has lost.
    fn losses(&self) -> Vec<String> {
        let mut life = self.home.start_dying("");
        match life.until_dead("it is ready", |life| life.is_ready().then_some(())) {
            Some(()) => broken_promises(&life, &Place::Unix(self.home.socket()), &self.acknowledged),
            None => vec![format!("it does not start:\n{}", life.log())],
        }
    }
}

#[test]
fn what_was_acknowledged_is_there_after_every_cut() {
    let Some(mut stage) = Stage::new() else { return };
    for round in 0..rounds() {
        stage.live_and_cut(round, "");
        assert_eq!(stage.losses(), Vec::<String>::new(), "round {round}");
    }
}

/// The same with this sync left out, in a store that has been in use. The other syncs are missed by no disk with ext4
/// on it, which writes the names of files and small files that are replaced with whatever is synced next.
fn check_missed(sync: &str) {
    let Some(mut stage) = Stage::new() else { return };
    stage.live_and_cut(0, "");
    assert_eq!(stage.losses(), Vec::<String>::new());
    stage.live_and_cut(1, &format!("skip-sync-{sync}=return(skip)"));
    let losses = stage.losses();
    println!("without the sync of the {sync}: {} losses, such as {:?}", losses.len(), losses.first());
    assert!(!losses.is_empty(), "the sync of the {sync} is missed by nobody");
}

#[test]
fn without_the_sync_of_the_journal_acknowledged_jobs_are_lost() {
    check_missed("journal");
}

#[test]
fn without_the_sync_of_documents_their_bytes_are_lost() {
    check_missed("document");
}
