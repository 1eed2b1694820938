//! What every answer says.

use super::message::Message;
use super::status::Status;
use super::tag::GroupTag;

/// How a request went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: Status,
    /// status-message, for people.
    pub message: Option<String>,
    /// Names of attributes that the printer does not support, or not with these values.
    pub unsupported: Vec<String>,
}

impl Answer {
    pub fn of(message: &Message<'_>) -> Answer {
        let unsupported = message.groups(GroupTag::Unsupported).flat_map(|group| &group.attributes);
        Answer {
            status: message.status(),
            message: message.group(GroupTag::Operation).and_then(|group| group.string("status-message")),
            unsupported: unsupported.map(|attribute| attribute.name.clone().into_owned()).collect(),
        }
    }
}
