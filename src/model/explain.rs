//! What is said of a job: one sentence for people (why it is where it is, what happens next and when) and
//! IPP's keywords for programs.

mod pool;

use std::time::Duration;

pub use self::pool::PoolAround;
use super::job::{HoldReason, Job, JobStatus, Reason, half};
use super::printer::{Activity, Printer, PrinterLive};
use super::retry::NotReady;
use super::time::WallTime;

/// What is known of the surroundings of a job.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// The printer that has the job, or in whose queue it waits. None for an unbound job of a pool.
    pub printer: Option<(&'a Printer, &'a PrinterLive)>,
    /// The pool in whose queue it waits.
    pub pool: Option<PoolAround<'a>>,
    pub ahead: Ahead,
    /// How long what goes before it takes, where that is known.
    pub expected_wait: Option<Duration>,
}

/// How many jobs go before this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ahead {
    #[default]
    Unknown,
    Exactly(usize),
    /// So many at least: no more were counted.
    Over(usize),
}

/// One sentence: why, what next, when. It ends without a full stop, as the program's sentences do.
pub fn explain(job: &Job, around: Around<'_>) -> String {
    if job.cancel_requested && !job.status.is_final() {
        return canceling(job, around);
    }
    match &job.reason {
        Reason::Stopped(why) => return stopped_at(why, job, around),
        Reason::Broken(broken, _) if job.status.is_at_printer() => return half(*broken),
        _ => {}
    }
    match job.status {
        JobStatus::Held => said(job, "held; release it to print it"),
        JobStatus::Waiting => waiting(job, around),
        JobStatus::Rendering => "it is being turned into what the printer speaks; then it is sent".to_owned(),
        JobStatus::Scheduled => {
            "it is bound to the printer and sent as soon as the printer is ready".to_owned()
        }
        JobStatus::Transmitting | JobStatus::Printing if job.reason == Reason::Blocked => format!(
            "the printer has taken {} of {} bytes and takes no more; it goes on by itself when the printer does",
            job.bytes_sent,
            job.bytes_total()
        ),
        JobStatus::Transmitting if job.is_arriving() => format!(
            "it is being sent while its document arrives, {} bytes so far; it is accepted when all of it is here",
            job.bytes_sent
        ),
        JobStatus::Transmitting => {
            format!("it is being sent: {} of {} bytes so far", job.bytes_sent, job.bytes_total())
        }
        JobStatus::Transmitted => {
            "all of it has been sent; waiting for the printer to say that it is done".to_owned()
        }
        JobStatus::Printing => match job.pages_confirmed {
            Some(pages @ 2..) => format!("the printer says that it prints it: {pages} pages are done"),
            Some(_) | None => "the printer says that it prints it".to_owned(),
        },
        JobStatus::Completed => match (&job.reason, job.cancel_requested) {
            (Reason::Done(how), true) => how.too_late(),
            _ => said(job, "printed"),
        },
        JobStatus::Failed => said(job, "it cannot be printed"),
        JobStatus::Canceled => match &job.reason {
            Reason::Interrupted(why) => why.sentence(job.bytes_sent),
            _ => said(job, "canceled"),
        },
    }
}

fn canceling(job: &Job, around: Around<'_>) -> String {
    let asked = "its end was asked for";
    match around.printer {
        Some((_, live)) if live.job == Some(job.id) && live.next_try_at.is_some() => {
            format!("{asked}; {}", at(live, Ahead::Unknown))
        }
        _ => format!("{asked}; it stops as soon as the printer lets go of it"),
    }
}

/// The printer has the job and cannot print now.
fn stopped_at(why: &NotReady, job: &Job, around: Around<'_>) -> String {
    let live = around.printer.map(|(_, live)| live).filter(|live| live.job == Some(job.id));
    match live.and_then(|live| live.next_try_at) {
        Some(at) => format!("{why}; it has the job, and is asked at {} what became of it", clock_time(at)),
        None if why.needs_a_hand() => {
            format!("{why}; it has the job, and goes on with it when that is put right")
        }
        None => format!("{why}; it has the job, and goes on with it when it can"),
    }
}

/// The job's own reason, or else `otherwise`.
fn said(job: &Job, otherwise: &str) -> String {
    job.reason.sentence().unwrap_or_else(|| otherwise.to_owned())
}

