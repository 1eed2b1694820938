//! Every fault that a printer or a part of the server may have, for a printer alone and for one in a pool: the
//! real program, real sockets, printers that misbehave on command. A test's name stands in the table of
//! `docs/failures.md`, which [`table`] holds to.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../support/mod.rs"]
mod support;

mod breaking;
mod not_ready;
mod refusing;
mod rerouting;
#[cfg(feature = "failpoints")]
mod server_parts;
mod stage;
mod table;
