use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Runtime;

use super::*;
use crate::model::commit::{Committed, NewDocument};
use crate::model::document::{BodyPlace, Document, Format};
use crate::model::id::{AcceptedSeq, PrinterId, QueueName, Revision};
use crate::model::job::{DocumentRef, Identity, Submitter};
use crate::store::documents::Documents;
use crate::store::read::{Direction, Kv, Row};

pub(in crate::store) mod compact;
#[cfg(feature = "failpoints")]
mod compact_crash;
mod conformance;
mod crash;
mod full;
mod index;
mod panics;
mod scale;

pub(in crate::store) const QUEUE: QueueId = QueueId::Printer(PrinterId(1));

/// No checkpoint comes by itself.
pub(in crate::store) fn options() -> Options {
    Options { checkpoint_every: Duration::from_secs(3600), cache_bytes: 8 << 20, ..Options::default() }
}

/// An open store with all that belongs to it.
pub(in crate::store) struct Life {
    pub store: EmbeddedStore,
    pub documents: Documents,
    pub replayed: u64,
    pub swept: usize,
    pub torn_bytes: u64,
    runtime: Runtime,
}

impl Life {
    pub fn try_open(path: &Path) -> Result<Life, OpenError> {
        Life::try_open_with(path, options())
    }

    pub fn try_open_with(path: &Path, options: Options) -> Result<Life, OpenError> {
        let state = State::open(path).expect("a state directory");
        let Opened { store, documents, replayed, torn_bytes, swept } = EmbeddedStore::open(&state, options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Ok(Life { store, documents, replayed, swept, torn_bytes, runtime })
    }

    pub fn open(path: &Path) -> Life {
        Life::try_open(path).expect("opens")
    }

    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    pub fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.wait(self.store.commit(commit))
    }

    pub fn accept(&self, ids: impl IntoIterator<Item = u32>) {
        let answers: Vec<_> = ids.into_iter().map(|id| self.store.commit(accept(id))).collect();
        for answer in answers {
            self.wait(answer).expect("there is room");
        }
    }

    pub fn ids(&self) -> Vec<u32> {
        let head = self.wait(self.store.places(QUEUE, usize::MAX)).expect("readable");
        head.into_iter().map(|order| order.job.0).collect()
    }

    /// Jobs 1 to `n` are there, whole, and no other.
    pub fn check(&self, n: u32) {
        assert_eq!(self.ids(), (1..=n).collect::<Vec<_>>());
        (1..=n).for_each(|id| self.check_job(id));
        assert_eq!(self.store.counts(QUEUE).jobs, u64::from(n));
        assert_eq!(self.store.counts_total(), self.store.counts(QUEUE));
    }

    /// A job waits, as it was accepted, and its document is there.
    pub fn check_job(&self, id: u32) {
        let job = self.wait(self.store.job(JobId(id))).expect("readable").expect("there");
        assert_eq!(job, accept(id).jobs[0]);
        let mut bytes = Vec::new();
        let body = self.documents.open(DocumentId(id.into()), BodyPlace::Inline);
        body.expect("there").read_to_end(&mut bytes).expect("readable");
        assert_eq!(bytes, body_of(id));
    }

    /// Makes the index durable now.
    pub fn close(self) {
        self.store.close();
    }

    pub fn rows(&self) -> Vec<Row> {
        let all = self.store.shared.look(|view| view.range(&[1], &[255], Direction::Up, usize::MAX));
        all.expect("readable")
    }
}

/// Waits for what the store does by itself.
pub(in crate::store) fn until(what: &str, mut look: impl FnMut() -> bool) {
    let clock = crate::clock::Clock::machine();
    let (begun, longest) = (clock.now().mono, Duration::from_secs(60));
    while !look() {
        assert!(clock.now().mono.since(begun) < longest, "waited in vain: {what}");
        let _ = crossbeam_channel::after(Duration::from_millis(5)).recv();
    }
}

pub(in crate::store) fn state() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let path = parent.path().join("state");
    (parent, path)
}

/// A directory with `n` jobs, closed.
pub(in crate::store) fn closed(n: u32) -> (tempfile::TempDir, PathBuf) {
    let (parent, path) = state();
    let life = Life::open(&path);
    life.accept(1..=n);
    life.close();
    (parent, path)
}

pub(in crate::store) fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(done.success());
}

fn body_of(id: u32) -> Vec<u8> {
    format!("body of {id} ").repeat(10).into_bytes()
}

/// The commit that brings a job with a small document of the same number.
pub(in crate::store) fn accept(id: u32) -> Commit {
    let body = body_of(id);
    let submitter = Submitter { user: "ann".to_owned(), identity: Identity::Claimed };
    let document = Document {
        id: DocumentId(id.into()),
        submitter: submitter.clone(),
        name: "letter".to_owned(),
        format: Format::Text,
        bytes: body.len() as u64,
        crc: crc32c::crc32c(&body),
        place: BodyPlace::Inline,
        created_at: WallTime(1),
    };
    let reference = DocumentRef {
        id: document.id,
        format: document.format.clone(),
        bytes: document.bytes,
        crc: document.crc,
        place: document.place,
    };
    Commit {
        expect: vec![(JobId(id), Revision(0))],
        jobs: vec![job(id, submitter, reference)],
        documents: vec![NewDocument { document, body: Some(Bytes::from(body)) }],
        ..Commit::default()
    }
}

fn job(id: u32, submitter: Submitter, document: DocumentRef) -> Job {
    let queue = (QUEUE, QueueName::new("office").expect("a name"));
    Job {
        title: format!("job {id}"),
        documents: vec![document],
        ..Job::new(JobId(id), queue, submitter, AcceptedSeq(id.into()), WallTime(1))
    }
}
