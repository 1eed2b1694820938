//! Bytes to a message. In one pass, without recursion; what is read borrows from the bytes.

use std::borrow::Cow;
use std::fmt;

use super::attribute::{Attribute, Group};
use super::message::{Message, Version};
use super::tag::{END_OF_ATTRIBUTES, FIRST_VALUE_TAG, GroupTag, ValueTag};
use super::value::{DateTime, OutOfBand, Resolution, ResolutionUnit, Value};
use super::{ATTRIBUTES_MAX, DEPTH_MAX, GROUPS_MAX, HEADER_BYTES_MAX, VALUE_BYTES_MAX, VALUES_MAX};

/// version-number, operation-id or status-code, request-id.
const FIXED_BYTES: usize = 8;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bad {
    /// They end before the message does.
    Incomplete,
    /// More bytes of attributes than [`HEADER_BYTES_MAX`].
    TooLong,
    /// A limit of this module was passed; its name.
    TooMany(&'static str),
    /// They cannot be understood; where, counted from the beginning, and why.
    Malformed { at: usize, why: &'static str },
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bad::Incomplete => f.write_str("the IPP message ends before its end-of-attributes tag"),
            Bad::TooLong => write!(f, "the IPP message has more than {HEADER_BYTES_MAX} bytes of attributes"),
            Bad::TooMany(what) => write!(f, "the IPP message has {what}"),
            Bad::Malformed { at, why } => write!(f, "the IPP message is malformed at byte {at}: {why}"),
        }
    }
}

impl std::error::Error for Bad {}

/// Finds the end of the attributes in a message that arrives piece by piece, looking at each byte once.
///
/// It follows lengths only; what it lets pass, [`decode`] may still refuse.
#[derive(Clone, Debug, Default)]
pub struct HeaderScan {
    /// Everything before was looked at; it stands at a tag.
    at: usize,
}

impl HeaderScan {
    /// Looks on in `bytes`, which is all that has come since the beginning of the message. `Some` tells where
    /// the document begins, if one follows; `None`: more bytes are needed.
    pub fn look(&mut self, bytes: &[u8]) -> Result<Option<usize>, Bad> {
        self.at = self.at.max(FIXED_BYTES);
        loop {
            let mut reader = Reader { bytes, at: self.at };
            let step = reader.tag().and_then(|tag| match tag {
                END_OF_ATTRIBUTES => Ok(true),
                FIRST_VALUE_TAG.. => {
                    reader.field()?;
                    reader.field()?;
                    Ok(false)
                }
                _ => Ok(false),
            });
            match step {
                Ok(_) if reader.at > HEADER_BYTES_MAX => return Err(Bad::TooLong),
                Ok(true) => return Ok(Some(reader.at)),
                Ok(false) => self.at = reader.at,
                Err(Bad::Incomplete) if bytes.len() > HEADER_BYTES_MAX => return Err(Bad::TooLong),
                Err(Bad::Incomplete) => return Ok(None),
                Err(bad) => return Err(bad),
            }
        }
    }
}

/// Decodes the message at the beginning of `bytes`; what follows it there, the document, is returned too.
pub fn decode(bytes: &[u8]) -> Result<(Message<'_>, &[u8]), Bad> {
    let mut reader = Reader { bytes, at: 0 };
    let [major, minor] = reader.array()?;
    let code = u16::from_be_bytes(reader.array()?);
    let request_id = i32::from_be_bytes(reader.array()?);
    let mut builder = Builder::default();
    loop {
        let at = reader.at;
        let tag = reader.tag()?;
        if let Some(group) = GroupTag::from_byte(tag) {
            builder.begin_group(group).map_err(|why| why.at(at))?;
        } else if tag == END_OF_ATTRIBUTES {
            builder.end_of_attributes().map_err(|why| why.at(at))?;
            let version = Version { major, minor };
            return match reader.at {
                ..=HEADER_BYTES_MAX => {
                    Ok((Message { version, code, request_id, groups: builder.groups }, &bytes[reader.at..]))
                }
                _ => Err(Bad::TooLong),
            };
        } else if tag < FIRST_VALUE_TAG {
            return Err(Why::Malformed("a reserved tag").at(at));
        } else {
            let name = reader.field()?;
            let value = reader.field()?;
            if reader.at > HEADER_BYTES_MAX {
                return Err(Bad::TooLong);
            }
            builder.value(ValueTag(tag), name, value).map_err(|why| why.at(at))?;
        }
    }
}

