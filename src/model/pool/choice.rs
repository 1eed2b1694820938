//! Which job a printer takes next, and when it leaves one to a mate.
//!
//! The jobs at the heads of its queues are dealt out in their order, in thought, to the members of their pools as
//! these are just now; the printer takes the first that falls to itself. One that falls to a mate is left to it
//! for a moment only: a job never waits for longer than [`LEAVE_READY`] while a member is free and able.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::able::may_take;
use super::speed::{mean, time_for};
use super::{Pool, PoolPolicy};
use crate::model::description::Description;
use crate::model::id::{JobId, PrinterId, QueueId};
use crate::model::job::Job;
use crate::model::printer::{Activity, Printer, PrinterLive, Readiness};
use crate::model::time::MonoTime;

/// So long a job is left to a better mate that is ready or nearly so.
pub const LEAVE_READY: Duration = Duration::from_millis(250);
/// So long it is left to a better mate of which nobody knows yet whether it can be reached.
pub const LEAVE_UNKNOWN: Duration = Duration::from_millis(100);
/// A mate that is busy is waited for only if it is done with everything by so much sooner: a half of the time.
const MUCH_SOONER: u32 = 2;

/// A member of a pool as its mates see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub printer: Arc<Printer>,
    pub live: PrinterLive,
    pub description: Option<Arc<Description>>,
    /// Bytes in its own queue, the job that it has from there included.
    pub queued_bytes: u64,
}

impl Member {
    /// Whether it may be counted on for a job that waits now.
    pub fn is_of_use(&self, now: MonoTime) -> bool {
        if self.printer.paused {
            return false;
        }
        match (&self.live.activity, self.live.load.readiness) {
            (Activity::NotReady(_) | Activity::Recovering | Activity::Unshut, _) => false,
            (Activity::ManagerFailed | Activity::StoreFull | Activity::Blocked, _) => false,
            // It has been tried for so long already that it is most likely off.
            (_, Readiness::Trying(since)) => now.since(since) < LEAVE_UNKNOWN,
            (_, Readiness::Unknown | Readiness::Answered(_)) => true,
        }
    }

    fn is_ready(&self, now: MonoTime) -> bool {
        match self.live.load.readiness {
            _ if self.live.load.in_hand.is_some() => true,
            Readiness::Answered(at) => now.since(at) < crate::model::traffic::ANSWERED_LATELY,
            Readiness::Unknown | Readiness::Trying(_) => false,
        }
    }

    fn is_free(&self) -> bool {
        self.live.load.in_hand.is_none() && self.queued_bytes == 0
    }

    /// All that it has to do, in bytes.
    fn backlog(&self, speed: u64, now: MonoTime) -> u64 {
        let Some(hand) = self.live.load.in_hand else { return self.queued_bytes };
        let left = hand.left(speed, now);
        // A job of its own queue is counted there too, whole.
        self.queued_bytes.saturating_sub(hand.bytes).saturating_add(left)
    }
}

/// How long the members of use take for `queued` bytes of a queue that they share and for what each has to do
/// itself; `None` where no speed is known.
pub fn expected_wait(members: &[Member], queued: u64, now: MonoTime) -> Option<Duration> {
    let of_use = || members.iter().filter(|member| member.is_of_use(now));
    let known = || of_use().filter_map(|member| member.live.load.bytes_per_s);
    known().next()?;
    let mean = mean(known());
    let speed_of = |member: &Member| member.live.load.bytes_per_s.unwrap_or(mean);
    let backlog = |member: &Member| member.backlog(speed_of(member), now);
    let bytes = of_use().map(backlog).fold(queued, u64::saturating_add);
    Some(time_for(bytes, of_use().map(speed_of).fold(0, u64::saturating_add)))
}

/// A pool that a printer belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    pub pool: Arc<Pool>,
    /// The other members, in the pool's order.
    pub mates: Vec<Member>,
}

/// What a printer does about the jobs at the heads of its queues.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    Take(Box<Job>),
    /// Everything is left to mates, until then.
    Leave(MonoTime),
    /// None of these is for it.
    Nothing,
}

/// Jobs that a printer has left to its mates, and since when. A job that it does not come upon while it reads its
/// queues is forgotten, which bounds them.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// As they were when the queues were read before.
    before: BTreeMap<JobId, MonoTime>,
    now: BTreeMap<JobId, MonoTime>,
}

impl Left {
    /// The queues are read anew from their heads. What is read behind that goes on with it.
    pub fn read_anew(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// Since when the job has been left, from `now` on where it was not.
    fn since(&mut self, job: JobId, now: MonoTime) -> MonoTime {
        let since = self.before.get(&job).copied().unwrap_or(now);
        *self.now.entry(job).or_insert(since)
    }
}

/// What a printer knows when it chooses.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub me: &'a Member,
    pub pools: &'a [Shared],
    /// The job that broke here last: a mate is to try it first.
    pub broke_here: Option<JobId>,
    pub now: MonoTime,
}

