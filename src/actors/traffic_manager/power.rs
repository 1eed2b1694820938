//! Wake-up calls, and the hardware address to which they go.

use std::time::Duration;

use actix::prelude::*;

use super::TrafficManager;
use crate::device::power;
use crate::model::printer::{Activity, Mac, PrinterLive};
use crate::model::retry::NotReady;
use crate::model::traffic::Input;

/// A call may be lost: so many are sent …
const CALLS: u32 = 3;
/// … so far apart.
const BETWEEN_CALLS: Duration = Duration::from_millis(100);
/// The hardware address of a device that is in use is looked at this often: it may have got another card.
const LOOK_FOR_MAC_EVERY: Duration = Duration::from_secs(600);

impl TrafficManager {
    pub(super) fn wake_device(&mut self, mac: Mac, ctx: &mut Context<Self>) {
        for call in 0..CALLS {
            ctx.run_later(BETWEEN_CALLS * call, move |act, ctx| act.call(mac, ctx));
        }
    }

    fn call(&self, mac: Mac, ctx: &mut Context<Self>) {
        let Ok(target) = &self.target else { return };
        let names = self.begin.parts.surroundings.names.clone();
        let called = power::wake(target.address().0, names, mac);
        ctx.spawn(called.into_actor(self).map(|called, act, _| {
            if let Err(error) = called {
                log::warn!(printer = act.name(), error:%; "the wake-up call could not be sent");
            }
        }));
    }

    /// The device is there: its address is among the neighbours now.
    pub(super) fn learn_mac(&mut self, ctx: &mut Context<Self>) {
        let now = self.begin.parts.clock.now().mono;
        let lately = self.mac_looked_at.is_some_and(|at| now.since(at) < LOOK_FOR_MAC_EVERY);
        let (Ok(target), false) = (&self.target, lately) else { return };
        self.mac_looked_at = Some(now);
        let host = target.address().0;
        if host.is_empty() {
            return;
        }
        let names = self.begin.parts.surroundings.names.clone();
        ctx.spawn(power::mac_of(host, names).into_actor(self).map(|mac, act, ctx| {
            if let Some(mac) = mac {
                act.step(Input::Mac(mac), ctx);
            }
        }));
    }

    /// Off, woken and back, a line for each.
    pub(super) fn log_power(&self, live: &PrinterLive) {
        let asleep = |live: &PrinterLive| live.activity == Activity::NotReady(NotReady::Asleep);
        let before = self.begin.parts.board.live(self.begin.printer.id);
        match (asleep(&before), asleep(live)) {
            (false, true) => log::info!(printer = self.name(); "the printer is off or asleep"),
            (true, false) => log::info!(printer = self.name(); "the printer is back"),
            _ => {}
        }
        if live.woken_at.is_some() && live.woken_at != before.woken_at {
            log::info!(printer = self.name(); "the printer was sent a wake-up call");
        }
    }
}
