//! The threads that send: a pool, bounded, made when needed, reused, gone when idle.
//!
//! A thread takes one attempt at a time, beats while it works, and leaves its outcome in a slot with one place
//! that is its alone. An outcome is therefore never dropped, however full a mailbox is; the notice that it is
//! there may be. A panic is an outcome as well.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::clock::Clock;
use crate::device::{JobTag, Link, Pulse, Shutter, Stop};
use crate::model::id::{Generation, JobId, PrinterId};
use crate::model::liveness::{Beat, Stage};
use crate::model::outcome::Outcome;
use crate::model::retry::{Broken, Whole};
use crate::model::time::MonoTime;
use crate::printing::{self, Part};

/// How many beats wait for whoever watches; more are dropped, the next ones say the same.
pub const BEATS_MAX: usize = 4096;
/// A thread without work for so long ends.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// While nothing but the number of bytes changes, a worker beats no more often than this.
const BEAT_EVERY: Duration = Duration::from_millis(250);
/// Beyond its deadline a stop waits so long for workers that were told to end.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// Something to send, and to whom it matters.
pub struct Attempt {
    pub printer: PrinterId,
    pub job: JobId,
    pub generation: Generation,
    pub link: Box<dyn Link>,
    pub tag: JobTag,
    pub parts: Vec<Part>,
    pub copies: u32,
    /// Called on the worker's thread when the outcome is in its slot. It must not block.
    pub notify: Box<dyn Fn(Generation) + Send>,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("printer", &self.printer)
            .field("job", &self.job)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// An attempt as it looks from outside: its outcome, and the ways to end it.
#[derive(Clone)]
pub struct Running {
    abort: Arc<AtomicBool>,
    shutter: Option<Arc<dyn Shutter>>,
    report: Arc<ReportSlot>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("can_shut", &self.shutter.is_some()).finish_non_exhaustive()
    }
}

/// Whether something could be shut from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    Done,
    /// It has no shutter: its thread ends when the operating system lets it.
    CannotBe,
}

impl Running {
    /// Tells the worker to end at its next beat.
    pub fn abort(&self) {
        self.abort.store(true, Ordering::Release);
    }

    /// Ends the worker also where it hangs in the device.
    pub fn shut(&self) -> Shut {
        self.abort();
        match &self.shutter {
            Some(shutter) => {
                shutter.shut();
                Shut::Done
            }
            None => Shut::CannotBe,
        }
    }

    /// The outcome, once it is there; it is kept until it is taken.
    pub fn take_report(&self) -> Option<Outcome> {
        self.report.take()
    }
}

/// The place for one outcome.
#[derive(Debug, Default)]
pub struct ReportSlot(Mutex<Option<Outcome>>);

impl ReportSlot {
    pub fn take(&self) -> Option<Outcome> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, outcome: Outcome) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }
}

/// Why an attempt was not taken; it comes back, nothing of it was sent.
#[derive(Debug)]
pub enum NotTaken {
    /// The pool is stopping.
    Stopping(Box<Attempt>),
    /// As many attempts wait as may.
    Full(Box<Attempt>),
    /// The operating system gives no thread, and there is none yet.
    NoThread(Box<Attempt>, io::Error),
}

/// What a stop left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Threads that have not ended; they hang in a device that cannot be shut.
    pub remaining: usize,
}

/// The bounds of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSize {
    /// `workers.print`.
    pub threads: usize,
    /// How many attempts may wait for a thread: the number of printers is enough, since each has one.
    pub waiting: usize,
}

/// The pool. Clones are the same pool.
#[derive(Clone)]
pub struct PrintPool(Arc<Shared>);

struct Shared {
    size: PoolSize,
    clock: Clock,
    beats: Sender<Beat>,
    state: Mutex<State>,
    /// Work came, or the pool stops.
    work: Condvar,
    /// A thread has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Task>,
    /// Names in use: `print-0`, `print-1`, … by place.
    threads: Vec<Seat>,
    idle: usize,
    phase: Phase,
}

/// What a thread number is used for.
enum Seat {
    Free,
    Idle,
    Busy(Running),
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Stopping,
}

struct Task {
    attempt: Box<Attempt>,
    running: Running,
}

