//! Whole journals: written, cut at every byte, flipped at every bit, filled up, lost in parts, and saved again.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::testing::*;
use super::*;

const LARGE: u64 = 1024 * 1024;
/// Room for three of `testing::commit`.
const SMALL: u64 = SEGMENT_HEADER_BYTES + 270;

fn salvage_all(files: &MemoryFiles) -> (Vec<Frame>, Salvaged) {
    let mut frames = Vec::new();
    let report = salvage(files, &mut |frame| {
        frames.push(frame);
        Ok(())
    });
    (frames, report.expect("a salvage does not fail for damage"))
}

fn seqs(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.position.seq).collect()
}

#[test]
fn what_was_appended_is_replayed_from_every_position() {
    let (files, placed) = written(&[1, 3, 2], LARGE);
    for (skipped, from) in
        std::iter::once(Position::START).chain(placed.iter().map(|placed| placed.end)).enumerate()
    {
        let (frames, replayed) = replay_all(&files, from);
        assert_eq!(seqs(&frames), (skipped as u64 + 1..=6).collect::<Vec<_>>());
        check_true(&files, &frames);
        let replayed = replayed.expect("undamaged");
        assert_eq!((replayed.ending, replayed.end), (Ending::Clean, placed[5].end));
        for (frame, placed) in frames.iter().zip(&placed[skipped..]) {
            assert_eq!(
                (frame.position, frame.end, &frame.bodies),
                (placed.position, placed.end, &placed.bodies)
            );
        }
    }
}

#[test]
fn what_was_answered_is_synced() {
    let files = MemoryFiles::default();
    let mut journal = open(&files, SMALL);
    for n in 1..=10 {
        append(&mut journal, &[commit(n)]).expect("there is room");
        let after_power_cut = MemoryFiles::of(files.disk().synced.clone());
        let (frames, replayed) = replay_all(&after_power_cut, Position::START);
        assert_eq!(seqs(&frames), (1..=n).collect::<Vec<_>>());
        assert_eq!(replayed.expect("undamaged").ending, Ending::Clean);
    }
    assert!(files.disk().segments.len() > 2);
}

#[test]
fn a_tail_cut_at_any_byte_loses_no_frame_before_it() {
    let (files, placed) = written(&[1, 1, 3, 2], LARGE);
    let whole = files.disk().segments[&1].clone();
    for len in SEGMENT_HEADER_BYTES as usize..whole.len() {
        let files = MemoryFiles::of([(1, whole[..len].to_vec())].into());
        let kept: Vec<&Placed> = placed.iter().filter(|placed| placed.end.offset <= len as u64).collect();
        let end = kept.last().map_or(placed[0].position, |placed| placed.end);
        let torn = len as u64 - end.offset;
        let (frames, replayed) = replay_all(&files, Position::START);
        assert_eq!(frames.len(), kept.len(), "cut at {len}");
        check_true(&files, &frames);
        let ending = if torn == 0 {
            Ending::Clean
        } else {
            Ending::TornTail { at: end, bytes: torn, incomplete: true }
        };
        assert_eq!(replayed.expect("not damaged").ending, ending, "cut at {len}");

        let mut journal = open(&files, LARGE);
        assert_eq!((journal.end(), files.disk().segments[&1].len() as u64), (end, end.offset));
        append(&mut journal, &[commit(end.seq)]).expect("there is room");
        assert_eq!(replay_all(&files, Position::START).0.len(), kept.len() + 1);
    }
}

#[test]
fn no_flipped_bit_makes_a_wrong_value() {
    let (files, placed) = written(&[1, 2, 1], LARGE);
    let whole = files.disk().segments[&1].clone();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let files = MemoryFiles::of([(1, bytes)].into());
        let (frames, replayed) = replay_all(&files, Position::START);
        check_true(&files, &frames);
        let hit = placed
            .iter()
            .position(|placed| (placed.position.offset..placed.end.offset).contains(&(bit as u64 / 8)));
        match (hit, replayed) {
            (None, Ok(replayed)) => assert_eq!((frames.len(), replayed.ending), (4, Ending::Clean)),
            (Some(3), Ok(Replayed { ending: Ending::TornTail { at, .. }, .. })) => {
                assert_eq!((frames.len(), at), (3, placed[3].position));
            }
            (Some(hit @ 0..=2), Err(JournalError::Damaged(damage))) => {
                assert_eq!((frames.len(), damage.offset), (hit, placed[hit].position.offset));
                let (saved, report) = salvage_all(&files);
                assert_eq!((saved.len(), report.frames_skipped()), (3, 1));
            }
            other => panic!("bit {bit}: {other:?}"),
        }
    }
}

