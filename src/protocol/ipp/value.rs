//! Values of attributes, one variant a syntax (RFC 8010 section 3.9, RFC 8011 section 5.1).

use std::borrow::Cow;

use super::attribute::Attribute;
use super::tag::ValueTag;

/// One value of an attribute. Text borrows from the message that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    OutOfBand(OutOfBand),
    Integer(i32),
    Boolean(bool),
    Enum(i32),
    OctetString(Cow<'a, [u8]>),
    DateTime(DateTime),
    Resolution(Resolution),
    /// rangeOfInteger: both ends belong to it. The lower one may be greater where a peer says so.
    Range(i32, i32),
    /// The members, in order.
    Collection(Vec<Attribute<'a>>),
    TextWithLanguage {
        language: Cow<'a, str>,
        text: Cow<'a, str>,
    },
    NameWithLanguage {
        language: Cow<'a, str>,
        name: Cow<'a, str>,
    },
    Text(Cow<'a, str>),
    Name(Cow<'a, str>),
    Keyword(Cow<'a, str>),
    Uri(Cow<'a, str>),
    UriScheme(Cow<'a, str>),
    Charset(Cow<'a, str>),
    NaturalLanguage(Cow<'a, str>),
    MimeMediaType(Cow<'a, str>),
    /// A syntax that is not known here, or bytes that do not fit their syntax: a boolean of two bytes, text
    /// that is not UTF-8. Kept as they came.
    Raw {
        tag: ValueTag,
        bytes: Cow<'a, [u8]>,
    },
}

/// What stands in place of a value (RFC 8010 section 3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutOfBand {
    Unsupported,
    Unknown,
    NoValue,
    NotSettable,
    DeleteAttribute,
    AdminDefine,
}

/// dateTime: DateAndTime of RFC 2579. Always a date and time that can be; a leap second counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub decisecond: u8,
    /// Whether the local time is ahead of UTC or behind it, and how far.
    pub direction: UtcDirection,
    pub utc_hours: u8,
    pub utc_minutes: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UtcDirection {
    Ahead,
    Behind,
}

/// Dots a unit of length, across and along the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resolution {
    pub cross_feed: i32,
    pub feed: i32,
    pub unit: ResolutionUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResolutionUnit {
    DotsPerInch,
    DotsPerCentimeter,
}

impl<'a> Value<'a> {
    pub fn keyword(text: impl Into<Cow<'a, str>>) -> Value<'a> {
        Value::Keyword(text.into())
    }

    pub fn name(text: impl Into<Cow<'a, str>>) -> Value<'a> {
        Value::Name(text.into())
    }

    pub fn uri(text: impl Into<Cow<'a, str>>) -> Value<'a> {
        Value::Uri(text.into())
    }

    pub fn integer(&self) -> Option<i32> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub fn enumeration(&self) -> Option<i32> {
        match self {
            Value::Enum(number) => Some(*number),
            _ => None,
        }
    }

    pub fn boolean(&self) -> Option<bool> {
        match self {
            Value::Boolean(is) => Some(*is),
            _ => None,
        }
    }

    /// A range, or a single number as the range of itself: peers write both.
    pub fn range(&self) -> Option<(i32, i32)> {
        match self {
            Value::Range(lower, upper) => Some((*lower, *upper)),
            Value::Integer(number) => Some((*number, *number)),
            _ => None,
        }
    }

    pub fn resolution(&self) -> Option<Resolution> {
        match self {
            Value::Resolution(resolution) => Some(*resolution),
            _ => None,
        }
    }

    pub fn octets(&self) -> Option<&[u8]> {
        match self {
            Value::OctetString(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn members(&self) -> Option<&[Attribute<'a>]> {
        match self {
            Value::Collection(members) => Some(members),
            _ => None,
        }
    }

    /// The characters of any syntax made of them: peers mix up keyword, name and text. Bytes that are not
    /// UTF-8 are replaced.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Text(text)
            | Value::Name(text)
            | Value::Keyword(text)
            | Value::Uri(text)
            | Value::UriScheme(text)
            | Value::Charset(text)
            | Value::NaturalLanguage(text)
            | Value::MimeMediaType(text)
            | Value::TextWithLanguage { text, .. }
            | Value::NameWithLanguage { name: text, .. } => Some(Cow::Borrowed(text)),
            Value::Raw { tag: ValueTag(0x40..=0x49), bytes } => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        }
    }

    pub fn tag(&self) -> ValueTag {
        match self {
            Value::OutOfBand(OutOfBand::Unsupported) => ValueTag::UNSUPPORTED,
            Value::OutOfBand(OutOfBand::Unknown) => ValueTag::UNKNOWN,
            Value::OutOfBand(OutOfBand::NoValue) => ValueTag::NO_VALUE,
            Value::OutOfBand(OutOfBand::NotSettable) => ValueTag::NOT_SETTABLE,
            Value::OutOfBand(OutOfBand::DeleteAttribute) => ValueTag::DELETE_ATTRIBUTE,
            Value::OutOfBand(OutOfBand::AdminDefine) => ValueTag::ADMIN_DEFINE,
            Value::Integer(_) => ValueTag::INTEGER,
            Value::Boolean(_) => ValueTag::BOOLEAN,
            Value::Enum(_) => ValueTag::ENUM,
            Value::OctetString(_) => ValueTag::OCTET_STRING,
            Value::DateTime(_) => ValueTag::DATE_TIME,
            Value::Resolution(_) => ValueTag::RESOLUTION,
            Value::Range(..) => ValueTag::RANGE_OF_INTEGER,
            Value::Collection(_) => ValueTag::BEG_COLLECTION,
            Value::TextWithLanguage { .. } => ValueTag::TEXT_WITH_LANGUAGE,
            Value::NameWithLanguage { .. } => ValueTag::NAME_WITH_LANGUAGE,
            Value::Text(_) => ValueTag::TEXT,
            Value::Name(_) => ValueTag::NAME,
            Value::Keyword(_) => ValueTag::KEYWORD,
            Value::Uri(_) => ValueTag::URI,
            Value::UriScheme(_) => ValueTag::URI_SCHEME,
            Value::Charset(_) => ValueTag::CHARSET,
            Value::NaturalLanguage(_) => ValueTag::NATURAL_LANGUAGE,
            Value::MimeMediaType(_) => ValueTag::MIME_MEDIA_TYPE,
            Value::Raw { tag, .. } => *tag,
        }
    }
}

impl DateTime {
    pub(super) const BYTES: usize = 11;

    /// `None` where it is no date that can be.
    pub(super) fn from_bytes(bytes: [u8; DateTime::BYTES]) -> Option<DateTime> {
        let [y1, y2, month, day, hour, minute, second, decisecond, sign, utc_hours, utc_minutes] = bytes;
        let direction = match sign {
            b'+' => UtcDirection::Ahead,
            b'-' => UtcDirection::Behind,
            _ => return None,
        };
        let can_be = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour <= 23
            && minute <= 59
            && second <= 60
            && decisecond <= 9
            && utc_hours <= 14
            && utc_minutes <= 59;
        let year = u16::from_be_bytes([y1, y2]);
        let date = DateTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
            decisecond,
            direction,
            utc_hours,
            utc_minutes,
        };
        can_be.then_some(date)
    }

    pub(super) fn to_bytes(self) -> [u8; DateTime::BYTES] {
        let [y1, y2] = self.year.to_be_bytes();
        let sign = match self.direction {
            UtcDirection::Ahead => b'+',
            UtcDirection::Behind => b'-',
        };
        let DateTime { month, day, hour, minute, second, decisecond, utc_hours, utc_minutes, .. } = self;
        [y1, y2, month, day, hour, minute, second, decisecond, sign, utc_hours, utc_minutes]
    }
}

impl Resolution {
    pub fn per_inch(cross_feed: i32, feed: i32) -> Resolution {
        Resolution { cross_feed, feed, unit: ResolutionUnit::DotsPerInch }
    }

    /// Dots an inch, across and along; `None` where they are not positive.
    pub fn dots_per_inch(self) -> Option<(u32, u32)> {
        let per_inch = |dots: i32| -> Option<u32> {
            let dots = u32::try_from(dots).ok().filter(|dots| *dots > 0)?;
            match self.unit {
                ResolutionUnit::DotsPerInch => Some(dots),
                ResolutionUnit::DotsPerCentimeter => u32::try_from((u64::from(dots) * 254 + 50) / 100).ok(),
            }
        };
        Some((per_inch(self.cross_feed)?, per_inch(self.feed)?))
    }
}
