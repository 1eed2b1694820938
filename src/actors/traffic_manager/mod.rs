//! The traffic manager of one printer. A shell round [`Traffic`]: it reads queues, commits, connects, hands
//! attempts to print threads and takes their reports.

mod attempt;
mod committing;
mod describing;
mod former;
mod messages;
mod pools;
mod power;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

pub use self::describing::DESCRIBING_MAX;
pub use self::messages::{Bell, Park, Reported, Settings, Stop, Tuned, Watched};
use self::pools::Pools;
use super::board::{Board, Notices};
use super::thread_watcher::ThreadWatcher;
use super::worker::{Running, StartAttempt};
use crate::clock::Clock;
use crate::device::{self, Link, Surroundings, Target};
use crate::failpoint;
use crate::model::commit::Commit;
use crate::model::id::{DocumentId, Generation, JobId, PrinterId};
use crate::model::job::Job;
use crate::model::outcome::Outcome;
use crate::model::printer::{Learned, Mac, Printer};
use crate::model::retry::NotReady;
use crate::model::time::MonoTime;
use crate::model::traffic::{Asks, Beginning, Effect, Input, Reading, Rules, Start, Traffic};
use crate::store::documents::Documents;
use crate::store::{ReadError, SharedStore};

/// A store that cannot be read is asked again after this long.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// Messages that wait for one traffic manager.
const MAILBOX: usize = 64;

/// What all traffic managers are made from.
#[derive(Clone)]
pub struct Parts {
    pub store: SharedStore,
    pub documents: Documents,
    pub board: Arc<Board>,
    pub clock: Clock,
    pub pool: Arc<dyn StartAttempt>,
    pub watcher: Addr<ThreadWatcher>,
    pub surroundings: Surroundings,
    pub rules: Rules,
    /// The right to ask a device what it is.
    pub describing: Arc<Semaphore>,
}

/// What one is made from.
pub struct Begin {
    pub parts: Arc<Parts>,
    pub printer: Arc<Printer>,
    pub beginning: Beginning,
    pub lane: Arc<Lane>,
    pub notices: Arc<Notices>,
    /// What there is at the printer. After a failed manager it is not known, but read when that one's link is
    /// shut.
    pub left: Option<Left>,
    pub ended: Ended,
}

/// What a printer's traffic manager finds at its beginning.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// Jobs that the store has at the printer.
    pub jobs: Vec<Job>,
    pub learned: Learned,
    /// The hardware address as it was learned.
    pub mac: Option<Mac>,
}

/// Which of a printer's traffic managers it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub printer: PrinterId,
    pub number: u64,
}

/// Tells when it is dropped, and with it the traffic manager: also by a panic, of which actix tells nobody.
#[derive(Debug, Default)]
pub struct Ended(Option<(Life, UnboundedSender<Life>)>);

impl Ended {
    /// Each life is told once, which bounds what waits.
    pub fn tell(life: Life, to: UnboundedSender<Life>) -> Ended {
        Ended(Some((life, to)))
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some((life, to)) = self.0.take() {
            // Nobody listens when the whole server ends.
            let _ = to.send(life);
        }
    }
}

/// What outlives a panic of a traffic manager: how far the generations have come, and the last attempt, which
/// may still have the device, or have left an outcome on which nobody has decided.
#[derive(Default)]
pub struct Lane {
    generation: AtomicU64,
    attempt: Mutex<Option<(Generation, Running)>>,
}

impl Lane {
    fn attempt(&self) -> MutexGuard<'_, Option<(Generation, Running)>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct TrafficManager {
    begin: Begin,
    target: Result<Arc<dyn Target>, NotReady>,
    /// `None` until the store has told what there is at the printer.
    traffic: Option<Traffic>,
    opening: Option<(Generation, SpawnHandle)>,
    open: Option<(Generation, Box<dyn Link>)>,
    /// When the hardware address of the device was last looked for.
    mac_looked_at: Option<MonoTime>,
    /// When the device was last asked, or said, what it is.
    described_at: Option<MonoTime>,
    timer: Option<SpawnHandle>,
    pools: Pools,
    /// The attempt whose outcome was heard last.
    heard: Option<Generation>,
    /// The job that was last sent while its document arrived, and the document.
    streaming: Option<(JobId, DocumentId)>,
}

