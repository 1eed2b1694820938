//! The job manager: registers every job, whatever door it comes through, and carries out what users want
//! done with them. A shell round [`Intake`]; it holds nothing that the store does not have, but jobs that
//! are still arriving.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::board::Board;
use super::doorstep::Begun;
use crate::clock::Clock;
use crate::config::MAILBOX;
use crate::failpoint;
use crate::model::commit::{Commit, CommitError};
use crate::model::directory::Directory;
use crate::model::id::QueueId;
use crate::model::intake::Refusal;
use crate::model::intake::messages::{Disk, Effect, Input, Reply, Rules, Ticket};
use crate::model::intake::numbers::Reserved;
use crate::model::intake::step::Intake;
use crate::model::stream::Offer;
use crate::store::documents::Documents;
use crate::store::{Committing, SharedStore};

/// How often the free space of the disk and the board are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a job manager is made from. A new one is made from the same.
#[derive(Clone)]
pub struct Parts {
    pub store: SharedStore,
    pub documents: Documents,
    pub board: Arc<Board>,
    pub clock: Clock,
    pub rules: Rules,
    /// The end of the numbers that former lives may have given.
    pub reserved: Reserved,
    /// The end of the block that this life begins with, durable as well.
    pub block: Reserved,
}

pub struct JobManager {
    parts: Parts,
    intake: Intake,
    replies: HashMap<Ticket, Waiting>,
    last_ticket: u64,
    /// What the intake decides by.
    directory: Arc<Directory>,
    disk: Disk,
    look: Look,
}

/// Whether the free space of the disk is being looked at. A disk that does not answer is not asked again
/// meanwhile: each question holds a thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    None,
    Underway,
}

/// Somebody who waits for an answer, and the place that this takes at the door.
struct Waiting {
    reply: oneshot::Sender<Result<Reply, Refusal>>,
    _permit: OwnedSemaphorePermit,
}

/// A request from the front door. `request` makes the input out of its ticket.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Request {
    pub request: Box<dyn FnOnce(Ticket) -> Input + Send>,
    pub reply: oneshot::Sender<Result<Reply, Refusal>>,
    pub permit: OwnedSemaphorePermit,
}

/// Announced jobs whose documents do not come are on the board.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Withdrawn;

/// A large document arrives that might be sent meanwhile.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Offered(pub Offer);

/// The configuration was read again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tune(pub Rules);

/// No new work is taken from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopIntake;

impl JobManager {
    pub fn new(parts: Parts) -> JobManager {
        let directory = parts.board.directory();
        let intake = Intake::new(parts.rules, parts.reserved, directory.clone()).with_block(parts.block);
        let (replies, disk, look) = (HashMap::new(), Disk::Room, Look::None);
        JobManager { parts, intake, replies, last_ticket: 0, directory, disk, look }
    }

    fn step(&mut self, input: Input, ctx: &mut Context<Self>) {
        let directory = self.parts.board.directory();
        if !Arc::ptr_eq(&directory, &self.directory) {
            self.directory = directory.clone();
            let effects = self.intake.step(Input::Directory(directory), self.parts.clock.now());
            self.run(effects, ctx);
        }
        let effects = self.intake.step(input, self.parts.clock.now());
        self.run(effects, ctx);
    }

