//! The printers and pools of the configuration, brought into those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::queues::{Change, Queues};
use crate::model::id::{PoolId, PrinterId, QueueId, QueueName};
use crate::model::pool::{Pool, PoolDraft};
use crate::model::printer::{Origin, Printer, Reroute};

/// The built-in printer's name.
const BUILT_IN: &str = "files";

/// What the configuration names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Their numbers are ignored.
    pub printers: Vec<Printer>,
    pub pools: Vec<PoolDraft>,
    pub default: Option<QueueName>,
    /// Where the built-in printer writes, which stands in where nobody names a printer.
    pub files_uri: String,
}

/// What of a configuration could not be had, for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// The name belongs to something that was added over HTTP, or that has jobs and stays.
    NameTaken {
        kind: &'static str,
        name: QueueName,
    },
    UnknownMember {
        pool: QueueName,
        member: QueueName,
    },
    NoMembers {
        pool: QueueName,
    },
    UnknownDefault(QueueName),
    UnknownReroute {
        printer: QueueName,
        queue: QueueName,
    },
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Complaint::NameTaken { kind, name } => write!(
                f,
                "{kind} {name} of the configuration is left out: something else has its name; rename one of them"
            ),
            Complaint::UnknownMember { pool, member } => {
                write!(f, "pool {pool} goes without its member {member}: there is no such printer")
            }
            Complaint::NoMembers { pool } => {
                write!(f, "pool {pool} has no members: its jobs wait until it has, or until they are moved")
            }
            Complaint::UnknownDefault(name) => {
                write!(
                    f,
                    "server.default: no printer or pool is named {name}; jobs without a queue are refused"
                )
            }
            Complaint::UnknownReroute { printer, queue } => {
                write!(f, "printer {printer}: reroute: no printer or pool is named {queue}; its jobs stay")
            }
        }
    }
}

/// What is to be done, in an order that keeps everything whole between any two of the changes.
pub(super) struct Plan {
    pub changes: Vec<Change>,
    pub complaints: Vec<Complaint>,
}

/// Brings the queues in line with the file's. A printer or pool keeps its number, and whether it is paused
/// or takes jobs, as long as its name stays. One that is gone from the file goes; where it has jobs
/// (`busy`), it stays without being the file's, and takes no new ones.
pub(super) fn plan(queues: &mut Queues, wanted: &Wanted, busy: &BTreeSet<QueueId>) -> Plan {
    let leaving = leaving_pools(queues, wanted, busy);
    let mut complaints = Vec::new();
    let (printers, gone) = printers(queues, wanted, busy, &leaving, &mut complaints);
    let pools = pools(queues, wanted, &printers, &leaving, &mut complaints);
    look_up_names(wanted, &printers, &pools, &mut complaints);
    let new_printer = |new: &Arc<Printer>| queues.printers.get(&new.id) != Some(new);
    let new_pool = |new: &Arc<Pool>| queues.pools.get(&new.id) != Some(new);
    let mut changes: Vec<Change> = leaving.into_iter().map(Change::RemovePool).collect();
    changes.extend(printers.into_values().filter(new_printer).map(Change::Printer));
    changes.extend(pools.into_iter().filter(new_pool).map(Change::Pool));
    changes.extend(gone.into_iter().map(Change::RemovePrinter));
    Plan { changes, complaints }
}

fn leaving_pools(queues: &Queues, wanted: &Wanted, busy: &BTreeSet<QueueId>) -> BTreeSet<PoolId> {
    let wanted: BTreeSet<&QueueName> = wanted.pools.iter().map(|pool| &pool.name).collect();
    let leaves = |pool: &&Arc<Pool>| {
        pool.origin == Origin::File && !wanted.contains(&pool.name) && !busy.contains(&QueueId::Pool(pool.id))
    };
    queues.pools.values().filter(leaves).map(|pool| pool.id).collect()
}

