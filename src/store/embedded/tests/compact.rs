//! The journal is compacted while the store is in use, and the store stays what it is.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use super::full::{Tmpfs, lose_the_index};
use super::*;
use crate::model::commit::Remove;
use crate::model::job::JobEvent;
use crate::store::backup::Backups;
use crate::store::conformance::make::happen;
use crate::store::journal::{self, Begin, bytes_of};
use crate::store::recover::recover;

const SEGMENT: u64 = 64 * 1024;
/// Jobs that are accepted together.
const BATCH: u32 = 50;
/// One of so many jobs stays.
const STAYS: u32 = 10;

/// Small segments that are compacted as soon as there is anything to gain.
pub(in crate::store) fn eager() -> Options {
    Options {
        checkpoint_every: Duration::from_millis(20),
        cache_bytes: 8 << 20,
        journal: journal::Options { segment_bytes_max: SEGMENT },
        compaction: Compaction {
            slack_bytes: 2 * SEGMENT,
            look_every: Duration::from_millis(5),
            count_every: Duration::ZERO,
        },
    }
}

/// As [`eager`], but never compacted.
pub(in crate::store) fn lazy() -> Options {
    let never = Duration::from_secs(3600);
    Options { compaction: Compaction { look_every: never, ..Compaction::default() }, ..eager() }
}

fn open(path: &Path, options: Options) -> Life {
    Life::try_open_with(path, options).expect("opens")
}

pub(in crate::store) fn stays(id: u32) -> bool {
    id.is_multiple_of(STAYS)
}

/// Accepts jobs, and takes most of them away again with their documents. `done` hears of each batch.
pub(in crate::store) fn use_up(life: &Life, ids: std::ops::RangeInclusive<u32>, mut done: impl FnMut(u32)) {
    for first in ids.clone().step_by(BATCH as usize) {
        let batch = || first..=(first + BATCH - 1).min(*ids.end());
        life.accept(batch());
        for removal in [end, remove] {
            let answers: Vec<_> =
                batch().filter(|id| !stays(*id)).map(|id| life.store.commit(removal(id))).collect();
            for answer in answers {
                life.wait(answer).expect("there is room");
            }
        }
        done(*batch().end());
    }
}

/// Takes a job away that may have been canceled already.
#[cfg(feature = "failpoints")]
pub(super) fn take_away(life: &Life, job: &Job) {
    if !job.status.is_final() {
        life.commit(end(job.id.0)).expect("there is room");
    }
    life.commit(remove(job.id.0)).expect("there is room");
}

fn end(id: u32) -> Commit {
    happen(&accept(id).jobs[0], JobEvent::Cancel, WallTime(5)).expect("a job that waits can be canceled")
}

fn remove(id: u32) -> Commit {
    let remove = vec![Remove::Job(JobId(id)), Remove::Document(DocumentId(id.into()))];
    Commit { remove, ..Commit::default() }
}

/// Of the jobs 1 to `n` those that stay are there, whole, and no other.
pub(in crate::store) fn check_left(life: &Life, n: u32) {
    let left: Vec<u32> = (1..=n).filter(|id| stays(*id)).collect();
    assert_eq!(life.ids(), left);
    left.iter().for_each(|id| life.check_job(*id));
    assert_eq!(life.store.counts_total().jobs, left.len() as u64);
}

/// Rows without the ring of events, in which each piece has its place.
pub(in crate::store) fn rows(life: &Life) -> Vec<Row> {
    life.rows().into_iter().filter(|(key, _)| key.first() != Some(&b'E')).collect()
}

fn files(path: &Path) -> journal::Directory {
    journal::Directory::new(path).expect("a directory")
}

fn total(path: &Path) -> u64 {
    bytes_of(&files(path)).unwrap_or(u64::MAX)
}

fn oldest(path: &Path) -> u32 {
    Begin::read(&files(path)).expect("readable").segment
}

