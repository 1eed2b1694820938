//! What a process leaves that ends without a word.

use std::sync::atomic::Ordering;

use super::*;

#[test]
fn what_was_answered_is_in_every_copy_taken_afterwards() {
    let (parent, path) = state();
    let life = Life::open(&path);
    for n in 1..=5 {
        life.accept([n]);
        let image = parent.path().join(format!("image-{n}"));
        copy(&path, &image);
        Life::open(&image).check(n);
    }
    // Once more over a checkpoint and a start.
    life.close();
    let life = Life::open(&path);
    assert_eq!(life.replayed, 0, "closed, so there is nothing to replay");
    life.accept(6..=40);
    let image = parent.path().join("image");
    copy(&path, &image);
    drop(life);
    let life = Life::open(&image);
    life.check(40);
    assert_eq!(life.store.last_seq(), CommitSeq(40));
}

#[test]
fn the_journal_brings_back_what_the_index_lacks() {
    let (parent, path) = closed(3);
    let sled = parent.path().join("sled");
    copy(&path.join("sled"), &sled);
    let checkpoint = fs::read(path.join("checkpoint")).expect("there");
    let life = Life::open(&path);
    life.accept(4..=300);
    life.close();
    // As after a power cut: index and checkpoint are those of the last sync, the journal has everything.
    fs::remove_dir_all(path.join("sled")).expect("ours");
    copy(&sled, &path.join("sled"));
    fs::write(path.join("checkpoint"), checkpoint).expect("written");
    let life = Life::open(&path);
    assert_eq!(life.replayed, 297);
    life.check(300);
}

#[test]
fn a_torn_tail_is_cut_and_takes_nothing_along() {
    let (_parent, path) = state();
    let life = Life::open(&path);
    life.accept(1..=9);
    drop(life);
    let segment = path.join("journal/00000001.seg");
    let whole = fs::metadata(&segment).expect("there").len();
    OpenOptions::new().append(true).open(&segment).expect("ours").write_all(&[7; 99]).expect("written");
    let life = Life::open(&path);
    assert_eq!(life.torn_bytes, 99);
    life.check(9);
    assert_eq!(fs::metadata(&segment).expect("there").len(), whole);
    life.accept([10]);
    life.check(10);
}

#[test]
fn a_journal_that_ends_before_the_index_is_refused() {
    let (_parent, path) = closed(9);
    let segment = path.join("journal/00000001.seg");
    let file = OpenOptions::new().write(true).open(&segment).expect("ours");
    file.set_len(fs::metadata(&segment).expect("there").len() - 1).expect("cut");
    let error = Life::try_open(&path).err().expect("an acknowledged job is gone");
    assert!(error.to_string().contains("spool recover"), "{error}");
}

#[test]
fn damage_before_acknowledged_commits_is_refused() {
    let (_parent, path) = state();
    let life = Life::open(&path);
    for id in 1..=9 {
        life.accept([id]);
    }
    drop(life);
    let segment =
        File::options().read(true).write(true).open(path.join("journal/00000001.seg")).expect("ours");
    segment.write_all_at(&[0xff; 8], 1024 + 100).expect("written");
    // The index as it was before these commits, so that they are to be read again.
    let error = Life::try_open(&path);
    match error {
        Err(error) => assert!(error.to_string().contains("spool recover"), "{error}"),
        // sled had them all the same.
        Ok(life) => assert_eq!(life.ids(), (1..=9).collect::<Vec<_>>()),
    }
}

#[test]
fn a_first_start_that_died_early_is_begun_again() {
    let (_parent, path) = state();
    drop(Life::open(&path));
    fs::remove_file(path.join("checkpoint")).expect("ours");
    fs::write(path.join("sled/db"), [9; 5000]).expect("written");
    let life = Life::open(&path);
    life.accept([1]);
    life.check(1);
}

#[test]
fn files_without_a_record_are_swept_and_others_are_not() {
    let (_parent, path) = closed(2);
    let documents = path.join("documents");
    for name in ["77", "78.part", "letter.pdf", "2"] {
        fs::write(documents.join(name), "x").expect("written");
    }
    assert_eq!(Life::open(&path).swept, 2);
    let mut left: Vec<_> =
        fs::read_dir(&documents).expect("there").map(|e| e.expect("e").file_name()).collect();
    left.sort();
    assert_eq!(left, ["2", "letter.pdf"]);
}