fn waiting(job: &Job, around: Around<'_>) -> String {
    // A job that may be printed a second time says so whatever it waits for.
    let past = match &job.reason {
        reason @ Reason::Broken(..) => reason.sentence(),
        _ => None,
    };
    let moved = job.rerouted.map(|_| format!("moved away from {}, which could not print", job.queue_name));
    let present = match around.printer {
        None => of_pool(job, around),
        Some((printer, _)) if printer.paused => format!(
            "the printer is paused by an administrator; it prints after `spool printer resume {}`",
            printer.name
        ),
        Some((_, live)) => at(live, around.ahead),
    };
    let expected = around.expected_wait.filter(|wait| *wait >= WAIT_TOLD_MIN);
    let expected = expected.map(|wait| format!("its turn is expected in about {}", about(wait)));
    let parts = [past, moved, Some(present), expected];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Shorter waits are not worth a word.
const WAIT_TOLD_MIN: Duration = Duration::from_secs(5);

fn about(wait: Duration) -> String {
    match wait.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3600)),
    }
}

fn of_pool(job: &Job, around: Around<'_>) -> String {
    match around.pool {
        Some(pool) => pool::waits(job, pool, around.ahead),
        None => format!("it waits for the queue {}, which is gone; move it elsewhere", job.queue_name),
    }
}

fn at(live: &PrinterLive, ahead: Ahead) -> String {
    let when = live.next_try_at.map(|at| format!("; it is tried again at {}", clock_time(at)));
    let woken = live.woken_at.map(|at| format!("; it was sent a wake-up call at {}", clock_time(at)));
    let woken = woken.unwrap_or_default();
    match (&live.activity, behind(ahead)) {
        (Activity::NotReady(why), _) if live.job.is_some() && when.is_none() => {
            format!("{why}, with another job in it; it is this job's turn afterwards")
        }
        (Activity::NotReady(why), _) => {
            format!("{why}{woken}{}", when.unwrap_or_else(|| "; it is tried again soon".to_owned()))
        }
        (Activity::Recovering, _) => {
            format!("the connection broke{}", when.unwrap_or_else(|| "; it is tried again soon".to_owned()))
        }
        (activity @ Activity::ManagerFailed, _) => {
            format!("{}{}", activity.sentence(), when.unwrap_or_default())
        }
        (activity @ (Activity::Blocked | Activity::StoreFull | Activity::Unshut), _) => {
            format!("{}; it is this job's turn afterwards", activity.sentence())
        }
        (_, Some(others)) => format!("it waits behind {others}"),
        (Activity::Sending | Activity::AwaitingWord, None) => {
            "it waits for the job that the printer has".to_owned()
        }
        (Activity::Idle | Activity::Connecting, None) => {
            "it is next; the printer is being connected".to_owned()
        }
    }
}

fn behind(ahead: Ahead) -> Option<String> {
    match ahead {
        Ahead::Unknown | Ahead::Exactly(0) => None,
        Ahead::Exactly(1) => Some("1 other job".to_owned()),
        Ahead::Exactly(n) => Some(format!("{n} other jobs")),
        Ahead::Over(n) => Some(format!("more than {n} other jobs")),
    }
}

/// `12:00:03Z`; the date would only be noise in a sentence about the next minutes.
fn clock_time(at: WallTime) -> String {
    let second = at.0 / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// IPP's job-state-reasons (RFC 8011 section 5.3.8, PWG 5100.x), ours where it has none; `none` is left out.
pub fn reasons(job: &Job, around: Around<'_>) -> Vec<&'static str> {
    let mut reasons: Vec<&'static str> = job.reason.keyword().into_iter().collect();
    reasons.extend(match job.status {
        JobStatus::Held if matches!(job.reason, Reason::Held(HoldReason::Incoming)) => {
            Some("job-data-insufficient")
        }
        JobStatus::Waiting => stopped(around),
        JobStatus::Rendering => Some("job-transforming"),
        JobStatus::Scheduled => Some("job-queued-for-marker"),
        JobStatus::Transmitting => Some("job-outgoing"),
        JobStatus::Transmitted => Some("queued-in-device"),
        JobStatus::Printing => Some("job-printing"),
        JobStatus::Canceled if matches!(job.reason, Reason::CanceledAtDevice | Reason::Interrupted(_)) => {
            None
        }
        JobStatus::Canceled => Some("job-canceled-by-user"),
        JobStatus::Held | JobStatus::Completed | JobStatus::Failed => None,
    });
    if job.cancel_requested && !job.status.is_final() {
        reasons.push("processing-to-stop-point");
    }
    reasons
}

fn stopped(around: Around<'_>) -> Option<&'static str> {
    let (printer, live) = around.printer?;
    let cannot = matches!(
        live.activity,
        Activity::NotReady(_)
            | Activity::Blocked
            | Activity::Recovering
            | Activity::ManagerFailed
            | Activity::StoreFull
            | Activity::Unshut
    );
    (printer.paused || cannot).then_some("printer-stopped")
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
