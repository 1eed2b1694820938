//! Any message that can be encoded.

use proptest::collection::vec;
use proptest::prelude::*;

use spool::protocol::ipp::{
    Attribute, DateTime, Group, GroupTag, Message, OutOfBand, Resolution, ResolutionUnit, UtcDirection,
    Value, ValueTag, Version,
};

pub fn message() -> impl Strategy<Value = Message<'static>> {
    let head = (any::<u8>(), any::<u8>(), any::<u16>(), any::<i32>());
    (head, vec(group(), 0..6)).prop_map(|((major, minor, code, request_id), groups)| Message {
        version: Version { major, minor },
        code,
        request_id,
        groups,
    })
}

fn group() -> impl Strategy<Value = Group<'static>> {
    let tag = (1u8..=0x0f).prop_filter_map("0x03 begins no group", GroupTag::from_byte);
    (tag, vec(attribute(value().boxed()), 0..6)).prop_map(|(tag, attributes)| Group { tag, attributes })
}

fn attribute(value: BoxedStrategy<Value<'static>>) -> impl Strategy<Value = Attribute<'static>> {
    (name(), vec(value, 1..4)).prop_map(|(name, values)| Attribute { name: name.into(), values })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![5 => "[a-z][a-z0-9-]{0,20}", 1 => "\\PC{1,10}"]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    plain().prop_recursive(4, 24, 4, |inner| vec(attribute(inner.boxed()), 0..4).prop_map(Value::Collection))
}

fn plain() -> impl Strategy<Value = Value<'static>> {
    let text = "\\PC{0,30}";
    prop_oneof![
        out_of_band().prop_map(Value::OutOfBand),
        any::<i32>().prop_map(Value::Integer),
        any::<i32>().prop_map(Value::Enum),
        any::<bool>().prop_map(Value::Boolean),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::OctetString(bytes.into())),
        date_time().prop_map(Value::DateTime),
        resolution().prop_map(Value::Resolution),
        any::<(i32, i32)>().prop_map(|(lower, upper)| Value::Range(lower, upper)),
        ("[a-z-]{0,10}", text).prop_map(|(language, text)| Value::TextWithLanguage {
            language: language.into(),
            text: text.into()
        }),
        ("[a-z-]{0,10}", text).prop_map(|(language, name)| Value::NameWithLanguage {
            language: language.into(),
            name: name.into()
        }),
        text.prop_map(|text| Value::Text(text.into())),
        text.prop_map(Value::name),
        text.prop_map(Value::keyword),
        text.prop_map(Value::uri),
        text.prop_map(|text| Value::UriScheme(text.into())),
        text.prop_map(|text| Value::Charset(text.into())),
        text.prop_map(|text| Value::NaturalLanguage(text.into())),
        text.prop_map(|text| Value::MimeMediaType(text.into())),
        raw(),
    ]
}

fn out_of_band() -> impl Strategy<Value = OutOfBand> {
    prop::sample::select(vec![
        OutOfBand::Unsupported,
        OutOfBand::Unknown,
        OutOfBand::NoValue,
        OutOfBand::NotSettable,
        OutOfBand::DeleteAttribute,
        OutOfBand::AdminDefine,
    ])
}

fn date_time() -> impl Strategy<Value = DateTime> {
    let date = (any::<u16>(), 1u8..=12, 1u8..=31);
    let time = (0u8..24, 0u8..60, 0u8..=60, 0u8..10);
    let direction = prop_oneof![Just(UtcDirection::Ahead), Just(UtcDirection::Behind)];
    (date, time, (direction, 0u8..=14, 0u8..60)).prop_map(
        |((year, month, day), (hour, minute, second, decisecond), (direction, utc_hours, utc_minutes))| {
            DateTime { year, month, day, hour, minute, second, decisecond, direction, utc_hours, utc_minutes }
        },
    )
}

fn resolution() -> impl Strategy<Value = Resolution> {
    let unit = prop_oneof![Just(ResolutionUnit::DotsPerInch), Just(ResolutionUnit::DotsPerCentimeter)];
    (any::<i32>(), any::<i32>(), unit).prop_map(|(cross_feed, feed, unit)| Resolution {
        cross_feed,
        feed,
        unit,
    })
}

/// Syntaxes that nobody knows, and known ones whose bytes do not follow them.
fn raw() -> impl Strategy<Value = Value<'static>> {
    let unknown = prop::sample::select(vec![0x11u8, 0x14, 0x20, 0x2f, 0x38, 0x40, 0x43, 0x4b, 0x7f, 0xff]);
    let wrong: Vec<(u8, &[u8])> = vec![
        (0x10, b"x"),
        (0x13, b"\0"),
        (0x21, b"\0\0\x01"),
        (0x22, b"\x02"),
        (0x22, b""),
        (0x23, b"\0\0\0\0\x05"),
        (0x31, b"\x07\xe5\x0d\x01\0\0\0\0+\0\0"),
        (0x32, b"\0\0\x02\x58\0\0\x02\x58\x05"),
        (0x33, b"\0\0\0\x01"),
        (0x35, b"\0\x05de"),
        (0x36, b"\0\x02de\0\x01ab"),
        (0x36, b""),
        (0x41, b"Gr\xfc\xdfe"),
        (0x44, b"\xff"),
    ];
    prop_oneof![
        (unknown, vec(any::<u8>(), 0..20))
            .prop_map(|(tag, bytes)| Value::Raw { tag: ValueTag(tag), bytes: bytes.into() }),
        prop::sample::select(wrong)
            .prop_map(|(tag, bytes)| Value::Raw { tag: ValueTag(tag), bytes: bytes.into() }),
    ]
}
