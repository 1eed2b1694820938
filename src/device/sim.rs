//! `sim:NAME?ppm=30&fail=jam@3&recover=20s`: a printer that is not there, with faults on plan, for tests and
//! demonstrations.
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `ppm` | pages a minute; a page is 64 KiB of data | as fast as it goes |
//! | `latency` | how long connecting takes, and the final word | none |
//! | `fail` | `KIND@N`, a comma list: what happens to the N-th job that it is offered | nothing |
//! | `recover` | how long `refuse`, `asleep`, `jam`, `empty`, `cover` and `stall` last | `10s` |
//!
//! The kinds are those of [`Fault`]. A fault happens once. A job counts when the printer begins to take it;
//! a job that is sent again is another one. What a printer has gone through lives as long as its target.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{
    BadUri, Confirmation, JobTag, Kind, Link, LinkError, Pulse, Shutter, Surroundings, Target, Timing,
};
use crate::clock::Clock;
use crate::model::job::{DoneHow, FailReason};
use crate::model::liveness::Stage;
use crate::model::outcome::Answer;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::model::time::MonoTime;

pub const KIND: Kind = Kind { scheme: "sim", example: "sim:?ppm=30", parse };

/// A simulated page, in bytes.
pub const PAGE_BYTES: u64 = 64 * 1024;
/// How many faults one printer may have before it.
const FAULTS_MAX: usize = 1000;
/// How much slower than its pace a `slow` printer is.
const SLOWNESS: u32 = 10;
/// The pace that `slow` is measured by where none is set.
const PPM_IF_SLOW: u32 = 600;

/// What can happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It does not get in, for a while: `refuse`, `asleep`, `jam`, `empty`, `cover`.
    NotReady(Obstacle),
    /// `reset`, `early-close`: in the middle of the job.
    Break(Broken),
    /// In the middle of the job it takes no more bytes, for a while.
    Stall,
    /// It takes everything and never says anything again.
    Silent,
    /// It prints this job ten times slower.
    Slow,
    /// Its driver panics in the middle of the job.
    Panic,
    /// It says that the document cannot be printed.
    Document,
    /// It refuses the credentials.
    Credentials,
    /// It closes as if it had printed, and has not: nobody can tell from outside.
    Lies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    Refused,
    Asleep,
    Jam,
    Empty,
    Cover,
}

impl FromStr for Fault {
    type Err = ();

    fn from_str(word: &str) -> Result<Fault, ()> {
        Ok(match word {
            "refuse" => Fault::NotReady(Obstacle::Refused),
            "asleep" => Fault::NotReady(Obstacle::Asleep),
            "jam" => Fault::NotReady(Obstacle::Jam),
            "empty" => Fault::NotReady(Obstacle::Empty),
            "cover" => Fault::NotReady(Obstacle::Cover),
            "reset" => Fault::Break(Broken::Reset),
            "early-close" => Fault::Break(Broken::EarlyClose),
            "stall" => Fault::Stall,
            "silent" => Fault::Silent,
            "slow" => Fault::Slow,
            "panic" => Fault::Panic,
            "document" => Fault::Document,
            "credentials" => Fault::Credentials,
            "lies" => Fault::Lies,
            _ => return Err(()),
        })
    }
}

impl Obstacle {
    fn reason(self) -> NotReady {
        match self {
            Obstacle::Refused => NotReady::Refused,
            Obstacle::Asleep => NotReady::Asleep,
            Obstacle::Jam => NotReady::MediaJam,
            Obstacle::Empty => NotReady::MediaEmpty,
            Obstacle::Cover => NotReady::CoverOpen,
        }
    }
}

/// How the printer was ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Script {
    ppm: Option<u32>,
    latency: Duration,
    recover: Duration,
    /// Number of the job, from 1, and what happens to it.
    faults: Vec<(u64, Fault)>,
}

fn parse(uri: &str, surroundings: &Surroundings) -> Result<Arc<dyn Target>, BadUri> {
    let bad = |why: String| BadUri { uri: uri.chars().take(200).collect(), why };
    let script = Script::parse(uri.strip_prefix("sim:").unwrap_or(uri)).map_err(bad)?;
    let state = Mutex::new(State { begun: 0, until: None, faults: script.faults.clone() });
    let Surroundings { timing, clock, .. } = *surroundings;
    Ok(Arc::new(SimTarget(Arc::new(Printer { script, state, timing, clock }))))
}

