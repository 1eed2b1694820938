//! The printers and pools there are, and how they change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Effect;
use crate::model::commit::{Commit, Remove};
use crate::model::id::{PoolId, PrinterId, QueueId, QueueName};
use crate::model::pool::Pool;
use crate::model::printer::{Origin, Printer};
use crate::model::traffic::Beginning;

/// The first numbers never given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    pub printer: u32,
    pub pool: u32,
}

impl Numbers {
    /// The settings that hold them, each as four bytes, the highest first.
    pub const PRINTERS_SETTING: &'static str = "printer-numbers";
    pub const POOLS_SETTING: &'static str = "pool-numbers";
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers { printer: 1, pool: 1 }
    }
}

/// Everything that jobs can be addressed to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queues {
    pub(super) printers: BTreeMap<PrinterId, Arc<Printer>>,
    pub(super) pools: BTreeMap<PoolId, Arc<Pool>>,
    pub(super) numbers: Numbers,
}

/// One change of a printer or pool.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Printer(Arc<Printer>),
    Pool(Arc<Pool>),
    RemovePrinter(PrinterId),
    RemovePool(PoolId),
}

/// What became of a printer or pool, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    pub kind: &'static str,
    pub name: QueueName,
    pub what: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Added,
    Changed,
    Removed,
    /// It is no longer in the file and still has jobs.
    Orphaned,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fate { kind, name, what } = self;
        match what {
            Turn::Added => write!(f, "{kind} {name} was added"),
            Turn::Changed => write!(f, "{kind} {name} was changed"),
            Turn::Removed => write!(f, "{kind} {name} was removed"),
            Turn::Orphaned => write!(
                f,
                "{kind} {name} is no longer in the configuration but has jobs: it prints them and takes no new ones"
            ),
        }
    }
}

impl Queues {
    pub fn new(printers: Vec<Printer>, pools: Vec<Pool>, numbers: Numbers) -> Queues {
        Queues {
            printers: printers.into_iter().map(|printer| (printer.id, Arc::new(printer))).collect(),
            pools: pools.into_iter().map(|pool| (pool.id, Arc::new(pool))).collect(),
            numbers,
        }
    }

    pub(super) fn printer(&self, name: &QueueName) -> Option<&Arc<Printer>> {
        self.printers.values().find(|printer| printer.name == *name)
    }

    pub(super) fn pool(&self, name: &QueueName) -> Option<&Arc<Pool>> {
        self.pools.values().find(|pool| pool.name == *name)
    }

    pub(super) fn name(&self, queue: QueueId) -> Option<&QueueName> {
        match queue {
            QueueId::Printer(id) => self.printers.get(&id).map(|printer| &printer.name),
            QueueId::Pool(id) => self.pools.get(&id).map(|pool| &pool.name),
        }
    }

    /// A number that no printer has had. It is given once, even if its printer is never stored.
    pub(super) fn take_printer_id(&mut self) -> PrinterId {
        self.numbers.printer += 1;
        PrinterId(self.numbers.printer - 1)
    }

    pub(super) fn take_pool_id(&mut self) -> PoolId {
        self.numbers.pool += 1;
        PoolId(self.numbers.pool - 1)
    }

    /// What makes these changes durable, with the numbers that they use.
    pub(super) fn commit(&self, changes: &[Change]) -> Commit {
        let mut commit = Commit::default();
        let mut number = |name: &str, next: u32| {
            let setting = (name.to_owned(), next.to_be_bytes().to_vec());
            if !commit.settings.contains(&setting) {
                commit.settings.push(setting);
            }
        };
        for change in changes {
            match change {
                Change::Printer(printer) if !self.printers.contains_key(&printer.id) => {
                    number(Numbers::PRINTERS_SETTING, self.numbers.printer);
                }
                Change::Pool(pool) if !self.pools.contains_key(&pool.id) => {
                    number(Numbers::POOLS_SETTING, self.numbers.pool);
                }
                _ => {}
            }
        }
        for change in changes {
            match change {
                Change::Printer(printer) => commit.printers.push((**printer).clone()),
                Change::Pool(pool) => commit.pools.push((**pool).clone()),
                Change::RemovePrinter(id) => commit.remove.push(Remove::Printer(*id)),
                Change::RemovePool(id) => commit.remove.push(Remove::Pool(*id)),
            }
        }
        commit
    }

    /// Makes a change that is durable, and says what follows from it.
    pub(super) fn apply(&mut self, change: Change) -> (Option<Fate>, Option<Effect>) {
        let turn = |old: Option<Origin>, new: Origin| match old {
            None => Turn::Added,
            Some(Origin::File) if new != Origin::File => Turn::Orphaned,
            Some(_) => Turn::Changed,
        };
        let fate = |kind, name: &QueueName, what| Some(Fate { kind, name: name.clone(), what });
        match change {
            Change::Printer(new) => {
                let old = self.printers.insert(new.id, new.clone());
                let what = turn(old.as_ref().map(|old| old.origin), new.origin);
                let effect = match old {
                    Some(_) => Effect::TellTraffic(new.clone()),
                    None => Effect::StartTraffic(new.clone(), Beginning::ServerStart),
                };
                (fate("printer", &new.name, what), Some(effect))
            }
            Change::Pool(new) => {
                let old = self.pools.insert(new.id, new.clone());
                let what = turn(old.map(|old| old.origin), new.origin);
                (fate("pool", &new.name, what), Some(Effect::Wake(QueueId::Pool(new.id))))
            }
            Change::RemovePrinter(id) => {
                let old = self.printers.remove(&id);
                let fate = old.and_then(|old| fate("printer", &old.name, Turn::Removed));
                (fate, Some(Effect::StopTraffic(id)))
            }
            Change::RemovePool(id) => {
                let old = self.pools.remove(&id);
                (old.and_then(|old| fate("pool", &old.name, Turn::Removed)), None)
            }
        }
    }
}