#[test]
fn a_group_that_reached_the_disk_in_another_order_is_a_torn_tail() {
    let (files, placed) = written(&[2, 3], LARGE);
    let first_of_last_group = placed[2].position.offset as usize;
    if let Some(bytes) = files.disk().segments.get_mut(&1) {
        bytes[first_of_last_group..first_of_last_group + 40].fill(0);
    }
    let (frames, replayed) = replay_all(&files, Position::START);
    let bytes = placed[4].end.offset - placed[2].position.offset;
    let ending = Ending::TornTail { at: placed[2].position, bytes, incomplete: false };
    assert_eq!((frames.len(), replayed.expect("not damaged").ending), (2, ending));
    assert_eq!(open(&files, LARGE).end(), placed[2].position);
    assert_eq!(files.disk().aside, [1], "whole frames are kept before they are cut off");
}

#[test]
fn a_bad_end_longer_than_a_write_can_be_is_damage() {
    let (files, placed) = written(&[1], LARGE);
    let end = placed[0].end.offset as usize;
    for (bytes, torn) in [(GROUP_BYTES_MAX + 1, false), (1000, true)] {
        files.disk().segments.entry(1).or_default().resize(end + bytes, 0);
        let replayed = replay_all(&files, Position::START).1;
        assert_eq!(matches!(replayed, Ok(Replayed { ending: Ending::TornTail { .. }, .. })), torn);
        assert_eq!(matches!(replayed, Err(JournalError::Damaged(_))), !torn);
    }
}

#[test]
fn groups_go_to_a_new_segment_when_one_is_full() {
    let (files, placed) = written(&[2, 2, 2, 1, 1], SMALL);
    let segments: Vec<u32> = placed.iter().map(|placed| placed.position.segment).collect();
    assert_eq!(segments, [1, 1, 2, 2, 3, 3, 3, 4], "a group is never split");
    assert!(files.disk().segments.values().all(|bytes| bytes.len() as u64 <= SMALL));
    for (n, placed) in placed.iter().enumerate() {
        assert_eq!(replay_all(&files, placed.end).0.len(), 7 - n);
    }
    let id = open(&files, SMALL).id();
    begin_at(&files, id, Position { offset: SEGMENT_HEADER_BYTES, ..placed[2].position }).expect("written");
    assert_eq!(seqs(&replay_all(&files, Position::START).0), [3, 4, 5, 6, 7, 8], "old segments may go");
    assert_eq!(open(&files, SMALL).end(), placed[7].end);
    assert_eq!(files.disk().segments.keys().copied().collect::<Vec<_>>(), [2, 3, 4]);
}

/// A journal of segments 1 to 4 that was compacted to begin with the third.
fn compacted() -> (MemoryFiles, Vec<Placed>) {
    let (files, placed) = written(&[3, 3, 3, 3], SMALL);
    let id = open(&files, SMALL).id();
    begin_at(&files, id, placed[6].position).expect("noted");
    (files, placed)
}

#[test]
fn a_segment_that_went_is_not_one_that_was_lost() {
    let (files, _) = compacted();
    assert_eq!(seqs(&replay_all(&files, Position::START).0), [7, 8, 9, 10, 11, 12]);
    let (frames, report) = salvage_all(&files);
    assert_eq!((seqs(&frames), report.skipped.len()), (vec![7, 8, 9, 10, 11, 12], 0));

    files.disk().segments.remove(&3);
    assert!(matches!(
        replay_all(&files, Position::START).1,
        Err(JournalError::Damaged(Damage { segment: 3, kind: DamageKind::Missing, .. }))
    ));
    let (frames, report) = salvage_all(&files);
    assert_eq!((seqs(&frames), report.frames_skipped()), (vec![10, 11, 12], 3));
    assert_eq!(open(&files, SMALL).end().seq, 13);
    assert_eq!(salvage_all(&files).1.skipped.len(), 0, "now it begins with the fourth");
}

