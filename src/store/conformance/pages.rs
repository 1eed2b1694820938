//! Lists that are long: a page has a bound on what it looks at, and is found whatever lies before it.

use super::make::{QUEUES, accept, job, together};
use super::oracle::Oracle;
use super::{Bench, Fixture, check};
use crate::model::commit::Commit;
use crate::model::job::{Job, JobStatus};
use crate::model::time::WallTime;
use crate::store::{JobsQuery, PAGE_ROWS_MAX, PAGE_SCAN_MAX, Store};

/// How many jobs are put in one commit.
const TOGETHER: u32 = 25;

pub fn run<F: Fixture>(fixture: &F) {
    let bench = Bench::new(fixture.fresh());
    let mut oracle = Oracle::default();
    let many = PAGE_SCAN_MAX as u32 + 50;
    // The oldest is the only one that failed.
    let mut commit = Commit::default();
    for id in 1..=many {
        commit = together(commit, accept(&mut ended(id), &[]));
        if id % TOGETHER == 0 || id == many {
            bench.put(&commit);
            oracle.jobs.extend(commit.jobs.drain(..).map(|job| (job.id, job)));
            commit = Commit::default();
        }
    }
    let rare = JobsQuery { statuses: vec![JobStatus::Failed], limit: 10, ..JobsQuery::default() };
    let page = bench.read(bench.store.jobs(rare.clone()));
    assert_eq!((page.rows.len(), page.next), (1, None), "a list of its own finds a rare job at once");

    // There is no list of one user's failed jobs.
    let hidden = JobsQuery { queue: Some(QUEUES[0]), user: Some("ann".to_owned()), ..rare };
    let page = bench.read(bench.store.jobs(hidden.clone()));
    assert!(page.rows.is_empty() && page.next.is_some(), "a page looks at {PAGE_SCAN_MAX} jobs at most");
    check::list(&bench, &oracle, &hidden);

    let all = JobsQuery { limit: PAGE_ROWS_MAX, ..JobsQuery::default() };
    check::list(&bench, &oracle, &all);
    let too_many = bench.read(bench.store.jobs(JobsQuery { limit: usize::MAX, ..all }));
    assert_eq!(too_many.rows.len(), PAGE_ROWS_MAX);
}

fn ended(id: u32) -> Job {
    let mut job = job(id, &[], WallTime(u64::from(id)));
    job.status = if id == 1 { JobStatus::Failed } else { JobStatus::Completed };
    job.finished_at = Some(job.updated_at);
    job
}