/// Chooses among `jobs`, the next of all queues that the printer serves, in order. `left` is brought up to date.
pub fn choose(view: View<'_>, jobs: Vec<Job>, left: &mut Left) -> Choice {
    let mut dealt: BTreeMap<PrinterId, u64> = BTreeMap::new();
    let mut until: Option<MonoTime> = None;
    for job in jobs {
        let QueueId::Pool(pool) = job.serving_queue() else { return Choice::Take(Box::new(job)) };
        let Some(shared) = view.pools.iter().find(|shared| shared.pool.id == pool) else { continue };
        if may_take(&view.me.printer, view.me.description.as_deref(), &job).is_err() {
            continue;
        }
        // A mate is just taking it, or giving it back; either is told soon.
        let taking = shared.mates.iter().find(|mate| mate.live.job == Some(job.id));
        let taking = taking.map(|mate| (mate.printer.id, LEAVE_READY));
        let Some((mate, longest)) = taking.or_else(|| better(view, shared, &job, &dealt)) else {
            return Choice::Take(Box::new(job));
        };
        let since = left.since(job.id, view.now);
        let end = since.plus(longest);
        if end <= view.now {
            return Choice::Take(Box::new(job));
        }
        until = Some(until.map_or(end, |until| until.min(end)));
        if longest == LEAVE_UNKNOWN {
            // Perhaps that mate is dead: what comes behind must not delay this job.
            break;
        }
        *dealt.entry(mate).or_default() += bytes_of(&job);
    }
    until.map_or(Choice::Nothing, Choice::Leave)
}

/// All that is handed over of a job.
pub fn bytes_of(job: &Job) -> u64 {
    job.bytes_total().saturating_mul(u64::from(job.options.copies()))
}

/// A member in the running for a job.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    member: &'a Member,
    /// Its place among the members of the pool.
    place: usize,
    free: bool,
    /// When it has done what it has to do already.
    free_in: Duration,
    /// When it would be done with this job too.
    done_in: Duration,
}

/// The mate that the job should rather go to, and how long it is left to it.
fn better(
    view: View<'_>,
    shared: &Shared,
    job: &Job,
    dealt: &BTreeMap<PrinterId, u64>,
) -> Option<(PrinterId, Duration)> {
    let now = view.now;
    let able = |mate: &&Member| {
        mate.is_of_use(now) && may_take(&mate.printer, mate.description.as_deref(), job).is_ok()
    };
    let mates: Vec<&Member> = shared.mates.iter().filter(able).collect();
    let known = mates.iter().copied().chain([view.me]).filter_map(|member| member.live.load.bytes_per_s);
    let mean = mean(known);
    let speed_of = |member: &Member| member.live.load.bytes_per_s.unwrap_or(mean);
    // What it has in hand itself is done when it chooses.
    let me = candidate(shared, job, view.me, speed_of(view.me), 0);
    let mates = mates.into_iter().map(|mate| {
        let (speed, dealt) = (speed_of(mate), dealt.get(&mate.printer.id).copied());
        let backlog = mate.backlog(speed, now).saturating_add(dealt.unwrap_or_default());
        let free = mate.is_free() && dealt.is_none();
        Candidate { free, ..candidate(shared, job, mate, speed, backlog) }
    });
    let policy = shared.pool.policy;
    let best = match view.broke_here == Some(job.id) {
        true => mates
            .filter(|mate| mate.free || mate.free_in <= LEAVE_READY)
            .min_by_key(|mate| rank(policy, mate)),
        false => mates.filter(|mate| goes_before(policy, mate, &me)).min_by_key(|mate| rank(policy, mate)),
    }?
    .member;
    match (best.is_ready(now), view.me.is_ready(now)) {
        (true, _) => Some((best.printer.id, LEAVE_READY)),
        (false, true) => Some((best.printer.id, LEAVE_UNKNOWN)),
        (false, false) if view.broke_here == Some(job.id) => Some((best.printer.id, LEAVE_UNKNOWN)),
        // Nothing is known of either: both are tried, and then it is.
        (false, false) => None,
    }
}

/// A free member with so much to do before.
fn candidate<'m>(shared: &Shared, job: &Job, member: &'m Member, speed: u64, backlog: u64) -> Candidate<'m> {
    let place = shared.pool.members.iter().position(|id| *id == member.printer.id);
    Candidate {
        member,
        place: place.unwrap_or(usize::MAX),
        free: true,
        free_in: time_for(backlog, speed),
        done_in: time_for(backlog.saturating_add(bytes_of(job)), speed),
    }
}

/// Whether the policy has the mate take the job before a printer that is free.
fn goes_before(policy: PoolPolicy, mate: &Candidate<'_>, me: &Candidate<'_>) -> bool {
    match policy {
        PoolPolicy::LeastCompletionTime if !mate.free => {
            mate.free_in <= LEAVE_READY && mate.done_in * MUCH_SOONER <= me.done_in
        }
        _ => mate.free && rank(policy, mate) < rank(policy, me),
    }
}

/// The least goes first.
fn rank(policy: PoolPolicy, candidate: &Candidate<'_>) -> (bool, Duration, Option<MonoTime>, usize) {
    let Candidate { member, place, free, done_in, .. } = *candidate;
    match policy {
        PoolPolicy::LeastCompletionTime => (!free, done_in, None, place),
        PoolPolicy::RoundRobin => (!free, Duration::ZERO, member.live.load.took_at, place),
        PoolPolicy::FirstAvailable => (!free, Duration::ZERO, None, place),
    }
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
