//! Power cuts, played back: everything that the store does to its directory is noted, and for every sync, and for
//! moments between two, the directory is built as a disk may have it when the power goes there. The next start must
//! find all that was promised, and nothing by half.

mod check;
mod load;
mod platter;

use std::path::{Path, PathBuf};

use check::{Found, Recovery, check, start};
use load::{Past, record};
use platter::{Image, IndexIs, Unsynced};

use super::conformance::make::Chance;
use super::disk::Synced;
use super::disk::tape::{Event, Tape};

/// Cuts at moments that are drawn, of each recording.
const DRAWN: u64 = 100;
/// Starts of each recording that are cut as well.
const STARTS: u64 = 10;
/// Cuts of one start.
const CUTS_OF_A_START: u64 = 6;

/// Recordings that are played back: one, or a tenth of `SPOOL_ROUNDS`.
fn rounds() -> u64 {
    let told = std::env::var("SPOOL_ROUNDS").ok().and_then(|rounds| rounds.parse::<u64>().ok());
    told.unwrap_or(1).div_ceil(10)
}

/// A cut, and what the disk makes of it.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// Events that were done.
    at: usize,
    unsynced: Unsynced,
    index: IndexIs,
}

impl Cut {
    /// Any moment after the first `done` events. Every other time it is one at which something is about to be synced.
    fn draw(events: &[Event], done: usize, chance: &mut Chance) -> Cut {
        let syncs = events.iter().enumerate().skip(done).filter(|(_, event)| is_sync(event));
        let syncs: Vec<usize> = syncs.map(|(at, _)| at).collect();
        let at = match chance.once_in(2) && !syncs.is_empty() {
            true => chance.pick(&syncs),
            false => done + chance.size(1 + events.len() - done),
        };
        let unsynced = match chance.below(6) {
            0 => Unsynced::Lost,
            1 => Unsynced::Kept,
            2 => Unsynced::Torn,
            _ => Unsynced::Drawn,
        };
        let others = [IndexIs::Seen, IndexIs::Older, IndexIs::Torn, IndexIs::Empty];
        let index = if chance.once_in(2) { IndexIs::Synced } else { chance.pick(&others) };
        Cut { at, unsynced, index }
    }

    /// Puts the disk to `root`.
    fn write(self, events: &[Event], root: &Path, chance: &mut Chance) {
        Image::after(&events[..self.at], self.unsynced, self.index, chance).write(root);
    }

    /// What may be asked of the one who starts it again.
    fn recovery(self) -> Recovery {
        match self.index {
            IndexIs::Synced => Recovery::Needless,
            IndexIs::Seen | IndexIs::Older | IndexIs::Torn | IndexIs::Empty => Recovery::Allowed,
        }
    }

    /// The next start finds the disk, and what it should.
    fn play(self, past: &Past, chance: &mut Chance) -> Result<Found, String> {
        let (_directory, root) = fast_directory();
        self.write(&past.events, &root, chance);
        check(past, self.at, &root, self.recovery()).map_err(|why| format!("{self:?}: {why}"))
    }
}

/// Where a sync costs nothing, if there is such a place: what is tried there is over when the test is.
fn fast_directory() -> (tempfile::TempDir, PathBuf) {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let directory = made.expect("a temporary directory");
    let root = directory.path().canonicalize().expect("it is there").join("state");
    (directory, root)
}

fn recorded(seed: u64) -> Past {
    let directory = tempfile::tempdir().expect("a temporary directory");
    record(&directory.path().canonicalize().expect("it is there").join("state"), seed)
}

