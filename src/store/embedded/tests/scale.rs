//! Nothing that is asked often may grow with the number of jobs. The bounds are generous; figures are for benches.

use super::*;

const JOBS: u32 = 20_000;
/// Far more than a page takes, far less than to look at every job.
const PAGE_MAX: Duration = Duration::from_millis(250);

#[test]
fn a_page_of_a_long_list_is_not_slow() {
    let (_parent, path) = state();
    let life = Life::open(&path);
    for first in (1..=JOBS).step_by(500) {
        life.accept(first..first + 500);
    }
    assert_eq!(life.store.counts(QUEUE).jobs, u64::from(JOBS));
    let clock = crate::clock::Clock::machine();
    let query = |before, queue| JobsQuery { before, queue, limit: 100, ..JobsQuery::default() };
    let queries = [query(None, None), query(Some(JobId(JOBS / 2)), None), query(None, Some(QUEUE))];
    for query in queries {
        let begun = clock.now().mono;
        let page = life.wait(life.store.jobs(query.clone())).expect("readable");
        let took = clock.now().mono.since(begun);
        assert_eq!(page.rows.len(), 100);
        assert!(took < PAGE_MAX, "{query:?} took {took:?}");
    }
    life.close();
    let begun = clock.now().mono;
    let life = Life::open(&path);
    let took = clock.now().mono.since(begun);
    assert!(life.replayed == 0 && took < Duration::from_secs(10), "the start took {took:?}");
}
