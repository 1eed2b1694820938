//! The end of the server: what is being sent may finish, and after a while it is shut.

use super::settle::Ended;
use super::*;

impl Traffic {
    /// What needs the device's answer is left as the store has it, for the next start to ask. A connection that is
    /// not up yet is not waited for.
    pub(super) fn stop(&mut self, now: Now, fx: &mut Vec<Effect>) {
        if self.stopping == Stopping::No {
            self.stopping = Stopping::Draining;
        }
        if matches!(self.work, Work::Asking(_)) {
            self.work = Work::None;
        }
        if self.asks == Asks::Can {
            self.left.clear();
        }
        if matches!(self.link, Link::Opening(_)) {
            self.give_back(now, fx);
        }
    }

    /// What has not begun to leave goes back.
    fn give_back(&mut self, now: Now, fx: &mut Vec<Effect>) {
        self.drop_link(fx);
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Bound(job) => {
                let why = NotReady::Other("the server stops".to_owned());
                self.settle(Ended { job, outcome: Outcome::NotReady(why) }, None, now, fx);
            }
            Work::Probing(_) => {}
            other => self.work = other,
        }
    }

    /// The time for finishing is over. What has begun to leave is shut and decided; what has not goes back;
    /// what needs somebody else's answer is left as the store has it, for the next start to decide.
    pub(super) fn park(&mut self, now: Now, fx: &mut Vec<Effect>) {
        if self.stopping != Stopping::Told {
            self.stopping = Stopping::Parked;
        }
        self.left.clear();
        self.unsure = None;
        self.give_back(now, fx);
        if matches!(self.work, Work::Asking(_) | Work::Unsettled(..) | Work::Telling) {
            self.work = Work::None;
        }
        self.shut(ShutCause::Park, now, fx);
    }
}
