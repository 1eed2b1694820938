//! Which job the printer takes next, and what it shares with its mates for that.

use std::sync::Arc;

use super::*;
use crate::model::description::Description;
use crate::model::id::QueueId;
use crate::model::pool::able::may_take;
use crate::model::pool::choice::{Choice, Left, Member, Shared, View, bytes_of, choose};
use crate::model::pool::speed::{self, InHand};
use crate::model::printer::{Load, Readiness, WhenInDoubt};
use crate::model::queue::{FIRST_ENTRIES, HEAD_ENTRIES, PASSED_OVER_MAX};

/// What decides, besides the order of the queues, which job is for this printer.
#[derive(Clone, Debug, Default)]
pub(super) struct Sharing {
    pub pools: Vec<Shared>,
    pub description: Option<Arc<Description>>,
    /// Jobs that were left to mates.
    left: Left,
    /// When it is looked whether the mates have taken them.
    pub look_again: Option<MonoTime>,
    /// The job that broke here last.
    pub broke_here: Option<JobId>,
    /// When an attempt was begun last, whether it became durable or not.
    pub began_at: Option<MonoTime>,
    /// When one became durable last.
    pub took_at: Option<MonoTime>,
    /// What is being read of the queues, and how much of them was for others.
    reading: Option<Reading>,
    passed_over: usize,
}

impl Traffic {
    /// Reads the heads of the queues: a single job where none can be for somebody else.
    pub(super) fn read_head(&mut self, fx: &mut Vec<Effect>) {
        self.sharing.passed_over = 0;
        self.sharing.left.read_anew();
        let n = if self.sharing.pools.is_empty() { 1 } else { FIRST_ENTRIES };
        self.read(Reading { after: None, n }, fx);
    }

    fn read(&mut self, reading: Reading, fx: &mut Vec<Effect>) {
        self.sharing.reading = Some(reading);
        fx.push(Effect::ReadHead(reading));
    }