impl fmt::Debug for PrintPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrintPool").field("size", &self.0.size).finish_non_exhaustive()
    }
}

impl PrintPool {
    /// A pool without threads yet. Beats go out through `beats`, bounded by [`BEATS_MAX`] or so.
    pub fn new(size: PoolSize, clock: Clock, beats: Sender<Beat>) -> PrintPool {
        let (work, ended) = (Condvar::new(), Condvar::new());
        PrintPool(Arc::new(Shared { size, clock, beats, state: Mutex::default(), work, ended }))
    }

    /// Takes an attempt: it begins now, or in its turn when a thread is free. Never blocks for long.
    pub fn start(&self, attempt: Attempt) -> Result<Running, NotTaken> {
        let attempt = Box::new(attempt);
        let mut state = self.0.lock();
        if state.phase == Phase::Stopping {
            return Err(NotTaken::Stopping(attempt));
        }
        // Every idle thread will take one of those that wait.
        let in_need = state.idle <= state.waiting.len();
        let spawned = match in_need && state.at_work() < self.0.size.threads {
            true => Shared::spawn(&self.0, &mut state),
            false => Ok(()),
        };
        match spawned {
            Err(error) if state.at_work() == 0 => return Err(NotTaken::NoThread(attempt, error)),
            _ if state.waiting.len() >= self.0.size.waiting.saturating_add(state.idle) => {
                return Err(NotTaken::Full(attempt));
            }
            // Without another thread it waits for one of those there are.
            Ok(()) | Err(_) => {}
        }
        let running =
            Running { abort: Arc::default(), shutter: attempt.link.shutter(), report: Arc::default() };
        state.waiting.push_back(Task { attempt, running: running.clone() });
        self.0.work.notify_one();
        Ok(running)
    }

    /// How many threads there are, at work or idle.
    pub fn threads(&self) -> usize {
        self.0.lock().at_work()
    }

    /// Takes no more work and ends all threads. What waits is reported as aborted without a byte; what is
    /// being sent may go on until `deadline` has passed, and is then told to end and shut. Returns when all
    /// threads have ended, or a little after the deadline. A second call waits for the same.
    pub fn stop(&self, deadline: Duration) -> Stopped {
        let waiting = {
            let mut state = self.0.lock();
            state.phase = Phase::Stopping;
            self.0.work.notify_all();
            std::mem::take(&mut state.waiting)
        };
        for task in waiting {
            task.give_up();
        }
        if self.0.wait_for_the_last(deadline) > 0 {
            for running in self.0.running() {
                running.shut();
            }
        }
        Stopped { remaining: self.0.wait_for_the_last(LAST_GRACE) }
    }
}

impl State {
    fn at_work(&self) -> usize {
        self.threads.iter().filter(|seat| !matches!(seat, Seat::Free)).count()
    }
}

impl Shared {
    /// Nobody panics while holding it: what can panic runs outside.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for all threads to end, at most for `longest`; answers how many are left.
    fn wait_for_the_last(&self, longest: Duration) -> usize {
        let busy = |state: &mut State| state.at_work() > 0;
        let waited = self.ended.wait_timeout_while(self.lock(), longest, busy);
        waited.unwrap_or_else(PoisonError::into_inner).0.at_work()
    }

    fn running(&self) -> Vec<Running> {
        let busy = |seat: &Seat| match seat {
            Seat::Busy(running) => Some(running.clone()),
            Seat::Free | Seat::Idle => None,
        };
        self.lock().threads.iter().filter_map(busy).collect()
    }

    fn spawn(pool: &Arc<Shared>, state: &mut State) -> io::Result<()> {
        let free = state.threads.iter().position(|seat| matches!(seat, Seat::Free));
        let number = free.unwrap_or(state.threads.len());
        let (shared, name) = (pool.clone(), format!("print-{number}"));
        thread::Builder::new().name(name.clone()).spawn(move || shared.work(number, &name.into()))?;
        match state.threads.get_mut(number) {
            Some(seat) => *seat = Seat::Idle,
            None => state.threads.push(Seat::Idle),
        }
        state.idle += 1;
        Ok(())
    }

