//! What a traffic manager hands in to the store, or has handed in for it by its invitation, and the answer.

use actix::prelude::*;
use log::Level;

use super::{Begin, TrafficManager};
use crate::actors::doorstep::Begun;
use crate::failpoint;
use crate::model::commit::{Commit, CommitError};
use crate::model::event::Entry;
use crate::model::id::QueueId;
use crate::model::job::Job;
use crate::model::traffic::Input;
use crate::store::Committing;

/// What follows when a commit is answered.
struct Aftermath {
    told: Vec<Entry>,
    /// Jobs that were changed, where one of them is being sent while it arrives.
    changed: Vec<Job>,
    /// Queues to which jobs go back.
    back: Vec<QueueId>,
}

impl TrafficManager {
    pub(super) fn commit(&mut self, commit: Commit, ctx: &mut Context<Self>) {
        failpoint::hit("traffic-before-commit");
        let aftermath = self.aftermath(&commit);
        let committing = self.begin.parts.store.commit(commit);
        self.hear_of_commit(aftermath, committing, ctx);
    }

    fn aftermath(&self, commit: &Commit) -> Aftermath {
        Aftermath {
            told: commit.timeline.clone(),
            changed: if self.streaming.is_some() { commit.jobs.clone() } else { Vec::new() },
            back: commit.jobs.iter().filter(|job| job.order().is_some()).map(Job::serving_queue).collect(),
        }
    }

    fn hear_of_commit(&mut self, aftermath: Aftermath, committing: Committing, ctx: &mut Context<Self>) {
        let Aftermath { told, changed, back } = aftermath;
        ctx.spawn(committing.into_actor(self).map(move |result, act, ctx| {
            act.wake_mates(&back);
            match result {
                Ok(_) => {
                    for Entry { job, kind, attempt, message, .. } in told {
                        log::info!(job = job.0, printer = act.name(), attempt, why = message.as_str(); "{kind}");
                    }
                    failpoint::hit("traffic-after-commit");
                    act.look_at_streaming(&changed);
                    act.step(Input::Committed, ctx);
                }
                Err(error) => {
                    // That somebody else was faster is the way in which a job of a pool is shared out.
                    let level =
                        if matches!(error, CommitError::Changed(_)) { Level::Debug } else { Level::Warn };
                    log::log!(level, printer = act.name(), error:%; "a commit was not taken");
                    act.step(Input::CommitFailed(error), ctx);
                }
            }
        }));
    }

    /// Withdraws the invitation; what was begun by it comes before everything else.
    pub(super) fn hear_what_was_begun(&mut self, ctx: &mut Context<Self>) {
        let Some(begun) = self.begin.notices.doorstep.clear() else { return };
        let Begun { job, attempt, committing } = *begun;
        let aftermath = self.aftermath(&attempt);
        self.hear_of_commit(aftermath, committing, ctx);
        self.take_in(Input::Begun(Box::new(job)), ctx);
    }

    /// Lets the next job be begun by whoever accepts it, where there is nothing to do.
    pub(super) fn invite(&self) {
        let Begin { parts, notices, .. } = &self.begin;
        if let Some(invitation) = self.traffic.as_ref().and_then(|traffic| traffic.invites(parts.clock.now()))
        {
            notices.doorstep.invite(invitation);
        }
    }
}

/// Nobody begins a job at a printer whose manager is gone, also by a panic. What was begun already, the next one finds.
impl Drop for TrafficManager {
    fn drop(&mut self) {
        drop(self.begin.notices.doorstep.clear());
    }
}
