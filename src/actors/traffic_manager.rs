//! The traffic manager of one printer. A shell round [`Traffic`]: it reads queues, commits, connects, hands
//! attempts to print threads and takes their reports.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;

use super::board::Board;
use super::thread_watcher::{self, ThreadWatcher};
use super::worker::{Attempt, PrintPool, Running, Shut};
use crate::clock::Clock;
use crate::device::{self, Confirmation, JobTag, Link, Surroundings, Target};
use crate::failpoint;
use crate::model::commit::Commit;
use crate::model::id::{Generation, JobId, QueueId};
use crate::model::job::Job;
use crate::model::liveness::Verdict;
use crate::model::outcome::{Answer, Outcome};
use crate::model::printer::{Learned, Printer};
use crate::model::retry::{Broken, NotReady, Whole};
use crate::model::time::MonoTime;
use crate::model::traffic::{Asks, Beginning, Effect, Input, Progress, Rules, Start, Traffic};
use crate::printing::Part;
use crate::store::documents::Documents;
use crate::store::{ReadError, SharedStore};

/// How many candidates are read from the head of a queue.
const CANDIDATES: usize = 4;
/// How often it is looked whether the thread of a former life has let go of the device.
const OLD_THREAD_LOOK: Duration = Duration::from_millis(100);
/// Messages that wait for one traffic manager.
const MAILBOX: usize = 64;

/// What all traffic managers are made from.
pub struct Parts {
    pub store: SharedStore,
    pub documents: Documents,
    pub board: Arc<Board>,
    pub clock: Clock,
    pub pool: PrintPool,
    pub watcher: Addr<ThreadWatcher>,
    pub surroundings: Surroundings,
    pub rules: Rules,
}

/// What one is made from.
pub struct Begin {
    pub parts: Arc<Parts>,
    pub printer: Arc<Printer>,
    pub beginning: Beginning,
    pub lane: Arc<Lane>,
    pub woken: Arc<AtomicBool>,
}

/// What outlives a panic of a traffic manager: how far the generations have come, and the attempt that
/// still has the device.
#[derive(Default)]
pub struct Lane {
    generation: AtomicU64,
    attempt: Mutex<Option<Running>>,
}

