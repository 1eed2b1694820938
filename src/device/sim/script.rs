//! What a simulated printer is ordered to do: the part of its URI behind the scheme.

use std::str::FromStr;
use std::time::Duration;

use crate::model::retry::{Broken, NotReady};

/// How many faults one printer may have before it.
const FAULTS_MAX: usize = 1000;
/// How much slower than its pace a `slow` printer is.
const SLOWNESS: u32 = 10;
/// The pace that `slow` is measured by where none is set.
const PPM_IF_SLOW: u32 = 600;

/// What can happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
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
pub enum Obstacle {
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
    pub fn reason(self) -> NotReady {
        match self {
            Obstacle::Refused => NotReady::Refused,
            Obstacle::Asleep => NotReady::Asleep,
            Obstacle::Jam => NotReady::MediaJam,
            Obstacle::Empty => NotReady::MediaEmpty,
            Obstacle::Cover => NotReady::CoverOpen,
        }
    }
}

/// Whether the printer has words for its jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speech {
    /// The close of its connection is all it says.
    #[default]
    Mute,
    Talks,
}

/// How the printer was ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub ppm: Option<u32>,
    pub speech: Speech,
    pub latency: Duration,
    pub recover: Duration,
    /// Number of the job, from 1, and what happens to it.
    pub faults: Vec<(u64, Fault)>,
}

impl Script {
    pub fn parse(text: &str) -> Result<Script, String> {
        let (name, query) = text.split_once('?').unwrap_or((text, ""));
        if !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'/' | b'.')) {
            return Err("its name is letters, digits, dots, dashes and slashes".to_owned());
        }
        let mut script = Script {
            ppm: None,
            speech: Speech::Mute,
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
            "talks" => {
                self.speech = match value {
                    "yes" => Speech::Talks,
                    "no" => Speech::Mute,
                    _ => return Err("talks is yes or no".to_owned()),
                }
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
            _ => return Err(format!("{key:?} is unknown; known are ppm, talks, latency, fail, recover")),
        }
        Ok(())
    }

    /// How long a page takes.
    pub fn page(&self, slow: bool) -> Duration {
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
            "?talks",
            "?talks=loudly",
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
