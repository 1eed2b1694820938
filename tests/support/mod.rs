//! What the tests share.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod printer;
