//! The shell round the real intake and the real traffic managers: it brings them what happened and carries out
//! what they want.

use spool::model::id::QueueId;
use spool::model::intake::messages::{Disk, Effect as IntakeEffect, Input as IntakeInput};
use spool::model::printer::{Activity, PrinterLive};
use spool::model::traffic::{Effect, Input, Traffic};

use crate::disk::{Read, Writer};
use crate::faults::Plant;
use crate::process::POOL;
use crate::world::{Conn, Event, Place, Seat, World};

impl World {
    pub fn link_says(&mut self, conn: Conn, input: Input) {
        self.send(Place::Link(conn), Place::Traffic(conn.printer), Event::FromLink(conn, input));
    }

    pub fn hear_link(&mut self, conn: Conn, mut input: Input) {
        if conn.life != self.life || self.process.is_none() {
            return;
        }
        let Some(seat) = self.seat(conn.printer) else {
            return self.later(100, Event::FromLink(conn, input));
        };
        if let (Plant::LateReportBelieved, Input::Report(generation, _)) = (self.plant, &mut input) {
            let process = self.process.as_ref();
            let traffic = process.and_then(|process| process.managers[conn.printer].traffic.as_ref());
            *generation = traffic.map_or(*generation, Traffic::generation);
        }
        if matches!(input, Input::News(..)) {
            self.number_is_told(conn);
        }
        self.tell_traffic(seat, input);
    }

    pub fn timer(&mut self, seat: Seat, no: u64) {
        let Some(process) = self.process.as_ref().filter(|_| seat.life == self.life) else { return };
        let manager = &process.managers[seat.printer];
        let Some(traffic) = manager.traffic.as_ref().filter(|_| manager.timer == no) else { return };
        let conn = Conn { life: seat.life, printer: seat.printer, generation: traffic.generation() };
        let progress = self.workers.get(&conn).map(|worker| worker.progress());
        self.tell_pools(seat);
        self.tell_traffic(seat, Input::Timer(progress));
    }

    pub fn tell_intake(&mut self, life: u32, input: IntakeInput) {
        let now = self.now();
        let Some(process) = self.process.as_mut().filter(|_| life == self.life) else { return };
        let effects = process.intake.step(input, now);
        effects.into_iter().for_each(|effect| self.intake_effect(effect));
    }

    pub fn intake_effect(&mut self, effect: IntakeEffect) {
        let life = self.life;
        let read = |read| Event::Read(life, read);
        match effect {
            IntakeEffect::ReadKey(ticket, user, key) => self.later(1, read(Read::Key(ticket, user, key))),
            IntakeEffect::ReadJob(ticket, job) => self.later(1, read(Read::JobFor(ticket, job))),
            IntakeEffect::ReadDocuments(ticket, ids) => {
                self.later(1, read(Read::Documents(ticket, ids)));
            }
            IntakeEffect::Commit { ticket, commit, then } => self.intake_hands_in(ticket, *commit, then),
            IntakeEffect::Reply(ticket, reply) => self.reply(ticket, reply),
            IntakeEffect::Wake(queue) => self.wake(Place::Intake, queue),
            IntakeEffect::CancelAt(printer, job) => {
                let no = printer.0 as usize - 1;
                if let Some(seat) = self.seat(no) {
                    let event = Event::ToTraffic(seat, Input::Cancel(job));
                    self.send(Place::Intake, Place::Traffic(no), event);
                }
            }
            IntakeEffect::Discard(document) => {
                self.disk.files.remove(&document);
                if self.disk.document(document).is_some() {
                    self.fail(format!("the body of document {document} is deleted, the document is not"));
                }
            }
            // Nothing is sent here before it is accepted.
            IntakeEffect::Incoming | IntakeEffect::Offer(..) => {}
        }
    }

    pub fn wake(&mut self, from: Place, queue: QueueId) {
        let pool = QueueId::Pool(POOL);
        for no in 0..self.devices.len() {
            if self.plant == Plant::OneMemberIsWoken && queue == pool && no > 0 {
                return;
            }
            if let Some(seat) = self.seat(no).filter(|_| self.queues_of(no).contains(&queue)) {
                self.send(from, Place::Traffic(no), Event::ToTraffic(seat, Input::Wake));
            }
        }
    }

    /// What a manager does not know by itself, it is told before what that matters for.
    pub fn tell_pools(&mut self, seat: Seat) {
        self.tell_traffic(seat, Input::Pools(self.shared(seat.printer)));
    }

