//! The simulated world: one thread, one seed, and a heap of events ordered by time and number.
//!
//! Messages between different pairs overtake one another, those within one pair never do. First faults come,
//! then all is healed, and within [`LIVENESS`] every job that is not held must have ended.

use std::collections::BTreeMap;

use spool::model::commit::{CommitError, Committed};
use spool::model::id::{Generation, JobId};
use spool::model::intake::Refusal;
use spool::model::intake::messages::{self as intake, Reply, Ticket};
use spool::model::job::Job;
use spool::model::liveness::Verdict;
use spool::model::outcome::Outcome;
use spool::model::pool::PoolPolicy;
use spool::model::time::{MonoTime, Now, WallTime};
use spool::model::traffic;

use crate::checkers::Checker;
use crate::client::Client;
use crate::disk::{Disk, Handed, Read};
use crate::faults::{Faults, Plant, Rng};
use crate::printer::{Device, Worker};
use crate::process::Process;
use crate::trace::Trace;

/// So long after the healing everything must have ended, in milliseconds.
pub const LIVENESS: u64 = 3 * 3600 * 1000;
/// How long faults come, at most, in milliseconds.
const FAULTY: u64 = 400_000;
const TICK: u64 = 5_000;
/// More events than this, and something runs in circles.
const EVENTS_MAX: u64 = 400_000;

/// One connection of one life of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conn {
    pub life: u32,
    pub printer: usize,
    pub generation: Generation,
}

/// One traffic manager of one life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    pub life: u32,
    pub printer: usize,
    pub manager: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Intake,
    Devices,
    Store,
    Traffic(usize),
    Link(Conn),
    Watcher(usize),
    Client(usize),
}

#[derive(Debug)]
pub enum Event {
    ToIntake(u32, intake::Input),
    ToTraffic(Seat, traffic::Input),
    Bell(Seat),
    /// Kept until a manager is there to hear it.
    FromLink(Conn, traffic::Input),
    Timer(Seat, u64),
    /// The store takes the next commit in its line.
    Store(u32),
    StoreAnswers(u32, Box<Handed>, Result<Committed, CommitError>),
    Read(u32, Read),
    Dial(Conn),
    Work(Conn, u64),
    Finish(Conn),
    Silence(Conn),
    Shut(Conn),
    WatchStuck(Conn),
    WatchStall(Conn, u64),
    Late(Conn, Outcome),
    Ask(Seat, Box<Job>, u32),
    CancelAtDevice(Seat, Box<Job>),
    /// A device that talks is done with a job, or gives it up.
    DeviceEnds(usize, (JobId, u32)),
    Panel(usize),
    Client(usize),
    Reply(usize, Ticket, Box<Result<Reply, Refusal>>),
    Rebuild(u32, usize),
    Start,
    Crash,
    Stop,
    Panic(usize),
    Park(u32),
    EndOfLife(u32),
    Tick,
}

pub struct World {
    pub plant: Plant,
    pub rng: Rng,
    pub faults: Faults,
    pub healed: bool,
    heal_at: u64,
    /// When all was at rest for the first time.
    finale_at: Option<u64>,
    /// Milliseconds since the beginning of the world.
    pub at: u64,
    /// Where the wall clock is, against the time of the world.
    pub wall: i64,
    heap: BTreeMap<(u64, u64), Event>,
    seq: u64,
    last: BTreeMap<(Place, Place), u64>,
    pub life: u32,
    pub process: Option<Process>,
    pub disk: Disk,
    pub devices: Vec<Device>,
    pub policy: PoolPolicy,
    pub workers: BTreeMap<Conn, Worker>,
    pub clients: Vec<Client>,
    pub tickets: u64,
    pub check: Checker,
    pub trace: Trace,
    pub failure: Option<String>,
}