impl TrafficManager {
    pub fn new(begin: Begin) -> TrafficManager {
        let target = target_of(&begin.printer, &begin.parts.surroundings);
        TrafficManager {
            begin,
            target,
            traffic: None,
            opening: None,
            open: None,
            mac_looked_at: None,
            described_at: None,
            timer: None,
            pools: Pools::default(),
            heard: None,
            streaming: None,
        }
    }

    /// After a failed manager. Commits are decided in the order in which they come: with an empty one, whatever
    /// that manager had handed in is decided too, and no job turns up at the printer after the look.
    fn read_what_is_left(&mut self, reported: Option<(Generation, Outcome)>, ctx: &mut Context<Self>) {
        let (store, id) = (self.begin.parts.store.clone(), self.begin.printer.id);
        let read = async move {
            if let Err(error) = store.commit(Commit::default()).await {
                log::warn!(error:%; "the store did not take an empty commit");
            }
            let learned = store.setting(&Learned::setting(id)).await?;
            let mac = store.setting(&Traffic::mac_setting(id)).await?;
            let here = |job: &Job| job.bound.as_ref().is_some_and(|bound| bound.printer == id);
            let jobs = store.jobs_at_printers().await?.into_iter().filter(here).collect();
            Ok::<_, ReadError>(Left {
                jobs,
                learned: learned.map(|bytes| Learned::from_bytes(&bytes)).unwrap_or_default(),
                mac: mac.and_then(|mac| mac.try_into().ok()),
            })
        };
        ctx.spawn(read.into_actor(self).map(|read, act, ctx| match read {
            Ok(left) => act.begin_traffic(left, reported, ctx),
            Err(error) => {
                log::error!(printer = act.name(), error:%; "the jobs at this printer cannot be read; trying again");
                ctx.run_later(READ_AGAIN, move |act, ctx| act.read_what_is_left(reported, ctx));
            }
        }));
    }

