//! `spool print`: one job for each file.

use std::env;
use std::path::PathBuf;

use clap::Args;

use super::client::{Server, escaped};
use super::failure::Failure;
use super::follow::{Told, follow};
use super::output::{clean, complain};
use super::shapes::{Job, text};
use super::source::Source;
use super::upload::upload;
use crate::model::options::COPIES_MAX;

/// `spool print`
#[derive(Args, Debug)]
pub struct PrintArgs {
    /// What to print; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The printer or pool (default: the server's)
    #[arg(long, short = 'p', visible_alias = "printer", value_name = "QUEUE")]
    queue: Option<String>,
    /// How often each file is printed
    #[arg(long, short = 'n', value_name = "COPIES",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(COPIES_MAX)))]
    copies: Option<u32>,
    /// An option, such as sides=two-sided-long-edge
    #[arg(long = "option", short = 'o', value_name = "NAME=VALUE", value_parser = option)]
    options: Vec<(String, String)>,
    /// The title of the jobs (default: the name of the file)
    #[arg(long, short = 't', value_name = "TITLE")]
    title: Option<String>,
    /// Hold the jobs until they are released
    #[arg(long)]
    hold: bool,
    /// Wait for the jobs to end; exit status 0 only if all completed
    #[arg(long)]
    wait: bool,
    /// Print what the server says of the jobs, a line of JSON each
    #[arg(long)]
    json: bool,
}

fn option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE such as sides=one-sided".to_owned()),
    }
}

pub fn print(args: PrintArgs, server: &Server) -> Result<(), Failure> {
    let sources: Vec<Source> = args.files.iter().cloned().map(Source::new).collect();
    if sources.iter().filter(|source| **source == Source::StandardInput).count() > 1 {
        return Err(Failure::Usage("`-` can stand only once: standard input ends but once".to_owned()));
    }
    sources.iter().try_for_each(Source::check)?;
    let told = if args.json { Told::Json } else { Told::Lines };
    let keys = new_key()?;
    let mut jobs = Vec::new();
    let mut all_done = Ok(());
    for (number, source) in sources.iter().enumerate() {
        match upload(source, &target(&args, source), &format!("{keys}-{number}"), server) {
            Ok(new) => {
                // What cannot be told keeps no other file from being printed.
                all_done = told.tell(&new.answer, || accepted(&new.job)).and(all_done);
                jobs.push(new);
            }
            // One file that is refused does not spare the others.
            Err(Failure::Failed(why)) => {
                complain(&format!("spool: {why}"));
                all_done = Err(Failure::Told);
            }
            Err(other) => return Err(other),
        }
    }
    if args.wait { follow(jobs, told).and(all_done) } else { all_done }
}

/// The request of one file.
fn target(args: &PrintArgs, source: &Source) -> String {
    let mut query: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        query.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("printer", args.queue.clone());
    add("title", args.title.clone().or_else(|| source.title()));
    // A mere label, except over the socket, where the server knows better.
    add("user", env::var("USER").or_else(|_| env::var("LOGNAME")).ok().filter(|user| !user.is_empty()));
    add("copies", args.copies.map(|copies| copies.to_string()));
    add("hold", args.hold.then(|| "true".to_owned()));
    for (name, value) in &args.options {
        add(&format!("option.{name}"), Some(value.clone()));
    }
    let query: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    format!("/api/v1/jobs?{}", query.join("&"))
}

/// `job 12 on office: waiting`, `job 12 at b on office: waiting`
fn accepted(job: &Job) -> String {
    let printer = text(&job.printer);
    let on = if printer.is_empty() { String::new() } else { format!(" on {printer}") };
    format!("{}{on}: {}", job.name(), clean(&job.status))
}

/// A key that nobody else has, for this invocation.
fn new_key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::failed(format!("no random numbers: {error}")))?;
    Ok(hex::encode(bytes))
}