    /// The life of a thread.
    fn work(&self, number: usize, name: &Arc<str>) {
        while let Some(task) = self.next(number) {
            task.carry_out(name, self.clock, &self.beats);
            let mut state = self.lock();
            state.threads[number] = Seat::Idle;
            state.idle += 1;
        }
    }

    /// The next task, in the order of their coming; `None` when it is time to end.
    fn next(&self, number: usize) -> Option<Task> {
        let nothing = |state: &mut State| state.waiting.is_empty() && state.phase == Phase::Open;
        let waited = self.work.wait_timeout_while(self.lock(), IDLE_MAX, nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.idle -= 1;
        let task = state.waiting.pop_front();
        state.threads[number] = match &task {
            Some(task) => Seat::Busy(task.running.clone()),
            None => Seat::Free,
        };
        if task.is_none() {
            self.ended.notify_all();
        }
        task
    }
}

impl Task {
    /// Sends it, whatever happens, and leaves the outcome in its slot.
    fn carry_out(self, worker: &Arc<str>, clock: Clock, beats: &Sender<Beat>) {
        let Task { attempt, running } = self;
        let Attempt { printer, job, generation, link, tag, parts, copies, notify } = *attempt;
        let mut pulse = WorkerPulse {
            beat: Beat {
                worker: worker.clone(),
                printer,
                job,
                generation,
                stage: Stage::Sending,
                bytes: 0,
                protected: Duration::ZERO,
                at: clock.now().mono,
            },
            sent_at: None,
            abort: &running.abort,
            clock,
            beats,
        };
        let sent = catch_unwind(AssertUnwindSafe(|| printing::run(link, &tag, &parts, copies, &mut pulse)));
        let outcome = sent.unwrap_or_else(|_| {
            log::error!(printer = printer.0, job = job.0, generation = generation.0; "the print thread panicked");
            pulse.after_panic()
        });
        report(&running, notify.as_ref(), generation, outcome);
    }

    /// Reports a task that never began.
    fn give_up(self) {
        let Task { attempt, running } = self;
        let Attempt { generation, notify, .. } = *attempt;
        report(&running, notify.as_ref(), generation, Outcome::Aborted { whole: Whole::No, bytes: 0 });
    }
}

fn report(running: &Running, notify: &dyn Fn(Generation), generation: Generation, outcome: Outcome) {
    running.report.put(outcome);
    // The outcome is safe in its slot; a panic of the notifier must not take the thread with it.
    if catch_unwind(AssertUnwindSafe(|| notify(generation))).is_err() {
        log::error!(generation = generation.0; "telling of an outcome panicked; it waits to be taken");
    }
}

/// Turns the pulse of an attempt into beats.
struct WorkerPulse<'a> {
    beat: Beat,
    sent_at: Option<MonoTime>,
    abort: &'a AtomicBool,
    clock: Clock,
    beats: &'a Sender<Beat>,
}

impl WorkerPulse<'_> {
    fn send(&mut self) {
        self.beat.at = self.clock.now().mono;
        // A full channel drops this one: the next says the same and more.
        self.sent_at = self.beats.try_send(self.beat.clone()).ok().map(|()| self.beat.at);
    }

    /// What an attempt came to whose thread panicked: the stage tells whether all had been handed over.
    fn after_panic(&self) -> Outcome {
        let whole = match self.beat.stage {
            Stage::Connecting | Stage::Sending => Whole::No,
            Stage::Ending | Stage::AwaitingWord => Whole::Maybe,
        };
        Outcome::Broken { broken: Broken::WorkerPanic, whole, bytes: self.beat.bytes }
    }
}

impl Pulse for WorkerPulse<'_> {
    fn beat(&mut self, bytes: u64) -> Result<(), Stop> {
        self.beat.bytes = bytes;
        let now = self.clock.now().mono;
        if self.sent_at.is_none_or(|sent_at| now.since(sent_at) >= BEAT_EVERY) {
            self.send();
        }
        if self.abort.load(Ordering::Acquire) { Err(Stop) } else { Ok(()) }
    }

    fn stage(&mut self, stage: Stage) {
        if self.beat.stage != stage || self.sent_at.is_none() {
            self.beat.stage = stage;
            self.send();
        }
    }

    fn protect(&mut self, longest: Duration) {
        if self.beat.protected != longest {
            self.beat.protected = longest;
            self.send();
        }
    }
}
