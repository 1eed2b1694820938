//! Tags: what begins a group and what syntax a value has (RFC 8010 section 3.5).

/// The end of all attributes; what follows in the same body is a document.
pub(super) const END_OF_ATTRIBUTES: u8 = 0x03;
/// Smaller tags begin a group, this and greater ones a value.
pub(super) const FIRST_VALUE_TAG: u8 = 0x10;

/// What the attributes of a group describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupTag {
    Operation,
    Job,
    Printer,
    Unsupported,
    Subscription,
    EventNotification,
    Resource,
    Document,
    System,
    /// 0x0b to 0x0f: to be skipped by those who do not know it (RFC 8010 section 3.5.1).
    Other(u8),
}

impl GroupTag {
    /// `None` for the end of attributes, the reserved 0x00 and the tags of values.
    pub fn from_byte(byte: u8) -> Option<GroupTag> {
        Some(match byte {
            0x01 => GroupTag::Operation,
            0x02 => GroupTag::Job,
            0x04 => GroupTag::Printer,
            0x05 => GroupTag::Unsupported,
            0x06 => GroupTag::Subscription,
            0x07 => GroupTag::EventNotification,
            0x08 => GroupTag::Resource,
            0x09 => GroupTag::Document,
            0x0a => GroupTag::System,
            0x0b..=0x0f => GroupTag::Other(byte),
            0x00 | END_OF_ATTRIBUTES | FIRST_VALUE_TAG.. => return None,
        })
    }

    pub fn byte(self) -> u8 {
        match self {
            GroupTag::Operation => 0x01,
            GroupTag::Job => 0x02,
            GroupTag::Printer => 0x04,
            GroupTag::Unsupported => 0x05,
            GroupTag::Subscription => 0x06,
            GroupTag::EventNotification => 0x07,
            GroupTag::Resource => 0x08,
            GroupTag::Document => 0x09,
            GroupTag::System => 0x0a,
            GroupTag::Other(byte) => byte,
        }
    }
}

/// The syntax of a value. Any byte can be one, so it is a number with names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ValueTag(pub u8);

impl ValueTag {
    pub const UNSUPPORTED: ValueTag = ValueTag(0x10);
    pub const UNKNOWN: ValueTag = ValueTag(0x12);
    pub const NO_VALUE: ValueTag = ValueTag(0x13);
    pub const NOT_SETTABLE: ValueTag = ValueTag(0x15);
    pub const DELETE_ATTRIBUTE: ValueTag = ValueTag(0x16);
    pub const ADMIN_DEFINE: ValueTag = ValueTag(0x17);
    pub const INTEGER: ValueTag = ValueTag(0x21);
    pub const BOOLEAN: ValueTag = ValueTag(0x22);
    pub const ENUM: ValueTag = ValueTag(0x23);
    pub const OCTET_STRING: ValueTag = ValueTag(0x30);
    pub const DATE_TIME: ValueTag = ValueTag(0x31);
    pub const RESOLUTION: ValueTag = ValueTag(0x32);
    pub const RANGE_OF_INTEGER: ValueTag = ValueTag(0x33);
    pub const BEG_COLLECTION: ValueTag = ValueTag(0x34);
    pub const TEXT_WITH_LANGUAGE: ValueTag = ValueTag(0x35);
    pub const NAME_WITH_LANGUAGE: ValueTag = ValueTag(0x36);
    pub const END_COLLECTION: ValueTag = ValueTag(0x37);
    pub const TEXT: ValueTag = ValueTag(0x41);
    pub const NAME: ValueTag = ValueTag(0x42);
    pub const KEYWORD: ValueTag = ValueTag(0x44);
    pub const URI: ValueTag = ValueTag(0x45);
    pub const URI_SCHEME: ValueTag = ValueTag(0x46);
    pub const CHARSET: ValueTag = ValueTag(0x47);
    pub const NATURAL_LANGUAGE: ValueTag = ValueTag(0x48);
    pub const MIME_MEDIA_TYPE: ValueTag = ValueTag(0x49);
    pub const MEMBER_ATTR_NAME: ValueTag = ValueTag(0x4a);

    /// Whether it makes the structure of a collection and no value by itself.
    pub(super) fn is_structure(self) -> bool {
        matches!(self, ValueTag::BEG_COLLECTION | ValueTag::END_COLLECTION | ValueTag::MEMBER_ATTR_NAME)
    }
}
