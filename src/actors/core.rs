//! The front door itself: [`Core`] over the actors' addresses. It counts who is inside, since actix's
//! mailboxes alone bound nothing.

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use bytes::Bytes;
use tokio::sync::{Semaphore, broadcast, oneshot};

use super::board::Board;
use super::device_manager::{self, DeviceManager, Wish};
use super::front::{Accepted, Announced, Answer, Core, LiveEvent, Novelty, WorkerRow};
use super::job_manager::{self, JobManager};
use crate::config::REQUESTS_MAX;
use crate::model::commit::Commit;
use crate::model::description::Description;
use crate::model::directory::Directory;
use crate::model::document::Format;
use crate::model::fleet::{self, PoolCommand, PrinterCommand, Provisioned, Wanted};
use crate::model::id::{DocumentId, JobId, PrinterId, QueueName};
use crate::model::intake::messages::{Input, Reply, Submission, Ticket};
use crate::model::intake::{Arrival, Handed, JobCommand, JobRequest, KeyClaim, Refusal};
use crate::model::job::{Job, Priority, Submitter};
use crate::model::options::Options;
use crate::model::pool::{Pool, PoolDraft};
use crate::model::printer::{Printer, PrinterLive};
use crate::model::stream::Offer;
use crate::store::SharedStore;
use crate::store::documents::Documents;

/// How long a client that found the door full should wait.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// The door. Clones are the same door.
#[derive(Clone)]
pub struct Front {
    store: SharedStore,
    board: Arc<Board>,
    job_manager: Addr<JobManager>,
    device_manager: Addr<DeviceManager>,
    documents: Documents,
    door: Arc<Semaphore>,
}

impl Front {
    pub fn new(
        store: SharedStore,
        documents: Documents,
        board: Arc<Board>,
        job_manager: Addr<JobManager>,
        device_manager: Addr<DeviceManager>,
    ) -> Front {
        let door = Arc::new(Semaphore::new(REQUESTS_MAX));
        Front { store, documents, board, job_manager, device_manager, door }
    }

    /// `files` are bodies that belong to the request: where it does not get in, nothing of it stays.
    fn ask_jobs<T: Send + 'static>(
        &self,
        files: Vec<DocumentId>,
        request: impl FnOnce(Ticket) -> Input + Send + 'static,
        take: impl FnOnce(Reply) -> Option<T> + Send + 'static,
    ) -> Answer<T> {
        match self.send_to_jobs(request) {
            Ok(answer) => Box::pin(async move {
                let reply = answer.await.unwrap_or(Err(Refusal::Stopping))?;
                take(reply)
                    .ok_or_else(|| Refusal::Store("the job manager answered something else".to_owned()))
            }),
            Err(refusal) => {
                files.into_iter().for_each(|file| self.documents.discard(file));
                refused(refusal)
            }
        }
    }

    fn send_to_jobs(
        &self,
        request: impl FnOnce(Ticket) -> Input + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<Reply, Refusal>>, Refusal> {
        let permit = self.door.clone().try_acquire_owned().map_err(|_| busy())?;
        let (reply, answer) = oneshot::channel();
        let message = job_manager::Request { request: Box::new(request), reply, permit };
        self.job_manager.try_send(message).map_err(|error| not_sent(&error))?;
        Ok(answer)
    }

    fn ask_fleet<T: Send + 'static>(
        &self,
        wish: Wish,
        take: impl FnOnce(fleet::Reply) -> Option<T> + Send + 'static,
    ) -> Answer<T> {
        let Ok(permit) = self.door.clone().try_acquire_owned() else { return refused(busy()) };
        let (reply, answer) = oneshot::channel();
        let message = device_manager::Request { wish, reply, permit };
        if let Err(error) = self.device_manager.try_send(message) {
            return refused(not_sent(&error));
        }
        Box::pin(async move {
            let reply = answer.await.unwrap_or(Err(Refusal::Stopping))?;
            take(reply).ok_or_else(|| Refusal::Store("the device manager answered something else".to_owned()))
        })
    }

    /// Commits what no actor decides about.
    fn commit(&self, commit: Commit) -> Answer<()> {
        let committed = self.store.commit(commit);
        Box::pin(async move { committed.await.map(drop).map_err(|error| Refusal::Store(error.to_string())) })
    }

    /// Brings printers and pools in line with a configuration that was read again.
    pub fn provision(&self, wanted: Wanted) -> Answer<Provisioned> {
        self.ask_fleet(Wish::Provision(Box::new(wanted)), |reply| match reply {
            fleet::Reply::Provisioned(told) => Some(told),
            _ => None,
        })
    }
}

fn refused<T: Send + 'static>(refusal: Refusal) -> Answer<T> {
    Box::pin(futures_util::future::ready(Err(refusal)))
}

fn busy() -> Refusal {
    Refusal::Busy { retry_after: BUSY_RETRY }
}

fn not_sent<T>(error: &actix::prelude::SendError<T>) -> Refusal {
    match error {
        actix::prelude::SendError::Full(_) => busy(),
        // It has failed; the process is about to begin anew.
        actix::prelude::SendError::Closed(_) => Refusal::Stopping,
    }
}

impl Core for Front {
    fn store(&self) -> &SharedStore {
        &self.store
    }

    fn directory(&self) -> Arc<Directory> {
        self.board.directory()
    }

    fn printer_live(&self, printer: PrinterId) -> PrinterLive {
        self.board.live(printer)
    }

    fn description(&self, printer: PrinterId) -> Option<Arc<Description>> {
        self.board.description(printer)
    }

    fn look_at(&self, printer: PrinterId) {
        self.board.look_at(printer);
    }

