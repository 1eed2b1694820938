//! The threads that send: a pool, bounded, made when needed, reused, gone when idle.
//!
//! A thread takes one attempt at a time, beats while it works, and leaves its outcome in a slot with one place
//! that is its alone. An outcome is therefore never dropped, however full a mailbox is; the notice that it is
//! there may be. A panic is an outcome as well.

mod pool;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::Sender;

pub use self::pool::{NotTaken, PoolSize, PrintPool, Stopped};
use crate::clock::Clock;
use crate::device::{JobTag, Link, Pulse, Shutter, Stop};
use crate::failpoint;
use crate::model::id::{Generation, JobId, PrinterId};
use crate::model::liveness::{Beat, Stage};
use crate::model::news::News;
use crate::model::outcome::Outcome;
use crate::model::retry::{Broken, Whole};
use crate::model::time::MonoTime;
use crate::model::traffic::Progress;
use crate::printing::Load;

/// How many beats wait for whoever watches; more are dropped, the next ones say the same.
pub const BEATS_MAX: usize = 4096;
/// While nothing but the number of bytes changes, a worker beats no more often than this.
const BEAT_EVERY: Duration = Duration::from_millis(250);

/// Something to send, and to whom it matters.
pub struct Attempt {
    pub printer: PrinterId,
    pub job: JobId,
    pub generation: Generation,
    pub link: Box<dyn Link>,
    pub tag: JobTag,
    pub load: Load,
    /// Called on the worker's thread when the outcome, or news of the device, is in its slot. It must not
    /// block.
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
    news: Arc<Mutex<Option<(News, Progress)>>>,
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

/// Carries attempts out: the pool of print threads, or what stands for it where no thread may take part.
pub trait StartAttempt: Send + Sync {
    /// Takes an attempt: it begins now, or in its turn. Never blocks for long.
    fn start(&self, attempt: Attempt) -> Result<Running, NotTaken>;

    /// Takes back an attempt that still waits for its turn: it is reported at once, as aborted without a byte.
    /// One that has begun goes on. Nothing is to be done where none ever waits.
    fn take_back(&self, _running: &Running) {}
}

impl Running {
    /// The outside of an attempt that begins.
    pub fn of(attempt: &Attempt) -> Running {
        Running {
            abort: Arc::default(),
            shutter: attempt.link.shutter(),
            report: Arc::default(),
            news: Arc::default(),
        }
    }

    /// Whether its worker is to end.
    pub fn is_aborted(&self) -> bool {
        self.abort.load(Ordering::Acquire)
    }

    /// Leaves the outcome to be taken; whoever carries out the attempt tells so afterwards.
    pub fn put_report(&self, outcome: Outcome) {
        self.report.put(outcome);
    }

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

    fn is_same_as(&self, other: &Running) -> bool {
        Arc::ptr_eq(&self.report, &other.report)
    }

    /// The newest that the device has said of the job since it was last asked for, and how far the bytes were.
    pub fn take_news(&self) -> Option<(News, Progress)> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Leaves what the device says to be taken; whoever carries out the attempt tells so afterwards.
    pub fn put_news(&self, news: News, progress: Progress) {
        let mut slot = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, last) = slot.get_or_insert_with(|| (News::default(), progress));
        all.take_in(news);
        *last = progress;
    }

    /// The outcome, once it is there. It stays: whoever hears it may fail before he has decided on it.
    pub fn report(&self) -> Option<Outcome> {
        self.report.get()
    }
}

/// The place for one outcome.
#[derive(Debug, Default)]
pub struct ReportSlot(Mutex<Option<Outcome>>);

impl ReportSlot {
    pub fn get(&self) -> Option<Outcome> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, outcome: Outcome) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }
}

/// An attempt and its outside.
struct Task {
    attempt: Box<Attempt>,
    running: Running,
}

impl Task {
    /// Sends it, whatever happens, and leaves the outcome in its slot.
    fn carry_out(self, worker: &Arc<str>, clock: Clock, beats: &Sender<Beat>) {
        let Task { attempt, running } = self;
        let Attempt { printer, job, generation, link, tag, load, notify } = *attempt;
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
            running: &running,
            notify: notify.as_ref(),
            clock,
            beats,
        };
        let sent = catch_unwind(AssertUnwindSafe(|| load.run(link, &tag, &mut pulse)));
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
    running.put_report(outcome);
    // The outcome is safe in its slot; a panic of the notifier must not take the thread with it.
    if catch_unwind(AssertUnwindSafe(|| notify(generation))).is_err() {
        log::error!(generation = generation.0; "telling of an outcome panicked; it waits to be taken");
    }
}

/// Turns the pulse of an attempt into beats.
struct WorkerPulse<'a> {
    beat: Beat,
    sent_at: Option<MonoTime>,
    running: &'a Running,
    notify: &'a (dyn Fn(Generation) + Send),
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
            Stage::Connecting | Stage::Sending | Stage::AwaitingData => Whole::No,
            Stage::Ending | Stage::AwaitingWord => Whole::Maybe,
        };
        Outcome::Broken { broken: Broken::WorkerPanic, whole, bytes: self.beat.bytes }
    }
}

impl Pulse for WorkerPulse<'_> {
    fn beat(&mut self, bytes: u64) -> Result<(), Stop> {
        failpoint::hit("print-thread-beat");
        self.beat.bytes = bytes;
        let now = self.clock.now().mono;
        if self.sent_at.is_none_or(|sent_at| now.since(sent_at) >= BEAT_EVERY) {
            self.send();
        }
        if self.running.is_aborted() { Err(Stop) } else { Ok(()) }
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

    fn news(&mut self, news: News) {
        let Beat { bytes, stage, .. } = self.beat;
        self.running.put_news(news, Progress { bytes, stage });
        (self.notify)(self.beat.generation);
    }
}
