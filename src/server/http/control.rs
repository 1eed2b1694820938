//! What may be done with jobs that are there.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::access::{Tie, What, Who};
use super::job_json::{JobBody, Viewer};
use super::jobs::{ahead, find, job_id};
use super::order::checked_priority;
use super::problem::{Problem, ProblemBody};
use super::query::bad_parameter;
use super::state::{HttpState, no_query, query, segment};
use super::{token, upload};
use crate::model::cancel::Wish;
use crate::model::id::QueueName;
use crate::model::intake::{JobCommand, Refusal};
use crate::model::job::Job;

/// Where a job is to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveBody {
    /// A printer or a pool.
    printer: String,
}

/// How urgent a job is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityBody {
    /// 1 to 100; 100 goes first.
    priority: u64,
}

type Request = HttpRequest;
type State = web::Data<HttpState>;
type Answer = Result<HttpResponse, Problem>;

/// Declares a handler that gives one command to one job, and its line in the interface's description.
macro_rules! command {
    ($(#[doc = $doc:literal])* $name:ident, $method:ident $path:literal, [$($extra:tt)*], |$request:ident| $command:expr, $road:ident) => {
        $(#[doc = $doc])*
        #[utoipa::path($method, path = $path, tag = "jobs", params(("id" = u32, Path), $($extra)*),
            responses((status = 200, description = "the job as it is now", body = JobBody),
                (status = "4XX", description = "refused; the job is as it was", body = ProblemBody, content_type = "application/problem+json")))]
        pub async fn $name($request: Request, state: State) -> Answer {
            let command = $command;
            $road(&$request, &state, command).await
        }
    };
}

command!(
    /// Cancels a job
    ///
    /// The wish is durable before the answer. 409 where the printer can no longer be told.
    cancel, post "/api/v1/jobs/{id}/cancel",
    [("even_if_printing" = Option<bool>, Query, description = "once what `cancel_printing = auto` does")],
    |request| cancellation(&request)?, by_right);
command!(
    /// Holds a job that waits
    hold, post "/api/v1/jobs/{id}/hold", [], |request| plain(&request, JobCommand::Hold)?, by_right);
command!(
    /// Releases a held job; it keeps its place
    release, post "/api/v1/jobs/{id}/release", [], |request| plain(&request, JobCommand::Release)?, by_right);
command!(
    /// Prints a finished job once more
    restart, post "/api/v1/jobs/{id}/restart", [], |request| plain(&request, JobCommand::Restart)?, by_right);
command!(
    /// Cancels a job by its secret link
    linked_cancel, post "/api/v1/jobs/{id}/control/{token}/cancel",
    [("token" = String, Path), ("even_if_printing" = Option<bool>, Query)],
    |request| cancellation(&request)?, by_link);
command!(
    /// Holds a job by its secret link
    linked_hold, post "/api/v1/jobs/{id}/control/{token}/hold", [("token" = String, Path)],
    |request| plain(&request, JobCommand::Hold)?, by_link);
command!(
    /// Releases a job by its secret link
    linked_release, post "/api/v1/jobs/{id}/control/{token}/release", [("token" = String, Path)],
    |request| plain(&request, JobCommand::Release)?, by_link);

/// Shows a job by its secret link
#[utoipa::path(get, path = "/api/v1/jobs/{id}/control/{token}", tag = "jobs",
    params(("id" = u32, Path), ("token" = String, Path)),
    responses((status = 200, description = "the job", body = JobBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn linked(request: Request, state: State) -> Answer {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let job = linked_job(&request, &state, &who, What::SeeJob(Tie::Link)).await?;
    let ahead = ahead(&state, &job).await?;
    Ok(HttpResponse::Ok().json(Viewer::new(&state, &who).job_in_full(&job, ahead)))
}

/// Moves a job to another queue
#[utoipa::path(post, path = "/api/v1/jobs/{id}/move", tag = "jobs", params(("id" = u32, Path)), request_body = MoveBody,
    responses((status = 200, description = "the job as it is now", body = JobBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn move_to(request: Request, payload: web::Payload, state: State) -> Answer {
    let MoveBody { printer } = upload::json(&state, payload).await?;
    let name =
        QueueName::new(&printer).map_err(|why| bad_parameter("printer", &printer, &why.to_string()))?;
    by_right(&request, &state, plain(&request, JobCommand::Move(name))?).await
}

/// Gives a waiting job another priority
#[utoipa::path(post, path = "/api/v1/jobs/{id}/priority", tag = "jobs", params(("id" = u32, Path)), request_body = PriorityBody,
    responses((status = 200, description = "the job as it is now", body = JobBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn priority(request: Request, payload: web::Payload, state: State) -> Answer {
    let PriorityBody { priority } = upload::json(&state, payload).await?;
    let command = JobCommand::SetPriority(checked_priority(Some(priority))?);
    by_right(&request, &state, plain(&request, command)?).await
}

fn plain(request: &Request, command: JobCommand) -> Result<JobCommand, Problem> {
    no_query(request)?;
    Ok(command)
}

fn cancellation(request: &Request) -> Result<JobCommand, Problem> {
    let mut query = query(request)?;
    let even = query.take_flag("even_if_printing")?;
    query.finish()?;
    Ok(JobCommand::Cancel(if even { Wish::EvenIfPrinting } else { Wish::Cancel }))
}

/// What it takes to give a command by one's own right.
fn right(command: &JobCommand, tie: Tie) -> What {
    match command {
        JobCommand::Cancel(_) | JobCommand::Hold | JobCommand::Release => What::Steer(tie),
        JobCommand::Restart | JobCommand::SetPriority(_) | JobCommand::Move(_) => What::Control,
    }
}

async fn by_right(request: &Request, state: &HttpState, command: JobCommand) -> Answer {
    let who = state.asker(request)?;
    let id = job_id(request)?;
    // Who may do nothing with any job is not told which there are.
    state.allow(&who, right(&command, Tie::Foreign)).or_else(|problem| match who {
        Who::Local { .. } => Ok(()),
        _ => Err(problem),
    })?;
    let job = find(state, id).await?;
    state.allow(&who, right(&command, who.tie(&job.submitter)))?;
    log::info!("job={id} command={command:?} by={who}");
    let job = state.core.command(id, command).await?;
    Ok(HttpResponse::Ok().json(Viewer::new(state, &who).job(&job, ahead(state, &job).await?)))
}

async fn by_link(request: &Request, state: &HttpState, command: JobCommand) -> Answer {
    let who = state.asker(request)?;
    let job = linked_job(request, state, &who, right(&command, Tie::Link)).await?;
    log::info!("job={} command={command:?} by=link", job.id);
    let job = state.core.command(job.id, command).await?;
    let ahead = ahead(state, &job).await?;
    Ok(HttpResponse::Ok().json(Viewer::new(state, &who).job_in_full(&job, ahead)))
}

/// The job, if the token in the path is its own. A wrong token and no job look alike.
async fn linked_job(request: &Request, state: &HttpState, who: &Who, what: What) -> Result<Job, Problem> {
    state.allow(who, what)?;
    let id = job_id(request)?;
    let none = || Problem::from(Refusal::NoSuchJob(id));
    let job =
        find(state, id).await.map_err(|problem| if problem.status() == 404 { none() } else { problem })?;
    let shown = segment(request, "token");
    let good = job.control_hash.is_some_and(|hash| token::matches(shown, &hash));
    if good { Ok(job) } else { Err(none()) }
}
