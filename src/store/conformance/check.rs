//! Compares a store with the oracle.

use super::Bench;
use super::make::{Chance, QUEUES, USERS};
use super::oracle::Oracle;
use crate::model::document::Document;
use crate::model::id::{CommitSeq, DocumentId, JobId, QueueId};
use crate::model::job::{Job, JobStatus};
use crate::model::queue::OrderKey;
use crate::model::time::WallTime;
use crate::store::{EventsSince, JobsQuery, Purge, Purgeable, Store};

/// Everything once, the lists with filters and page sizes by chance.
pub fn all<S: Store>(bench: &Bench<S>, oracle: &Oracle, chance: &mut Chance) {
    let last = bench.store.last_seq();
    assert!(last == oracle.seq || (oracle.own_commits && last > oracle.seq), "{last} is not {}", oracle.seq);
    counts(bench, oracle);
    queues(bench, oracle, chance);
    jobs(bench, oracle, chance);
    for _ in 0..8 {
        list(bench, oracle, &query(chance));
    }
    documents(bench, oracle, chance);
    purges(bench, oracle, chance);
    events(bench, oracle, chance);
    let settings: Vec<_> = oracle.settings.clone().into_iter().collect();
    assert_eq!(bench.read(bench.store.settings("", 1000)), settings);
    for (name, value) in &oracle.settings {
        assert_eq!(bench.read(bench.store.setting(name)).as_ref(), Some(value), "setting {name}");
    }
}

pub fn counts<S: Store>(bench: &Bench<S>, oracle: &Oracle) {
    for queue in QUEUES {
        assert_eq!(bench.store.counts(queue), oracle.counts(queue), "counts of {queue:?}");
    }
    assert_eq!(bench.store.counts_total(), oracle.counts_total(), "counts of all queues");
}

fn queues<S: Store>(bench: &Bench<S>, oracle: &Oracle, chance: &mut Chance) {
    for queue in QUEUES {
        let n = 1 + chance.size(9);
        let mut expected = oracle.queue(queue);
        assert_eq!(heads(bench, oracle, vec![queue], n), expected, "order of {queue:?}");
        expected.truncate(n);
        assert_eq!(bench.read(bench.store.places(queue, n)), expected, "places of {queue:?}");
    }
    let some: Vec<QueueId> = QUEUES.into_iter().filter(|_| chance.once_in(2)).collect();
    let mut expected: Vec<OrderKey> = some.iter().flat_map(|queue| oracle.queue(*queue)).collect();
    expected.sort();
    assert_eq!(heads(bench, oracle, some.clone(), 1 + chance.size(9)), expected, "order of {some:?} merged");
}

/// The jobs of these queues together, read in pages of `n`.
fn heads<S: Store>(bench: &Bench<S>, oracle: &Oracle, queues: Vec<QueueId>, n: usize) -> Vec<OrderKey> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = bench.read(bench.store.head(queues.clone(), after, n));
        assert!(page.len() <= n, "a head of {n} has {}", page.len());
        assert!(page.iter().all(|job| oracle.jobs.get(&job.id) == Some(job)), "other jobs than there are");
        let places: Vec<OrderKey> = page.iter().filter_map(Job::order).collect();
        all.extend(&places);
        let Some(last) = places.last().filter(|_| places.len() == n) else { return all };
        assert!(after < Some(*last), "a head behind {after:?} ends at {last:?}");
        after = Some(*last);
    }
}

fn jobs<S: Store>(bench: &Bench<S>, oracle: &Oracle, chance: &mut Chance) {
    let ids: Vec<JobId> = oracle.jobs.keys().copied().collect();
    for id in &ids {
        assert_eq!(bench.read(bench.store.job(*id)).as_ref(), oracle.jobs.get(id));
    }
    let at_printers: Vec<Job> =
        oracle.jobs.values().filter(|job| job.status.is_at_printer()).cloned().collect();
    let mut found = bench.read(bench.store.jobs_at_printers());
    found.sort_by_key(|job| job.id);
    assert_eq!(found, at_printers);
    if ids.is_empty() {
        return;
    }
    let (job, after, n) = (chance.pick(&ids), chance.below(6) as u32, 1 + chance.size(6));
    let entries = oracle.timeline.range((job, after + 1)..=(job, u32::MAX)).take(n);
    let expected: Vec<_> = entries.map(|(_, entry)| entry.clone()).collect();
    assert_eq!(bench.read(bench.store.timeline(job, after, n)), expected, "timeline of {job} after {after}");
}