    fn begin_traffic(
        &mut self,
        left: Left,
        reported: Option<(Generation, Outcome)>,
        ctx: &mut Context<Self>,
    ) {
        failpoint::hit("traffic-begin");
        let Begin { parts, printer, beginning, lane, .. } = &self.begin;
        let last = Generation(lane.generation.load(Ordering::Acquire));
        // Printers that went off together are not tried together.
        let chance = u64::from(printer.id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ parts.clock.now().wall.0;
        let traffic = Traffic::new(Start {
            printer: (**printer).clone(),
            rules: parts.rules,
            learned: left.learned,
            mac: left.mac,
            asks: self.asks(),
            beginning: *beginning,
            left: left.jobs,
            last,
            chance,
        });
        self.traffic = Some(match reported {
            Some((generation, outcome)) => traffic.after_report(generation, outcome),
            None => traffic,
        });
        self.step(Input::Wake, ctx);
        self.look_at_notices(ctx);
        self.ask_what_it_is_soon(ctx);
    }

    pub(super) fn asks(&self) -> Asks {
        match &self.target {
            Ok(target) if target.can_ask() => Asks::Can,
            _ => Asks::Cannot,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.begin.printer.name.as_str()
    }

    pub(super) fn step(&mut self, input: Input, ctx: &mut Context<Self>) {
        self.hear_what_was_begun(ctx);
        self.take_in(input, ctx);
        self.invite();
    }

    fn take_in(&mut self, input: Input, ctx: &mut Context<Self>) {
        let Some(traffic) = &mut self.traffic else { return };
        let effects = traffic.step(input, self.begin.parts.clock.now());
        self.begin.lane.generation.store(traffic.generation().0, Ordering::Release);
        for effect in effects {
            self.run(effect, ctx);
        }
    }

    fn look_at_notices(&mut self, ctx: &mut Context<Self>) {
        if self.traffic.is_none() {
            // They are kept for the beginning.
            return;
        }
        // Before the bell is noted as heard: from then on nothing tells that something waits already.
        self.hear_what_was_begun(ctx);
        let offered = self.begin.notices.take_offered();
        let still_comes = |id| self.begin.parts.documents.growing(id).is_some_and(|g| !g.is_given_up());
        if let Some((job, document)) = offered.filter(|(_, document)| still_comes(document.id)) {
            self.step(Input::Offer(job, document), ctx);
        }
        for job in self.begin.notices.take_canceled() {
            self.step(Input::Cancel(job), ctx);
        }
        if self.begin.notices.take_look() {
            self.ask_what_it_is(ctx);
        }
        if self.begin.notices.take_wake_up() {
            self.step(Input::WakeUp, ctx);
        }
        if self.begin.notices.take_wake() {
            self.step(Input::Wake, ctx);
        }
        self.invite();
    }

    fn run(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::ReadHead(reading) => self.read_head(reading, ctx),
            Effect::ReadJob(id) => {
                let read = self.begin.parts.store.job(id);
                ctx.spawn(read.into_actor(self).map(|read, act, ctx| match read {
                    Ok(job) => act.step(Input::JobRead(job.map(Box::new)), ctx),
                    Err(error) => act.read_failed(&error, ctx),
                }));
            }
            Effect::Commit(commit) => self.commit(*commit, ctx),
            Effect::Open(generation) => self.open(generation, ctx),
            Effect::Drop(generation) => self.drop_link(generation, ctx),
            Effect::Stream(generation, job, document) => self.stream(generation, &job, document, ctx),
            Effect::Send(generation, job) => self.send(generation, &job, ctx),
            Effect::Shut(generation) => self.shut(generation, ctx),
            Effect::Ask(job) => self.ask(&job, ctx),
            Effect::CancelAtDevice(job) => self.cancel_at_device(&job, ctx),
            Effect::Wake(mac) => self.wake_device(mac, ctx),
            Effect::WakeAt(at) => self.wake_at(at, ctx),
            Effect::Live(live) => {
                self.log_power(&live);
                log::debug!(printer = self.name(), activity:? = live.activity; "printer");
                self.publish_live(live);
            }
            Effect::Stopped => ctx.stop(),
        }
    }

    fn read_failed(&mut self, error: &ReadError, ctx: &mut Context<Self>) {
        log::error!(printer = self.name(), error:%; "the queue cannot be read");
        self.step(Input::ReadFailed, ctx);
    }

    fn read_head(&mut self, reading: Reading, ctx: &mut Context<Self>) {
        let queues = self.queues();
        let read = self.begin.parts.store.head(queues, reading.after, reading.n);
        ctx.spawn(read.into_actor(self).map(|read, act, ctx| match read {
            Ok(jobs) => {
                act.tell_pools(ctx);
                act.step(Input::Head(jobs), ctx);
            }
            Err(error) => act.read_failed(&error, ctx),
        }));
    }

    fn wake_at(&mut self, at: MonoTime, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let wait = at.since(self.begin.parts.clock.now().mono);
        self.timer = Some(ctx.run_later(wait, |act, ctx| {
            act.timer = None;
            act.take_report(ctx);
            let progress = act.progress();
            act.tell_pools(ctx);
            act.step(Input::Timer(progress), ctx);
        }));
    }
}

/// The device of a printer; an address that cannot be understood is a printer that is not ready, and says
/// why.
fn target_of(printer: &Printer, surroundings: &Surroundings) -> Result<Arc<dyn Target>, NotReady> {
    device::parse(printer, surroundings).map_err(|bad| NotReady::Other(bad.to_string()))
}

impl Actor for TrafficManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        match self.begin.left.take() {
            Some(left) => self.begin_traffic(left, None, ctx),
            None => self.end_old_attempt(ctx),
        }
    }
}
