//! What must hold of jobs at every moment, said a second time and in other words than the code that keeps it.
//!
//! The simulator asks all of it after every commit; tests ask it of single records. A predicate answers what is
//! wrong, in a sentence for the person who looks for the cause.

use super::commit::Commit;
use super::event::Entry;
use super::id::{JobId, PrinterId};
use super::job::{DOCUMENTS_MAX, DoneHow, Job, JobStatus, Reason};
use super::queue::OrderKey;
use super::retry::Whole;

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: &'static str,
    pub what: String,
}

type Holds = Result<(), Violation>;

fn must(holds: bool, rule: &'static str, what: impl FnOnce() -> String) -> Holds {
    if holds { Ok(()) } else { Err(Violation { rule, what: what() }) }
}

/// Where a job may go from each status, whatever the cause.
pub const PATHS: [(JobStatus, &[JobStatus]); 10] = {
    use JobStatus::*;
    [
        (Held, &[Held, Waiting, Failed, Canceled]),
        (Waiting, &[Waiting, Held, Rendering, Scheduled, Transmitting, Failed, Canceled]),
        (Rendering, &[Rendering, Waiting, Held, Transmitting, Failed, Canceled]),
        (Scheduled, &[Scheduled, Waiting, Held, Rendering, Transmitting, Printing, Failed, Canceled]),
        (Transmitting, &[Transmitting, Waiting, Held, Transmitted, Printing, Completed, Failed, Canceled]),
        (Transmitted, &[Transmitted, Waiting, Held, Printing, Completed, Failed, Canceled]),
        (Printing, &[Printing, Waiting, Held, Completed, Failed, Canceled]),
        (Completed, &[Waiting]),
        (Failed, &[Waiting]),
        (Canceled, &[Waiting]),
    ]
};

/// Whether a job may go from one status to the other at all.
pub fn path(from: JobStatus, to: JobStatus) -> bool {
    PATHS.iter().any(|(status, next)| *status == from && next.contains(&to))
}

/// What must hold of one job's record by itself.
pub fn record(job: &Job) -> Holds {
    let say = |what: &str| format!("job {}: {what}: {:?} {:?}", job.id, job.status, job.reason);
    let id = (1..=JobId::MAX.0).contains(&job.id.0);
    must(id, "numbers", || say("its number cannot be said in IPP"))?;
    let documents = match job.documents.len() {
        // Registered, and perhaps ended, before its document had arrived.
        0 => !matches!(job.status, JobStatus::Waiting | JobStatus::Transmitted | JobStatus::Completed),
        n => n <= DOCUMENTS_MAX,
    };
    must(documents, "bounds", || say("it has no or too many documents"))?;
    must(job.status.is_final() == job.finished_at.is_some(), "end", || say("its end and its time differ"))?;
    must(!job.status.is_at_printer() || job.bound.is_some(), "bound", || say("at no printer"))?;
    must(job.status != JobStatus::Waiting || job.bound.is_none(), "bound", || say("waits and is bound"))?;
    must(job.in_doubt <= job.broken, "counts", || say("in doubt more often than it broke"))?;
    must(reason_fits(job), "reason", || say("its reason does not fit"))
}

fn reason_fits(job: &Job) -> bool {
    match job.status {
        JobStatus::Held => matches!(job.reason, Reason::Held(_)),
        JobStatus::Waiting => {
            matches!(job.reason, Reason::None | Reason::NotReady(_) | Reason::Broken(..))
        }
        JobStatus::Completed => matches!(job.reason, Reason::Done(_)),
        JobStatus::Failed => matches!(job.reason, Reason::Failed(_)),
        JobStatus::Transmitted if job.reason == Reason::Blocked => false,
        JobStatus::Transmitting | JobStatus::Transmitted | JobStatus::Printing => match job.reason {
            Reason::Incoming => job.is_arriving(),
            Reason::None => !job.is_arriving(),
            _ => matches!(job.reason, Reason::Blocked | Reason::Stopped(_) | Reason::Broken(_, Whole::No)),
        },
        JobStatus::Canceled => {
            matches!(job.reason, Reason::None | Reason::CanceledAtDevice | Reason::Interrupted(_))
        }
        JobStatus::Rendering | JobStatus::Scheduled => true,
    }
}

/// What must hold of a commit: every job in it goes on from what it was, and its timeline says how.
pub fn commit(commit: &Commit, before: impl Fn(JobId) -> Option<Job>) -> Holds {
    for job in &commit.jobs {
        let told: Vec<&Entry> = commit.timeline.iter().filter(|entry| entry.job == job.id).collect();
        record(job)?;
        follows(before(job.id).as_ref(), job, &told)?;
    }
    Ok(())
}

