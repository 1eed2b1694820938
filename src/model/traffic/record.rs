//! What follows from the store's answers to commits and reads.

use super::*;

impl Traffic {
    pub(super) fn on_committed(&mut self, now: Now, fx: &mut Vec<Effect>) {
        self.store_retry = None;
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Binding(job) => self.bound(job, now, fx),
            Work::Settling(ended, next) => self.settled(ended, next, now, fx),
            Work::Telling => {}
            other => {
                self.work = other;
                self.noted(now, fx);
            }
        }
    }

    /// A change in the record of the job at the device is durable; the next one goes.
    fn noted(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some(at) = self.work.at_device() else { return };
        if let Note::Committing(job) = std::mem::replace(&mut at.note, Note::None) {
            at.job = *job;
        }
        self.record(now, fx);
    }

    /// It could not be written or read: it is tried again at the next look, or overtaken by the end.
    fn not_noted(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some(at) = self.work.at_device() else { return };
        at.note = Note::None;
        if at.ended.is_some() {
            self.end(now, fx);
        }
    }

    /// The attempt is durable.
    pub(super) fn bound(&mut self, job: Box<Job>, now: Now, fx: &mut Vec<Effect>) {
        if self.canceled.take() == Some(job.id) || job.cancel_requested {
            self.drop_link(fx);
            return self.settle(Ended { job, outcome: aborted() }, None, now, fx);
        }
        self.sharing.took_at = Some(now.mono);
        match self.link {
            Link::Open(_) => self.send(*job, now, fx),
            Link::Opening(_) => self.work = Work::Bound(job),
            Link::Closed | Link::Working(_) => {
                let why = match &self.contact {
                    Contact::Bad { why: Bad::NotReady(why), .. } => why.clone(),
                    Contact::Unknown | Contact::Answered(_) | Contact::Bad { .. } => NotReady::Busy,
                };
                self.settle(Ended { job, outcome: Outcome::NotReady(why) }, None, now, fx);
            }
        }
    }

    pub(super) fn on_commit_failed(&mut self, error: CommitError, now: Now, fx: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.work, Work::None) {
            // Nothing was bound, or it is not known whether: whatever there is now is read afresh.
            Work::Binding(job) => {
                self.wanted = true;
                self.may_be_bound(Some(job), &error);
                self.after_error(&error, now);
            }
            Work::Telling => {
                self.power.untold();
                self.after_error(&error, now);
            }
            Work::Settling(ended, next) => {
                self.may_be_bound(next, &error);
                self.not_settled(ended, &error, now, fx);
            }
            other => {
                self.work = other;
                match (self.work.at_device(), error) {
                    (Some(at), CommitError::Changed(_)) => {
                        fx.push(Effect::ReadJob(at.job.id));
                        at.note = Note::Rereading;
                    }
                    _ => self.not_noted(now, fx),
                }
            }
        }
    }

    /// Remembers a job whose attempt may have been recorded all the same. A parked printer leaves it to the
    /// next start.
    fn may_be_bound(&mut self, job: Option<Box<Job>>, error: &CommitError) {
        if *error == CommitError::Unknown && self.stopping != Stopping::Parked {
            self.unsure = job.or(self.unsure.take());
        }
    }

    fn not_settled(&mut self, ended: Ended, error: &CommitError, now: Now, fx: &mut Vec<Effect>) {
        if matches!(error, CommitError::Changed(_)) {
            fx.push(Effect::ReadJob(ended.job.id));
            self.work = Work::Rereading(ended);
        } else {
            self.settle_later(ended, now);
        }
    }

    /// The store is tried again soon; a parked printer leaves the job as the store has it.
    fn settle_later(&mut self, ended: Ended, now: Now) {
        if self.stopping != Stopping::Parked {
            self.work = Work::Unsettled(ended, now.mono.plus(STORE_RETRY));
        }
    }

    /// Reads whether the attempt was recorded of which the store did not say so.
    pub(super) fn check(&mut self, fx: &mut Vec<Effect>) {
        if let Some(job) = self.unsure.take() {
            fx.push(Effect::ReadJob(job.id));
            self.work = Work::Checking(job);
        }
    }

    fn after_error(&mut self, error: &CommitError, now: Now) {
        if !matches!(error, CommitError::Changed(_)) {
            self.store_retry = Some(now.mono.plus(STORE_RETRY));
        }
    }

    pub(super) fn on_read_failed(&mut self, now: Now, fx: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Looking => {
                self.wanted = true;
                self.store_retry = Some(now.mono.plus(STORE_RETRY));
            }
            Work::Ending(ended) => self.settle(ended, None, now, fx),
            Work::Rereading(ended) => self.settle_later(ended, now),
            Work::Checking(job) => {
                self.unsure = Some(job);
                self.store_retry = Some(now.mono.plus(STORE_RETRY));
            }
            other => {
                self.work = other;
                self.not_noted(now, fx);
            }
        }
    }

    pub(super) fn on_reread(&mut self, read: Option<Box<Job>>, now: Now, fx: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Rereading(ended) => {
                // A job that is gone, or no longer here, was decided already: by somebody else, or by a
                // commit of which the store did not say that it was written.
                match read.filter(|read| same_attempt(read, &ended.job)) {
                    // Accepted meanwhile: what has left of it counts now, and a device that can tell is asked.
                    Some(job) if ended.job.is_arriving() && !job.is_arriving() => {
                        self.sent(AtDevice::new(*job, now), ended.outcome, now, fx);
                    }
                    Some(job) => self.settle(Ended { job, outcome: ended.outcome }, None, now, fx),
                    None => self.settled(ended, None, now, fx),
                }
            }
            Work::Checking(job) => match read.filter(|read| same_attempt(read, &job)) {
                Some(read) => self.bound(read, now, fx),
                None => self.canceled = None,
            },
            other => {
                self.work = other;
                self.noted_by_others(read, now, fx);
            }
        }
    }

    /// Somebody else has changed the record of the job at the device: mostly a user, who wants its end.
    fn noted_by_others(&mut self, read: Option<Box<Job>>, now: Now, fx: &mut Vec<Effect>) {
        let Some(at) = self.work.at_device() else { return };
        let Some(job) = read.filter(|read| same_attempt(read, &at.job)) else {
            return self.not_noted(now, fx);
        };
        (at.note, at.job) = (Note::None, *job);
        if at.job.cancel_requested {
            self.cancel_at_device(now, fx);
        }
        self.record(now, fx);
    }
}

/// Whether the record is still of the attempt that is known here. After a commit of which the store did not
/// say that it was written, another printer may have the job.
fn same_attempt(read: &Job, known: &Job) -> bool {
    read.status.is_at_printer() && read.bound == known.bound
}