impl Script {
    fn parse(text: &str) -> Result<Script, String> {
        let (name, query) = text.split_once('?').unwrap_or((text, ""));
        if !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'/' | b'.')) {
            return Err("its name is letters, digits, dots, dashes and slashes".to_owned());
        }
        let mut script = Script {
            ppm: None,
            latency: Duration::ZERO,
            recover: Duration::from_secs(10),
            faults: Vec::new(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            script.set(key, value)?;
        }
        Ok(script)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "ppm" => {
                let ppm = value.parse().ok().filter(|ppm| (1..=1_000_000).contains(ppm));
                self.ppm = Some(ppm.ok_or("ppm is a number of pages a minute, 1 to 1000000")?);
            }
            "latency" => self.latency = duration(value)?,
            "recover" => self.recover = duration(value)?,
            "fail" => {
                for fault in value.split(',') {
                    self.faults.push(fault_at(fault)?);
                }
                if self.faults.len() > FAULTS_MAX {
                    return Err(format!("it has more than {FAULTS_MAX} faults"));
                }
            }
            _ => return Err(format!("{key:?} is unknown; known are ppm, latency, fail, recover")),
        }
        Ok(())
    }

    /// How long a page takes.
    fn page(&self, slow: bool) -> Duration {
        match (self.ppm, slow) {
            (None, false) => Duration::ZERO,
            (Some(ppm), false) => Duration::from_secs(60) / ppm,
            (ppm, true) => Duration::from_secs(60) / ppm.unwrap_or(PPM_IF_SLOW) * SLOWNESS,
        }
    }
}

fn fault_at(text: &str) -> Result<(u64, Fault), String> {
    let wrong = || {
        format!(
            "{text:?} is not KIND@N with KIND one of refuse, asleep, jam, empty, cover, reset, early-close, stall, silent, slow, panic, document, credentials, lies, and N a job's number from 1"
        )
    };
    let (kind, number) = text.split_once('@').ok_or_else(wrong)?;
    let fault = kind.parse().map_err(|()| wrong())?;
    let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
    Ok((number, fault))
}

/// `20s`, `150ms`, `2m`; at most a day.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 150ms, 20s or 2m, at most a day");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    let milliseconds = number.checked_mul(unit).filter(|ms| *ms <= 86_400_000).ok_or_else(wrong)?;
    Ok(Duration::from_millis(milliseconds))
}

#[derive(Clone, Debug)]
struct SimTarget(Arc<Printer>);

#[derive(Debug)]
struct Printer {
    script: Script,
    state: Mutex<State>,
    timing: Timing,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    /// Jobs begun so far.
    begun: u64,
    /// The obstacle in the way of the next job, and when it will be gone.
    until: Option<(MonoTime, Obstacle)>,
    /// What has not happened yet.
    faults: Vec<(u64, Fault)>,
}

impl Printer {
    /// Also after a panic on plan the state is good: nobody panics while holding it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> MonoTime {
        self.clock.now().mono
    }

    /// Whether the next job gets in.
    fn admit(&self) -> Result<(), NotReady> {
        let now = self.now();
        let mut state = self.state();
        let next = state.begun + 1;
        let obstacle = |(n, fault): &(u64, Fault)| match fault {
            Fault::NotReady(obstacle) if *n == next => Some(*obstacle),
            _ => None,
        };
        if state.until.is_none()
            && let Some(at) = state.faults.iter().position(|fault| obstacle(fault).is_some())
            && let Some(obstacle) = obstacle(&state.faults.swap_remove(at))
        {
            state.until = Some((now.plus(self.script.recover), obstacle));
        }
        match state.until {
            Some((until, obstacle)) if now < until => Err(obstacle.reason()),
            Some(_) | None => {
                state.until = None;
                Ok(())
            }
        }
    }

    /// Counts a job and tells what will happen to it.
    fn begin(&self) -> Option<Fault> {
        let mut state = self.state();
        state.begun += 1;
        let number = state.begun;
        let at = state
            .faults
            .iter()
            .position(|(n, fault)| *n == number && !matches!(fault, Fault::NotReady(_)))?;
        Some(state.faults.swap_remove(at).1)
    }
}

impl Target for SimTarget {
    fn address(&self) -> (String, u16) {
        (String::new(), 0)
    }

    fn open(&self) -> BoxFuture<'static, Result<Box<dyn Link>, NotReady>> {
        let printer = self.0.clone();
        async move {
            tokio::time::sleep(printer.script.latency).await;
            printer.admit()?;
            let gate =
                Arc::new(Gate { shut: AtomicBool::new(false), lock: Mutex::new(()), bell: Condvar::new() });
            let link =
                SimLink { printer, gate, fault: None, closes: Confirmation::Close, bytes_total: 0, taken: 0 };
            Ok(Box::new(link) as Box<dyn Link>)
        }
        .boxed()
    }

    fn can_ask(&self) -> bool {
        false
    }

    fn ask(&self, _tag: &JobTag) -> Answer {
        Answer::CannotTell
    }
}

/// Where a link waits, and is woken when it is shut.
struct Gate {
    shut: AtomicBool,
    lock: Mutex<()>,
    bell: Condvar,
}

impl Shutter for Gate {
    fn shut(&self) {
        // Under the lock: a link is either before its look at `shut`, or waits for the bell.
        let _held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.shut.store(true, Ordering::Release);
        self.bell.notify_all();
    }
}

