//! A user wants the end of a job that the printer has.

use super::*;
use crate::model::cancel::{Handle, handle};
use crate::model::job::JobStatus;
use crate::model::outcome::CancelFailed;

impl Traffic {
    pub(super) fn on_cancel(&mut self, id: JobId, now: Now, fx: &mut Vec<Effect>) {
        if self.work.at_device().is_some_and(|at| at.job.id == id) {
            return self.cancel_at_device(now, fx);
        }
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Bound(job) if job.id == id => {
                self.drop_link(fx);
                self.settle(Ended { job, outcome: aborted() }, None, now, fx);
            }
            other => {
                // The attempt may be durable already and the flag behind it, though we have not heard so.
                // Every other stage ends in a commit, which meets the durable flag.
                if let Work::Binding(job) | Work::Checking(job) | Work::Settling(_, Some(job)) = &other
                    && job.id == id
                {
                    self.canceled = Some(id);
                }
                self.work = other;
            }
        }
    }

    /// The flag is durable. While bytes leave, the server ends the job by ending its connection; what the device
    /// has by then it is told to drop. When all of it is there, the device alone can end it.
    pub(super) fn cancel_at_device(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some(at) = self.work.at_device() else { return };
        let there = matches!(at.job.status, JobStatus::Transmitted | JobStatus::Printing);
        let by_handle = handle(&at.as_known_there(), &self.printer) == Handle::Known;
        match &mut self.work {
            Work::Sending(_) if there && by_handle => self.tell_device(fx),
            Work::Sending(_) => self.shut(ShutCause::Cancel, now, fx),
            Work::Asking(asking) => {
                if matches!(asking.at.note, Note::None) && !asking.at.job.cancel_requested {
                    asking.at.note = Note::Rereading;
                    fx.push(Effect::ReadJob(asking.at.job.id));
                }
                self.tell_device(fx);
            }
            _ => {}
        }
    }

    /// Tells the device to cancel the job, where it can be told and does not know yet.
    pub(super) fn tell_device(&mut self, fx: &mut Vec<Effect>) {
        let Some(at) = self.work.at_device() else { return };
        let job = at.as_known_there();
        if at.telling == Telling::Nothing && handle(&job, &self.printer) == Handle::Known {
            at.telling = Telling::Out(None);
            fx.push(Effect::CancelAtDevice(Box::new(job)));
        }
    }

    /// Tells it again, where that is due.
    pub(super) fn tell_again(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some(at) = self.work.at_device() else { return };
        if let Telling::Again(due, backoff) = at.telling
            && due <= now.mono
        {
            at.telling = Telling::Out(Some(backoff));
            fx.push(Effect::CancelAtDevice(Box::new(at.as_known_there())));
        }
    }

    pub(super) fn on_cancel_answered(
        &mut self,
        id: JobId,
        answer: Result<(), CancelFailed>,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let (range, chance) = (self.rules.backoff, self.roll());
        let Some(at) = self.work.at_device().filter(|at| at.job.id == id) else { return };
        let Telling::Out(before) = at.telling else { return };
        at.telling = match &answer {
            // Nothing more can be said; the device's own word on the job decides.
            Ok(()) | Err(CancelFailed::TooLate | CancelFailed::Credentials) => Telling::Told,
            Err(CancelFailed::NotReady(_)) => {
                let backoff = match before {
                    Some(backoff) => backoff.again(now.mono, range),
                    None => Backoff::start(now.mono, range),
                };
                Telling::Again(backoff.due(now.mono, chance), backoff)
            }
        };
        // What became of the job is known there now.
        if let Work::Asking(asking) = &mut self.work
            && (asking.at.telling, matches!(asking.turn, Turn::Server(_))) == (Telling::Told, true)
        {
            asking.turn = Turn::Server(now.mono);
            self.look_at_asking(now, fx);
        }
    }
}