    fn workers(&self) -> Vec<WorkerRow> {
        self.board.workers().to_vec()
    }

    fn incoming(&self) -> Vec<Job> {
        self.board.incoming().to_vec()
    }

    fn live_events(&self) -> broadcast::Receiver<LiveEvent> {
        self.board.live_events()
    }

    fn admits(&self) -> Result<(), Refusal> {
        self.board.admission()
    }

    fn announce(&self, request: JobRequest) -> Answer<Announced> {
        self.ask_jobs(
            Vec::new(),
            |ticket| Input::Announce(ticket, Box::new(request)),
            |reply| match reply {
                Reply::Announced(job, document) => Some(Announced { job, document }),
                _ => None,
            },
        )
    }

    fn withdraw(&self, job: JobId) {
        self.board.withdraw(job);
        // Where this is not taken, the manager finds it on its board when it looks at the disk.
        let _ = self.job_manager.try_send(job_manager::Withdrawn);
    }

    fn offer(&self, offer: Offer) {
        // Where this is not taken the document is spooled first, as most are.
        let _ = self.job_manager.try_send(job_manager::Offered(offer));
    }

    fn submit(
        &self,
        announced: Option<JobId>,
        request: JobRequest,
        documents: Vec<Handed>,
        key: Option<KeyClaim>,
    ) -> Answer<Accepted> {
        let files: Vec<DocumentId> = documents.iter().filter_map(file_of).collect();
        let submission = Box::new(Submission { announced, request, documents, key });
        self.ask_jobs(
            files,
            |ticket| Input::Submit(ticket, submission),
            |reply| match reply {
                Reply::Accepted(job) => Some(Accepted { job: *job, novelty: Novelty::New }),
                Reply::Repeated(job) => Some(Accepted { job: *job, novelty: Novelty::Repeated }),
                _ => None,
            },
        )
    }

    fn document_id(&self) -> Answer<DocumentId> {
        self.ask_jobs(Vec::new(), Input::DocumentId, document_reply)
    }

    fn register(&self, submitter: Submitter, document: Handed) -> Answer<DocumentId> {
        let files = file_of(&document).into_iter().collect();
        self.ask_jobs(files, move |ticket| Input::Register(ticket, submitter, document), document_reply)
    }

    fn remove_document(&self, document: DocumentId) -> Answer<()> {
        let take = |reply| matches!(reply, Reply::Done).then_some(());
        self.ask_jobs(Vec::new(), move |ticket| Input::RemoveDocument(ticket, document), take)
    }

    fn command(&self, job: JobId, command: JobCommand) -> Answer<Job> {
        self.ask_jobs(
            Vec::new(),
            move |ticket| Input::Command(ticket, job, command),
            |reply| match reply {
                Reply::Job(job) => Some(*job),
                _ => None,
            },
        )
    }

    fn add_printer(&self, draft: Printer) -> Answer<Arc<Printer>> {
        self.ask_fleet(Wish::Add(Box::new(draft)), |reply| match reply {
            fleet::Reply::Printer(printer) => Some(printer),
            _ => None,
        })
    }

    fn printer_command(&self, name: QueueName, command: PrinterCommand) -> Answer<Option<Arc<Printer>>> {
        self.ask_fleet(Wish::Command(name, command), |reply| match reply {
            fleet::Reply::Printer(printer) => Some(Some(printer)),
            fleet::Reply::Removed => Some(None),
            _ => None,
        })
    }

    fn add_pool(&self, draft: PoolDraft) -> Answer<Arc<Pool>> {
        self.ask_fleet(Wish::AddPool(draft), |reply| match reply {
            fleet::Reply::Pool(pool) => Some(pool),
            _ => None,
        })
    }

    fn pool_command(&self, name: QueueName, command: PoolCommand) -> Answer<Option<Arc<Pool>>> {
        self.ask_fleet(Wish::PoolCommand(name, command), |reply| match reply {
            fleet::Reply::Pool(pool) => Some(Some(pool)),
            fleet::Reply::Removed => Some(None),
            _ => None,
        })
    }

    fn keep_setting(&self, name: String, value: Vec<u8>) -> Answer<()> {
        self.commit(Commit { settings: vec![(name, value)], ..Commit::default() })
    }

    fn unset(&self, names: Vec<String>) -> Answer<()> {
        self.commit(Commit { unset: names, ..Commit::default() })
    }

    fn wake(&self, name: QueueName) -> Answer<Arc<Printer>> {
        let Some(printer) = self.board.directory().printer(&name).cloned() else {
            return refused(Refusal::NoSuchPrinter(name));
        };
        if printer.mac.or(self.board.live(printer.id).mac).is_none() {
            return refused(Refusal::NoMac(name));
        }
        self.board.wake_up(printer.id);
        Box::pin(futures_util::future::ready(Ok(printer)))
    }

    fn test_page(&self, name: QueueName, submitter: Submitter) -> Answer<Accepted> {
        let body = Bytes::from(format!(
            "spool test page\n\nprinter: {name}\nserver:  {}\nby:      {}\n\nIf you can read this, it works.\n\x0c",
            self.board.directory().server,
            submitter.user
        ));
        let page = Handed::Inline {
            name: "test page".to_owned(),
            format: Format::Text,
            crc: crc32c::crc32c(&body),
            body,
        };
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

fn file_of(handed: &Handed) -> Option<DocumentId> {
    match handed {
        Handed::File { id, .. } => Some(*id),
        Handed::Inline { .. } | Handed::Registered(_) => None,
    }
}

fn document_reply(reply: Reply) -> Option<DocumentId> {
    match reply {
        Reply::Document(document) => Some(document),
        _ => None,
    }
}
