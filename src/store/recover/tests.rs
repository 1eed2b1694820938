use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use super::*;
use crate::model::commit::Commit;
use crate::model::fleet::Numbers;
use crate::model::id::{CommitSeq, DocumentId, JobId};
use crate::model::intake::numbers::{BLOCK, Reserved, SETTING};
use crate::store::Store;
use crate::store::embedded::tests::{Life, QUEUE, accept, closed, compact, copy, until};
use crate::store::journal;
use crate::store::keys;
use crate::store::read::Row;
use crate::store::sled::Index;

fn recovered(path: &Path) -> Report {
    let report = recover(path, &mut |_| {}).expect("recovers");
    assert!(!report.to_string().is_empty());
    report
}

fn rows(path: &Path) -> Vec<Row> {
    let life = Life::open(path);
    let rows = life.rows();
    life.close();
    rows
}

/// Every table is what it was; only numbers may have been raised.
fn check_same(path: &Path, before: &[Row]) {
    let settings = [SETTING, Numbers::PRINTERS_SETTING, Numbers::POOLS_SETTING];
    let numbers = settings.map(keys::setting);
    let after: Vec<Row> = rows(path).into_iter().filter(|(key, _)| !numbers.contains(key)).collect();
    assert!(after == before, "{} rows were {}", after.len(), before.len());
}

/// Changes an index behind the store's back.
fn tamper(path: &Path, change: impl FnOnce(&Index)) {
    let index = Index::open(&path.join("sled"), 1 << 20).expect("opens");
    change(&index);
    index.sync().expect("written");
}

fn put(key: Vec<u8>, value: Option<&[u8]>) -> Vec<crate::store::journal::Op> {
    vec![crate::store::journal::Op { key, value: value.map(<[u8]>::to_vec) }]
}

#[test]
fn a_whole_store_stays_as_it_is() {
    let (_parent, path) = closed(20);
    let before = rows(&path);
    let report = recovered(&path);
    assert_eq!((&report.index, report.is_complete(), report.jobs), (&IndexFate::Kept, true, 20));
    assert_eq!(report.entries_added + report.entries_removed + report.counters_repaired, 0);
    check_same(&path, &before);
    Life::open(&path).check(20);
}

#[test]
fn a_lost_index_is_built_anew() {
    for damage in ["missing", "empty", "cut", "older", "checkpoint"] {
        let (parent, path) = closed(3);
        let older = parent.path().join("older");
        copy(&path.join("sled"), &older);
        let life = Life::open(&path);
        life.accept(4..=300);
        let before = life.rows();
        life.close();
        let sled = path.join("sled");
        match damage {
            "missing" => fs::remove_dir_all(&sled).expect("ours"),
            "empty" => {
                fs::remove_dir_all(&sled).expect("ours");
                drop(Index::open(&sled, 1 << 20).expect("a new one"));
            }
            "cut" => {
                let file = OpenOptions::new().write(true).open(sled.join("db")).expect("ours");
                file.set_len(5000).expect("cut");
            }
            "older" => {
                fs::remove_dir_all(&sled).expect("ours");
                copy(&older, &sled);
            }
            _ => fs::write(path.join("checkpoint"), b"nothing").expect("ours"),
        }
        assert!(Life::try_open(&path).is_err(), "{damage}");
        let report = recovered(&path);
        assert_eq!((report.is_complete(), report.jobs), (true, 300), "{damage}: {report}");
        match (damage, &report.index) {
            ("missing", IndexFate::Missing) => {}
            (_, IndexFate::SetAside(aside)) => assert!(aside.starts_with(path.join("damaged"))),
            (_, fate) => panic!("{damage}: {fate:?}"),
        }
        check_same(&path, &before);
        let life = Life::open(&path);
        life.check(300);
        life.accept([301]);
        life.check(301);
    }
}

#[test]
fn a_recovery_can_be_done_again() {
    let (_parent, path) = closed(30);
    let before = rows(&path);
    for n in 1..=3 {
        fs::remove_dir_all(path.join("sled")).expect("ours");
        let report = recovered(&path);
        assert_eq!(report.jobs, 30, "time {n}");
        check_same(&path, &before);
    }
}

#[test]
fn what_only_the_index_has_goes_back_to_the_journal() {
    let (_parent, path) = closed(30);
    let before = rows(&path);
    let segment = path.join("journal/00000001.seg");
    let len = fs::metadata(&segment).expect("there").len();
    OpenOptions::new().write(true).open(&segment).expect("ours").set_len(len / 2).expect("cut");
    assert!(Life::try_open(&path).is_err());
    let report = recovered(&path);
    assert_eq!((&report.index, report.jobs), (&IndexFate::Kept, 30), "{report}");
    check_same(&path, &before);
    // Now the journal knows them too.
    fs::remove_dir_all(path.join("sled")).expect("ours");
    assert_eq!(recovered(&path).jobs, 30);
    check_same(&path, &before);
}

