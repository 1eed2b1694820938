//! How loaded this server is.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use crate::actors::front::Core;
use crate::model::cluster::metrics::{Metrics, QueueLoad, Taking};
use crate::model::document::Format;
use crate::model::id::{QueueId, QueueName};
use crate::model::intake::Refusal;
use crate::model::pool::choice::Member;
use crate::model::time::MonoTime;
use crate::store::documents::Documents;

/// The state of the processors' clocks, to be told how busy they were since.
#[derive(Clone, Copy, Debug, Default)]
pub struct Processors {
    busy: u64,
    all: u64,
}

impl Processors {
    /// The share that was not idle since the last look, in thousandths; `None` where the system does not tell.
    pub fn look(&mut self) -> Option<u16> {
        let now = Processors::read(&fs::read_to_string("/proc/stat").ok()?)?;
        let (busy, all) = (now.busy.checked_sub(self.busy)?, now.all.checked_sub(self.all)?);
        *self = now;
        u16::try_from((busy * 1000).checked_div(all)?).ok()
    }

    /// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal …, in ticks (proc(5)).
    fn read(stat: &str) -> Option<Processors> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).take(8).collect();
        let idle = ticks.get(3)? + ticks.get(4)?;
        let all: u64 = ticks.iter().sum();
        Some(Processors { busy: all - idle, all })
    }
}

/// Measures the server, all but the processors and the count of the measurement.
pub fn measure(core: &dyn Core, documents: &Documents, now: MonoTime) -> Metrics {
    let directory = core.directory();
    let printers = directory.printers.iter().map(|printer| {
        let id = QueueId::Printer(printer.id);
        queue(core, id, &printer.name, printer.accepting, now)
    });
    let pools = directory.pools.iter().map(|pool| {
        let id = QueueId::Pool(pool.id);
        queue(core, id, &pool.name, pool.accepting, now)
    });
    let mut queues: Vec<QueueLoad> = printers.chain(pools).collect();
    // Those with work first, where there are more than can be told.
    queues.sort_by_key(|queue| std::cmp::Reverse(queue.queued_jobs));
    let sum = |of: fn(&QueueLoad) -> u64| queues.iter().map(of).fold(0, u64::saturating_add);
    let busy = core.workers().iter().filter(|worker| worker.job.is_some()).count();
    Metrics {
        seq: 0,
        taking: taking(core),
        queued_jobs: sum(|queue| queue.queued_jobs),
        queued_bytes: sum(|queue| queue.queued_bytes),
        expected_completion: queues.iter().filter_map(|queue| queue.expected_wait).max(),
        busy_workers: u32::try_from(busy).unwrap_or(u32::MAX),
        cpu_permille: None,
        free_disk: documents.free_bytes().ok(),
        default: directory.default.clone(),
        queues: Arc::new(queues),
    }
}

fn taking(core: &dyn Core) -> Taking {
    match core.admits() {
        Ok(()) => Taking::Open,
        Err(Refusal::DiskFull { .. }) => Taking::DiskFull,
        Err(Refusal::Stopping) => Taking::Stopping,
        Err(_) => Taking::Full,
    }
}

fn queue(core: &dyn Core, id: QueueId, name: &QueueName, accepting: bool, now: MonoTime) -> QueueLoad {
    let members = core.members(id);
    let counts = core.store().counts(id);
    let speeds = members.iter().filter_map(|member| member.live.load.bytes_per_s);
    let speed = speeds.fold(0, u64::saturating_add);
    let expected_wait: Option<Duration> = core.expected_wait(id, now);
    QueueLoad {
        name: name.clone(),
        accepting,
        shared: !members.is_empty() && members.iter().all(|member| member.printer.share),
        able: members.iter().any(|member| member.is_of_use(now)),
        formats: formats(&members),
        queued_jobs: counts.jobs,
        queued_bytes: counts.bytes,
        bytes_per_s: (speed > 0).then_some(speed),
        expected_wait,
    }
}

/// What its printers take together; nothing where one of them may take anything.
fn formats(members: &[Member]) -> Vec<Format> {
    let mut all: Vec<Format> = Vec::new();
    for member in members {
        let own = match (&member.printer.format, &member.description) {
            (Some(only), _) => vec![only.clone()],
            (None, Some(described)) => described.formats.clone(),
            (None, None) => Vec::new(),
        };
        if own.is_empty() {
            return own;
        }
        let new: Vec<Format> = own.into_iter().filter(|format| !all.contains(format)).collect();
        all.extend(new);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_as_the_system_tells_them() {
        let first = Processors::read("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1 2 3\n").unwrap();
        assert_eq!((first.busy, first.all), (20, 100));
        assert!(Processors::read("intr 1 2 3").is_none());
        if cfg!(target_os = "linux") {
            assert!(Processors::default().look().is_some_and(|permille| permille <= 1000));
        }
    }
}
