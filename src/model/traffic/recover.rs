//! Jobs that an earlier life left at the printer.

use super::settle::Ended;
use super::{Asks, AtDevice, Beginning, Effect, Traffic, aborted};
use crate::model::job::{Job, JobStatus, Reason};
use crate::model::outcome::Outcome;
use crate::model::retry::{Broken, Whole};
use crate::model::time::Now;

impl Traffic {
    /// A job whose attempt is recorded and whose end is not: perhaps no byte has left, perhaps all have.
    /// A device that can tell is asked; else it is in doubt.
    pub(super) fn recover(&mut self, job: Job, now: Now, fx: &mut Vec<Effect>) {
        let outcome = match job.status {
            // Nothing of it was ever sent: back to its place.
            JobStatus::Rendering | JobStatus::Scheduled => aborted(),
            _ if self.asks == Asks::Can => {
                let doubt = self.doubt(&job);
                return self.ask_first(AtDevice::new(job, now), doubt, now, fx);
            }
            _ if job.cancel_requested => aborted(),
            _ => self.doubt(&job),
        };
        self.settle(Ended { job: Box::new(job), outcome }, None, now, fx);
    }

    fn doubt(&self, job: &Job) -> Outcome {
        let broken = match self.beginning {
            Beginning::ServerStart => Broken::ServerStopped,
            Beginning::ManagerPanic => Broken::ManagerPanic,
        };
        match job.reason {
            Reason::Broken(broken, whole) => Outcome::Broken { broken, whole, bytes: job.bytes_sent },
            _ => Outcome::Broken { broken, whole: Whole::Maybe, bytes: job.bytes_sent },
        }
    }
}
