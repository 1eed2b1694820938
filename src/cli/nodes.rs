//! `spool nodes`.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::client::{Server, read_list};
use super::failure::Failure;
use super::output::{clean, json, span, table};
use super::shapes::{Node, text};
use crate::config::units::size_text;

/// `spool nodes`
#[derive(Args, Debug)]
pub struct NodesArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn nodes(args: NodesArgs, server: &Server) -> Result<(), Failure> {
    let answer: Value = server.get("/api/v1/nodes", "servers")?;
    if args.json {
        return json(&answer);
    }
    let rows = read_list(answer, "nodes")?.into_iter().map(row).collect();
    let header = ["NAME", "STATE", "ROLES", "JOBS", "SIZE", "DONE IN", "THREADS", "CPU", "FREE", "URL"];
    table(&header, rows, "no servers")
}

fn row(node: Node) -> Vec<String> {
    let mut state = text(&node.life);
    match node.taking.as_deref() {
        None | Some("open") => {}
        Some(other) => state = format!("{state}, {}", clean(other)),
    }
    if node.master {
        state.push_str(", master");
    }
    vec![
        if node.this { format!("{} (this)", clean(&node.name)) } else { clean(&node.name) },
        state,
        clean(&node.roles.join(" ")),
        node.queued_jobs.to_string(),
        size_text(node.queued_bytes),
        node.expected_completion_s.map(|seconds| span(Duration::from_secs(seconds))).unwrap_or_default(),
        node.busy_workers.to_string(),
        node.cpu_percent.map(|percent| format!("{percent:.0} %")).unwrap_or_default(),
        node.free_disk.map(size_text).unwrap_or_default(),
        text(&node.url),
    ]
}
