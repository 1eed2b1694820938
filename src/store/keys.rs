//! The layout of the one ordered space of keys. Numbers are big-endian, so that the order of the keys is the
//! order of the lists. Zero as the first byte is left to the store itself.
//!
//! ```text
//! J job                            job                    T job entry      timeline entry
//! Q queue 255−priority accepted job   waiting, in order   D document       document and its use
//! S group job                      by status              P used document  documents not in use, by time
//! L queue job                      by queue               R printer        printer
//! U user job                       by user                O pool           pool
//! F finished job                   final, by time         N name           setting
//! K digest                         idempotency key        C queue          counts
//! X expires digest                 keys, by expiry        E slot           what a commit touched
//! ```
//!
//! `Q S L U F P X` are lists: their values are empty, the key says all. Events are in a ring of
//! [`EVENTS_KEPT`](super::EVENTS_KEPT) slots: a new one takes the place of the one that falls out.

use sha2::{Digest, Sha256};

use super::EVENTS_KEPT;
use crate::model::commit::KeyId;
use crate::model::id::{AcceptedSeq, CommitSeq, DocumentId, JobId, PoolId, PrinterId, QueueId};
use crate::model::job::{Job, JobStatus, Priority};
use crate::model::queue::OrderKey;
use crate::model::time::WallTime;

pub const JOBS: &[u8] = b"J";
pub const FINISHED: &[u8] = b"F";
pub const DOCUMENTS: &[u8] = b"D";
pub const UNUSED: &[u8] = b"P";
pub const PRINTERS: &[u8] = b"R";
pub const POOLS: &[u8] = b"O";
pub const COUNTS: &[u8] = b"C";
pub const EXPIRY: &[u8] = b"X";
pub const EVENTS: &[u8] = b"E";

/// The statuses that share a list. A job moves through those of one group without changing lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Group {
    Held = 0,
    Waiting = 1,
    AtPrinter = 2,
    Completed = 3,
    Failed = 4,
    Canceled = 5,
}

impl Group {
    pub fn of(status: JobStatus) -> Group {
        match status {
            JobStatus::Held => Group::Held,
            JobStatus::Waiting => Group::Waiting,
            JobStatus::Rendering
            | JobStatus::Scheduled
            | JobStatus::Transmitting
            | JobStatus::Transmitted
            | JobStatus::Printing => Group::AtPrinter,
            JobStatus::Completed => Group::Completed,
            JobStatus::Failed => Group::Failed,
            JobStatus::Canceled => Group::Canceled,
        }
    }
}