#[test]
fn a_document_goes_after_its_record() {
    let (_parent, path) = state();
    let life = Life::open(&path);
    let mut new = accept(7).documents;
    new[0].document.place = BodyPlace::File;
    let bytes = Bytes::from(vec![1; new[0].document.bytes as usize]);
    new[0].body = None;
    life.wait(async {
        let mut upload = life.documents.begin(DocumentId(7));
        upload.write(bytes).await.expect("there is room");
        upload.finish().await.expect("there is room")
    });
    life.commit(Commit { documents: new, ..Commit::default() }).expect("there is room");
    life.accept([8]);
    life.close();
    let life = Life::open(&path);
    assert_eq!(life.swept, 0);
    let remove = vec![crate::model::commit::Remove::Document(DocumentId(7))];
    life.commit(Commit { remove, ..Commit::default() }).expect("nobody uses it");
    drop(life);
    assert!(!path.join("documents/7").exists());
}

#[test]
fn a_body_must_be_what_its_record_says() {
    let (_parent, path) = state();
    let life = Life::open(&path);
    let mut without = accept(1);
    without.documents[0].body = None;
    let mut longer = accept(1);
    longer.documents[0].body = Some(Bytes::from_static(b"longer than it says, but not as long as the other"));
    for commit in [without, longer] {
        assert!(matches!(life.commit(commit), Err(CommitError::Unavailable(_))));
    }
    life.accept([1]);
    life.check(1);
}

#[test]
fn closing_is_for_good_and_may_be_done_twice() {
    let (_parent, path) = state();
    let life = Life::open(&path);
    life.accept([1]);
    life.store.close();
    life.store.close();
    assert!(matches!(life.commit(accept(2)), Err(CommitError::Unavailable(_))));
    life.check(1);
    assert!(matches!(State::open(&path), Err(crate::store::state::StateError::InUse { .. })));
    drop(life);
    Life::open(&path).check(1);
}

#[test]
fn commits_of_a_group_see_each_other() {
    let (_parent, path) = state();
    let life = Life::open(&path);
    // Handed in before any is answered, so most of them share a group.
    let twice: Vec<_> = (1..=50).flat_map(|id| [accept(id), accept(id)]).collect();
    let answers: Vec<_> = twice.into_iter().map(|commit| life.store.commit(commit)).collect();
    let answers: Vec<_> = answers.into_iter().map(|answer| life.wait(answer)).collect();
    for (n, pair) in answers.chunks(2).enumerate() {
        let id = n as u32 + 1;
        assert_eq!(pair[0], Ok(Committed { seq: CommitSeq(id.into()) }));
        assert_eq!(pair[1], Err(CommitError::Changed(JobId(id))));
    }
    life.check(50);
}

/// Whatever the writer is at: two commits that belong together are never parted.
#[test]
fn two_commits_that_are_handed_in_together_are_one_group() {
    let (_parent, path) = state();
    let life = Life::open(&path);
    let groups = || life.store.stats().groups.load(Ordering::Relaxed);
    for n in 0..50 {
        let (before, first) = (groups(), 2 * n + 1);
        let both = life.store.commit_both(accept(first), accept(first + 1));
        assert!(both.map(|answer| life.wait(answer)).iter().all(Result::is_ok));
        assert_eq!(groups(), before + 1);
    }
    life.check(100);
}

#[test]
fn the_second_of_two_commits_is_decided_by_what_the_first_came_to() {
    let (_parent, path) = state();
    let life = Life::open(&path);
    let answers = life.store.commit_both(accept(1), accept(1)).map(|answer| life.wait(answer));
    assert_eq!(answers, [Ok(Committed { seq: CommitSeq(1) }), Err(CommitError::Changed(JobId(1)))]);
    let mut needs_two = accept(3);
    needs_two.expect.push((JobId(2), Revision(1)));
    // The first is refused: job 1 is there already.
    let answers = life.store.commit_both(accept(1), needs_two).map(|answer| life.wait(answer));
    assert_eq!(answers, [Err(CommitError::Changed(JobId(1))), Err(CommitError::Changed(JobId(2)))]);
    life.check(1);
    life.store.close();
    let closed = life.store.commit_both(accept(2), accept(3)).map(|answer| life.wait(answer));
    assert!(closed.iter().all(|answer| matches!(answer, Err(CommitError::Unavailable(_)))), "{closed:?}");
}
