//! The actors round the model: what they make of full mailboxes, panics, late answers and the end. All but
//! `heart` run on one thread and on tokio's paused clock, with a bench in the place of the print threads.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod doors;
mod ending;
mod heart;
mod inviting;
mod printers;
mod traffic;
mod watcher;
mod world;
