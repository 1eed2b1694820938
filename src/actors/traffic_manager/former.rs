//! The attempt of a traffic manager that has failed, which may still have the device.

use std::time::Duration;

use actix::prelude::*;

use super::TrafficManager;
use crate::actors::worker::{Running, Shut};
use crate::model::id::Generation;
use crate::model::printer::{Activity, PrinterLive};
use crate::model::time::MonoTime;
use crate::model::traffic::SHUT_WAIT;

/// How often it is looked whether the thread of a former life has let go of the device.
const OLD_THREAD_LOOK: Duration = Duration::from_millis(20);
/// The attempt of a failed manager.
struct OldAttempt {
    generation: Generation,
    running: Running,
    shut: Shut,
}

impl TrafficManager {
    /// The connection of a former life must be shut before another is made. Then the store tells what
    /// that life has left.
    pub(super) fn end_old_attempt(&mut self, ctx: &mut Context<Self>) {
        let Some((generation, running)) = self.begin.lane.attempt().clone() else {
            return self.read_what_is_left(None, ctx);
        };
        if running.report().is_none() {
            self.begin.parts.pool.take_back(&running);
        }
        let old = OldAttempt { generation, shut: running.shut(), running };
        let until = self.begin.parts.clock.now().mono.plus(SHUT_WAIT);
        self.wait_for_old_attempt(old, until, ctx);
    }

    /// Its thread may still have something to say, but it is waited for only where it may have the device.
    fn wait_for_old_attempt(&mut self, old: OldAttempt, until: MonoTime, ctx: &mut Context<Self>) {
        let outcome = old.running.report();
        let waited = until <= self.begin.parts.clock.now().mono;
        if outcome.is_some() || (waited && old.shut == Shut::Done) {
            *self.begin.lane.attempt() = None;
            return self.read_what_is_left(outcome.map(|outcome| (old.generation, outcome)), ctx);
        }
        if old.shut == Shut::CannotBe
            && self.begin.parts.board.live(self.begin.printer.id).activity != Activity::Unshut
        {
            log::error!(printer = self.name(); "the device cannot be shut; waiting for the thread that still has it");
            let since = Some(self.begin.parts.clock.now().mono);
            let live =
                PrinterLive { activity: Activity::Unshut, not_ready_since: since, ..PrinterLive::default() };
            self.begin.parts.board.publish_live(self.begin.printer.id, live);
        }
        ctx.run_later(OLD_THREAD_LOOK, move |act, ctx| act.wait_for_old_attempt(old, until, ctx));
    }
}
