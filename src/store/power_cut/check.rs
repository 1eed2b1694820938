//! Whether a store that was opened after a power cut keeps every promise that was made before.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::load::{IDS, Past, body, options, runtime};
use crate::model::commit::Commit;
use crate::model::document::{BodyPlace, Document};
use crate::model::id::{DocumentId, JobId};
use crate::model::job::JobStatus;
use crate::store::Store;
use crate::store::conformance::make::QUEUES;
use crate::store::conformance::oracle::Oracle;
use crate::store::embedded::{EmbeddedStore, OpenError, Opened};
use crate::store::recover::recover;
use crate::store::state::State;

/// Entries of a timeline that are compared.
const ENTRIES: usize = 100;

/// How often a store is opened whose index is still open, and how long after the last time.
const BUSY_TRIES: u32 = 1000;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Whether a start may ask for a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing that was synced is missing, so the store opens.
    Needless,
    /// The disk has lost something of the index that it had said to be durable.
    Allowed,
}

/// A store that is open again.
pub struct Started {
    state: State,
    opened: Opened,
    recovered: bool,
}

/// In how many cases there was something to be made good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub recovered: usize,
    pub torn: usize,
    pub replayed: usize,
    pub swept: usize,
}

impl std::ops::AddAssign for Found {
    fn add_assign(&mut self, other: Found) {
        self.recovered += other.recovered;
        self.torn += other.torn;
        self.replayed += other.replayed;
        self.swept += other.swept;
    }
}

/// Opens the store in `root` after a cut that came when `at` events were done, and compares it with what was promised.
///
/// # Errors
/// What was lost, came back, or is there by half.
pub fn check(past: &Past, at: usize, root: &Path, recovery: Recovery) -> Result<Found, String> {
    let Started { state, opened, recovered } = start(root, recovery)?;
    let found = Found {
        recovered: recovered.into(),
        torn: usize::from(opened.torn_bytes > 0),
        replayed: usize::from(opened.replayed > 0),
        swept: usize::from(opened.swept > 0),
    };
    let counted = past.starts.iter().filter(|(counted, _)| *counted <= at).map(|(_, epoch)| *epoch).max();
    if counted.is_some_and(|epoch| state.epoch() <= epoch) {
        return Err(format!("start {:?} is counted after {counted:?}", state.epoch()));
    }
    let after = After { opened, runtime: runtime() };
    let mut known = Vec::new();
    for client in 0..past.clients.len() {
        known.push(after.check_client(past, client, at)?);
    }
    after.check_queue(&known)?;
    after.check_files(&root.join("documents"), &known)?;
    after.check_goes_on(past, at)?;
    Ok(found)
}

/// Opens the store, after a recovery where it asks for one and may.
///
/// # Errors
/// Why it stays shut.
pub fn start(root: &Path, recovery: Recovery) -> Result<Started, String> {
    let state = State::open(root).map_err(|error| format!("the state directory: {error}"))?;
    match open(&state) {
        Ok(opened) => return Ok(Started { state, opened, recovered: false }),
        Err(error) if recovery == Recovery::Needless || !error.to_string().contains("`spool recover`") => {
            return Err(format!("it does not open: {error}"));
        }
        Err(_) => drop(state),
    }
    recover(root, &mut |_| ()).map_err(|error| format!("it is not recovered: {error}"))?;
    let state = State::open(root).map_err(|error| format!("after its recovery: {error}"))?;
    let opened = open(&state).map_err(|error| format!("after its recovery it does not open: {error}"))?;
    Ok(Started { state, opened, recovered: true })
}

/// In a process of its own sled would have let go of its file.
fn open(state: &State) -> Result<Opened, OpenError> {
    let busy = |opened: &_| matches!(opened, Err(OpenError::Busy { .. }));
    let tries = (0..BUSY_TRIES).map(|_| EmbeddedStore::open(state, options()));
    let mut tries = tries.inspect(|opened| {
        if busy(opened) {
            thread::park_timeout(BUSY_PAUSE)
        }
    });
    tries.find(|opened| !busy(opened)).unwrap_or_else(|| EmbeddedStore::open(state, options()))
}

struct After {
    opened: Opened,
    runtime: Runtime,
}