#[test]
fn damage_in_the_middle_of_the_journal_costs_what_it_hit() {
    let (_parent, path) = closed(0);
    let life = Life::open(&path);
    for id in 1..=30 {
        life.accept([id]);
    }
    let reserved = Reserved { job: 31, document: 31, accepted: 31 };
    let settings = vec![(SETTING.to_owned(), reserved.to_bytes())];
    life.commit(Commit { settings, ..Commit::default() }).expect("there is room");
    life.close();
    let segment = OpenOptions::new().write(true).open(path.join("journal/00000001.seg")).expect("ours");
    segment.write_all_at(&[0xff; 16], 10_000).expect("written");
    fs::remove_dir_all(path.join("sled")).expect("ours");
    fs::write(path.join("documents/7777"), "of a job that was lost").expect("written");
    let report = recovered(&path);
    assert!(!report.is_complete() && report.jobs >= 28, "{report}");
    let (files, kept) = report.documents_kept.expect("not swept");
    assert_eq!((files, kept.join("7777").exists()), (1, true));
    let life = Life::open(&path);
    assert_eq!(life.store.counts(QUEUE).jobs, report.jobs);
    assert_eq!(life.ids().len() as u64, report.jobs);
    let bytes = life.wait(life.store.setting(SETTING)).expect("readable").expect("there");
    let after = Reserved::from_bytes(&bytes).expect("numbers");
    assert!(after.job > 31 + 2 * BLOCK && after.document > 31 + 2 * BLOCK, "{after:?}");
}

#[test]
fn lists_and_counters_are_set_right() {
    let (_parent, path) = closed(10);
    let before = rows(&path);
    tamper(&path, |index| {
        let lists = keys::lists_of(&accept(3).jobs[0]);
        index.apply(put(lists[0].clone(), None)).expect("applied");
        index.apply(put(lists[3].clone(), None)).expect("applied");
        let nobody = keys::listed(&keys::by_queue(QUEUE), JobId(99));
        index.apply(put(nobody, Some(b""))).expect("applied");
        index.apply(put(keys::counts(QUEUE), None)).expect("applied");
    });
    let report = recovered(&path);
    assert_eq!((report.entries_added, report.entries_removed, report.counters_repaired), (2, 1, 1));
    check_same(&path, &before);
    // And the journal has it too.
    fs::remove_dir_all(path.join("sled")).expect("ours");
    recovered(&path);
    check_same(&path, &before);
}

#[test]
fn records_that_cannot_be_read_are_kept_outside() {
    let (_parent, path) = closed(10);
    tamper(&path, |index| index.apply(put(keys::job(JobId(4)), Some(b"not a job"))).expect("applied"));
    let report = recovered(&path);
    assert_eq!((report.bad_records, report.jobs, report.is_complete()), (1, 9, false), "{report}");
    let kept = fs::read_to_string(report.records_file.as_ref().expect("kept")).expect("readable");
    let line = format!("{} {}\n", hex::encode(keys::job(JobId(4))), hex::encode("not a job"));
    assert_eq!(kept, line);
    let life = Life::open(&path);
    assert_eq!(life.ids(), [1, 2, 3, 5, 6, 7, 8, 9, 10]);
    assert_eq!(life.store.counts(QUEUE).jobs, 9);
}

#[test]
fn a_record_of_a_newer_version_stops_a_recovery() {
    let (_parent, path) = closed(2);
    tamper(&path, |index| {
        let mut record = index.value(&keys::job(JobId(1))).expect("readable").expect("there");
        record[3] += 1;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[8..]);
        record[4..8].copy_from_slice(&crc.to_be_bytes());
        index.apply(put(keys::job(JobId(1)), Some(&record))).expect("applied");
    });
    let error = recover(&path, &mut |_| {}).expect_err("newer");
    assert!(matches!(error, RecoverError::Newer { .. }), "{error}");
}

#[test]
fn a_lost_body_is_reported_and_its_job_stays() {
    let (_parent, path) = closed(3);
    tamper(&path, |index| {
        let key = crate::store::embedded::mark::body_key(2);
        index.apply(put(key, None)).expect("applied");
    });
    let report = recovered(&path);
    assert_eq!(report.lost_bodies_named, [LostBody { job: JobId(2), document: DocumentId(2) }]);
    assert_eq!(Life::open(&path).ids(), [1, 2, 3]);
}

#[test]
fn progress_is_heard_of_and_an_empty_store_is_one() {
    let (_parent, path) = closed(0);
    let report = recovered(&path);
    assert_eq!((report.is_complete(), report.numbers_raised), (true, false));
    assert_eq!(Life::open(&path).store.last_seq(), CommitSeq(0));
}