/// A job goes on from what it was: by allowed paths, each told, and what it is stays what it is.
pub fn follows(before: Option<&Job>, after: &Job, told: &[&Entry]) -> Holds {
    let id = after.id;
    let Some(before) = before else {
        // One that is sent while it arrives is registered together with its first attempt.
        let (first, entries) = match after.status {
            JobStatus::Transmitting => (after.is_arriving(), 2),
            status => (matches!(status, JobStatus::Waiting | JobStatus::Held), 1),
        };
        must(first, "birth", || format!("job {id} begins as {:?}", after.status))?;
        let told = told.len() == entries && after.entries as usize == entries;
        return must(told, "told", || format!("job {id} begins untold"));
    };
    let same = (before.documents == after.documents || before.is_arriving() && after.documents.len() == 1)
        && before.submitter == after.submitter
        && before.created_at == after.created_at
        && before.control_hash == after.control_hash;
    must(same, "identity", || format!("job {id} became another"))?;
    must(after.revision > before.revision, "revision", || format!("job {id} changed without a revision"))?;
    let mut at = before.status;
    for (entry, seq) in told.iter().zip(before.entries + 1..) {
        must(entry.seq == seq, "told", || format!("job {id}: entry {} where {seq} is due", entry.seq))?;
        must(entry.from == Some(at), "told", || format!("job {id}: {entry:?} does not begin at {at:?}"))?;
        must(path(at, entry.to), "paths", || format!("job {id} went {at:?} to {:?}", entry.to))?;
        let by_user = !at.is_final() || entry.kind == "restarted";
        must(by_user, "final", || format!("job {id} was {at:?} and did not stay so: {entry:?}"))?;
        at = entry.to;
    }
    must(at == after.status, "told", || format!("job {id} is {:?}, its timeline says {at:?}", after.status))?;
    let entries = before.entries as usize + told.len() == after.entries as usize;
    must(entries, "told", || format!("job {id} counts {} entries", after.entries))
}

/// No job is printed twice in silence: before every attempt but the first stands what became of the one
/// before.
pub fn told_before_again(timeline: &[Entry]) -> Holds {
    let mut open: Option<&Entry> = None;
    for entry in timeline {
        match entry.kind.as_ref() {
            "attempt" => {
                must(open.is_none(), "silence", || {
                    format!("job {} is printed again and nothing says why: {open:?}, {entry:?}", entry.job)
                })?;
                open = Some(entry);
            }
            "not-ready" | "given-back" | "awaits-document" | "print-again" | "held-after-break"
            | "completed" | "failed" | "canceled" => open = None,
            _ => {}
        }
    }
    Ok(())
}

/// A job is printed again by itself at most `broken_max` times less one, and once where it may have left whole;
/// then a person is asked. A person's word begins a new count.
pub fn repeats_are_bounded(timeline: &[Entry], broken_max: u32) -> Holds {
    let (mut again, mut in_doubt) = (0, 0);
    for entry in timeline {
        match entry.kind.as_ref() {
            "print-again" => {
                again += 1;
                in_doubt += u32::from(entry.reason.as_deref() == Some("may-have-printed"));
            }
            "released" | "restarted" => (again, in_doubt) = (0, 0),
            _ => {}
        }
        let bounded = again <= broken_max && in_doubt <= 1;
        must(bounded, "repeats", || format!("job {} is printed again and again: {entry:?}", entry.job))?;
    }
    Ok(())
}

/// A printer has one job at a time. `jobs` are those at printers.
pub fn one_at_a_time(jobs: &[Job]) -> Holds {
    let mut seen: Vec<(PrinterId, JobId)> = Vec::new();
    for job in jobs.iter().filter(|job| job.status >= JobStatus::Transmitting && !job.status.is_final()) {
        let Some(bound) = &job.bound else { continue };
        let other = seen.iter().find(|(printer, _)| *printer == bound.printer);
        must(other.is_none(), "one job", || format!("{} has job {} and {other:?}", bound.name, job.id))?;
        seen.push((bound.printer, job.id));
    }
    Ok(())
}

/// A queue is what the jobs say: every waiting job at its place, and nothing else.
pub fn queue_agrees<'a>(queue: &[OrderKey], jobs: impl Iterator<Item = &'a Job>) -> Holds {
    let mut wanted: Vec<OrderKey> = jobs.filter_map(Job::order).collect();
    wanted.sort();
    must(queue == wanted, "queue", || format!("the queue is {queue:?}, its jobs are {wanted:?}"))
}

/// A completed job was completed on the device's word, or says that it was not.
pub fn completed_on_word(job: &Job, device_said: bool) -> Holds {
    let holds = match &job.reason {
        Reason::Done(DoneHow::Unconfirmed) => true,
        Reason::Done(_) => device_said,
        _ => job.status != JobStatus::Completed,
    };
    must(holds, "word", || format!("job {} is completed and its device never said so", job.id))
}

#[cfg(test)]
mod tests;
