//! What there is to print to.

use std::sync::Arc;

use super::id::{PrinterId, QueueId, QueueName};
use super::pool::Pool;
use super::printer::Printer;

/// Every printer and pool, as one snapshot that never changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    pub printers: Vec<Arc<Printer>>,
    pub pools: Vec<Arc<Pool>>,
    /// The queue that is used when none is named.
    pub default: Option<QueueName>,
    /// The name of this server, shown as the one in charge.
    pub server: String,
}

impl Directory {
    pub fn queue(&self, name: &QueueName) -> Option<QueueId> {
        let pool = || self.pools.iter().find(|pool| pool.name == *name);
        let printer = self.printer(name).map(|printer| QueueId::Printer(printer.id));
        printer.or_else(|| pool().map(|pool| QueueId::Pool(pool.id)))
    }

    pub fn printer(&self, name: &QueueName) -> Option<&Arc<Printer>> {
        self.printers.iter().find(|printer| printer.name == *name)
    }

    pub fn printer_by_id(&self, id: PrinterId) -> Option<&Arc<Printer>> {
        self.printers.iter().find(|printer| printer.id == id)
    }
}