fn query(chance: &mut Chance) -> JobsQuery {
    let mut statuses: Vec<JobStatus> = JobStatus::ALL.into_iter().filter(|_| chance.once_in(3)).collect();
    if chance.once_in(2) {
        statuses.clear();
    }
    JobsQuery {
        statuses,
        queue: chance.once_in(2).then(|| chance.pick(&QUEUES)),
        user: chance.once_in(2).then(|| chance.pick(&USERS).to_owned()),
        before: chance.once_in(3).then(|| JobId(chance.below(200) as u32)),
        limit: 1 + chance.size(20),
    }
}

/// Walks a list to its end and compares all of it.
pub fn list<S: Store>(bench: &Bench<S>, oracle: &Oracle, query: &JobsQuery) {
    let expected = oracle.jobs(query);
    let (mut found, mut next) = (Vec::new(), query.clone());
    loop {
        let page = bench.read(bench.store.jobs(next.clone()));
        assert!(page.rows.len() <= query.limit, "a page is too long");
        found.extend(page.rows);
        match page.next {
            Some(before) => {
                assert!(next.before.is_none_or(|last| before < last), "a cursor goes forward: {query:?}");
                next.before = Some(before);
            }
            None => break,
        }
    }
    let ids = |jobs: &[Job]| jobs.iter().map(|job| job.id.0).collect::<Vec<u32>>();
    assert_eq!(ids(&found), ids(&expected), "{query:?}");
    assert_eq!(found, expected, "{query:?}");
}

fn documents<S: Store>(bench: &Bench<S>, oracle: &Oracle, chance: &mut Chance) {
    let user = chance.once_in(2).then(|| chance.pick(&USERS).to_owned());
    let wanted = |document: &&Document| user.as_ref().is_none_or(|user| document.submitter.user == *user);
    let expected: Vec<Document> =
        oracle.documents.values().rev().map(|(document, _)| document).filter(wanted).cloned().collect();
    let (mut found, mut before, limit) = (Vec::new(), None::<DocumentId>, 1 + chance.size(20));
    loop {
        let page = bench.read(bench.store.documents(user.clone(), before, limit));
        assert!(page.rows.len() <= limit);
        found.extend(page.rows);
        let Some(next) = page.next else { break };
        assert!(before.is_none_or(|before| next < before), "a cursor goes forward");
        before = Some(next);
    }
    assert_eq!(found, expected, "documents of {user:?}");
}

fn purges<S: Store>(bench: &Bench<S>, oracle: &Oracle, chance: &mut Chance) {
    let (until, n) = (WallTime(chance.below(4000)), 1 + chance.size(50));
    let jobs = oracle.jobs.values().filter_map(|job| Some((job.finished_at?, job.id)));
    let unused = oracle.documents.iter().filter(|(id, _)| !oracle.in_use(**id));
    let unused = unused.map(|(id, (_, used_at))| (*used_at, *id));
    let keys = oracle.keys.iter().map(|(id, record)| (record.expires_at, *id));
    let purge = |what| bench.read(bench.store.purgeable(what, until, n));
    assert_eq!(purge(Purge::Jobs), oldest(jobs, until, n, Purgeable::Job));
    assert_eq!(purge(Purge::Documents), oldest(unused, until, n, Purgeable::Document));
    assert_eq!(purge(Purge::Keys), oldest(keys, until, n, Purgeable::Key));
}

fn oldest<T: Ord>(
    all: impl Iterator<Item = (WallTime, T)>,
    until: WallTime,
    n: usize,
    found: fn(T) -> Purgeable,
) -> Vec<Purgeable> {
    let mut all: Vec<(WallTime, T)> = all.filter(|(at, _)| *at <= until).collect();
    all.sort();
    all.into_iter().take(n).map(|(_, id)| found(id)).collect()
}

fn events<S: Store>(bench: &Bench<S>, oracle: &Oracle, chance: &mut Chance) {
    let after = CommitSeq(chance.below(oracle.seq.0 + 1));
    let expected: Vec<_> = oracle.events.iter().filter(|event| event.seq > after).cloned().collect();
    let (mut found, mut last, n) = (Vec::new(), after, 1 + chance.size(10));
    loop {
        let EventsSince::Events(page) = bench.read(bench.store.events_since(last, n)) else {
            panic!("events after {after} were forgotten");
        };
        let Some(newest) = page.last() else { break };
        assert!(newest.seq > last, "events after {last} end at {}", newest.seq);
        last = newest.seq;
        found.extend(page);
    }
    assert_eq!(found, expected, "events after {after}");
}
