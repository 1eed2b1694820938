//! A core without actors: the real decisions of the intake over a store in memory.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::ready;
use spool::actors::front::{
    Accepted, Announced, Answer, Core, LiveEvent, Novelty, PoolCommand, PrinterCommand, WorkerRow,
};
use spool::clock::Clock;
use spool::model::commit::Commit;
use spool::model::description::Description;
use spool::model::directory::Directory;
use spool::model::document::{Document, Format};
use spool::model::event::Subject;
use spool::model::fleet::{self, Fleet, Numbers, Queues, Wanted};
use spool::model::id::{DocumentId, JobId, PrinterId, QueueName};
use spool::model::intake::messages::{Effect, Input, Reply, Rules, Submission, Ticket};
use spool::model::intake::numbers::Reserved;
use spool::model::intake::step::Intake;
use spool::model::intake::{Arrival, Handed, JobCommand, JobRequest, KeyClaim, Refusal};
use spool::model::job::{Job, Priority, Submitter};
use spool::model::options::Options;
use spool::model::pool::{Pool, PoolDraft};
use spool::model::printer::{Origin, Printer, PrinterLive};
use spool::model::stream::Offer;
use spool::model::time::WallTime;
use spool::store::documents::Documents;
use spool::store::memory::MemoryStore;
use spool::store::{JobsQuery, PAGE_ROWS_MAX, SharedStore, read};
use tokio::sync::broadcast;

pub const QUEUED_MAX: u64 = 50;

struct Inner {
    intake: Intake,
    tickets: u64,
    replies: HashMap<Ticket, Result<Reply, Refusal>>,
    fleet: Fleet,
    directory: Arc<Directory>,
    live: HashMap<PrinterId, PrinterLive>,
    described: HashMap<PrinterId, Arc<Description>>,
    refuse: Option<Refusal>,
    withdrawn: Vec<JobId>,
    looking: Option<Looking>,
}

/// Somebody who looks at the threads is stopped there: he says so, and waits for his leave.
type Looking = (Sender<()>, Receiver<()>);

pub struct FakeCore {
    pub documents: Documents,
    memory: MemoryStore,
    store: SharedStore,
    inner: Mutex<Inner>,
    clock: Clock,
    pub live_events: broadcast::Sender<LiveEvent>,
}

pub fn name(text: &str) -> QueueName {
    QueueName::new(text).expect("a name")
}

impl FakeCore {
    /// With the printers `office` (the default) and `lab` (shared); large documents are in `directory`.
    pub fn new(directory: &Path) -> Arc<FakeCore> {
        let memory = MemoryStore::new();
        let documents =
            Documents::new(directory.to_owned(), Arc::new(memory.clone())).expect("a thread that removes");
        let office = Printer::new(
            PrinterId(1),
            name("office"),
            "ipp://ann:secret@10.0.0.20/ipp".to_owned(),
            Origin::Api,
        );
        let lab = Printer::new(PrinterId(2), name("lab"), "socket://10.0.0.21:9100".to_owned(), Origin::Api);
        let office = Printer { credentials_file: Some("office.secret".to_owned()), ..office };
        let lab = Printer { share: true, ..lab };
        let printers = vec![office, lab];
        let commit = Commit { printers: printers.clone(), ..Commit::default() };
        memory.commit_now(&commit).expect("a commit");
        let numbers = Numbers { printer: 3, pool: 1 };
        let fleet = Fleet::new(Queues::new(printers, Vec::new(), numbers), "front-desk".to_owned());
        let directory = fleet.directory();
        let rules =
            Rules { queued_jobs_max: QUEUED_MAX, free_disk_min: 1, key_kept: Duration::from_secs(86_400) };
        let intake = Intake::new(rules, Reserved::default(), Arc::clone(&directory));
        let inner = Inner {
            intake,
            tickets: 0,
            replies: HashMap::new(),
            fleet,
            directory,
            live: HashMap::new(),
            described: HashMap::new(),
            refuse: None,
            withdrawn: Vec::new(),
            looking: None,
        };
        let core = FakeCore {
            store: Arc::new(memory.clone()),
            documents,
            memory,
            inner: Mutex::new(inner),
            clock: Clock::machine(),
            live_events: broadcast::Sender::new(16),
        };
        let wanted = Wanted { default: Some(name("office")), ..Wanted::default() };
        core.ask_fleet(|ticket| fleet::Input::Provision(ticket, Box::new(wanted))).expect("good names");
        Arc::new(core)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while it was held")
    }

