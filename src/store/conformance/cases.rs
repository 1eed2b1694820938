//! The promises of the store, one by one.

use super::make::{
    QUEUES, accept, attempt, document, done, entry, happen, job, name, new_document, together,
};
use super::{Bench, Fixture};
use crate::model::commit::{Commit, CommitError, IdempotencyKey, KEYS_MAX, NewDocument, Remove};
use crate::model::document::Document;
use crate::model::event::{Event, Subject};
use crate::model::id::{CommitSeq, DocumentId, JobId, PoolId, PrinterId, Revision};
use crate::model::job::{DOCUMENTS_MAX, HoldReason, Job, JobEvent};
use crate::model::pool::{Pool, PoolPolicy};
use crate::model::printer::{Activity, Origin, Printer};
use crate::model::time::WallTime;
use crate::store::{EVENTS_KEPT, EventsSince, Purge, Store};

const T: WallTime = WallTime(1000);

pub fn run<F: Fixture>(fixture: &F) {
    let cases = [
        a_commit_is_all_or_nothing,
        a_commit_builds_on_what_it_has_seen,
        keys_stand_for_one_job_until_they_expire,
        documents_in_use_stay,
        a_removed_job_leaves_no_key,
        a_long_timeline_is_removed_in_portions,
        the_largest_jobs_can_begin_and_end,
        subscribers_can_come_back,
        everything_is_there_in_the_next_life,
        queues_with_jobs_stay,
        a_queue_that_is_gone_gets_no_jobs,
    ];
    for case in cases {
        case(fixture, Bench::new(fixture.fresh()));
    }
}

fn put_job<S: Store>(bench: &Bench<S>, id: u32, documents: &[Document]) -> Job {
    let mut job = job(id, documents, T);
    bench.put(&accept(&mut job, documents));
    job
}

fn after<S: Store>(bench: &Bench<S>, job: &Job, event: JobEvent) -> Job {
    let commit = happen(job, event, WallTime(job.updated_at.0 + 1)).expect("the event is allowed");
    bench.put(&commit);
    bench.read(bench.store.job(job.id)).expect("the job is there")
}

fn a_commit_is_all_or_nothing<F: Fixture>(fixture: &F, bench: Bench<F::S>) {
    let old = put_job(&bench, 1, &[document(1, "ann", T)]);
    let mut changes = bench.store.changes();
    changes.mark_unchanged();
    let before = fixture.key_space(&bench.store);
    let mut new = job(2, &[document(2, "ann", T)], T);
    let mut commit = accept(&mut new, &[document(2, "ann", T)]);
    commit.settings.push(("name".to_owned(), vec![1]));
    commit.remove.push(Remove::Job(old.id));
    // The old job is not final, which is seen last of all.
    assert_eq!(bench.commit(&commit), Err(CommitError::Changed(old.id)));
    assert_eq!(fixture.key_space(&bench.store), before, "a commit that failed has changed something");
    assert_eq!(bench.store.last_seq(), CommitSeq(1));
    assert!(!changes.has_changed().expect("the store is there"), "nothing happened and was told");
    commit.remove.clear();
    assert_eq!(bench.put(&commit).seq, CommitSeq(2));
    assert!(changes.has_changed().expect("the store is there"));
    assert_eq!(*changes.borrow_and_update(), CommitSeq(2));
}

fn a_commit_builds_on_what_it_has_seen<F: Fixture>(_: &F, bench: Bench<F::S>) {
    let first = put_job(&bench, 1, &[document(1, "ann", T)]);
    let again = accept(&mut first.clone(), &[]);
    assert_eq!(bench.commit(&again), Err(CommitError::Changed(first.id)));
    let late = happen(&first, JobEvent::Cancel, T).expect("allowed");
    after(&bench, &first, attempt());
    assert_eq!(bench.commit(&late), Err(CommitError::Changed(first.id)));
    let gone = Commit { expect: vec![(JobId(9), Revision(1))], ..Commit::default() };
    assert_eq!(bench.commit(&gone), Err(CommitError::Changed(JobId(9))));
}

