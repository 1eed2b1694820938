//! The lives of traffic managers: what they begin with, what they must be told, how they end.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::{DeviceManager, Phase, Stopping};
use crate::actors::board::{Notices, TrafficHandle};
use crate::actors::traffic_manager::{self, Ended, Left, Life, TrafficManager};
use crate::model::fleet::Input;
use crate::model::id::PrinterId;
use crate::model::printer::{Activity, Learned, Printer, PrinterLive};
use crate::model::traffic::{Beginning, Traffic};
use crate::store::ReadError;

/// What a full mailbox did not take, or a commit under way stands against, is tried again after this long.
const TRY_AGAIN: Duration = Duration::from_millis(250);
/// A store that cannot be read is asked again after this long.
const READ_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Running {
    address: Addr<TrafficManager>,
    life: Life,
    pub ends: Ends,
    /// What its mailbox has not taken yet, in order; offered again a little later.
    owed: VecDeque<Order>,
}

/// What a running traffic manager has to be told without fail.
pub(super) enum Order {
    Settings(Arc<Printer>),
    Tuned(Arc<traffic_manager::Parts>),
    Stop,
    Park,
}

impl Running {
    fn owe(&mut self, order: Order) {
        // Newer settings stand for older ones.
        match order {
            Order::Settings(_) => self.owed.retain(|owed| !matches!(owed, Order::Settings(_))),
            Order::Tuned(_) => self.owed.retain(|owed| !matches!(owed, Order::Tuned(_))),
            Order::Stop | Order::Park => {}
        }
        self.owed.push_back(order);
    }

