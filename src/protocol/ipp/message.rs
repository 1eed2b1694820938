//! A request or an answer, without the document that may follow it (RFC 8010 section 3.1).

use std::borrow::Cow;
use std::fmt;

use super::attribute::Group;
use super::operation::Operation;
use super::status::Status;
use super::tag::GroupTag;

/// The version of the protocol that a message speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    pub major: u8,
    pub minor: u8,
}

impl Version {
    pub const V1_0: Version = Version { major: 1, minor: 0 };
    pub const V1_1: Version = Version { major: 1, minor: 1 };
    pub const V2_0: Version = Version { major: 2, minor: 0 };
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A request or an answer. Which of both it is, the message itself does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub version: Version,
    /// operation-id of a request, status-code of an answer.
    pub code: u16,
    /// A request has a positive one, and its answer the same.
    pub request_id: i32,
    pub groups: Vec<Group<'a>>,
}

impl<'a> Message<'a> {
    /// The code as that of a request.
    pub fn operation(&self) -> Operation {
        Operation::from_code(self.code)
    }

    /// The code as that of an answer.
    pub fn status(&self) -> Status {
        Status::from_code(self.code)
    }

    /// The first group of this kind.
    pub fn group(&self, tag: GroupTag) -> Option<&Group<'a>> {
        self.groups(tag).next()
    }

    pub fn groups(&self, tag: GroupTag) -> impl Iterator<Item = &Group<'a>> {
        self.groups.iter().filter(move |group| group.tag == tag)
    }

    /// status-message of an answer, for people.
    pub fn status_message(&self) -> Option<Cow<'_, str>> {
        self.group(GroupTag::Operation)?.text("status-message")
    }
}