fn keys_stand_for_one_job_until_they_expire<F: Fixture>(_: &F, bench: Bench<F::S>) {
    let with_key = |id: u32, at: u64, user: &str| {
        let mut job = job(id, &[], WallTime(at));
        let key = IdempotencyKey {
            user: user.to_owned(),
            key: "k".to_owned(),
            fingerprint: [id as u8; 32],
            job: JobId(id),
            expires_at: WallTime(at + 100),
        };
        Commit { key: Some(key), ..accept(&mut job, &[]) }
    };
    let look = |user: &str, at: u64| {
        let found = bench.read(bench.store.key(user, "k", WallTime(at)));
        found.map(|found| (found.job.0, found.fingerprint[0], found.expires_at.0))
    };
    bench.put(&with_key(1, 1000, "ann"));
    assert_eq!(look("ann", 1099), Some((1, 1, 1100)));
    assert_eq!(look("ann", 1100), None, "an expired key is none");
    assert_eq!(look("annk", 1000), None, "a key is one user's");
    assert_eq!(bench.commit(&with_key(2, 1099, "ann")), Err(CommitError::DuplicateKey(JobId(1))));
    bench.put(&with_key(2, 1099, "bo"));
    bench.put(&with_key(3, 1100, "ann"));
    assert_eq!(look("ann", 1150), Some((3, 3, 1200)));
    // What the new one replaced has left nothing for the purge.
    assert_eq!(bench.read(bench.store.purgeable(Purge::Keys, WallTime(u64::MAX), 9)).len(), 2);
}

fn documents_in_use_stay<F: Fixture>(_: &F, bench: Bench<F::S>) {
    let registered = document(1, "ann", T);
    bench.put(&Commit { documents: vec![new_document(&registered)], ..Commit::default() });
    let remove = Commit { remove: vec![Remove::Document(registered.id)], ..Commit::default() };
    let unused = || bench.read(bench.store.purgeable(Purge::Documents, WallTime(u64::MAX), 9)).len();
    assert_eq!(unused(), 1);
    let mut jobs = [1, 2].map(|id| job(id, std::slice::from_ref(&registered), T));
    for job in &mut jobs {
        bench.put(&accept(job, &[]));
    }
    assert_eq!((bench.commit(&remove), unused()), (Err(CommitError::InUse(registered.id)), 0));
    after(&bench, &jobs[0], JobEvent::Cancel);
    assert_eq!((bench.commit(&remove), unused()), (Err(CommitError::InUse(registered.id)), 0));
    after(&bench, &jobs[1], JobEvent::Cancel);
    assert_eq!(unused(), 1);
    bench.put(&remove);
    assert_eq!((bench.read(bench.store.document(registered.id)), unused()), (None, 0));
    // The purge may come between the look at a document and the commit of the job that prints it.
    let late = accept(&mut job(3, std::slice::from_ref(&registered), T), &[]);
    assert_eq!(bench.commit(&late), Err(CommitError::NoDocument(registered.id)));
}

fn a_removed_job_leaves_no_key<F: Fixture>(fixture: &F, bench: Bench<F::S>) {
    let lasting = |bench: &Bench<F::S>| {
        let all = fixture.key_space(&bench.store);
        all.into_iter().filter(|(key, _)| key.first() != Some(&b'E')).collect::<Vec<_>>()
    };
    put_job(&bench, 1, &[document(1, "ann", T)]);
    let before = lasting(&bench);
    let mut second = put_job(&bench, 2, &[document(2, "ann", T)]);
    let remove = Commit { remove: vec![Remove::Job(second.id)], ..Commit::default() };
    for event in [attempt(), JobEvent::LastByte { bytes: 10 }, done()] {
        assert_eq!(bench.commit(&remove), Err(CommitError::Changed(second.id)), "it has not ended");
        second = after(&bench, &second, event);
    }
    let document = Commit { remove: vec![Remove::Document(DocumentId(2))], ..Commit::default() };
    bench.put(&together(remove.clone(), document));
    assert_eq!(lasting(&bench), before);
    assert_eq!(bench.read(bench.store.job(second.id)), None);
    // Once more is no error.
    bench.put(&remove);
}

fn a_long_timeline_is_removed_in_portions<F: Fixture>(fixture: &F, bench: Bench<F::S>) {
    let entries = 2 * KEYS_MAX as u32;
    let before = fixture.key_space(&bench.store).len();
    let mut long = put_job(&bench, 1, &[]);
    for from in (2..=entries).step_by(50) {
        let timeline = (from..(from + 50).min(entries + 1)).map(|seq| entry(&long, seq)).collect();
        bench.put(&Commit { timeline, ..Commit::default() });
    }
    long = after(&bench, &long, JobEvent::Cancel);
    let mut commits = 0;
    while bench.read(bench.store.job(long.id)).is_some() {
        bench.put(&Commit { remove: vec![Remove::Job(long.id)], ..Commit::default() });
        commits += 1;
        assert!(commits <= 3, "the removal does not come to its end");
    }
    assert!(commits > 1, "{entries} entries were removed in one commit");
    let left = fixture.key_space(&bench.store);
    assert_eq!(left.iter().filter(|(key, _)| key.first() != Some(&b'E')).count(), before);
}

