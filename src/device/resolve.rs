//! Names of printers, looked up without holding up anything else: a few threads of its own, which exist only
//! while names wait. The system's resolver cannot be called back, so a look-up that hangs keeps its thread until
//! it returns; whoever waits for it is told so after a while, and asks again later.
//!
//! Requests for one name are one look-up, and its answer, also a bad one, holds for a short time. Names that
//! resolved the last time go first and have threads that no other name can take: a name service that hangs for
//! some names keeps no working printer from its job.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::model::retry::NotReady;
use crate::model::time::MonoTime;

/// The most threads that look names up at the same time.
pub const THREADS_MAX: usize = 8;
/// How many of them are kept for names that resolved the last time.
const THREADS_KEPT: usize = 2;
/// The most names that wait for a thread.
const QUEUE_MAX: usize = 4096;
/// The most names whose answers are remembered.
const KNOWN_MAX: usize = 16_384;
/// The most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// How long an address holds: as long as a printer may be sought where it was.
const GOOD_FOR: Duration = Duration::from_secs(30);
/// How long «no such name» holds.
const BAD_FOR: Duration = Duration::from_secs(5);

/// Asks the name service; blocks for as long as that takes.
pub type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;
/// What was found: addresses, at least one.
type Found = Result<Vec<IpAddr>, NotReady>;

/// Looks names up. Clones are the same resolver.
#[derive(Clone)]
pub struct Resolver(Arc<Shared>);

struct Shared {
    look_up: Box<LookUp>,
    clock: Clock,
    desk: Mutex<Desk>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

impl Resolver {
    /// The one of the operating system (getaddrinfo(3)).
    pub fn of_system(clock: Clock) -> Resolver {
        let look_up = |name: &str| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect());
        Resolver::new(Box::new(look_up), clock)
    }

    pub fn new(look_up: Box<LookUp>, clock: Clock) -> Resolver {
        Resolver(Arc::new(Shared { look_up, clock, desk: Mutex::default() }))
    }

    /// The addresses of `name`. Takes at most `limit`; dropping the future gives up.
    pub async fn resolve(&self, name: &str, limit: Duration) -> Found {
        match self.ask(name) {
            Asked::Known(found) => found,
            Asked::Wait(answer) => match timeout(limit, answer).await {
                Ok(Ok(found)) => found,
                Ok(Err(_gone)) => Err(NotReady::Other("no thread can look its name up".to_owned())),
                Err(_elapsed) => Err(NotReady::LookUpSlow),
            },
        }
    }

    /// How many threads there are now.
    pub fn threads(&self) -> usize {
        self.0.lock().underway.len()
    }

    fn ask(&self, name: &str) -> Asked {
        let now = self.0.clock.now().mono;
        let mut desk = self.0.lock();
        let asked = desk.ask(name, now);
        // Every thread that ends looks for the next name by itself; this is for those that nobody would take.
        if let Asked::Wait(_) = asked
            && let Some(name) = desk.take()
            && let Err(error) = self.spawn(name.clone())
        {
            log::error!(error:%; "no thread to look a name up");
            desk.give_up(&name);
        }
        asked
    }

    fn spawn(&self, first: String) -> io::Result<()> {
        let shared = self.0.clone();
        let work = move || {
            let mut next = Some(first);
            while let Some(name) = next {
                next = shared.look_up(&name);
            }
        };
        thread::Builder::new().name("look-up".to_owned()).spawn(work).map(drop)
    }
}

impl Shared {
    /// Nobody panics while holding it.
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks one name up and tells whoever waits for it. Answers the next one; none ends the thread.
    fn look_up(&self, name: &str) -> Option<String> {
        let looked = catch_unwind(AssertUnwindSafe(|| (self.look_up)(name)));
        let found = match looked {
            Ok(Ok(mut addresses)) if !addresses.is_empty() => {
                addresses.truncate(ADDRESSES_MAX);
                Ok(addresses)
            }
            Ok(Ok(_) | Err(_)) => Err(NotReady::Unresolved),
            Err(_) => Err(NotReady::Other("looking its name up failed".to_owned())),
        };
        let now = self.clock.now().mono;
        let (callers, next) = {
            let mut desk = self.lock();
            (desk.done(name, found.clone(), now), desk.take())
        };
        for caller in callers {
            // Whoever gave up hears nothing.
            let _ = caller.send(found.clone());
        }
        next
    }
}

