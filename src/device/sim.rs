//! `sim:NAME?ppm=30&fail=jam@3&recover=20s`: a printer that is not there, with faults on plan, for tests and
//! demonstrations.
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `ppm` | pages a minute; a page is 64 KiB of data | as fast as it goes |
//! | `talks` | `yes`: it numbers its jobs, tells of them, and can be asked and told to cancel | `no` |
//! | `latency` | how long connecting takes, and the final word | none |
//! | `fail` | `KIND@N`, a comma list: what happens to the N-th job that it is offered | nothing |
//! | `recover` | how long `refuse`, `asleep`, `jam`, `empty`, `cover` and `stall` last | `10s` |
//!
//! The kinds are those of [`Fault`]. A fault happens once. A job counts when the printer begins to take it;
//! a job that is sent again is another one. What a printer has gone through lives as long as its target.

mod script;
mod talk;

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use self::script::{Fault, Obstacle, Script, Speech};
use self::talk::{Fate, Memory};
use super::{
    BadUri, CancelFailed, Confirmation, JobTag, Kind, Link, LinkError, Place, Pulse, Shutter, Surroundings,
    Target, Timing,
};
use crate::clock::Clock;
use crate::model::description::Description;
use crate::model::job::{DoneHow, FailReason};
use crate::model::liveness::Stage;
use crate::model::news::{News, Printing};
use crate::model::outcome::Answer;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::model::time::MonoTime;

pub const KIND: Kind = Kind { scheme: "sim", example: "sim:?ppm=30", parse };

/// A simulated page, in bytes.
pub const PAGE_BYTES: u64 = 64 * 1024;
/// A cancellation is obeyed within this time.
const OBEY: Duration = Duration::from_millis(100);

fn parse(place: &Place<'_>, surroundings: &Surroundings) -> Result<Arc<dyn Target>, BadUri> {
    let uri = place.uri;
    let bad = |why: String| BadUri { uri: uri.chars().take(200).collect(), why };
    let script = Script::parse(uri.strip_prefix("sim:").unwrap_or(uri)).map_err(bad)?;
    let memory = Memory::default();
    let state = Mutex::new(State { begun: 0, until: None, faults: script.faults.clone(), memory });
    let Surroundings { timing, clock, .. } = *surroundings;
    Ok(Arc::new(SimTarget(Arc::new(Printer { script, state, timing, clock }))))
}

#[derive(Clone, Debug)]
struct SimTarget(Arc<Printer>);

#[derive(Debug)]
struct Printer {
    script: Script,
    state: Mutex<State>,
    timing: Timing,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    /// Jobs begun so far.
    begun: u64,
    /// The obstacle in the way of the next job, and when it will be gone.
    until: Option<(MonoTime, Obstacle)>,
    /// What has not happened yet.
    faults: Vec<(u64, Fault)>,
    memory: Memory,
}

impl Printer {
    fn talks(&self) -> bool {
        self.script.speech == Speech::Talks
    }

    /// Also after a panic on plan the state is good: nobody panics while holding it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> MonoTime {
        self.clock.now().mono
    }

    /// Whether the next job gets in.
    fn admit(&self) -> Result<(), NotReady> {
        let now = self.now();
        let mut state = self.state();
        let next = state.begun + 1;
        let obstacle = |(n, fault): &(u64, Fault)| match fault {
            Fault::NotReady(obstacle) if *n == next => Some(*obstacle),
            _ => None,
        };
        if state.until.is_none()
            && let Some(at) = state.faults.iter().position(|fault| obstacle(fault).is_some())
            && let Some(obstacle) = obstacle(&state.faults.swap_remove(at))
        {
            state.until = Some((now.plus(self.script.recover), obstacle));
        }
        match state.until {
            Some((until, obstacle)) if now < until => Err(obstacle.reason()),
            Some(_) | None => {
                state.until = None;
                Ok(())
            }
        }
    }

    /// Counts a job and tells what will happen to it.
    fn begin(&self) -> (u64, Option<Fault>) {
        let mut state = self.state();
        state.begun += 1;
        let number = state.begun;
        let at =
            state.faults.iter().position(|(n, fault)| *n == number && !matches!(fault, Fault::NotReady(_)));
        (number, at.map(|at| state.faults.swap_remove(at).1))
    }
}

impl Target for SimTarget {
    fn address(&self) -> (String, u16) {
        (String::new(), 0)
    }

    fn open(&self) -> BoxFuture<'static, Result<Box<dyn Link>, NotReady>> {
        let printer = self.0.clone();
        async move {
            tokio::time::sleep(printer.script.latency).await;
            printer.admit()?;
            let gate =
                Arc::new(Gate { shut: AtomicBool::new(false), lock: Mutex::new(()), bell: Condvar::new() });
            let link = SimLink {
                printer,
                gate,
                fault: None,
                closes: Confirmation::Close,
                bytes_total: 0,
                taken: 0,
                handle: None,
                news: News::default(),
            };
            Ok(Box::new(link) as Box<dyn Link>)
        }
        .boxed()
    }

    fn can_ask(&self) -> bool {
        self.0.talks()
    }

    fn ask(&self, tag: &JobTag) -> BoxFuture<'static, Answer> {
        ready(self.0.state().memory.ask(tag)).boxed()
    }

    fn can_cancel(&self) -> bool {
        self.0.talks()
    }

    fn cancel(&self, tag: &JobTag) -> BoxFuture<'static, Result<(), CancelFailed>> {
        ready(self.0.state().memory.cancel(tag)).boxed()
    }

    fn describe(&self) -> BoxFuture<'static, Result<Option<Description>, NotReady>> {
        ready(Ok(self.0.talks().then(talk::description))).boxed()
    }
}

