//! `spool watch`: printers and jobs as they change, from the event stream. In a terminal one screen that is
//! drawn anew; elsewhere one line for each change. It outlives the server: it says when it is away, and goes
//! on where it was.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::client::events::{Event, Events, Heard};
use super::client::{Server, read_list, read_value};
use super::failure::Failure;
use super::output::{clean, complain, json_line, line, pause, screen, span, table_text, when};
use super::shapes::{Job, Printer, text};
use crate::clock::Clock;
use crate::config::units::size_text;
use crate::model::time::MonoTime;

/// A server that is away is looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The screen is drawn anew this often even where nothing changed: times go on.
const DRAW_EVERY: Duration = Duration::from_secs(1);
/// The screen is drawn at most this often: a busy server tells more than anybody reads.
const DRAW_GAP: Duration = Duration::from_millis(100);
/// The most active jobs that are kept in view.
const JOBS_MAX: usize = 1000;
/// Jobs that have ended and are still shown.
const ENDED_SHOWN: usize = 5;

/// `spool watch`
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
}

/// How it is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Screen,
    Lines,
    Json,
}

/// Runs until it is interrupted, or until nobody reads its output any more.
pub fn watch(args: WatchArgs, server: &Server) -> Result<(), Failure> {
    let show = match (args.json, std::io::stdout().is_terminal()) {
        (true, _) => Show::Json,
        (false, true) => Show::Screen,
        (false, false) => Show::Lines,
    };
    let mut view = View::default();
    let mut after = None;
    // The first time a server that is not there is an error; later it is waited for.
    let mut events = open(server, &mut view, &mut after, show)?;
    loop {
        match events.next(DRAW_EVERY) {
            Heard::Events(heard) => {
                for event in heard {
                    after = event.id.or(after);
                    let reload = view.take(event, show)?;
                    if reload {
                        view.load(server)?;
                    }
                }
                view.draw(show, None)?;
            }
            Heard::Nothing => view.draw(show, None)?,
            Heard::End => {
                if show != Show::Screen {
                    complain("spool: the server is away; waiting for it");
                }
                events = back_again(server, &mut view, &mut after, show)?;
                if show != Show::Screen {
                    complain("spool: the server is back");
                }
            }
        }
    }
}

/// Events first, so that nothing is missed between the lists and them.
fn open(server: &Server, view: &mut View, after: &mut Option<u64>, show: Show) -> Result<Events, Failure> {
    let events = server.events(*after)?;
    if show == Show::Screen {
        view.load(server)?;
    }
    Ok(events)
}

fn back_again(
    server: &Server,
    view: &mut View,
    after: &mut Option<u64>,
    show: Show,
) -> Result<Events, Failure> {
    let since = Clock::machine().now().mono;
    loop {
        match open(server, view, after, show) {
            Err(Failure::Away(_)) => {
                let away = Clock::machine().now().mono.since(since);
                view.draw(show, Some(away))?;
                pause(LOOK_EVERY);
            }
            other => return other,
        }
    }
}

/// What is in view.
#[derive(Default)]
struct View {
    printers: BTreeMap<String, Printer>,
    jobs: BTreeMap<u32, Job>,
    /// The last that ended, the newest first.
    ended: Vec<Job>,
    drawn_at: Option<MonoTime>,
}

impl View {
    fn load(&mut self, server: &Server) -> Result<(), Failure> {
        let printers =
            read_list(server.get::<Value>("/api/v1/printers?limit=1000", "printers")?, "printers")?;
        self.printers = printers.into_iter().map(|one: Printer| (one.name.clone(), one)).collect();
        let jobs = format!("/api/v1/jobs?status=active&limit={JOBS_MAX}");
        let jobs = read_list(server.get::<Value>(&jobs, "jobs")?, "jobs")?;
        self.jobs = jobs.into_iter().map(|job: Job| (job.id, job)).collect();
        Ok(())
    }

    /// Takes in what changed; true where everything may have.
    fn take(&mut self, event: Event, show: Show) -> Result<bool, Failure> {
        let Event { kind, data, .. } = event;
        match (show, kind.as_str()) {
            (_, "") => {}
            (Show::Json, _) => json_line(&serde_json::json!({ "event": kind, "data": data }))?,
            (Show::Lines, "job") => {
                let job: Job = read_value(data, "events")?;
                if !job.status.is_empty() {
                    line(&job.line())?;
                }
            }
            (Show::Lines, "printer") => {
                let printer: Printer = read_value(data, "events")?;
                if !printer.name.is_empty() {
                    let (state, message) = (text(&printer.state), text(&printer.message));
                    line(&format!("printer {}: {state}: {message}", clean(&printer.name)))?;
                }
            }
            (Show::Lines, _) => {}
            (Show::Screen, "job") => self.take_job(read_value(data, "events")?),
            // A printer that was removed has no name any more, and pools change what there is.
            (Show::Screen, "printer") => match read_value::<Printer>(data, "events")? {
                removed if removed.name.is_empty() => return Ok(true),
                printer => {
                    self.printers.insert(printer.name.clone(), printer);
                }
            },
            (Show::Screen, "reset" | "server") => return Ok(true),
            (Show::Screen, _) => {}
        }
        Ok(false)
    }

    fn take_job(&mut self, job: Job) {
        if job.status.is_empty() {
            self.jobs.remove(&job.id);
        } else if job.is_final() {
            self.jobs.remove(&job.id);
            self.ended.retain(|ended| ended.id != job.id);
            self.ended.insert(0, job);
            self.ended.truncate(ENDED_SHOWN);
        } else {
            self.ended.retain(|ended| ended.id != job.id);
            self.jobs.insert(job.id, job);
            while self.jobs.len() > JOBS_MAX {
                self.jobs.pop_first();
            }
        }
    }

    fn draw(&mut self, show: Show, away: Option<Duration>) -> Result<(), Failure> {
        let now = Clock::machine().now().mono;
        if show != Show::Screen || self.drawn_at.is_some_and(|at| now.since(at) < DRAW_GAP) {
            return Ok(());
        }
        self.drawn_at = Some(now);
        let mut whole = match away {
            Some(away) => format!("the server has been away for {}; waiting for it\n\n", span(away)),
            None => String::new(),
        };
        let printers = self.printers.values().map(printer_row).collect();
        whole.push_str(&table_text(&["PRINTER", "STATE", "QUEUED", "WHY"], printers, "no printers"));
        whole.push_str("\n\n");
        let jobs = self.ended.iter().rev().chain(self.jobs.values()).map(job_row).collect();
        let header = ["JOB", "STATUS", "PRINTER", "USER", "TITLE", "SENT", "SUBMITTED", "WHY"];
        whole.push_str(&table_text(&header, jobs, "no jobs wait or print"));
        screen(&whole)
    }
}

fn printer_row(printer: &Printer) -> Vec<String> {
    vec![clean(&printer.name), text(&printer.state), printer.queued_jobs.to_string(), text(&printer.message)]
}

fn job_row(job: &Job) -> Vec<String> {
    vec![
        job.id.to_string(),
        clean(&job.status),
        text(&job.assigned_printer.clone().or(job.printer.clone())),
        text(&job.user),
        text(&job.title),
        format!("{} of {}", size_text(job.bytes_sent), size_text(job.bytes_total)),
        job.created_at.as_deref().map(when).unwrap_or_default(),
        text(&job.message),
    ]
}
