//! The part of the device manager that moves jobs away from printers which fail: the real decision, and a shell.

use std::sync::Arc;
use std::time::Duration;

use spool::model::id::{Generation, QueueId};
use spool::model::pool::choice::Member;
use spool::model::printer::Printer;
use spool::model::reroute::{BATCH_MAX, is_due, moves, route};
use spool::store::{Store, read};

use crate::disk::Writer;
use crate::world::World;

/// `retry.grace`.
const GRACE: Duration = Duration::from_secs(30);

impl World {
    /// A printer as it has published itself.
    pub fn member(&self, no: usize) -> Option<Member> {
        let manager = self.process.as_ref()?.managers.get(no)?;
        manager.traffic.as_ref()?;
        Some(Member {
            printer: Arc::new(self.devices[no].config.clone()),
            live: manager.live.clone(),
            description: None,
            queued_bytes: self.disk.store.counts(self.queues_of(no)[0]).bytes,
        })
    }

    /// Looks at all printers, as the device manager does every moment.
    pub fn look_for_jobs_to_move(&mut self) {
        if self.process.as_ref().is_none_or(|process| process.stopping) {
            return;
        }
        let (now, directory) = (self.now(), self.directory());
        for no in 0..self.devices.len() {
            let Some(member) = self.member(no).filter(|member| is_due(member, GRACE, now.mono)) else {
                continue;
            };
            let other = |printer: &Arc<Printer>| self.member(printer.id.0 as usize - 1);
            // A mate whose manager is just being made anew is as good as this one, which is of no use.
            let as_it_is = |printer: &Arc<Printer>| other(printer).unwrap_or_else(|| member.clone());
            let Some(route) = route(&member.printer, &directory, as_it_is, now.mono) else { continue };
            let own = [QueueId::Printer(member.printer.id)];
            let jobs = self.disk.store.read(|rows| read::head(rows, &own, None, BATCH_MAX));
            let jobs = jobs.expect("the simulated disk reads");
            if let Some(commit) = moves(&jobs, &route, &member.live.activity, now) {
                self.say(
                    Some(no),
                    Generation(0),
                    None,
                    &format!("{} jobs move to {}", commit.jobs.len(), route.name),
                );
                self.hand_in(Writer::Rerouter, commit, Vec::new());
            }
        }
    }
}
