//! What the device says of a job that it has, and what of that goes into the job's record: one change at a
//! time, the most important first. Nothing is lost meanwhile; what is said later holds.

use super::*;
use crate::model::job::{JobStatus, Reason};
use crate::model::news::{News, Printing};

impl Traffic {
    pub(super) fn on_news(&mut self, generation: Generation, news: News, now: Now, fx: &mut Vec<Effect>) {
        let Work::Sending(sending) = &mut self.work else { return };
        if self.link != Link::Working(generation) {
            return;
        }
        let waited = sending.at.news.stopped.as_ref().is_some_and(NotReady::needs_a_hand);
        sending.at.hears(news, now);
        let waits = sending.at.news.stopped.as_ref().is_some_and(NotReady::needs_a_hand);
        // Its patience counts from when nobody is waited for any more.
        if waited && !waits && sending.blocked_since.is_some() {
            sending.blocked_since = Some(now.mono);
        }
        self.look(None, now, fx);
    }

    /// Goes on with the record of the job at the device, where nothing is under way with it: the next change
    /// is written, and when there is none, its end.
    pub(super) fn record(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some(at) = self.work.at_device() else { return };
        if !matches!(at.note, Note::None) {
            return;
        }
        let ended = at.ended.is_some();
        let event = match &self.work {
            // Whatever else the device has said, the end says more.
            Work::Sending(sending) if ended => sending.at.handle(),
            Work::Sending(sending) => sending.lacks(now),
            Work::Asking(asking) if !ended => asking.lacks(now),
            _ => None,
        };
        match event {
            Some(event) => self.note(event, now, fx),
            None if ended => self.end(now, fx),
            None => self.clear_away(fx),
        }
    }

    /// What is to be done now that a job's end is known and nothing is going on with its record.
    pub(super) fn end(&mut self, now: Now, fx: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Sending(mut sending) => match sending.at.ended.take() {
                Some(outcome) => self.sent(sending.at, outcome, now, fx),
                None => self.work = Work::Sending(sending),
            },
            Work::Asking(mut asking) => match asking.at.ended.take() {
                Some(outcome) => {
                    self.settle(Ended { job: Box::new(asking.at.job), outcome }, None, now, fx);
                }
                None => self.work = Work::Asking(asking),
            },
            other => self.work = other,
        }
    }

    fn note(&mut self, event: JobEvent, now: Now, fx: &mut Vec<Effect>) {
        let Some(at) = self.work.at_device() else { return };
        at.recorded_at = now.mono;
        let mut job = at.job.clone();
        let Ok(entry) = job.apply(event, Source::Device, now.wall) else {
            return if at.ended.is_some() {
                self.end(now, fx)
            };
        };
        fx.push(Effect::Commit(Box::new(Commit {
            expect: vec![(at.job.id, at.job.revision)],
            jobs: vec![job.clone()],
            timeline: entry.into_iter().collect(),
            ..Commit::default()
        })));
        at.note = Note::Committing(Box::new(job));
    }
}

impl AtDevice {
    /// Without it the device can neither be asked nor told: it comes before everything else.
    fn handle(&self) -> Option<JobEvent> {
        let handle =
            self.news.handle.as_ref().filter(|handle| self.job.device_job_id.as_ref() != Some(handle));
        handle.cloned().map(JobEvent::Handle)
    }

    /// What the device has said and the record does not have.
    fn lacks(&self) -> Option<JobEvent> {
        self.handle().or_else(|| self.print_start()).or_else(|| self.stops())
    }

    fn print_start(&self) -> Option<JobEvent> {
        let before = matches!(self.job.status, JobStatus::Transmitting | JobStatus::Transmitted);
        (self.news.printing == Printing::Begun && before).then_some(JobEvent::PrintStart)
    }

    fn stops(&self) -> Option<JobEvent> {
        match (&self.news.stopped, &self.job.reason) {
            (Some(why), Reason::Stopped(told)) if why == told => None,
            (Some(why), _) => Some(JobEvent::PrinterStops(why.clone())),
            (None, Reason::Stopped(_)) => Some(JobEvent::PrinterGoesOn),
            (None, _) => None,
        }
    }

    /// Bytes and pages, from time to time.
    fn moves(&self, bytes: u64, now: Now) -> Option<JobEvent> {
        let pages = self.news.pages_done;
        let moved = bytes != self.job.bytes_sent || pages > self.job.pages_confirmed;
        let due = now.mono.since(self.recorded_at) >= RECORD_EVERY;
        (moved && due).then_some(JobEvent::Progress { bytes, pages })
    }
}

impl Asking {
    fn lacks(&self, now: Now) -> Option<JobEvent> {
        let (at, Outcome::Broken { broken, whole: Whole::No, .. }) = (&self.at, &self.doubt) else {
            return self.at.lacks().or_else(|| self.at.moves(self.at.job.bytes_sent, now));
        };
        // This mark stays until the end: without it, the device's «canceled» would be taken for somebody's wish.
        let marked = matches!(at.job.reason, Reason::Broken(..));
        let mark = (!marked).then_some(JobEvent::Break(*broken));
        at.handle().or(mark).or_else(|| at.print_start())
    }
}

impl Sending {
    fn lacks(&self, now: Now) -> Option<JobEvent> {
        let said = || self.at.print_start().or_else(|| self.at.stops());
        let last_byte = || self.last_byte();
        self.at
            .handle()
            .or_else(last_byte)
            .or_else(said)
            .or_else(|| self.blocks())
            .or_else(|| self.at.moves(self.progress.bytes, now))
    }

    /// The device may print before it has all.
    fn last_byte(&self) -> Option<JobEvent> {
        let (bytes, job) = (self.progress.bytes, &self.at.job);
        let untold = match job.status {
            JobStatus::Transmitting => true,
            JobStatus::Printing => job.bytes_sent != bytes,
            _ => false,
        };
        (self.progress.stage == Stage::AwaitingWord && untold).then_some(JobEvent::LastByte { bytes })
    }

    fn blocks(&self) -> Option<JobEvent> {
        match (&self.at.job.reason, self.blocked_since) {
            (Reason::Blocked, None) => Some(JobEvent::Unblock),
            // The device itself has said why.
            (Reason::Blocked | Reason::Stopped(_), _) | (_, None) => None,
            (_, Some(_)) => Some(JobEvent::Block),
        }
    }
}