#[test]
fn what_was_to_go_when_the_process_died_goes_at_the_next_start() {
    let (files, _) = written(&[3, 3, 3], SMALL);
    let (before, _) = replay_all(&files, Position::START);
    let left = files.disk().segments[&1].clone();
    begin_at(&files, open(&files, SMALL).id(), before[3].position).expect("noted");
    // Whatever stands in it.
    for bytes in [left, vec![0xff; 5000], Vec::new()] {
        files.disk().segments.insert(1, bytes);
        assert_eq!(seqs(&replay_all(&files, Position::START).0), [4, 5, 6, 7, 8, 9]);
        assert_eq!(salvage_all(&files).1.skipped.len(), 0);
        open(&files, SMALL);
        assert_eq!(files.disk().segments.keys().copied().collect::<Vec<_>>(), [2, 3]);
    }
}

#[test]
fn a_lost_or_damaged_note_of_the_beginning_is_refused_and_salvaged() {
    for note in [None, Some(vec![7; 40])] {
        let (files, _) = compacted();
        files.disk().begin = note;
        assert!(matches!(replay_all(&files, Position::START).1, Err(JournalError::Damaged(_))));
        let (frames, report) = salvage_all(&files);
        assert_eq!((seqs(&frames), report.skipped.len()), (vec![7, 8, 9, 10, 11, 12], 1));
        append(&mut open(&files, SMALL), &[commit(13)]).expect("there is room");
        assert_eq!(replay_all(&files, Position::START).0.len(), 7);
    }
}

#[test]
fn a_journal_of_which_only_its_beginning_is_known_goes_on_there() {
    let (files, placed) = compacted();
    files.disk().segments.clear();
    assert!(matches!(
        replay_all(&files, Position::START).1,
        Err(JournalError::Damaged(Damage { segment: 3, kind: DamageKind::Missing, .. }))
    ));
    assert_eq!(salvage_all(&files).1.skipped.len(), 1);
    assert_eq!(open(&files, SMALL).end(), placed[6].position);
}

#[test]
fn a_segment_of_another_journal_is_refused_and_none_of_it_is_salvaged() {
    let ((files, _), (other, _)) = (written(&[3, 3, 3], SMALL), written(&[3, 3, 3], SMALL));
    let foreign = other.disk().segments[&2].clone();
    files.disk().segments.insert(2, foreign);
    assert!(matches!(
        replay_all(&files, Position::START).1,
        Err(JournalError::Damaged(Damage { segment: 2, kind: DamageKind::Foreign, .. }))
    ));
    let (frames, report) = salvage_all(&files);
    assert_eq!((seqs(&frames), report.frames_skipped()), (vec![1, 2, 3, 7, 8, 9], 3));
    assert_eq!(seqs(&replay_all(&files, Position::START).0), [1, 2, 3, 7, 8, 9]);
}

#[test]
fn a_group_over_a_limit_changes_nothing() {
    let files = MemoryFiles::default();
    let mut journal = open(&files, SMALL);
    let four: Vec<Commit> = (1..=4).map(commit).collect();
    assert!(
        matches!(append(&mut journal, &four), Err(JournalError::Limit(limit)) if limit.what == "bytes in a group")
    );
    let many = vec![FrameRef { ops: &[], bodies: &[] }; GROUP_FRAMES_MAX + 1];
    assert!(
        matches!(journal.append_group(&many), Err(JournalError::Limit(limit)) if limit.found == GROUP_FRAMES_MAX + 1)
    );
    assert_eq!(journal.append_group(&[]).expect("nothing to do"), []);
    assert_eq!(append(&mut journal, &four[..1]).expect("there is room")[0].position.seq, 1);
}

