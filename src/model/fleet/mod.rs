//! What the device manager decides: which printers and pools there are, and whose traffic manager runs.
//!
//! One request at a time; what it changes becomes true when its commit is durable, and not before.

mod command;
mod pools;
mod provision;
mod queues;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::commit::{Commit, CommitError};
use super::directory::Directory;
use super::id::{PrinterId, QueueId, QueueName};
use super::intake::Refusal;
use super::pool::{Pool, PoolDraft, PoolPolicy};
use super::printer::Printer;
use super::traffic::Beginning;

pub use provision::{Complaint, Wanted};
pub use queues::{Change, Fate, Numbers, Queues};

/// A request under way; the shell knows who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The most printers one server keeps.
pub const PRINTERS_MAX: usize = 100_000;
/// How many changes one commit brings at most: a commit is bounded, a configuration is not.
const CHANGES_EACH: usize = 16;

/// What an administrator may do with a printer.
#[derive(Clone, Debug, PartialEq)]
pub enum PrinterCommand {
    Pause,
    Resume,
    Accept,
    Reject,
    Remove,
    /// Replaces everything that can be set; number, name and origin stay.
    Set(Box<Printer>),
}

/// What an administrator may do with a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolCommand {
    Accept,
    Reject,
    Remove,
    /// What is `None` stays.
    Set {
        members: Option<Vec<QueueName>>,
        policy: Option<PoolPolicy>,
    },
}

/// What the device manager is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The draft's number is ignored.
    Add(Ticket, Box<Printer>),
    Command(Ticket, QueueName, PrinterCommand),
    AddPool(Ticket, PoolDraft),
    PoolCommand(Ticket, QueueName, PoolCommand),
    /// The configuration, at the start and whenever it was read again.
    Provision(Ticket, Box<Wanted>),
    Committed(Ticket),
    CommitFailed(Ticket, CommitError),
    /// A traffic manager has ended without being asked.
    TrafficDied(PrinterId),
    Stop,
}

/// What the device manager wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Answered by `Committed` or `CommitFailed`.
    Commit {
        ticket: Ticket,
        commit: Box<Commit>,
    },
    StartTraffic(Arc<Printer>, Beginning),
    StopTraffic(PrinterId),
    /// The settings of a running printer have changed.
    TellTraffic(Arc<Printer>),
    /// Others may serve this queue now.
    Wake(QueueId),
    /// The directory has changed.
    Publish(Arc<Directory>),
    Reply(Ticket, Result<Reply, Refusal>),
}

/// How a request ended well.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Printer(Arc<Printer>),
    Pool(Arc<Pool>),
    Removed,
    Provisioned(Provisioned),
}

/// What provisioning came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    pub fates: Vec<Fate>,
    pub complaints: Vec<Complaint>,
}

/// The decisions about printers and pools.
#[derive(Debug)]
pub struct Fleet {
    queues: Queues,
    /// The default that the configuration names.
    default: Option<QueueName>,
    server: String,
    underway: Option<Underway>,
    stopping: Stopping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    Yes,
}

/// A request whose changes are on their way to the disk.
#[derive(Debug)]
struct Underway {
    ticket: Ticket,
    /// What becomes true with the commit that is under way.
    part: Vec<Change>,
    goal: Goal,
}

#[derive(Debug)]
enum Goal {
    Reply(Reply),
    Provision(Box<Provisioning>),
}

/// A configuration that is being applied, commit by commit.
#[derive(Debug)]
struct Provisioning {
    wanted: Wanted,
    /// Queues that the store would not let go: they have jobs.
    busy: BTreeSet<QueueId>,
    rest: VecDeque<Vec<Change>>,
    told: Provisioned,
}

impl Fleet {
    /// `queues` as the store has them. Nothing is provisioned yet.
    pub fn new(queues: Queues, server: String) -> Fleet {
        Fleet { queues, default: None, server, underway: None, stopping: Stopping::No }
    }

    /// Everything that runs at the start.
    pub fn begin(&self) -> Vec<Effect> {
        let start = |printer: &Arc<Printer>| Effect::StartTraffic(printer.clone(), Beginning::ServerStart);
        let publish = Effect::Publish(self.directory());
        std::iter::once(publish).chain(self.queues.printers.values().map(start)).collect()
    }

    /// The default is what the configuration names; else the only printer there is, if there is just one.
    pub fn directory(&self) -> Arc<Directory> {
        let mut printers: Vec<Arc<Printer>> = self.queues.printers.values().cloned().collect();
        printers.sort_by(|a, b| a.name.cmp(&b.name));
        let mut pools: Vec<Arc<Pool>> = self.queues.pools.values().cloned().collect();
        pools.sort_by(|a, b| a.name.cmp(&b.name));
        let default = self.default.clone().or_else(|| match (&printers[..], &pools[..]) {
            ([only], []) => Some(only.name.clone()),
            _ => None,
        });
        Arc::new(Directory { printers, pools, default, server: self.server.clone() })
    }

    /// Whether a request is under way; the next one waits.
    pub fn is_busy(&self) -> bool {
        self.underway.is_some()
    }