fn the_largest_jobs_can_begin_and_end<F: Fixture>(_: &F, bench: Bench<F::S>) {
    let documents = |first: u64| {
        (first..first + DOCUMENTS_MAX as u64).map(|id| document(id, "ann", T)).collect::<Vec<Document>>()
    };
    let first = put_job(&bench, 1, &documents(1));
    let mut second = put_job(&bench, 2, &documents(1000));
    second = after(&bench, &second, JobEvent::Hold(HoldReason::User));
    second = after(&bench, &second, JobEvent::Release);
    let first = after(&bench, &first, attempt());
    let end = happen(&first, done(), T).expect("allowed");
    let begin = happen(&second, attempt(), T).expect("allowed");
    bench.put(&together(end, begin));
    assert_eq!(bench.store.counts(QUEUES[0]).jobs, 1);
}

fn subscribers_can_come_back<F: Fixture>(_: &F, bench: Bench<F::S>) {
    let since = |seq| bench.read(bench.store.events_since(CommitSeq(seq), 100));
    assert_eq!(since(0), EventsSince::Events(Vec::new()));
    assert_eq!(since(1), EventsSince::Reset, "a number that the store never gave");
    put_job(&bench, 1, &[]);
    let printer = Printer::new(PrinterId(7), name("p"), "file:/x".to_owned(), Origin::Api);
    bench.put(&Commit { printers: vec![printer], ..Commit::default() });
    let event = |seq, subject| Event { seq: CommitSeq(seq), subject };
    let all = vec![event(1, Subject::Job(JobId(1))), event(2, Subject::Printer(PrinterId(7)))];
    assert_eq!(since(0), EventsSince::Events(all.clone()));
    assert_eq!(since(1), EventsSince::Events(all[1..].to_vec()));
    assert_eq!(since(2), EventsSince::Events(Vec::new()));
    assert_eq!(since(EVENTS_KEPT + 9), EventsSince::Reset);
}

fn everything_is_there_in_the_next_life<F: Fixture>(fixture: &F, bench: Bench<F::S>) {
    let kept = document(1, "ann", T);
    let first = put_job(&bench, 1, std::slice::from_ref(&kept));
    let first = after(&bench, &first, attempt());
    let printer = Printer::new(PrinterId(2), name("p"), "file:/x".to_owned(), Origin::File);
    let other = Printer { id: PrinterId(1), paused: true, ..printer.clone() };
    let pool = Pool {
        id: PoolId(1),
        name: name("pool"),
        members: vec![printer.id, other.id],
        policy: PoolPolicy::RoundRobin,
        origin: Origin::File,
        accepting: true,
    };
    let body = NewDocument { document: document(2, "ann", T), body: None };
    bench.put(&Commit {
        printers: vec![printer.clone(), other.clone()],
        pools: vec![pool.clone()],
        settings: vec![("a".to_owned(), vec![]), ("ab".to_owned(), vec![0, 255])],
        documents: vec![body],
        ..Commit::default()
    });
    let before = fixture.key_space(&bench.store);
    let bench = bench.reopen(fixture);
    assert_eq!(fixture.key_space(&bench.store), before);
    assert_eq!((bench.store.last_seq(), bench.store.counts(QUEUES[0]).jobs), (CommitSeq(3), 1));
    assert_eq!(bench.read(bench.store.jobs_at_printers()), vec![first.clone()]);
    assert_eq!(bench.read(bench.store.timeline(first.id, 0, 9)).len(), 2);
    assert_eq!(bench.read(bench.store.document(kept.id)), Some(kept));
    assert_eq!(bench.read(bench.store.printers()), vec![other.clone(), printer.clone()]);
    assert_eq!(bench.read(bench.store.pools()), vec![pool.clone()]);
    let setting = |name| bench.read(bench.store.setting(name));
    assert_eq!((setting("a"), setting("ab"), setting("b")), (Some(vec![]), Some(vec![0, 255]), None));
    let (a, ab) = (("a".to_owned(), vec![]), ("ab".to_owned(), vec![0, 255]));
    let settings = |prefix, n| bench.read(bench.store.settings(prefix, n));
    assert_eq!((settings("a", 9), settings("ab", 9)), (vec![a.clone(), ab.clone()], vec![ab]));
    assert_eq!((settings("a", 1), settings("b", 9)), (vec![a], vec![]));
    let remove = vec![Remove::Printer(printer.id), Remove::Pool(pool.id)];
    assert_eq!(bench.put(&Commit { remove, ..Commit::default() }).seq, CommitSeq(4));
    assert_eq!((bench.read(bench.store.printers()).len(), bench.read(bench.store.pools()).len()), (1, 0));
}

