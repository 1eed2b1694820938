//! The store as the simulator drives it: commits wait in line, become durable one after the other, fail, or
//! are lost with the process.

use std::collections::{BTreeSet, VecDeque};

use spool::model::commit::{Commit, CommitError, Committed};
use spool::model::document::Document;
use spool::model::id::{DocumentId, Generation, JobId, QueueId};
use spool::model::intake::messages::{Effect, Input as IntakeInput, Ticket};
use spool::model::job::Job;
use spool::model::queue::{HEAD_ENTRIES, OrderKey};
use spool::model::traffic::{self, Reading};
use spool::store::memory::MemoryStore;
use spool::store::read;
use spool::store::{JobsQuery, PAGE_ROWS_MAX};

use crate::faults::Plant;
use crate::world::{Event, Place, Seat, World};

#[derive(Clone, Copy, Debug)]
pub enum Writer {
    Intake(Ticket),
    Traffic(Seat),
    Rerouter,
}

/// A commit that was handed in.
#[derive(Debug)]
pub struct Handed {
    pub writer: Writer,
    pub commit: Commit,
    pub then: Vec<Effect>,
}

#[derive(Debug)]
pub enum Read {
    Head(Seat, Reading),
    Job(Seat, JobId),
    Key(Ticket, String, String),
    JobFor(Ticket, JobId),
    Documents(Ticket, Vec<DocumentId>),
}

#[derive(Default)]
pub struct Disk {
    pub store: MemoryStore,
    /// Bodies in files; they are synced when they are here.
    pub files: BTreeSet<DocumentId>,
    /// Handed in and not durable.
    pub line: VecDeque<Handed>,
    pub full_until: u64,
}

impl Disk {
    pub fn job(&self, id: JobId) -> Option<Job> {
        self.store.read(|rows| read::job(rows, id)).expect("the simulated disk reads")
    }

    pub fn all_jobs(&self) -> Vec<Job> {
        let query = JobsQuery { limit: PAGE_ROWS_MAX, ..JobsQuery::default() };
        self.store.read(|rows| read::jobs(rows, &query)).expect("the simulated disk reads").rows
    }

    pub fn at_printers(&self) -> Vec<Job> {
        self.store.read(read::jobs_at_printers).expect("the simulated disk reads")
    }

    pub fn document(&self, id: DocumentId) -> Option<Document> {
        self.store.read(|rows| read::document(rows, id)).expect("the simulated disk reads")
    }

    pub fn setting(&self, name: &str) -> Option<Vec<u8>> {
        self.store.read(|rows| read::setting(rows, name)).expect("the simulated disk reads")
    }

    pub fn head(&self, queue: QueueId) -> Vec<OrderKey> {
        self.store
            .read(|rows| read::places(rows, queue, None, HEAD_ENTRIES))
            .expect("the simulated disk reads")
    }
}

impl World {
    pub fn hand_in(&mut self, writer: Writer, mut commit: Commit, mut then: Vec<Effect>) {
        if let (Plant::AgeIsLost, Writer::Rerouter) = (self.plant, writer) {
            commit.jobs.iter_mut().for_each(|job| job.accepted.0 += 1_000_000);
        }
        if self.plant == Plant::AckBeforeCommit {
            for effect in std::mem::take(&mut then) {
                self.intake_effect(effect);
            }
        }
        self.disk.line.push_back(Handed { writer, commit, then });
        let slow = self.rng.chance(self.faults.slow_message);
        let wait = self.rng.between(1, if slow { 500 } else { 8 });
        self.later(wait, Event::Store(self.life));
    }

    /// The next commit in line is written, or is not.
    pub fn store_works(&mut self, life: u32) {
        if life != self.life || self.process.is_none() {
            return;
        }
        let Some(handed) = self.disk.line.pop_front() else { return };
        let result = if self.at < self.disk.full_until {
            Err(CommitError::Full)
        } else if self.rng.chance(self.faults.commit_fails) {
            Err(CommitError::Unavailable("simulated".to_owned()))
        } else if self.rng.chance(self.faults.commit_unknown) {
            if self.rng.chance(500) {
                let _ = self.write(&handed.commit);
            }
            Err(CommitError::Unknown)
        } else {
            self.write(&handed.commit)
        };
        let to = match handed.writer {
            Writer::Intake(_) => Place::Intake,
            Writer::Traffic(seat) => Place::Traffic(seat.printer),
            Writer::Rerouter => Place::Devices,
        };
        self.send(Place::Store, to, Event::StoreAnswers(life, Box::new(handed), result));
    }