    fn pay(&mut self) {
        while let Some(order) = self.owed.front() {
            let sent = match order {
                Order::Settings(printer) => {
                    self.address.try_send(traffic_manager::Settings(printer.clone())).map_err(drop)
                }
                Order::Tuned(parts) => {
                    self.address.try_send(traffic_manager::Tuned(parts.clone())).map_err(drop)
                }
                Order::Stop => self.address.try_send(traffic_manager::Stop).map_err(drop),
                Order::Park => self.address.try_send(traffic_manager::Park).map_err(drop),
            };
            if sent.is_err() {
                return;
            }
            self.owed.pop_front();
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Its end would be a failure.
    Never,
    /// It was asked to end.
    Asked,
}

impl DeviceManager {
    pub(super) fn start(&mut self, printer: Arc<Printer>, beginning: Beginning) {
        // A printer whose commit was under way when the end began: nobody would stop its manager.
        if self.stopping == Stopping::Yes {
            return;
        }
        let id = printer.id;
        self.lives += 1;
        let life = Life { printer: id, number: self.lives };
        let notices = Arc::<Notices>::default();
        let begin = traffic_manager::Begin {
            parts: self.parts.traffic.clone(),
            printer,
            beginning,
            lane: self.lanes.entry(id).or_default().clone(),
            notices: notices.clone(),
            left: match beginning {
                Beginning::ServerStart => Some(self.left.remove(&id).unwrap_or_default()),
                Beginning::ManagerPanic => None,
            },
            ended: Ended::tell(life, self.ended.clone()),
        };
        let address = TrafficManager::new(begin).start();
        self.parts.board.set_traffic(id, Some(TrafficHandle { address: address.clone(), notices }));
        self.running.insert(id, Running { address, life, ends: Ends::Never, owed: VecDeque::new() });
    }

    pub(super) fn stop(&mut self, printer: PrinterId, ctx: &mut Context<Self>) {
        match self.running.get_mut(&printer) {
            Some(running) => {
                running.ends = Ends::Asked;
                self.tell(printer, Order::Stop, ctx);
            }
            // It has failed and is not made anew any more.
            None => self.forget(printer),
        }
    }

    fn forget(&mut self, printer: PrinterId) {
        self.lanes.remove(&printer);
        self.parts.board.set_traffic(printer, None);
    }

    pub(super) fn tell(&mut self, printer: PrinterId, order: Order, ctx: &mut Context<Self>) {
        if let Some(running) = self.running.get_mut(&printer) {
            let owed_already = !running.owed.is_empty();
            running.owe(order);
            if !owed_already {
                self.pay(printer, ctx);
            }
        }
    }

    fn pay(&mut self, printer: PrinterId, ctx: &mut Context<Self>) {
        let Some(running) = self.running.get_mut(&printer) else { return };
        running.pay();
        if !running.owed.is_empty() {
            ctx.run_later(TRY_AGAIN, move |act, ctx| act.pay(printer, ctx));
        }
    }

    /// Reads once for all printers what the store has at them, and begins.
    pub(super) fn read_what_is_left(&mut self, ctx: &mut Context<Self>) {
        let (store, directory) = (self.parts.store.clone(), self.fleet.directory());
        let read = async move {
            let mut left = HashMap::<PrinterId, Left>::new();
            for job in store.jobs_at_printers().await? {
                if let Some(printer) = job.bound.as_ref().map(|bound| bound.printer) {
                    left.entry(printer).or_default().jobs.push(job);
                }
            }
            for printer in &directory.printers {
                if let Some(bytes) = store.setting(&Learned::setting(printer.id)).await? {
                    left.entry(printer.id).or_default().learned = Learned::from_bytes(&bytes);
                }
                if let Some(mac) = store.setting(&Traffic::mac_setting(printer.id)).await? {
                    left.entry(printer.id).or_default().mac = mac.try_into().ok();
                }
            }
            Ok::<_, ReadError>(left)
        };
        ctx.spawn(read.into_actor(self).map(|read, act, ctx| match read {
            Ok(left) => {
                (act.left, act.phase) = (left, Phase::Begun);
                let effects = act.fleet.begin();
                act.run(effects, ctx);
                act.take_requests(ctx);
            }
            Err(error) => {
                log::error!(error:%; "the jobs at the printers cannot be read; trying again");
                ctx.run_later(READ_AGAIN, Self::read_what_is_left);
            }
        }));
    }

    /// A traffic manager has ended: asked for, or by a panic.
    pub(super) fn bury(&mut self, life: Life, ctx: &mut Context<Self>) {
        let printer = life.printer;
        if self.running.get(&printer).is_none_or(|running| running.life != life) {
            return;
        }
        let Some(running) = self.running.remove(&printer) else { return };
        match running.ends {
            Ends::Asked => self.forget(printer),
            Ends::Never => self.make_anew(printer, ctx),
        }
        self.tell_stopped();
    }

    fn make_anew(&mut self, printer: PrinterId, ctx: &mut Context<Self>) {
        let now = self.parts.clock.now();
        let wait = self.revivals.wait_after(printer, now.mono);
        log::error!(printer = printer.0, wait_ms = wait.as_millis(); "the printer's traffic manager failed and is made anew");
        if wait.is_zero() {
            return self.revive(printer, ctx);
        }
        let next_try_at = Some(now.wall.plus(wait));
        let since = self.parts.board.live(printer).not_ready_since.unwrap_or(now.mono);
        let live = PrinterLive {
            activity: Activity::ManagerFailed,
            next_try_at,
            not_ready_since: Some(since),
            ..PrinterLive::default()
        };
        self.parts.board.publish_live(printer, live);
        ctx.run_later(wait, move |act, ctx| act.revive(printer, ctx));
    }

    fn revive(&mut self, printer: PrinterId, ctx: &mut Context<Self>) {
        self.step(Input::TrafficDied(printer), ctx);
        let wanted = self.lanes.contains_key(&printer) && self.stopping == Stopping::No;
        if wanted && !self.running.contains_key(&printer) {
            // It is being removed: it may stay after all, and is forgotten if it does not.
            ctx.run_later(TRY_AGAIN, move |act, ctx| act.revive(printer, ctx));
        }
    }

    pub(super) fn tell_stopped(&mut self) {
        if self.running.is_empty()
            && let Some(done) = self.stopped.take()
        {
            let _ = done.send(());
        }
    }
}