fn some_pool(id: u32) -> Pool {
    Pool {
        id: PoolId(id),
        name: name("pool"),
        members: vec![PrinterId(1)],
        policy: PoolPolicy::RoundRobin,
        origin: Origin::Api,
        accepting: true,
    }
}

fn queues_with_jobs_stay<F: Fixture>(_: &F, bench: Bench<F::S>) {
    let printer = Printer::new(PrinterId(1), name("office"), "sim:".to_owned(), Origin::Api);
    let other = Printer { id: PrinterId(2), ..printer.clone() };
    let pool = some_pool(1);
    bench.put(&Commit { printers: vec![printer, other], pools: vec![pool], ..Commit::default() });
    let remove = |removal| bench.commit(&Commit { remove: vec![removal], ..Commit::default() });
    let (first, second) = (Remove::Printer(PrinterId(1)), Remove::Printer(PrinterId(2)));
    let has_jobs = |queue| Err(CommitError::HasJobs { queue, jobs: 1 });

    // One that waits, one that is held.
    let waiting = put_job(&bench, 1, &[document(1, "ann", T)]);
    assert_eq!(remove(first), has_jobs(QUEUES[0]));
    let held = after(&bench, &waiting, JobEvent::Hold(HoldReason::User));
    assert_eq!(remove(first), has_jobs(QUEUES[0]));
    // From the queue of the pool it is at the printer: neither goes.
    let released = after(&bench, &held, JobEvent::Release);
    let moved = after(&bench, &released, JobEvent::Move { queue: QUEUES[2], name: name("pool") });
    assert_eq!(remove(Remove::Pool(PoolId(1))), has_jobs(QUEUES[2]));
    let sending = after(&bench, &moved, attempt());
    assert_eq!(remove(first), has_jobs(QUEUES[0]));
    assert_eq!(remove(Remove::Pool(PoolId(1))), has_jobs(QUEUES[2]));
    assert!(remove(second).is_ok(), "a printer without jobs goes");
    after(&bench, &sending, done());
    // Its own, which was rerouted to its pool and came back to it.
    let own = put_job(&bench, 2, &[document(2, "ann", T)]);
    let because = Activity::Recovering;
    let away = after(&bench, &own, JobEvent::Reroute { to: QUEUES[2], name: name("pool"), because });
    let sending = after(&bench, &away, attempt());
    assert_eq!(remove(first), has_jobs(QUEUES[0]));
    after(&bench, &sending, done());
    assert!(remove(first).is_ok() && remove(Remove::Pool(PoolId(1))).is_ok());
    assert_eq!((bench.read(bench.store.printers()).len(), bench.read(bench.store.pools()).len()), (0, 0));
}

fn a_queue_that_is_gone_gets_no_jobs<F: Fixture>(_: &F, bench: Bench<F::S>) {
    let printer = Printer::new(PrinterId(1), name("office"), "sim:".to_owned(), Origin::Api);
    bench.put(&Commit { printers: vec![printer], pools: vec![some_pool(1)], ..Commit::default() });
    let mut job = job(1, &[document(1, "ann", T)], T);
    let both = [(QUEUES[0], name("office")), (QUEUES[2], name("pool"))];
    let commit = Commit { queues: both.to_vec(), ..accept(&mut job, &[document(1, "ann", T)]) };
    let remove = |removal| bench.put(&Commit { remove: vec![removal], ..Commit::default() });
    remove(Remove::Pool(PoolId(1)));
    assert_eq!(bench.commit(&commit), Err(CommitError::NoQueue(name("pool"))));
    bench.put(&Commit { pools: vec![some_pool(1)], ..Commit::default() });
    remove(Remove::Printer(PrinterId(1)));
    assert_eq!(bench.commit(&commit), Err(CommitError::NoQueue(name("office"))));
    assert_eq!(bench.read(bench.store.job(job.id)), None);
}
