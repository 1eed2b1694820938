//! Documents, printers and the store's own records, as they are stored.

use serde::{Deserialize, Serialize};

use super::job::{options_from_form, options_to_form};
use super::words::{
    BodyPlaceV1, CancelPrintingV1, ClosesV1, FormatV1, OriginV1, RerouteV1, SchedulingV1, StreamV1,
    SubmitterV1, WhenInDoubtV1, name,
};
use super::{Kind, Stored};
use crate::model::document::Document;
use crate::model::event::{Event, Subject};
use crate::model::id::{CommitSeq, DocumentId, JobId, PrinterId};
use crate::model::printer::Printer;
use crate::model::queue::QueueCounts;
use crate::model::time::WallTime;
use crate::store::KeyRecord;

/// A document, and whether it is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    pub document: Document,
    /// How many unfinished jobs print it.
    pub users: u32,
    /// When the last of them ended, or the document came.
    pub used_at: WallTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentV1 {
    id: u64,
    submitter: SubmitterV1,
    name: String,
    format: FormatV1,
    bytes: u64,
    crc: u32,
    place: BodyPlaceV1,
    created_at: u64,
    users: u32,
    used_at: u64,
}

impl Stored for StoredDocument {
    const KIND: Kind = Kind::Document;
    type Form = DocumentV1;

    fn to_form(&self) -> DocumentV1 {
        let Document { id, submitter, name, format, bytes, crc, place, created_at } = &self.document;
        DocumentV1 {
            id: id.0,
            submitter: submitter.into(),
            name: name.clone(),
            format: format.into(),
            bytes: *bytes,
            crc: *crc,
            place: place.into(),
            created_at: created_at.0,
            users: self.users,
            used_at: self.used_at.0,
        }
    }

    fn from_form(form: DocumentV1) -> Result<Self, String> {
        let document = Document {
            id: DocumentId(form.id),
            submitter: form.submitter.into(),
            name: form.name,
            format: form.format.into(),
            bytes: form.bytes,
            crc: form.crc,
            place: form.place.into(),
            created_at: WallTime(form.created_at),
        };
        Ok(StoredDocument { document, users: form.users, used_at: WallTime(form.used_at) })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterV1 {
    id: u32,
    name: String,
    uri: String,
    scheduling: SchedulingV1,
    format: Option<FormatV1>,
    defaults: Vec<(String, String)>,
    mac: Option<[u8; 6]>,
    credentials_file: Option<String>,
    when_in_doubt: WhenInDoubtV1,
    cancel_printing: CancelPrintingV1,
    reroute: RerouteV1,
    closes: ClosesV1,
    stream: StreamV1,
    share: bool,
    info: String,
    location: String,
    origin: OriginV1,
    paused: bool,
    accepting: bool,
}

impl Stored for Printer {
    const KIND: Kind = Kind::Printer;
    type Form = PrinterV1;

    fn to_form(&self) -> PrinterV1 {
        PrinterV1 {
            id: self.id.0,
            name: self.name.as_str().to_owned(),
            uri: self.uri.clone(),
            scheduling: (&self.scheduling).into(),
            format: self.format.as_ref().map(FormatV1::from),
            defaults: options_to_form(&self.defaults),
            mac: self.mac,
            credentials_file: self.credentials_file.clone(),
            when_in_doubt: (&self.when_in_doubt).into(),
            cancel_printing: (&self.cancel_printing).into(),
            reroute: (&self.reroute).into(),
            closes: (&self.closes).into(),
            stream: (&self.stream).into(),
            share: self.share,
            info: self.info.clone(),
            location: self.location.clone(),
            origin: (&self.origin).into(),
            paused: self.paused,
            accepting: self.accepting,
        }
    }

    fn from_form(form: PrinterV1) -> Result<Self, String> {
        Ok(Printer {
            id: PrinterId(form.id),
            name: name(&form.name)?,
            uri: form.uri,
            scheduling: form.scheduling.into(),
            format: form.format.map(Into::into),
            defaults: options_from_form(&form.defaults)?,
            mac: form.mac,
            credentials_file: form.credentials_file,
            when_in_doubt: form.when_in_doubt.into(),
            cancel_printing: form.cancel_printing.into(),
            reroute: form.reroute.try_into()?,
            closes: form.closes.into(),
            stream: form.stream.into(),
            share: form.share,
            info: form.info,
            location: form.location,
            origin: form.origin.into(),
            paused: form.paused,
            accepting: form.accepting,
        })
    }
}

/// A setting is stored with a checksum like everything else; its bytes are its owner's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingV1(pub Vec<u8>);

impl Stored for SettingV1 {
    const KIND: Kind = Kind::Setting;
    type Form = SettingV1;

    fn to_form(&self) -> SettingV1 {
        self.clone()
    }

    fn from_form(form: SettingV1) -> Result<Self, String> {
        Ok(form)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsV1 {
    jobs: u64,
    bytes: u64,
    held: u64,
}

impl Stored for QueueCounts {
    const KIND: Kind = Kind::Counts;
    type Form = CountsV1;

    fn to_form(&self) -> CountsV1 {
        let QueueCounts { jobs, bytes, held } = *self;
        CountsV1 { jobs, bytes, held }
    }

    fn from_form(form: CountsV1) -> Result<Self, String> {
        Ok(QueueCounts { jobs: form.jobs, bytes: form.bytes, held: form.held })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyV1 {
    job: u32,
    fingerprint: [u8; 32],
    expires_at: u64,
}

impl Stored for KeyRecord {
    const KIND: Kind = Kind::Key;
    type Form = KeyV1;

    fn to_form(&self) -> KeyV1 {
        KeyV1 { job: self.job.0, fingerprint: self.fingerprint, expires_at: self.expires_at.0 }
    }

    fn from_form(form: KeyV1) -> Result<Self, String> {
        Ok(KeyRecord {
            job: JobId(form.job),
            fingerprint: form.fingerprint,
            expires_at: WallTime(form.expires_at),
        })
    }
}

/// What one commit touched, under the number of the commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventV1 {
    pub seq: u64,
    pub subjects: Vec<SubjectV1>,
}

/// What subscribers hear of a durable change. A worker is never durable, so it has no word here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SubjectV1 {
    Job(u32),
    Printer(u32),
    Server,
}

impl Stored for EventV1 {
    const KIND: Kind = Kind::Event;
    type Form = EventV1;

    fn to_form(&self) -> EventV1 {
        self.clone()
    }

    fn from_form(form: EventV1) -> Result<Self, String> {
        Ok(form)
    }
}

impl EventV1 {
    pub fn events(self) -> impl Iterator<Item = Event> {
        let seq = CommitSeq(self.seq);
        self.subjects.into_iter().map(move |subject| Event { seq, subject: subject.into() })
    }
}

impl From<SubjectV1> for Subject {
    fn from(subject: SubjectV1) -> Self {
        match subject {
            SubjectV1::Job(id) => Subject::Job(JobId(id)),
            SubjectV1::Printer(id) => Subject::Printer(PrinterId(id)),
            SubjectV1::Server => Subject::Server,
        }
    }
}