    /// Makes a commit durable, under the eyes of the checkers.
    pub fn write(&mut self, commit: &Commit) -> Result<Committed, CommitError> {
        let before: Vec<Job> = commit.jobs.iter().filter_map(|job| self.disk.job(job.id)).collect();
        let result = self.disk.store.commit_now(commit);
        match &result {
            Ok(_) => self.check_commit(commit, &before),
            Err(error) => self.say(None, Generation(0), None, &format!("refused: {error}")),
        }
        result
    }

    pub fn store_answers(&mut self, life: u32, handed: Handed, result: Result<Committed, CommitError>) {
        if life != self.life || self.process.is_none() {
            return;
        }
        match handed.writer {
            Writer::Intake(ticket) => {
                let input = match result {
                    Ok(_) => {
                        handed.then.into_iter().for_each(|effect| self.intake_effect(effect));
                        IntakeInput::Committed(ticket)
                    }
                    Err(error) => IntakeInput::CommitFailed(ticket, error),
                };
                self.tell_intake(life, input);
                self.load();
            }
            Writer::Rerouter => {
                for queue in handed.commit.jobs.iter().map(Job::serving_queue) {
                    self.wake(Place::Devices, queue);
                }
            }
            Writer::Traffic(seat) => {
                // Back in its queue: whoever else serves that is told, also where the store did not say so.
                let back = handed.commit.jobs.iter().filter(|job| job.order().is_some());
                let again: Vec<QueueId> = back.map(Job::serving_queue).collect();
                let input = match result {
                    Ok(_) => traffic::Input::Committed,
                    Err(error) => traffic::Input::CommitFailed(error),
                };
                self.tell_traffic(seat, input);
                again.into_iter().for_each(|queue| self.wake(Place::Traffic(seat.printer), queue));
            }
        }
    }

    pub fn store_reads(&mut self, life: u32, read: Read) {
        if life != self.life || self.process.is_none() {
            return;
        }
        let fails = self.rng.chance(self.faults.read_fails);
        match read {
            Read::Head(seat, reading) => {
                let input = match fails {
                    true => traffic::Input::ReadFailed,
                    false => traffic::Input::Head(self.heads(seat, reading)),
                };
                self.send(Place::Store, Place::Traffic(seat.printer), Event::ToTraffic(seat, input));
            }
            Read::Job(seat, id) => {
                let job = self.disk.job(id).map(Box::new);
                let input = if fails { traffic::Input::ReadFailed } else { traffic::Input::JobRead(job) };
                self.send(Place::Store, Place::Traffic(seat.printer), Event::ToTraffic(seat, input));
            }
            Read::Key(ticket, ..) | Read::JobFor(ticket, _) | Read::Documents(ticket, _) if fails => {
                let input = IntakeInput::ReadFailed(ticket, "simulated".to_owned());
                self.send(Place::Store, Place::Intake, Event::ToIntake(life, input));
            }
            Read::Key(ticket, user, key) => {
                let now = self.now().wall;
                let record = self.disk.store.read(|rows| read::key(rows, &user, &key, now));
                let record = record.expect("the simulated disk reads").map(|key| (key.job, key.fingerprint));
                let input = IntakeInput::KeyRead(ticket, record);
                self.send(Place::Store, Place::Intake, Event::ToIntake(life, input));
            }
            Read::JobFor(ticket, id) => {
                let input = IntakeInput::JobRead(ticket, self.disk.job(id).map(Box::new));
                self.send(Place::Store, Place::Intake, Event::ToIntake(life, input));
            }
            Read::Documents(ticket, ids) => {
                let found = ids.into_iter().filter_map(|id| self.disk.document(id)).collect();
                let input = IntakeInput::DocumentsRead(ticket, found);
                self.send(Place::Store, Place::Intake, Event::ToIntake(life, input));
            }
        }
    }

    /// The heads of the queues that a printer serves, merged.
    fn heads(&self, seat: Seat, reading: Reading) -> Vec<Job> {
        let (queues, Reading { after, n }) = (self.queues_of(seat.printer), reading);
        let jobs = self.disk.store.read(|rows| read::head(rows, &queues, after, n));
        jobs.expect("the simulated disk reads")
    }
}