/// A cursor; reading past the end is [`Bad::Incomplete`].
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Bad> {
        let end = self.at.checked_add(length).ok_or(Bad::Incomplete)?;
        let taken = self.bytes.get(self.at..end).ok_or(Bad::Incomplete)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        self.take(N)?.try_into().map_err(|_| Bad::Incomplete)
    }

    fn tag(&mut self) -> Result<u8, Bad> {
        let [tag] = self.array()?;
        Ok(tag)
    }

    /// A length of two bytes and as many bytes.
    fn field(&mut self) -> Result<&'a [u8], Bad> {
        let at = self.at;
        let length = usize::from(u16::from_be_bytes(self.array()?));
        match length {
            ..=VALUE_BYTES_MAX => self.take(length),
            _ => Err(Bad::Malformed { at, why: "a negative length" }),
        }
    }
}

/// A [`Bad`] that does not know its place yet.
enum Why {
    Malformed(&'static str),
    TooMany(&'static str),
}

impl Why {
    fn at(self, at: usize) -> Bad {
        match self {
            Why::Malformed(why) => Bad::Malformed { at, why },
            Why::TooMany(what) => Bad::TooMany(what),
        }
    }
}

/// What was read so far. Collections that are still open lie on a stack of their own: the last member of each
/// waits for the collection above it.
#[derive(Default)]
struct Builder<'a> {
    groups: Vec<Group<'a>>,
    open: Vec<Vec<Attribute<'a>>>,
}

impl<'a> Builder<'a> {
    fn begin_group(&mut self, tag: GroupTag) -> Result<(), Why> {
        self.no_open_collection()?;
        if self.groups.len() >= GROUPS_MAX {
            return Err(Why::TooMany("more than 1000 groups"));
        }
        self.groups.push(Group::new(tag));
        Ok(())
    }

    fn end_of_attributes(&mut self) -> Result<(), Why> {
        self.no_open_collection()
    }

    fn no_open_collection(&self) -> Result<(), Why> {
        if self.open.is_empty() { Ok(()) } else { Err(Why::Malformed("a collection that does not end")) }
    }

    fn value(&mut self, tag: ValueTag, name: &'a [u8], value: &'a [u8]) -> Result<(), Why> {
        if !self.open.is_empty() && !name.is_empty() {
            return Err(Why::Malformed("an attribute inside a collection"));
        }
        if !name.is_empty() {
            self.begin_attribute(name)?;
        }
        if matches!(tag, ValueTag::BEG_COLLECTION | ValueTag::END_COLLECTION) && !value.is_empty() {
            return Err(Why::Malformed("a collection's tag with a value"));
        }
        match tag {
            ValueTag::BEG_COLLECTION => self.begin_collection(),
            ValueTag::MEMBER_ATTR_NAME => self.begin_member(value),
            ValueTag::END_COLLECTION => self.end_collection(),
            _ => self.push(understand(tag, value)),
        }
    }

    /// Attributes that a new one joins: those of the innermost open collection, else of the group.
    fn attributes(&mut self) -> Result<&mut Vec<Attribute<'a>>, Why> {
        match self.open.last_mut() {
            Some(members) => Ok(members),
            None => match self.groups.last_mut() {
                Some(group) => Ok(&mut group.attributes),
                None => Err(Why::Malformed("an attribute before any group")),
            },
        }
    }

    fn begin_attribute(&mut self, name: &'a [u8]) -> Result<(), Why> {
        let name = std::str::from_utf8(name).map_err(|_| Why::Malformed("a name that is not text"))?;
        let attributes = self.attributes()?;
        if attributes.len() >= ATTRIBUTES_MAX {
            return Err(Why::TooMany("more than 1000 attributes in one group or collection"));
        }
        attributes.push(Attribute { name: Cow::Borrowed(name), values: Vec::with_capacity(1) });
        Ok(())
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), Why> {
        let Some(attribute) = self.attributes()?.last_mut() else {
            return Err(Why::Malformed("a value without a name"));
        };
        if attribute.values.len() >= VALUES_MAX {
            return Err(Why::TooMany("more than 1000 values of one attribute"));
        }
        attribute.values.push(value);
        Ok(())
    }

    fn begin_collection(&mut self) -> Result<(), Why> {
        if self.attributes()?.is_empty() {
            return Err(Why::Malformed("a value without a name"));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Why::TooMany("collections more than 8 deep"));
        }
        self.open.push(Vec::new());
        Ok(())
    }

    fn begin_member(&mut self, name: &'a [u8]) -> Result<(), Why> {
        if name.is_empty() {
            return Err(Why::Malformed("a member without a name"));
        }
        self.last_member_has_a_value()?;
        self.begin_attribute(name)
    }

    fn end_collection(&mut self) -> Result<(), Why> {
        self.last_member_has_a_value()?;
        match self.open.pop() {
            Some(members) => self.push(Value::Collection(members)),
            None => Err(Why::Malformed("the end of no collection")),
        }
    }

    fn last_member_has_a_value(&self) -> Result<(), Why> {
        let Some(members) = self.open.last() else {
            return Err(Why::Malformed("a member outside a collection"));
        };
        match members.last() {
            Some(member) if member.values.is_empty() => Err(Why::Malformed("a member without a value")),
            _ => Ok(()),
        }
    }
}