/// Until the journal is as short as it is to be: twice what is live, the slack, and what was written since.
fn until_short(path: &Path, live: u64) {
    until("the journal is compacted", || total(path) <= 2 * live + 4 * SEGMENT);
}

/// A generous bound for what `jobs` jobs take in the journal: keys, events, documents.
fn live(jobs: u64, commits: u64) -> u64 {
    jobs * 2000 + commits * 64
}

#[test]
fn the_journal_stays_short_while_jobs_come_and_go() {
    const JOBS: u32 = 3000;
    let (_parent, path) = state();
    let life = open(&path, eager());
    use_up(&life, 1..=JOBS, |_| {});
    let most = live(u64::from(JOBS / STAYS), u64::from(3 * JOBS));
    until_short(&path, most);
    assert!(oldest(&path) > 1, "it begins with segment {}", oldest(&path));
    assert!(!path.join("journal/00000001.seg").exists());
    check_left(&life, JOBS);
    let before = rows(&life);
    life.close();
    let life = open(&path, lazy());
    check_left(&life, JOBS);
    assert!(rows(&life) == before);
    drop(life);
    // The journal alone is still the whole truth.
    fs::remove_dir_all(path.join("sled")).expect("ours");
    let report = recover(&path, &mut |_| {}).expect("recovers");
    assert!(report.is_complete(), "{report}");
    let life = open(&path, lazy());
    check_left(&life, JOBS);
}

#[test]
fn what_is_all_live_is_left_alone() {
    let (_parent, path) = state();
    let life = open(&path, eager());
    life.accept(1..=600);
    let seq = life.store.last_seq();
    // Many looks later.
    let mut looks = 0;
    until("it was looked at often", || {
        looks += 1;
        looks > 40
    });
    assert_eq!((life.store.last_seq(), oldest(&path)), (seq, 1));
    life.check(600);
}

#[test]
fn what_was_dead_before_the_start_goes_after_it() {
    const JOBS: u32 = 1000;
    let (_parent, path) = state();
    let life = open(&path, lazy());
    use_up(&life, 1..=JOBS, |_| {});
    assert_eq!(oldest(&path), 1);
    let before = rows(&life);
    life.close();
    let life = open(&path, eager());
    until("the first segment goes", || oldest(&path) > 1);
    until_short(&path, live(u64::from(JOBS / STAYS), u64::from(3 * JOBS)));
    assert!(rows(&life) == before);
    check_left(&life, JOBS);
    life.accept([JOBS + STAYS]);
    check_left(&life, JOBS + STAYS);
}

#[test]
fn subscribers_miss_nothing() {
    let (_parent, path) = state();
    let life = open(&path, eager());
    let (mut after, mut heard) = (CommitSeq(0), BTreeSet::new());
    let mut listen = |_| loop {
        let last = life.store.last_seq();
        match life.wait(life.store.events_since(after, 100)).expect("readable") {
            EventsSince::Events(events) if events.is_empty() => break after = last,
            EventsSince::Events(events) => {
                after = events.last().expect("one").seq;
                heard.extend(events.into_iter().map(|event| format!("{:?}", event.subject)));
            }
            EventsSince::Reset => panic!("events after {after} were forgotten"),
        }
    };
    use_up(&life, 1..=1000, &mut listen);
    until("the first segment goes", || oldest(&path) > 1);
    listen(0);
    let expected: BTreeSet<String> =
        (1..=1000).map(|id| format!("{:?}", crate::model::event::Subject::Job(JobId(id)))).collect();
    assert_eq!(heard, expected);
}

