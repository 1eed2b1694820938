//! IPP, the Internet Printing Protocol: messages as bytes (RFC 8010) and what they mean (RFC 8011).
//!
//! Three steps, each usable alone: bytes become a [`Message`] ([`decode`], [`encode`]); a client's requests
//! are built by [`Caller`]; answers become typed values that may be wrong but cannot hurt: [`PrinterAttributes`],
//! [`JobAttributes`], [`Notifications`]. What an answer lacks, or says in the wrong syntax, is unknown and no
//! error: real printers do both.
//!
//! No input makes this code panic, recurse or take more than time and memory in proportion to its length.

mod answer;
mod attribute;
mod code;
mod decode;
mod encode;
mod event;
mod job;
mod media;
mod message;
mod operation;
mod printer;
mod reason;
mod request;
mod status;
mod supply;
mod tag;
mod template;
mod value;

pub use answer::Answer;
pub use attribute::{Attribute, Group};
pub use code::{Finishing, JobState, Orientation, PrintQuality, PrinterState};
pub use decode::{Bad, HeaderScan, decode};
pub use encode::{Unencodable, encode};
pub use event::{Event, Notifications, Subscribed};
pub use job::JobAttributes;
pub use media::{MediaSize, media_size};
pub use message::{Message, Version};
pub use operation::Operation;
pub use printer::{PrinterAttributes, PrinterUri};
pub use reason::{Reason, Severity};
pub use request::{Caller, DocumentPart, JobPart, JobsQuery, LastDocument, Owner, Wait, WhichJobs};
pub use status::{Status, StatusClass};
pub use supply::Supply;
pub use tag::{GroupTag, ValueTag};
pub use template::JobTemplate;
pub use value::{DateTime, OutOfBand, Resolution, ResolutionUnit, UtcDirection, Value};

/// The largest message without its document, in bytes.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;
/// The most attribute groups of a message: an answer to Get-Jobs has one for each job.
pub const GROUPS_MAX: usize = 1_000;
/// The most attributes of a group, and the most members of a collection.
pub const ATTRIBUTES_MAX: usize = 1_000;
/// The most values of one attribute.
pub const VALUES_MAX: usize = 1_000;
/// How deep collections may lie in one another; one that lies in none has depth 1.
pub const DEPTH_MAX: usize = 8;
/// The longest name or value, in bytes: lengths are signed 16-bit numbers (RFC 8010 section 3.1.3).
pub const VALUE_BYTES_MAX: usize = 32_767;

#[cfg(test)]
mod tests;