    fn run(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::ReadKey(ticket, user, key) => self.read_key(ticket, &user, &key, ctx),
                Effect::ReadJob(ticket, job) => {
                    let read = self.parts.store.job(job);
                    self.later(ctx, read, move |result| match result {
                        Ok(job) => Input::JobRead(ticket, job.map(Box::new)),
                        Err(error) => Input::ReadFailed(ticket, error.to_string()),
                    });
                }
                Effect::ReadDocuments(ticket, ids) => self.read_documents(ticket, ids, ctx),
                Effect::Commit { ticket, commit, then } => self.commit(ticket, *commit, then, ctx),
                Effect::Reply(ticket, reply) => {
                    if let Some(waiting) = self.replies.remove(&ticket) {
                        // Who no longer waits has gone away; the answer stands in the store.
                        let _ = waiting.reply.send(reply);
                    }
                }
                Effect::Wake(queue) => self.parts.board.wake(queue),
                Effect::CancelAt(printer, job) => {
                    failpoint::hit("cancel-before-tell");
                    self.parts.board.cancel_at(printer, job);
                }
                Effect::Offer(printer, job, document) => self.parts.board.offer(printer, job, document),
                Effect::Discard(document) => self.parts.documents.discard(document),
                Effect::Incoming => {
                    self.parts.board.publish_incoming(self.intake.incoming().cloned().collect());
                }
            }
        }
    }

    fn commit(&mut self, ticket: Ticket, commit: Commit, then: Vec<Effect>, ctx: &mut Context<Self>) {
        failpoint::hit("accept-before-commit");
        let (committed, then) = self.hand_in(commit, then);
        ctx.spawn(committed.into_actor(self).map(move |result, act, ctx| match result {
            Ok(_) => {
                failpoint::hit("accept-before-answer");
                // First it ceases to be listed as arriving: who has the answer must not see it so.
                act.step(Input::Committed(ticket), ctx);
                act.run(then, ctx);
                act.parts.board.publish_admission(act.intake.admits());
            }
            Err(error) => {
                if !matches!(error, CommitError::Changed(_) | CommitError::DuplicateKey(_)) {
                    log::error!(error:%; "a commit failed");
                }
                act.step(Input::CommitFailed(ticket, error), ctx);
            }
        }));
    }

    /// Hands a commit in. Where it brings work to a printer that invites, the attempt comes right behind it, and nobody
    /// needs to be woken for it.
    fn hand_in(&self, commit: Commit, mut then: Vec<Effect>) -> (Committing, Vec<Effect>) {
        let Parts { store, board, clock, .. } = &self.parts;
        let for_printer = then.iter().position(|effect| matches!(effect, Effect::Wake(QueueId::Printer(_))));
        if let Some(at) = for_printer
            && let Effect::Wake(QueueId::Printer(printer)) = then[at]
        {
            let begun = board.begin(printer, |invitation| {
                let (job, attempt) = invitation.attempt(&commit, &self.directory, clock.now())?;
                let [accepted, committing] = store.commit_both(commit.clone(), attempt.clone());
                Some((accepted, Begun { job, attempt, committing }))
            });
            if let Some(accepted) = begun {
                then.remove(at);
                return (accepted, then);
            }
        }
        (store.commit(commit), then)
    }

    fn read_key(&mut self, ticket: Ticket, user: &str, key: &str, ctx: &mut Context<Self>) {
        let read = self.parts.store.key(user, key, self.parts.clock.now().wall);
        self.later(ctx, read, move |result| match result {
            Ok(record) => Input::KeyRead(ticket, record.map(|record| (record.job, record.fingerprint))),
            Err(error) => Input::ReadFailed(ticket, error.to_string()),
        });
    }

    fn read_documents(
        &mut self,
        ticket: Ticket,
        ids: Vec<crate::model::id::DocumentId>,
        ctx: &mut Context<Self>,
    ) {
        let reads =
            futures_util::future::try_join_all(ids.into_iter().map(|id| self.parts.store.document(id)));
        self.later(ctx, reads, move |result| match result {
            Ok(found) => Input::DocumentsRead(ticket, found.into_iter().flatten().collect()),
            Err(error) => Input::ReadFailed(ticket, error.to_string()),
        });
    }

    /// Steps with what a future brings, when it brings it.
    fn later<F>(
        &mut self,
        ctx: &mut Context<Self>,
        future: F,
        input: impl FnOnce(F::Output) -> Input + 'static,
    ) where
        F: Future + 'static,
    {
        ctx.spawn(future.into_actor(self).map(move |result, act, ctx| act.step(input(result), ctx)));
    }

    /// The intake decides by how much is queued and free right now.
    fn refresh_load(&mut self, ctx: &mut Context<Self>) {
        self.step(Input::Load(self.parts.store.counts_total(), self.disk), ctx);
        self.parts.board.publish_admission(self.intake.admits());
    }

    fn take_withdrawn(&mut self, ctx: &mut Context<Self>) {
        for job in self.parts.board.take_withdrawn() {
            self.step(Input::Withdraw(job), ctx);
        }
    }

    fn look_around(&mut self, ctx: &mut Context<Self>) {
        self.take_withdrawn(ctx);
        self.refresh_load(ctx);
        if self.look == Look::None {
            self.look_at_disk(ctx);
        }
    }

    fn look_at_disk(&mut self, ctx: &mut Context<Self>) {
        self.look = Look::Underway;
        let (documents, least) = (self.parts.documents.clone(), self.parts.rules.free_disk_min);
        let look = actix_rt::task::spawn_blocking(move || documents.free_bytes().map(|free| free >= least));
        ctx.spawn(look.into_actor(self).map(|room, act, ctx| {
            act.look = Look::None;
            match room {
                Ok(Ok(true)) => act.disk = Disk::Room,
                Ok(Ok(false)) => act.disk = Disk::Full,
                Ok(Err(error)) => log::warn!(error:%; "the free space of the disk cannot be read"),
                Err(error) => log::warn!(error:%; "the free space of the disk was not read"),
            }
            act.refresh_load(ctx);
        }));
    }
}

impl Actor for JobManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        // Until there has been a first input nothing is taken.
        self.look_around(ctx);
        ctx.run_interval(LOOK_EVERY, Self::look_around);
    }
}

impl Handler<Request> for JobManager {
    type Result = ();

    fn handle(&mut self, msg: Request, ctx: &mut Self::Context) {
        failpoint::hit("job-manager-request");
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.replies.insert(ticket, Waiting { reply: msg.reply, _permit: msg.permit });
        self.refresh_load(ctx);
        self.step((msg.request)(ticket), ctx);
    }
}

impl Handler<Withdrawn> for JobManager {
    type Result = ();

    fn handle(&mut self, _: Withdrawn, ctx: &mut Self::Context) {
        self.take_withdrawn(ctx);
    }
}

impl Handler<Offered> for JobManager {
    type Result = ();

    fn handle(&mut self, msg: Offered, ctx: &mut Self::Context) {
        self.step(Input::Offer(msg.0), ctx);
    }
}

impl Handler<Tune> for JobManager {
    type Result = ();

    fn handle(&mut self, msg: Tune, ctx: &mut Self::Context) {
        self.parts.rules = msg.0;
        self.step(Input::Rules(msg.0), ctx);
        self.look_around(ctx);
    }
}

impl Handler<StopIntake> for JobManager {
    type Result = ();

    fn handle(&mut self, _: StopIntake, ctx: &mut Self::Context) {
        self.step(Input::Stop, ctx);
        self.parts.board.publish_admission(self.intake.admits());
    }
}
