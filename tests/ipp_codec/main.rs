//! The IPP codec against what it did not write itself: answers of real printers, the same with bytes changed,
//! another reading of the standard, and any message there can be.
//!
//! The answers in `tests/fixtures/ipp` were taken from ippeveprinter and cupsd, both of CUPS 2.4.2.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod another_reading;
mod arbitrary;
mod captured;
mod hostile;
mod round_trip;

use spool::protocol::ipp::{
    Answer, JobAttributes, Message, Notifications, PrinterAttributes, Subscribed, decode,
};

macro_rules! fixtures {
    ($($name:literal,)*) => {
        /// Answers of real printers.
        const FIXTURES: &[(&str, &[u8])] =
            &[$(($name, include_bytes!(concat!("../fixtures/ipp/", $name, ".bin"))),)*];
    };
}

fixtures! {
    "cups-cancel-subscription",
    "cups-job",
    "cups-jobs-completed",
    "cups-notifications",
    "cups-notifications-gone",
    "cups-print-job",
    "cups-printer-all",
    "cups-renew",
    "cups-subscribe",
    "cups-subscribe-refused",
    "eve-cancel-too-late",
    "eve-create-job",
    "eve-job",
    "eve-job-not-found",
    "eve-jobs-completed",
    "eve-operation-not-supported",
    "eve-printer-all",
    "eve-send-document",
    "eve-validate-format",
    "eve-validate-ok",
    "eve-validate-unsupported",
    "eve-version-not-supported",
}

fn fixture(name: &str) -> Message<'static> {
    let (_, bytes) = FIXTURES.iter().find(|(known, _)| *known == name).unwrap();
    decode(bytes).unwrap().0
}

/// All that is made of an answer, whatever the question was.
fn understand(message: &Message<'_>) {
    let _ = (message.operation().to_string(), message.status().to_string(), message.status_message());
    let _ = (Answer::of(message), PrinterAttributes::first(message), Notifications::of(message));
    let _ = (JobAttributes::all(message).count(), Subscribed::all(message).count());
}
