//! How the printer is, and when its traffic manager wants to be woken; what is due then.

use super::*;

impl Traffic {
    /// Tells how the printer is, and when it wants to be woken, where that has changed.
    pub(super) fn tell(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let live = self.live(now);
        if self.told.as_ref() != Some(&live) {
            self.told = Some(live.clone());
            fx.push(Effect::Live(live));
        }
        let timer = self.next_time(now);
        if let Some(at) = timer
            && self.timer.is_none_or(|set| at < set || set <= now.mono)
        {
            self.timer = Some(at);
            fx.push(Effect::WakeAt(at));
        }
    }

    pub(super) fn next_time(&self, now: Now) -> Option<MonoTime> {
        let waits = match &self.work {
            Work::None if self.unsure.is_some() => self.store_retry,
            Work::None if !self.wanted && self.sharing.look_again.is_some() => self.sharing.look_again,
            Work::None if self.wanted && self.goes_on() => match self.contact {
                Contact::Bad { due, .. } => Some(due.max(self.store_retry.unwrap_or_default())),
                Contact::Unknown | Contact::Answered(_) => self.store_retry,
            },
            Work::Sending(_) => Some(now.mono.plus(LOOK_EVERY)),
            Work::Unsettled(_, at) => Some(*at),
            Work::Asking(asking) => asking.next_time(),
            _ => None,
        };
        // One timer a second is enough for what is being sent: an earlier one that is set already serves.
        match (waits, self.timer) {
            (Some(at), Some(set)) if set > now.mono && set <= at => Some(set),
            (waits, _) => waits,
        }
    }

    pub(super) fn live(&self, now: Now) -> PrinterLive {
        let activity = self.activity();
        let next_try_at = match (&self.work, &self.contact) {
            (Work::Unsettled(_, at), _) => Some(now.wall_at(*at)),
            (Work::Asking(_), Contact::Bad { due, .. }) => Some(now.wall_at(*due)),
            (Work::None | Work::Looking | Work::Probing(_) | Work::Telling, Contact::Bad { due, .. }) => {
                Some(now.wall_at(*due))
            }
            _ => self.store_retry.map(|at| now.wall_at(at)),
        };
        let unchanged = self.told.as_ref().filter(|told| told.activity == activity);
        PrinterLive {
            job: self.job(),
            // The same moment, seen from another one, may differ by a rounding: it is told once.
            next_try_at: match (next_try_at, unchanged.and_then(|told| told.next_try_at)) {
                (Some(new), Some(old)) if new.0.abs_diff(old.0) < 20 => Some(old),
                (new, _) => new,
            },
            not_ready_since: self.not_ready_since(&activity),
            last_trouble: self.trouble.clone().filter(|_| activity == Activity::Idle),
            woken_at: self.power.woken_at(),
            mac: self.mac(),
            activity,
            load: self.load(),
        }
    }

    /// Since when the printer has not been ready, where what it does now is not to be.
    fn not_ready_since(&self, activity: &Activity) -> Option<MonoTime> {
        match activity {
            Activity::NotReady(_) | Activity::Recovering => {
                self.stopped_since().or(self.not_ready.map(|spell| spell.since))
            }
            Activity::Unshut => {
                let ago = |shutting: Shutting| shutting.deadline.0.saturating_sub(SHUT_WAIT);
                self.shutting.map(ago).map(MonoTime)
            }
            Activity::Idle
            | Activity::Connecting
            | Activity::Sending
            | Activity::AwaitingWord
            | Activity::ManagerFailed
            | Activity::StoreFull => None,
            Activity::Blocked => match &self.work {
                Work::Sending(sending) => sending.blocked_since,
                _ => None,
            },
        }
    }

    /// Since when the device has stopped in the middle of a job, by its own word.
    fn stopped_since(&self) -> Option<MonoTime> {
        match (&self.work, &self.contact) {
            (Work::Sending(sending), _) => sending.at.stopped_since,
            // It does not even answer.
            (Work::Asking(_), Contact::Bad { .. }) => None,
            (Work::Asking(asking), _) => asking.at.stopped_since,
            _ => None,
        }
    }

    pub(super) fn job(&self) -> Option<JobId> {
        match &self.work {
            Work::None | Work::Looking | Work::Probing(_) | Work::Telling => None,
            Work::Binding(job) | Work::Checking(job) | Work::Bound(job) => Some(job.id),
            Work::Asking(asking) => Some(asking.at.job.id),
            Work::Sending(sending) => Some(sending.at.job.id),
            Work::Settling(_, Some(next)) => Some(next.id),
            Work::Ending(ended)
            | Work::Settling(ended, None)
            | Work::Rereading(ended)
            | Work::Unsettled(ended, _) => Some(ended.job.id),
        }
    }

    pub(super) fn activity(&self) -> Activity {
        let bad = || match &self.contact {
            Contact::Bad { why, .. } => Some(why.activity()),
            Contact::Unknown | Contact::Answered(_) => None,
        };
        match &self.work {
            Work::Unsettled(..) => Activity::StoreFull,
            Work::None | Work::Looking | Work::Probing(_) | Work::Telling if self.store_retry.is_some() => {
                Activity::StoreFull
            }
            Work::None | Work::Looking | Work::Probing(_) | Work::Telling => bad().unwrap_or(Activity::Idle),
            Work::Asking(asking) => match (bad(), &asking.at.news.stopped, asking.turn) {
                (Some(activity), ..) => activity,
                (None, Some(why), _) => Activity::NotReady(why.clone()),
                (None, None, Turn::Server(_)) => Activity::AwaitingWord,
                (None, None, Turn::Device) => Activity::Connecting,
            },
            Work::Binding(_) | Work::Checking(_) | Work::Bound(_) => Activity::Connecting,
            Work::Ending(_) | Work::Settling(..) | Work::Rereading(_) => Activity::AwaitingWord,
            Work::Sending(sending) => match (self.shutting, sending.progress.stage) {
                (Some(shutting), _) if !shutting.closed && shutting.cause == ShutCause::Stuck => {
                    Activity::Unshut
                }
                _ if let Some(why) = &sending.at.news.stopped => Activity::NotReady(why.clone()),
                _ if sending.blocked_since.is_some() => Activity::Blocked,
                (_, Stage::AwaitingWord) => Activity::AwaitingWord,
                (_, Stage::Connecting | Stage::Sending | Stage::AwaitingData | Stage::Ending) => {
                    Activity::Sending
                }
            },
        }
    }

    pub(super) fn on_timer(&mut self, progress: Option<Progress>, now: Now, fx: &mut Vec<Effect>) {
        self.timer = None;
        if self.store_retry.is_some_and(|at| at <= now.mono) {
            self.store_retry = None;
        }
        if self.sharing.look_again.take_if(|at| *at <= now.mono).is_some() {
            self.wanted = true;
        }
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Unsettled(ended, at) if at <= now.mono => self.settle(ended, None, now, fx),
            other => {
                self.work = other;
                self.look(progress, now, fx);
                self.look_at_asking(now, fx);
            }
        }
    }
}