    /// The mates of a printer that is of no use any more look at what they have left to it.
    fn publish(&mut self, seat: Seat, live: PrinterLive) {
        let Some(process) = &mut self.process else { return };
        let manager = &mut process.managers[seat.printer];
        manager.idle_since = match live.activity {
            Activity::Idle => manager.idle_since.or(Some(self.at)),
            _ => None,
        };
        let before = std::mem::replace(&mut manager.live, live.clone());
        if live.not_ready_since.is_some() && before.not_ready_since.is_none() {
            self.wake(Place::Traffic(seat.printer), QueueId::Pool(POOL));
        }
    }

    pub fn load(&mut self) {
        let counts = spool::store::Store::counts_total(&self.disk.store);
        let disk = if self.at < self.disk.full_until { Disk::Full } else { Disk::Room };
        self.tell_intake(self.life, IntakeInput::Load(counts, disk));
    }

    pub fn tell_traffic(&mut self, seat: Seat, input: Input) {
        if let Input::Cancel(job) = input {
            self.cancel_is_told(job);
        }
        if matches!(input, Input::Head(_) | Input::Watch(..)) {
            self.tell_pools(seat);
        }
        self.hear_before_all(seat);
        self.step_traffic(seat, input);
        self.invite(seat);
    }

    pub fn step_traffic(&mut self, seat: Seat, input: Input) {
        let now = self.now();
        let label = crate::checkers::label(&input);
        let Some(process) = self.process.as_mut().filter(|_| seat.life == self.life) else { return };
        let manager = &mut process.managers[seat.printer];
        let Some(traffic) = manager.traffic.as_mut().filter(|_| manager.no == seat.manager) else { return };
        let effects = traffic.step(input, now);
        let generation = traffic.generation();
        if effects.iter().any(|effect| !matches!(effect, Effect::WakeAt(_))) || !label.starts_with("Timer") {
            self.say(Some(seat.printer), generation, None, &label);
        }
        effects.into_iter().for_each(|effect| self.traffic_effect(seat, effect));
    }

    fn traffic_effect(&mut self, seat: Seat, effect: Effect) {
        let conn = |generation| Conn { life: seat.life, printer: seat.printer, generation };
        match effect {
            Effect::ReadHead(reading) => self.later(2, Event::Read(seat.life, Read::Head(seat, reading))),
            Effect::ReadJob(job) => self.later(2, Event::Read(seat.life, Read::Job(seat, job))),
            Effect::Commit(commit) => {
                self.check_handed_in(seat, &commit);
                self.hand_in(Writer::Traffic(seat), *commit, Vec::new());
            }
            Effect::Open(generation) => self.open(conn(generation)),
            Effect::Drop(generation) => self.hang_up(conn(generation)),
            Effect::Stream(..) => unreachable!("nothing was offered"),
            Effect::Send(generation, job) => self.send_job(conn(generation), *job),
            Effect::Shut(generation) => {
                let slow = self.rng.chance(self.faults.slow_shut);
                let wait = self.rng.between(1, if slow { 15_000 } else { 10 });
                self.later(wait, Event::Shut(conn(generation)));
            }
            Effect::Ask(job) => {
                let wait = self.rng.between(5, 2000);
                self.later(wait, Event::Ask(seat, job, 0));
            }
            // One that is only asleep wakes up.
            Effect::Wake(_) if self.rng.chance(500) => {
                let wakes = self.at + self.rng.between(1000, 30_000);
                let device = &mut self.devices[seat.printer];
                device.away_until = device.away_until.min(wakes);
            }
            Effect::Wake(_) => {}
            Effect::CancelAtDevice(job) => {
                let wait = self.rng.between(5, 2000);
                self.later(wait, Event::CancelAtDevice(seat, job));
            }
            Effect::WakeAt(at) => self.set_timer(seat, at.0.as_millis() as u64),
            Effect::Live(live) => self.publish(seat, live),
            Effect::Stopped => {
                if let Some(process) = &mut self.process {
                    process.managers[seat.printer].stopped = true;
                }
            }
        }
    }

    fn open(&mut self, conn: Conn) {
        if let Some(manager) = self.manager(conn) {
            manager.dialing.insert(conn.generation);
        }
        let wait = self.rng.between(1, 60);
        self.later(wait, Event::Dial(conn));
    }

    fn set_timer(&mut self, seat: Seat, at: u64) {
        let Some(process) = &mut self.process else { return };
        let manager = &mut process.managers[seat.printer];
        manager.timer += 1;
        let no = manager.timer;
        // A moment is never rung in before it has come.
        let wait = (at + 1).saturating_sub(self.at).max(1);
        self.later(wait, Event::Timer(seat, no));
    }
}