enum Asked {
    Known(Found),
    Wait(oneshot::Receiver<Found>),
}

/// Whether a name resolved the last time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Proven,
    Unproven,
}

struct Known {
    found: Found,
    until: MonoTime,
}

/// Which names are asked for, and which is looked up next. It reads no clock and starts no thread.
#[derive(Default)]
struct Desk {
    known: HashMap<String, Known>,
    /// Who waits for which name, in a queue or under way.
    callers: HashMap<String, Vec<oneshot::Sender<Found>>>,
    proven: VecDeque<String>,
    unproven: VecDeque<String>,
    /// One thread each.
    underway: HashMap<String, Standing>,
}

impl Desk {
    fn ask(&mut self, name: &str, now: MonoTime) -> Asked {
        if let Some(known) = self.known.get(name).filter(|known| now < known.until) {
            return Asked::Known(known.found.clone());
        }
        let (tell, told) = oneshot::channel();
        if let Some(callers) = self.callers.get_mut(name) {
            callers.retain(|caller| !caller.is_closed());
            callers.push(tell);
            return Asked::Wait(told);
        }
        if self.proven.len() + self.unproven.len() >= QUEUE_MAX {
            self.forget_the_abandoned();
        }
        if self.proven.len() + self.unproven.len() >= QUEUE_MAX {
            return Asked::Known(Err(NotReady::LookUpSlow));
        }
        self.callers.insert(name.to_owned(), vec![tell]);
        match self.standing(name) {
            Standing::Proven => self.proven.push_back(name.to_owned()),
            Standing::Unproven => self.unproven.push_back(name.to_owned()),
        }
        Asked::Wait(told)
    }

    fn standing(&self, name: &str) -> Standing {
        match self.known.get(name) {
            Some(Known { found: Ok(_), .. }) => Standing::Proven,
            _ => Standing::Unproven,
        }
    }

    /// Gives out the next name for which there may be another thread. Names that nobody waits for any more
    /// are left out.
    fn take(&mut self) -> Option<String> {
        self.take_from(Standing::Proven).or_else(|| self.take_from(Standing::Unproven))
    }

    fn take_from(&mut self, standing: Standing) -> Option<String> {
        let of_it = self.underway.values().filter(|other| **other == standing).count();
        let room = match standing {
            Standing::Proven => true,
            Standing::Unproven => of_it < THREADS_MAX - THREADS_KEPT,
        };
        if !room || self.underway.len() >= THREADS_MAX {
            return None;
        }
        loop {
            let name = match standing {
                Standing::Proven => self.proven.pop_front(),
                Standing::Unproven => self.unproven.pop_front(),
            }?;
            if self.is_wanted(&name) {
                self.underway.insert(name.clone(), standing);
                return Some(name);
            }
            self.callers.remove(&name);
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.callers.get(name).is_some_and(|callers| callers.iter().any(|caller| !caller.is_closed()))
    }

    /// A look-up has come back: who waits for it.
    fn done(&mut self, name: &str, found: Found, now: MonoTime) -> Vec<oneshot::Sender<Found>> {
        self.underway.remove(name);
        let until = now.plus(if found.is_ok() { GOOD_FOR } else { BAD_FOR });
        if self.known.len() >= KNOWN_MAX {
            self.known.retain(|_, known| now < known.until);
        }
        if self.known.len() < KNOWN_MAX {
            self.known.insert(name.to_owned(), Known { found, until });
        }
        self.callers.remove(name).unwrap_or_default()
    }

    /// There is no thread for it: whoever waits is told by the closing of the channel.
    fn give_up(&mut self, name: &str) {
        self.underway.remove(name);
        self.callers.remove(name);
    }

    fn forget_the_abandoned(&mut self) {
        let callers = &self.callers;
        let wanted = |name: &String| {
            callers.get(name).is_some_and(|callers| callers.iter().any(|caller| !caller.is_closed()))
        };
        self.proven.retain(wanted);
        self.unproven.retain(wanted);
        let queued: HashSet<&String> =
            self.proven.iter().chain(&self.unproven).chain(self.underway.keys()).collect();
        self.callers.retain(|name, _| queued.contains(name));
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
