//! Printing with the real program: real processes, sockets and files. A test is named after what happens, or
//! begins with the row of the requirement that it proves.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../support/mod.rs"]
mod support;

mod canon;
mod chaos;
mod control;
mod failures;
mod panics;
mod pools;
mod power;
mod rows;
mod stopping;
mod talking;
mod volume;
mod way;
