//! Takes away what history no longer keeps: finished jobs, documents that nobody uses, expired keys.

use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::History;
use crate::model::commit::{Commit, CommitError, Committed, Remove};
use crate::model::time::WallTime;
use crate::store::{Purge, Purgeable, ReadError, SharedStore};

/// How often it is looked whether something is due.
const EVERY: Duration = Duration::from_secs(30);
/// So much is taken away between two breaths.
const BATCH: usize = 64;

/// Runs until it is dropped.
pub async fn run(store: SharedStore, mut history: watch::Receiver<History>, clock: Clock) {
    loop {
        let keep = history.borrow_and_update().clone();
        if let Err(error) = sweep(&store, &keep, clock).await {
            log::warn!(error:%; "history was not cleared; trying again later");
        }
        // A change of what is kept is followed at once. Where nobody can change it, only the time passes.
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            Ok(()) = history.changed() => {}
        }
    }
}

/// Takes away everything that is due now.
pub async fn sweep(store: &SharedStore, history: &History, clock: Clock) -> Result<(), ReadError> {
    let now = clock.now().wall;
    sweep_one(store, Purge::Jobs, now.minus(history.jobs)).await?;
    sweep_one(store, Purge::Documents, now.minus(history.documents)).await?;
    sweep_one(store, Purge::Keys, now).await
}

async fn sweep_one(store: &SharedStore, what: Purge, until: WallTime) -> Result<(), ReadError> {
    loop {
        let due = store.purgeable(what, until, BATCH).await?;
        let mut gone = 0;
        // Handed in together, so that they share a sync.
        for removed in join_all(due.iter().map(|found| remove(store, found))).await {
            match removed {
                // The store lets the body of a document go when its record has gone.
                Ok(_) => gone += 1,
                // Used again meanwhile: it is due another time.
                Err(CommitError::InUse(_) | CommitError::Changed(_)) => {}
                Err(error) => return Err(ReadError::Unavailable(error.to_string())),
            }
        }
        if due.len() < BATCH || gone == 0 {
            return Ok(());
        }
    }
}

fn remove(store: &SharedStore, found: &Purgeable) -> BoxFuture<'static, Result<Committed, CommitError>> {
    let remove = match found {
        Purgeable::Job(job) => Remove::Job(*job),
        Purgeable::Document(document) => Remove::Document(*document),
        Purgeable::Key(key) => Remove::Key(*key),
    };
    store.commit(Commit { remove: vec![remove], ..Commit::default() })
}
