//! The doorsteps of the managers: the invitations of those that have nothing to do, and the jobs that the intake has
//! begun by them. They are memory that both share, so nothing is under way between them but the bell.

use spool::model::commit::Commit;
use spool::model::id::QueueId;
use spool::model::intake::messages::{Effect, Ticket};
use spool::model::job::Job;
use spool::model::traffic::{Input, Invitation};

use crate::disk::Writer;
use crate::faults::Plant;
use crate::world::{Event, Place, Seat, World};

#[derive(Debug, Default)]
pub enum Doorstep {
    #[default]
    Empty,
    Invitation(Box<Invitation>),
    Begun(Box<Job>),
}

impl World {
    /// The intake hands in a commit, and right behind it the attempt where it brings work to a printer that invites.
    pub fn intake_hands_in(&mut self, ticket: Ticket, commit: Commit, mut then: Vec<Effect>) {
        let begun = then.iter().enumerate().find_map(|(at, effect)| match effect {
            Effect::Wake(QueueId::Printer(id)) => Some((at, self.attempt_by(id.0 as usize - 1, &commit)?)),
            _ => None,
        });
        if let Some((at, _)) = begun {
            then.remove(at);
        }
        self.hand_in(Writer::Intake(ticket), commit, then);
        if let Some((_, (seat, job, attempt))) = begun {
            self.check_handed_in(seat, &attempt);
            self.hand_in(Writer::Traffic(seat), attempt, Vec::new());
            self.put_on_doorstep(seat, Doorstep::Begun(Box::new(job)));
            self.send(Place::Intake, Place::Traffic(seat.printer), Event::Bell(seat));
        }
    }

    fn attempt_by(&self, no: usize, accepting: &Commit) -> Option<(Seat, Job, Commit)> {
        let seat = self.seat(no)?;
        let Doorstep::Invitation(invitation) = &self.process.as_ref()?.managers[no].doorstep else {
            return None;
        };
        let (job, attempt) = invitation.attempt(accepting, &self.directory(), self.now())?;
        Some((seat, job, attempt))
    }

    fn put_on_doorstep(&mut self, seat: Seat, what: Doorstep) {
        if let Some(process) = &mut self.process {
            process.managers[seat.printer].doorstep = what;
        }
    }

    pub fn bell(&mut self, seat: Seat) {
        if self.seat(seat.printer) == Some(seat) {
            self.hear_what_was_begun(seat);
            self.invite(seat);
        }
    }

    /// What was begun by a manager's invitation comes before everything else that it is told.
    pub fn hear_before_all(&mut self, seat: Seat) {
        if self.plant != Plant::BegunHeardLate && self.seat(seat.printer) == Some(seat) {
            self.hear_what_was_begun(seat);
        }
    }

    fn hear_what_was_begun(&mut self, seat: Seat) {
        let Some(process) = &mut self.process else { return };
        if let Doorstep::Begun(job) = std::mem::take(&mut process.managers[seat.printer].doorstep) {
            self.step_traffic(seat, Input::Begun(job));
        }
    }

    pub fn invite(&mut self, seat: Seat) {
        let (now, stands) = (self.now(), self.seat(seat.printer) == Some(seat));
        let Some(manager) = self.process.as_mut().map(|process| &mut process.managers[seat.printer]) else {
            return;
        };
        let invitation = manager.traffic.as_ref().filter(|_| stands).and_then(|traffic| traffic.invites(now));
        if let (Some(invitation), Doorstep::Empty) = (invitation, &manager.doorstep) {
            manager.doorstep = Doorstep::Invitation(Box::new(invitation));
        }
    }
}