/// Where a link waits, and is woken when it is shut.
struct Gate {
    shut: AtomicBool,
    lock: Mutex<()>,
    bell: Condvar,
}

impl Shutter for Gate {
    fn shut(&self) {
        // Under the lock: a link is either before its look at `shut`, or waits for the bell.
        let _held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.shut.store(true, Ordering::Release);
        self.bell.notify_all();
    }
}

impl Gate {
    fn wait(&self, longest: Duration) -> Result<(), LinkError> {
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let open = |(): &mut ()| !self.shut.load(Ordering::Acquire);
        drop(self.bell.wait_timeout_while(held, longest, open));
        if self.shut.load(Ordering::Acquire) { Err(LinkError::Stopped) } else { Ok(()) }
    }
}

struct SimLink {
    printer: Arc<Printer>,
    gate: Arc<Gate>,
    fault: Option<Fault>,
    closes: Confirmation,
    bytes_total: u64,
    taken: u64,
    /// The number of the job, at a printer that talks.
    handle: Option<String>,
    news: News,
}

impl SimLink {
    fn fate(&self, fate: Fate) {
        if let Some(handle) = &self.handle {
            self.printer.state().memory.set(handle, fate);
        }
    }

    /// Whether somebody has canceled the job meanwhile.
    fn obey(&self) -> Result<(), LinkError> {
        let Some(handle) = &self.handle else { return Ok(()) };
        let mut state = self.printer.state();
        match state.memory.of(handle) {
            Some(Fate::ToBeCanceled) => {
                state.memory.set(handle, Fate::Canceled);
                Err(LinkError::Canceled)
            }
            _ => Ok(()),
        }
    }

    /// Pages come out as bytes go in.
    fn tell(&mut self, pulse: &mut dyn Pulse) {
        if self.handle.is_some() {
            self.news.printing = Printing::Begun;
            self.news.pages_done = u32::try_from(self.taken / PAGE_BYTES).ok();
            pulse.news(self.news.clone());
        }
    }

    /// Lets time pass, beating.
    fn pass(&self, wait: Duration, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let until = self.printer.now().plus(wait);
        loop {
            pulse.beat(self.taken)?;
            self.obey()?;
            let left = until.since(self.printer.now());
            let longest = if self.handle.is_some() { OBEY } else { self.printer.timing.beat };
            self.gate.wait(left.min(longest))?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// What happens in the middle of this job, when `next` bytes more are to be taken.
    fn middle(&mut self, next: u64, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let reached = (self.taken + next) * 2 >= self.bytes_total;
        match self.fault {
            Some(fault @ (Fault::Break(_) | Fault::Stall | Fault::Panic)) if reached => {
                self.fault = None;
                self.suffer(fault, pulse)
            }
            _ => Ok(()),
        }
    }

    #[allow(clippy::panic, reason = "that is what was ordered")]
    fn suffer(&self, fault: Fault, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        match fault {
            Fault::Break(broken) => Err(LinkError::Broken(broken, Whole::No)),
            Fault::Stall => self.pass(self.printer.script.recover, pulse),
            Fault::Panic => panic!("the simulated printer was told to panic"),
            Fault::NotReady(_)
            | Fault::Silent
            | Fault::Slow
            | Fault::Document
            | Fault::Credentials
            | Fault::Lies => Ok(()),
        }
    }
}

impl Link for SimLink {
    fn description(&self) -> Option<Arc<Description>> {
        self.printer.talks().then(|| Arc::new(talk::description()))
    }

    fn shutter(&self) -> Option<Arc<dyn Shutter>> {
        Some(self.gate.clone())
    }

    fn begin(&mut self, tag: &JobTag, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        pulse.beat(0)?;
        self.gate.wait(Duration::ZERO)?;
        let (number, fault) = self.printer.begin();
        self.fault = fault;
        if self.printer.talks() {
            self.handle = Some(number.to_string());
            self.fate(Fate::Underway);
            self.news.handle.clone_from(&self.handle);
            pulse.news(self.news.clone());
        }
        (self.closes, self.bytes_total) = (tag.closes, tag.bytes_total);
        match self.fault {
            Some(Fault::Document) => Err(LinkError::Document(FailReason::Document(
                "the simulated printer cannot print it, as it was told".to_owned(),
            ))),
            Some(Fault::Credentials) => Err(LinkError::Credentials),
            _ => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8], pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        self.middle(bytes.len() as u64, pulse)?;
        let page = self.printer.script.page(self.fault == Some(Fault::Slow));
        self.pass(page.mul_f64(bytes.len() as f64 / PAGE_BYTES as f64), pulse)?;
        self.taken += bytes.len() as u64;
        self.tell(pulse);
        Ok(())
    }

    fn finish(self: Box<Self>, pulse: &mut dyn Pulse) -> Result<DoneHow, LinkError> {
        pulse.stage(Stage::AwaitingWord);
        self.pass(self.printer.script.latency, pulse)?;
        if self.fault != Some(Fault::Silent) {
            self.obey()?;
            self.fate(Fate::Printed);
            return Ok(if self.handle.is_some() { DoneHow::DeviceSaid } else { DoneHow::PeerClosed });
        }
        self.pass(self.printer.timing.silence, pulse)?;
        match self.closes {
            Confirmation::Close => Err(LinkError::Broken(Broken::Silent, Whole::Maybe)),
            Confirmation::Silence => Ok(DoneHow::Unconfirmed),
        }
    }
}

/// Whoever loses it before its end has dropped the job.
impl Drop for SimLink {
    fn drop(&mut self) {
        let Some(handle) = &self.handle else { return };
        let mut state = self.printer.state();
        if matches!(state.memory.of(handle), Some(Fate::Underway | Fate::ToBeCanceled)) {
            state.memory.set(handle, Fate::Dropped);
        }
    }
}