#[test]
fn a_full_disk_is_reported_and_survived() {
    for segment_bytes_max in [LARGE, SMALL] {
        let (files, placed) = written(&[3], segment_bytes_max);
        let mut journal = open(&files, segment_bytes_max);
        let used = files.disk().segments[&1].len();
        for room in 0..200 {
            files.disk().capacity = Some(used + room);
            let four: Vec<Commit> = (4..=6).map(commit).collect();
            assert!(append(&mut journal, &four).expect_err("no room").is_full(), "room {room}");
            let disk = files.disk();
            assert_eq!(
                (disk.segments.len(), disk.segments[&1].len(), disk.synced[&1].len()),
                (1, used, used)
            );
        }
        files.disk().capacity = None;
        append(&mut journal, &[commit(4)]).expect("there is room again");
        let (frames, replayed) = replay_all(&files, Position::START);
        check_true(&files, &frames);
        assert_eq!((frames.len(), replayed.expect("undamaged").ending), (4, Ending::Clean));
        assert_eq!(frames[3].position.seq, placed[2].end.seq);
    }
}

#[test]
fn after_a_failed_sync_nothing_is_written_any_more() {
    for truncate_fails in [false, true] {
        let (files, _) = written(&[2], LARGE);
        let mut journal = open(&files, LARGE);
        (files.disk().sync_fails, files.disk().truncate_fails) = (true, truncate_fails);
        assert!(matches!(append(&mut journal, &[commit(3)]), Err(JournalError::Io { doing: "sync", .. })));
        (files.disk().sync_fails, files.disk().truncate_fails) = (false, false);
        assert!(matches!(append(&mut journal, &[commit(3)]), Err(JournalError::Poisoned { .. })));
        let (frames, replayed) = replay_all(&files, Position::START);
        check_true(&files, &frames);
        assert_eq!((frames.len(), replayed.is_ok()), (if truncate_fails { 3 } else { 2 }, true));
    }
}

#[test]
fn a_failed_sync_of_a_new_segment_poisons_too() {
    let (files, _) = written(&[3], SMALL);
    let mut journal = open(&files, SMALL);
    files.disk().sync_fails = true;
    assert!(matches!(append(&mut journal, &[commit(4)]), Err(JournalError::Io { segment: 2, .. })));
    files.disk().sync_fails = false;
    assert!(matches!(append(&mut journal, &[commit(4)]), Err(JournalError::Poisoned { .. })));
    let mut journal = open(&files, SMALL);
    assert_eq!(append(&mut journal, &[commit(4)]).expect("a new start helps")[0].position.seq, 4);
}

#[test]
fn a_segment_cut_inside_its_header_is_finished() {
    for groups in [&[][..], &[3][..]] {
        let (files, _) = written(groups, SMALL);
        let frames = groups.iter().sum::<usize>() as u64;
        if frames > 0 {
            append(&mut open(&files, SMALL), &[commit(4)]).expect("there is room");
        }
        let last = files.disk().segments.len() as u32;
        let whole = files.disk().segments[&last].clone();
        for len in 0..SEGMENT_HEADER_BYTES as usize {
            files.disk().segments.insert(last, whole[..len].to_vec());
            let mut journal = open(&files, SMALL);
            assert_eq!(
                journal.end(),
                Position { segment: last, offset: SEGMENT_HEADER_BYTES, seq: frames + 1 }
            );
            append(&mut journal, &[commit(frames + 1)]).expect("there is room");
            assert_eq!(replay_all(&files, Position::START).0.len() as u64, frames + 1);
        }
    }
}

#[test]
fn a_newer_format_is_refused() {
    let (files, _) = written(&[1], LARGE);
    if let Some(head) = files.disk().segments.get_mut(&1) {
        for at in [0, 512] {
            head[at + 8] = 2;
            let crc = crc32c::crc32c(&head[at..at + 40]);
            head[at + 40..at + 44].copy_from_slice(&crc.to_le_bytes());
        }
    }
    let error = replay_all(&files, Position::START).1.expect_err("newer");
    assert!(matches!(error, JournalError::Newer { segment: 1, found: 2 }));
    assert!(matches!(salvage(&files, &mut |_| Ok(())), Err(JournalError::Newer { .. })));
}

#[test]
fn a_journal_that_ends_before_the_index_is_damaged() {
    let (files, placed) = written(&[3, 3], SMALL);
    let end = placed[5].end;
    files.disk().segments.get_mut(&2).expect("the second").truncate(placed[4].end.offset as usize);
    assert!(matches!(
        replay_all(&files, end).1,
        Err(JournalError::Damaged(Damage { kind: DamageKind::Shorter, .. }))
    ));
    files.disk().segments.remove(&2);
    assert!(matches!(
        replay_all(&files, end).1,
        Err(JournalError::Damaged(Damage { kind: DamageKind::Missing, .. }))
    ));
    let nothing = MemoryFiles::default();
    assert!(matches!(try_open(&nothing, SMALL, end), Err(JournalError::Damaged(Damage { segment: 2, .. }))));
}

