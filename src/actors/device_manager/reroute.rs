//! Moves jobs that are addressed to printers which have been of no use for too long.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::{DeviceManager, Stopping};
use crate::actors::board::Board;
use crate::clock::Clock;
use crate::model::id::{PrinterId, QueueId};
use crate::model::job::Job;
use crate::model::pool::choice::Member;
use crate::model::printer::{Activity, Printer};
use crate::model::reroute::{BATCH_MAX, Route, is_due, moves, route};
use crate::store::SharedStore;

/// How often it is looked whether the grace of a printer is over.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// So many batches of one printer are looked at in a row; the rest at the next look.
const BATCHES_MAX: usize = 32;
/// What is remembered of printers whose jobs may have to move.
#[derive(Default)]
pub(super) struct Rerouting {
    /// Printers whose jobs are being moved.
    under_way: BTreeSet<PrinterId>,
}

impl DeviceManager {
    pub(super) fn begin_rerouting(ctx: &mut Context<Self>) {
        ctx.run_interval(LOOK_EVERY, Self::look_for_jobs_to_move);
    }

    fn look_for_jobs_to_move(&mut self, ctx: &mut Context<Self>) {
        if self.stopping == Stopping::Yes {
            return;
        }
        let (directory, now) = (self.parts.board.directory(), self.parts.clock.now().mono);
        let suspects: BTreeSet<PrinterId> = self.parts.board.not_ready().into_iter().collect();
        for printer in directory.printers.iter().filter(|printer| suspects.contains(&printer.id)) {
            let own = QueueId::Printer(printer.id);
            let waits = self.parts.store.counts(own).jobs > 0;
            if !waits || self.rerouting.under_way.contains(&printer.id) {
                continue;
            }
            let failing = self.as_it_is(printer);
            if !is_due(&failing, self.parts.grace, now) {
                continue;
            }
            let member = |printer: &Arc<Printer>| self.as_it_is(printer);
            if let Some(route) = route(printer, &directory, member, now) {
                self.move_jobs(printer, route, failing.live.activity, ctx);
            }
        }
    }

    /// A printer as its mates see it.
    fn as_it_is(&self, printer: &Arc<Printer>) -> Member {
        let (board, id) = (&self.parts.board, printer.id);
        let queued_bytes = self.parts.store.counts(QueueId::Printer(id)).bytes;
        Member {
            printer: printer.clone(),
            live: board.live(id),
            description: board.description(id),
            queued_bytes,
        }
    }

    fn move_jobs(&mut self, printer: &Printer, route: Route, because: Activity, ctx: &mut Context<Self>) {
        let id = printer.id;
        self.rerouting.under_way.insert(id);
        let (store, board, clock) = (self.parts.store.clone(), self.parts.board.clone(), self.parts.clock);
        let moving = move_all(store, board, clock, id, route, because);
        ctx.spawn(moving.into_actor(self).map(move |(), act, _| {
            act.rerouting.under_way.remove(&id);
        }));
    }
}

/// Moves what waits in the printer's own queue, batch by batch. A batch in which somebody else has changed a job
/// meanwhile stays, and is looked at again with the next look.
async fn move_all(
    store: SharedStore,
    board: Arc<Board>,
    clock: Clock,
    from: PrinterId,
    route: Route,
    because: Activity,
) {
    let mut after = None;
    for _ in 0..BATCHES_MAX {
        let jobs = match store.head(vec![QueueId::Printer(from)], after, BATCH_MAX).await {
            Ok(jobs) => jobs,
            Err(error) => return log::error!(printer = from.0, error:%; "jobs to be moved cannot be read"),
        };
        after = jobs.last().and_then(Job::order);
        if let Some(commit) = moves(&jobs, &route, &because, clock.now()) {
            let moved: Vec<u32> = commit.jobs.iter().map(|job| job.id.0).collect();
            match store.commit(commit).await {
                Ok(_) => {
                    board.wake(route.to);
                    for job in moved {
                        log::warn!(job, to = route.name.as_str(), why = because.sentence().as_str(); "rerouted");
                    }
                }
                Err(error) => {
                    log::warn!(printer = from.0, error:%; "jobs could not be moved; it is tried again")
                }
            }
        }
        if jobs.len() < BATCH_MAX {
            return;
        }
    }
}