/// Moments at which a promise may just have been made: the ends of all syncs, and all answers.
fn promising(past: &Past) -> Vec<usize> {
    let syncs = past.events.iter().enumerate().filter(|(_, event)| is_sync(event)).map(|(at, _)| at + 1);
    let answers = past.clients.iter().flatten().map(|step| step.answered);
    let mut moments: Vec<usize> = syncs.chain(answers).collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

fn is_sync(event: &Event) -> bool {
    matches!(event, Event::SyncFile { .. } | Event::SyncDirectory { .. } | Event::SyncIndex { .. })
}

/// The first promise that a disk breaks that has nothing but what was synced.
fn first_loss(past: &Past) -> Option<String> {
    let cut = |at| Cut { at, unsynced: Unsynced::Lost, index: IndexIs::Synced };
    promising(past).into_iter().find_map(|at| cut(at).play(past, &mut Chance(0)).err())
}

#[test]
fn after_every_sync_and_every_answer_a_cut_loses_nothing() {
    for seed in 0..rounds() {
        assert_eq!(first_loss(&recorded(seed)), None, "recording {seed}");
    }
}

#[test]
fn whatever_a_disk_makes_of_what_was_not_synced_nothing_is_lost() {
    for seed in 100..100 + rounds() {
        let past = recorded(seed);
        let mut chance = Chance(seed);
        let mut found = Found::default();
        for _ in 0..DRAWN {
            let cut = Cut::draw(&past.events, 0, &mut chance);
            found += cut.play(&past, &mut chance).unwrap_or_else(|why| panic!("recording {seed}: {why}"));
        }
        println!("of {DRAWN} cuts: {found:?}");
        let Found { recovered, replayed, swept, .. } = found;
        assert!([recovered, replayed, swept].iter().all(|cases| *cases > 0), "too tame: {found:?}");
    }
}

#[test]
fn a_torn_write_of_the_journal_takes_nothing_along() {
    for seed in 400..400 + rounds() {
        let past = recorded(seed);
        let mut chance = Chance(seed);
        let mut found = Found::default();
        let of_journal =
            |event: &Event| matches!(event, Event::SyncFile { what, .. } if *what == Synced::Journal);
        for at in (0..past.events.len()).filter(|at| of_journal(&past.events[*at])) {
            let cut = Cut { at, unsynced: Unsynced::Torn, index: IndexIs::Synced };
            found += cut.play(&past, &mut chance).unwrap_or_else(|why| panic!("recording {seed}: {why}"));
        }
        println!("torn: {found:?}");
        assert!(found.torn > 0, "no write was torn");
    }
}

#[test]
fn a_start_after_a_cut_may_be_cut_too() {
    for seed in 200..200 + rounds() {
        let past = recorded(seed);
        let mut chance = Chance(seed);
        for _ in 0..STARTS {
            let cut = Cut::draw(&past.events, 0, &mut chance);
            let (_directory, root) = fast_directory();
            cut.write(&past.events, &root, &mut chance);
            let tape = Tape::start(&root);
            let found = tape.len();
            let started = start(&root, cut.recovery()).map(drop);
            tape.stop();
            started.unwrap_or_else(|why| panic!("recording {seed}: {cut:?}: {why}"));
            let events = tape.events();
            for _ in 0..CUTS_OF_A_START {
                let again = Cut::draw(&events, found, &mut chance);
                let (_directory, root) = fast_directory();
                again.write(&events, &root, &mut chance);
                check(&past, cut.at, &root, Recovery::Allowed)
                    .unwrap_or_else(|why| panic!("recording {seed}: {cut:?}, then {again:?}: {why}"));
            }
        }
    }
}

/// A sync that was left out.
#[derive(Debug)]
enum LeftOut {
    File(Synced),
    Directory(&'static str),
}

impl LeftOut {
    /// The same events, with nothing made durable by these syncs once there was a first answer.
    fn of(&self, past: &mut Past) {
        let first = past.clients.iter().flatten().map(|step| step.answered).min().expect("there are answers");
        for event in &mut past.events[first..] {
            match (self, &mut *event) {
                (LeftOut::File(Synced::Index), Event::SyncIndex { files }) => {
                    *event = Event::SeeIndex { files: files.clone() };
                }
                (LeftOut::File(left), Event::SyncFile { what, covers, .. }) if left == what => *covers = 0,
                (LeftOut::Directory(left), Event::SyncDirectory { path, covers })
                    if path == Path::new(left) =>
                {
                    *covers = 0;
                }
                _ => {}
            }
        }
    }
}

/// What finds nothing proves nothing: each sync is needed, and a store without it is found out.
#[test]
fn every_sync_that_is_left_out_is_found() {
    let syncs = [
        LeftOut::File(Synced::Journal),
        LeftOut::File(Synced::Document),
        LeftOut::File(Synced::SmallFile),
        LeftOut::File(Synced::Index),
        LeftOut::Directory("journal"),
        LeftOut::Directory("documents"),
        LeftOut::Directory(""),
    ];
    for left_out in syncs {
        let mut past = recorded(300);
        left_out.of(&mut past);
        let loss = first_loss(&past);
        println!("{left_out:?}: {loss:?}");
        assert!(loss.is_some(), "{left_out:?} is missed by nobody");
    }
}
