use futures_util::FutureExt;

use super::*;
use crate::store::conformance::{Effort, Fixture, exercise};

struct InMemory;

impl Fixture for InMemory {
    type S = MemoryStore;

    fn fresh(&self) -> MemoryStore {
        MemoryStore::new()
    }

    fn reopen(&self, store: MemoryStore) -> MemoryStore {
        store.crash()
    }

    fn key_space(&self, store: &MemoryStore) -> Vec<(Vec<u8>, Vec<u8>)> {
        store.read(|rows| rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect())
    }
}

#[test]
fn it_keeps_the_promises_of_a_store() {
    exercise(&InMemory, Effort::default());
}

fn setting(value: u8) -> Commit {
    Commit { settings: vec![("s".to_owned(), vec![value])], ..Commit::default() }
}

fn value(store: &MemoryStore) -> Option<u8> {
    store.read(|rows| read::setting(rows, "s")).unwrap().map(|bytes| bytes[0])
}

#[test]
fn what_was_not_synced_is_gone_after_a_crash() {
    let store = MemoryStore::stepped();
    let mut first = store.commit(setting(1));
    let mut second = store.commit(setting(2));
    assert_eq!((store.queued(), value(&store)), (2, None));
    assert_eq!((&mut first).now_or_never(), None);
    assert_eq!(store.sync_next(Answer::Given), Some(Ok(Committed { seq: CommitSeq(1) })));
    assert_eq!((&mut first).now_or_never(), Some(Ok(Committed { seq: CommitSeq(1) })));

    let next_life = store.crash();
    assert_eq!((&mut second).now_or_never(), Some(Err(CommitError::Unknown)));
    assert_eq!((next_life.queued(), value(&next_life), next_life.last_seq()), (0, Some(1), CommitSeq(1)));
    let third = next_life.commit(setting(3));
    assert_eq!(third.now_or_never(), None, "the next life is stepped as well");
}

#[test]
fn an_answer_can_be_lost() {
    let store = MemoryStore::stepped();
    let answer = store.commit(setting(1));
    store.sync_next(Answer::Lost);
    assert_eq!(answer.now_or_never(), Some(Err(CommitError::Unknown)));
    assert_eq!(value(&store.crash()), Some(1));
}

#[test]
fn a_commit_can_fail() {
    let store = MemoryStore::stepped();
    let (first, second) = (store.commit(setting(1)), store.commit(setting(2)));
    assert!(store.fail_next(CommitError::Full));
    assert_eq!(first.now_or_never(), Some(Err(CommitError::Full)));
    assert_eq!(value(&store), None);
    store.sync_next(Answer::Given);
    assert_eq!((second.now_or_never().is_some(), value(&store)), (true, Some(2)));
    assert!(!store.fail_next(CommitError::Full));
    assert_eq!(store.sync_next(Answer::Given), None);
}