    /// From now on no new work is taken, for this reason.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        self.inner().refuse = refusal;
    }

    pub fn set_live(&self, printer: u32, live: PrinterLive) {
        self.inner().live.insert(PrinterId(printer), live);
    }

    pub fn set_description(&self, printer: u32, description: Description) {
        self.inner().described.insert(PrinterId(printer), Arc::new(description));
    }

    /// The number of the newest commit.
    pub fn store_seq(&self) -> u64 {
        self.store.last_seq().0
    }

    /// Commits whatever is asked.
    pub fn commit(&self, commit: &Commit) {
        self.memory.commit_now(commit).expect("a commit");
    }

    /// Puts a job there as it is.
    pub fn put(&self, job: Job) {
        self.commit(&Commit { jobs: vec![job], ..Commit::default() });
    }

    pub fn job_now(&self, id: JobId) -> Option<Job> {
        self.memory.read(|rows| read::job(rows, id)).expect("readable")
    }

    pub fn jobs_now(&self) -> Vec<Job> {
        let all = JobsQuery { limit: PAGE_ROWS_MAX, ..JobsQuery::default() };
        self.memory.read(|rows| read::jobs(rows, &all)).expect("readable").rows
    }

    pub fn document_now(&self, id: DocumentId) -> Option<Document> {
        self.memory.read(|rows| read::document(rows, id)).expect("readable")
    }

    /// The next one who looks at the threads says so, and waits.
    pub fn stop_looking(&self) -> (Receiver<()>, Sender<()>) {
        let ((enter, entered), (proceed, leave)) = (channel(), channel());
        self.inner().looking = Some((enter, leave));
        (entered, proceed)
    }

    /// Hears of what is not in the store, on a channel whose reader can have a deadline.
    pub fn listen(&self) -> Receiver<LiveEvent> {
        let (tell, heard) = channel();
        let mut live = self.live_events.subscribe();
        let forward = move || {
            while let Ok(event) = live.blocking_recv() {
                if tell.send(event).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("listen".to_owned()).spawn(forward).expect("a thread");
        heard
    }

    pub fn withdrawn(&self) -> Vec<JobId> {
        self.inner().withdrawn.clone()
    }

    /// Steps until nothing is left to do; every effect is carried out at once.
    fn step(&self, inner: &mut Inner, input: Input) {
        let mut effects = inner.intake.step(input, self.clock.now());
        while !effects.is_empty() {
            let inputs: Vec<Input> =
                effects.drain(..).flat_map(|effect| self.perform(inner, effect)).collect();
            for input in inputs {
                effects.extend(inner.intake.step(input, self.clock.now()));
            }
        }
    }

    fn perform(&self, inner: &mut Inner, effect: Effect) -> Vec<Input> {
        match effect {
            Effect::ReadKey(ticket, user, key) => {
                let now = self.clock.now().wall;
                let record = self.memory.read(|rows| read::key(rows, &user, &key, now)).expect("readable");
                vec![Input::KeyRead(ticket, record.map(|key| (key.job, key.fingerprint)))]
            }
            Effect::ReadJob(ticket, id) => {
                vec![Input::JobRead(ticket, self.job_now(id).map(Box::new))]
            }
            Effect::ReadDocuments(ticket, ids) => {
                let found = ids.into_iter().filter_map(|id| self.document_now(id));
                vec![Input::DocumentsRead(ticket, found.collect())]
            }
            Effect::Commit { ticket, commit, then } => match self.memory.commit_now(&commit) {
                Ok(_) => {
                    let mut inputs = vec![Input::Committed(ticket)];
                    inputs.extend(then.into_iter().flat_map(|effect| self.perform(inner, effect)));
                    inputs
                }
                Err(error) => vec![Input::CommitFailed(ticket, error)],
            },
            Effect::Reply(ticket, reply) => {
                inner.replies.insert(ticket, reply);
                Vec::new()
            }
            Effect::Discard(document) => {
                self.documents.discard(document);
                Vec::new()
            }
            Effect::Wake(_) | Effect::CancelAt(..) | Effect::Incoming | Effect::Offer(..) => Vec::new(),
        }
    }

    fn ask(&self, input: impl FnOnce(Ticket) -> Input) -> Result<Reply, Refusal> {
        let mut inner = self.inner();
        inner.tickets += 1;
        let ticket = Ticket(inner.tickets);
        self.step(&mut inner, input(ticket));
        inner.replies.remove(&ticket).expect("every request is answered at once here")
    }

    /// Asks the real fleet, over the same store.
    fn ask_fleet(&self, input: impl FnOnce(fleet::Ticket) -> fleet::Input) -> Result<fleet::Reply, Refusal> {
        let mut inner = self.inner();
        inner.tickets += 1;
        let input = input(fleet::Ticket(inner.tickets));
        let mut effects = VecDeque::from(inner.fleet.step(input));
        let mut answer = None;
        while let Some(effect) = effects.pop_front() {
            match effect {
                fleet::Effect::Commit { ticket, commit } => {
                    effects.extend(match self.memory.commit_now(&commit) {
                        Ok(_) => inner.fleet.step(fleet::Input::Committed(ticket)),
                        Err(error) => inner.fleet.step(fleet::Input::CommitFailed(ticket, error)),
                    });
                }
                fleet::Effect::Publish(directory) => {
                    inner.directory = Arc::clone(&directory);
                    self.step(&mut inner, Input::Directory(directory));
                }
                fleet::Effect::Reply(_, reply) => answer = Some(reply),
                _ => {}
            }
        }
        answer.expect("every request is answered at once here")
    }
}

fn answer<T: Send + 'static>(result: Result<T, Refusal>) -> Answer<T> {
    ready(result).boxed()
}

