//! Protocols as bytes and values. Pure: a file here knows no socket, no clock, and nothing of jobs, queues or
//! printers beyond what its standard says.

pub mod ieee1284;
pub mod ipp;
