//! The pool of print threads: how many there are, and which attempt is next.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::{Attempt, Running, StartAttempt, Task};
use crate::clock::Clock;
use crate::model::liveness::Beat;

/// A thread without work for so long ends.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Beyond its deadline a stop waits so long for workers that were told to end.
const LAST_GRACE: Duration = Duration::from_secs(2);

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

    /// Takes an attempt: it begins now, or in its turn when a thread is free.
    pub fn start(&self, attempt: Attempt) -> Result<Running, NotTaken> {
        let (running, attempt) = (Running::of(&attempt), Box::new(attempt));
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
        state.waiting.push_back(Task { attempt, running: running.clone() });
        self.0.work.notify_one();
        Ok(running)
    }

    /// Takes back an attempt that still waits for a thread: it is reported at once, as aborted without a byte.
    /// One that has begun goes on.
    pub fn take_back(&self, running: &Running) {
        let taken = {
            let mut state = self.0.lock();
            let same = |task: &Task| task.running.is_same_as(running);
            state.waiting.iter().position(same).and_then(|place| state.waiting.remove(place))
        };
        if let Some(task) = taken {
            task.give_up();
        }
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

impl StartAttempt for PrintPool {
    fn start(&self, attempt: Attempt) -> Result<Running, NotTaken> {
        PrintPool::start(self, attempt)
    }

    fn take_back(&self, running: &Running) {
        PrintPool::take_back(self, running);
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
