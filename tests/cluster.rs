//! Several servers that share work: real processes on addresses of their own, with wires between them that write down
//! what passes.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "support/mod.rs"]
mod support;

#[path = "cluster/balance.rs"]
mod balance;
#[path = "cluster/security.rs"]
mod security;
#[path = "cluster/sources.rs"]
mod sources;