impl Lane {
    fn attempt(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct TrafficManager {
    begin: Begin,
    target: Result<Arc<dyn Target>, NotReady>,
    /// `None` until the store has told what there is at the printer.
    traffic: Option<Traffic>,
    learned: Learned,
    opening: Option<SpawnHandle>,
    open: Option<(Generation, Box<dyn Link>)>,
    timer: Option<SpawnHandle>,
}

/// There may be work.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wake;

/// A user wants the end of a job; its flag is durable.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Cancel(pub JobId);

/// The printer's settings have changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Settings(pub Arc<Printer>);

/// The watcher has found something out about an attempt.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Watched(pub Generation, pub Verdict);

/// A print thread has left its outcome.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Reported(pub Generation);

/// No new jobs; ends when nothing is under way.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Stop;

/// What is still being sent is shut.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Park;

impl TrafficManager {
    pub fn new(begin: Begin) -> TrafficManager {
        let target = target_of(&begin.printer, &begin.parts.surroundings);
        TrafficManager {
            begin,
            target,
            traffic: None,
            learned: Learned::default(),
            opening: None,
            open: None,
            timer: None,
        }
    }

    /// The connection of a former life must be shut before another is made. Then the store tells what
    /// that life has left.
    fn wait_for_old_thread(&mut self, ctx: &mut Context<Self>) {
        let old = self.begin.lane.attempt().clone();
        let gone = match old {
            None => true,
            Some(running) => running.shut() == Shut::Done || running.take_report().is_some(),
        };
        if gone {
            *self.begin.lane.attempt() = None;
            self.read_what_is_left(ctx);
        } else {
            ctx.run_later(OLD_THREAD_LOOK, Self::wait_for_old_thread);
        }
    }

    fn read_what_is_left(&mut self, ctx: &mut Context<Self>) {
        let (store, id) = (self.begin.parts.store.clone(), self.begin.printer.id);
        let read = async move {
            let jobs = store.jobs_at_printers().await?;
            let learned = store.setting(&Learned::setting(id)).await?;
            let here = |job: &Job| job.bound.as_ref().is_some_and(|bound| bound.printer == id);
            let left: Vec<Job> = jobs.into_iter().filter(here).collect();
            Ok::<_, ReadError>((left, learned.map(|bytes| Learned::from_bytes(&bytes)).unwrap_or_default()))
        };
        ctx.spawn(read.into_actor(self).map(|read, act, ctx| match read {
            Ok((left, learned)) => act.begin_traffic(left, learned, ctx),
            Err(error) => {
                log::error!(printer = act.name(), error:%; "the jobs at this printer cannot be read; trying again");
                ctx.run_later(Duration::from_secs(1), Self::read_what_is_left);
            }
        }));
    }

    fn begin_traffic(&mut self, left: Vec<Job>, learned: Learned, ctx: &mut Context<Self>) {
        let Begin { parts, printer, beginning, lane, .. } = &self.begin;
        self.learned = learned;
        let last = Generation(lane.generation.load(Ordering::Acquire));
        // Printers that went off together are not tried together.
        let chance = u64::from(printer.id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ parts.clock.now().wall.0;
        self.traffic = Some(Traffic::new(Start {
            printer: (**printer).clone(),
            rules: parts.rules,
            learned,
            asks: self.asks(),
            beginning: *beginning,
            left,
            last,
            chance,
        }));
        self.step(Input::Wake, ctx);
    }

    fn asks(&self) -> Asks {
        match &self.target {
            Ok(target) if target.can_ask() => Asks::Can,
            _ => Asks::Cannot,
        }
    }

    fn name(&self) -> &str {
        self.begin.printer.name.as_str()
    }

    fn step(&mut self, input: Input, ctx: &mut Context<Self>) {
        let Some(traffic) = &mut self.traffic else { return };
        let effects = traffic.step(input, self.begin.parts.clock.now());
        self.begin.lane.generation.store(traffic.generation().0, Ordering::Release);
        for effect in effects {
            self.run(effect, ctx);
        }
    }

    fn run(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::ReadHead => self.read_head(ctx),
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
            Effect::Send(generation, job) => self.send(generation, &job, ctx),
            Effect::Shut(generation) => self.shut(generation, ctx),
            Effect::Ask(job) => self.ask(&job, ctx),
            Effect::WakeAt(at) => self.wake_at(at, ctx),
            Effect::Live(live) => {
                log::debug!(printer = self.name(), activity:? = live.activity; "printer");
                self.begin.parts.board.publish_live(self.begin.printer.id, live);
            }
            Effect::Stopped => ctx.stop(),
        }
    }

    fn read_failed(&mut self, error: &ReadError, ctx: &mut Context<Self>) {
        log::error!(printer = self.name(), error:%; "the queue cannot be read");
        self.step(Input::ReadFailed, ctx);
    }

    fn read_head(&mut self, ctx: &mut Context<Self>) {
        let store = self.begin.parts.store.clone();
        let queue = QueueId::Printer(self.begin.printer.id);
        let read = async move {
            let mut jobs = Vec::new();
            for order in store.head(queue, None, CANDIDATES).await? {
                // It may have gone since; whoever binds it finds out by its revision.
                jobs.extend(store.job(order.job).await?);
                if !jobs.is_empty() {
                    break;
                }
            }
            Ok::<_, ReadError>(jobs)
        };
        ctx.spawn(read.into_actor(self).map(|read, act, ctx| match read {
            Ok(jobs) => act.step(Input::Head(jobs), ctx),
            Err(error) => act.read_failed(&error, ctx),
        }));
    }

    fn commit(&mut self, commit: Commit, ctx: &mut Context<Self>) {
        failpoint::hit("traffic-before-commit");
        for job in &commit.jobs {
            log::info!(job = job.id.0, printer = self.name(), status = job.status.word(), attempt = job.attempts; "job");
        }
        let committed = self.begin.parts.store.commit(commit);
        ctx.spawn(committed.into_actor(self).map(|result, act, ctx| match result {
            Ok(_) => {
                failpoint::hit("traffic-after-commit");
                act.step(Input::Committed, ctx);
            }
            Err(error) => {
                log::warn!(printer = act.name(), error:%; "a commit was not taken");
                act.step(Input::CommitFailed(error), ctx);
            }
        }));
    }

    fn open(&mut self, generation: Generation, ctx: &mut Context<Self>) {
        let target = match &self.target {
            Ok(target) => target.clone(),
            Err(why) => {
                let why = why.clone();
                let failed = futures_util::future::ready(());
                ctx.spawn(failed.into_actor(self).map(move |(), act, ctx| {
                    act.step(Input::OpenFailed(generation, why), ctx);
                }));
                return;
            }
        };
        let opened = target.open();
        self.opening = Some(ctx.spawn(opened.into_actor(self).map(move |opened, act, ctx| {
            act.opening = None;
            match opened {
                Ok(link) => {
                    act.open = Some((generation, link));
                    act.step(Input::Opened(generation), ctx);
                }
                Err(why) => {
                    log::info!(printer = act.name(), why:%; "the printer is not ready");
                    act.step(Input::OpenFailed(generation, why), ctx);
                }
            }
        })));
    }

    fn drop_link(&mut self, generation: Generation, ctx: &mut Context<Self>) {
        if let Some(opening) = self.opening.take() {
            ctx.cancel_future(opening);
        }
        self.open.take_if(|(open, _)| *open == generation);
    }

    fn send(&mut self, generation: Generation, job: &Job, ctx: &mut Context<Self>) {
        let Some((_, link)) = self.open.take_if(|(open, _)| *open == generation) else { return };
        failpoint::hit("traffic-before-send");
        let (printer, address) = (self.begin.printer.id, ctx.address());
        let watch = thread_watcher::Begin { printer, job: job.id, generation };
        if self.begin.parts.watcher.try_send(watch).is_err() {
            log::warn!(printer = self.name(); "the thread watcher takes no messages; this attempt is not watched");
        }
        let attempt = Attempt {
            printer,
            job: job.id,
            generation,
            link,
            tag: self.tag(job),
            parts: self.parts_of(job),
            copies: job.options.copies(),
            // Where the notice is lost to a full mailbox, the timer finds the report.
            notify: Box::new(move |generation| drop(address.try_send(Reported(generation)))),
        };
        match self.begin.parts.pool.start(attempt) {
            Ok(running) => *self.begin.lane.attempt() = Some(running),
            Err(not_taken) => {
                log::error!(printer = self.name(), why:? = not_taken; "no print thread takes the job");
                let why = NotReady::Other("the server has no print thread for it".to_owned());
                let later = futures_util::future::ready(());
                ctx.spawn(later.into_actor(self).map(move |(), act, ctx| {
                    act.ended(generation, Outcome::NotReady(why), ctx);
                }));
            }
        }
    }

    fn tag(&self, job: &Job) -> JobTag {
        let extension = job.documents.first().map_or("prn", |document| document.format.extension());
        let closes = match self.begin.printer.closes.confirms(self.learned) {
            true => Confirmation::Close,
            false => Confirmation::Silence,
        };
        JobTag {
            id: job.id,
            created_at: job.created_at,
            accepted: job.accepted,
            title: job.title.clone(),
            user: job.submitter.user.clone(),
            extension,
            bytes_total: job.bytes_total().saturating_mul(u64::from(job.options.copies())),
            closes,
        }
    }

    fn parts_of(&self, job: &Job) -> Vec<Part> {
        let part = |document: &crate::model::job::DocumentRef| {
            let (documents, id, place) = (self.begin.parts.documents.clone(), document.id, document.place);
            Part {
                open: Box::new(move || documents.open(id, place)),
                bytes: document.bytes,
                crc: document.crc,
            }
        };
        job.documents.iter().map(part).collect()
    }

    fn shut(&mut self, generation: Generation, ctx: &mut Context<Self>) {
        let running = self.begin.lane.attempt().clone();
        if let Some(running) = running
            && running.shut() == Shut::Done
        {
            let later = futures_util::future::ready(());
            ctx.spawn(later.into_actor(self).map(move |(), act, ctx| {
                act.step(Input::ConnectionShut(generation), ctx);
            }));
        }
    }

    /// Takes the outcome of the present attempt, where it is there.
    fn take_report(&mut self, ctx: &mut Context<Self>) {
        let Some(generation) = self.traffic.as_ref().map(Traffic::generation) else { return };
        let report = self.begin.lane.attempt().as_ref().and_then(Running::take_report);
        if let Some(outcome) = report {
            *self.begin.lane.attempt() = None;
            self.ended(generation, outcome, ctx);
        }
    }

    fn ended(&mut self, generation: Generation, outcome: Outcome, ctx: &mut Context<Self>) {
        failpoint::hit("traffic-before-end");
        log::debug!(printer = self.name(), generation = generation.0, outcome:?; "attempt ended");
        if let Outcome::Done { how: crate::model::job::DoneHow::PeerClosed, .. } = outcome {
            self.learned.has_closed = true;
        }
        if let Outcome::Broken { broken: Broken::Silent, whole: Whole::Maybe | Whole::No, .. } = outcome {
            self.learned.silent_ends = self.learned.silent_ends.saturating_add(1);
        }
        let end = thread_watcher::End { printer: self.begin.printer.id, generation };
        if self.begin.parts.watcher.try_send(end).is_err() {
            log::warn!(printer = self.name(); "the thread watcher takes no messages");
        }
        self.step(Input::Report(generation, outcome), ctx);
    }

    fn ask(&mut self, job: &Job, ctx: &mut Context<Self>) {
        let (tag, target) = (self.tag(job), self.target.clone());
        let ask = actix_rt::task::spawn_blocking(move || match target {
            Ok(target) => target.ask(&tag),
            Err(_) => Answer::CannotTell,
        });
        ctx.spawn(ask.into_actor(self).map(|answer, act, ctx| {
            let answer = answer.unwrap_or(Answer::CannotTell);
            act.step(Input::Answered(answer), ctx);
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
            act.step(Input::Timer(progress), ctx);
        }));
    }

    fn progress(&self) -> Option<Progress> {
        let generation = self.traffic.as_ref()?.generation();
        let beat = self.begin.parts.board.beat(self.begin.printer.id, generation)?;
        Some(Progress { bytes: beat.bytes, stage: beat.stage })
    }
}

/// The device of a printer; an address that cannot be understood is a printer that is not ready, and says
/// why.
fn target_of(printer: &Printer, surroundings: &Surroundings) -> Result<Arc<dyn Target>, NotReady> {
    device::parse(&printer.uri, surroundings).map_err(|bad| NotReady::Other(bad.to_string()))
}

impl Actor for TrafficManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.wait_for_old_thread(ctx);
    }
}

