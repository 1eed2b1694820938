//! Jobs and documents to try a store with, and numbers that look like chance and come from a seed.

use crate::model::commit::{Commit, NewDocument};
use crate::model::document::{BodyPlace, Document, Format};
use crate::model::event::{Entry, Source};
use crate::model::id::{
    AcceptedSeq, DocumentId, Generation, JobId, PoolId, PrinterId, QueueId, QueueName, Revision,
};
use crate::model::job::{Bound, DocumentRef, DoneHow, Identity, Job, JobEvent, Submitter};
use crate::model::time::WallTime;

/// The queues of the tests.
pub const QUEUES: [QueueId; 4] = [
    QueueId::Printer(PrinterId(1)),
    QueueId::Printer(PrinterId(256)),
    QueueId::Pool(PoolId(1)),
    QueueId::Pool(PoolId(u32::MAX)),
];
/// The users of the tests. One is the beginning of another.
pub const USERS: [&str; 4] = ["ann", "anna", "", "bö"];

/// SplitMix64.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub fn size(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.size(from.len())].clone()
    }

    /// Once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

pub fn name(text: &str) -> QueueName {
    QueueName::new(text).expect("a good name")
}

pub fn submitter(user: &str) -> Submitter {
    Submitter { user: user.to_owned(), identity: Identity::Claimed }
}

pub fn document(id: u64, user: &str, at: WallTime) -> Document {
    Document {
        id: DocumentId(id),
        submitter: submitter(user),
        name: format!("document {id}"),
        format: Format::Pdf,
        bytes: 10 + id % 7,
        crc: 0,
        place: BodyPlace::File,
        created_at: at,
    }
}

/// A job that waits, with those documents.
pub fn job(id: u32, documents: &[Document], at: WallTime) -> Job {
    let age = AcceptedSeq(u64::from(id));
    Job {
        title: format!("job {id}"),
        documents: documents.iter().map(DocumentRef::from).collect(),
        ..Job::new(JobId(id), (QUEUES[0], name("office")), submitter(USERS[0]), age, at)
    }
}

pub fn new_document(document: &Document) -> NewDocument {
    NewDocument { document: document.clone(), body: None }
}

/// The commit that brings a job and its documents, as the intake makes it.
pub fn accept(job: &mut Job, documents: &[Document]) -> Commit {
    job.entries = 1;
    Commit {
        expect: vec![(job.id, Revision(0))],
        jobs: vec![job.clone()],
        timeline: vec![entry(job, 1)],
        documents: documents.iter().map(new_document).collect(),
        ..Commit::default()
    }
}

pub fn entry(job: &Job, seq: u32) -> Entry {
    Entry {
        job: job.id,
        seq,
        at: job.created_at,
        source: Source::User,
        kind: "accepted".into(),
        from: None,
        to: job.status,
        reason: None,
        message: format!("entry {seq}"),
        attempt: 0,
        printer: Some(name("office")),
        next_at: None,
    }
}

/// The commit in which an event happens to a job; `None` where it may not.
pub fn happen(job: &Job, event: JobEvent, at: WallTime) -> Option<Commit> {
    let mut after = job.clone();
    let entry = after.apply(event, Source::System, at).ok()?;
    Some(Commit {
        expect: vec![(job.id, job.revision)],
        jobs: vec![after],
        timeline: entry.into_iter().collect(),
        ..Commit::default()
    })
}

pub fn attempt() -> JobEvent {
    JobEvent::Attempt(Bound { printer: PrinterId(1), name: name("office"), generation: Generation(1) })
}

pub fn done() -> JobEvent {
    JobEvent::Complete { how: DoneHow::PeerClosed, bytes: 10 }
}

/// Both commits as one.
pub fn together(mut first: Commit, second: Commit) -> Commit {
    let Commit { expect, queues, jobs, timeline, documents, printers, pools, settings, unset, key, remove } =
        second;
    first.expect.extend(expect);
    first.queues.extend(queues);
    first.jobs.extend(jobs);
    first.timeline.extend(timeline);
    first.documents.extend(documents);
    first.printers.extend(printers);
    first.pools.extend(pools);
    first.settings.extend(settings);
    first.unset.extend(unset);
    first.remove.extend(remove);
    first.key = first.key.or(key);
    first
}