#[test]
fn documents_are_read_while_they_move() {
    const JOBS: u32 = 400;
    let (_parent, path) = state();
    let life = open(&path, eager());
    use_up(&life, 1..=JOBS, |_| {});
    let (documents, ending) = (life.documents.clone(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut read = 0_u64;
            while !ending.load(std::sync::atomic::Ordering::Acquire) {
                for id in (1..=JOBS).filter(|id| stays(*id)) {
                    let mut bytes = Vec::new();
                    let body = documents.open(DocumentId(id.into()), BodyPlace::Inline);
                    body.expect("there").read_to_end(&mut bytes).expect("readable");
                    assert_eq!(bytes, body_of(id));
                    read += 1;
                }
            }
            read
        });
        use_up(&life, JOBS + 1..=2 * JOBS, |_| {});
        until("they have moved", || oldest(&path) > 4);
        ending.store(true, std::sync::atomic::Ordering::Release);
        assert!(reader.join().expect("reads") > 0);
    });
}

#[test]
fn a_document_that_moves_while_it_is_read_is_looked_for_again() {
    let at = |segment| BodyAt { segment, offset: 2000, len: 1, crc: 0 };
    let gone = || JournalError::Poisoned { why: "gone".to_owned() };
    let read = |places: Vec<Option<u32>>, there: u32| {
        let mut places = places.into_iter();
        let place = || Ok(places.next().expect("asked for once more only").map(at));
        let bytes = |at: &BodyAt| if at.segment == there { Ok(vec![7]) } else { Err(gone()) };
        read_where_it_is(place, bytes).expect("places can be read")
    };
    assert_eq!(read(vec![Some(1), Some(5)], 5).expect("there").expect("read"), [7]);
    assert_eq!(read(vec![Some(1), Some(3), Some(5)], 5).expect("there").expect("read"), [7]);
    assert!(read(vec![Some(1), Some(1)], 5).expect("there").is_err(), "it stays where it cannot be read");
    assert!(read(vec![Some(1), None], 5).is_none(), "it was removed meanwhile");
}

#[test]
fn a_copy_made_meanwhile_is_whole() {
    const JOBS: u32 = 2000;
    let (parent, path) = state();
    let life = open(&path, lazy());
    use_up(&life, 1..=JOBS, |_| {});
    life.close();
    let life = open(&path, eager());
    let backups = life.store.backups(life.documents.clone());
    until("the first segment goes", || oldest(&path) > 1);
    for n in 0..4 {
        let tar = parent.path().join(format!("copy-{n}.tar"));
        let mut file = File::create(&tar).expect("ours");
        backups.write(&mut |_| {}, &mut file).expect("copied");
        let image = parent.path().join(format!("copy-{n}"));
        fs::create_dir(&image).expect("ours");
        let done = Command::new("tar").arg("-xf").arg(&tar).arg("-C").arg(&image).status();
        assert!(done.expect("tar runs").success());
        let report = recover(&image, &mut |_| {}).expect("recovers");
        assert!(report.is_complete(), "{report}");
        check_left(&open(&image, lazy()), JOBS);
    }
}

#[test]
fn no_segment_goes_while_a_copy_is_made() {
    let (_parent, path) = state();
    let life = open(&path, lazy());
    use_up(&life, 1..=1000, |_| {});
    life.close();
    let life = open(&path, eager());
    let kept = life.store.shared.keep_segments();
    until("a segment is carried", || {
        let carried = life.store.shared.look(|kv| kv.get(mark::CARRIED)).expect("readable");
        carried.and_then(|at| mark::decode_position(&at)).is_some_and(|at| at.segment > oldest(&path))
    });
    assert!(path.join(format!("journal/{:08}.seg", oldest(&path))).exists());
    let from = oldest(&path);
    drop(kept);
    until("it goes", || oldest(&path) > from);
}