impl Handler<Wake> for TrafficManager {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        self.begin.woken.store(false, Ordering::Release);
        failpoint::hit("traffic-wake");
        self.step(Input::Wake, ctx);
    }
}

impl Handler<Cancel> for TrafficManager {
    type Result = ();

    fn handle(&mut self, msg: Cancel, ctx: &mut Self::Context) {
        self.step(Input::Cancel(msg.0), ctx);
    }
}

impl Handler<Settings> for TrafficManager {
    type Result = ();

    fn handle(&mut self, msg: Settings, ctx: &mut Self::Context) {
        if msg.0.uri != self.begin.printer.uri {
            self.target = target_of(&msg.0, &self.begin.parts.surroundings);
        }
        self.begin.printer = msg.0.clone();
        let asks = self.asks();
        self.step(Input::Printer(Box::new((*msg.0).clone()), asks), ctx);
    }
}

impl Handler<Watched> for TrafficManager {
    type Result = ();

    fn handle(&mut self, msg: Watched, ctx: &mut Self::Context) {
        self.step(Input::Watch(msg.0, msg.1), ctx);
    }
}

impl Handler<Reported> for TrafficManager {
    type Result = ();

    fn handle(&mut self, _: Reported, ctx: &mut Self::Context) {
        self.take_report(ctx);
    }
}

impl Handler<Stop> for TrafficManager {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        match self.traffic {
            Some(_) => self.step(Input::Stop, ctx),
            None => ctx.stop(),
        }
    }
}

impl Handler<Park> for TrafficManager {
    type Result = ();

    fn handle(&mut self, _: Park, ctx: &mut Self::Context) {
        self.step(Input::Park, ctx);
    }
}
