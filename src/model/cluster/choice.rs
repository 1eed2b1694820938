//! Which server gets a job: the one that would be done with it first.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use super::metrics::{Metrics, QueueLoad, SILENT_AFTER, Taking};
use super::node::NodeName;
use crate::model::document::Format;
use crate::model::id::QueueName;
use crate::model::pool::speed::{mean, time_for};
use crate::model::time::MonoTime;

/// What a document is taken for whose size was not told, in bytes.
pub const BYTES_ASSUMED: u64 = 64 * 1024;
/// A measurement counts what was assigned so long before it came: by then the server had heard of it.
const SETTLED: Duration = Duration::from_millis(250);
/// When to try again where no server could say when it has room.
pub const RETRY_UNKNOWN: Duration = Duration::from_secs(10);
/// The longest that somebody is told to wait.
const RETRY_MAX: Duration = Duration::from_secs(600);

/// A job that looks for a server.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// `None`: the default queue, which is each server's own.
    pub queue: Option<&'a QueueName>,
    pub format: &'a Format,
    /// `None` where it is not known before the end.
    pub bytes: Option<u64>,
    /// Servers that have it already, or have sent it on.
    pub avoid: &'a [NodeName],
}

/// A server in the running, which lives and is there to print.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    pub name: &'a NodeName,
    pub metrics: &'a Metrics,
    /// How long ago it was measured.
    pub age: Duration,
    /// What was assigned to it since it was measured.
    pub pending: Pending,
}

/// Work on its way to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    pub jobs: u64,
    pub bytes: u64,
}

/// Why no server gets the job. The least of several reasons is told: the one that is nearest to a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoServer {
    /// All that could take it have enough.
    Full { retry_after: Duration },
    /// There is the queue, and nobody has one that takes new jobs.
    NotAccepting,
    /// There is the queue, and its printers do not take the format.
    Format,
    /// No server that lives has the queue.
    NoQueue,
    /// No other server lives.
    Nobody,
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoServer::Full { retry_after } => {
                write!(
                    f,
                    "every server that could take it has enough; try again in {} s",
                    retry_after.as_secs().max(1)
                )
            }
            NoServer::NotAccepting => f.write_str("no server takes new jobs for this queue at present"),
            NoServer::Format => f.write_str("no server has this queue with a printer that takes this format"),
            NoServer::NoQueue => f.write_str("no server that lives has a printer or pool of this name"),
            NoServer::Nobody => f.write_str("no server of the cluster lives"),
        }
    }
}

/// Chooses the server with the least expected completion, counting what was just assigned. Where no speed is known of
/// a queue it is taken for as fast as the others are on average.
///
/// # Errors
/// Where none is suitable.
pub fn choose(wanted: Wanted<'_>, candidates: &[Candidate<'_>]) -> Result<NodeName, NoServer> {
    let mut nearest = NoServer::Nobody;
    let mut able: Vec<(&Candidate<'_>, &QueueLoad)> = Vec::new();
    for candidate in candidates.iter().filter(|candidate| !wanted.avoid.contains(candidate.name)) {
        match suits(wanted, candidate.metrics) {
            Ok(queue) => able.push((candidate, queue)),
            Err(why) => nearest = nearest.min(why),
        }
    }
    let mean = mean(able.iter().filter_map(|(_, queue)| queue.bytes_per_s));
    let best = able.into_iter().min_by_key(|(candidate, queue)| rank(wanted, candidate, queue, mean));
    best.map(|(candidate, _)| candidate.name.clone()).ok_or(nearest)
}

/// Whether the server can take the job, as far as it has told.
fn suits<'m>(wanted: Wanted<'_>, metrics: &'m Metrics) -> Result<&'m QueueLoad, NoServer> {
    let queue = metrics.queue(wanted.queue).ok_or(NoServer::NoQueue)?;
    if !queue.takes(wanted.format) {
        return Err(NoServer::Format);
    }
    if !queue.accepting {
        return Err(NoServer::NotAccepting);
    }
    match metrics.taking {
        Taking::Open => Ok(queue),
        Taking::Full | Taking::DiskFull => Err(NoServer::Full { retry_after: retry_after(metrics) }),
        Taking::Stopping => Err(NoServer::NotAccepting),
    }
}

/// When a server that is full has room again: the time that one of its jobs takes.
pub fn retry_after(metrics: &Metrics) -> Duration {
    let jobs = u32::try_from(metrics.queued_jobs).unwrap_or(u32::MAX);
    let one = metrics.expected_completion.and_then(|all| all.checked_div(jobs));
    one.unwrap_or(RETRY_UNKNOWN).clamp(Duration::from_secs(1), RETRY_MAX)
}

/// The least goes first: printers that can print, then who is done first, then who has fewer jobs.
fn rank<'a>(
    wanted: Wanted<'_>,
    candidate: &Candidate<'a>,
    queue: &QueueLoad,
    mean: u64,
) -> (bool, Duration, u64, &'a NodeName) {
    let speed = queue.bytes_per_s.unwrap_or(mean);
    let waits = queue.expected_wait.unwrap_or_else(|| time_for(queue.queued_bytes, speed));
    // Who can print has printed meanwhile.
    let waits = if queue.able { waits.saturating_sub(candidate.age) } else { waits };
    let comes = candidate.pending.bytes.saturating_add(wanted.bytes.unwrap_or(BYTES_ASSUMED));
    let jobs = queue.queued_jobs.saturating_add(candidate.pending.jobs);
    (!queue.able, waits.saturating_add(time_for(comes, speed)), jobs, candidate.name)
}

/// What a master has assigned and the servers' measurements do not show yet.
#[derive(Clone, Debug, Default)]
pub struct Assigned {
    by_node: BTreeMap<NodeName, VecDeque<(MonoTime, u64)>>,
}

impl Assigned {
    pub fn note(&mut self, node: &NodeName, bytes: Option<u64>, now: MonoTime) {
        let list = self.by_node.entry(node.clone()).or_default();
        list.push_back((now, bytes.unwrap_or(BYTES_ASSUMED)));
    }

    /// A measurement of the node has come: it shows what was assigned a moment before.
    pub fn measured(&mut self, node: &NodeName, now: MonoTime) {
        if let Some(list) = self.by_node.get_mut(node) {
            list.retain(|(at, _)| now.since(*at) < SETTLED);
            if list.is_empty() {
                self.by_node.remove(node);
            }
        }
    }

    pub fn pending(&mut self, node: &NodeName, now: MonoTime) -> Pending {
        let Some(list) = self.by_node.get_mut(node) else { return Pending::default() };
        // Of a node that is not measured any more nothing is kept for long.
        while list.front().is_some_and(|(at, _)| now.since(*at) >= SILENT_AFTER) {
            list.pop_front();
        }
        let bytes = list.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
        Pending { jobs: list.len() as u64, bytes }
    }
}

#[cfg(test)]
mod tests;
