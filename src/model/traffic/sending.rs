//! A job on its way to the device.

use super::*;

impl Traffic {
    pub(super) fn send(&mut self, job: Job, now: Now, fx: &mut Vec<Effect>) {
        let Link::Open(generation) = self.link else { return };
        self.link = Link::Working(generation);
        fx.push(self.order(generation, &job));
        self.work = Work::Sending(Box::new(Sending {
            at: AtDevice::new(job, now),
            progress: Progress { bytes: 0, stage: Stage::Sending },
            blocked_since: None,
        }));
    }

    pub(super) fn on_report(
        &mut self,
        generation: Generation,
        outcome: Outcome,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        if self.link != Link::Working(generation) {
            return;
        }
        self.link = Link::Closed;
        let shutting = self.shutting.take();
        let outcome = match shutting {
            Some(shutting) => shutting.cause.explains(outcome),
            None => outcome,
        };
        if let Work::Sending(sending) = &mut self.work {
            sending.at.ended = Some(outcome);
        }
        self.record(now, fx);
    }

    pub(super) fn on_connection_shut(&mut self, generation: Generation) {
        if self.link == Link::Working(generation)
            && let Some(shutting) = &mut self.shutting
        {
            shutting.closed = true;
        }
    }

    pub(super) fn on_watch(
        &mut self,
        generation: Generation,
        verdict: Verdict,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        if self.link != Link::Working(generation) {
            return;
        }
        let Work::Sending(sending) = &mut self.work else { return };
        match verdict {
            Verdict::Stuck { .. } => return self.shut(ShutCause::Stuck, now, fx),
            Verdict::Stalled { since } => sending.blocked_since = Some(since),
            Verdict::Moving => sending.blocked_since = None,
        }
        self.look(None, now, fx);
    }

    pub(super) fn shut(&mut self, cause: ShutCause, now: Now, fx: &mut Vec<Effect>) {
        if let Link::Working(generation) = self.link
            && self.shutting.is_none()
        {
            self.shutting = Some(Shutting { cause, deadline: now.mono.plus(SHUT_WAIT), closed: false });
            fx.push(Effect::Shut(generation));
        }
    }

    /// Looks at a job that is being sent.
    pub(super) fn look(&mut self, progress: Option<Progress>, now: Now, fx: &mut Vec<Effect>) {
        let Work::Sending(sending) = &mut self.work else { return };
        if let Some(progress) = progress {
            sending.progress = progress;
        }
        if let Some(shutting) = self.shutting {
            if shutting.closed && shutting.deadline <= now.mono {
                self.give_up_thread(shutting, now, fx);
            }
            return;
        }
        let Work::Sending(sending) = &self.work else { return };
        let waits_for_a_hand = sending.at.news.stopped.as_ref().is_some_and(NotReady::needs_a_hand);
        if let Some(since) = sending.blocked_since
            && ((now.mono.since(since) >= self.rules.blocked && !waits_for_a_hand)
                || self.may_move(&sending.at.job, now))
        {
            return self.shut(ShutCause::Stalled, now, fx);
        }
        self.tell_again(now, fx);
        self.record(now, fx);
    }

    /// The connection is shut and its thread does not come back: its job is decided without it, and the
    /// next generation may begin.
    pub(super) fn give_up_thread(&mut self, shutting: Shutting, now: Now, fx: &mut Vec<Effect>) {
        let Work::Sending(sending) = &self.work else { return };
        let (Link::Working(generation), bytes) = (self.link, sending.progress.bytes) else { return };
        let outcome = shutting.cause.explains(Outcome::Aborted { whole: Whole::Maybe, bytes });
        self.on_report(generation, outcome, now, fx);
    }

    /// Whether the device is asked before this end is believed: bytes have reached it, it can tell, and it has not
    /// told yet.
    pub(super) fn asks_first(&self, at: &AtDevice, outcome: &Outcome) -> bool {
        let (Outcome::Broken { whole, bytes, .. } | Outcome::Aborted { whole, bytes }) = outcome else {
            return false;
        };
        let told =
            matches!(outcome, Outcome::Broken { broken: Broken::DeviceAborted | Broken::Forgotten, .. });
        let numbered = at.as_known_there().device_job_id.is_some();
        // Of one that was never accepted nothing is to be found out: it certainly did not leave whole.
        let accepted = !at.job.is_arriving();
        self.asks == Asks::Can && accepted && !told && (*bytes > 0 || *whole == Whole::Maybe || numbered)
    }

    /// An attempt has ended.
    pub(super) fn sent(&mut self, at: AtDevice, outcome: Outcome, now: Now, fx: &mut Vec<Effect>) {
        let certain = matches!(
            outcome,
            Outcome::Broken { whole: Whole::No, .. } | Outcome::Aborted { whole: Whole::No, .. }
        );
        match (self.asks_first(&at, &outcome), self.stopping) {
            (true, Stopping::No) => self.ask_first(at, outcome, now, fx),
            // What needs the device's answer is left as the store has it, for the next start to ask.
            (true, _) if !certain => {}
            (true | false, _) => self.ended(Ended { job: Box::new(at.job), outcome }, now, fx),
        }
    }
}