/// The first piece is lost after it was carried: its segment must not go before all of it was carried again.
#[test]
fn after_a_recovery_nothing_counts_as_carried() {
    let (_parent, path) = state();
    let life = open(&path, lazy());
    use_up(&life, 1..=1000, |_| {});
    life.close();
    let piece =
        mark::Checkpoint::read(&path.join("checkpoint")).expect("readable").expect("there").applied.position;
    let carried = |life: &Life| {
        let carried = life.store.shared.look(|kv| kv.get(mark::CARRIED)).expect("readable");
        carried.and_then(|at| mark::decode_position(&at)).map_or(0, |at| at.segment)
    };
    let life = open(&path, eager());
    let kept = life.store.shared.keep_segments();
    // More than one piece, so that a later one says how far it went.
    until("segments are carried", || carried(&life) > 3);
    drop(kept);
    // Without another look.
    drop(life);
    assert_eq!(oldest(&path), 1, "it went at once");
    let damage = |segment: u32, at: u64| {
        let name = path.join(format!("journal/{segment:08}.seg"));
        let file = OpenOptions::new().read(true).write(true).open(name).ok()?;
        (file.metadata().ok()?.len() > at).then(|| file.write_all_at(&[0xff; 8], at).expect("written"))
    };
    let hit = damage(piece.segment, piece.offset + 60);
    hit.or_else(|| damage(piece.segment + 1, journal::SEGMENT_HEADER_BYTES + 60)).expect("a piece is there");
    fs::remove_dir_all(path.join("sled")).expect("ours");
    let report = recover(&path, &mut |_| {}).expect("recovers");
    assert_eq!((report.is_complete(), report.jobs), (false, 100), "{report}");
    let life = open(&path, eager());
    until("the first segment goes", || oldest(&path) > 1);
    life.close();
    fs::remove_dir_all(path.join("sled")).expect("ours");
    recover(&path, &mut |_| {}).expect("recovers");
    check_left(&open(&path, lazy()), 1000);
}

#[test]
fn an_index_that_is_lost_meanwhile_is_built_anew_from_what_is_left() {
    let (_parent, path) = state();
    let life = open(&path, eager());
    use_up(&life, 1..=1000, |_| {});
    until("the first segment goes", || oldest(&path) > 1);
    lose_the_index(&life, &path);
    let next = (0..100).find_map(|_| life.commit(accept(1010)).ok());
    assert!(next.is_some(), "it takes commits again");
    check_left(&life, 1010);
    assert_eq!(*life.store.broken().borrow(), None);
}

#[test]
fn a_store_closes_at_once_while_it_is_compacted() {
    let (_parent, path) = state();
    let life = open(&path, lazy());
    use_up(&life, 1..=2000, |_| {});
    life.close();
    for _ in 0..5 {
        let life = open(&path, eager());
        let seq = life.store.last_seq();
        until("it has begun", || life.store.last_seq() > seq || oldest(&path) > 20);
        let clock = crate::clock::Clock::machine();
        let begun = clock.now().mono;
        life.close();
        let took = clock.now().mono.since(begun);
        assert!(took < Duration::from_secs(5), "closing took {took:?}");
    }
    check_left(&open(&path, lazy()), 2000);
}

/// The dead part of the journal is what fills the disk, and there is little room to carry the rest.
#[test]
fn a_full_disk_is_made_room_on() {
    const BYTES: u64 = 48 << 20;
    let (_parent, path) = state();
    let Some(tmpfs) = Tmpfs::mount(&path, BYTES) else { panic!("this test must be run as root") };
    let life = open(&path, lazy());
    let filler =
        |n: u64| Commit { settings: vec![("filler".to_owned(), vec![n as u8; 60_000])], ..Commit::default() };
    life.accept((1..=100).filter(|id| stays(*id)));
    let refused = (0..10_000).find_map(|n| match life.wait(life.store.commit(filler(n))) {
        Ok(_) if life.documents.free_bytes().is_ok_and(|free| free > 12 << 20) => None,
        Ok(_) => Some(()),
        Err(error) => panic!("{error}"),
    });
    refused.expect("the disk fills up");
    let new = 110;
    assert_eq!(life.commit(accept(new)), Err(CommitError::Full), "no room for new documents");
    life.close();
    let life = open(&path, eager());
    until("there is room again", || life.commit(accept(new)).is_ok());
    until("most of it is gone", || total(&path) < 10 << 20);
    check_left(&life, new);
    drop((life, tmpfs));
}
