//! The suite that every store must pass. It compares the store with naive models of what it promises and
//! panics where they differ, so it is only of use in tests.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

use super::Store;
use crate::model::commit::{Commit, CommitError, Committed};

mod cases;
mod check;
pub(super) mod make;
pub(super) mod oracle;
mod pages;
mod walk;

/// How the suite comes by its stores.
pub trait Fixture {
    type S: Store;

    /// An empty store.
    fn fresh(&self) -> Self::S;
    /// The same store in the next life of the process.
    fn reopen(&self, store: Self::S) -> Self::S;
    /// Every key and value of the tables, but not what the store keeps for itself.
    fn key_space(&self, store: &Self::S) -> Vec<(Vec<u8>, Vec<u8>)>;
    /// Which numbers commits get.
    fn numbers(&self) -> Numbers {
        Numbers::InSequence
    }
}

/// The numbers of the commits that are handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    InSequence,
    /// Some are taken by commits of the store's own, which change nothing that anybody can see.
    WithGaps,
}

/// How long a random walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    pub walks: u64,
    pub steps: u32,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { walks: 8, steps: 400 }
    }
}

/// Runs the whole suite.
pub fn exercise(fixture: &impl Fixture, effort: Effort) {
    cases::run(fixture);
    pages::run(fixture);
    exercise_long(fixture, effort);
}

/// Runs the random walks alone.
pub fn exercise_long(fixture: &impl Fixture, effort: Effort) {
    for seed in 0..effort.walks {
        walk::run(fixture, seed, effort.steps);
    }
}

/// A store under test.
struct Bench<S> {
    store: S,
    runtime: Runtime,
}

impl<S: Store> Bench<S> {
    fn new(store: S) -> Bench<S> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
        Bench { store, runtime }
    }

    /// Waits for an answer of the store.
    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// Waits for a read that must succeed.
    fn read<T>(&self, answer: impl Future<Output = Result<T, super::ReadError>>) -> T {
        self.wait(answer).expect("nothing is damaged")
    }

    fn commit(&self, commit: &Commit) -> Result<Committed, CommitError> {
        self.wait(self.store.commit(commit.clone()))
    }

    /// A commit that must succeed.
    fn put(&self, commit: &Commit) -> Committed {
        self.commit(commit).expect("the commit is good")
    }

    fn reopen<F: Fixture<S = S>>(self, fixture: &F) -> Bench<S> {
        Bench::new(fixture.reopen(self.store))
    }
}
