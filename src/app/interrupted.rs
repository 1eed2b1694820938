//! Jobs that waited for their documents when the last life ended will wait for ever: nobody had accepted them. They are
//! found among the held ones, the newest first; of those there may be a million, and nobody waits for all of them to be
//! looked at.

use std::time::Duration;

use crate::clock::Clock;
use crate::model::commit::CommitError;
use crate::model::id::JobId;
use crate::model::intake::arriving::after_restart;
use crate::model::job::JobStatus;
use crate::store::{JobsQuery, PAGE_ROWS_MAX, ReadError, SharedStore};

/// Pages that are looked at before the server is ready. At most 64 large documents arrive at once, so an interrupted job
/// is mostly among the newest.
const PAGES_FIRST: usize = 2;
/// Between two of the other pages, each of which takes some milliseconds of a core.
const PAUSE: Duration = Duration::from_millis(10);

/// Ends the interrupted jobs that are older than `before`, the first of this life: what arrives now is left alone. The
/// oldest are looked at while the server runs.
///
/// # Errors
/// The store cannot be read.
pub async fn end(store: &SharedStore, clock: Clock, before: JobId) -> Result<(), ReadError> {
    if store.counts_total().held == 0 {
        return Ok(());
    }
    let mut next = Some(before);
    for _ in 0..PAGES_FIRST {
        let Some(before) = next else { return Ok(()) };
        next = end_page(store, clock, before, PAGE_ROWS_MAX).await?;
    }
    let store = store.clone();
    actix_rt::spawn(async move {
        // Where it does not come to its end the next start goes on.
        while let Some(before) = next {
            tokio::time::sleep(PAUSE).await;
            next = end_page(&store, clock, before, PAGE_ROWS_MAX).await.unwrap_or_else(|error| {
                log::warn!(error:%; "jobs whose documents will not come are not looked for any more");
                None
            });
        }
    });
    Ok(())
}

/// Ends those of a page of held jobs, and says where the next begins.
async fn end_page(
    store: &SharedStore,
    clock: Clock,
    before: JobId,
    limit: usize,
) -> Result<Option<JobId>, ReadError> {
    let query =
        JobsQuery { statuses: vec![JobStatus::Held], before: Some(before), limit, ..JobsQuery::default() };
    let page = store.jobs(query).await?;
    for commit in page.rows.into_iter().filter_map(|job| after_restart(job, clock.now())) {
        match store.commit(commit).await {
            // Somebody has canceled it meanwhile.
            Ok(_) | Err(CommitError::Changed(_)) => {}
            // A disk that is full must not keep the server from starting; a user may cancel the job as well.
            Err(error) => log::warn!(error:%; "a job whose document will not come cannot be ended"),
        }
    }
    Ok(page.next)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::commit::Commit;
    use crate::model::fixtures::{after, bound, job};
    use crate::model::job::{Job, JobEvent};
    use crate::model::retry::Broken;
    use crate::store::memory::MemoryStore;

    /// A job that its printer had registered and let go of before its document was there.
    fn interrupted(id: u32) -> Job {
        let arriving = Job { documents: Vec::new(), ..job(id) };
        after(arriving, [JobEvent::Attempt(bound(1)), JobEvent::AwaitDocument(Some(Broken::Reset))])
    }

    fn put(store: &SharedStore, jobs: Vec<Job>) {
        let commit = store.commit(Commit { jobs, ..Commit::default() });
        futures_util::FutureExt::now_or_never(commit).expect("at once").expect("committed");
    }

    #[test]
    fn those_of_earlier_lives_end_and_those_of_this_one_do_not() {
        actix_rt::System::new().block_on(async {
            let store: SharedStore = Arc::new(MemoryStore::new());
            let last = (PAGES_FIRST * PAGE_ROWS_MAX + 300) as u32;
            for id in 1..=last + 1 {
                put(&store, vec![interrupted(id)]);
            }
            end(&store, Clock::tokio(), JobId(last + 1)).await.expect("readable");
            let held = || store.counts_total().held;
            assert!(held() <= 301, "{} are still to be ended, and nothing waits for them", held());
            let mut changes = store.changes();
            while held() > 1 {
                changes.changed().await.expect("the store is there");
            }
            let left = store.job(JobId(last + 1)).await.expect("readable").expect("there");
            assert_eq!(left.status, JobStatus::Held);
        });
    }
}
