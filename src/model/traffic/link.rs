//! The link to the device: opening it, and what is known of the printer when it opens or does not.

use super::*;

impl Traffic {
    pub(super) fn open(&mut self, fx: &mut Vec<Effect>) {
        self.generation = self.next_generation();
        self.link = Link::Opening(self.generation);
        fx.push(Effect::Open(self.generation));
    }

    pub(super) fn drop_link(&mut self, fx: &mut Vec<Effect>) {
        if let Link::Opening(generation) | Link::Open(generation) = self.link {
            fx.push(Effect::Drop(generation));
            self.link = Link::Closed;
        }
    }

    pub(super) fn on_opened(&mut self, generation: Generation, now: Now, fx: &mut Vec<Effect>) {
        if self.link != Link::Opening(generation) {
            return;
        }
        self.link = Link::Open(generation);
        self.contact = Contact::Answered(now.mono);
        self.trouble = None;
        self.power.is_awake();
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Probing(_) => {
                self.wanted |= self.streaming.is_offered();
                self.tell_it_is_back(now, fx);
            }
            Work::Bound(job) => self.send(*job, now, fx),
            other => self.work = other,
        }
    }

    pub(super) fn on_open_failed(
        &mut self,
        generation: Generation,
        why: NotReady,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        if self.link != Link::Opening(generation) {
            return;
        }
        self.link = Link::Closed;
        self.streaming.forget();
        self.went_bad(Bad::NotReady(why.clone()), now);
        self.wake_if_asleep(&why, now, fx);
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Probing(_) => self.tell_why(&why, now, fx),
            Work::Bound(job) => {
                self.settle(Ended { job, outcome: Outcome::NotReady(why) }, None, now, fx);
            }
            // The attempt is still being committed; it is taken back when that is done.
            other => self.work = other,
        }
    }

    pub(super) fn went_bad(&mut self, why: Bad, now: Now) {
        let range = self.rules.backoff;
        self.not_ready = Some(Spell::again(self.not_ready, now.mono));
        self.trouble = Some(Trouble { at: now.wall, activity: why.activity() });
        let backoff = match (self.backoff, &why) {
            (Some(backoff), Bad::NotReady(_)) => backoff.again(now.mono, range),
            (None, Bad::NotReady(_)) => Backoff::start(now.mono, range),
            (_, Bad::Broke) => {
                let doublings = self.breaks_in_row.saturating_sub(1).min(16);
                let wait = (range.first * 2u32.pow(doublings)).min(range.longest);
                Backoff { since: now.mono, wait }
            }
        };
        let due = backoff.due(now.mono, self.roll());
        self.backoff = matches!(why, Bad::NotReady(_)).then_some(backoff);
        self.contact = Contact::Bad { why, due };
        self.wanted = true;
    }

    /// xorshift64: enough for jitter, and the same seed gives the same run.
    pub(super) fn roll(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }
}
