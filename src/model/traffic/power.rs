//! Printers that are off or asleep, and the job that waits for one: it is told how its printer is, once for each
//! change, and the printer is woken where that can be done.

use super::*;
use crate::model::id::PrinterId;
use crate::model::printer::Mac;
use crate::model::time::WallTime;

/// A printer that does not answer is woken no more often than this.
pub const WAKE_EVERY: Duration = Duration::from_secs(60);
/// A job hears no sooner than this of another reason why its printer does not print; each time it takes twice as
/// long, so that a printer that flickers does not fill the job's timeline …
pub const TELL_AGAIN: Duration = Duration::from_secs(30);
/// … up to this.
pub const TELL_SELDOM: Duration = Duration::from_secs(3600);
/// Of so many jobs it is remembered what they were told: which one comes next may change to and fro.
const TOLD_MAX: usize = 8;

/// What is known of a printer's sleep.
#[derive(Clone, Debug, Default)]
pub(super) struct Power {
    /// As it was learned; the printer's settings go before it.
    learned: Option<Mac>,
    /// As the store has it, and as the commit under way will have it.
    saved: Option<Mac>,
    saving: Option<Mac>,
    calls: Option<Calls>,
    /// The job for which the printer is tried.
    head: Option<Box<Job>>,
    /// Those told last come last.
    told: VecDeque<Told>,
}

/// The wake-up calls since it went to sleep.
#[derive(Clone, Copy, Debug)]
struct Calls {
    first: WallTime,
    last: Now,
}

/// What a waiting job was told last, and how long it hears nothing else.
#[derive(Clone, Debug)]
struct Told {
    job: JobId,
    why: NotReady,
    called: Option<WallTime>,
    at: MonoTime,
    quiet: Duration,
}

impl Power {
    pub fn new(saved: Option<Mac>) -> Power {
        Power { learned: saved, saved, saving: saved, ..Power::default() }
    }

    /// The name of the setting under which a learned address is kept.
    pub fn setting(printer: PrinterId) -> String {
        format!("mac/{printer}")
    }

    /// What the next commit is to keep, where the store does not have it.
    pub fn unsaved(&mut self, printer: PrinterId) -> Option<(String, Vec<u8>)> {
        self.saving = self.learned;
        let mac = self.learned.filter(|_| self.learned != self.saved)?;
        Some((Power::setting(printer), mac.to_vec()))
    }

    pub fn is_saved(&mut self) {
        self.saved = self.saving;
    }

    pub fn waits_for_it(&mut self, job: Job) {
        self.head = Some(Box::new(job));
    }

    pub fn woken_at(&self) -> Option<WallTime> {
        self.calls.map(|calls| calls.last.wall)
    }

    /// It has answered.
    pub fn is_awake(&mut self) {
        self.calls = None;
    }

    /// What was told could not be recorded.
    pub fn untold(&mut self) {
        self.told.pop_back();
    }

    fn tell(&mut self, told: Told) {
        self.told.retain(|old| old.job != told.job);
        self.told.push_back(told);
        if self.told.len() > TOLD_MAX {
            self.told.pop_front();
        }
    }
}

impl Traffic {
    pub(super) fn mac(&self) -> Option<Mac> {
        self.printer.mac.or(self.power.learned)
    }

    pub(super) fn on_mac(&mut self, mac: Mac) {
        self.power.learned = Some(mac);
    }

    /// Somebody wants it woken, asleep or not.
    pub(super) fn wake_up(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some(mac) = self.mac() else { return };
        let first = self.power.calls.map_or(now.wall, |calls| calls.first);
        self.power.calls = Some(Calls { first, last: now });
        fx.push(Effect::Wake(mac));
    }

    /// It is not ready. Where it does not answer at all it is woken, at the first time and then from time to time.
    pub(super) fn wake_if_asleep(&mut self, why: &NotReady, now: Now, fx: &mut Vec<Effect>) {
        let lately = |calls: Calls| now.mono.since(calls.last.mono) < WAKE_EVERY;
        if *why != NotReady::Asleep {
            self.power.calls = None;
        } else if !self.power.calls.is_some_and(lately) {
            self.wake_up(now, fx);
        }
    }

    /// The job for which the printer was tried in vain hears why, unless it knows, or a mate tells it the same.
    pub(super) fn tell_why(&mut self, why: &NotReady, now: Now, fx: &mut Vec<Effect>) {
        let Some(job) = self.power.head.take() else { return };
        if self.mate_says_it(&job, why) {
            return;
        }
        let called = self.power.calls.map(|calls| calls.first);
        let before = self.power.told.iter().find(|told| told.job == job.id).cloned();
        let mut quiet = before.as_ref().map_or(TELL_AGAIN, |told| told.quiet);
        let mut events = Vec::new();
        match &before {
            Some(told) if told.why == *why => {}
            Some(told) if now.mono.since(told.at) < told.quiet => return,
            other => {
                quiet = if other.is_some() { (quiet * 2).min(TELL_SELDOM) } else { quiet };
                events.push((JobEvent::PrinterStops(why.clone()), Source::Device));
            }
        }
        if called.is_some() && before.and_then(|told| told.called) != called {
            events.push((JobEvent::PrinterWoken, Source::System));
        }
        if !events.is_empty() {
            self.power.tell(Told { job: job.id, why: why.clone(), called, at: now.mono, quiet });
            self.tell_job(*job, events, now, fx);
        }
    }

    /// The printer answers: a job that was told otherwise hears it.
    pub(super) fn tell_it_is_back(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some(job) = self.power.head.take() else { return };
        if std::mem::take(&mut self.power.told).iter().any(|told| told.job == job.id) {
            self.tell_job(*job, vec![(JobEvent::PrinterGoesOn, Source::Device)], now, fx);
        }
    }

    fn tell_job(&mut self, mut job: Job, events: Vec<(JobEvent, Source)>, now: Now, fx: &mut Vec<Effect>) {
        let mut commit = Commit { expect: vec![(job.id, job.revision)], ..Commit::default() };
        let next_at = match self.contact {
            Contact::Bad { due, .. } => Some(now.wall_at(due)),
            Contact::Unknown | Contact::Answered(_) => None,
        };
        for (event, source) in events {
            // It does not wait any more: somebody was faster.
            let Ok(entry) = job.apply(event, source, now.wall) else { return };
            let printer = Some(self.printer.name.clone());
            commit.timeline.extend(entry.map(|entry| Entry { printer, next_at, ..entry }));
        }
        commit.jobs.push(job);
        fx.push(Effect::Commit(Box::new(commit)));
        self.work = Work::Telling;
    }
}
