use super::*;
use crate::model::id::{AcceptedSeq, PrinterId, QueueId, Revision};
use crate::model::job::{Job, JobEvent, Priority};
use crate::model::queue::OrderKey;
use crate::model::time::WallTime;
use crate::store::conformance::make;
use crate::store::memory::Rows;
use crate::store::{EVENTS_KEPT, EventsSince, ReadError, record};

const T: WallTime = WallTime(1000);

struct Tables {
    rows: Rows,
    seq: CommitSeq,
}

impl Tables {
    fn new() -> Tables {
        Tables { rows: Rows::default(), seq: CommitSeq(0) }
    }

    /// Commits, and tells how many keys that took.
    fn put(&mut self, commit: &Commit) -> usize {
        self.seq.0 += 1;
        let ops = plan(commit, self.seq, &self.rows).unwrap();
        let keys = ops.len();
        self.rows.apply(ops);
        keys
    }

    fn damage(&mut self, key: Vec<u8>) {
        let mut value = self.rows.get(&key).unwrap().unwrap();
        value[9] ^= 1;
        self.rows.apply(vec![Op { key, value: Some(value) }]);
    }
}

fn accept(id: u32) -> (Job, Commit) {
    let documents = [make::document(u64::from(id), "ann", T)];
    let mut job = make::job(id, &documents, T);
    let commit = make::accept(&mut job, &documents);
    (job, commit)
}

fn happen(job: &mut Job, event: JobEvent) -> Commit {
    let commit = make::happen(job, event, T).unwrap();
    *job = commit.jobs[0].clone();
    commit
}

/// What the module says of the hot paths. A commit more expensive than this costs every job.
#[test]
fn the_way_of_a_job_takes_few_keys() {
    let mut tables = Tables::new();
    let ((mut first, accept_first), (mut second, mut accept_second)) = (accept(1), accept(2));
    assert_eq!(tables.put(&accept_first), 9, "accepted");
    accept_second.key = Some(IdempotencyKey {
        user: "ann".to_owned(),
        key: "k".to_owned(),
        fingerprint: [0; 32],
        job: second.id,
        expires_at: T,
    });
    assert_eq!(tables.put(&accept_second), 11, "accepted with a key");
    assert_eq!(tables.put(&happen(&mut first, make::attempt())), 6, "attempt");
    assert_eq!(tables.put(&happen(&mut first, JobEvent::Progress { bytes: 5, pages: None })), 2, "progress");
    assert_eq!(tables.put(&happen(&mut first, JobEvent::LastByte { bytes: 10 })), 3, "last byte");
    let (done, attempt) = (happen(&mut first, make::done()), happen(&mut second, make::attempt()));
    assert_eq!(tables.put(&make::together(done, attempt)), 14, "completed, and the next attempt");
    assert_eq!(tables.put(&happen(&mut second, make::done())), 9, "completed");
}

#[test]
fn a_damaged_document_does_not_keep_its_job_from_ending() {
    let mut tables = Tables::new();
    let (mut job, commit) = accept(1);
    tables.put(&commit);
    let key = keys::document(DocumentId(1));
    tables.damage(key.clone());
    let damaged = tables.rows.get(&key).unwrap();
    tables.put(&happen(&mut job, JobEvent::Cancel));
    assert_eq!(tables.rows.get(&key).unwrap(), damaged, "what cannot be read is left as it is");
    let remove = Commit { remove: vec![Remove::Document(DocumentId(1))], ..Commit::default() };
    let refused = plan(&remove, CommitSeq(9), &tables.rows);
    assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
}

#[test]
fn what_cannot_be_read_is_not_overwritten() {
    let mut tables = Tables::new();
    let (job, commit) = accept(1);
    tables.put(&commit);
    tables.damage(keys::job(job.id));
    let found = read::job(&tables.rows, job.id);
    assert!(matches!(found, Err(ReadError::Damaged { ref what, .. }) if what == "job 1"), "{found:?}");
    for expect in [vec![(job.id, job.revision)], vec![(job.id, Revision(0))], vec![]] {
        let commit = Commit { expect, jobs: vec![job.clone()], ..Commit::default() };
        let refused = plan(&commit, CommitSeq(2), &tables.rows);
        assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
    }
}

#[test]
fn a_record_under_the_key_of_another_is_refused() {
    let mut tables = Tables::new();
    tables.put(&accept(1).1);
    let value = tables.rows.get(&keys::job(JobId(1))).unwrap();
    tables.rows.apply(vec![Op { key: keys::job(JobId(2)), value }]);
    assert!(matches!(read::job(&tables.rows, JobId(2)), Err(ReadError::Damaged { .. })));
}

#[test]
fn events_fall_out_of_the_window() {
    let mut tables = Tables::new();
    let keys_of = |tables: &Tables| tables.rows.iter().filter(|(key, _)| key[0] == b'E').count();
    tables.put(&accept(1).1);
    tables.put(&accept(2).1);
    tables.seq = CommitSeq(EVENTS_KEPT);
    tables.put(&accept(3).1);
    assert_eq!(keys_of(&tables), 2, "the first made room for the newest");
    let since = |after| read::events_since(&tables.rows, tables.seq, CommitSeq(after), 9).unwrap();
    assert_eq!(since(0), EventsSince::Reset);
    let EventsSince::Events(newest) = since(EVENTS_KEPT) else { panic!("the newest is kept") };
    assert_eq!(newest.len(), 1);
    // The second is in the window still; the one after it was never written here.
    assert_eq!(since(1), EventsSince::Reset);
}

#[test]
fn too_large_a_commit_is_refused_whole() {
    let settings = (0..KEYS_MAX).map(|n| (n.to_string(), vec![])).collect();
    let most = Commit { settings, ..Commit::default() };
    assert!(matches!(plan(&most, CommitSeq(1), &Rows::default()), Err(CommitError::Unavailable(_))));
    let fewer = Commit { settings: most.settings[1..].to_vec(), ..Commit::default() };
    assert_eq!(plan(&fewer, CommitSeq(1), &Rows::default()).unwrap().len(), KEYS_MAX);
    let value = vec![0; record::RECORD_BYTES_MAX];
    let long = Commit { settings: vec![("s".to_owned(), value)], ..Commit::default() };
    let refused = plan(&long, CommitSeq(1), &Rows::default());
    assert_eq!(refused, Err(CommitError::Unavailable("setting s is too large to be stored".to_owned())));
}

proptest::proptest! {
    /// The order of the keys is the order of the queue, and a key says its place.
    #[test]
    fn keys_are_in_the_order_of_the_queue(
        places in proptest::collection::vec((1u32..=100, proptest::num::u64::ANY, proptest::num::u32::ANY), 2..40)
    ) {
        let queue = QueueId::Printer(PrinterId(7));
        let mut places: Vec<OrderKey> = places
            .into_iter()
            .map(|(priority, accepted, job)| OrderKey {
                priority: Priority::new(priority).unwrap(),
                accepted: AcceptedSeq(accepted),
                job: JobId(job),
            })
            .collect();
        let mut keys: Vec<Vec<u8>> = places.iter().map(|place| keys::in_queue(queue, *place)).collect();
        keys.sort();
        places.sort();
        let read: Vec<OrderKey> = keys.iter().filter_map(|key| keys::order(key)).collect();
        proptest::prop_assert_eq!(read, places);
    }
}
