//! `spool jobs` and `spool job`.

use clap::Args;
use serde_json::{Value, json};

use super::client::{Server, escaped, read_value};
use super::failure::Failure;
use super::output::{clean, complain, json as print_json, line, local_time, table, when};
use super::shapes::{Entry, Job, text};
use crate::config::units::size_text;

/// The most jobs that the server gives at once.
const PAGE_JOBS_MAX: usize = 1000;

/// `spool jobs`
#[derive(Args, Debug)]
pub struct JobsArgs {
    /// Only jobs of this printer or pool
    #[arg(long, short = 'p', visible_alias = "printer", value_name = "QUEUE")]
    queue: Option<String>,
    /// Only jobs in these statuses, separated by commas; also «active» and «final»
    #[arg(long, value_name = "STATUS", conflicts_with = "all")]
    status: Option<String>,
    /// Only jobs of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Finished jobs too
    #[arg(long)]
    all: bool,
    /// The most jobs that are listed
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `spool job`
#[derive(Args, Debug)]
pub struct JobArgs {
    /// The number of the job
    #[arg(value_name = "ID")]
    id: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn jobs(args: JobsArgs, server: &Server) -> Result<(), Failure> {
    let (jobs, more) = listed(&args, server)?;
    if args.json {
        return print_json(&json!({ "jobs": jobs, "next_cursor": more }));
    }
    let rows = jobs.into_iter().map(|job| read_value(job, "jobs").map(row)).collect::<Result<_, _>>()?;
    let nothing = if args.all { "no jobs" } else { "no jobs wait or print; --all lists finished ones too" };
    table(&["ID", "STATUS", "PRINTER", "USER", "TITLE", "SIZE", "SUBMITTED", "WHY"], rows, nothing)?;
    if more.is_some() {
        complain(&format!("spool: only the newest {} are listed; --limit lists more", args.limit));
    }
    Ok(())
}

/// The newest jobs, page by page, and the cursor behind the last where there are more.
fn listed(args: &JobsArgs, server: &Server) -> Result<(Vec<Value>, Option<String>), Failure> {
    let status = if args.all { None } else { Some(args.status.as_deref().unwrap_or("active")) };
    let filters = [("status", status), ("printer", args.queue.as_deref()), ("user", args.user.as_deref())];
    let mut jobs: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    while jobs.len() < args.limit {
        let limit = (args.limit - jobs.len()).min(PAGE_JOBS_MAX);
        let mut target = format!("/api/v1/jobs?limit={limit}");
        for (name, value) in filters.into_iter().chain([("cursor", cursor.as_deref())]) {
            if let Some(value) = value {
                target.push_str(&format!("&{name}={}", escaped(value)));
            }
        }
        let mut page: Value = server.get(&target, "jobs")?;
        let got = page.get_mut("jobs").and_then(Value::as_array_mut).map(std::mem::take);
        let got = got.ok_or_else(|| Failure::failed("jobs: the server's answer lists none"))?;
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        let end = got.is_empty() || cursor.is_none();
        jobs.extend(got);
        if end {
            break;
        }
    }
    Ok((jobs, cursor))
}

fn row(job: Job) -> Vec<String> {
    let printer = job.assigned_printer.clone().or(job.printer.clone());
    vec![
        job.id.to_string(),
        clean(&job.status),
        text(&printer),
        text(&job.user),
        text(&job.title),
        size_text(job.bytes_total),
        job.created_at.as_deref().map(when).unwrap_or_default(),
        text(&job.message),
    ]
}

pub fn job(args: JobArgs, server: &Server) -> Result<(), Failure> {
    let what = format!("job {}", args.id);
    let job: Value = server.get(&format!("/api/v1/jobs/{}", args.id), &what)?;
    let history: Value = server.get(&format!("/api/v1/jobs/{}/events", args.id), &what)?;
    let entries = entries(history);
    if args.json {
        return print_json(&json!({ "job": job, "events": entries }));
    }
    let job: Job = read_value(job, &what)?;
    line(&job.line())?;
    for (name, value) in facts(&job) {
        if !value.is_empty() {
            line(&format!("  {name:<10} {value}"))?;
        }
    }
    let rows = entries.into_iter().map(|entry| read_value(entry, &what).map(entry_row));
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    line("")?;
    table(&["WHEN", "BY", "WHAT", "STATUS", "PRINTER", "WHY"], rows, "")
}

/// The list in an answer, under whatever name.
fn entries(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(entries) => entries,
        Value::Object(fields) => {
            let lists = fields.into_iter().filter_map(|(_, value)| match value {
                Value::Array(entries) => Some(entries),
                _ => None,
            });
            lists.flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// What there is to say of one job, name by name.
fn facts(job: &Job) -> Vec<(&'static str, String)> {
    let options = job.options.iter().map(|(name, value)| match value.as_str() {
        Some(text) => clean(&format!("{name}={text}")),
        None => clean(&format!("{name}={value}")),
    });
    let sent = format!("{} of {}", size_text(job.bytes_sent), size_text(job.bytes_total));
    let pages = job.pages.as_ref().map(|pages| {
        let number = |pages: Option<u64>| pages.map_or("?".to_owned(), |pages| pages.to_string());
        format!("{} of {} confirmed", number(pages.confirmed), number(pages.total))
    });
    let time = |at: &Option<String>| at.as_deref().map(local_time).unwrap_or_default();
    vec![
        ("title", text(&job.title)),
        ("user", text(&job.user)),
        ("queue", text(&job.printer)),
        ("printer", text(&job.assigned_printer)),
        ("options", options.collect::<Vec<_>>().join(" ")),
        ("priority", job.priority.map(|priority| priority.to_string()).unwrap_or_default()),
        ("attempts", job.attempts.map(|attempts| attempts.to_string()).unwrap_or_default()),
        ("device job", text(&job.device_job_id)),
        ("sent", sent),
        ("pages", pages.unwrap_or_default()),
        ("submitted", time(&job.created_at)),
        ("finished", time(&job.finished_at)),
    ]
}

fn entry_row(entry: Entry) -> Vec<String> {
    let mut why = text(&entry.message);
    if let Some(next) = &entry.next_at {
        why.push_str(&format!(" (next: {})", local_time(next)));
    }
    vec![
        entry.at.as_deref().map(local_time).unwrap_or_default(),
        text(&entry.source),
        text(&entry.kind),
        text(&entry.to),
        text(&entry.printer),
        why,
    ]
}
