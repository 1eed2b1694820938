//! What administrators may do with pools.

use std::sync::Arc;

use super::{Change, Decided, Fleet, PoolCommand, Reply};
use crate::model::id::{PrinterId, QueueName};
use crate::model::intake::Refusal;
use crate::model::pool::{MEMBERS_MAX, POOLS_MAX, Pool, PoolDraft};
use crate::model::printer::Origin;

impl Fleet {
    pub(super) fn add_pool(&mut self, draft: PoolDraft) -> Decided {
        let PoolDraft { name, members, policy } = draft;
        self.free_name(&name)?;
        let members = self.members(&members)?;
        if self.queues.pools.len() >= POOLS_MAX {
            return Err(bad("name", format!("there are {POOLS_MAX} pools already, which is the limit")));
        }
        let id = self.queues.take_pool_id();
        Ok(put(Pool { id, name, members, policy, origin: Origin::Api, accepting: true }))
    }

    pub(super) fn pool_command(&mut self, name: &QueueName, command: PoolCommand) -> Decided {
        let old = self.queues.pool(name).ok_or_else(|| Refusal::NoSuchPool(name.clone()))?;
        let mut new = (**old).clone();
        match command {
            PoolCommand::Accept => new.accepting = true,
            PoolCommand::Reject => new.accepting = false,
            PoolCommand::Remove | PoolCommand::Set { .. } if old.origin == Origin::File => {
                return Err(Refusal::ReadOnly(name.clone()));
            }
            // Whether it has jobs the store knows, which refuses then.
            PoolCommand::Remove => return Ok((Some(Change::RemovePool(old.id)), Reply::Removed)),
            PoolCommand::Set { members, policy } => {
                if let Some(members) = members {
                    new.members = self.members(&members)?;
                }
                new.policy = policy.unwrap_or(new.policy);
            }
        }
        if new == **old {
            return Ok((None, Reply::Pool(old.clone())));
        }
        Ok(put(new))
    }

    /// The numbers of printers that are there, each named once.
    fn members(&self, names: &[QueueName]) -> Result<Vec<PrinterId>, Refusal> {
        if names.is_empty() {
            return Err(bad("members", "expected at least one printer".to_owned()));
        }
        if names.len() > MEMBERS_MAX {
            return Err(bad("members", format!("expected at most {MEMBERS_MAX} printers")));
        }
        let mut members = Vec::with_capacity(names.len());
        for name in names {
            let printer = self.queues.printer(name);
            let id = printer.ok_or_else(|| Refusal::UnknownPrinter(name.clone()))?.id;
            if members.contains(&id) {
                return Err(bad("members", format!("{name} is named twice")));
            }
            members.push(id);
        }
        Ok(members)
    }
}

fn bad(key: &str, why: String) -> Refusal {
    Refusal::BadPool { key: key.to_owned(), why }
}

fn put(pool: Pool) -> (Option<Change>, Reply) {
    let pool = Arc::new(pool);
    (Some(Change::Pool(pool.clone())), Reply::Pool(pool))
}
