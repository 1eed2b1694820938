//! What the device says of itself, asked while it has no job: soon after the start, and again when somebody looks
//! at the printer. Nobody looks, nobody asks: an idle printer is left to sleep.

use std::time::Duration;

use actix::prelude::*;

use super::TrafficManager;
use crate::model::traffic::Input;

/// A device is asked no more often than this.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// After the start the printers are asked one after the other, so far apart, …
const APART: Duration = Duration::from_millis(50);
/// … and all of them within this.
const SPREAD: Duration = Duration::from_secs(10);
/// How many devices are asked at once.
pub const DESCRIBING_MAX: usize = 16;

impl TrafficManager {
    /// Soon after the start, one after the other.
    pub(super) fn ask_what_it_is_soon(&self, ctx: &mut Context<Self>) {
        let places = u32::try_from(SPREAD.as_millis() / APART.as_millis()).unwrap_or(1);
        ctx.run_later(APART * (self.begin.printer.id.0 % places), Self::ask_what_it_is);
    }

    /// Asks, where that is some time ago. A device that does not answer is no news here: without a job it may be off.
    pub(super) fn ask_what_it_is(&mut self, ctx: &mut Context<Self>) {
        let now = self.begin.parts.clock.now().mono;
        let lately = self.described_at.is_some_and(|at| now.since(at) < ASK_AGAIN);
        let (Ok(target), false, None) = (&self.target, lately, &self.opening) else { return };
        self.described_at = Some(now);
        let (target, turn, uri) =
            (target.clone(), self.begin.parts.describing.clone(), self.begin.printer.uri.clone());
        let asked = async move {
            let _turn = turn.acquire_owned().await;
            target.describe().await
        };
        ctx.spawn(asked.into_actor(self).map(move |said, act, ctx| match said {
            Ok(Some(description)) if act.begin.printer.uri == uri => {
                let description = std::sync::Arc::new(description);
                act.begin.parts.board.publish_description(act.begin.printer.id, description.clone());
                act.step(Input::Described(description), ctx);
            }
            Ok(_) => {}
            Err(why) => log::debug!(printer = act.name(), why:%; "the printer does not say what it is"),
        }));
    }
}
