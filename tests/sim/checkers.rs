//! What is looked at after every commit and at the end: the invariants of the model, and those that need the
//! paper as ground truth.

use std::collections::{BTreeMap, BTreeSet};

use spool::model::commit::Commit;
use spool::model::event::Entry;
use spool::model::id::{Generation, JobId, QueueId};
use spool::model::invariants::{self, Violation};
use spool::model::job::{Bound, DoneHow, FailReason, HoldReason, Job, JobStatus, Reason};
use spool::model::printer::{Closes, Learned, WhenInDoubt};
use spool::model::traffic::Input;
use spool::store::read;

use crate::process::{BROKEN_MAX, POOL};
use crate::world::{Conn, Seat, World};

/// A job that has waited so long, in milliseconds, was seen by everyone.
const OVERTAKEN: u64 = 15_000;
/// From then on, in milliseconds, what was left to a mate is not left again.
const LEFT_MAX: u64 = 5_000;
/// A job that has waited so long, in milliseconds, was seen by everyone who has had nothing to do for as long.
const IDLE_MAX: u64 = 20_000;
/// More entries in one timeline, and something goes round in circles.
const ENTRIES_MAX: u32 = 600;

/// What the checkers remember: the promises that were made.
#[derive(Debug, Default)]
pub struct Checker {
    /// Acknowledged jobs, and how their clients know them.
    acknowledged: BTreeMap<JobId, String>,
    pub cancel_wished: BTreeSet<JobId>,
    /// Attempts whose manager was told of a durable cancel.
    cancel_told: BTreeSet<(JobId, u32)>,
    /// Attempts whose manager was told the device's number.
    numbered: BTreeSet<(JobId, u32)>,
    /// Since when each waiting job has its present place.
    waits_since: BTreeMap<JobId, u64>,
    /// When a manager left a job to its mates for the first time since that has its place.
    passed_over: BTreeMap<(Option<Seat>, JobId), u64>,
}

impl Checker {
    /// It has ended, or waits for a person.
    pub fn at_rest(job: &Job) -> bool {
        job.status.is_final() || job.status == JobStatus::Held
    }
}

impl World {
    fn hold_to(&mut self, holds: Result<(), Violation>) {
        if let Err(Violation { rule, what }) = holds {
            self.fail(format!("[{rule}] {what}"));
        }
    }

    /// After a commit: every job went on as it may, and its end is true.
    pub fn check_commit(&mut self, commit: &Commit, before: &[Job]) {
        let find = |id| before.iter().find(|job: &&Job| job.id == id).cloned();
        let place = |job: &Job| (job.serving_queue(), job.order());
        self.hold_to(invariants::commit(commit, find));
        for job in &commit.jobs {
            self.check_job(job);
            self.check_place(job, before, commit);
            self.check.passed_over.retain(|(_, passed), _| *passed != job.id);
            match job.status {
                JobStatus::Waiting if find(job.id).is_some_and(|old| place(&old) == place(job)) => None,
                JobStatus::Waiting => self.check.waits_since.insert(job.id, self.at),
                _ => self.check.waits_since.remove(&job.id),
            };
        }
        for job in commit.jobs.iter().filter(|job| job.status == JobStatus::Transmitting) {
            self.check_order(job, before);
        }
        for entry in &commit.timeline {
            let event = format!("{} → {:?} {}", entry.kind, entry.to, entry.reason.as_deref().unwrap_or(""));
            self.say(None, Generation(u64::from(entry.attempt)), Some(entry.job), &event);
            self.check_rule(entry);
        }
        let at_printers = self.disk.at_printers();
        self.hold_to(invariants::one_at_a_time(&at_printers));
    }

    /// A printer takes the first of its queues. One that has come just now may be missed.
    fn check_order(&mut self, job: &Job, before: &[Job]) {
        let place = before.iter().find(|old| old.id == job.id).and_then(Job::order);
        let (Some(place), Some(bound)) = (place, &job.bound) else { return };
        for queue in self.queues_of(bound.printer.0 as usize - 1) {
            let Some(first) = self.disk.head(queue).into_iter().next().filter(|first| *first < place) else {
                continue;
            };
            let since = self.check.waits_since.get(&first.job).copied().unwrap_or_default();
            let waits = since + OVERTAKEN < self.at;
            if waits && (queue != QueueId::Pool(POOL) || self.left_for_too_long(bound, first.job)) {
                self.fail(format!("job {} waits in front of job {}, which is taken", first.job, job.id));
            }
        }
    }

    /// A job of a pool is left to a mate for a moment only: a manager does not pass over it again later.
    fn left_for_too_long(&mut self, bound: &Bound, job: JobId) -> bool {
        let no = bound.printer.0 as usize - 1;
        let seat = self.seat(no);
        let first = self.check.passed_over.entry((seat, job)).or_insert(self.at);
        *first + LEFT_MAX < self.at
    }

