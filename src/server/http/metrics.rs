//! Figures for Prometheus: what is now, as it is when it is asked, and what has been counted since the start.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::printer_json::shown_state;
use super::problem::{Problem, ProblemBody};
use super::state::{HttpState, no_query};
use crate::actors::front::Core;
use crate::model::id::QueueId;
use crate::store::stats::Stats;

/// The text format that prometheus-client writes.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Queues that have figures of their own; those of the others are summed up under the name `_others`.
const QUEUES_MAX: usize = 1000;
/// The buckets of acceptance: 0.25 ms to about 8 s.
const FIRST_BUCKET_S: f64 = 0.000_25;
const BUCKETS: u16 = 16;

type Labels = Vec<(&'static str, String)>;

/// What the interface itself measures.
#[derive(Debug)]
pub struct Measured {
    /// From the head of a submission to its 201, in seconds; the sending of the body is part of it.
    accepting: Histogram,
}

impl Default for Measured {
    fn default() -> Self {
        Measured { accepting: Histogram::new(exponential_buckets(FIRST_BUCKET_S, 2.0, BUCKETS)) }
    }
}

impl Measured {
    pub fn accepted(&self, took: Duration) {
        self.accepting.observe(took.as_secs_f64());
    }
}

/// Tells figures for Prometheus
///
/// Counters begin at the start of the process.
#[utoipa::path(get, path = "/metrics", tag = "server",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn show(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let mut registry = Registry::with_prefix("spool");
    counted(&mut registry, &state.stats);
    queues(&mut registry, &*state.core);
    printers(&mut registry, &*state.core);
    server(&mut registry, &state);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Problem::internal("write the figures", &error))?;
    // The process's own have names that everybody knows, without our prefix.
    let mut registry = Registry::with_prefix("process");
    process(&mut registry);
    let end = text.trim_end_matches("# EOF\n").len();
    text.truncate(end);
    encode(&mut text, &registry).map_err(|error| Problem::internal("write the figures", &error))?;
    Ok(HttpResponse::Ok().content_type(MEDIA_TYPE).body(text))
}

/// What the store has counted.
fn counted(registry: &mut Registry, stats: &Stats) {
    let mut add = |name: &str, help: &str, value: &AtomicU64| {
        let counter: Counter = Counter::default();
        counter.inc_by(value.load(Ordering::Relaxed));
        registry.register(name, help, counter);
    };
    add("jobs_accepted", "Jobs that were accepted", &stats.accepted);
    add("jobs_completed", "Jobs that were printed", &stats.completed);
    add("jobs_failed", "Jobs that cannot be printed", &stats.failed);
    add("jobs_canceled", "Jobs that were canceled", &stats.canceled);
    add("jobs_restarted", "Finished jobs that were asked for again", &stats.restarted);
    add("jobs_rerouted", "Jobs that were moved because their printer could not print", &stats.rerouted);
    add("attempts", "Times that a job was begun to be sent", &stats.attempts);
    add("completed_bytes", "Bytes of completed jobs, as they were sent", &stats.bytes_completed);
    add("commits", "Commits that became durable", &stats.commits);
    add("commit_groups", "Groups of commits: one sync each", &stats.groups);
}

fn gauge(value: u64) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}

/// Jobs that have not ended, by queue: a queue's name and whether they are held.
fn queues(registry: &mut Registry, core: &dyn Core) {
    let (jobs, bytes) = (Family::<Labels, Gauge>::default(), Family::<Labels, Gauge>::default());
    let directory = core.directory();
    let printers = directory.printers.iter().map(|one| (one.name.to_string(), QueueId::Printer(one.id)));
    let pools = directory.pools.iter().map(|one| (one.name.to_string(), QueueId::Pool(one.id)));
    for (n, (name, queue)) in printers.chain(pools).enumerate() {
        let counts = core.store().counts(queue);
        let name = if n < QUEUES_MAX { name } else { "_others".to_owned() };
        for (state, count) in [("queued", counts.jobs), ("held", counts.held)] {
            let labels = vec![("queue", name.clone()), ("state", state.to_owned())];
            jobs.get_or_create(&labels).inc_by(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let count = i64::try_from(counts.bytes).unwrap_or(i64::MAX);
        bytes.get_or_create(&vec![("queue", name)]).inc_by(count);
    }
    registry.register("jobs", "Jobs that have not ended", jobs);
    registry.register("queued_bytes", "Bytes that wait to be printed", bytes);
    registry.register("incoming_jobs", "Jobs that are arriving", gauge(core.incoming().len() as u64));
}

/// Printers by what they are doing: few words, however many printers.
fn printers(registry: &mut Registry, core: &dyn Core) {
    let states = Family::<Labels, Gauge>::default();
    for state in ["idle", "processing", "stopped"] {
        let _ = states.get_or_create(&vec![("state", state.to_owned())]);
    }
    for printer in &core.directory().printers {
        let state = shown_state(printer, &core.printer_live(printer.id)).word();
        states.get_or_create(&vec![("state", state.to_owned())]).inc();
    }
    registry.register("printers", "Printers by their state", states);
    let busy = core.workers().iter().filter(|row| row.job.is_some()).count();
    registry.register("workers_busy", "Threads that have a job", gauge(busy as u64));
}

fn server(registry: &mut Registry, state: &HttpState) {
    let accepting = state.measured.accepting.clone();
    let help = "From the head of a submission to its answer";
    registry.register_with_unit("accept", help, Unit::Seconds, accepting);
    let readers = state.bounds.event_readers_max - state.readers.available_permits();
    registry.register("event_readers", "Readers of the event stream", gauge(readers as u64));
    let uploads = state.bounds.uploads_max - state.uploads.available_permits();
    registry.register("uploads", "Large bodies that are arriving", gauge(uploads as u64));
    let ready = u64::from(state.core.admits().is_ok());
    registry.register("ready", "Whether new jobs are taken", gauge(ready));
    let uptime = state.clock.now().mono.0.as_secs();
    registry.register_with_unit("uptime", "Since the start of the process", Unit::Seconds, gauge(uptime));
    let build = Family::<Labels, Gauge>::default();
    build.get_or_create(&vec![("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
    registry.register("build_info", "The program", build);
}

/// What the kernel tells of the process, where it tells.
fn process(registry: &mut Registry) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (field, name, help) in [
        ("VmSize:", "virtual_memory_bytes", "Virtual memory"),
        ("VmRSS:", "resident_memory_bytes", "Resident memory"),
    ] {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        if let Some(kib) = kib {
            registry.register(name, help, gauge(kib * 1024));
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        registry.register("open_fds", "Open file descriptors", gauge(open.count() as u64));
    }
    if let Ok(threads) = fs::read_dir("/proc/self/task") {
        registry.register("threads", "Threads", gauge(threads.count() as u64));
    }
}
