//! The job manager's decisions, as one step over what happened.
//!
//! A request is a ticket. Reads that it needs are asked for by effects and come back under the ticket;
//! nothing is answered before what the answer promises is durable.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::messages::{Disk, Effect, Input, Reply, Rules, Submission, Ticket};
use super::numbers::{self, Numbers, Reserved};
use super::{Handed, JobCommand, Refusal};
use crate::model::commit::{Commit, CommitError};
use crate::model::directory::Directory;
use crate::model::document::Document;
use crate::model::event::{Entry, Source};
use crate::model::id::{DocumentId, JobId, QueueId};
use crate::model::job::{Interruption, Job};
use crate::model::queue::QueueCounts;
use crate::model::time::Now;

/// How often a command is decided anew because the job changed under it.
pub const TRIES_MAX: u32 = 16;

/// The decisions about jobs that come in and what users do with them.
#[derive(Debug)]
pub struct Intake {
    pub(super) rules: Rules,
    pub(super) numbers: Numbers,
    pub(super) directory: Arc<Directory>,
    pub(super) queued: QueueCounts,
    pub(super) disk: Disk,
    /// Announced, in memory only.
    pub(super) incoming: BTreeMap<JobId, Job>,
    /// Those that a printer may have registered, until that is decided; and why they end, if their documents do
    /// not come.
    pub(super) offered: BTreeMap<JobId, Interruption>,
    pub(super) pending: BTreeMap<Ticket, Pending>,
    /// Keys whose first request is under way, and who waits for it.
    pub(super) keys: HashMap<KeySlot, Vec<Ticket>>,
    /// Jobs being accepted that were not announced: in no other count yet.
    pub(super) accepting: u64,
    pub(super) stopping: bool,
    /// The store has just refused more numbers: the next input asks again, not this one, or a store that
    /// cannot write would be asked without a pause.
    reserve_failed: bool,
}

/// Requests that wait for something.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// For the key's record.
    Key(Box<Submission>),
    /// For another request under the same key.
    Parked(Box<Submission>),
    /// For the documents it names.
    Documents(Box<Submission>),
    Accepting(Box<Accepting>),
    /// For the record of a job that its printer has registered.
    Registered(Box<Accepting>),
    /// For the record of a job whose document does not come, and its end.
    Interrupting {
        job: JobId,
        why: Interruption,
        tries: u32,
    },
    /// For the key's record, which another request wrote first.
    KeyAgain(KeySlot, [u8; 32]),
    /// For the job that it repeats.
    Repeating(KeySlot, JobId),
    Command {
        job: JobId,
        command: JobCommand,
        tries: u32,
    },
    /// For the documents of a finished job that is to be printed once more.
    Restart(Box<Job>, u32),
    Registering(Option<DocumentId>),
    /// For the document that is to be removed.
    Removing(DocumentId),
    Removed,
    Reserving(Reserved),
}

/// A job whose commit is under way.
#[derive(Clone, Debug)]
pub(super) struct Accepting {
    pub job: JobId,
    pub queue: QueueId,
    pub announced: Announced,
    pub key: Option<(KeySlot, [u8; 32])>,
    /// Files that it brings.
    pub files: Vec<DocumentId>,
    /// What its printer may have registered already, where it was offered to one; and how often that was looked at.
    pub registered: Option<Box<Commit>>,
    pub tries: u32,
}

/// Whether a job was announced before it was submitted, and is counted as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    Yes,
    No,
}

/// A user's key.
pub(super) type KeySlot = (String, String);

impl Intake {
    /// `reserved` is the end of the numbers as the store has it.
    pub fn new(rules: Rules, reserved: Reserved, directory: Arc<Directory>) -> Intake {
        Intake {
            rules,
            numbers: Numbers::new(reserved),
            directory,
            queued: QueueCounts::default(),
            disk: Disk::Room,
            incoming: BTreeMap::new(),
            offered: BTreeMap::new(),
            pending: BTreeMap::new(),
            keys: HashMap::new(),
            accepting: 0,
            stopping: false,
            reserve_failed: false,
        }
    }

    /// The numbers up to `end` are durable already, so the first request need not wait for them.
    pub fn with_block(mut self, end: Reserved) -> Intake {
        self.numbers.reserved(end);
        self
    }

    /// Jobs that are arriving.
    pub fn incoming(&self) -> impl Iterator<Item = &Job> {
        self.incoming.values()
    }