#[test]
fn a_salvage_reads_round_the_damage_and_the_journal_opens_again() {
    let (files, placed) = written(&[1, 1, 1, 1], LARGE);
    files.disk().segments.get_mut(&1).expect("the only one")[placed[1].position.offset as usize + 30] ^= 1;
    let before = files.disk().segments.clone();
    assert!(try_open(&files, LARGE, Position::START).is_err());
    let (frames, report) = salvage_all(&files);
    assert_eq!(seqs(&frames), [1, 3, 4]);
    assert_eq!(
        (report.bytes_skipped(), report.frames_skipped()),
        (placed[1].end.offset - placed[1].position.offset, 1)
    );
    assert_eq!((report.copies.len(), files.disk().segments == before), (1, true));

    append(&mut open(&files, LARGE), &[commit(5)]).expect("there is room");
    assert_eq!(seqs(&replay_all(&files, Position::START).0), [1, 3, 4, 5]);
    assert_eq!(seqs(&replay_all(&files, placed[0].end).0), [3, 4, 5]);
    let (frames, report) = salvage_all(&files);
    assert_eq!((seqs(&frames), report.copies.len()), (vec![1, 3, 4, 5], 0), "a second one finds nothing new");
}

#[test]
fn a_salvage_goes_on_behind_a_missing_segment() {
    let (files, _) = written(&[3, 3, 3], SMALL);
    files.disk().segments.remove(&2);
    assert!(matches!(
        replay_all(&files, Position::START).1,
        Err(JournalError::Damaged(Damage { segment: 2, kind: DamageKind::Missing, .. }))
    ));
    let (frames, report) = salvage_all(&files);
    assert_eq!((seqs(&frames), report.frames_skipped()), (vec![1, 2, 3, 7, 8, 9], 3));
    assert_eq!(open(&files, SMALL).end().seq, 10);
    assert_eq!(seqs(&replay_all(&files, Position::START).0), [1, 2, 3, 7, 8, 9]);
}

#[test]
fn a_salvage_does_without_a_segments_header() {
    for segment in 1..=3 {
        let (files, _) = written(&[3, 3, 3], SMALL);
        files.disk().segments.get_mut(&segment).expect("one of three")[..1000].fill(0xff);
        assert!(try_open(&files, SMALL, Position::START).is_err());
        let (frames, report) = salvage_all(&files);
        check_true(&files, &frames);
        assert_eq!((frames.len(), report.frames_skipped()), (9, 0));
        append(&mut open(&files, SMALL), &[commit(10)]).expect("there is room");
        assert_eq!(replay_all(&files, Position::START).0.len(), 10);
    }
}

#[test]
fn a_salvage_passes_a_sector_that_cannot_be_read() {
    let (files, placed) = written(&vec![1; 400], LARGE);
    files.disk().reads_fail_at = Some((1, 10_000));
    assert!(matches!(replay_all(&files, Position::START).1, Err(JournalError::Io { doing: "read", .. })));
    let (frames, _) = salvage_all(&files);
    check_true(&files, &frames[..20]);
    let lost =
        placed.iter().filter(|placed| placed.position.offset < 12_288 && placed.end.offset > 8192).count();
    assert_eq!(frames.len(), 400 - lost);
}

#[test]
fn a_printed_journal_is_not_taken_for_one() {
    let (other, _) = written(&[5], LARGE);
    let mut forged = commit(2);
    forged.bodies[0].1 = other.disk().segments[&1].clone();
    let files = MemoryFiles::default();
    let mut journal = open(&files, LARGE);
    append(&mut journal, &[commit(1)]).expect("there is room");
    let own_bytes = files.disk().segments[&1].clone();
    forged.bodies.push((3, own_bytes));
    let placed = append(&mut journal, &[forged]).expect("there is room");
    append(&mut journal, &[commit(3)]).expect("there is room");
    files.disk().segments.get_mut(&1).expect("the only one")[placed[0].position.offset as usize] ^= 1;
    assert_eq!(seqs(&salvage_all(&files).0), [1, 3]);
}