impl Core for FakeCore {
    fn store(&self) -> &SharedStore {
        &self.store
    }

    fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.inner().directory)
    }

    fn printer_live(&self, printer: PrinterId) -> PrinterLive {
        self.inner().live.get(&printer).cloned().unwrap_or_default()
    }

    fn description(&self, printer: PrinterId) -> Option<Arc<Description>> {
        self.inner().described.get(&printer).cloned()
    }

    fn look_at(&self, _printer: PrinterId) {}

    fn workers(&self) -> Vec<WorkerRow> {
        let looking = self.inner().looking.take();
        if let Some((enter, leave)) = looking {
            enter.send(()).expect("the test waits");
            leave.recv().expect("the test lets him go");
        }
        vec![WorkerRow {
            name: "print-1".to_owned(),
            job: Some(JobId(7)),
            printer: Some(name("office")),
            stage: "sending",
            bytes: 10,
            last_beat: WallTime(1_767_225_600_000),
            generation: 3,
        }]
    }

    fn incoming(&self) -> Vec<Job> {
        self.inner().intake.incoming().cloned().collect()
    }

    fn live_events(&self) -> broadcast::Receiver<LiveEvent> {
        self.live_events.subscribe()
    }

    fn admits(&self) -> Result<(), Refusal> {
        let inner = self.inner();
        inner.refuse.clone().map_or_else(|| inner.intake.admits(), Err)
    }

    fn announce(&self, request: JobRequest) -> Answer<Announced> {
        let announced =
            self.ask(|ticket| Input::Announce(ticket, Box::new(request))).map(|reply| match reply {
                Reply::Announced(job, document) => Announced { job, document },
                other => unreachable!("{other:?}"),
            });
        if let Ok(Announced { job, .. }) = announced {
            self.live_events.send(LiveEvent { subject: Subject::Job(job) }).ok();
        }
        answer(announced)
    }

    fn offer(&self, offer: Offer) {
        let mut inner = self.inner();
        self.step(&mut inner, Input::Offer(offer));
    }

    fn withdraw(&self, job: JobId) {
        let mut inner = self.inner();
        self.step(&mut inner, Input::Withdraw(job));
        inner.withdrawn.push(job);
        drop(inner);
        self.live_events.send(LiveEvent { subject: Subject::Job(job) }).ok();
    }

    fn submit(
        &self,
        announced: Option<JobId>,
        request: JobRequest,
        documents: Vec<Handed>,
        key: Option<KeyClaim>,
    ) -> Answer<Accepted> {
        let submission = Box::new(Submission { announced, request, documents, key });
        answer(self.ask(|ticket| Input::Submit(ticket, submission)).map(|reply| match reply {
            Reply::Accepted(job) => Accepted { job: *job, novelty: Novelty::New },
            Reply::Repeated(job) => Accepted { job: *job, novelty: Novelty::Repeated },
            other => unreachable!("{other:?}"),
        }))
    }

    fn document_id(&self) -> Answer<DocumentId> {
        answer(self.ask(Input::DocumentId).map(document_of))
    }

    fn register(&self, submitter: Submitter, document: Handed) -> Answer<DocumentId> {
        answer(self.ask(|ticket| Input::Register(ticket, submitter, document)).map(document_of))
    }

    fn remove_document(&self, document: DocumentId) -> Answer<()> {
        answer(self.ask(|ticket| Input::RemoveDocument(ticket, document)).map(|_| ()))
    }

    fn command(&self, job: JobId, command: JobCommand) -> Answer<Job> {
        answer(self.ask(|ticket| Input::Command(ticket, job, command)).map(|reply| match reply {
            Reply::Job(job) => *job,
            other => unreachable!("{other:?}"),
        }))
    }

    fn add_printer(&self, draft: Printer) -> Answer<Arc<Printer>> {
        let added = self.ask_fleet(|ticket| fleet::Input::Add(ticket, Box::new(draft)));
        answer(added.map(|reply| printer_of(reply).expect("it was added")))
    }

    fn printer_command(&self, name: QueueName, command: PrinterCommand) -> Answer<Option<Arc<Printer>>> {
        answer(self.ask_fleet(|ticket| fleet::Input::Command(ticket, name, command)).map(printer_of))
    }

    fn add_pool(&self, draft: PoolDraft) -> Answer<Arc<Pool>> {
        let added = self.ask_fleet(|ticket| fleet::Input::AddPool(ticket, draft));
        answer(added.map(|reply| pool_of(reply).expect("it was added")))
    }

    fn pool_command(&self, name: QueueName, command: PoolCommand) -> Answer<Option<Arc<Pool>>> {
        answer(self.ask_fleet(|ticket| fleet::Input::PoolCommand(ticket, name, command)).map(pool_of))
    }

    fn keep_setting(&self, name: String, value: Vec<u8>) -> Answer<()> {
        self.commit(&Commit { settings: vec![(name, value)], ..Commit::default() });
        answer(Ok(()))
    }

    fn unset(&self, names: Vec<String>) -> Answer<()> {
        let committed = self.store.commit(Commit { unset: names, ..Commit::default() });
        Box::pin(async move { committed.await.map(drop).map_err(|error| Refusal::Store(error.to_string())) })
    }

    fn wake(&self, name: QueueName) -> Answer<Arc<Printer>> {
        let printer = self.directory().printer(&name).cloned();
        answer(match printer {
            Some(printer) if printer.mac.is_some() => Ok(printer),
            Some(_) => Err(Refusal::NoMac(name)),
            None => Err(Refusal::NoSuchPrinter(name)),
        })
    }

    fn test_page(&self, name: QueueName, submitter: Submitter) -> Answer<Accepted> {
        let body = Bytes::from_static(b"test page");
        let page = Handed::Inline { name: "test page".to_owned(), format: Format::Text, crc: 0, body };
        let request = JobRequest {
            queue: Some(name),
            submitter,
            title: Some("test page".to_owned()),
            options: Options::default(),
            priority: Priority::DEFAULT,
            arrival: Arrival::Print,
            control_hash: None,
        };
        self.submit(None, request, vec![page], None)
    }
}

fn document_of(reply: Reply) -> DocumentId {
    match reply {
        Reply::Document(id) => id,
        other => unreachable!("{other:?}"),
    }
}

fn printer_of(reply: fleet::Reply) -> Option<Arc<Printer>> {
    match reply {
        fleet::Reply::Printer(printer) => Some(printer),
        _ => None,
    }
}

fn pool_of(reply: fleet::Reply) -> Option<Arc<Pool>> {
    match reply {
        fleet::Reply::Pool(pool) => Some(pool),
        _ => None,
    }
}