    pub fn step(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let mut fx = Vec::new();
        match input {
            Input::Announce(ticket, request) => self.announce(ticket, *request, now, &mut fx),
            Input::Withdraw(job) => self.withdraw(job, &mut fx),
            Input::Offer(offer) => self.offer(offer, &mut fx),
            Input::Submit(ticket, submission) => self.submit(ticket, submission, now, &mut fx),
            Input::Register(ticket, submitter, handed) => {
                self.register(ticket, submitter, handed, now, &mut fx);
            }
            Input::RemoveDocument(ticket, id) => {
                self.pending.insert(ticket, Pending::Removing(id));
                fx.push(Effect::ReadDocuments(ticket, vec![id]));
            }
            Input::DocumentId(ticket) => {
                let reply = self.numbers.document().map(Reply::Document).ok_or_else(out_of_numbers);
                fx.push(Effect::Reply(ticket, reply));
            }
            Input::Command(ticket, job, command) => {
                self.pending.insert(ticket, Pending::Command { job, command, tries: 0 });
                fx.push(Effect::ReadJob(ticket, job));
            }
            Input::KeyRead(ticket, record) => self.on_key_read(ticket, record, now, &mut fx),
            Input::JobRead(ticket, job) => self.on_job_read(ticket, job, now, &mut fx),
            Input::DocumentsRead(ticket, documents) => self.on_documents(ticket, documents, now, &mut fx),
            Input::ReadFailed(ticket, why) => self.fail(ticket, Refusal::Store(why), now, &mut fx),
            Input::Committed(ticket) => self.on_committed(ticket, now, &mut fx),
            Input::CommitFailed(ticket, error) => self.on_commit_failed(ticket, error, now, &mut fx),
            Input::Rules(rules) => self.rules = rules,
            Input::Directory(directory) => self.directory = directory,
            Input::Load(queued, disk) => (self.queued, self.disk) = (queued, disk),
            Input::Stop => self.stopping = true,
        }
        if !self.reserve_failed {
            self.reserve(&mut fx);
        }
        self.reserve_failed = false;
        fx
    }

    /// Whether new work is taken now.
    pub fn admits(&self) -> Result<(), Refusal> {
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        if self.disk == Disk::Full {
            return Err(Refusal::DiskFull { free_bytes_min: self.rules.free_disk_min });
        }
        // They are used up where the store cannot write: better said before a body is read.
        if !self.numbers.any() {
            return Err(out_of_numbers());
        }
        let under_way = self.accepting + self.incoming.len() as u64;
        if self.queued.jobs + self.queued.held + under_way >= self.rules.queued_jobs_max {
            let retry_after = Duration::from_secs(10);
            return Err(Refusal::QueueFull { jobs_max: self.rules.queued_jobs_max, retry_after });
        }
        Ok(())
    }

    fn reserve(&mut self, fx: &mut Vec<Effect>) {
        if let Some(end) = self.numbers.reserve() {
            self.pending.insert(RESERVING, Pending::Reserving(end));
            let settings = vec![(numbers::SETTING.to_owned(), end.to_bytes())];
            let commit = Box::new(Commit { settings, ..Commit::default() });
            fx.push(Effect::Commit { ticket: RESERVING, commit, then: Vec::new() });
        }
    }

    fn on_documents(&mut self, ticket: Ticket, found: Vec<Document>, now: Now, fx: &mut Vec<Effect>) {
        match self.pending.remove(&ticket) {
            Some(Pending::Documents(submission)) => self.accept(ticket, submission, &found, now, fx),
            Some(Pending::Restart(job, tries)) => self.restart(ticket, *job, tries, &found, now, fx),
            Some(Pending::Removing(id)) => self.remove_document(ticket, id, &found, fx),
            Some(other) => {
                self.pending.insert(ticket, other);
            }
            None => {}
        }
    }

    fn on_committed(&mut self, ticket: Ticket, now: Now, fx: &mut Vec<Effect>) {
        match self.pending.remove(&ticket) {
            Some(Pending::Accepting(accepting)) => {
                self.queued.jobs += 1;
                self.offered.remove(&accepting.job);
                self.arrived(&accepting, fx);
                if let Some((slot, _)) = accepting.key {
                    self.free_key(&slot, now, fx);
                }
            }
            Some(Pending::Reserving(end)) => self.numbers.reserved(end),
            _ => {}
        }
    }