impl World {
    pub fn new(seed: u64, plant: Plant) -> World {
        let mut rng = Rng::new(seed);
        let faults = Faults::swarm(&mut rng);
        let printers = rng.between(1, 3) as usize;
        let policies = [PoolPolicy::FirstAvailable, PoolPolicy::RoundRobin, PoolPolicy::LeastCompletionTime];
        let policy = policies[rng.below(3) as usize];
        let devices = (0..printers).map(|no| Device::new(no, &mut rng)).collect();
        let clients = (0..rng.between(1, 3) as usize).map(Client::new).collect();
        World {
            plant,
            heal_at: rng.between(FAULTY / 4, FAULTY),
            finale_at: None,
            rng,
            faults,
            healed: false,
            at: 0,
            wall: 0,
            heap: BTreeMap::new(),
            seq: 0,
            last: BTreeMap::new(),
            life: 0,
            process: None,
            disk: Disk::default(),
            devices,
            policy,
            workers: BTreeMap::new(),
            clients,
            tickets: 0,
            check: Checker::default(),
            trace: Trace::default(),
            failure: None,
        }
    }

    /// Runs the world to its end. `Err` says what was wrong, with the end of the trace.
    pub fn run(mut self) -> Result<(), String> {
        self.later(0, Event::Start);
        self.later(TICK, Event::Tick);
        for client in 0..self.clients.len() {
            let first = self.rng.between(100, 3000);
            self.later(first, Event::Client(client));
        }
        let mut events = 0;
        while self.failure.is_none() {
            let Some(((at, _), event)) = self.heap.pop_first() else { break };
            self.at = at;
            events += 1;
            if events > EVENTS_MAX {
                self.fail(format!("running in circles: {}", self.who_waits()));
            }
            if matches!(event, Event::Tick) {
                if self.healed && self.quiet() {
                    if self.finale_at.is_some() {
                        break;
                    }
                    self.finale_at = Some(self.at);
                    self.finale();
                }
                self.tick();
            } else {
                self.dispatch(event);
            }
        }
        if self.failure.is_none() {
            self.check_end();
        }
        match self.failure {
            None => Ok(()),
            Some(what) => Err(format!("{}\n{what}\n{:?}", self.trace, self.faults)),
        }
    }

    pub fn now(&self) -> Now {
        let wall = 1_767_225_600_000i64 + self.at as i64 + self.wall;
        Now { wall: WallTime(wall as u64), mono: MonoTime(std::time::Duration::from_millis(self.at)) }
    }

    pub fn later(&mut self, wait: u64, event: Event) {
        self.seq += 1;
        self.heap.insert((self.at + wait, self.seq), event);
    }

    /// A message: it takes a while, and does not overtake an earlier one of the same pair.
    pub fn send(&mut self, from: Place, to: Place, event: Event) {
        let slow = self.rng.chance(self.faults.slow_message);
        let wait = self.rng.below(if slow { 2000 } else { 5 });
        let last = self.last.get(&(from, to)).copied().unwrap_or_default();
        let at = (self.at + wait).max(last);
        self.last.insert((from, to), at);
        self.later(at - self.at, event);
    }

    pub fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    pub fn say(&mut self, printer: Option<usize>, generation: Generation, job: Option<JobId>, event: &str) {
        let who = printer.map_or("-".to_owned(), |no| format!("p{no}"));
        let job = job.map_or("-".to_owned(), |job| job.to_string());
        let state = match (&self.process, printer) {
            (Some(process), Some(no)) => process.stands(no),
            (Some(_), None) => String::new(),
            (None, _) => "down".to_owned(),
        };
        self.trace.line(self.at, &who, generation.0, &job, event, &state);
    }