/// A store at three moments, compacted between them; the last job that was accepted by then.
fn ages() -> (tempfile::TempDir, Vec<(PathBuf, u32)>) {
    let (parent, path) = crate::store::embedded::tests::state();
    let mut ages = Vec::new();
    for age in 0..3 {
        let life = Life::try_open_with(&path, compact::eager()).expect("opens");
        let (begun, last) = (oldest(&path), (age + 1) * 400);
        compact::use_up(&life, last - 399..=last, |_| {});
        until("it is compacted", || oldest(&path) > begun);
        life.close();
        let image = parent.path().join(format!("age-{age}"));
        copy(&path, &image);
        ages.push((image, last));
    }
    (parent, ages)
}

fn oldest(path: &Path) -> u32 {
    journal::oldest(&Directory::new(path).expect("there")).expect("readable")
}

/// Journal, index and checkpoint, each of any age: what cannot be is refused with the way out, and after a recovery
/// every job is there that the journal knows, and none that had gone by then.
#[test]
fn parts_of_different_ages_are_refused_or_right() {
    let (parent, ages) = ages();
    let mixed = parent.path().join("mixed");
    for n in 0..27 {
        let [of_journal, of_sled, of_checkpoint] = [n % 3, n / 3 % 3, n / 9];
        copy(&ages[2].0, &mixed);
        for (part, age) in [("journal", of_journal), ("sled", of_sled), ("checkpoint", of_checkpoint)] {
            let to = mixed.join(part);
            fs::remove_dir_all(&to).or_else(|_| fs::remove_file(&to)).expect("ours");
            copy(&ages[age].0.join(part), &to);
        }
        let name = format!("journal {of_journal}, sled {of_sled}, checkpoint {of_checkpoint}");
        let left = |age: usize| -> Vec<u32> { (1..=ages[age].1).filter(|id| compact::stays(*id)).collect() };
        match Life::try_open(&mixed) {
            Ok(life) => assert_eq!(life.ids(), left(of_journal), "{name}: it opened"),
            Err(error) => assert!(error.to_string().contains("spool recover"), "{name}: {error}"),
        }
        let report = recovered(&mixed);
        let life = Life::open(&mixed);
        let age = if report.index == IndexFate::Kept { of_sled.max(of_journal) } else { of_journal };
        assert_eq!(life.ids(), left(age), "{name}: {report}");
        left(of_journal).into_iter().for_each(|id| life.check_job(id));
        let known = of_journal.max(of_checkpoint);
        let is_lost = report.index != IndexFate::Kept && known > of_journal;
        assert!(!is_lost || report.commits_missing > 0, "{name}: {report}");
        drop(life);
        fs::remove_dir_all(&mixed).expect("ours");
    }
}

#[test]
fn documents_without_a_store_are_not_swept() {
    let (_parent, path) = closed(3);
    fs::write(path.join("documents/7"), "of a job").expect("written");
    for part in ["journal", "sled"] {
        fs::remove_dir_all(path.join(part)).expect("ours");
    }
    fs::remove_file(path.join("checkpoint")).expect("ours");
    let error = Life::try_open(&path).err().expect("refused").to_string();
    assert!(error.contains("1 documents are in") && error.contains("`spool recover`"), "{error}");
    let (files, kept) = recovered(&path).documents_kept.expect("kept aside");
    assert_eq!((files, kept.join("7").exists()), (1, true));
    Life::open(&path).check(0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 12, ..Default::default() })]

    /// Whatever is flipped or cut off the journal while the index is lost as well: the store opens after a recovery, and
    /// all that is missing is in the report.
    #[test]
    fn a_damaged_journal_alone_gives_what_can_be_read(
        flips in proptest::collection::vec(proptest::prelude::any::<proptest::sample::Index>(), 0..4),
        cut in proptest::option::of(proptest::prelude::any::<proptest::sample::Index>()),
    ) {
        let (_parent, path) = closed(40);
        let segment = path.join("journal/00000001.seg");
        let mut bytes = fs::read(&segment).expect("there");
        for flip in &flips {
            let at = flip.index(bytes.len());
            bytes[at] ^= 0x40;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        fs::write(&segment, &bytes).expect("ours");
        fs::remove_dir_all(path.join("sled")).expect("ours");
        let report = recovered(&path);
        let life = Life::open(&path);
        let there = life.ids();
        proptest::prop_assert_eq!(there.len() as u64, report.jobs);
        there.iter().for_each(|id| life.check_job(*id));
        proptest::prop_assert!(there.len() == 40 || !report.is_complete(), "{} jobs: {}", there.len(), report);
        life.accept([9999]);
    }
}
