//! `spool`: a print spooler. The layers, in reading order:
//!
//! - [`model`] decides: pure functions of state, input and time.
//! - [`store`] remembers: durable state behind one trait.
//! - [`protocol`] reads and writes what goes over wires: pure functions of bytes and values.
//! - [`device`] is one printer at the end of a wire; [`printing`] is one attempt over it.
//! - [`protocol`] reads and writes what goes over wires: pure functions of bytes and values.
//! - [`actors`] carry out what the model decides.
//! - [`server`] is what comes in; [`cluster`] is other servers.
//! - [`config`] is what was asked for.
//! - [`clock`] is the only reader of time.
//! - [`app`] builds all parts; [`cli`] is the command line.

pub mod actors;
pub mod app;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod device;
pub mod failpoint;
pub mod model;
pub mod printing;
pub mod protocol;
pub mod server;
pub mod store;
