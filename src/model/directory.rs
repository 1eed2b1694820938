//! What there is to print to.

use std::sync::Arc;

use super::id::{PoolId, PrinterId, QueueId, QueueName};
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
        let printer = self.printer(name).map(|printer| QueueId::Printer(printer.id));
        printer.or_else(|| self.pool(name).map(|pool| QueueId::Pool(pool.id)))
    }

    pub fn printer(&self, name: &QueueName) -> Option<&Arc<Printer>> {
        self.printers.iter().find(|printer| printer.name == *name)
    }

    pub fn printer_by_id(&self, id: PrinterId) -> Option<&Arc<Printer>> {
        self.printers.iter().find(|printer| printer.id == id)
    }

    pub fn pool(&self, name: &QueueName) -> Option<&Arc<Pool>> {
        self.pools.iter().find(|pool| pool.name == *name)
    }

    pub fn pool_by_id(&self, id: PoolId) -> Option<&Arc<Pool>> {
        self.pools.iter().find(|pool| pool.id == id)
    }

    /// Whether a queue takes new jobs.
    pub fn accepts(&self, queue: QueueId) -> bool {
        match queue {
            QueueId::Printer(id) => self.printer_by_id(id).is_some_and(|printer| printer.accepting),
            QueueId::Pool(id) => self.pool_by_id(id).is_some_and(|pool| pool.accepting),
        }
    }

    /// The printers of a pool, in its order.
    pub fn members<'d>(&'d self, pool: &'d Pool) -> impl Iterator<Item = &'d Arc<Printer>> {
        pool.members.iter().filter_map(|member| self.printer_by_id(*member))
    }

    /// The pools that a printer belongs to.
    pub fn pools_of(&self, printer: PrinterId) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.iter().filter(move |pool| pool.members.contains(&printer))
    }
}