    /// A job keeps its age, unless a user wants it printed once more, and its priority, unless a user changes it.
    fn check_place(&mut self, job: &Job, before: &[Job], commit: &Commit) {
        let Some(old) = before.iter().find(|old| old.id == job.id) else { return };
        let did = |kind| commit.timeline.iter().any(|entry| entry.job == job.id && entry.kind == kind);
        if old.accepted != job.accepted && !did("restarted") {
            self.fail(format!("job {} has lost its age", job.id));
        }
        if old.priority != job.priority && !did("priority-changed") {
            self.fail(format!("job {} has lost its priority", job.id));
        }
        if old.queue != job.queue && !did("moved") {
            self.fail(format!("job {} is addressed elsewhere now", job.id));
        }
    }

    /// No job waits for long while a printer that serves its queue has nothing to do.
    pub fn check_nobody_idles(&mut self) {
        let Some(process) = self.process.as_ref().filter(|process| !process.stopping) else { return };
        let long_ago = |since: u64| since + IDLE_MAX < self.at;
        let mut idle = Vec::new();
        for (no, manager) in process.managers.iter().enumerate() {
            if manager.traffic.is_some()
                && manager.idle_since.is_some_and(long_ago)
                && !self.devices[no].config.paused
            {
                idle.push(no);
            }
        }
        for no in idle {
            for queue in self.queues_of(no) {
                let first = self.disk.head(queue).into_iter().next();
                let since = first.and_then(|first| self.check.waits_since.get(&first.job));
                if let (Some(first), Some(since)) = (first, since.copied())
                    && since + IDLE_MAX < self.at
                {
                    self.fail(format!("job {} waits, and p{no} has nothing to do", first.job));
                }
            }
        }
    }

    fn check_job(&mut self, job: &Job) {
        let attempt = (job.id, job.attempts);
        self.check_handle(job);
        let said = self.devices.iter().any(|device| device.words.contains(&attempt));
        self.hold_to(invariants::completed_on_word(job, said));
        match (job.status, &job.reason) {
            (JobStatus::Completed, _) => {
                self.check_unconfirmed(job);
                let whole = self.devices.iter().any(|device| device.printed_whole(job.id));
                let lied = self.devices.iter().any(|device| device.lies.contains(&attempt));
                if !whole && !lied && !self.mute_liar(job) {
                    self.fail(format!("job {} is completed and never came out", job.id));
                }
            }
            (JobStatus::Canceled, Reason::CanceledAtDevice)
                if !self.devices.iter().any(|device| device.desk.canceled_at_panel(job)) =>
            {
                self.fail(format!("job {} is canceled at the device and nobody did that", job.id));
            }
            (JobStatus::Canceled, Reason::CanceledAtDevice) => {}
            (JobStatus::Canceled, _) if !self.check.cancel_wished.contains(&job.id) => {
                self.fail(format!("job {} is canceled and nobody asked for it", job.id));
            }
            (JobStatus::Failed, Reason::Failed(FailReason::DocumentDamaged(why))) => {
                self.fail(format!("job {} lost its document: {why}", job.id));
            }
            (JobStatus::Failed, _) if !job.title.ends_with("bad") => {
                self.fail(format!("job {} failed and its document is good", job.id));
            }
            _ => {}
        }
    }

    /// «Unconfirmed» is said only of a printer that is known to say nothing.
    fn check_unconfirmed(&mut self, job: &Job) {
        let Some(bound) = job.bound.as_ref().filter(|_| job.reason == Reason::Done(DoneHow::Unconfirmed))
        else {
            return;
        };
        let learned = self.disk.setting(&Learned::setting(bound.printer));
        let learned = learned.map(|bytes| Learned::from_bytes(&bytes)).unwrap_or_default();
        if Closes::Auto.confirms(learned) {
            self.fail(format!("job {} is completed unconfirmed at a printer that may yet speak", job.id));
        }
    }

    /// A device that says nothing may have lied about it.
    fn mute_liar(&self, job: &Job) -> bool {
        self.workers.values().any(|worker| worker.job.id == job.id && worker.lies())
    }

    /// The number that a device gave is recorded by the time the job ends.
    fn check_handle(&mut self, job: &Job) {
        let store = self.faults.commit_fails + self.faults.commit_unknown + self.faults.disk_full;
        let lives = self.faults.crash_every + self.faults.stop_every + self.faults.panic_every;
        let told = self.check.numbered.contains(&(job.id, job.attempts));
        let ended = job.status.is_final() && job.bound.is_some() && job.device_job_id.is_none();
        if store + lives + self.faults.read_fails == 0 && ended && told {
            self.fail(format!("job {} has ended without the number that its device gave it", job.id));
        }
    }

    pub fn number_is_told(&mut self, conn: Conn) {
        if let Some(worker) = self.workers.get(&conn) {
            self.check.numbered.insert((worker.job.id, worker.job.attempts));
        }
    }

    /// A printer whose rule is to hold never prints again by itself.
    fn check_rule(&mut self, entry: &Entry) {
        let by_itself = entry.kind == "print-again";
        let Some(job) = self.disk.job(entry.job).filter(|_| by_itself) else { return };
        let holds = |no: &usize| self.devices[*no].config.when_in_doubt == WhenInDoubt::Hold;
        let last = self.check_last_printer(&job);
        if last.filter(holds).is_some() {
            self.fail(format!("job {} is printed again against its printer's rule", job.id));
        }
    }

