//! The server's JSON as far as the commands look at it. Lenient: what is missing is empty, what is unknown
//! is not looked at, so that a newer server can be spoken to.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::output::clean;

/// A job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Job {
    pub id: u32,
    pub printer: Option<String>,
    pub assigned_printer: Option<String>,
    pub status: String,
    pub message: Option<String>,
    pub user: Option<String>,
    pub title: Option<String>,
    pub options: BTreeMap<String, Value>,
    pub priority: Option<u32>,
    pub attempts: Option<u32>,
    pub device_job_id: Option<String>,
    pub bytes_sent: u64,
    pub bytes_total: u64,
    pub pages: Option<Pages>,
    pub created_at: Option<String>,
    pub finished_at: Option<String>,
    /// Its secret link; only in the answer to the submission.
    pub control_url: Option<String>,
    /// The server that has it, where that is not the one that was asked.
    #[serde(skip)]
    pub node: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pages {
    pub total: Option<u64>,
    pub confirmed: Option<u64>,
}

impl Job {
    /// Whether nothing more will happen to it.
    pub fn is_final(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "canceled")
    }

    /// `job 12`, or `job 12 at b` where another server has it: numbers are a server's own.
    pub fn name(&self) -> String {
        match text(&self.node).as_str() {
            "" => format!("job {}", self.id),
            node => format!("job {} at {node}", self.id),
        }
    }

    /// `job 12: waiting: the printer is out of paper`
    pub fn line(&self) -> String {
        let (name, status) = (self.name(), clean(&self.status));
        match text(&self.message).as_str() {
            "" => format!("{name}: {status}"),
            message => format!("{name}: {status}: {message}"),
        }
    }
}

/// One line of a job's history.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    pub at: Option<String>,
    pub source: Option<String>,
    pub kind: Option<String>,
    pub to: Option<String>,
    pub message: Option<String>,
    pub printer: Option<String>,
    pub next_at: Option<String>,
}

/// A printer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Printer {
    pub name: String,
    pub uri: Option<String>,
    pub state: Option<String>,
    pub message: Option<String>,
    pub accepting: Option<bool>,
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    pub next_try_at: Option<String>,
}

/// What was found at an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Described {
    pub message: Option<String>,
    pub supplies: Option<Vec<Supply>>,
    pub description: Option<Description>,
}

/// What a printer says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Description {
    pub info: Option<String>,
    pub location: Option<String>,
    pub formats: Vec<String>,
    pub media_ready: Vec<String>,
    pub sides: Vec<String>,
    pub color: Option<bool>,
    pub reasons: Vec<String>,
}

/// Toner, ink and the like.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Supply {
    pub name: String,
    pub percent: Option<u8>,
}

/// A pool.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pool {
    pub name: String,
    pub members: Vec<String>,
    pub policy: Option<String>,
    pub state: Option<String>,
    pub message: Option<String>,
    pub accepting: Option<bool>,
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    pub origin: Option<String>,
}

/// A device that was found.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Device {
    pub uri: String,
    pub name: Option<String>,
    pub model: Option<String>,
    pub printer: Option<String>,
    pub note: Option<String>,
}

/// A thread that prints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Worker {
    pub name: String,
    pub job: Option<u32>,
    pub printer: Option<String>,
    pub stage: Option<String>,
    pub bytes: u64,
    pub last_beat: Option<String>,
    pub generation: Option<u64>,
}

/// A server of a cluster, or one that is alone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    pub name: String,
    pub url: Option<String>,
    pub roles: Vec<String>,
    pub this: bool,
    pub master: bool,
    pub life: Option<String>,
    pub taking: Option<String>,
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    pub expected_completion_s: Option<u64>,
    pub busy_workers: u32,
    pub cpu_percent: Option<f64>,
    pub free_disk: Option<u64>,
}

/// A token that is good for a few minutes.
#[derive(Clone, Debug, Deserialize)]
pub struct Pass {
    pub token: String,
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// A one-time code, with the links that carry it.
#[derive(Clone, Debug, Deserialize)]
pub struct Code {
    pub code: String,
    #[serde(default)]
    pub links: Vec<String>,
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// A text that may be missing, made fit for a terminal.
pub fn text(text: &Option<String>) -> String {
    text.as_deref().map(clean).unwrap_or_default()
}
