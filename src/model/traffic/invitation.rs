//! How an idle printer lets its next job be begun by whoever accepts it.
//!
//! A printer that has nothing to do and answered lately issues an [`Invitation`]. Who accepts a job for its queue hands
//! the attempt in right behind the acceptance, and one sync makes both durable: it is the attempt that the printer's
//! manager would have handed in, had it found the job. Before a manager is told anything else it withdraws its
//! invitation, and where that was used it hears so first ([`Input::Begun`]); so it stands as it stood when it invited.

use super::*;
use crate::model::directory::Directory;
use crate::model::id::Revision;

/// What whoever accepts a job for the printer's own queue may do at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Invitation {
    printer: Printer,
    /// Of the connection that is then opened.
    generation: Generation,
    /// From then on it is not known whether the printer is there.
    until: MonoTime,
}

impl Invitation {
    /// The attempt at the new job that `accepting` puts into the printer's queue, to be handed in right behind that, and
    /// the job as it is then. One that was there before may be changed by others just now, and the attempt could not tell
    /// whose change it comes behind: revisions are only counted. Where none comes there, where the invitation is over, or where the directory has the printer
    /// otherwise (somebody has paused it, and it is about to hear so), `None`.
    #[must_use]
    pub fn attempt(&self, accepting: &Commit, directory: &Directory, now: Now) -> Option<(Job, Commit)> {
        let [job] = &accepting.jobs[..] else { return None };
        let is_new = accepting.expect.contains(&(job.id, Revision(0)));
        let its_own = job.order().is_some() && job.serving_queue() == QueueId::Printer(self.printer.id);
        let as_known = directory.printer_by_id(self.printer.id).is_some_and(|known| **known == self.printer);
        let good = is_new && its_own && as_known && !job.cancel_requested && now.mono < self.until;
        good.then(|| attempt_at(&self.printer, job, self.generation, now)).flatten()
    }
}

impl Traffic {
    /// Lets the next job be begun by whoever accepts it, where nothing waits and nothing is under way.
    #[must_use]
    pub fn invites(&self, now: Now) -> Option<Invitation> {
        let Contact::Answered(at) = self.contact else { return None };
        let until = at.plus(ANSWERED_LATELY);
        let nothing_waits = !self.wanted
            && self.sharing.look_again.is_none()
            && self.left.is_empty()
            && self.unsure.is_none()
            && self.store_retry.is_none();
        let rests = matches!(self.work, Work::None) && self.link == Link::Closed;
        (nothing_waits && rests && self.goes_on() && now.mono < until).then(|| Invitation {
            printer: self.printer.clone(),
            generation: self.next_generation(),
            until,
        })
    }

    /// Its invitation was used: the attempt is handed in.
    pub(super) fn on_begun(&mut self, job: Box<Job>, now: Now, fx: &mut Vec<Effect>) {
        self.streaming.forget();
        self.wanted = true;
        self.is_binding(job, now, fx);
    }
}
