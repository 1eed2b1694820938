//! Clients that commit all at once, and keep what they were told and when.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use crate::model::commit::{Commit, Remove};
use crate::model::document::{BodyPlace, Document};
use crate::model::id::{CommitSeq, DocumentId, Epoch};
use crate::model::job::JobStatus;
use crate::model::time::WallTime;
use crate::store::conformance::make::{self, Chance};
use crate::store::conformance::oracle::Oracle;
use crate::store::disk::tape::{Event, Tape};
use crate::store::documents::Documents;
use crate::store::embedded::{EmbeddedStore, Opened, Options};
use crate::store::state::State;
use crate::store::{Store, journal};

const CLIENTS: u32 = 3;
const LIVES: u32 = 2;
/// Commits of each client in each life.
const STEPS: usize = 14;
/// Numbers of jobs and documents that belong to one client.
pub const IDS: u32 = 10_000;

/// One commit, and when it was begun and answered, as lengths of the tape.
#[derive(Debug)]
pub struct Step {
    pub commit: Commit,
    pub begun: usize,
    pub answered: usize,
    pub seq: CommitSeq,
}

/// Everything that was promised, and how the disk came to it.
#[derive(Debug)]
pub struct Past {
    pub events: Vec<Event>,
    /// Each client's commits, one after the other.
    pub clients: Vec<Vec<Step>>,
    /// The starts, and the length of the tape when each was counted.
    pub starts: Vec<(usize, Epoch)>,
}

/// Small segments and many checkpoints, so that a short life has them all.
pub fn options() -> Options {
    Options {
        cache_bytes: 8 << 20,
        checkpoint_every: Duration::from_millis(25),
        journal: journal::Options { segment_bytes_max: 24 * 1024 },
        ..Options::default()
    }
}

pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Some lives of a store in `root`, where nothing is; the first is closed, the last is not.
pub fn record(root: &Path, seed: u64) -> Past {
    let tape = Tape::start(root);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|number| Client::new(number, seed)).collect();
    let mut starts = Vec::new();
    for life in 0..LIVES {
        let state = State::open(root).expect("a state directory");
        starts.push((tape.len(), state.epoch()));
        let Opened { store, documents, .. } = EmbeddedStore::open(&state, options()).expect("it opens");
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| client.work(&store, &documents, &tape));
            }
        });
        if life + 1 < LIVES {
            store.close();
        }
    }
    tape.stop();
    Past { events: tape.events(), clients: clients.into_iter().map(|client| client.steps).collect(), starts }
}

/// The bytes of a document. Its lines tell where they belong, and none of them fills a sector.
pub fn body(document: DocumentId, bytes: u64) -> Vec<u8> {
    let lines = (0..=bytes / 300).map(|line| format!("document {document}, line {line:.<300}\n"));
    let mut body = lines.collect::<String>().into_bytes();
    body.truncate(bytes as usize);
    body
}

struct Client {
    number: u32,
    chance: Chance,
    known: Oracle,
    next_id: u32,
    steps: Vec<Step>,
}

impl Client {
    fn new(number: u32, seed: u64) -> Client {
        let chance = Chance(seed ^ u64::from(number) << 32);
        Client { number, chance, known: Oracle::default(), next_id: 1 + number * IDS, steps: Vec::new() }
    }

    fn work(&mut self, store: &EmbeddedStore, documents: &Documents, tape: &Arc<Tape>) {
        let runtime = runtime();
        for _ in 0..STEPS {
            let begun = tape.len();
            let mut commit = self.draw();
            runtime.block_on(bring_files(&mut commit, documents));
            let number = (self.steps.len() as u32).to_be_bytes().to_vec();
            commit.settings.push((format!("client {}", self.number), number));
            let seq = runtime.block_on(store.commit(commit.clone())).expect("there is room").seq;
            self.known.commit(&commit).expect("as the store");
            self.steps.push(Step { commit, begun, answered: tape.len(), seq });
            if self.chance.once_in(8) {
                tape.see_index();
            }
        }
    }

    fn draw(&mut self) -> Commit {
        let jobs = &self.known.jobs;
        let find = |wanted: fn(JobStatus) -> bool| jobs.values().find(|job| wanted(job.status)).cloned();
        let at_printer = find(JobStatus::is_at_printer);
        let waiting = find(|status| status == JobStatus::Waiting);
        let ended = find(JobStatus::is_final);
        match (self.chance.below(6), at_printer, waiting, ended) {
            (0 | 1, Some(job), _, _) => make::happen(&job, make::done(), WallTime(3)).expect("it may end"),
            (0 | 2, _, Some(job), _) => {
                make::happen(&job, make::attempt(), WallTime(2)).expect("it may begin")
            }
            (0..=3, _, _, Some(job)) => {
                let documents = job.documents.iter().map(|document| Remove::Document(document.id));
                let remove = std::iter::once(Remove::Job(job.id)).chain(documents).collect();
                Commit { remove, ..Commit::default() }
            }
            _ => self.accept(),
        }
    }

    fn accept(&mut self) -> Commit {
        let id = self.next_id;
        self.next_id += 1;
        let (place, bytes) = match self.chance.below(5) {
            0 => (BodyPlace::File, 300_000 + self.chance.below(9000)),
            1 => (BodyPlace::File, 1 + self.chance.below(3000)),
            _ => (BodyPlace::Inline, self.chance.below(3000)),
        };
        let body = body(DocumentId(id.into()), bytes);
        let named = make::document(id.into(), "ann", WallTime(1));
        let document = Document { bytes, place, crc: crc32c::crc32c(&body), ..named };
        let mut job = make::job(id, std::slice::from_ref(&document), WallTime(1));
        let mut commit = make::accept(&mut job, &[document]);
        commit.documents[0].body = (place == BodyPlace::Inline).then(|| Bytes::from(body));
        commit
    }
}

/// Writes the files of the large documents that a commit brings, as a front door does before it.
async fn bring_files(commit: &mut Commit, documents: &Documents) {
    for new in commit.documents.iter().filter(|new| new.document.place == BodyPlace::File) {
        let mut upload = documents.begin(new.document.id);
        let body = Bytes::from(body(new.document.id, new.document.bytes));
        for piece in 0..body.len().div_ceil(100_000) {
            let piece = body.slice(piece * 100_000..body.len().min((piece + 1) * 100_000));
            upload.write(piece).await.expect("there is room");
        }
        upload.finish().await.expect("there is room");
    }
}

impl Past {
    /// What a client's commits came to, up to the first `steps`.
    pub fn known(&self, client: usize, steps: usize) -> Oracle {
        let mut known = Oracle::default();
        for step in &self.clients[client][..steps] {
            known.commit(&step.commit).expect("as the store");
        }
        known
    }
}
