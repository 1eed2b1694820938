//! The pure core: what a job, a printer and a queue are, and every decision about them.
//!
//! Nothing here reads a clock, a disk or a socket, and nothing here knows of actors or of the store.
//! Time comes in as [`time::Now`], the outside world as `Input` values; decisions go out as `Effect`
//! values which the shells (the actors, and the simulator in the tests) carry out.
//!
//! - nouns: [`id`], [`time`], [`job`], [`document`], [`options`], [`printer`], [`pool`], [`queue`], [`event`],
//!   [`description`] and [`news`] (what a device says of itself, and of a job)
//! - one decision each: [`cancel`] (who may cancel what), [`retry`] (classes of failure, doubt, back-off),
//!   [`liveness`] (who is stuck), [`pool::choice`] (which member takes a job), [`reroute`] (which jobs leave a
//!   printer that fails), [`revival`] (when what failed is made anew), [`suggest`] (names for what was found)
//! - documents that are sent while they arrive: [`stream`]; servers that share work: [`cluster`]
//! - what is written together: [`commit`]; what is said of a job, to people and programs: [`explain`]

pub mod cancel;
pub mod cluster;
pub mod commit;
pub mod description;
pub mod directory;
pub mod document;
pub mod event;
pub mod explain;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod fleet;
pub mod id;
pub mod intake;
pub mod invariants;
pub mod job;
pub mod liveness;
pub mod news;
pub mod options;
pub mod outcome;
pub mod pool;
pub mod printer;
pub mod queue;
pub mod reroute;
pub mod retry;
pub mod revival;
pub mod stream;
pub mod suggest;
pub mod text;
pub mod time;
pub mod traffic;
