//! Our reading beside that of the crate `ipp`, for all that it reads rightly. Known differences, in version 8:
//!
//! - in a collection it keeps of each member one value, and loses the order of the members;
//! - a boolean is true for any byte but 0, numbers may be followed by bytes, dates are not checked;
//! - out-of-band values but no-value are «other», and no-value may have bytes;
//! - it refuses group tags and value tags that it does not know;
//! - names, keywords and the like that are longer than the standard allows are errors;
//! - a *WithLanguage value with a wrong inner length makes it panic: it is given only what ours accepts.

use std::io::Cursor;

use ipp::parser::IppParser;
use ipp::reader::IppReader;
use ipp::value::IppValue;
use proptest::prelude::*;

use spool::protocol::ipp::{
    Attribute, GroupTag, Message, OutOfBand, ResolutionUnit, UtcDirection, Value, decode, encode,
};

use crate::{FIXTURES, arbitrary};

/// The same value as the other crate has it; `None` where a difference is known.
fn theirs(value: &Value<'_>) -> Option<IppValue> {
    Some(match value {
        Value::OutOfBand(OutOfBand::NoValue) => IppValue::NoValue,
        Value::OutOfBand(_) | Value::Raw { .. } => return None,
        Value::Integer(number) => IppValue::Integer(*number),
        Value::Enum(number) => IppValue::Enum(*number),
        Value::Boolean(is) => IppValue::Boolean(*is),
        Value::OctetString(bytes) => IppValue::OctetString(bytes.to_vec().into()),
        Value::DateTime(date) => IppValue::DateTime(ipp::value::IppDateTime {
            year: date.year,
            month: date.month,
            day: date.day,
            hour: date.hour,
            minutes: date.minute,
            seconds: date.second,
            deci_seconds: date.decisecond,
            utc_dir: match date.direction {
                UtcDirection::Ahead => '+',
                UtcDirection::Behind => '-',
            },
            utc_hours: date.utc_hours,
            utc_mins: date.utc_minutes,
        }),
        Value::Resolution(resolution) => IppValue::Resolution {
            cross_feed: resolution.cross_feed,
            feed: resolution.feed,
            units: match resolution.unit {
                ResolutionUnit::DotsPerInch => 3,
                ResolutionUnit::DotsPerCentimeter => 4,
            },
        },
        Value::Range(min, max) => IppValue::RangeOfInteger { min: *min, max: *max },
        Value::Collection(members) => collection(members)?,
        Value::TextWithLanguage { language, text } => {
            IppValue::new_text_with_language(&**language, &**text).ok()?
        }
        Value::NameWithLanguage { language, name } => IppValue::NameWithLanguage {
            language: (&**language).try_into().ok()?,
            name: (&**name).try_into().ok()?,
        },
        Value::Text(text) => IppValue::new_text_without_language(&**text).ok()?,
        Value::Name(text) => IppValue::NameWithoutLanguage((&**text).try_into().ok()?),
        Value::Keyword(text) => IppValue::Keyword((&**text).try_into().ok()?),
        Value::Uri(text) => IppValue::Uri((&**text).try_into().ok()?),
        Value::UriScheme(text) => IppValue::UriScheme((&**text).try_into().ok()?),
        Value::Charset(text) => IppValue::Charset((&**text).try_into().ok()?),
        Value::NaturalLanguage(text) => IppValue::NaturalLanguage((&**text).try_into().ok()?),
        Value::MimeMediaType(text) => IppValue::MimeMediaType((&**text).try_into().ok()?),
    })
}

fn collection(members: &[Attribute<'_>]) -> Option<IppValue> {
    let mut theirs_by_name = std::collections::BTreeMap::new();
    for member in members {
        let [value] = &member.values[..] else { return None };
        let name = member.name.to_string().try_into().ok()?;
        if theirs_by_name.insert(name, theirs(value)?).is_some() {
            return None;
        }
    }
    Some(IppValue::Collection(theirs_by_name))
}

fn known_to_them(message: &Message<'_>) -> bool {
    fn unknown(values: &[Value<'_>]) -> bool {
        values.iter().any(|value| match value {
            Value::Raw { .. } => true,
            Value::Charset(text) | Value::NaturalLanguage(text) => text.len() > 63,
            Value::Collection(members) => members.iter().any(|member| unknown(&member.values)),
            _ => false,
        })
    }
    let attributes = message.groups.iter().flat_map(|group| &group.attributes);
    !message.groups.iter().any(|group| matches!(group.tag, GroupTag::Other(_)))
        && !attributes.into_iter().any(|attribute| unknown(&attribute.values))
}

/// How many values were compared.
fn compare(bytes: &[u8]) -> usize {
    let (ours, _) = decode(bytes).unwrap();
    let reader = IppReader::new(Cursor::new(bytes.to_vec()));
    let (header, attributes, _) = IppParser::new(reader).parse_parts().unwrap();
    assert_eq!(header.operation_or_status as u16, ours.code);
    assert_eq!(header.request_id, ours.request_id);
    assert_eq!(attributes.groups().len(), ours.groups.len());
    let mut compared = 0;
    for (group, other) in ours.groups.iter().zip(attributes.groups()) {
        assert_eq!(other.tag() as u8, group.tag.byte());
        assert_eq!(other.attributes().len(), group.attributes.len());
        for (attribute, other) in group.attributes.iter().zip(other.attributes()) {
            assert_eq!(other.name().as_str(), attribute.name);
            let values: Option<Vec<IppValue>> = attribute.values.iter().map(theirs).collect();
            let Some(mut values) = values else { continue };
            compared += values.len();
            let values = if values.len() == 1 { values.remove(0) } else { IppValue::Array(values) };
            assert_eq!(*other.value(), values, "{}", attribute.name);
        }
    }
    compared
}

#[test]
fn answers_of_printers_are_read_alike() {
    let compared: usize = FIXTURES.iter().map(|(_, bytes)| compare(bytes)).sum();
    assert!(compared > 700, "{compared} values are too few to prove anything");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_message_is_read_alike(message in arbitrary::message()) {
        if known_to_them(&message) {
            compare(&encode(&message).unwrap());
        }
    }
}
