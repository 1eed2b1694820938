//! What administrators may do with printers.

use std::sync::Arc;

use super::{Change, Decided, Fleet, PRINTERS_MAX, PrinterCommand, Reply};
use crate::model::id::QueueName;
use crate::model::intake::Refusal;
use crate::model::printer::{Origin, Printer};

impl Fleet {
    pub(super) fn add(&mut self, mut draft: Printer) -> Decided {
        self.free_name(&draft.name)?;
        if self.queues.printers.len() >= PRINTERS_MAX {
            let why = format!("there are {PRINTERS_MAX} printers already, which is the limit");
            return Err(Refusal::BadPrinter { key: "name".to_owned(), why });
        }
        draft.id = self.queues.take_printer_id();
        Ok(put(draft))
    }

    /// Printers and pools share their names.
    pub(super) fn free_name(&self, name: &QueueName) -> Result<(), Refusal> {
        match (self.queues.printer(name), self.queues.pool(name)) {
            (None, None) => Ok(()),
            _ => Err(Refusal::NameTaken(name.clone())),
        }
    }

    pub(super) fn command(&mut self, name: &QueueName, command: PrinterCommand) -> Decided {
        let old = self.queues.printer(name).ok_or_else(|| Refusal::NoSuchPrinter(name.clone()))?;
        let mut new = (**old).clone();
        match command {
            PrinterCommand::Pause => new.paused = true,
            PrinterCommand::Resume => new.paused = false,
            PrinterCommand::Accept => new.accepting = true,
            PrinterCommand::Reject => new.accepting = false,
            PrinterCommand::Remove | PrinterCommand::Set(_) if old.origin == Origin::File => {
                return Err(Refusal::ReadOnly(name.clone()));
            }
            PrinterCommand::Remove => return self.remove(old),
            PrinterCommand::Set(wanted) => {
                let Printer { id, name, origin, .. } = new;
                new = Printer { id, name, origin, ..*wanted };
            }
        }
        if new == **old {
            return Ok((None, Reply::Printer(old.clone())));
        }
        Ok(put(new))
    }

    /// Whether it has jobs the store knows, which refuses then.
    fn remove(&self, old: &Printer) -> Decided {
        let pools = self.queues.pools.values().filter(|pool| pool.members.contains(&old.id));
        let pools: Vec<QueueName> = pools.map(|pool| pool.name.clone()).collect();
        if !pools.is_empty() {
            return Err(Refusal::InPools { name: old.name.clone(), pools });
        }
        Ok((Some(Change::RemovePrinter(old.id)), Reply::Removed))
    }
}

fn put(printer: Printer) -> (Option<Change>, Reply) {
    let printer = Arc::new(printer);
    (Some(Change::Printer(printer.clone())), Reply::Printer(printer))
}
