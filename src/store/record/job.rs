//! Jobs and the entries of their timelines, as they are stored.

use serde::{Deserialize, Serialize};

use super::words::{
    BodyPlaceV1, BrokenV1, FormatV1, QueueV1, ReasonV1, SourceV1, StatusV1, SubmitterV1, name,
};
use super::{Kind, Refused, Stored};
use crate::model::event::Entry;
use crate::model::id::{AcceptedSeq, DocumentId, Generation, JobId, PrinterId, QueueId, Revision};
use crate::model::job::{Bound, DocumentRef, Job, Priority};
use crate::model::options::Options;
use crate::model::time::WallTime;
use crate::store::upgrade;

/// As the first release stored a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobV1 {
    id: u32,
    revision: u64,
    queue: QueueV1,
    queue_name: String,
    bound: Option<BoundV1>,
    status: StatusV1,
    reason: ReasonV1,
    submitter: SubmitterV1,
    title: String,
    documents: Vec<DocumentRefV1>,
    options: Vec<(String, String)>,
    priority: u8,
    accepted: u64,
    attempts: u32,
    broken: u32,
    in_doubt: u32,
    last_broken: Option<BrokenV1>,
    device_job_id: Option<String>,
    cancel_requested: bool,
    bytes_sent: u64,
    control_hash: Option<[u8; 32]>,
    entries: u32,
    created_at: u64,
    updated_at: u64,
    finished_at: Option<u64>,
}

/// What came with rerouting and with devices that count pages, behind the first form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobV2 {
    first: JobV1,
    rerouted: Option<QueueV1>,
    pages_total: Option<u32>,
    pages_confirmed: Option<u32>,
}

