//! The device manager: keeps the printers, and a traffic manager for each. A shell round [`Fleet`].

mod lives;
mod reroute;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::stream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use self::lives::{Ends, Order, Running};
use self::reroute::Rerouting;
use super::board::Board;
use super::traffic_manager::{self, Lane, Left, Life};
use crate::clock::Clock;
use crate::config::MAILBOX;
use crate::device::Surroundings;
use crate::model::commit::CommitError;
use crate::model::fleet::{Effect, Fleet, Input, PoolCommand, PrinterCommand, Reply, Ticket, Wanted};
use crate::model::id::{PrinterId, QueueName};
use crate::model::intake::Refusal;
use crate::model::pool::PoolDraft;
use crate::model::printer::Printer;
use crate::model::revival::Revivals;
use crate::model::traffic::Rules;
use crate::store::SharedStore;

/// What a device manager is made from.
#[derive(Clone)]
pub struct Parts {
    pub store: SharedStore,
    pub board: Arc<Board>,
    pub clock: Clock,
    pub traffic: Arc<traffic_manager::Parts>,
    /// How long a printer that is not ready keeps its jobs (`retry.grace`).
    pub grace: Duration,
}

pub struct DeviceManager {
    parts: Parts,
    fleet: Fleet,
    running: HashMap<PrinterId, Running>,
    /// What has to outlive a panic of a traffic manager.
    lanes: HashMap<PrinterId, Arc<Lane>>,
    revivals: Revivals,
    /// What the store has at the printers, for the traffic managers of the start.
    left: HashMap<PrinterId, Left>,
    lives: u64,
    /// Where the lives of traffic managers are told to have ended.
    ended: UnboundedSender<Life>,
    endings: Option<UnboundedReceiver<Life>>,
    phase: Phase,
    replies: HashMap<Ticket, Waiting>,
    last_ticket: u64,
    /// Requests that come while another one's changes are being committed; each has a place at the door, which bounds them.
    waiting: VecDeque<Request>,
    rerouting: Rerouting,
    stopping: Stopping,
    /// Told when the last traffic manager has stopped.
    stopped: Option<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// What the store has at the printers is being read; requests wait.
    Reading,
    Begun,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    Yes,
}

struct Waiting {
    reply: oneshot::Sender<Result<Reply, Refusal>>,
    _permit: OwnedSemaphorePermit,
}

/// A request from the front door.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Request {
    pub wish: Wish,
    pub reply: oneshot::Sender<Result<Reply, Refusal>>,
    pub permit: OwnedSemaphorePermit,
}

pub enum Wish {
    Add(Box<Printer>),
    Command(QueueName, PrinterCommand),
    AddPool(PoolDraft),
    PoolCommand(QueueName, PoolCommand),
    Provision(Box<Wanted>),
}

/// Every traffic manager lets what is being sent finish and ends; then `done` is told.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopAll {
    pub done: oneshot::Sender<()>,
}

/// The configuration was read again: these rules and surroundings hold for all printers.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tune {
    pub rules: Rules,
    /// `retry.grace`.
    pub grace: Duration,
    pub surroundings: Surroundings,
}

/// The time for finishing is over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ParkAll;

impl DeviceManager {
    pub fn new(parts: Parts, fleet: Fleet) -> DeviceManager {
        let (ended, endings) = unbounded_channel();
        DeviceManager {
            parts,
            fleet,
            running: HashMap::new(),
            lanes: HashMap::new(),
            revivals: Revivals::default(),
            left: HashMap::new(),
            lives: 0,
            ended,
            endings: Some(endings),
            phase: Phase::Reading,
            replies: HashMap::new(),
            last_ticket: 0,
            waiting: VecDeque::new(),
            rerouting: Rerouting::default(),
            stopping: Stopping::No,
            stopped: None,
        }
    }

    fn step(&mut self, input: Input, ctx: &mut Context<Self>) {
        let effects = self.fleet.step(input);
        self.run(effects, ctx);
    }

