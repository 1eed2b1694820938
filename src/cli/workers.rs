//! `spool workers`.

use clap::Args;
use serde_json::Value;

use super::client::{Server, read_list};
use super::failure::Failure;
use super::output::{clean, json, table, when};
use super::shapes::{Worker, text};
use crate::config::units::size_text;

/// `spool workers`
#[derive(Args, Debug)]
pub struct WorkersArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn workers(args: WorkersArgs, server: &Server) -> Result<(), Failure> {
    let answer: Value = server.get("/api/v1/workers", "workers")?;
    if args.json {
        return json(&answer);
    }
    let rows = read_list(answer, "workers")?.into_iter().map(row).collect();
    table(
        &["NAME", "STAGE", "JOB", "PRINTER", "SENT", "LAST BEAT", "GENERATION"],
        rows,
        "nothing is printing",
    )
}

fn row(worker: Worker) -> Vec<String> {
    vec![
        clean(&worker.name),
        text(&worker.stage),
        worker.job.map(|job| job.to_string()).unwrap_or_default(),
        text(&worker.printer),
        size_text(worker.bytes),
        worker.last_beat.as_deref().map(when).unwrap_or_default(),
        worker.generation.map(|generation| generation.to_string()).unwrap_or_default(),
    ]
}
