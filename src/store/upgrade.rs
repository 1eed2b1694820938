//! From the form in which a record was stored to the newest form of its kind.
//!
//! Every form that was ever released stays as it is (`JobV1`), with its golden bytes in
//! `tests/fixtures/store`. A second form of a kind brings its own number in [`newest`], its struct, and a
//! step `fn(JobV1) -> JobV2` that is taken here on read.

use serde::de::DeserializeOwned;

use super::record::{Kind, Refused, payload};

/// The form in which this program writes records of a kind.
pub fn newest(kind: Kind) -> u16 {
    match kind {
        Kind::Job
        | Kind::Entry
        | Kind::Document
        | Kind::Printer
        | Kind::Pool
        | Kind::Setting
        | Kind::Counts
        | Kind::Key
        | Kind::Event => 1,
    }
}

/// How many forms of records there have been: a program that knows fewer must not read what one that knows more
/// has written.
pub fn forms() -> u32 {
    Kind::ALL.into_iter().map(|kind| u32::from(newest(kind))).sum()
}

/// The newest form of a record whose payload was written in `version`.
pub fn open<T: DeserializeOwned>(kind: Kind, version: u16, bytes: &[u8]) -> Result<T, Refused> {
    match version {
        1 => payload(bytes),
        newer if newer > newest(kind) => Err(Refused::Newer(newer)),
        unknown => Err(Refused::Damaged(format!("there never was a form {unknown}"))),
    }
}