/// The value as its syntax says, or [`Value::Raw`] where it does not follow it.
fn understand(tag: ValueTag, bytes: &[u8]) -> Value<'_> {
    by_syntax(tag, bytes).unwrap_or(Value::Raw { tag, bytes: Cow::Borrowed(bytes) })
}

fn by_syntax(tag: ValueTag, bytes: &[u8]) -> Option<Value<'_>> {
    Some(match tag {
        ValueTag::UNSUPPORTED => out_of_band(OutOfBand::Unsupported, bytes)?,
        ValueTag::UNKNOWN => out_of_band(OutOfBand::Unknown, bytes)?,
        ValueTag::NO_VALUE => out_of_band(OutOfBand::NoValue, bytes)?,
        ValueTag::NOT_SETTABLE => out_of_band(OutOfBand::NotSettable, bytes)?,
        ValueTag::DELETE_ATTRIBUTE => out_of_band(OutOfBand::DeleteAttribute, bytes)?,
        ValueTag::ADMIN_DEFINE => out_of_band(OutOfBand::AdminDefine, bytes)?,
        ValueTag::INTEGER => Value::Integer(i32::from_be_bytes(bytes.try_into().ok()?)),
        ValueTag::ENUM => Value::Enum(i32::from_be_bytes(bytes.try_into().ok()?)),
        ValueTag::BOOLEAN => match bytes {
            [0] => Value::Boolean(false),
            [1] => Value::Boolean(true),
            _ => return None,
        },
        ValueTag::OCTET_STRING => Value::OctetString(Cow::Borrowed(bytes)),
        ValueTag::DATE_TIME => Value::DateTime(DateTime::from_bytes(bytes.try_into().ok()?)?),
        ValueTag::RESOLUTION => Value::Resolution(resolution(bytes.try_into().ok()?)?),
        ValueTag::RANGE_OF_INTEGER => {
            let [a, b, c, d, e, f, g, h]: [u8; 8] = bytes.try_into().ok()?;
            Value::Range(i32::from_be_bytes([a, b, c, d]), i32::from_be_bytes([e, f, g, h]))
        }
        ValueTag::TEXT_WITH_LANGUAGE => {
            let (language, text) = with_language(bytes)?;
            Value::TextWithLanguage { language, text }
        }
        ValueTag::NAME_WITH_LANGUAGE => {
            let (language, name) = with_language(bytes)?;
            Value::NameWithLanguage { language, name }
        }
        ValueTag::TEXT => Value::Text(characters(bytes)?),
        ValueTag::NAME => Value::Name(characters(bytes)?),
        ValueTag::KEYWORD => Value::Keyword(characters(bytes)?),
        ValueTag::URI => Value::Uri(characters(bytes)?),
        ValueTag::URI_SCHEME => Value::UriScheme(characters(bytes)?),
        ValueTag::CHARSET => Value::Charset(characters(bytes)?),
        ValueTag::NATURAL_LANGUAGE => Value::NaturalLanguage(characters(bytes)?),
        ValueTag::MIME_MEDIA_TYPE => Value::MimeMediaType(characters(bytes)?),
        _ => return None,
    })
}

fn out_of_band<'a>(value: OutOfBand, bytes: &[u8]) -> Option<Value<'a>> {
    bytes.is_empty().then_some(Value::OutOfBand(value))
}

fn characters(bytes: &[u8]) -> Option<Cow<'_, str>> {
    std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
}

/// Two fields, each with a length of its own, that fill the value (RFC 8010 section 3.9).
fn with_language(bytes: &[u8]) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let mut reader = Reader { bytes, at: 0 };
    let language = reader.field().ok()?;
    let text = reader.field().ok()?;
    let filled = reader.at == bytes.len();
    filled.then_some((characters(language)?, characters(text)?))
}

fn resolution(bytes: [u8; 9]) -> Option<Resolution> {
    let [a, b, c, d, e, f, g, h, unit] = bytes;
    let unit = match unit {
        3 => ResolutionUnit::DotsPerInch,
        4 => ResolutionUnit::DotsPerCentimeter,
        _ => return None,
    };
    let cross_feed = i32::from_be_bytes([a, b, c, d]);
    Some(Resolution { cross_feed, feed: i32::from_be_bytes([e, f, g, h]), unit })
}