impl From<JobV1> for JobV2 {
    fn from(first: JobV1) -> Self {
        JobV2 { first, rerouted: None, pages_total: None, pages_confirmed: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct BoundV1 {
    printer: u32,
    name: String,
    generation: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DocumentRefV1 {
    id: u64,
    format: FormatV1,
    bytes: u64,
    crc: u32,
    place: BodyPlaceV1,
}

impl Stored for Job {
    const KIND: Kind = Kind::Job;
    type Form = JobV2;

    fn to_form(&self) -> JobV2 {
        let first = JobV1 {
            id: self.id.0,
            revision: self.revision.0,
            queue: self.queue.into(),
            queue_name: self.queue_name.as_str().to_owned(),
            bound: self.bound.as_ref().map(BoundV1::from),
            status: (&self.status).into(),
            reason: (&self.reason).into(),
            submitter: (&self.submitter).into(),
            title: self.title.clone(),
            documents: self.documents.iter().map(DocumentRefV1::from).collect(),
            options: options_to_form(&self.options),
            priority: self.priority.get(),
            accepted: self.accepted.0,
            attempts: self.attempts,
            broken: self.broken,
            in_doubt: self.in_doubt,
            last_broken: self.last_broken.as_ref().map(BrokenV1::from),
            device_job_id: self.device_job_id.clone(),
            cancel_requested: self.cancel_requested,
            bytes_sent: self.bytes_sent,
            control_hash: self.control_hash,
            entries: self.entries,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            finished_at: self.finished_at.map(|at| at.0),
        };
        JobV2 {
            first,
            rerouted: self.rerouted.map(QueueV1::from),
            pages_total: self.pages_total,
            pages_confirmed: self.pages_confirmed,
        }
    }

    fn older(version: u16, payload: &[u8]) -> Result<JobV2, Refused> {
        upgrade::job(version, payload)
    }

    fn from_form(form: JobV2) -> Result<Self, String> {
        let JobV2 { first: form, rerouted, pages_total, pages_confirmed } = form;
        let priority = Priority::new(form.priority.into());
        Ok(Job {
            id: JobId(form.id),
            revision: Revision(form.revision),
            queue: form.queue.into(),
            queue_name: name(&form.queue_name)?,
            rerouted: rerouted.map(QueueId::from),
            bound: form.bound.map(Bound::try_from).transpose()?,
            status: form.status.into(),
            reason: form.reason.into(),
            submitter: form.submitter.into(),
            title: form.title,
            documents: form.documents.into_iter().map(DocumentRef::from).collect(),
            options: options_from_form(&form.options)?,
            priority: priority.ok_or_else(|| format!("{} is no priority", form.priority))?,
            accepted: AcceptedSeq(form.accepted),
            attempts: form.attempts,
            broken: form.broken,
            in_doubt: form.in_doubt,
            last_broken: form.last_broken.map(Into::into),
            device_job_id: form.device_job_id,
            cancel_requested: form.cancel_requested,
            bytes_sent: form.bytes_sent,
            pages_total,
            pages_confirmed,
            control_hash: form.control_hash,
            entries: form.entries,
            created_at: WallTime(form.created_at),
            updated_at: WallTime(form.updated_at),
            finished_at: form.finished_at.map(WallTime),
        })
    }
}

impl From<&Bound> for BoundV1 {
    fn from(bound: &Bound) -> Self {
        BoundV1 {
            printer: bound.printer.0,
            name: bound.name.as_str().to_owned(),
            generation: bound.generation.0,
        }
    }
}

impl TryFrom<BoundV1> for Bound {
    type Error = String;

    fn try_from(form: BoundV1) -> Result<Self, String> {
        Ok(Bound {
            printer: PrinterId(form.printer),
            name: name(&form.name)?,
            generation: Generation(form.generation),
        })
    }
}

impl From<&DocumentRef> for DocumentRefV1 {
    fn from(document: &DocumentRef) -> Self {
        let DocumentRef { id, format, bytes, crc, place } = document;
        DocumentRefV1 { id: id.0, format: format.into(), bytes: *bytes, crc: *crc, place: place.into() }
    }
}

impl From<DocumentRefV1> for DocumentRef {
    fn from(form: DocumentRefV1) -> Self {
        let DocumentRefV1 { id, format, bytes, crc, place } = form;
        DocumentRef { id: DocumentId(id), format: format.into(), bytes, crc, place: place.into() }
    }
}

pub(super) fn options_to_form(options: &Options) -> Vec<(String, String)> {
    options.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(super) fn options_from_form(form: &[(String, String)]) -> Result<Options, String> {
    let mut options = Options::default();
    for (name, value) in form {
        options.set(name, value).map_err(|error| error.to_string())?;
    }
    Ok(options)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryV1 {
    job: u32,
    seq: u32,
    at: u64,
    source: SourceV1,
    kind: String,
    from: Option<StatusV1>,
    to: StatusV1,
    reason: Option<String>,
    message: String,
    attempt: u32,
    printer: Option<String>,
    next_at: Option<u64>,
}

impl Stored for Entry {
    const KIND: Kind = Kind::Entry;
    type Form = EntryV1;

    fn to_form(&self) -> EntryV1 {
        EntryV1 {
            job: self.job.0,
            seq: self.seq,
            at: self.at.0,
            source: (&self.source).into(),
            kind: self.kind.clone().into_owned(),
            from: self.from.as_ref().map(StatusV1::from),
            to: (&self.to).into(),
            reason: self.reason.clone().map(Into::into),
            message: self.message.clone(),
            attempt: self.attempt,
            printer: self.printer.as_ref().map(|printer| printer.as_str().to_owned()),
            next_at: self.next_at.map(|at| at.0),
        }
    }

    fn from_form(form: EntryV1) -> Result<Self, String> {
        Ok(Entry {
            job: JobId(form.job),
            seq: form.seq,
            at: WallTime(form.at),
            source: form.source.into(),
            kind: form.kind.into(),
            from: form.from.map(Into::into),
            to: form.to.into(),
            reason: form.reason.map(Into::into),
            message: form.message,
            attempt: form.attempt,
            printer: form.printer.as_deref().map(name).transpose()?,
            next_at: form.next_at.map(WallTime),
        })
    }
}