#[test]
fn a_body_is_read_whole_or_not_at_all() {
    let (files, placed) = written(&[1], LARGE);
    let journal = open(&files, LARGE);
    let at = placed[0].bodies[0].1;
    assert_eq!(journal.read_body(&at).expect("readable"), commit(1).bodies[0].1);
    let wrong = [
        BodyAt { offset: at.offset + 1, ..at },
        BodyAt { len: at.len - 1, ..at },
        BodyAt { len: u32::MAX, ..at },
        BodyAt { offset: u64::MAX / 2, ..at },
        BodyAt { crc: at.crc ^ 1, ..at },
        BodyAt { segment: 9, ..at },
    ];
    assert!(wrong.iter().all(|at| journal.read_body(at).is_err()));
}

#[test]
fn the_same_on_a_real_disk() {
    let state = tempfile::tempdir().expect("a temporary directory");
    let open = || {
        let files = Arc::new(Directory::new(state.path()).expect("a directory"));
        Journal::open(files, Options { segment_bytes_max: SMALL }, Position::START, &mut |_| Ok(()))
            .expect("opens")
    };
    let (mut journal, _) = open();
    for n in 1..=7 {
        let placed = append(&mut journal, &[commit(n)]).expect("there is room");
        assert_eq!(journal.read_body(&placed[0].bodies[0].1).expect("readable"), commit(n).bodies[0].1);
    }
    assert_eq!(open().1.frames, 7);

    let second = state.path().join("journal/00000002.seg");
    let mut bytes = std::fs::read(&second).expect("the second segment");
    bytes[SEGMENT_HEADER_BYTES as usize + 30] ^= 1;
    std::fs::write(&second, &bytes).expect("written");
    let files = Directory::new(state.path()).expect("a directory");
    assert!(replay(&files, Position::START, &mut |_| Ok(())).is_err());
    let report = salvage(&files, &mut |_| Ok(())).expect("salvaged");
    let copy = report.copies[0].1.as_ref().expect("copied");
    assert_eq!(copy, &state.path().join("damaged/00000002.seg.1"));
    assert_eq!((std::fs::read(copy).expect("readable"), report.frames), (bytes, 6));
    let (journal, replayed) = open();
    assert_eq!((journal.end().seq, replayed.frames), (8, 6));
}

proptest! {
    /// Whatever becomes of the bytes: a replay shows a true beginning, a salvage a true selection, and after it the
    /// journal opens, takes more, and shows the same again.
    #[test]
    fn no_harm_done_to_the_bytes_makes_a_wrong_value(
        groups in vec(1..4_usize, 1..12),
        harm in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8), 1..5),
    ) {
        let (files, _) = written(&groups, SMALL);
        for (segment, at, kind) in harm {
            let mut disk = files.disk();
            let numbers: Vec<u32> = disk.segments.keys().copied().collect();
            let number = *segment.get(&numbers);
            let Some(bytes) = disk.segments.get_mut(&number).filter(|bytes| !bytes.is_empty()) else { continue };
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] ^= 0x10,
                1 => bytes.truncate(at),
                2 => bytes[at..].iter_mut().take(100).for_each(|byte| *byte = 0),
                _ if numbers.len() > 1 => drop(disk.segments.remove(&number)),
                _ => bytes.extend_from_slice(&[0; 50]),
            }
        }
        let (frames, _) = replay_all(&files, Position::START);
        check_true(&files, &frames);
        prop_assert!(frames.windows(2).all(|pair| pair[0].position.seq + 1 == pair[1].position.seq));

        let (saved, report) = salvage_all(&files);
        check_true(&files, &saved);
        prop_assert!(saved.len() >= frames.len() && report.frames == saved.len() as u64);
        prop_assert!(saved.windows(2).all(|pair| pair[0].position.seq < pair[1].position.seq));

        let mut journal = open(&files, SMALL);
        let next = journal.end().seq;
        append(&mut journal, &[commit(next)]).expect("there is room");
        let (again, replayed) = replay_all(&files, Position::START);
        prop_assert_eq!(seqs(&again), seqs(&saved).into_iter().chain([next]).collect::<Vec<_>>());
        prop_assert_eq!(replayed.expect("opens").ending, Ending::Clean);
    }
}