    fn dispatch(&mut self, event: Event) {
        match event {
            Event::ToIntake(life, input) => self.tell_intake(life, input),
            Event::ToTraffic(seat, input) => self.tell_traffic(seat, input),
            Event::Bell(seat) => self.bell(seat),
            Event::FromLink(conn, input) => self.hear_link(conn, input),
            Event::Timer(seat, no) => self.timer(seat, no),
            Event::Store(life) => self.store_works(life),
            Event::StoreAnswers(life, handed, result) => self.store_answers(life, *handed, result),
            Event::Read(life, read) => self.store_reads(life, read),
            Event::Dial(conn) => self.dial(conn),
            Event::Work(conn, turn) => self.work(conn, turn),
            Event::Finish(conn) => self.finish(conn),
            Event::Silence(conn) => self.silence(conn),
            Event::Shut(conn) => self.shut(conn),
            Event::WatchStuck(conn) => self.watch_stuck(conn),
            Event::WatchStall(conn, turn) => self.watch_stall(conn, turn),
            Event::Late(conn, outcome) => self.late(conn, outcome),
            Event::Ask(seat, job, tries) => self.ask(seat, *job, tries),
            Event::CancelAtDevice(seat, job) => self.cancel_at_device(seat, *job),
            Event::DeviceEnds(no, attempt) => self.device_ends(no, attempt),
            Event::Panel(no) => self.panel(no),
            Event::Client(no) => self.client_acts(no),
            Event::Reply(no, ticket, reply) => self.client_hears(no, ticket, *reply),
            Event::Rebuild(life, printer) => self.rebuild(life, printer),
            Event::Start => self.start(),
            Event::Crash => self.crash(),
            Event::Stop => self.stop(),
            Event::Panic(printer) => self.manager_panics(printer),
            Event::Park(life) => self.park(life),
            Event::EndOfLife(life) => self.end_of_life(life),
            Event::Tick => {}
        }
    }

    /// What comes by itself, every few seconds.
    fn tick(&mut self) {
        self.later(TICK, Event::Tick);
        self.load();
        self.look_for_jobs_to_move();
        self.check_nobody_idles();
        if self.healed {
            if self.at > self.finale_at.unwrap_or(self.heal_at) + LIVENESS {
                self.fail(format!("not everything has ended: {}", self.who_waits()));
            }
            return;
        }
        if self.at >= self.heal_at {
            return self.heal();
        }
        let due = |world: &mut World, every: u64| every > 0 && world.rng.below(every * 1000) < TICK;
        if due(self, self.faults.crash_every) {
            self.sometime(Event::Crash);
        }
        if due(self, self.faults.stop_every) {
            self.sometime(Event::Stop);
        }
        for no in 0..self.devices.len() {
            if due(self, self.faults.panic_every) {
                self.sometime(Event::Panic(no));
            }
            if due(self, self.faults.pause_every) {
                let paused = !self.devices[no].config.paused;
                self.set_paused(no, paused);
            }
            if self.rng.chance(self.faults.panel) {
                self.sometime(Event::Panel(no));
            }
            if self.rng.chance(self.faults.away) {
                self.devices[no].away_until = self.at + self.rng.between(1000, 200_000);
            }
        }
        if due(self, self.faults.wall_jump_every) {
            self.wall = self.rng.between(0, 7_200_000) as i64 - 3_600_000;
        }
        if self.rng.chance(self.faults.disk_full) {
            self.disk.full_until = self.at + self.rng.between(1000, 60_000);
        }
    }

    fn sometime(&mut self, event: Event) {
        let wait = self.rng.below(TICK);
        self.later(wait, event);
    }

    fn heal(&mut self) {
        self.say(None, Generation(0), None, "==== healed ====");
        self.healed = true;
        self.faults = Faults::default();
        self.disk.full_until = 0;
        for no in 0..self.devices.len() {
            (self.devices[no].away_until, self.devices[no].stalled_until) = (0, 0);
            // Nothing that would wake a printer which was forgotten.
            if self.devices[no].config.paused {
                self.set_paused(no, false);
            }
        }
        let conns: Vec<Conn> = self.workers.keys().copied().collect();
        for conn in conns {
            self.put_right(conn);
            self.work_again(conn, 0);
            self.link_says(conn, traffic::Input::Watch(conn.generation, Verdict::Moving));
        }
    }

    /// Nobody waits for anything: every job has ended or is held, every client has its answer.
    fn quiet(&self) -> bool {
        self.process.is_some()
            && self.disk.line.is_empty()
            && self.clients.iter().all(Client::is_done)
            && self.disk.all_jobs().iter().all(Checker::at_rest)
    }
}
