//! From the form in which a record was stored to the newest form of its kind.
//!
//! Every form that was ever released stays as it is (`PoolV1`), with its golden bytes in
//! `tests/fixtures/store`. A second form of a kind brings its own number in [`newest`], its struct, and the
//! step from the one before, which `Stored::older` takes on read.

use super::record::{Kind, Refused, Stored, payload};

/// The form in which this program writes records of a kind.
pub fn newest(kind: Kind) -> u16 {
    match kind {
        Kind::Job
        | Kind::Entry
        | Kind::Document
        | Kind::Printer
        | Kind::Setting
        | Kind::Counts
        | Kind::Key
        | Kind::Event => 1,
        Kind::Pool => 2,
    }
}

/// How many forms of records there have been: a program that knows fewer must not read what one that knows more
/// has written.
pub fn forms() -> u32 {
    Kind::ALL.into_iter().map(|kind| u32::from(newest(kind))).sum()
}

/// The newest form of a record whose payload was written in `version`.
pub fn open<T: Stored>(version: u16, bytes: &[u8]) -> Result<T::Form, Refused> {
    let newest = newest(T::KIND);
    if version == newest {
        return payload(bytes);
    }
    if version > newest {
        return Err(Refused::Newer(version));
    }
    let never = || Err(Refused::Damaged(format!("there never was a form {version}")));
    T::older(version, bytes).unwrap_or_else(never)
}
