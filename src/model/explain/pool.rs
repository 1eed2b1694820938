//! What is said of a job that waits for the printers of a pool.

use super::{Ahead, behind, clock_time};
use crate::model::id::QueueName;
use crate::model::job::Job;
use crate::model::pool::able::may_take;
use crate::model::pool::choice::Member;
use crate::model::time::MonoTime;

/// So many printers that cannot print now are named; of the others only the number is told.
const NAMED_MAX: usize = 3;

/// A pool in whose queue a job waits, and its members just now.
#[derive(Clone, Copy, Debug)]
pub struct PoolAround<'a> {
    pub name: &'a QueueName,
    pub members: &'a [Member],
    pub now: MonoTime,
}

/// Why it waits, what next, and when those that cannot print now are tried again.
pub(super) fn waits(job: &Job, pool: PoolAround<'_>, ahead: Ahead) -> String {
    let PoolAround { name, members, now } = pool;
    let verdict = |member: &Member| may_take(&member.printer, member.description.as_deref(), job);
    let (able, unable): (Vec<&Member>, Vec<&Member>) =
        members.iter().partition(|member| verdict(member).is_ok());
    let (of_use, down): (Vec<&Member>, Vec<&Member>) = able.iter().partition(|member| member.is_of_use(now));
    match (unable.first().and_then(|member| verdict(member).err()), of_use.is_empty()) {
        _ if members.is_empty() => format!("{name} has no printers; it waits until it gets one"),
        (Some(why), _) if able.is_empty() => {
            format!("no printer of {name} {why}; move it elsewhere, or add a printer that does")
        }
        (_, true) => format!("no printer of {name} can print now: {}", list(&down)),
        (_, false) => {
            let turn = behind(ahead).map(|others| format!(", behind {others}")).unwrap_or_default();
            let without = match down.is_empty() {
                true => String::new(),
                false => format!("; not for now: {}", list(&down)),
            };
            format!("it waits for a printer of {name} to be free{turn}{without}")
        }
    }
}

fn list(down: &[&Member]) -> String {
    let mut said: Vec<String> = down.iter().take(NAMED_MAX).map(|member| one(member)).collect();
    if down.len() > NAMED_MAX {
        said.push(format!("{} more", down.len() - NAMED_MAX));
    }
    said.join(", ")
}

fn one(member: &Member) -> String {
    let Member { printer, live, .. } = member;
    if printer.paused {
        return format!("{} (paused by an administrator)", printer.name);
    }
    let next = live.next_try_at.map(|at| format!("; tried again at {}", clock_time(at))).unwrap_or_default();
    format!("{} ({}{next})", printer.name, live.activity.sentence())
}
