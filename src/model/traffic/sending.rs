//! A job on its way to the device.

use super::*;
use crate::model::job::{JobStatus, Reason};

impl Traffic {
    pub(super) fn send(&mut self, job: Job, now: Now, fx: &mut Vec<Effect>) {
        let Link::Open(generation) = self.link else { return };
        self.link = Link::Working(generation);
        fx.push(Effect::Send(generation, Box::new(job.clone())));
        self.work = Work::Sending(Box::new(Sending {
            job,
            note: Note::None,
            progress: Progress { bytes: 0, stage: Stage::Sending },
            recorded_at: now.mono,
            blocked_since: None,
            ended: None,
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
            sending.ended = Some(outcome);
        }
        self.note_done(now, fx);
    }

    /// A job that has ended is decided as soon as nothing else is going on with its record.
    pub(super) fn note_done(&mut self, now: Now, fx: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Sending(mut sending) if matches!(sending.note, Note::None) => match sending.ended.take() {
                Some(outcome) => self.ended(Ended { job: Box::new(sending.job), outcome }, now, fx),
                None => self.work = Work::Sending(sending),
            },
            other => self.work = other,
        }
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

    pub(super) fn on_cancel(&mut self, id: JobId, now: Now, fx: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Bound(job) if job.id == id => {
                self.drop_link(fx);
                self.settle(Ended { job, outcome: aborted() }, None, now, fx);
            }
            Work::Sending(sending) if sending.job.id == id => {
                self.work = Work::Sending(sending);
                self.shut(ShutCause::Cancel, now, fx);
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
        if let Some(shutting) = self.shutting {
            if shutting.closed && shutting.deadline <= now.mono {
                self.give_up_thread(shutting, now, fx);
            }
            return;
        }
        let Work::Sending(sending) = &self.work else { return };
        if let Some(since) = sending.blocked_since
            && (now.mono.since(since) >= self.rules.blocked || self.may_move(&sending.job, now))
        {
            return self.shut(ShutCause::Stalled, now, fx);
        }
        let Work::Sending(sending) = &mut self.work else { return };
        if let Some(progress) = progress {
            sending.progress = progress;
        }
        let (progress, job) = (sending.progress, &sending.job);
        let blocked = sending.blocked_since.is_some();
        let recorded = now.mono.since(sending.recorded_at);
        let event = match (progress.stage, job.status) {
            (Stage::AwaitingWord, JobStatus::Transmitting) => JobEvent::LastByte { bytes: progress.bytes },
            _ if blocked && job.reason != Reason::Blocked => JobEvent::Block,
            _ if !blocked && job.reason == Reason::Blocked => JobEvent::Unblock,
            _ if progress.bytes != job.bytes_sent && recorded >= RECORD_EVERY => {
                JobEvent::Progress { bytes: progress.bytes }
            }
            _ => return,
        };
        self.note(event, now, fx);
    }

    /// The connection is shut and its thread does not come back: its job is decided without it, and the
    /// next generation may begin.
    pub(super) fn give_up_thread(&mut self, shutting: Shutting, now: Now, fx: &mut Vec<Effect>) {
        let Work::Sending(sending) = &self.work else { return };
        let (Link::Working(generation), bytes) = (self.link, sending.progress.bytes) else { return };
        let outcome = shutting.cause.explains(Outcome::Aborted { whole: Whole::Maybe, bytes });
        self.on_report(generation, outcome, now, fx);
    }

    /// Records something about the job that is being sent. While another record is being written it waits
    /// for the next look, or is overtaken by the end.
    pub(super) fn note(&mut self, event: JobEvent, now: Now, fx: &mut Vec<Effect>) {
        let Work::Sending(sending) = &mut self.work else { return };
        if !matches!(sending.note, Note::None) || sending.ended.is_some() {
            return;
        }
        sending.recorded_at = now.mono;
        let mut job = sending.job.clone();
        let Ok(entry) = job.apply(event, Source::Device, now.wall) else { return };
        fx.push(Effect::Commit(Box::new(Commit {
            expect: vec![(sending.job.id, sending.job.revision)],
            jobs: vec![job.clone()],
            timeline: entry.into_iter().collect(),
            ..Commit::default()
        })));
        sending.note = Note::Committing(Box::new(job));
    }
}