    fn on_commit_failed(&mut self, ticket: Ticket, error: CommitError, now: Now, fx: &mut Vec<Effect>) {
        let refusal = match &error {
            CommitError::Full => Refusal::DiskFull { free_bytes_min: self.rules.free_disk_min },
            CommitError::InUse(document) => Refusal::DocumentInUse(*document),
            CommitError::NoDocument(document) => Refusal::NoSuchDocument(*document),
            CommitError::NoQueue(name) => Refusal::NoSuchQueue(name.clone()),
            other => Refusal::Store(other.to_string()),
        };
        match (self.pending.remove(&ticket), error) {
            // Where it is not known whether it was written, deciding anew finds that out.
            (
                Some(Pending::Command { job, command, tries }),
                CommitError::Changed(_) | CommitError::Unknown,
            ) if tries < TRIES_MAX => {
                self.pending.insert(ticket, Pending::Command { job, command, tries: tries + 1 });
                fx.push(Effect::ReadJob(ticket, job));
            }
            (Some(Pending::Accepting(accepting)), CommitError::Changed(job))
                if accepting.registered.is_some() && accepting.tries < TRIES_MAX =>
            {
                self.pending.insert(ticket, Pending::Registered(accepting));
                fx.push(Effect::ReadJob(ticket, job));
            }
            (Some(Pending::Interrupting { job, why, tries }), error) => {
                self.not_interrupted(ticket, (job, why, tries), &error, fx);
            }
            (Some(Pending::Accepting(accepting)), error) => {
                self.not_accepted(ticket, *accepting, &error, refusal, now, fx);
            }
            // Whether it is registered is not known: its file stays, and the sweep at the next start decides.
            (Some(Pending::Registering(_)), CommitError::Unknown) => {
                fx.push(Effect::Reply(ticket, Err(refusal)));
            }
            (Some(pending), _) => {
                self.pending.insert(ticket, pending);
                self.fail(ticket, refusal, now, fx);
            }
            (None, _) => {}
        }
    }

    /// A request ends with a refusal; nothing of it stays.
    fn fail(&mut self, ticket: Ticket, refusal: Refusal, now: Now, fx: &mut Vec<Effect>) {
        let slot = match self.pending.remove(&ticket) {
            Some(Pending::Key(submission) | Pending::Documents(submission)) => {
                self.give_up_arrival(&submission, fx);
                slot_of(&submission)
            }
            Some(Pending::Repeating(slot, _) | Pending::KeyAgain(slot, _)) => Some(slot),
            Some(Pending::Registering(file)) => {
                fx.extend(file.map(Effect::Discard));
                None
            }
            Some(Pending::Reserving(_)) => {
                self.numbers.reserve_failed();
                self.reserve_failed = true;
                return;
            }
            Some(Pending::Registered(accepting)) => {
                let error = CommitError::Unavailable(refusal.to_string());
                return self.not_accepted(ticket, *accepting, &error, refusal, now, fx);
            }
            // What waits on is decided by the next start.
            Some(Pending::Interrupting { .. }) => return,
            Some(
                Pending::Parked(_)
                | Pending::Accepting(_)
                | Pending::Command { .. }
                | Pending::Restart(..)
                | Pending::Removing(_)
                | Pending::Removed,
            )
            | None => None,
        };
        fx.push(Effect::Reply(ticket, Err(refusal)));
        if let Some(slot) = slot {
            self.free_key(&slot, now, fx);
        }
    }
}

/// The ticket of the intake's own commits.
const RESERVING: Ticket = Ticket(0);

pub(super) fn out_of_numbers() -> Refusal {
    Refusal::Busy { retry_after: Duration::from_secs(1) }
}

pub(super) fn wrong_state(job: &Job, wish: &'static str) -> Refusal {
    Refusal::WrongState { job: job.id, status: job.status, wish }
}

pub(super) fn slot_of(submission: &Submission) -> Option<KeySlot> {
    claim_of(submission).map(|(slot, _)| slot)
}

/// The key of a request, and what it stands for.
pub(super) fn claim_of(submission: &Submission) -> Option<(KeySlot, [u8; 32])> {
    let claim = submission.key.as_ref()?;
    let slot = (submission.request.submitter.user.clone(), claim.key.clone());
    Some((slot, claim.fingerprint))
}

pub(super) fn files_of(submission: &Submission) -> Vec<DocumentId> {
    submission
        .documents
        .iter()
        .filter_map(|handed| match handed {
            Handed::File { id, .. } => Some(*id),
            Handed::Inline { .. } | Handed::Registered(_) => None,
        })
        .collect()
}

pub(super) fn first_entry(job: &Job) -> Entry {
    Entry {
        job: job.id,
        seq: 1,
        at: job.created_at,
        source: Source::User,
        kind: "accepted".into(),
        from: None,
        to: job.status,
        reason: job.reason.keyword().map(Into::into),
        message: "accepted: job and document are on disk".to_owned(),
        attempt: 0,
        printer: None,
        next_at: None,
    }
}
