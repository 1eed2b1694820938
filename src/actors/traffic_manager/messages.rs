//! What a traffic manager is told by others, and what it makes of that.

use std::sync::Arc;

use actix::prelude::*;

use super::{Parts, TrafficManager, target_of};
use crate::failpoint;
use crate::model::id::Generation;
use crate::model::liveness::Verdict;
use crate::model::printer::Printer;
use crate::model::traffic::Input;

/// There are notices: work, or a job whose end a user wants.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Bell;

/// The printer's settings have changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Settings(pub Arc<Printer>);

/// The configuration was read again: rules and surroundings are these now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tuned(pub Arc<Parts>);

/// The watcher has found something out about an attempt.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Watched(pub Generation, pub Verdict);

/// A print thread has left its outcome.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Reported(pub Generation);

/// No new jobs; ends when nothing is under way.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Stop;

/// What is still being sent is shut.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Park;

impl Handler<Bell> for TrafficManager {
    type Result = ();

    fn handle(&mut self, _: Bell, ctx: &mut Self::Context) {
        failpoint::hit("traffic-wake");
        self.look_at_notices(ctx);
    }
}

impl Handler<Settings> for TrafficManager {
    type Result = ();

    fn handle(&mut self, msg: Settings, ctx: &mut Self::Context) {
        let (new, old) = (&msg.0, &self.begin.printer);
        if (&new.uri, &new.credentials_file) != (&old.uri, &old.credentials_file) {
            self.target = target_of(&msg.0, &self.begin.parts.surroundings);
            self.begin.parts.board.forget_description(msg.0.id);
            (self.mac_looked_at, self.described_at) = (None, None);
            self.ask_what_it_is(ctx);
        }
        let paused = msg.0.paused && !self.begin.printer.paused;
        self.begin.printer = msg.0.clone();
        if paused {
            self.wake_all_mates();
        }
        let asks = self.asks();
        self.step(Input::Printer(Box::new((*msg.0).clone()), asks), ctx);
    }
}

impl Handler<Tuned> for TrafficManager {
    type Result = ();

    fn handle(&mut self, msg: Tuned, ctx: &mut Self::Context) {
        let rules = msg.0.rules;
        self.begin.parts = msg.0;
        self.target = target_of(&self.begin.printer, &self.begin.parts.surroundings);
        self.step(Input::Rules(rules), ctx);
        let (printer, asks) = (Box::new((*self.begin.printer).clone()), self.asks());
        self.step(Input::Printer(printer, asks), ctx);
    }
}

impl Handler<Watched> for TrafficManager {
    type Result = ();

    fn handle(&mut self, msg: Watched, ctx: &mut Self::Context) {
        // A device that takes no more may lose its job to a mate.
        self.tell_pools(ctx);
        self.step(Input::Watch(msg.0, msg.1), ctx);
    }
}

impl Handler<Reported> for TrafficManager {
    type Result = ();

    fn handle(&mut self, _: Reported, ctx: &mut Self::Context) {
        self.take_report(ctx);
    }
}

impl Handler<Stop> for TrafficManager {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        match self.traffic {
            Some(_) => self.step(Input::Stop, ctx),
            None => ctx.stop(),
        }
    }
}

impl Handler<Park> for TrafficManager {
    type Result = ();

    fn handle(&mut self, _: Park, ctx: &mut Self::Context) {
        self.step(Input::Park, ctx);
    }
}
