//! The threads that work, for whoever wants to see what the server does.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::job_json::time;
use super::problem::{Problem, ProblemBody};
use super::query::cursor;
use super::state::{HttpState, query};
use crate::actors::front::WorkerRow;
use crate::store::PAGE_ROWS_MAX;

/// A thread.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerBody {
    pub name: String,
    pub job: Option<u32>,
    pub printer: Option<String>,
    #[schema(value_type = String)]
    pub stage: &'static str,
    /// Handed to the device so far.
    pub bytes: u64,
    pub last_beat: String,
    /// Counts the connections of its printer.
    pub generation: u64,
}

/// All threads.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkersBody {
    workers: Vec<WorkerBody>,
    next_cursor: Option<String>,
}

impl From<&WorkerRow> for WorkerBody {
    fn from(row: &WorkerRow) -> WorkerBody {
        let WorkerRow { name, job, printer, stage, bytes, last_beat, generation } = row;
        WorkerBody {
            name: name.clone(),
            job: job.map(|job| job.0),
            printer: printer.as_ref().map(ToString::to_string),
            stage,
            bytes: *bytes,
            last_beat: time(*last_beat),
            generation: *generation,
        }
    }
}

/// Lists the threads that work
#[utoipa::path(get, path = "/api/v1/workers", tag = "server",
    params(("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "a page", body = WorkersBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    let mut query = query(&request)?;
    let limit = query.take_limit(PAGE_ROWS_MAX)?;
    let from = usize::try_from(query.take_cursor()?.unwrap_or(0)).unwrap_or(usize::MAX);
    query.finish()?;
    let rows = state.core.workers();
    let workers = rows.iter().skip(from).take(limit).map(WorkerBody::from).collect();
    let to = from.saturating_add(limit);
    let next_cursor = (to < rows.len()).then(|| cursor(to as u64));
    Ok(HttpResponse::Ok().json(WorkersBody { workers, next_cursor }))
}