    fn run(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::Commit { ticket, commit } => {
                    let committed = self.parts.store.commit(*commit);
                    ctx.spawn(committed.into_actor(self).map(move |result, act, ctx| {
                        let input = match result {
                            Ok(_) => Input::Committed(ticket),
                            Err(error) => {
                                if !matches!(error, CommitError::HasJobs { .. }) {
                                    log::error!(error:%; "a change of the printers could not be stored");
                                }
                                Input::CommitFailed(ticket, error)
                            }
                        };
                        act.step(input, ctx);
                        act.take_requests(ctx);
                    }));
                }
                Effect::StartTraffic(printer, beginning) => self.start(printer, beginning),
                Effect::StopTraffic(printer) => self.stop(printer, ctx),
                Effect::TellTraffic(printer) => self.tell(printer.id, Order::Settings(printer), ctx),
                Effect::Wake(queue) => self.parts.board.wake(queue),
                Effect::Publish(directory) => self.parts.board.publish_directory(directory),
                Effect::Reply(ticket, reply) => {
                    if let Some(waiting) = self.replies.remove(&ticket) {
                        let _ = waiting.reply.send(reply);
                    }
                }
            }
        }
    }

    fn take_requests(&mut self, ctx: &mut Context<Self>) {
        while self.phase == Phase::Begun
            && !self.fleet.is_busy()
            && let Some(request) = self.waiting.pop_front()
        {
            self.take_request(request, ctx);
        }
    }

    fn take_request(&mut self, request: Request, ctx: &mut Context<Self>) {
        let Request { wish, reply, permit } = request;
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.replies.insert(ticket, Waiting { reply, _permit: permit });
        let input = match wish {
            Wish::Add(draft) => Input::Add(ticket, draft),
            Wish::Command(name, command) => Input::Command(ticket, name, command),
            Wish::AddPool(draft) => Input::AddPool(ticket, draft),
            Wish::PoolCommand(name, command) => Input::PoolCommand(ticket, name, command),
            Wish::Provision(wanted) => Input::Provision(ticket, wanted),
        };
        self.step(input, ctx);
    }
}

impl Actor for DeviceManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if let Some(endings) = self.endings.take() {
            let next = |mut endings: UnboundedReceiver<Life>| async {
                endings.recv().await.map(|life| (life, endings))
            };
            ctx.add_stream(stream::unfold(endings, next));
        }
        self.read_what_is_left(ctx);
        Self::begin_rerouting(ctx);
    }
}

impl StreamHandler<Life> for DeviceManager {
    fn handle(&mut self, life: Life, ctx: &mut Self::Context) {
        self.bury(life, ctx);
    }
}

impl Handler<Request> for DeviceManager {
    type Result = ();

    fn handle(&mut self, msg: Request, ctx: &mut Self::Context) {
        self.waiting.push_back(msg);
        self.take_requests(ctx);
    }
}

impl Handler<StopAll> for DeviceManager {
    type Result = ();

    fn handle(&mut self, msg: StopAll, ctx: &mut Self::Context) {
        self.stopped = Some(msg.done);
        self.stopping = Stopping::Yes;
        self.step(Input::Stop, ctx);
        // Also those of printers that are just being removed: their commit may fail.
        let rest = self.running.iter().filter(|(_, running)| running.ends == Ends::Never);
        rest.map(|(id, _)| *id).collect::<Vec<_>>().into_iter().for_each(|id| self.stop(id, ctx));
        self.tell_stopped();
    }
}

impl Handler<Tune> for DeviceManager {
    type Result = ();

    fn handle(&mut self, msg: Tune, ctx: &mut Self::Context) {
        let Tune { rules, grace, surroundings } = msg;
        self.parts.grace = grace;
        let parts = traffic_manager::Parts { rules, surroundings, ..(*self.parts.traffic).clone() };
        self.parts.traffic = Arc::new(parts);
        for printer in self.running.keys().copied().collect::<Vec<_>>() {
            self.tell(printer, Order::Tuned(self.parts.traffic.clone()), ctx);
        }
    }
}

impl Handler<ParkAll> for DeviceManager {
    type Result = ();

    fn handle(&mut self, _: ParkAll, ctx: &mut Self::Context) {
        let printers: Vec<PrinterId> = self.running.keys().copied().collect();
        printers.into_iter().for_each(|printer| self.tell(printer, Order::Park, ctx));
    }
}
