//! Durable state: what has been answered to a client is on disk.

pub mod journal;
