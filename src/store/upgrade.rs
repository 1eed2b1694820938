//! From the form in which a record was stored to the newest form of its kind.
//!
//! Every form that was ever released stays as it is (`JobV1`), with its golden bytes in
//! `tests/fixtures/store`. A second form of a kind brings its own number in [`newest`], its struct, and a
//! step from the form before (`JobV1 → JobV2`) that is taken here on read.

use std::cmp::Ordering;

use super::record::{JobV1, JobV2, Kind, PoolV1, PoolV2, Refused, Stored, payload};

/// The form in which this program writes records of a kind.
pub fn newest(kind: Kind) -> u16 {
    match kind {
        Kind::Job | Kind::Pool => 2,
        Kind::Entry
        | Kind::Document
        | Kind::Printer
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
pub fn open<T: Stored>(version: u16, bytes: &[u8]) -> Result<T::Form, Refused> {
    match version.cmp(&newest(T::KIND)) {
        Ordering::Equal => payload(bytes),
        Ordering::Greater => Err(Refused::Newer(version)),
        Ordering::Less => T::older(version, bytes),
    }
}

/// A job that was stored in an older form.
pub fn job(version: u16, bytes: &[u8]) -> Result<JobV2, Refused> {
    match version {
        1 => payload::<JobV1>(bytes).map(JobV2::from),
        _ => Err(never(version)),
    }
}

/// A pool that was stored in an older form.
pub fn pool(version: u16, bytes: &[u8]) -> Result<PoolV2, Refused> {
    match version {
        1 => payload::<PoolV1>(bytes).map(PoolV2::from),
        _ => Err(never(version)),
    }
}

/// For a version that no program has ever written.
pub fn never(version: u16) -> Refused {
    Refused::Damaged(format!("there never was a form {version}"))
}
