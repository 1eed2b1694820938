use proptest::prelude::*;

use spool::protocol::ipp::{
    ATTRIBUTES_MAX, Attribute, Bad, DEPTH_MAX, DateTime, GROUPS_MAX, Group, GroupTag, HEADER_BYTES_MAX,
    HeaderScan, Message, Operation, UtcDirection, VALUE_BYTES_MAX, VALUES_MAX, Value, ValueTag, Version,
    decode, encode,
};

use crate::arbitrary;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_as_it_was(
        message in arbitrary::message(),
        document in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = encode(&message).unwrap();
        let attributes_end = bytes.len();
        bytes.extend(&document);
        let (read, rest) = decode(&bytes).unwrap();
        prop_assert_eq!(&read, &message);
        prop_assert_eq!(rest, &document[..]);
        prop_assert_eq!(encode(&read).unwrap(), &bytes[..attributes_end]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the pieces are in which a message comes, its end is found where it is, and not before.
    #[test]
    fn the_end_is_found_in_pieces(message in arbitrary::message(), step in 1usize..200) {
        let mut bytes = encode(&message).unwrap();
        let end = bytes.len();
        bytes.extend([0x03; 100]);
        let mut scan = HeaderScan::default();
        for have in (0..bytes.len()).step_by(step) {
            let expected = (have >= end).then_some(end);
            prop_assert_eq!(scan.look(&bytes[..have]), Ok(expected));
            if expected.is_some() {
                break;
            }
            prop_assert_eq!(decode(&bytes[..have]), Err(Bad::Incomplete));
        }
    }
}

fn message(attributes: Vec<Attribute<'_>>) -> Message<'_> {
    let group = Group { tag: GroupTag::Operation, attributes };
    Message { version: Version::V2_0, code: Operation::GetJobs.code(), request_id: 1, groups: vec![group] }
}

fn with_value(value: Value<'_>) -> Message<'_> {
    message(vec![Attribute::new("a", value)])
}

fn nested(depth: usize) -> Value<'static> {
    (0..depth).fold(Value::Integer(1), |inner, _| Value::Collection(vec![Attribute::new("m", inner)]))
}

/// A message with exactly so many bytes of attributes.
fn of_length(bytes: usize) -> Message<'static> {
    // 8 bytes and two tags, and of each attribute a tag, two lengths and a name.
    let mut left = bytes - 10;
    let mut attributes = Vec::new();
    while left > 0 {
        let length = (left - 6).min(30_000);
        attributes.push(Attribute::new("a", Value::OctetString(vec![7; length].into())));
        left -= length + 6;
    }
    message(attributes)
}

#[test]
fn limits_hold_at_the_bound_for_both_directions() {
    let many_values =
        |count| message(vec![Attribute { name: "a".into(), values: vec![Value::Integer(1); count] }]);
    let many_attributes = |count| message(vec![Attribute::new("a", Value::Integer(1)); count]);
    let many_members =
        |count| with_value(Value::Collection(vec![Attribute::new("m", Value::Integer(1)); count]));
    let many_groups = |count| Message { groups: vec![Group::new(GroupTag::Job); count], ..message(vec![]) };
    let long_value = |count| with_value(Value::OctetString(vec![0; count].into()));
    let cases: [(&str, Message<'_>, Message<'_>); 7] = [
        ("values", many_values(VALUES_MAX), many_values(VALUES_MAX + 1)),
        ("attributes", many_attributes(ATTRIBUTES_MAX), many_attributes(ATTRIBUTES_MAX + 1)),
        ("members", many_members(ATTRIBUTES_MAX), many_members(ATTRIBUTES_MAX + 1)),
        ("groups", many_groups(GROUPS_MAX), many_groups(GROUPS_MAX + 1)),
        ("depth", with_value(nested(DEPTH_MAX)), with_value(nested(DEPTH_MAX + 1))),
        ("value bytes", long_value(VALUE_BYTES_MAX), long_value(VALUE_BYTES_MAX + 1)),
        ("bytes", of_length(HEADER_BYTES_MAX), of_length(HEADER_BYTES_MAX + 1)),
    ];
    for (limit, within, beyond) in cases {
        let bytes = encode(&within).unwrap_or_else(|error| panic!("{limit}: {error}"));
        assert_eq!(decode(&bytes).map(|(read, _)| read), Ok(within), "{limit}");
        assert!(encode(&beyond).is_err(), "{limit} is exceeded");
    }
}

/// What the encoder would refuse comes from others all the same: written here by hand.
#[test]
fn limits_hold_against_others() {
    let head = [2, 0, 0, 10, 0, 0, 0, 1, 1];
    let first: &[u8] = b"\x21\0\x01a\0\x04\0\0\0\x01";
    let more: &[u8] = b"\x21\0\0\0\x04\0\0\0\x01";
    let begin: &[u8] = b"\x34\0\0\0\0\x4a\0\0\0\x01m";
    let member: &[u8] = b"\x4a\0\0\0\x01m\x21\0\0\0\x04\0\0\0\x01";
    let end: &[u8] = b"\x37\0\0\0\0";
    let collection: &[u8] = b"\x34\0\x01c\0\0";
    let joined = |pieces: &[(&[u8], usize)]| {
        let repeated = pieces.iter().flat_map(|(piece, times)| piece.repeat(*times));
        head.into_iter().chain(repeated).chain([3]).collect::<Vec<u8>>()
    };
    let long: Vec<u8> = [b"\x30\0\x01a\x75\x30".as_slice(), &[0; 30_000]].concat();
    let cases: [(Vec<u8>, Bad); 6] = [
        (joined(&[(first, 1), (more, VALUES_MAX)]), Bad::TooMany("more than 1000 values of one attribute")),
        (
            joined(&[(first, ATTRIBUTES_MAX + 1)]),
            Bad::TooMany("more than 1000 attributes in one group or collection"),
        ),
        (
            joined(&[(collection, 1), (member, ATTRIBUTES_MAX + 1), (end, 1)]),
            Bad::TooMany("more than 1000 attributes in one group or collection"),
        ),
        (joined(&[(&[2], GROUPS_MAX)]), Bad::TooMany("more than 1000 groups")),
        (
            joined(&[(collection, 1), (&begin[5..], 1), (begin, DEPTH_MAX), (end, DEPTH_MAX + 1)]),
            Bad::TooMany("collections more than 8 deep"),
        ),
        (joined(&[(&long, 9)]), Bad::TooLong),
    ];
    for (bytes, bad) in cases {
        assert_eq!(decode(&bytes).map(|_| ()), Err(bad));
    }
    let endless = joined(&[(&long, 9)]);
    assert_eq!(HeaderScan::default().look(&endless[..endless.len() - 1]), Err(Bad::TooLong));
}

#[test]
fn what_nobody_could_read_is_not_written() {
    let raw = |tag| Value::Raw { tag: ValueTag(tag), bytes: vec![].into() };
    let date = DateTime {
        year: 2024,
        month: 13,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        decisecond: 0,
        direction: UtcDirection::Ahead,
        utc_hours: 0,
        utc_minutes: 0,
    };
    let other_group = Group { tag: GroupTag::Other(0x03), attributes: vec![] };
    let cases = [
        message(vec![Attribute { name: "a".into(), values: vec![] }]),
        message(vec![Attribute::new("", Value::Integer(1))]),
        with_value(Value::Collection(vec![Attribute { name: "m".into(), values: vec![] }])),
        with_value(raw(0x03)),
        with_value(raw(0x34)),
        with_value(raw(0x37)),
        with_value(raw(0x4a)),
        with_value(Value::DateTime(date)),
        Message { groups: vec![other_group], ..message(vec![]) },
    ];
    for case in cases {
        assert!(encode(&case).is_err(), "{case:?}");
    }
}