fn key(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The first key behind all that begin with `prefix`. No prefix of ours is all 255.
pub fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

pub fn job(id: JobId) -> Vec<u8> {
    key(&[JOBS, &id.0.to_be_bytes()])
}

pub fn by_status(group: Group) -> Vec<u8> {
    key(&[b"S", &[group as u8]])
}

pub fn by_queue(queue: QueueId) -> Vec<u8> {
    key(&[b"L", &queue_bytes(queue)])
}

/// Users are listed by a digest, since names differ in length. Two users that share it share a list, which
/// is told apart by the jobs themselves.
pub fn by_user(user: &str) -> Vec<u8> {
    key(&[b"U", &Sha256::digest(user)[..8]])
}

/// An entry of a list of jobs.
pub fn listed(list: &[u8], id: JobId) -> Vec<u8> {
    key(&[list, &id.0.to_be_bytes()])
}

/// The job at the end of the key of a list.
pub fn listed_job(key: &[u8]) -> Option<JobId> {
    key.last_chunk().map(|id| JobId(u32::from_be_bytes(*id)))
}

pub fn queue(queue: QueueId) -> Vec<u8> {
    key(&[b"Q", &queue_bytes(queue)])
}

pub fn in_queue(queue: QueueId, order: OrderKey) -> Vec<u8> {
    let OrderKey { priority, accepted, job } = order;
    key(&[
        b"Q",
        &queue_bytes(queue),
        &[u8::MAX - priority.get()],
        &accepted.0.to_be_bytes(),
        &job.0.to_be_bytes(),
    ])
}

/// The part of a key that all keys of one queue share; `None` for keys that are no places in a queue.
pub fn queue_prefix(key: &[u8]) -> Option<&[u8]> {
    key.get(..6).filter(|prefix| prefix.starts_with(b"Q"))
}

/// The place that a key of a queue says.
pub fn order(key: &[u8]) -> Option<OrderKey> {
    let (_, place) = key.split_at_checked(6)?;
    let (priority, place) = place.split_first()?;
    let (accepted, job) = place.split_first_chunk()?;
    Some(OrderKey {
        priority: Priority::new(u32::from(u8::MAX - priority))?,
        accepted: AcceptedSeq(u64::from_be_bytes(*accepted)),
        job: JobId(u32::from_be_bytes(job.try_into().ok()?)),
    })
}

pub fn finished(at: WallTime, id: JobId) -> Vec<u8> {
    key(&[FINISHED, &at.0.to_be_bytes(), &id.0.to_be_bytes()])
}

/// Every list that a job is in, as keys in order.
pub fn lists_of(job: &Job) -> Vec<Vec<u8>> {
    let mut keys = vec![
        listed(&by_queue(job.queue), job.id),
        listed(&by_status(Group::of(job.status)), job.id),
        listed(&by_user(&job.submitter.user), job.id),
    ];
    keys.extend(job.order().map(|order| in_queue(job.serving_queue(), order)));
    keys.extend(job.finished_at.map(|at| finished(at, job.id)));
    keys
}

pub fn timeline(job: JobId) -> Vec<u8> {
    key(&[b"T", &job.0.to_be_bytes()])
}

pub fn entry(job: JobId, seq: u32) -> Vec<u8> {
    key(&[b"T", &job.0.to_be_bytes(), &seq.to_be_bytes()])
}

pub fn document(id: DocumentId) -> Vec<u8> {
    key(&[DOCUMENTS, &id.0.to_be_bytes()])
}

pub fn unused(since: WallTime, id: DocumentId) -> Vec<u8> {
    key(&[UNUSED, &since.0.to_be_bytes(), &id.0.to_be_bytes()])
}

/// The document at the end of a key.
pub fn listed_document(key: &[u8]) -> Option<DocumentId> {
    key.last_chunk().map(|id| DocumentId(u64::from_be_bytes(*id)))
}

pub fn printer(id: PrinterId) -> Vec<u8> {
    key(&[PRINTERS, &id.0.to_be_bytes()])
}

pub fn pool(id: PoolId) -> Vec<u8> {
    key(&[POOLS, &id.0.to_be_bytes()])
}

pub fn setting(name: &str) -> Vec<u8> {
    key(&[b"N", name.as_bytes()])
}

/// The name in a key of [`setting`].
pub fn setting_name(key: &[u8]) -> String {
    String::from_utf8_lossy(key.strip_prefix(&*setting("")).unwrap_or_default()).into_owned()
}

pub fn counts(queue: QueueId) -> Vec<u8> {
    key(&[COUNTS, &queue_bytes(queue)])
}

/// The queue whose counts a key holds; `None` for every other key.
pub fn counted_queue(key: &[u8]) -> Option<QueueId> {
    match key.strip_prefix(COUNTS)? {
        [0, id @ ..] => Some(QueueId::Printer(PrinterId(u32::from_be_bytes(id.try_into().ok()?)))),
        [1, id @ ..] => Some(QueueId::Pool(PoolId(u32::from_be_bytes(id.try_into().ok()?)))),
        _ => None,
    }
}

/// The digest by which a key is known: nobody can make one that another user has.
pub fn key_id(user: &str, text: &str) -> KeyId {
    let mut digest = Sha256::new();
    digest.update((user.len() as u64).to_be_bytes());
    digest.update(user);
    digest.update(text);
    KeyId(digest.finalize().into())
}

pub fn idempotency(id: KeyId) -> Vec<u8> {
    key(&[b"K", &id.0])
}

pub fn expiry(at: WallTime, id: KeyId) -> Vec<u8> {
    key(&[EXPIRY, &at.0.to_be_bytes(), &id.0])
}

/// The digest at the end of a key of the expiry list.
pub fn listed_key(key: &[u8]) -> Option<KeyId> {
    key.last_chunk().map(|id| KeyId(*id))
}

/// The slot of a commit in the ring of events.
pub fn event(seq: CommitSeq) -> Vec<u8> {
    let slot = u32::try_from(seq.0 % EVENTS_KEPT).unwrap_or(u32::MAX);
    key(&[EVENTS, &slot.to_be_bytes()])
}

/// A time as the end of a range that includes it.
pub fn until(list: &[u8], at: WallTime) -> Vec<u8> {
    match at.0.checked_add(1) {
        Some(next) => key(&[list, &next.to_be_bytes()]),
        None => behind(list),
    }
}

fn queue_bytes(queue: QueueId) -> [u8; 5] {
    let (kind, id) = match queue {
        QueueId::Printer(id) => (0, id.0),
        QueueId::Pool(id) => (1, id.0),
    };
    let [a, b, c, d] = id.to_be_bytes();
    [kind, a, b, c, d]
}
