//! Simulated clients: they submit, announce, break off, lose answers and ask again, and command.

use std::collections::BTreeMap;

use bytes::Bytes;
use spool::model::cancel::Wish;
use spool::model::document::Format;
use spool::model::id::{DocumentId, Generation, JobId, QueueName};
use spool::model::intake::messages::{Input, Reply, Submission, Ticket};
use spool::model::intake::{Arrival, Handed, JobCommand, JobRequest, KeyClaim, Refusal};
use spool::model::job::{Identity, JobStatus, Priority, Submitter};
use spool::model::options::Options;

use crate::world::{Event, Place, World};

/// A request that a client waits for.
#[derive(Clone, Debug)]
struct Asked {
    since: u64,
    life: u32,
    /// Its answer went out and got lost.
    lost: bool,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Announce(Job),
    Submit(Job),
    Command,
}

/// A job as its client knows it.
#[derive(Clone, Debug)]
struct Job {
    title: String,
    key: Option<String>,
    arrival: Arrival,
    queue: Option<QueueName>,
    large: bool,
}

#[derive(Debug)]
pub struct Client {
    no: usize,
    jobs: u32,
    asked: BTreeMap<Ticket, Asked>,
    /// To be sent again, under the same key.
    again: Vec<Job>,
    pub known: Vec<JobId>,
    healed: bool,
}

impl Client {
    pub fn new(no: usize) -> Client {
        Client { no, jobs: 0, asked: BTreeMap::new(), again: Vec::new(), known: Vec::new(), healed: false }
    }

    /// It has all its answers and asks for nothing more.
    pub fn is_done(&self) -> bool {
        self.healed && self.asked.is_empty() && self.again.is_empty()
    }

    fn user(&self) -> String {
        format!("user{}", self.no)
    }
}

impl World {
    pub fn client_acts(&mut self, no: usize) {
        // Some act in bursts, so that what they want meets on the way.
        let wait = if self.rng.chance(300) { self.rng.between(1, 40) } else { self.rng.between(200, 15_000) };
        self.later(wait, Event::Client(no));
        self.clients[no].healed = self.healed;
        self.give_up_waiting(no);
        if self.process.is_none() {
            return;
        }
        if let Some(job) = self.clients[no].again.pop() {
            return self.begin(no, job);
        }
        if self.healed || self.clients[no].jobs >= 14 {
            return;
        }
        if self.rng.chance(600) || self.clients[no].known.is_empty() {
            let job = self.new_job(no);
            self.begin(no, job);
        } else {
            self.command(no);
        }
    }

    /// When everything is at rest: what is held is released and some of what has ended is printed once more.
    pub fn finale(&mut self) {
        for job in self.disk.all_jobs() {
            let command = match job.status {
                JobStatus::Held => JobCommand::Release,
                _ if self.rng.chance(100) => JobCommand::Restart,
                _ => continue,
            };
            let ticket = self.ask_for(0, What::Command);
            self.ask_server(0, Input::Command(ticket, job.id, command));
        }
    }

    /// No answer for a while, or the server has died meanwhile.
    fn give_up_waiting(&mut self, no: usize) {
        let (at, life) = (self.at, self.life);
        let client = &mut self.clients[no];
        let lost = |asked: &Asked| asked.life != life || asked.lost && at - asked.since > 20_000;
        let over: Vec<Ticket> = client.asked.iter().filter(|(_, a)| lost(a)).map(|(t, _)| *t).collect();
        let ignored = client.asked.values().find(|asked| !lost(asked) && at - asked.since > 90_000).cloned();
        if let Some(ignored) = ignored {
            return self.fail(format!("client {no} was never answered: {ignored:?}"));
        }
        let client = &mut self.clients[no];
        for ticket in over {
            let Some(asked) = client.asked.remove(&ticket) else { continue };
            match asked.what {
                What::Announce(job) => client.again.push(job),
                What::Submit(job) if job.key.is_some() => client.again.push(job),
                What::Submit(_) | What::Command => {}
            }
        }
    }

    fn new_job(&mut self, no: usize) -> Job {
        self.clients[no].jobs += 1;
        let serial = self.clients[no].jobs;
        let bad = if self.rng.chance(self.faults.bad_document) { "-bad" } else { "" };
        let title = format!("c{no}-{serial}{bad}");
        let key = self.rng.chance(700).then(|| format!("key-{serial}"));
        let printers = self.devices.len() as u64;
        let queue = if self.rng.chance(400) {
            None
        } else {
            QueueName::new(&format!("p{}", self.rng.below(printers))).ok()
        };
        let arrival = if self.rng.chance(50) { Arrival::Hold } else { Arrival::Print };
        Job { title, key, arrival, queue, large: self.rng.chance(300) }
    }

    fn begin(&mut self, no: usize, job: Job) {
        if job.large {
            let ticket = self.ask_for(no, What::Announce(job.clone()));
            let request = Box::new(self.request(no, &job));
            self.ask_server(no, Input::Announce(ticket, request));
        } else {
            let body = Bytes::from(vec![b'x'; 40 + job.title.len()]);
            let name = String::new();
            let handed = Handed::Inline { name, format: Format::Text, crc: 1, body };
            // An impatient client sends it twice, under its key.
            if job.key.is_some() && self.rng.chance(self.faults.impatient) {
                self.submit(no, job.clone(), None, handed.clone());
            }
            self.submit(no, job, None, handed);
        }
    }

