//! What a traffic manager knows of the pools that its printer belongs to, and of its mates in them.

use std::sync::Arc;

use actix::prelude::*;

use super::TrafficManager;
use crate::model::directory::Directory;
use crate::model::id::QueueId;
use crate::model::pool::Pool;
use crate::model::pool::choice::{Member, Shared};
use crate::model::printer::{Printer, PrinterLive};
use crate::model::traffic::Input;

/// The pools of one printer, and the other members of each: found anew where the directory is another.
#[derive(Default)]
pub(super) struct Pools {
    directory: Option<Arc<Directory>>,
    pools: Vec<(Arc<Pool>, Vec<Arc<Printer>>)>,
    told: Told,
}

/// Whether the model has heard of any pool.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Told {
    #[default]
    None,
    Some,
}

impl TrafficManager {
    fn look_up_pools(&mut self) {
        let (directory, id) = (self.begin.parts.board.directory(), self.begin.printer.id);
        if self.pools.directory.as_ref().is_some_and(|known| Arc::ptr_eq(known, &directory)) {
            return;
        }
        let mates = |pool: &Arc<Pool>| {
            let others = pool.members.iter().filter(|member| **member != id);
            others.filter_map(|member| directory.printer_by_id(*member).cloned()).collect()
        };
        let own = directory.pools.iter().filter(|pool| pool.members.contains(&id));
        self.pools.pools = own.map(|pool| (pool.clone(), mates(pool))).collect();
        self.pools.directory = Some(directory);
    }

    /// The queues that the printer serves.
    pub(super) fn queues(&mut self) -> Vec<QueueId> {
        self.look_up_pools();
        let pools = self.pools.pools.iter().map(|(pool, _)| QueueId::Pool(pool.id));
        std::iter::once(QueueId::Printer(self.begin.printer.id)).chain(pools).collect()
    }

    /// Tells the model how the mates are just now, where there are any or it thinks so.
    pub(super) fn tell_pools(&mut self, ctx: &mut Context<Self>) {
        self.look_up_pools();
        if self.pools.pools.is_empty() && self.pools.told == Told::None {
            return;
        }
        self.pools.told = if self.pools.pools.is_empty() { Told::None } else { Told::Some };
        let parts = &self.begin.parts;
        // One whose manager is just being made anew is of no use now.
        let runs = |printer: &&Arc<Printer>| parts.board.traffic(printer.id).is_some();
        let member = |printer: &Arc<Printer>| Member {
            printer: printer.clone(),
            live: parts.board.live(printer.id),
            description: parts.board.description(printer.id),
            queued_bytes: parts.store.counts(QueueId::Printer(printer.id)).bytes,
        };
        let shared = self.pools.pools.iter().map(|(pool, mates)| Shared {
            pool: pool.clone(),
            mates: mates.iter().filter(runs).map(member).collect(),
        });
        let shared = shared.collect();
        self.step(Input::Pools(shared), ctx);
    }

    /// Publishes how the printer is. Where it is of no use any more, its mates look at what they had left to it.
    pub(super) fn publish_live(&mut self, live: PrinterLive) {
        let (board, id) = (&self.begin.parts.board, self.begin.printer.id);
        let fell = live.not_ready_since.is_some() && board.live(id).not_ready_since.is_none();
        board.publish_live(id, live);
        if fell {
            self.wake_all_mates();
        }
    }

    pub(super) fn wake_all_mates(&mut self) {
        let pools: Vec<QueueId> = self.queues().split_off(1);
        self.wake_mates(&pools);
    }

    /// Tells whoever else serves these queues that there may be work.
    pub(super) fn wake_mates(&self, queues: &[QueueId]) {
        for queue in queues {
            self.begin.parts.board.wake_others(*queue, self.begin.printer.id);
        }
    }
}
