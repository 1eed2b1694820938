//! Being told instead of asking: one registration with a printer for all jobs in a row (RFC 3995), whose
//! events are fetched (RFC 3996, «ippget»). It belongs to the printer, not to a link: it is made for the first
//! job, used by those that follow, and given back when none has followed for a moment.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::client::{Answered, Client};
use super::driver::{Driver, OnRuntime};
use super::known::Printer;
use super::session::Trouble;
use super::verdict::Verdict;
use crate::model::time::MonoTime;
use crate::protocol::ipp::{Caller, Notifications, Operation, PrinterAttributes, Subscribed, Wait, encode};

/// What a printer is to tell.
const EVENTS: [&str; 4] = ["job-state-changed", "job-completed", "job-progress", "printer-state-changed"];
/// Whose the registration is: everybody's jobs are told of over it.
const OWNER: &str = "spool";
/// How long a registration is asked for, in seconds: should this server die, the printer forgets it by itself.
const LEASE_S: i32 = 3600;
/// One that ends within this time is made anew, for the next job.
const LEASE_LEFT_MIN: Duration = Duration::from_secs(600);
/// After so long without another job it is given back.
const IDLE: Duration = Duration::from_secs(5);
/// How long a printer is let wait for something to happen; it comes back earlier by itself.
pub const WAIT_MAX: Duration = Duration::from_secs(40);

/// A registration that a printer has made for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    id: i32,
    until: Option<MonoTime>,
    /// The first event that was not seen yet.
    next: i32,
}

/// What waiting for events came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Something has happened.
    Events,
    /// Nothing, though it waited.
    Nothing,
    /// There is no registration, or the printer does not wait: it is to be asked.
    Ask,
}

/// Whether the printer can tell what happens.
fn offers(printer: &PrinterAttributes) -> bool {
    let knows = |operation| printer.knows(operation) == Some(true);
    printer.notify_pull_methods.iter().any(|method| method == "ippget")
        && knows(Operation::CreatePrinterSubscriptions)
        && knows(Operation::GetNotifications)
}

fn owner<'a>(caller: &Caller<'a>) -> Caller<'a> {
    Caller { user: OWNER, ..*caller }
}

impl Client {
    /// Sees to a registration, where the printer offers one. Without one it is asked, so no failure matters.
    pub async fn register<D: Driver>(
        &mut self,
        driver: &mut D,
        printer: &PrinterAttributes,
    ) -> Result<(), Trouble> {
        let now = driver.now();
        let lasts = |registration: &Registration| {
            registration.until.is_none_or(|until| until.since(now) >= LEASE_LEFT_MIN)
        };
        if !offers(printer) || self.printer().known().registration.as_ref().is_some_and(lasts) {
            return Ok(());
        }
        let build =
            |caller: &Caller<'_>| encode(&owner(caller).create_printer_subscriptions(&EVENTS, LEASE_S));
        let answered = self.ask(driver, build, |message| Subscribed::all(message).next()).await;
        let made = match answered {
            Err(Trouble::Stopped) => return Err(Trouble::Stopped),
            Err(_) => None,
            Ok(answered) => answered.value,
        };
        let registration = made.and_then(|made| {
            let until = made.lease_s.filter(|seconds| *seconds > 0);
            let until = until.map(|seconds| now.plus(Duration::from_secs(u64::from(seconds))));
            Some(Registration { id: made.id?, until, next: 1 })
        });
        self.printer().known().registration = registration;
        Ok(())
    }

    /// Waits until the printer tells of something, or does not want to wait any longer.
    pub async fn wait_for_events<D: Driver>(&mut self, driver: &mut D) -> Result<Told, Trouble> {
        let Some(registration) = self.printer().known().registration else { return Ok(Told::Ask) };
        let Registration { id, next, .. } = registration;
        let build = |caller: &Caller<'_>| encode(&owner(caller).get_notifications(id, next, Wait::ForEvents));
        let answered = self.ask_within(driver, build, Notifications::of, WAIT_MAX).await;
        let known = || self.printer().known();
        match answered {
            Ok(Answered { verdict: Verdict::Good, value, .. }) => {
                let last = value.events.iter().filter_map(|event| event.sequence_number).max();
                if let Some(last) = last {
                    let next = last.saturating_add(1);
                    known().registration = Some(Registration { next, ..registration });
                }
                Ok(match (last, value.get_interval_s) {
                    (Some(_), _) => Told::Events,
                    (None, None | Some(0)) => Told::Nothing,
                    (None, Some(_)) => Told::Ask,
                })
            }
            Err(Trouble::Stopped) => Err(Trouble::Stopped),
            // It has forgotten the registration, or says nothing at all: from now on it is asked.
            Ok(_) | Err(_) => {
                known().registration = None;
                Ok(Told::Ask)
            }
        }
    }
}

/// Gives the registration back, unless another link is opened within a moment.
pub fn give_back_when_idle(printer: &Arc<Printer>, runtime: &Handle) {
    let before = {
        let known = printer.known();
        if known.registration.is_none() {
            return;
        }
        known.links
    };
    let printer = printer.clone();
    runtime.spawn(async move {
        sleep(IDLE).await;
        let registration = {
            let mut known = printer.known();
            if known.links != before {
                return;
            }
            known.registration.take()
        };
        let (Some(registration), Ok(mut client)) = (registration, Client::new(printer.clone(), "")) else {
            return;
        };
        let mut driver =
            OnRuntime { clock: printer.clock, timing: printer.timing, names: printer.names.clone() };
        let build = |caller: &Caller<'_>| encode(&owner(caller).cancel_subscription(registration.id));
        // If it is not heard, the lease ends it.
        let _ = timeout(printer.timing.connect, client.ask(&mut driver, build, |_| ())).await;
    });
}
