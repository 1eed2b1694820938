//! What follows a failure: the classes, doubt, and how long to wait before the next try.

use std::fmt;
use std::time::Duration;

use super::job::{HoldReason, Job};
use super::printer::WhenInDoubt;
use super::time::MonoTime;

/// Class *not-ready*: no byte of the job has left. Not an attempt; the printer backs off, the job keeps
/// its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NotReady {
    /// The host is there and refuses the connection.
    Refused,
    /// No answer on the network at all: off or asleep.
    Asleep,
    /// The network says that there is no way to it.
    Unreachable,
    /// Its name resolves to no address.
    Unresolved,
    /// Its name is still being looked up: the name service may not answer.
    LookUpSlow,
    /// It is busy with somebody else's job.
    Busy,
    MediaEmpty,
    MediaJam,
    CoverOpen,
    /// Toner or ink is used up.
    SupplyEmpty,
    /// There is no room where the sheets come out.
    OutputFull,
    TrayMissing,
    /// Somebody has stopped it at its own panel or page, or it takes no jobs just now.
    PausedAtDevice,
    /// It stopped for a reason it gave in its own words.
    Other(String),
}

impl NotReady {
    /// printer-state-reasons of RFC 8011 section 5.4.12 and PWG 5100.9, or our own where there is none.
    pub fn keyword(&self) -> &'static str {
        match self {
            NotReady::Refused => "connection-refused",
            NotReady::Asleep => "asleep",
            NotReady::Unreachable => "unreachable",
            NotReady::Unresolved | NotReady::LookUpSlow => "name-unresolved",
            NotReady::Busy => "busy",
            NotReady::MediaEmpty => "media-empty",
            NotReady::MediaJam => "media-jam",
            NotReady::CoverOpen => "cover-open",
            NotReady::SupplyEmpty => "marker-supply-empty",
            NotReady::OutputFull => "output-area-full",
            NotReady::TrayMissing => "input-tray-missing",
            NotReady::PausedAtDevice => "paused-at-device",
            NotReady::Other(_) => "other",
        }
    }
}

impl NotReady {
    /// Whether it ends only when somebody does something at the device: until then the device is waited for,
    /// however long that takes.
    pub fn needs_a_hand(&self) -> bool {
        match self {
            NotReady::MediaEmpty
            | NotReady::MediaJam
            | NotReady::CoverOpen
            | NotReady::SupplyEmpty
            | NotReady::OutputFull
            | NotReady::TrayMissing
            | NotReady::PausedAtDevice => true,
            NotReady::Refused
            | NotReady::Asleep
            | NotReady::Unreachable
            | NotReady::Unresolved
            | NotReady::LookUpSlow
            | NotReady::Busy
            | NotReady::Other(_) => false,
        }
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotReady::Refused => f.write_str("the printer refuses connections"),
            NotReady::Asleep => f.write_str("the printer does not answer: off or asleep"),
            NotReady::Unreachable => f.write_str("there is no way to the printer on the network"),
            NotReady::Unresolved => f.write_str("the printer's name resolves to no address"),
            NotReady::LookUpSlow => f.write_str(
                "looking up the printer's name takes too long; the name service of this network may not answer",
            ),
            NotReady::Busy => f.write_str("the printer is busy with another job"),
            NotReady::MediaEmpty => f.write_str("the printer is out of paper"),
            NotReady::MediaJam => f.write_str("paper is jammed in the printer"),
            NotReady::CoverOpen => f.write_str("a cover of the printer is open"),
            NotReady::SupplyEmpty => f.write_str("the printer has no toner or ink left"),
            NotReady::OutputFull => f.write_str("the printer's output tray is full"),
            NotReady::TrayMissing => f.write_str("a tray of the printer is missing"),
            NotReady::PausedAtDevice => {
                f.write_str("the printer is paused at its own panel, or takes no jobs just now")
            }
            NotReady::Other(words) => write!(f, "the printer is not ready: {words}"),
        }
    }
}

