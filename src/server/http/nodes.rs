//! The servers of a cluster: what people see of them, and where a client should go.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::job_json::time;
use super::problem::{Problem, ProblemBody};
use super::query::cursor;
use super::state::{HttpState, no_query, query};
use crate::cluster::Cluster;
use crate::cluster::measure::measure;
use crate::model::cluster::members::Life;
use crate::model::cluster::metrics::{Metrics, QueueLoad};
use crate::model::cluster::node::{Node, Roles};
use crate::model::time::Now;
use crate::store::PAGE_ROWS_MAX;

type State = web::Data<HttpState>;
type Answer = Result<HttpResponse, Problem>;

/// A server.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeBody {
    pub name: String,
    /// How it is reached; null for a server that is alone.
    pub url: Option<String>,
    /// Of `master`, `entry` and `server`.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<&'static str>,
    /// The one that answers.
    pub this: bool,
    /// The one that assigns requests, as this one sees it.
    pub master: bool,
    /// `alive`, `unreachable` (heard, and does not answer) or `silent`.
    #[schema(value_type = String)]
    pub life: &'static str,
    pub heard_at: String,
    /// `open`, `full`, `disk-full` or `stopping`.
    #[schema(value_type = String)]
    pub taking: &'static str,
    /// Jobs that have not ended.
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    /// How long all that takes; null where it is not known.
    pub expected_completion_s: Option<u64>,
    /// Threads that send.
    pub busy_workers: u32,
    /// Of all its processors, 0 to 100; null where it is not known.
    pub cpu_percent: Option<f64>,
    /// Where its state is, in bytes.
    pub free_disk: Option<u64>,
    pub queues: Vec<NodeQueueBody>,
}

/// A queue of a server.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeQueueBody {
    pub name: String,
    /// Whether it takes new jobs.
    pub accepting: bool,
    /// Whether one of its printers can print just now, as far as is known.
    pub able: bool,
    /// Empty where they are not known.
    pub formats: Vec<String>,
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    pub expected_wait_s: Option<u64>,
}

/// All servers, by their names.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodesBody {
    nodes: Vec<NodeBody>,
    next_cursor: Option<String>,
}

/// Where a client should go.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryBody {
    pub node: String,
    pub url: String,
}

/// Lists the servers that share work
///
/// As the one that is asked sees them, itself among them. One that is alone lists itself.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "cluster",
    params(("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "a page", body = NodesBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(request: HttpRequest, state: State) -> Answer {
    let mut query = query(&request)?;
    let limit = query.take_limit(PAGE_ROWS_MAX)?;
    let from = usize::try_from(query.take_cursor()?.unwrap_or(0)).unwrap_or(usize::MAX);
    query.finish()?;
    let mut nodes = match &state.cluster {
        Some(cluster) => seen_by(cluster, state.clock.now()),
        None => vec![alone(&state)],
    };
    let to = from.saturating_add(limit);
    let next_cursor = (to < nodes.len()).then(|| cursor(to as u64));
    nodes = nodes.into_iter().skip(from).take(limit).collect();
    Ok(HttpResponse::Ok().json(NodesBody { nodes, next_cursor }))
}

fn seen_by(cluster: &Cluster, now: Now) -> Vec<NodeBody> {
    let known = cluster.known();
    let master = known.members.master(now.mono).map(|node| &node.name);
    let of = |node: &Node, metrics: &Metrics, life: Life, ago| NodeBody {
        url: Some(node.url.to_string()),
        master: master == Some(&node.name),
        ..body(node.name.to_string(), node.roles, metrics, life, time(now.wall.minus(ago)))
    };
    let me = NodeBody { this: true, ..of(cluster.me(), &known.own, Life::Alive, Default::default()) };
    let others = known
        .members
        .others()
        .map(|other| of(&other.node, &other.metrics, other.life(now.mono), now.mono.since(other.heard)));
    let mut nodes: Vec<NodeBody> = others.chain([me]).collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    nodes
}

fn alone(state: &HttpState) -> NodeBody {
    let now = state.clock.now();
    let metrics = measure(state.core.as_ref(), &state.documents, now.mono);
    let name = state.settings().config.server.name.clone();
    NodeBody { this: true, ..body(name, Roles::all(), &metrics, Life::Alive, time(now.wall)) }
}

fn body(name: String, roles: Roles, metrics: &Metrics, life: Life, heard_at: String) -> NodeBody {
    NodeBody {
        name,
        url: None,
        roles: roles.iter().map(|role| role.word()).collect(),
        this: false,
        master: false,
        life: life.word(),
        heard_at,
        taking: metrics.taking.word(),
        queued_jobs: metrics.queued_jobs,
        queued_bytes: metrics.queued_bytes,
        expected_completion_s: metrics.expected_completion.map(|time| time.as_secs()),
        busy_workers: metrics.busy_workers,
        cpu_percent: metrics.cpu_permille.map(|permille| f64::from(permille) / 10.0),
        free_disk: metrics.free_disk,
        queues: metrics.queues.iter().map(NodeQueueBody::from).collect(),
    }
}

impl From<&QueueLoad> for NodeQueueBody {
    fn from(load: &QueueLoad) -> NodeQueueBody {
        NodeQueueBody {
            name: load.name.to_string(),
            accepting: load.accepting,
            able: load.able,
            formats: load.formats.iter().map(|format| format.media_type().to_owned()).collect(),
            queued_jobs: load.queued_jobs,
            queued_bytes: load.queued_bytes,
            expected_wait_s: load.expected_wait.map(|time| time.as_secs()),
        }
    }
}

/// Names the server that a client should send its jobs to
///
/// Clients are spread over the entry nodes that live. The master says; another node sends the client to it.
#[utoipa::path(get, path = "/api/v1/entry", tag = "cluster",
    responses((status = 200, description = "the entry node", body = EntryBody),
        (status = 307, description = "ask the master"),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", description = "no entry node lives", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn entry(request: HttpRequest, state: State) -> Answer {
    no_query(&request)?;
    let cluster = clustered(&state)?;
    // Where nobody leads, everybody says what he sees.
    if let Some(master) = cluster.master().filter(|master| master.name != cluster.me().name) {
        let there = format!("{}/api/v1/entry", master.url);
        return Ok(HttpResponse::TemporaryRedirect().insert_header((LOCATION, there)).finish());
    }
    let Some(Node { name, url, .. }) = cluster.next_entry() else { return Err(no_entry()) };
    Ok(HttpResponse::Ok().json(EntryBody { node: name.to_string(), url: url.to_string() }))
}

pub(super) fn clustered(state: &HttpState) -> Result<&Arc<Cluster>, Problem> {
    state.cluster.as_ref().ok_or_else(|| {
        let detail = "this server is alone: its configuration has no [cluster]";
        Problem::new(StatusCode::NOT_FOUND, "no_cluster", detail)
    })
}

pub(super) fn no_entry() -> Problem {
    let detail = "no node that lives takes requests of clients (cluster.roles has no entry)";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_entry_node", detail)
}
