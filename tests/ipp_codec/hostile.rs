//! Bytes that no honest peer sends: they are refused or read, and nothing else happens.

use std::time::Duration;

use proptest::prelude::*;

use spool::clock::Clock;
use spool::model::time::MonoTime;
use spool::protocol::ipp::{Bad, HEADER_BYTES_MAX, HeaderScan, decode, encode};

use crate::{FIXTURES, understand};

/// What must hold for any bytes.
fn judge(bytes: &[u8]) {
    let scanned = HeaderScan::default().look(bytes);
    match decode(bytes) {
        Ok((message, document)) => {
            let end = bytes.len() - document.len();
            assert_eq!(scanned, Ok(Some(end)));
            assert_eq!(encode(&message).unwrap(), bytes[..end], "one message has one encoding");
            understand(&message);
        }
        Err(Bad::Incomplete) => assert_eq!(scanned, Ok(None)),
        Err(Bad::TooLong) => assert_eq!(scanned, Err(Bad::TooLong)),
        Err(Bad::TooMany(_) | Bad::Malformed { .. }) => {}
    }
}

#[test]
fn a_cut_message_is_incomplete_and_nothing_else() {
    for (name, bytes) in FIXTURES {
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]).map(|_| ()), Err(Bad::Incomplete), "{name} at {end}");
            assert_eq!(HeaderScan::default().look(&bytes[..end]), Ok(None), "{name} at {end}");
        }
        judge(bytes);
    }
}

#[test]
fn every_byte_may_be_any_other() {
    // The long answers repeat themselves; all bytes of the short ones.
    for (_, bytes) in FIXTURES.iter().filter(|(_, bytes)| bytes.len() < 1_200) {
        let mut changed = bytes.to_vec();
        for at in 0..bytes.len() {
            for other in [0x00, 0x01, 0x03, 0x34, 0x37, 0x4a, 0x7f, 0xff, bytes[at] ^ 0x01, bytes[at] ^ 0x80]
            {
                changed[at] = other;
                judge(&changed);
            }
            changed[at] = bytes[at];
        }
    }
}

/// One change to a message.
#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let tags = prop::sample::select(vec![1u8, 2, 3, 4, 0x13, 0x21, 0x34, 0x35, 0x36, 0x37, 0x44, 0x4a, 0x7f]);
    let field =
        (tags, prop_oneof![Just(0u16), 0u16..20, any::<u16>()], prop_oneof![Just(0u16), any::<u16>()]);
    let field =
        field.prop_map(|(tag, name, value)| [&[tag][..], &name.to_be_bytes(), &value.to_be_bytes()].concat());
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<prop::sample::Index>(), 1usize..40).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<prop::sample::Index>(), 1usize..400).prop_map(|(at, length)| Change::Repeat(at, length)),
        (any::<prop::sample::Index>(), field).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: Change) {
    if bytes.is_empty() {
        return;
    }
    let range = |at: prop::sample::Index, length: usize| {
        let start = at.index(bytes.len());
        start..(start + length).min(bytes.len())
    };
    match change {
        Change::Set(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        Change::Remove(at, length) => {
            bytes.drain(range(at, length));
        }
        Change::Repeat(at, length) => {
            let range = range(at, length);
            let piece = bytes[range.clone()].to_vec();
            bytes.splice(range.start..range.start, piece);
        }
        Change::Insert(at, piece) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_answers_do_no_harm(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec(change(), 1..6),
    ) {
        let mut bytes = FIXTURES[which.index(FIXTURES.len())].1.to_vec();
        for change in changes {
            apply(&mut bytes, change);
        }
        judge(&bytes);
    }

    #[test]
    fn noise_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        judge(&bytes);
    }
}

/// Repetitions that cost recursive, quadratic or boundless readers most.
#[test]
fn as_much_as_fits_of_anything_is_judged_at_once() {
    let pieces: [&[u8]; 11] = [
        b"\x01",
        b"\x02",
        b"\x0f",
        b"\x34\0\x01c\0\0",
        b"\x34\0\0\0\0\x4a\0\0\0\x01m",
        b"\x34\0\0\0\0\x4a\0\0\0\x01m\x37\0\0\0\0",
        b"\x37\0\0\0\0",
        b"\x13\0\0\0\0",
        b"\x13\0\x01a\0\0",
        b"\x02\x13\0\x01a\0\0",
        b"\x4a\0\0\0\x01m\x13\0\0\0\0",
    ];
    let starts: [&[u8]; 3] = [b"", b"\x01\x34\0\x01c\0\0", b"\x01\x13\0\x01a\0\0"];
    let clock = Clock::machine();
    for piece in pieces {
        for start in starts {
            let head = [&[2, 0, 0, 0, 0, 0, 0, 1], start].concat();
            let times = (HEADER_BYTES_MAX - head.len()) / piece.len();
            let open = [head, piece.repeat(times)].concat();
            judge(&open);
            judge(&[&open[..], &[3]].concat());
            judge(&open.repeat(4));
        }
    }
    // Far more than it takes, and far less than it took if the time grew with the square of the length.
    assert!(clock.now().mono < MonoTime(Duration::from_secs(60)));
}

/// Inner lengths that lie (they made another codec panic), and text that is none.
#[test]
fn values_with_wrong_inner_lengths_are_kept_as_bytes() {
    let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 1, 1];
    let inner: [&[u8]; 6] = [b"", b"\0", b"\0\x05", b"\0\x05en", b"\0\x02en\0\x09x", b"\xff\xff\0\0"];
    for value in inner {
        for tag in [0x35, 0x36] {
            bytes.extend([tag, 0, 1, b'a', 0, value.len() as u8]);
            bytes.extend(value);
        }
    }
    bytes.push(3);
    let (message, _) = decode(&bytes).unwrap();
    assert_eq!(message.groups[0].attributes.len(), 12);
    assert!(message.groups[0].attributes.iter().all(|attribute| attribute.values[0].text().is_none()));
    judge(&bytes);
}
