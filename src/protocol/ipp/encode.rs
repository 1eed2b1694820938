//! A message to bytes: for each message the one encoding that RFC 8010 has. What is encoded, [`decode`] reads
//! back as the same message, except [`Value::Raw`] that follows the syntax of its tag.
//!
//! [`decode`]: super::decode

use std::fmt;

use super::attribute::Attribute;
use super::message::Message;
use super::tag::{END_OF_ATTRIBUTES, FIRST_VALUE_TAG, GroupTag, ValueTag};
use super::value::{DateTime, Resolution, ResolutionUnit, Value};
use super::{ATTRIBUTES_MAX, DEPTH_MAX, GROUPS_MAX, HEADER_BYTES_MAX, VALUE_BYTES_MAX, VALUES_MAX};

/// Why a message has no encoding that a peer could read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unencodable {
    /// The attribute that is to blame; empty where it is none alone.
    pub attribute: String,
    pub why: &'static str,
}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attribute.as_str() {
            "" => write!(f, "the IPP message cannot be sent: {}", self.why),
            attribute => write!(f, "the IPP attribute {attribute:?} cannot be sent: {}", self.why),
        }
    }
}

impl std::error::Error for Unencodable {}

/// The bytes of a message, up to and with its end-of-attributes tag: a document may follow.
pub fn encode(message: &Message<'_>) -> Result<Vec<u8>, Unencodable> {
    let mut bytes = Vec::with_capacity(512);
    bytes.extend([message.version.major, message.version.minor]);
    bytes.extend(message.code.to_be_bytes());
    bytes.extend(message.request_id.to_be_bytes());
    let of_message = |why| Unencodable { attribute: String::new(), why };
    if message.groups.len() > GROUPS_MAX {
        return Err(of_message("too many groups"));
    }
    for group in &message.groups {
        if GroupTag::from_byte(group.tag.byte()) != Some(group.tag) {
            return Err(of_message("a group with a tag that is none"));
        }
        if group.attributes.len() > ATTRIBUTES_MAX {
            return Err(of_message("too many attributes in a group"));
        }
        bytes.push(group.tag.byte());
        for attribute in &group.attributes {
            let to_blame = |why| Unencodable { attribute: attribute.name.chars().take(40).collect(), why };
            put_attribute(&mut bytes, attribute).map_err(to_blame)?;
        }
    }
    bytes.push(END_OF_ATTRIBUTES);
    if bytes.len() > HEADER_BYTES_MAX { Err(of_message("it is too long")) } else { Ok(bytes) }
}

fn put_attribute(bytes: &mut Vec<u8>, attribute: &Attribute<'_>) -> Result<(), &'static str> {
    check(attribute)?;
    let mut name = attribute.name.as_bytes();
    for value in &attribute.values {
        put_value(bytes, name, value, 1)?;
        name = &[];
    }
    Ok(())
}

fn check(attribute: &Attribute<'_>) -> Result<(), &'static str> {
    match attribute.values.len() {
        0 => Err("it has no value"),
        1..=VALUES_MAX if attribute.name.is_empty() => Err("it has no name"),
        1..=VALUES_MAX => Ok(()),
        _ => Err("it has too many values"),
    }
}

/// `depth` is that of a collection, should the value be one. It bounds the recursion.
fn put_value(bytes: &mut Vec<u8>, name: &[u8], value: &Value<'_>, depth: usize) -> Result<(), &'static str> {
    let tag = value.tag();
    bytes.push(tag.0);
    put_field(bytes, name)?;
    match value {
        Value::OutOfBand(_) => put_field(bytes, &[]),
        Value::Integer(number) | Value::Enum(number) => put_field(bytes, &number.to_be_bytes()),
        Value::Boolean(is) => put_field(bytes, &[u8::from(*is)]),
        Value::OctetString(octets) => put_field(bytes, octets),
        Value::DateTime(date) if DateTime::from_bytes(date.to_bytes()).is_none() => {
            Err("it is a date that cannot be")
        }
        Value::DateTime(date) => put_field(bytes, &date.to_bytes()),
        Value::Resolution(resolution) => put_field(bytes, &resolution_bytes(*resolution)),
        Value::Range(lower, upper) => put_field(bytes, &[lower.to_be_bytes(), upper.to_be_bytes()].concat()),
        Value::Collection(members) => put_members(bytes, members, depth),
        Value::TextWithLanguage { language, text } | Value::NameWithLanguage { language, name: text } => {
            let mut inner = Vec::with_capacity(4 + language.len() + text.len());
            put_field(&mut inner, language.as_bytes())?;
            put_field(&mut inner, text.as_bytes())?;
            put_field(bytes, &inner)
        }
        Value::Text(text)
        | Value::Name(text)
        | Value::Keyword(text)
        | Value::Uri(text)
        | Value::UriScheme(text)
        | Value::Charset(text)
        | Value::NaturalLanguage(text)
        | Value::MimeMediaType(text) => put_field(bytes, text.as_bytes()),
        Value::Raw { bytes: raw, .. } => match tag.0 {
            FIRST_VALUE_TAG.. if !tag.is_structure() => put_field(bytes, raw),
            _ => Err("its tag is not that of a value"),
        },
    }
}

/// A collection after its name (RFC 8010 section 3.1.6).
fn put_members(bytes: &mut Vec<u8>, members: &[Attribute<'_>], depth: usize) -> Result<(), &'static str> {
    if depth > DEPTH_MAX {
        return Err("its collections are too deep");
    }
    if members.len() > ATTRIBUTES_MAX {
        return Err("a collection in it has too many members");
    }
    put_field(bytes, &[])?;
    for member in members {
        check(member)?;
        bytes.push(ValueTag::MEMBER_ATTR_NAME.0);
        put_field(bytes, &[])?;
        put_field(bytes, member.name.as_bytes())?;
        for value in &member.values {
            put_value(bytes, &[], value, depth + 1)?;
        }
    }
    bytes.push(ValueTag::END_COLLECTION.0);
    put_field(bytes, &[])?;
    put_field(bytes, &[])
}

fn put_field(bytes: &mut Vec<u8>, field: &[u8]) -> Result<(), &'static str> {
    if field.len() > VALUE_BYTES_MAX {
        return Err("a name or value in it is too long");
    }
    bytes.extend((field.len() as u16).to_be_bytes());
    bytes.extend(field);
    Ok(())
}

fn resolution_bytes(resolution: Resolution) -> [u8; 9] {
    let [a, b, c, d] = resolution.cross_feed.to_be_bytes();
    let [e, f, g, h] = resolution.feed.to_be_bytes();
    let unit = match resolution.unit {
        ResolutionUnit::DotsPerInch => 3,
        ResolutionUnit::DotsPerCentimeter => 4,
    };
    [a, b, c, d, e, f, g, h, unit]
}