impl Gate {
    fn wait(&self, longest: Duration) -> Result<(), LinkError> {
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let open = |(): &mut ()| !self.shut.load(Ordering::Acquire);
        drop(self.bell.wait_timeout_while(held, longest, open));
        if self.shut.load(Ordering::Acquire) { Err(LinkError::Stopped) } else { Ok(()) }
    }
}

struct SimLink {
    printer: Arc<Printer>,
    gate: Arc<Gate>,
    fault: Option<Fault>,
    closes: Confirmation,
    bytes_total: u64,
    taken: u64,
}

impl SimLink {
    /// Lets time pass, beating.
    fn pass(&self, wait: Duration, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let until = self.printer.now().plus(wait);
        loop {
            pulse.beat(self.taken)?;
            let left = until.since(self.printer.now());
            self.gate.wait(left.min(self.printer.timing.beat))?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// What happens in the middle of this job, when `next` bytes more are to be taken.
    fn middle(&mut self, next: u64, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let reached = (self.taken + next) * 2 >= self.bytes_total;
        match self.fault {
            Some(fault @ (Fault::Break(_) | Fault::Stall | Fault::Panic)) if reached => {
                self.fault = None;
                self.suffer(fault, pulse)
            }
            _ => Ok(()),
        }
    }

    #[allow(clippy::panic, reason = "that is what was ordered")]
    fn suffer(&self, fault: Fault, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        match fault {
            Fault::Break(broken) => Err(LinkError::Broken(broken, Whole::No)),
            Fault::Stall => self.pass(self.printer.script.recover, pulse),
            Fault::Panic => panic!("the simulated printer was told to panic"),
            Fault::NotReady(_)
            | Fault::Silent
            | Fault::Slow
            | Fault::Document
            | Fault::Credentials
            | Fault::Lies => Ok(()),
        }
    }
}

impl Link for SimLink {
    fn shutter(&self) -> Option<Arc<dyn Shutter>> {
        Some(self.gate.clone())
    }

    fn begin(&mut self, tag: &JobTag, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        pulse.beat(0)?;
        self.gate.wait(Duration::ZERO)?;
        self.fault = self.printer.begin();
        (self.closes, self.bytes_total) = (tag.closes, tag.bytes_total);
        match self.fault {
            Some(Fault::Document) => Err(LinkError::Document(FailReason::Document(
                "the simulated printer cannot print it, as it was told".to_owned(),
            ))),
            Some(Fault::Credentials) => Err(LinkError::Credentials),
            _ => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8], pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        self.middle(bytes.len() as u64, pulse)?;
        let page = self.printer.script.page(self.fault == Some(Fault::Slow));
        self.pass(page.mul_f64(bytes.len() as f64 / PAGE_BYTES as f64), pulse)?;
        self.taken += bytes.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, pulse: &mut dyn Pulse) -> Result<DoneHow, LinkError> {
        pulse.stage(Stage::AwaitingWord);
        self.pass(self.printer.script.latency, pulse)?;
        if self.fault != Some(Fault::Silent) {
            return Ok(DoneHow::PeerClosed);
        }
        self.pass(self.printer.timing.silence, pulse)?;
        match self.closes {
            Confirmation::Close => Err(LinkError::Broken(Broken::Silent, Whole::Maybe)),
            Confirmation::Silence => Ok(DoneHow::Unconfirmed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_understood() {
        let script =
            Script::parse("lab/2?ppm=30&latency=150ms&fail=jam@3,reset@4&fail=slow@5&recover=2m").unwrap();
        assert_eq!(script.ppm, Some(30));
        assert_eq!(script.latency, Duration::from_millis(150));
        assert_eq!(script.recover, Duration::from_secs(120));
        let faults =
            [(3, Fault::NotReady(Obstacle::Jam)), (4, Fault::Break(Broken::Reset)), (5, Fault::Slow)];
        assert_eq!(script.faults, faults);
        assert_eq!(script.page(false), Duration::from_secs(2));
        assert_eq!(script.page(true), Duration::from_secs(20));
        assert_eq!(Script::parse("").unwrap().page(false), Duration::ZERO);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let many = format!("?fail={}reset@1", "reset@1,".repeat(1000));
        for text in [
            "?speed=3",
            "?ppm=0",
            "?ppm=-1",
            "?ppm=99999999999",
            "?ppm",
            "?fail=jam",
            "?fail=jam@0",
            "?fail=jam@",
            "?fail=flood@1",
            "?fail=",
            "?fail=jam@1,",
            "?recover=20",
            "?recover=20h",
            "?recover=",
            "?latency=2d",
            "?recover=99999999999999999999s",
            "?recover=18446744073709551615m",
            "a b",
            "a\nb",
            "?x",
            &many,
        ] {
            assert!(Script::parse(text).is_err(), "{text:?}");
        }
    }
}
