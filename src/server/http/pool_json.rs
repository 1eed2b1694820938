//! Pools as clients see them, and say them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Share;
use super::printer_json::origin_word;
use super::state::HttpState;
use crate::model::directory::Directory;
use crate::model::id::{QueueId, QueueName};
use crate::model::intake::Refusal;
use crate::model::pool::{Members, Pool, PoolPolicy};
use crate::model::printer::state;

/// A pool: printers that share a queue.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolBody {
    pub id: u32,
    pub name: String,
    /// The names of its printers, in its order.
    pub members: Vec<String>,
    /// `least-completion-time`, `round-robin` or `first-available`.
    #[schema(value_type = String)]
    pub policy: &'static str,
    /// `processing` where a member is busy, `idle` where one could be, else `stopped`.
    #[schema(value_type = String)]
    pub state: &'static str,
    pub message: String,
    pub accepting: bool,
    /// Offered to the network, since all of its members are.
    pub shared: bool,
    /// Jobs that wait, or came from its queue and are at a printer.
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    pub held_jobs: u64,
    /// Null where it is not known.
    pub expected_wait_s: Option<u64>,
    /// `file` (read-only here) or `api`.
    #[schema(value_type = String)]
    pub origin: &'static str,
}

/// What is asked for when a pool is added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPoolBody {
    pub name: String,
    pub members: Vec<String>,
    pub policy: Option<String>,
}

/// What is to change; what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolChangeBody {
    pub members: Option<Vec<String>>,
    pub policy: Option<String>,
}

/// The pool as it is now.
pub fn pool(http: &HttpState, pool: &Pool) -> PoolBody {
    let directory = http.core.directory();
    let counts = http.core.store().counts(QueueId::Pool(pool.id));
    let members: Vec<_> = directory.members(pool).collect();
    let states =
        members.iter().map(|printer| state(printer.paused, &http.core.printer_live(printer.id).activity));
    let wait = http.core.expected_wait(QueueId::Pool(pool.id), http.clock.now().mono);
    let doing = Members::count(states);
    PoolBody {
        id: pool.id.0,
        name: pool.name.to_string(),
        members: members.iter().map(|printer| printer.name.to_string()).collect(),
        policy: pool.policy.word(),
        state: doing.state().word(),
        message: doing.sentence(),
        accepting: pool.accepting,
        shared: share(&directory, pool) == Share::Shared,
        queued_jobs: counts.jobs,
        queued_bytes: counts.bytes,
        held_jobs: counts.held,
        expected_wait_s: wait.map(|wait| wait.as_secs()),
        origin: origin_word(pool.origin),
    }
}

/// A pool is offered to the network where every printer that may print its jobs is.
pub fn share(directory: &Directory, pool: &Pool) -> Share {
    let mut members = directory.members(pool).peekable();
    match members.peek().is_some() && members.all(|printer| printer.share) {
        true => Share::Shared,
        false => Share::Private,
    }
}

/// The members of a request; that they are printers is found out by whoever keeps the printers.
pub fn members(names: &[String]) -> Result<Vec<QueueName>, Refusal> {
    let read = |name: &String| {
        let shown: String = name.chars().take(40).collect();
        QueueName::new(name).map_err(|why| bad("members", format!("{shown:?}: {why}")))
    };
    names.iter().map(read).collect()
}

pub fn policy(word: &str) -> Result<PoolPolicy, Refusal> {
    let found = PoolPolicy::ALL.into_iter().find(|policy| policy.word() == word);
    let all = PoolPolicy::ALL.map(PoolPolicy::word).join(", ");
    found.ok_or_else(|| bad("policy", format!("expected one of {all}")))
}

pub fn bad(key: &str, why: String) -> Refusal {
    Refusal::BadPool { key: key.to_owned(), why }
}
