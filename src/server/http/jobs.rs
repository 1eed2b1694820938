//! Looking at jobs.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{What, Who};
use super::job_json::{EntryBody, JobBody, Viewer};
use super::problem::{Problem, ProblemBody};
use super::query::{self, bad_parameter};
use super::state::{HttpState, no_query, segment};
use crate::model::explain::Ahead;
use crate::model::id::{JobId, QueueId};
use crate::model::intake::Refusal;
use crate::model::job::{Job, JobStatus};
use crate::model::queue::{HEAD_ENTRIES, QueueCounts};
use crate::store::{JobsQuery, PAGE_ROWS_MAX};

/// A page of jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobsBody {
    jobs: Vec<JobBody>,
    /// Null on the last page.
    next_cursor: Option<String>,
    counts: CountsBody,
}

/// How much there is to print.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountsBody {
    /// Jobs that wait or are at a printer.
    pub jobs: u64,
    pub held: u64,
    pub bytes: u64,
}

impl From<QueueCounts> for CountsBody {
    fn from(counts: QueueCounts) -> CountsBody {
        CountsBody { jobs: counts.jobs, held: counts.held, bytes: counts.bytes }
    }
}

/// A page of a job's timeline, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineBody {
    events: Vec<EntryBody>,
    next_cursor: Option<String>,
}

/// Lists jobs
///
/// Newest first. Titles and users of others are null where the reader may not see them; over the network there are
/// only counts.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs",
    params(("status" = Option<String>, Query, description = "statuses with commas between them, `active`, `final`"),
        ("printer" = Option<String>, Query, description = "the queue as addressed"),
        ("user" = Option<String>, Query, description = "for those who may see users"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 where nothing is said"),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "a page", body = JobsBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    let who = state.asker(&request)?;
    let (query, begins) = parse(&request, &state)?;
    // Who sees no users must not find them out by asking for each.
    if let Some(user) = &query.user {
        state.allow(&who, What::SeeOwners(who.tie_to_name(user)))?;
    }
    let counts = state.core.store().counts_total().into();
    if let Who::Network(_) = who {
        return Ok(HttpResponse::Ok().json(JobsBody { jobs: Vec::new(), next_cursor: None, counts }));
    }
    let (jobs, next) = page(&state, query, begins).await?;
    let viewer = Viewer::new(&state, &who);
    let jobs = jobs.iter().map(|job| viewer.job(job, Ahead::Unknown)).collect();
    let next_cursor = next.map(|before| query::cursor(before.0.into()));
    Ok(HttpResponse::Ok().json(JobsBody { jobs, next_cursor, counts }))
}

/// Which page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    First,
    Later,
}

fn parse(request: &HttpRequest, state: &HttpState) -> Result<(JobsQuery, Begins), Problem> {
    let mut query = super::state::query(request)?;
    let statuses = query.take("status").map(|words| statuses(&words)).transpose()?.unwrap_or_default();
    let queue = match query.take_queue("printer")? {
        None => None,
        Some(name) => Some(state.core.directory().queue(&name).ok_or(Refusal::NoSuchQueue(name))?),
    };
    let before = query.take_cursor()?;
    let begins = if before.is_some() { Begins::Later } else { Begins::First };
    let before = before.map(|before| JobId(u32::try_from(before).unwrap_or(u32::MAX)));
    let user = query.take_text("user")?;
    let limit = query.take_limit(PAGE_ROWS_MAX)?;
    query.finish()?;
    Ok((JobsQuery { statuses, queue, user, before, limit }, begins))
}

fn statuses(words: &str) -> Result<Vec<JobStatus>, Problem> {
    let mut statuses = Vec::new();
    for word in words.split(',').map(str::trim) {
        match (word, JobStatus::from_word(word)) {
            ("active", _) => statuses.extend(JobStatus::ALL.into_iter().filter(|status| !status.is_final())),
            ("final", _) => statuses.extend(JobStatus::ALL.into_iter().filter(|status| status.is_final())),
            (_, Some(status)) => statuses.push(status),
            (_, None) => {
                let all = JobStatus::ALL.map(JobStatus::word).join(", ");
                return Err(bad_parameter("status", word, &format!("{all}, active or final")));
            }
        }
    }
    statuses.sort_unstable();
    statuses.dedup();
    Ok(statuses)
}

