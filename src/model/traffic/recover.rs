//! What becomes of jobs that an earlier life left at the printer.

use super::settle::Ended;
use super::{Asks, AtDevice, Beginning, Effect, Traffic, aborted};
use crate::model::id::Generation;
use crate::model::job::{Interruption, Job, JobStatus, Reason};
use crate::model::outcome::Outcome;
use crate::model::retry::{Broken, Whole};
use crate::model::time::Now;

impl Traffic {
    /// A job whose attempt is recorded and whose end is not: perhaps no byte has left, perhaps all have.
    /// Its print thread is believed, where that has said how it ended; a device that can tell is asked; else it
    /// is in doubt.
    pub(super) fn recover(&mut self, job: Job, now: Now, fx: &mut Vec<Effect>) {
        let of_it = |(generation, _): &mut (Generation, _)| {
            job.bound.as_ref().is_some_and(|bound| bound.generation == *generation)
        };
        let outcome = match (job.status, self.reported.take_if(of_it)) {
            // It was only told to end, because its manager had failed.
            (_, Some((_, Outcome::Aborted { whole, .. }))) if !job.cancel_requested => {
                self.doubt(&job, whole)
            }
            (_, Some((_, outcome))) => outcome,
            // Nobody sends the rest of its document any more.
            (_, None) if job.is_arriving() && self.beginning == Beginning::ServerStart => {
                Outcome::Incomplete { why: Interruption::ServerStopped, bytes: job.bytes_sent }
            }
            // Nothing of it was ever sent: back to its place.
            (JobStatus::Rendering | JobStatus::Scheduled, None) => aborted(),
            (_, None) if self.asks == Asks::Cannot && job.cancel_requested => aborted(),
            (_, None) => self.doubt(&job, Whole::Maybe),
        };
        let at = AtDevice::new(job, now);
        if self.asks_first(&at, &outcome) {
            return self.ask_first(at, outcome, now, fx);
        }
        self.settle(Ended { job: Box::new(at.job), outcome }, None, now, fx);
    }

    fn doubt(&self, job: &Job, whole: Whole) -> Outcome {
        let broken = match self.beginning {
            Beginning::ServerStart => Broken::ServerStopped,
            Beginning::ManagerPanic => Broken::ManagerPanic,
        };
        match job.reason {
            Reason::Broken(broken, whole) => Outcome::Broken { broken, whole, bytes: job.bytes_sent },
            _ => Outcome::Broken { broken, whole, bytes: job.bytes_sent },
        }
    }
}