    pub fn step(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Add(ticket, draft) => self.decide(ticket, |fleet| fleet.add(*draft)),
            Input::Command(ticket, name, command) => {
                self.decide(ticket, |fleet| fleet.command(&name, command))
            }
            Input::AddPool(ticket, draft) => self.decide(ticket, |fleet| fleet.add_pool(draft)),
            Input::PoolCommand(ticket, name, command) => {
                self.decide(ticket, |fleet| fleet.pool_command(&name, command))
            }
            Input::Provision(ticket, wanted) => self.provision(ticket, *wanted),
            Input::Committed(ticket) => self.committed(ticket),
            Input::CommitFailed(ticket, error) => self.failed(ticket, &error),
            Input::TrafficDied(id) => match (self.queues.printers.get(&id), self.stopping) {
                (Some(printer), Stopping::No) => {
                    vec![Effect::StartTraffic(printer.clone(), Beginning::ManagerPanic)]
                }
                _ => Vec::new(),
            },
            Input::Stop => {
                self.stopping = Stopping::Yes;
                self.queues.printers.keys().map(|id| Effect::StopTraffic(*id)).collect()
            }
        }
    }

    /// A request becomes a change and the answer that follows it, or a refusal.
    fn decide(&mut self, ticket: Ticket, decide: impl FnOnce(&mut Fleet) -> Decided) -> Vec<Effect> {
        let refusal = match (self.stopping, &self.underway) {
            (Stopping::Yes, _) => Some(Refusal::Stopping),
            // The shell asks for one thing at a time.
            (Stopping::No, Some(_)) => Some(Refusal::Busy { retry_after: std::time::Duration::from_secs(1) }),
            (Stopping::No, None) => None,
        };
        let decided = refusal.map_or_else(|| decide(self), Err);
        match decided {
            Ok((None, reply)) => vec![Effect::Reply(ticket, Ok(reply))],
            Ok((Some(change), reply)) => self.write(ticket, vec![change], Goal::Reply(reply)),
            Err(refusal) => vec![Effect::Reply(ticket, Err(refusal))],
        }
    }

    fn write(&mut self, ticket: Ticket, part: Vec<Change>, goal: Goal) -> Vec<Effect> {
        let commit = Box::new(self.queues.commit(&part));
        self.underway = Some(Underway { ticket, part, goal });
        vec![Effect::Commit { ticket, commit }]
    }

    fn provision(&mut self, ticket: Ticket, wanted: Wanted) -> Vec<Effect> {
        if self.stopping == Stopping::Yes {
            return vec![Effect::Reply(ticket, Err(Refusal::Stopping))];
        }
        let (busy, rest, told) = (BTreeSet::new(), VecDeque::new(), Provisioned::default());
        self.plan(ticket, Box::new(Provisioning { wanted, busy, rest, told }))
    }

    /// Finds out what is left to do for a configuration, and begins.
    fn plan(&mut self, ticket: Ticket, mut provisioning: Box<Provisioning>) -> Vec<Effect> {
        let plan = provision::plan(&mut self.queues, &provisioning.wanted, &provisioning.busy);
        provisioning.rest = plan.changes.chunks(CHANGES_EACH).map(<[Change]>::to_vec).collect();
        provisioning.told.complaints = plan.complaints;
        self.next_part(ticket, provisioning)
    }

    fn next_part(&mut self, ticket: Ticket, mut provisioning: Box<Provisioning>) -> Vec<Effect> {
        if let Some(part) = provisioning.rest.pop_front() {
            return self.write(ticket, part, Goal::Provision(provisioning));
        }
        self.default = provisioning.wanted.default;
        let reply = Reply::Provisioned(provisioning.told);
        vec![Effect::Publish(self.directory()), Effect::Reply(ticket, Ok(reply))]
    }

    /// What was decided is durable: now it is so.
    fn committed(&mut self, ticket: Ticket) -> Vec<Effect> {
        let Some(Underway { part, goal, .. }) = self.underway.take_if(|underway| underway.ticket == ticket)
        else {
            return Vec::new();
        };
        let (mut fates, mut follow) = (Vec::new(), Vec::new());
        for change in part {
            let (fate, effect) = self.queues.apply(change);
            fates.extend(fate);
            follow.extend(effect);
        }
        // The directory first: who is woken or started reads it.
        let mut fx = vec![Effect::Publish(self.directory())];
        fx.extend(follow);
        match goal {
            Goal::Reply(reply) => fx.push(Effect::Reply(ticket, Ok(reply))),
            Goal::Provision(mut provisioning) => {
                provisioning.told.fates.extend(fates);
                fx.extend(self.next_part(ticket, provisioning));
            }
        }
        fx
    }

    /// The store did not take it: everything is as before.
    fn failed(&mut self, ticket: Ticket, error: &CommitError) -> Vec<Effect> {
        let Some(Underway { goal, .. }) = self.underway.take_if(|underway| underway.ticket == ticket) else {
            return Vec::new();
        };
        if let (Goal::Provision(mut provisioning), CommitError::HasJobs { queue, .. }) = (goal, error)
            && provisioning.busy.insert(*queue)
        {
            // It has jobs: it stays and prints them.
            return self.plan(ticket, provisioning);
        }
        let refusal = match error {
            CommitError::HasJobs { queue, jobs } => match self.queues.name(*queue) {
                Some(name) => Refusal::HasJobs { name: name.clone(), jobs: *jobs },
                None => Refusal::Store(error.to_string()),
            },
            error => Refusal::Store(error.to_string()),
        };
        vec![Effect::Reply(ticket, Err(refusal))]
    }
}

/// What a request changes, if anything, and how it is answered then.
type Decided = Result<(Option<Change>, Reply), Refusal>;
