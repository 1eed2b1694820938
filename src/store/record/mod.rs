//! Records as they are stored. They are not the model's types: a stored form is frozen on the day of its
//! release, the model goes on.
//!
//! ```text
//! magic u8 │ kind u8 │ version u16 │ CRC-32C u32 │ payload (bincode)
//! ```
//!
//! Numbers are big-endian. The checksum is over magic, kind, version and payload, since two of five damaged
//! payloads would otherwise decode into something wrong.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ReadError, upgrade};

mod job;
mod other;
mod pool;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod word_tests;
mod words;

pub use job::{EntryV1, JobV1, JobV2};
pub use other::{CountsV1, DocumentV1, EventV1, KeyV1, PrinterV1, SettingV1, StoredDocument, SubjectV1};
pub use pool::{PoolV1, PoolV2};

/// The first byte of every record.
const MAGIC: u8 = 0xb5;
/// Bytes before the payload.
const HEADER_BYTES: usize = 8;
/// The largest record, in bytes: what the journal takes as one value.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
/// The most memory that decoding one record may claim, in bytes. Lists of small things take more room in
/// memory than in the record.
const DECODED_BYTES_MAX: usize = 1024 * 1024;

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Job = 1,
    Entry = 2,
    Document = 3,
    Printer = 4,
    Pool = 5,
    Setting = 6,
    Counts = 7,
    Key = 8,
    Event = 9,
}

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::Job,
        Kind::Entry,
        Kind::Document,
        Kind::Printer,
        Kind::Pool,
        Kind::Setting,
        Kind::Counts,
        Kind::Key,
        Kind::Event,
    ];
}

/// A type of which there are records.
pub trait Stored: Sized {
    const KIND: Kind;
    /// The newest stored form.
    type Form: Serialize + DeserializeOwned;

    fn to_form(&self) -> Self::Form;
    /// The newest form of a payload that was stored in an older one.
    fn older(version: u16, _payload: &[u8]) -> Result<Self::Form, Refused> {
        Err(upgrade::never(version))
    }
    /// Why not, where the form says what cannot be.
    fn from_form(form: Self::Form) -> Result<Self, String>;
}

/// Why bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    Damaged(String),
    Newer(u16),
}

/// Something that is larger than a record may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// The record of a value, in the newest form.
pub fn encode<T: Stored>(value: &T) -> Result<Vec<u8>, TooLarge> {
    let version = upgrade::newest(T::KIND).to_be_bytes();
    let mut bytes = vec![MAGIC, T::KIND as u8, version[0], version[1], 0, 0, 0, 0];
    bincode::serde::encode_into_std_write(value.to_form(), &mut bytes, config()).map_err(|_| TooLarge)?;
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(TooLarge);
    }
    let crc = checksum(&bytes);
    bytes[4..HEADER_BYTES].copy_from_slice(&crc.to_be_bytes());
    Ok(bytes)
}

/// The value of a record; `what` names it in the error.
pub fn decode<T: Stored>(bytes: &[u8], what: impl FnOnce() -> String) -> Result<T, ReadError> {
    open::<T>(bytes).and_then(|form| T::from_form(form).map_err(Refused::Damaged)).map_err(|refused| {
        match refused {
            Refused::Damaged(why) => ReadError::Damaged { what: what(), why },
            Refused::Newer(version) => ReadError::Newer { what: what(), version },
        }
    })
}

fn open<T: Stored>(bytes: &[u8]) -> Result<T::Form, Refused> {
    let damaged = |why: &str| Refused::Damaged(why.to_owned());
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(damaged("it is shorter than its header"));
    };
    let [magic, stored_kind, v0, v1, crc @ ..] = *header;
    if magic != MAGIC {
        return Err(damaged("it does not begin as a record does"));
    }
    if u32::from_be_bytes(crc) != checksum(bytes) {
        return Err(damaged("it does not match its checksum"));
    }
    if stored_kind != T::KIND as u8 {
        return Err(damaged("it is a record of another kind"));
    }
    upgrade::open::<T>(u16::from_be_bytes([v0, v1]), payload)
}

/// Decodes a payload, all of it.
pub(super) fn payload<F: DeserializeOwned>(bytes: &[u8]) -> Result<F, Refused> {
    let (form, used) = bincode::serde::decode_from_slice(bytes, config())
        .map_err(|error| Refused::Damaged(error.to_string()))?;
    if used != bytes.len() {
        return Err(Refused::Damaged(format!("{} bytes too many", bytes.len() - used)));
    }
    Ok(form)
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<DECODED_BYTES_MAX>()
}

/// Over everything but the checksum itself.
fn checksum(record: &[u8]) -> u32 {
    let (header, payload) = record.split_at(HEADER_BYTES);
    crc32c::crc32c_append(crc32c::crc32c(&header[..4]), payload)
}
