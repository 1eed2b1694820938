//! The device manager: keeps the printers, and a traffic manager for each. A shell round [`Fleet`].

mod reroute;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use self::reroute::Rerouting;
use super::board::{Board, Notices, TrafficHandle};
use super::traffic_manager::{self, Lane, TrafficManager};
use crate::clock::Clock;
use crate::config::MAILBOX;
use crate::model::commit::CommitError;
use crate::model::fleet::{Effect, Fleet, Input, PoolCommand, PrinterCommand, Reply, Ticket, Wanted};
use crate::model::id::{PrinterId, QueueName};
use crate::model::intake::Refusal;
use crate::model::pool::PoolDraft;
use crate::model::printer::Printer;
use crate::model::traffic::Beginning;
use crate::store::SharedStore;

/// How often it is looked whether every traffic manager lives. actix tells nobody when one has panicked.
const LOOK_EVERY: Duration = Duration::from_millis(250);

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
enum Stopping {
    No,
    Yes,
}

struct Running {
    address: Addr<TrafficManager>,
    /// What has to outlive a panic of the manager.
    lane: Arc<Lane>,
    ends: Ends,
    /// What its mailbox has not taken yet, in order; told again at each look.
    owed: VecDeque<Order>,
}

/// What a running traffic manager has to be told without fail.
enum Order {
    Settings(Arc<Printer>),
    Stop,
    Park,
}

impl Running {
    fn tell(&mut self, order: Order) {
        // Newer settings stand for older ones.
        if matches!(order, Order::Settings(_)) {
            self.owed.retain(|owed| !matches!(owed, Order::Settings(_)));
        }
        self.owed.push_back(order);
        self.pay();
    }

    fn pay(&mut self) {
        while let Some(order) = self.owed.front() {
            let sent = match order {
                Order::Settings(printer) => {
                    self.address.try_send(traffic_manager::Settings(printer.clone())).map_err(drop)
                }
                Order::Stop => self.address.try_send(traffic_manager::Stop).map_err(drop),
                Order::Park => self.address.try_send(traffic_manager::Park).map_err(drop),
            };
            if sent.is_err() {
                return;
            }
            self.owed.pop_front();
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// Its end would be a failure.
    Never,
    /// It was asked to end.
    Asked,
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

/// The time for finishing is over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ParkAll;

impl DeviceManager {
    pub fn new(parts: Parts, fleet: Fleet) -> DeviceManager {
        DeviceManager {
            parts,
            fleet,
            running: HashMap::new(),
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
                Effect::StopTraffic(printer) => self.stop(printer),
                Effect::TellTraffic(printer) => self.tell(printer),
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

    fn start(&mut self, printer: Arc<Printer>, beginning: Beginning) {
        // A printer whose commit was under way when the end began: nobody would stop its manager.
        if self.stopping == Stopping::Yes {
            return;
        }
        let id = printer.id;
        let lane = self.running.get(&id).map(|old| old.lane.clone()).unwrap_or_default();
        let notices = Arc::<Notices>::default();
        let begin = traffic_manager::Begin {
            parts: self.parts.traffic.clone(),
            printer,
            beginning,
            lane: lane.clone(),
            notices: notices.clone(),
        };
        let address = TrafficManager::new(begin).start();
        self.parts.board.set_traffic(id, Some(TrafficHandle { address: address.clone(), notices }));
        self.running.insert(id, Running { address, lane, ends: Ends::Never, owed: VecDeque::new() });
    }

    fn stop(&mut self, printer: PrinterId) {
        if let Some(running) = self.running.get_mut(&printer) {
            running.ends = Ends::Asked;
            running.tell(Order::Stop);
        }
    }

    fn tell(&mut self, printer: Arc<Printer>) {
        if let Some(running) = self.running.get_mut(&printer.id) {
            running.tell(Order::Settings(printer));
        }
    }

    fn take_requests(&mut self, ctx: &mut Context<Self>) {
        while !self.fleet.is_busy()
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

    /// Buries those that have ended: asked for, or by a panic.
    fn look(&mut self, ctx: &mut Context<Self>) {
        self.running.values_mut().for_each(Running::pay);
        let ended: Vec<(PrinterId, Ends)> = self
            .running
            .iter()
            .filter(|(_, running)| !running.address.connected())
            .map(|(id, running)| (*id, running.ends))
            .collect();
        for (id, ends) in ended {
            match ends {
                Ends::Asked => {
                    self.running.remove(&id);
                    self.parts.board.set_traffic(id, None);
                }
                Ends::Never => {
                    log::error!(printer = id.0; "the printer's traffic manager failed and is made anew");
                    self.traffic_failed(id);
                    self.step(Input::TrafficDied(id), ctx);
                }
            }
        }
        if self.running.is_empty()
            && let Some(done) = self.stopped.take()
        {
            let _ = done.send(());
        }
    }
}

impl Actor for DeviceManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        let effects = self.fleet.begin();
        self.run(effects, ctx);
        ctx.run_interval(LOOK_EVERY, Self::look);
        Self::begin_rerouting(ctx);
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
        rest.map(|(id, _)| *id).collect::<Vec<_>>().into_iter().for_each(|id| self.stop(id));
        self.look(ctx);
    }
}

impl Handler<ParkAll> for DeviceManager {
    type Result = ();

    fn handle(&mut self, _: ParkAll, _: &mut Self::Context) {
        self.running.values_mut().for_each(|running| running.tell(Order::Park));
    }
}
