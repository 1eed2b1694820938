//! `spool`: a print spooler.

pub mod store;
