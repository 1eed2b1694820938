//! `spool`: a print spooler.

pub mod server;
