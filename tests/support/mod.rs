//! What the tests share.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod attempt;
pub mod client;
pub mod cluster;
pub mod crowd;
pub mod events;
pub mod home;
pub mod ipp_script;
pub mod ippeve;
pub mod ledger;
pub mod log;
pub mod lots;
pub mod meter;
pub mod order;
pub mod paper;
pub mod printer;
pub mod server;
pub mod sink;
pub mod sleeper;
pub mod wait;