/// The jobs of a page and where the next begins. Jobs that are arriving are in no store; they lead the first page.
async fn page(
    state: &HttpState,
    query: JobsQuery,
    begins: Begins,
) -> Result<(Vec<Job>, Option<JobId>), Problem> {
    let mut jobs = Vec::new();
    if begins == Begins::First {
        jobs = incoming(state).await?;
        jobs.retain(|job| fits(job, &query));
        jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.id));
        jobs.truncate(query.limit);
    }
    let limit = query.limit - jobs.len();
    if limit == 0 {
        return Ok((jobs, Some(JobId(u32::MAX))));
    }
    let stored = state.core.store().jobs(JobsQuery { limit, ..query }).await?;
    // One may have been accepted between the two looks.
    jobs.retain(|incoming| stored.rows.iter().all(|job| job.id != incoming.id));
    jobs.extend(stored.rows);
    Ok((jobs, stored.next))
}

/// The jobs that are arriving and in no store: a printer may have registered some of them.
async fn incoming(state: &HttpState) -> Result<Vec<Job>, Problem> {
    let mut jobs = Vec::new();
    for job in state.core.incoming() {
        if state.core.store().job(job.id).await?.is_none() {
            jobs.push(job);
        }
    }
    Ok(jobs)
}

fn fits(job: &Job, query: &JobsQuery) -> bool {
    let JobsQuery { statuses, queue, user, before: _, limit: _ } = query;
    (statuses.is_empty() || statuses.contains(&job.status))
        && queue.is_none_or(|queue| queue == job.queue)
        && user.as_ref().is_none_or(|user| *user == job.submitter.user)
}

/// Shows a job
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = u32, Path)),
    responses((status = 200, description = "the job", body = JobBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn show(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let job = visible(&state, &who, &request).await?;
    let ahead = ahead(&state, &job).await?;
    Ok(HttpResponse::Ok().json(Viewer::new(&state, &who).job(&job, ahead)))
}

/// Shows what happened to a job
///
/// Oldest first.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = u32, Path), ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "a page of the timeline", body = TimelineBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn timeline(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    let mut query = super::state::query(&request)?;
    let limit = query.take_limit(PAGE_ROWS_MAX)?;
    let after = query.take_cursor()?.map_or(0, |after| u32::try_from(after).unwrap_or(u32::MAX));
    query.finish()?;
    let who = state.asker(&request)?;
    let job = visible(&state, &who, &request).await?;
    // One more than asked for tells whether there is another page.
    let mut entries = state.core.store().timeline(job.id, after, limit + 1).await?;
    // Every job has a first entry: it was purged between the two reads.
    if after == 0 && entries.is_empty() {
        visible(&state, &who, &request).await?;
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().filter(|_| more).map(|entry| query::cursor(entry.seq.into()));
    let events = entries.iter().map(EntryBody::from).collect();
    Ok(HttpResponse::Ok().json(TimelineBody { events, next_cursor: last }))
}

/// The job in the path, if he may see it. Who may not is not told whether it is there.
async fn visible(state: &HttpState, who: &Who, request: &HttpRequest) -> Result<Job, Problem> {
    state.allow(who, What::SeeJob(super::access::Tie::Foreign))?;
    find(state, job_id(request)?).await
}

/// The number in the path. What is no number names no job.
pub fn job_id(request: &HttpRequest) -> Result<JobId, Problem> {
    let text = segment(request, "id");
    let number = text.parse::<u32>().ok().filter(|_| text.bytes().all(|c| c.is_ascii_digit()));
    let none = || {
        let detail = "no job has such a number";
        Problem::new(actix_web::http::StatusCode::NOT_FOUND, "no_such_job", detail)
    };
    number.map(JobId).filter(|id| (1..=JobId::MAX.0).contains(&id.0)).ok_or_else(none)
}

/// A job, stored or arriving.
pub async fn find(state: &HttpState, id: JobId) -> Result<Job, Problem> {
    if let Some(job) = state.core.store().job(id).await? {
        return Ok(job);
    }
    let arriving = state.core.incoming().into_iter().find(|job| job.id == id);
    arriving.ok_or_else(|| Refusal::NoSuchJob(id).into())
}

/// How many jobs go before this one. A printer also serves its pools, so for its own queue this is the least.
pub async fn ahead(state: &HttpState, job: &Job) -> Result<Ahead, Problem> {
    let Some(order) = job.order() else { return Ok(Ahead::Unknown) };
    let queue: QueueId = job.serving_queue();
    let head = state.core.store().places(queue, HEAD_ENTRIES).await?;
    let before = head.iter().take_while(|other| **other < order).count();
    Ok(if before == HEAD_ENTRIES { Ahead::Over(before) } else { Ahead::Exactly(before) })
}