/// Class *broken*: the connection ended without a final word. An attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    Reset,
    /// The device closed before it had taken everything.
    EarlyClose,
    /// It took bytes, stopped for longer than allowed, and was shut.
    Stalled,
    /// It took everything and then neither closed nor spoke.
    Silent,
    WorkerPanic,
    /// The print thread gave no sign of life and was shut.
    WorkerStuck,
    /// The printer's traffic manager failed.
    ManagerPanic,
    /// The server stopped or died with the job at the printer.
    ServerStopped,
    /// Writing to the device failed otherwise.
    WriteFailed,
    /// The device gave the job up for a reason of its own.
    DeviceAborted,
    /// The device does not know the job any more and has not said how it ended.
    Forgotten,
    /// The document was sent while it arrived, and arrived too slowly for a printer to wait for it.
    UploadSlow,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broken::Reset => "the printer reset the connection",
            Broken::EarlyClose => "the printer closed the connection early",
            Broken::Stalled => "the printer took no more data for too long and the connection was shut",
            Broken::Silent => "the printer said nothing after the end",
            Broken::WorkerPanic => "the print thread failed",
            Broken::WorkerStuck => "the print thread gave no sign of life and was replaced",
            Broken::ManagerPanic => "the part of the server that serves the printer failed",
            Broken::ServerStopped => "the server stopped",
            Broken::WriteFailed => "writing to the device failed",
            Broken::DeviceAborted => "the printer gave the job up",
            Broken::UploadSlow => "the document arrived too slowly and the connection was reset",
            Broken::Forgotten => "the printer does not know the job any more and never said how it ended",
        })
    }
}

/// Whether the document may have left whole when its connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whole {
    /// It certainly did not.
    No,
    Maybe,
}

/// What becomes of a job whose attempt broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterBreak {
    Again,
    Hold(HoldReason),
}

/// Decides for a job that has broken now, `whole` or not, at a printer with that rule. `broken_max` counts
/// over all printers. A job that was being handled when the same part of the server failed twice running is
/// held: its record may be what breaks it. [`WhenInDoubt::Continue`] is refused where pages are not confirmed, so here it can
/// only mean that a person asked for neither loss nor repetition: it holds.
pub fn after_break(
    job: &Job,
    broken: Broken,
    whole: Whole,
    rule: WhenInDoubt,
    broken_max: u32,
) -> AfterBreak {
    if broken == Broken::ManagerPanic && job.last_broken == Some(Broken::ManagerPanic) {
        return AfterBreak::Hold(HoldReason::FailedTwiceRunning);
    }
    match (rule, whole) {
        (WhenInDoubt::Hold | WhenInDoubt::Continue, _) => AfterBreak::Hold(HoldReason::OutcomeUnknown),
        (WhenInDoubt::PrintAgain, Whole::Maybe) if job.in_doubt == 0 => AfterBreak::Again,
        (WhenInDoubt::PrintAgain, Whole::Maybe) => AfterBreak::Hold(HoldReason::OutcomeUnknown),
        (WhenInDoubt::PrintAgain, Whole::No) if job.broken + 1 < broken_max => AfterBreak::Again,
        (WhenInDoubt::PrintAgain, Whole::No) => AfterBreak::Hold(HoldReason::BrokenTooOften),
    }
}

/// How long a printer that is not ready is tried at its first pace before the waits grow.
pub const FIRST_PACE: Duration = Duration::from_secs(120);

/// When a printer that is not ready is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Since when it is not ready.
    pub since: MonoTime,
    /// The wait before the next try, without jitter.
    pub wait: Duration,
}

/// The shortest and the longest wait between two tries (`retry.backoff`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffRange {
    pub first: Duration,
    pub longest: Duration,
}

impl Backoff {
    pub fn start(now: MonoTime, range: BackoffRange) -> Backoff {
        Backoff { since: now, wait: range.first }
    }

    /// After another try in vain: the same wait for two minutes, then twice the last, up to the longest.
    pub fn again(self, now: MonoTime, range: BackoffRange) -> Backoff {
        let wait =
            if now.since(self.since) < FIRST_PACE { range.first } else { (self.wait * 2).min(range.longest) };
        Backoff { wait, ..self }
    }

    /// When the next try is due. Up to a tenth is taken off the wait, by `chance` (any number), so that
    /// a thousand printers that went off together are not tried together.
    pub fn due(self, now: MonoTime, chance: u64) -> MonoTime {
        let tenth = self.wait / 10;
        let off = tenth.mul_f64((chance % 1024) as f64 / 1024.0);
        now.plus(self.wait - off)
    }
}

/// Failures that lie further apart do not belong together.
pub const SPELL_FORGOTTEN: Duration = Duration::from_secs(120);

/// How long something has been failing, over tries that all were in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    pub since: MonoTime,
    pub last: MonoTime,
}

impl Spell {
    /// After another failure.
    pub fn again(before: Option<Spell>, now: MonoTime) -> Spell {
        let goes_on = before.filter(|spell| now.since(spell.last) < SPELL_FORGOTTEN);
        Spell { since: goes_on.map_or(now, |spell| spell.since), last: now }
    }
}

#[cfg(test)]
mod tests;
