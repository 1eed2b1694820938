//! Blocks hold what rows would, whatever is put and deleted, and whoever reads meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::store::memory::Rows;

const CACHE: u64 = 1 << 20;

fn key(list: u8, id: u32) -> Vec<u8> {
    [&[b'A' + list][..], &id.to_be_bytes()].concat()
}

fn put(key: Vec<u8>, bytes: usize) -> Op {
    Op { value: Some(vec![key.last().copied().unwrap_or_default(); bytes]), key }
}

fn delete(key: Vec<u8>) -> Op {
    Op { key, value: None }
}

/// A stretch of a list that is put or deleted at once.
#[derive(Clone, Debug)]
struct Stretch {
    list: u8,
    ids: std::ops::Range<u32>,
    bytes: Option<usize>,
}

fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
    let bytes = prop_oneof![
        3 => Just(Some(0)), 3 => (1..300_usize).prop_map(Some), 1 => (2000..5000_usize).prop_map(Some), 4 => Just(None)
    ];
    let stretch = (0..3_u8, 0..400_u32, 1..120_u32, bytes);
    let stretch = stretch.prop_map(|(list, from, n, bytes)| Stretch { list, ids: from..from + n, bytes });
    prop::collection::vec(stretch, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every key, and every range from either end, before and after the index is opened again.
    #[test]
    fn an_index_shows_the_rows_that_were_put(
        stretches in stretches(),
        looks in prop::collection::vec((0..4_u8, 0..520_u32, 0..4_u8, 0..520_u32, 0..300_usize, any::<bool>()), 1..20),
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut index = Index::open(directory.path(), CACHE).expect("a new one");
        let mut rows = Rows::default();
        for Stretch { list, ids, bytes } in stretches {
            let op = |id| bytes.map_or_else(|| delete(key(list, id)), |bytes| put(key(list, id), bytes));
            let ops: Vec<Op> = ids.map(op).collect();
            rows.apply(ops.clone());
            index.apply(ops).expect("applied");
        }
        for opened in 0..2 {
            for (from_list, from, to_list, to, n, up) in looks.clone() {
                let (from, to) = (key(from_list, from), key(to_list, to));
                let direction = if up { Direction::Up } else { Direction::Down };
                let seen = index.rows(&from, &to, direction, n).expect("readable");
                prop_assert_eq!(seen, rows.range(&from, &to, direction, n).expect("readable"));
                prop_assert_eq!(index.value(&from).expect("readable"), rows.get(&from).expect("readable"));
            }
            if opened == 0 {
                index.sync().expect("synced");
                drop(index);
                index = Index::open(directory.path(), CACHE).expect("opens");
            }
        }
    }
}

#[test]
fn of_two_operations_of_a_key_the_later_counts() {
    let directory = tempfile::tempdir().expect("a directory");
    let index = Index::open(directory.path(), CACHE).expect("a new one");
    index
        .apply(vec![put(key(0, 1), 3), delete(key(0, 1)), delete(key(0, 2)), put(key(0, 2), 3)])
        .expect("applied");
    let keys: Vec<_> =
        index.rows(&[0], &[255], Direction::Up, 9).expect("readable").into_iter().map(|row| row.0).collect();
    assert_eq!(keys, [key(0, 2)]);
}

/// Lists that grow at their ends fill their blocks, and where most of the rows go their neighbours become one.
#[test]
fn blocks_are_filled_and_leave_no_crumbs() {
    let directory = tempfile::tempdir().expect("a directory");
    let index = Index::open(directory.path(), CACHE).expect("a new one");
    for first in (0..30_000).step_by(10) {
        let ids = first..first + 10;
        index
            .apply(ids.flat_map(|id| (0..3).map(move |list| put(key(list, id), 20))).collect())
            .expect("applied");
    }
    let full = index.blocks.len();
    // A row takes some 26 bytes, a block has 2 KiB.
    assert!(full < 30_000 * 3 / 50, "{full} blocks");
    for first in (0..30_000).step_by(50).rev() {
        let ids = (first..first + 50).filter(|id| id % 10 > 0);
        index
            .apply(ids.flat_map(|id| (0..3).map(move |list| delete(key(list, id)))).collect())
            .expect("applied");
    }
    let left = index.blocks.len();
    assert!(left < full / 3, "{left} blocks of {full}");
}

/// Whatever is put and deleted beside them, rows that nobody touches are always seen: also while blocks are split and
/// joined.
#[test]
fn who_reads_misses_nothing_while_blocks_change() {
    let directory = tempfile::tempdir().expect("a directory");
    let index = Index::open(directory.path(), CACHE).expect("a new one");
    let kept: Vec<Vec<u8>> = (0..4000).step_by(40).map(|id| key(0, id)).collect();
    index.apply(kept.iter().map(|key| put(key.clone(), 10)).collect()).expect("applied");
    let done = AtomicBool::new(false);
    let between = |id: &u32| !id.is_multiple_of(40);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20 {
                for first in (0..4000).step_by(100) {
                    index
                        .apply((first..first + 100).filter(between).map(|id| put(key(0, id), 30)).collect())
                        .expect("applied");
                }
                for first in (0..4000).step_by(100).rev() {
                    index
                        .apply((first..first + 100).filter(between).map(|id| delete(key(0, id))).collect())
                        .expect("applied");
                }
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            for direction in [Direction::Up, Direction::Down] {
                let seen = index.rows(&key(0, 0), &key(1, 0), direction, usize::MAX).expect("readable");
                let mut seen: Vec<Vec<u8>> =
                    seen.into_iter().map(|row| row.0).filter(|key| kept.contains(key)).collect();
                if direction == Direction::Down {
                    seen.reverse();
                }
                assert_eq!(seen, kept);
            }
        }
    });
}

/// What an earlier version has written is refused with a way out, and not taken for empty.
#[test]
fn rows_without_blocks_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = sled::Config::new().path(directory.path()).flush_every_ms(None).open().expect("opens");
    db.insert([0, b'A'], vec![1; 36]).expect("inserted");
    db.flush().expect("flushed");
    drop(db);
    let Err(IndexError::Failed(why)) = Index::open(directory.path(), CACHE) else { panic!("it was taken") };
    assert!(why.contains("earlier version"), "{why}");
}

/// Each job by itself, as on a quiet day: the worst for blocks, which are written anew for every row. A job writes some ten
/// kilobytes, and a hundred jobs are kept.
#[test]
fn the_file_does_not_grow_where_as_much_goes_as_comes() {
    const JOBS: u32 = 1500;
    const KEPT: u32 = 100;
    const BYTES_MAX: u64 = 4 << 20;
    let directory = tempfile::tempdir().expect("a directory");
    let index = Index::open(directory.path(), CACHE).expect("a new one");
    for id in 0..JOBS {
        let rows = [(0, 250), (1, 100), (2, 0), (3, 0), (4, 120), (5, 20)];
        let mut ops: Vec<Op> = rows.into_iter().map(|(list, bytes)| put(key(list, id), bytes)).collect();
        if let Some(gone) = id.checked_sub(KEPT) {
            ops.extend((0..6).map(|list| delete(key(list, gone))));
        }
        index.apply(ops).expect("applied");
        if id % 500 == 0 {
            index.sync().expect("synced");
        }
    }
    let bytes = fs::metadata(directory.path().join("db")).expect("there").len();
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}