/// The printers that there are to be, by name, and those that go.
fn printers(
    queues: &mut Queues,
    wanted: &Wanted,
    busy: &BTreeSet<QueueId>,
    leaving: &BTreeSet<PoolId>,
    complaints: &mut Vec<Complaint>,
) -> (BTreeMap<QueueName, Arc<Printer>>, Vec<PrinterId>) {
    let staying = queues.pools.values().filter(|pool| !leaving.contains(&pool.id));
    let taken: BTreeSet<QueueName> = staying.map(|pool| pool.name.clone()).collect();
    let stored = queues.printers.values().map(|printer| (printer.name.clone(), printer.clone()));
    let mut stored: BTreeMap<QueueName, Arc<Printer>> = stored.collect();
    let mut printers = BTreeMap::new();
    for wanted in &wanted.printers {
        let name = wanted.name.clone();
        if taken.contains(&name) {
            complaints.push(Complaint::NameTaken { kind: "printer", name });
            continue;
        }
        let mut new = Printer { origin: Origin::File, ..wanted.clone() };
        match stored.remove(&name) {
            Some(old) => {
                (new.id, new.paused) = (old.id, old.paused);
                new.accepting = accepts_again(old.origin, old.accepting);
            }
            None => new.id = queues.take_printer_id(),
        }
        printers.insert(name, Arc::new(new));
    }
    let mut gone = Vec::new();
    for (name, old) in stored {
        match old.origin {
            Origin::Api | Origin::BuiltIn => {
                printers.insert(name, old);
            }
            Origin::File if busy.contains(&QueueId::Printer(old.id)) => {
                let new = Printer { origin: Origin::Api, accepting: false, ..(*old).clone() };
                printers.insert(name, Arc::new(new));
            }
            Origin::File => gone.push(old.id),
        }
    }
    if printers.is_empty()
        && let Ok(name) = QueueName::new(BUILT_IN)
        && !taken.contains(&name)
    {
        let id = queues.take_printer_id();
        let mut files = Printer::new(id, name.clone(), wanted.files_uri.clone(), Origin::BuiltIn);
        files.info = "writes what it prints into files".to_owned();
        printers.insert(name, Arc::new(files));
    }
    (printers, gone)
}

/// What comes into the file that was not in it begins to take jobs: it may have left the file once, and
/// have stopped then.
fn accepts_again(origin: Origin, accepting: bool) -> bool {
    accepting || origin != Origin::File
}

/// The pools that there are to be.
fn pools(
    queues: &mut Queues,
    wanted: &Wanted,
    printers: &BTreeMap<QueueName, Arc<Printer>>,
    leaving: &BTreeSet<PoolId>,
    complaints: &mut Vec<Complaint>,
) -> Vec<Arc<Pool>> {
    let stored = queues.pools.values().filter(|pool| !leaving.contains(&pool.id));
    let mut stored: BTreeMap<QueueName, Arc<Pool>> =
        stored.map(|pool| (pool.name.clone(), pool.clone())).collect();
    let mut pools = Vec::new();
    for PoolDraft { name, members, policy } in &wanted.pools {
        if printers.contains_key(name) {
            complaints.push(Complaint::NameTaken { kind: "pool", name: name.clone() });
            continue;
        }
        let mut known = Vec::with_capacity(members.len());
        for member in members {
            match printers.get(member) {
                Some(printer) => known.push(printer.id),
                None => {
                    let (pool, member) = (name.clone(), member.clone());
                    complaints.push(Complaint::UnknownMember { pool, member });
                }
            }
        }
        let old = stored.remove(name);
        let accepting = old.as_ref().is_none_or(|old| accepts_again(old.origin, old.accepting));
        let id = old.map_or_else(|| queues.take_pool_id(), |old| old.id);
        let (name, policy) = (name.clone(), *policy);
        pools.push(Pool { id, name, members: known, policy, origin: Origin::File, accepting });
    }
    let names: BTreeMap<PrinterId, &QueueName> =
        printers.values().map(|printer| (printer.id, &printer.name)).collect();
    for old in stored.into_values() {
        let mut new = (*old).clone();
        new.members.retain(|member| names.contains_key(member));
        for member in old.members.iter().filter(|member| !names.contains_key(member)) {
            if let Some(member) = queues.name(QueueId::Printer(*member)).cloned() {
                complaints.push(Complaint::UnknownMember { pool: old.name.clone(), member });
            }
        }
        // It has jobs, else it would leave.
        if old.origin == Origin::File {
            (new.origin, new.accepting) = (Origin::Api, false);
        }
        pools.push(new);
    }
    let empty = pools.iter().filter(|pool| pool.members.is_empty());
    complaints.extend(empty.map(|pool| Complaint::NoMembers { pool: pool.name.clone() }));
    pools.into_iter().map(Arc::new).collect()
}

/// Says which names in the configuration stand for nothing.
fn look_up_names(
    wanted: &Wanted,
    printers: &BTreeMap<QueueName, Arc<Printer>>,
    pools: &[Arc<Pool>],
    complaints: &mut Vec<Complaint>,
) {
    let pools: BTreeSet<&QueueName> = pools.iter().map(|pool| &pool.name).collect();
    let unknown = |name: &&QueueName| !printers.contains_key(*name) && !pools.contains(*name);
    if let Some(name) = wanted.default.as_ref().filter(unknown) {
        complaints.push(Complaint::UnknownDefault(name.clone()));
    }
    for printer in &wanted.printers {
        if let Reroute::To(queue) = &printer.reroute
            && unknown(&queue)
        {
            let (printer, queue) = (printer.name.clone(), queue.clone());
            complaints.push(Complaint::UnknownReroute { printer, queue });
        }
    }
}