    /// The printer of the last attempt, as the timeline has it.
    fn check_last_printer(&self, job: &Job) -> Option<usize> {
        let timeline = self.timeline(job.id);
        let attempt = timeline.iter().rev().find(|entry| entry.kind == "attempt")?;
        let name = attempt.printer.as_ref()?;
        self.devices.iter().position(|device| device.config.name == *name)
    }

    fn timeline(&self, job: JobId) -> Vec<Entry> {
        self.disk.store.read(|rows| read::timeline(rows, job, 0, 10_000)).expect("the simulated disk reads")
    }

    /// An attempt is begun only by a manager that may begin one.
    pub fn check_handed_in(&mut self, seat: Seat, commit: &Commit) {
        let attempt = commit.timeline.iter().any(|entry| entry.kind == "attempt");
        if attempt && !self.may_begin(seat) {
            self.fail(format!("p{} begins a job though it is paused or stopping", seat.printer));
        }
    }

    pub fn cancel_is_told(&mut self, id: JobId) {
        if let Some(job) = self.disk.job(id).filter(|job| job.cancel_requested) {
            self.check.cancel_told.insert((id, job.attempts));
        }
    }

    /// The attempt is durable before the first byte leaves, and no cancel came between.
    pub fn check_first_byte(&mut self, conn: Conn, job: &Job) {
        let open = self.devices[conn.printer].live == Some(conn);
        let linked = self.manager(conn).is_some_and(|manager| manager.links.contains(&conn.generation));
        if linked && !open {
            self.fail(format!("job {} is sent over a connection that is not there: {conn:?}", job.id));
        }
        if self.check.cancel_told.contains(&(job.id, job.attempts)) {
            self.fail(format!("job {} starts after its printer was told to cancel it", job.id));
        }
        self.check_not_canceled_there(job);
        if !self.durable_attempt(job.id, conn) {
            self.fail(format!("job {} is sent and its attempt is not recorded: {conn:?}", job.id));
        }
    }

    pub fn check_acknowledged(&mut self, id: JobId, title: &str) {
        match self.disk.job(id) {
            Some(job) if job.title == title => {
                self.check.acknowledged.insert(id, title.to_owned());
            }
            other => self.fail(format!("{title} is acknowledged as job {id}, which is {other:?}")),
        }
    }

    /// Every acknowledged job is there, with its documents.
    pub fn check_nothing_lost(&mut self) {
        for id in self.check.acknowledged.keys().copied().collect::<Vec<JobId>>() {
            let Some(job) = self.disk.job(id) else {
                return self.fail(format!("job {id} was acknowledged and is lost"));
            };
            if job.documents.iter().any(|document| self.body_is_gone(document.id)) {
                return self.fail(format!("the document of job {id} is lost"));
            }
        }
    }

    pub fn check_end(&mut self) {
        self.check_nothing_lost();
        let jobs = self.disk.all_jobs();
        let mut titles: BTreeMap<&str, JobId> = BTreeMap::new();
        for job in &jobs {
            if let Some(other) = titles.insert(&job.title, job.id) {
                self.fail(format!("jobs {other} and {} are one request: {}", job.id, job.title));
            }
            if job.entries > ENTRIES_MAX {
                self.fail(format!("job {} has {} entries", job.id, job.entries));
            }
            let timeline = self.timeline(job.id);
            self.hold_to(invariants::told_before_again(&timeline));
            self.hold_to(invariants::repeats_are_bounded(&timeline, BROKEN_MAX));
            if job.reason == Reason::Held(HoldReason::Incoming) {
                self.fail(format!("job {} is stored as incoming", job.id));
            }
        }
        let queues: BTreeSet<_> = (0..self.devices.len()).flat_map(|no| self.queues_of(no)).collect();
        for queue in queues {
            let head = self.disk.head(queue);
            let its = jobs.iter().filter(|job| job.serving_queue() == queue);
            self.hold_to(invariants::queue_agrees(&head, its));
        }
        self.check_counts(&jobs);
    }

    fn check_counts(&mut self, jobs: &[Job]) {
        let counts = spool::store::Store::counts_total(&self.disk.store);
        let held = jobs.iter().filter(|job| job.status == JobStatus::Held).count() as u64;
        let queued = jobs.iter().filter(|job| !Checker::at_rest(job)).count() as u64;
        if (counts.jobs, counts.held) != (queued, held) {
            self.fail(format!("the counts are {counts:?}, there are {queued} jobs and {held} held"));
        }
    }
}

/// A short word for an input, for the trace.
pub fn label(input: &Input) -> String {
    match input {
        Input::Head(jobs) => format!("head {:?}", jobs.iter().map(|job| job.id.0).collect::<Vec<_>>()),
        Input::JobRead(job) => format!("job read {:?}", job.as_ref().map(|job| (job.id.0, job.status))),
        Input::Printer(printer, _) => format!("printer paused={}", printer.paused),
        Input::Pools(_) => "pools".to_owned(),
        other => format!("{other:?}"),
    }
}