impl After {
    /// The client finds what it was told, and of a commit that it waited for everything or nothing. Tells which.
    fn check_client(&self, past: &Past, client: usize, at: usize) -> Result<Oracle, String> {
        let steps = &past.clients[client];
        let answered = steps.iter().take_while(|step| step.answered <= at).count();
        let begun = steps.iter().take_while(|step| step.begun < at).count();
        let known = past.known(client, answered);
        let Err(without) = self.compare(client, &known) else { return Ok(known) };
        let known = past.known(client, begun);
        match self.compare(client, &known) {
            Ok(()) => Ok(known),
            Err(with) => {
                Err(format!("client {client} had {answered} answers of {begun}: either {without}, or {with}"))
            }
        }
    }

    fn compare(&self, client: usize, known: &Oracle) -> Result<(), String> {
        let store = &self.opened.store;
        let name = format!("client {client}");
        let setting = self.read(store.setting(&name))?;
        same("its setting", &setting.as_ref(), &known.settings.get(&name))?;
        let first = 1 + client as u32 * IDS;
        let last_known = known.jobs.keys().map(|id| id.0).max().unwrap_or(first);
        for id in first..last_known + 10 {
            let job = self.read(store.job(JobId(id)))?;
            same(&format!("job {id}"), &job.as_ref(), &known.jobs.get(&JobId(id)))?;
            let timeline = self.read(store.timeline(JobId(id), 0, ENTRIES))?;
            let entries = known.timeline.range((JobId(id), 0)..(JobId(id + 1), 0));
            same(
                &format!("the timeline of {id}"),
                &timeline,
                &entries.map(|(_, entry)| entry.clone()).collect(),
            )?;
            let id = DocumentId(id.into());
            let document = self.read(store.document(id))?;
            let expected = known.documents.get(&id).map(|(document, _)| document);
            same(&format!("document {id}"), &document.as_ref(), &expected)?;
            document.map_or(Ok(()), |document| self.compare_body(&document))?;
        }
        Ok(())
    }

    fn compare_body(&self, document: &Document) -> Result<(), String> {
        let mut bytes = Vec::new();
        let opened = self.opened.documents.open(document.id, document.place);
        let read = opened.and_then(|mut body| body.read_to_end(&mut bytes));
        read.map_err(|error| format!("the bytes of document {}: {error}", document.id))?;
        if bytes == body(document.id, document.bytes) {
            return Ok(());
        }
        Err(format!("the {} bytes of document {} are not those that were sent", bytes.len(), document.id))
    }

    /// Lists and counts follow from the jobs.
    fn check_queue(&self, known: &[Oracle]) -> Result<(), String> {
        let jobs = known.iter().flat_map(|known| known.jobs.values());
        let waiting: BTreeSet<JobId> =
            jobs.filter(|job| job.status == JobStatus::Waiting).map(|job| job.id).collect();
        let places = self.read(self.opened.store.places(QUEUES[0], usize::MAX))?;
        same("the queue", &places.iter().map(|place| place.job).collect(), &waiting)?;
        let counts = known.iter().map(|known| known.counts_total().jobs).sum();
        same("the number of jobs", &self.opened.store.counts_total().jobs, &counts)
    }

    /// No file is left that belongs to nothing, and none is missing.
    fn check_files(&self, directory: &Path, known: &[Oracle]) -> Result<(), String> {
        let documents = known.iter().flat_map(|known| known.documents.values());
        let files = documents.filter(|(document, _)| document.place == BodyPlace::File);
        let wanted: BTreeSet<String> = files.map(|(document, _)| document.id.to_string()).collect();
        let entries = fs::read_dir(directory).map_err(|error| error.to_string())?;
        let found = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        same("the files of documents", &found.collect(), &wanted)
    }

    /// The next commit gets a number that nobody was told.
    fn check_goes_on(&self, past: &Past, at: usize) -> Result<(), String> {
        let steps = past.clients.iter().flatten().filter(|step| step.answered <= at);
        let last = steps.map(|step| step.seq).max();
        let commit = Commit { settings: vec![("next".to_owned(), Vec::new())], ..Commit::default() };
        let next = self.runtime.block_on(self.opened.store.commit(commit));
        match next.map(|committed| Some(committed.seq)) {
            Ok(next) if next > last => Ok(()),
            next => Err(format!("the next commit is {next:?} after {last:?}")),
        }
    }

    fn read<T>(&self, answer: impl Future<Output = Result<T, crate::store::ReadError>>) -> Result<T, String> {
        self.runtime.block_on(answer).map_err(|error| error.to_string())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?}, not {expected:?}")) }
}
