//! What comes in: the front doors.

pub mod http;