    fn submit(&mut self, no: usize, job: Job, announced: Option<JobId>, handed: Handed) {
        let ticket = self.ask_for(no, What::Submit(job.clone()));
        let request = self.request(no, &job);
        let fingerprint = [job.title.len() as u8; 32];
        let key = job.key.map(|key| KeyClaim { key, fingerprint });
        let submission = Submission { announced, request, documents: vec![handed], key };
        self.ask_server(no, Input::Submit(ticket, Box::new(submission)));
    }

    fn request(&mut self, no: usize, job: &Job) -> JobRequest {
        JobRequest {
            queue: job.queue.clone(),
            submitter: Submitter { user: self.clients[no].user(), identity: Identity::Claimed },
            title: Some(job.title.clone()),
            options: Options::default(),
            priority: Priority::DEFAULT,
            arrival: job.arrival,
            control_hash: None,
        }
    }

    fn command(&mut self, no: usize) {
        let known = &self.clients[no].known;
        let job = known[self.rng.below(known.len() as u64) as usize];
        let command = match self.rng.below(9) {
            0 | 1 => JobCommand::Cancel(Wish::Cancel),
            2 => JobCommand::Cancel(Wish::EvenIfPrinting),
            3 => JobCommand::Hold,
            4 | 5 => JobCommand::Release,
            6 => JobCommand::Restart,
            7 => {
                let priority = Priority::new(self.rng.between(1, 100) as u32).unwrap_or(Priority::DEFAULT);
                JobCommand::SetPriority(priority)
            }
            _ => match QueueName::new("pool") {
                Ok(pool) => JobCommand::Move(pool),
                Err(_) => return,
            },
        };
        if matches!(command, JobCommand::Cancel(_)) {
            self.check.cancel_wished.insert(job);
        }
        let ticket = self.ask_for(no, What::Command);
        self.ask_server(no, Input::Command(ticket, job, command));
    }

    fn cancel(&mut self, no: usize, job: JobId) {
        self.check.cancel_wished.insert(job);
        let ticket = self.ask_for(no, What::Command);
        self.ask_server(no, Input::Command(ticket, job, JobCommand::Cancel(Wish::Cancel)));
    }

    fn ask_for(&mut self, no: usize, what: What) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let asked = Asked { since: self.at, life: self.life, lost: false, what };
        self.clients[no].asked.insert(ticket, asked);
        ticket
    }

    fn ask_server(&mut self, no: usize, input: Input) {
        let event = Event::ToIntake(self.life, input);
        self.send(Place::Client(no), Place::Intake, event);
    }

    /// The server answers; the answer may be lost on its way.
    pub fn reply(&mut self, ticket: Ticket, reply: Result<Reply, Refusal>) {
        let Some(no) = self.clients.iter().position(|client| client.asked.contains_key(&ticket)) else {
            return;
        };
        if self.rng.chance(self.faults.lost_answer) {
            // The front door sees that the client is gone: what was announced is withdrawn.
            if let Ok(Reply::Announced(job, _)) = reply {
                self.ask_server(no, Input::Withdraw(job));
            }
            if let Some(asked) = self.clients[no].asked.get_mut(&ticket) {
                asked.lost = true;
            }
            return;
        }
        self.send(Place::Intake, Place::Client(no), Event::Reply(no, ticket, Box::new(reply)));
    }

    pub fn client_hears(&mut self, no: usize, ticket: Ticket, reply: Result<Reply, Refusal>) {
        let Some(asked) = self.clients[no].asked.remove(&ticket) else { return };
        match (asked.what, reply) {
            (What::Announce(job), Ok(Reply::Announced(id, document))) if asked.life == self.life => {
                self.upload(no, job, id, document);
            }
            (What::Submit(job), Ok(Reply::Accepted(accepted) | Reply::Repeated(accepted))) => {
                let id = accepted.id;
                self.say(None, Generation(0), Some(id), &format!("{} is acknowledged", job.title));
                self.check_acknowledged(id, &job.title);
                self.clients[no].known.push(id);
                if self.rng.chance(self.faults.hasty) {
                    self.cancel(no, id);
                }
            }
            (What::Announce(job) | What::Submit(job), Err(refusal)) => self.refused(no, job, &refusal),
            (What::Announce(job), _) => self.clients[no].again.push(job),
            (What::Submit(_) | What::Command, _) => {}
        }
    }

    /// The body is streamed to its file; it may break off, or the server may die meanwhile.
    fn upload(&mut self, no: usize, job: Job, id: JobId, document: DocumentId) {
        if self.rng.chance(self.faults.broken_upload) {
            self.clients[no].again.push(job);
            return self.ask_server(no, Input::Withdraw(id));
        }
        self.disk.files.insert(document);
        let handed =
            Handed::File { id: document, name: String::new(), format: Format::Pdf, bytes: 100_000, crc: 2 };
        self.submit(no, job, Some(id), handed);
    }

    /// What passes by itself is asked again, where that cannot print twice.
    fn refused(&mut self, no: usize, job: Job, refusal: &Refusal) {
        let passing = matches!(
            refusal,
            Refusal::Store(_) | Refusal::Busy { .. } | Refusal::Stopping | Refusal::DiskFull { .. }
        );
        if let Refusal::KeyReused(other) = refusal {
            self.fail(format!("{} repeated its own request and is told that {other} has its key", job.title));
        }
        if passing && job.key.is_some() {
            self.clients[no].again.push(job);
        }
    }
}
