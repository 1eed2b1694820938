//! What becomes of jobs that an earlier life left at the printer.

use super::settle::Ended;
use super::{Asks, Bad, Beginning, Effect, Traffic, Work, aborted};
use crate::model::id::Generation;
use crate::model::job::{Job, JobStatus};
use crate::model::outcome::{Answer, Outcome};
use crate::model::retry::{Broken, Whole};
use crate::model::time::Now;

impl Traffic {
    /// A job whose attempt is recorded and whose end is not: perhaps no byte has left, perhaps all have.
    /// Its print thread is believed, where that has said how it ended; a device that can tell is asked; else it
    /// is in doubt.
    pub(super) fn recover(&mut self, job: Job, now: Now, fx: &mut Vec<Effect>) {
        let job = Box::new(job);
        let of_it = |(generation, _): &mut (Generation, _)| {
            job.bound.as_ref().is_some_and(|bound| bound.generation == *generation)
        };
        let whole = match self.reported.take_if(of_it) {
            // It was only told to end, because its manager had failed.
            Some((_, Outcome::Aborted { whole, .. })) if !job.cancel_requested => whole,
            Some((_, outcome)) => return self.settle(Ended { job, outcome }, None, now, fx),
            None => Whole::Maybe,
        };
        match job.status {
            // Nothing of it was ever sent: back to its place.
            JobStatus::Rendering | JobStatus::Scheduled => {
                self.settle(Ended { job, outcome: aborted() }, None, now, fx);
            }
            _ if self.asks == Asks::Can => self.ask(job, fx),
            _ if job.cancel_requested => self.settle(Ended { job, outcome: aborted() }, None, now, fx),
            _ => self.doubt(job, whole, now, fx),
        }
    }

    pub(super) fn ask(&mut self, job: Box<Job>, fx: &mut Vec<Effect>) {
        fx.push(Effect::Ask(job.clone()));
        self.work = Work::Asking(job);
    }

    pub(super) fn on_answered(&mut self, answer: Answer, now: Now, fx: &mut Vec<Effect>) {
        let job = match std::mem::replace(&mut self.work, Work::None) {
            Work::Asking(job) => job,
            other => {
                self.work = other;
                return;
            }
        };
        match answer {
            Answer::Printed(how) => {
                let outcome = Outcome::Done { how, bytes: job.bytes_total() };
                self.settle(Ended { job, outcome }, None, now, fx);
            }
            Answer::Canceled => {
                let outcome = Outcome::Canceled { bytes: job.bytes_sent };
                self.settle(Ended { job, outcome }, None, now, fx);
            }
            Answer::Document(why) => {
                self.settle(Ended { job, outcome: Outcome::Document(why) }, None, now, fx);
            }
            Answer::GivenUp(broken) => {
                let outcome = Outcome::Broken { broken, whole: Whole::Maybe, bytes: job.bytes_sent };
                self.settle(Ended { job, outcome }, None, now, fx);
            }
            Answer::NotPrinted if job.cancel_requested => {
                self.settle(Ended { job, outcome: aborted() }, None, now, fx);
            }
            Answer::NotPrinted => self.doubt(job, Whole::No, now, fx),
            Answer::CannotTell => self.doubt(job, Whole::Maybe, now, fx),
            Answer::Underway => self.work = Work::AskLater(job, now.mono.plus(self.rules.backoff.first)),
            Answer::NotReady(why) => {
                self.went_bad(Bad::NotReady(why), now);
                let super::Contact::Bad { due, .. } = self.contact else { return };
                self.work = Work::AskLater(job, due);
            }
        }
    }

    fn doubt(&mut self, job: Box<Job>, whole: Whole, now: Now, fx: &mut Vec<Effect>) {
        let broken = match self.beginning {
            Beginning::ServerStart => Broken::ServerStopped,
            Beginning::ManagerPanic => Broken::ManagerPanic,
        };
        let bytes = job.bytes_sent;
        self.settle(Ended { job, outcome: Outcome::Broken { broken, whole, bytes } }, None, now, fx);
    }
}