    pub(super) fn on_head(&mut self, jobs: Vec<Job>, now: Now, fx: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.work, Work::None) {
            Work::Looking => {
                let more = self.behind(&jobs);
                self.sharing.look_again = None;
                match (self.choose(jobs, now), more) {
                    (Choice::Take(job), _) => {
                        self.streaming.forget();
                        self.wanted = true;
                        // Somebody may have said «stop» or «pause» since the queues were asked.
                        if self.goes_on() {
                            self.begin(*job, now, fx);
                        }
                    }
                    (Choice::Leave(until), _) => {
                        self.streaming.forget();
                        self.sharing.look_again = Some(until);
                    }
                    (Choice::Nothing, Some(more)) => {
                        self.work = Work::Looking;
                        self.read(more, fx);
                    }
                    (Choice::Nothing, None) => {
                        self.found_nothing();
                        self.take_offer(now, fx);
                    }
                }
            }
            Work::Ending(ended) => {
                let next = match self.choose(jobs, now) {
                    Choice::Take(job) => Some(*job).filter(|_| self.goes_on()),
                    Choice::Leave(_) | Choice::Nothing => None,
                };
                self.settle(ended, next, now, fx);
            }
            other => self.work = other,
        }
    }

    /// What is to be read next where none of `jobs` is for this printer.
    fn behind(&mut self, jobs: &[Job]) -> Option<Reading> {
        self.sharing.passed_over += jobs.len();
        let full = self.sharing.reading.is_none_or(|reading| jobs.len() == reading.n);
        let last = jobs.last().and_then(Job::order);
        let goes_on = full && self.sharing.passed_over < PASSED_OVER_MAX && !self.sharing.pools.is_empty();
        last.filter(|_| goes_on).map(|last| Reading { after: Some(last), n: HEAD_ENTRIES })
    }

    /// Without work a printer is not tried; whether it is ready is not known from here on.
    fn found_nothing(&mut self) {
        match self.contact {
            Contact::Bad { .. } => (self.contact, self.backoff) = (Contact::Unknown, None),
            Contact::Answered(_) => self.not_ready = None,
            Contact::Unknown => {}
        }
    }

    fn choose(&mut self, jobs: Vec<Job>, now: Now) -> Choice {
        if self.sharing.pools.is_empty() {
            let own = |job: &Job| job.serving_queue() == QueueId::Printer(self.printer.id);
            return jobs.into_iter().find(own).map_or(Choice::Nothing, |job| Choice::Take(Box::new(job)));
        }
        let me = Member {
            printer: Arc::new(self.printer.clone()),
            live: self.live(now),
            description: self.sharing.description.clone(),
            queued_bytes: 0,
        };
        let (pools, broke_here) = (&self.sharing.pools, self.sharing.broke_here);
        choose(View { me: &me, pools, broke_here, now: now.mono }, jobs, &mut self.sharing.left)
    }

    /// Whether a mate may have the job that this printer has begun and takes no more of: it is reset then, and
    /// that is an attempt. Where a person is to be asked about doubt, it stays.
    pub(super) fn may_move(&self, job: &Job, now: Now) -> bool {
        let QueueId::Pool(pool) = job.serving_queue() else { return false };
        let able = |mate: &Member| {
            mate.is_of_use(now.mono) && may_take(&mate.printer, mate.description.as_deref(), job).is_ok()
        };
        let mates = self
            .sharing
            .pools
            .iter()
            .filter(|shared| shared.pool.id == pool)
            .flat_map(|shared| &shared.mates);
        self.printer.when_in_doubt == WhenInDoubt::PrintAgain && mates.into_iter().any(able)
    }

    /// Whether a mate that comes before this printer in the pool waits for the same reason: then that one tells
    /// the job, which so hears of each reason once and not of each member.
    pub(super) fn mate_says_it(&self, job: &Job, why: &NotReady) -> bool {
        let QueueId::Pool(pool) = job.serving_queue() else { return false };
        let Some(shared) = self.sharing.pools.iter().find(|shared| shared.pool.id == pool) else {
            return false;
        };
        let place = |id| shared.pool.members.iter().position(|member| *member == id);
        let tries_it = |mate: &Member| {
            !mate.printer.paused
                && mate.live.job.is_none()
                && may_take(&mate.printer, mate.description.as_deref(), job).is_ok()
        };
        let waits = Activity::NotReady(why.clone());
        let before = |mate: &&Member| place(mate.printer.id) < place(self.printer.id);
        shared.mates.iter().filter(before).any(|mate| mate.live.activity == waits && tries_it(mate))
    }

    pub(super) fn load(&self) -> Load {
        let readiness = match (&self.work, &self.contact) {
            (Work::Probing(since), _) => Readiness::Trying(*since),
            (_, Contact::Answered(at)) => Readiness::Answered(*at),
            (_, Contact::Unknown | Contact::Bad { .. }) => Readiness::Unknown,
        };
        let since = self.sharing.began_at.unwrap_or_default();
        let in_hand = |job: &Job| InHand { since, bytes: bytes_of(job) };
        Load {
            readiness,
            in_hand: self.has_in_hand().map(in_hand),
            took_at: self.sharing.took_at,
            bytes_per_s: self.learned.bytes_per_s,
        }
    }

    /// The job that keeps the printer from taking another.
    fn has_in_hand(&self) -> Option<&Job> {
        match &self.work {
            Work::Binding(job) | Work::Checking(job) | Work::Bound(job) => Some(job),
            Work::Asking(asking) => Some(&asking.at.job),
            Work::Sending(sending) => Some(&sending.at.job),
            Work::Settling(_, next) => next.as_deref(),
            Work::None
            | Work::Looking
            | Work::Probing(_)
            | Work::Telling
            | Work::Ending(_)
            | Work::Rereading(_)
            | Work::Unsettled(..) => None,
        }
    }

    /// Learns how fast the printer was, from a job that it has done.
    pub(super) fn learn_speed(&mut self, ended: &Ended, now: Now) {
        if let (Outcome::Done { .. }, Some(began_at)) = (&ended.outcome, self.sharing.began_at) {
            let (known, bytes) = (self.learned.bytes_per_s, bytes_of(&ended.job));
            self.learned.bytes_per_s = speed::learn(known, bytes, now.mono.since(began_at));
        }
    }
}
