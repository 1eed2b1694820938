//! The door through which every server (HTTP, later IPP and others) reaches the core: one handle with the
//! requests there are. It waits for answers; the actors behind it never wait for one another.

use std::sync::Arc;
use std::time::Duration;

use crate::model::description::Description;
use crate::model::directory::Directory;
use crate::model::event::Subject;
pub use crate::model::fleet::{PoolCommand, PrinterCommand};
use crate::model::id::{DocumentId, JobId, PrinterId, QueueId, QueueName};
use crate::model::intake::{Handed, JobCommand, JobRequest, KeyClaim, Refusal};
use crate::model::job::{Job, Submitter};
use crate::model::pool::choice::{Member, expected_wait};
use crate::model::pool::{Pool, PoolDraft};
use crate::model::printer::{Printer, PrinterLive};
use crate::model::stream::Offer;
use crate::model::time::{MonoTime, WallTime};
use crate::store::SharedStore;

/// A job that was accepted, now or before under the same key.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub job: Job,
    pub novelty: Novelty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    New,
    /// The same request came before; nothing is printed twice.
    Repeated,
}

/// A job that was announced: visible as held, «incoming», and in memory only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    pub job: JobId,
    /// The number under which its body is to be written.
    pub document: DocumentId,
}

/// A thread that works, as `GET /api/v1/workers` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRow {
    pub name: String,
    pub job: Option<JobId>,
    pub printer: Option<QueueName>,
    /// `connecting`, `sending`, `awaiting-word`, `idle`…
    pub stage: &'static str,
    pub bytes: u64,
    pub last_beat: WallTime,
    pub generation: u64,
}

/// What happened that is not in the store.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    pub subject: Subject,
}

/// The requests there are. Every future ends: with an answer, or with `Busy`, `Stopping` or `Store`.
pub trait Core: Send + Sync {
    fn store(&self) -> &SharedStore;
    fn directory(&self) -> Arc<Directory>;
    fn printer_live(&self, printer: PrinterId) -> PrinterLive;
    /// What the printer's device last said of itself, where it has words for that and was reached.
    fn description(&self, printer: PrinterId) -> Option<Arc<Description>>;
    /// Somebody looks at the printer: its device is asked anew what it is and has, if that is some time ago. The
    /// answer is an event.
    fn look_at(&self, printer: PrinterId);
    fn workers(&self) -> Vec<WorkerRow>;
    /// A printer as its mates see it.
    fn member(&self, printer: &Arc<Printer>) -> Member {
        let id = printer.id;
        Member {
            printer: printer.clone(),
            live: self.printer_live(id),
            description: self.description(id),
            queued_bytes: self.store().counts(QueueId::Printer(id)).bytes,
        }
    }
    /// The printers that print from a queue.
    fn members(&self, queue: QueueId) -> Vec<Member> {
        let directory = self.directory();
        let ids = match queue {
            QueueId::Printer(id) => vec![id],
            QueueId::Pool(id) => directory
                .pools
                .iter()
                .filter(|pool| pool.id == id)
                .flat_map(|pool| pool.members.clone())
                .collect(),
        };
        ids.into_iter()
            .filter_map(|id| directory.printer_by_id(id))
            .map(|printer| self.member(printer))
            .collect()
    }
    /// How long all that waits in a queue takes, as far as is known.
    fn expected_wait(&self, queue: QueueId, now: MonoTime) -> Option<Duration> {
        let shared = match queue {
            QueueId::Printer(_) => 0,
            QueueId::Pool(_) => self.store().counts(queue).bytes,
        };
        expected_wait(&self.members(queue), shared, now)
    }
    /// Jobs that are arriving: announced, not accepted.
    fn incoming(&self) -> Vec<Job>;
    fn live_events(&self) -> tokio::sync::broadcast::Receiver<LiveEvent>;
    /// Whether new work is taken: `Err` with `Stopping`, `DiskFull` or `QueueFull` where it is not. Cheap;
    /// asked before a body is read.
    fn admits(&self) -> Result<(), Refusal>;

    fn announce(&self, request: JobRequest) -> Answer<Announced>;
    fn withdraw(&self, job: JobId);
    /// The document of an announced job is large and still arrives: its printer may send it meanwhile.
    fn offer(&self, offer: Offer);
    /// Accepts a job; Ok means on disk. `announced` is the number it was announced under.
    fn submit(
        &self,
        announced: Option<JobId>,
        request: JobRequest,
        documents: Vec<Handed>,
        key: Option<KeyClaim>,
    ) -> Answer<Accepted>;
    /// A number for a document that is written before it is registered.
    fn document_id(&self) -> Answer<DocumentId>;
    fn register(&self, submitter: Submitter, document: Handed) -> Answer<DocumentId>;
    fn remove_document(&self, document: DocumentId) -> Answer<()>;
    fn command(&self, job: JobId, command: JobCommand) -> Answer<Job>;
    /// `draft.id` is ignored: the printer gets a number of its own.
    fn add_printer(&self, draft: Printer) -> Answer<Arc<Printer>>;
    /// The printer as it is afterwards; `None` where it was removed.
    fn printer_command(&self, name: QueueName, command: PrinterCommand) -> Answer<Option<Arc<Printer>>>;
    /// Sends the printer a wake-up call over the network, whether it has work or not.
    fn wake(&self, name: QueueName) -> Answer<Arc<Printer>>;
    fn add_pool(&self, draft: PoolDraft) -> Answer<Arc<Pool>>;
    /// The pool as it is afterwards; `None` where it was removed.
    fn pool_command(&self, name: QueueName, command: PoolCommand) -> Answer<Option<Arc<Pool>>>;
    /// Remembers a small named value of a server's own; Ok means on disk. Values of one name that are handed in one
    /// after the other take effect in that order.
    fn keep_setting(&self, name: String, value: Vec<u8>) -> Answer<()>;
    /// Forgets such values.
    fn unset(&self, names: Vec<String>) -> Answer<()>;
    /// A test page goes through the queue like any job.
    fn test_page(&self, name: QueueName, submitter: Submitter) -> Answer<Accepted>;
}

/// A request under way.
pub type Answer<T> = futures_util::future::BoxFuture<'static, Result<T, Refusal>>;
