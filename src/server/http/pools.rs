//! Pools: looking at them, and controlling them.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::What;
use super::pool_json::{NewPoolBody, PoolBody, PoolChangeBody, bad, members, policy, pool, share};
use super::problem::{Problem, ProblemBody};
use super::query::{bad_parameter, cursor};
use super::state::{HttpState, no_query, query, segment};
use super::upload;
use crate::actors::front::PoolCommand;
use crate::model::id::QueueName;
use crate::model::intake::Refusal;
use crate::model::pool::{Pool, PoolDraft};
use crate::store::PAGE_ROWS_MAX;

type Request = HttpRequest;
type State = web::Data<HttpState>;
type Answer = Result<HttpResponse, Problem>;

/// A page of pools, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolsBody {
    pools: Vec<PoolBody>,
    next_cursor: Option<String>,
}

/// Lists pools
///
/// Newest first. Over the network only those of which every printer is shared.
#[utoipa::path(get, path = "/api/v1/pools", tag = "pools",
    params(("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "a page", body = PoolsBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(request: Request, state: State) -> Answer {
    let mut query = query(&request)?;
    let limit = query.take_limit(PAGE_ROWS_MAX)?;
    let before = query.take_cursor()?.unwrap_or(u64::MAX);
    query.finish()?;
    let who = state.asker(&request)?;
    let directory = state.core.directory();
    let seen = |pool: &&Arc<Pool>| {
        u64::from(pool.id.0) < before && state.allow(&who, What::SeePrinter(share(&directory, pool))).is_ok()
    };
    let mut all: Vec<&Arc<Pool>> = directory.pools.iter().filter(seen).collect();
    all.sort_unstable_by_key(|pool| std::cmp::Reverse(pool.id));
    let more = all.len() > limit;
    all.truncate(limit);
    let next_cursor = all.last().filter(|_| more).map(|last| cursor(last.id.0.into()));
    let pools = all.into_iter().map(|one| pool(&state, one)).collect();
    Ok(HttpResponse::Ok().json(PoolsBody { pools, next_cursor }))
}

/// Shows a pool
#[utoipa::path(get, path = "/api/v1/pools/{name}", tag = "pools", params(("name" = String, Path)),
    responses((status = 200, description = "the pool", body = PoolBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn show(request: Request, state: State) -> Answer {
    no_query(&request)?;
    let who = state.asker(&request)?;
    state.allow(&who, What::SeePrinters)?;
    let found = find(&state, &request)?;
    // One that is not shared is not there for the network: it must not find out names.
    let share = share(&state.core.directory(), &found);
    if state.allow(&who, What::SeePrinter(share)).is_err() {
        return Err(Refusal::NoSuchPool(found.name.clone()).into());
    }
    Ok(HttpResponse::Ok().json(pool(&state, &found)))
}

/// Adds a pool
///
/// Its members are printers that are there; one printer may be in several pools.
#[utoipa::path(post, path = "/api/v1/pools", tag = "pools", request_body = NewPoolBody,
    responses((status = 201, description = "the pool", body = PoolBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn add(request: Request, payload: web::Payload, state: State) -> Answer {
    no_query(&request)?;
    let wanted: NewPoolBody = upload::json(&state, payload).await?;
    let name = QueueName::new(&wanted.name).map_err(|why| bad("name", why.to_string()))?;
    let draft = PoolDraft {
        name,
        members: members(&wanted.members)?,
        policy: wanted.policy.as_deref().map(policy).transpose()?.unwrap_or_default(),
    };
    let who = state.asker(&request)?;
    log::info!("pool={} command=add by={who}", draft.name);
    let added = state.core.add_pool(draft).await?;
    let location = path(&added.name);
    Ok(HttpResponse::build(StatusCode::CREATED)
        .insert_header((LOCATION, location))
        .json(pool(&state, &added)))
}

/// Changes members or policy of a pool
///
/// Only what is named changes; jobs that wait go to the new members. Pools of the configuration file are
/// changed there.
#[utoipa::path(patch, path = "/api/v1/pools/{name}", tag = "pools", params(("name" = String, Path)),
    request_body = PoolChangeBody,
    responses((status = 200, description = "the pool as it is now", body = PoolBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn change(request: Request, payload: web::Payload, state: State) -> Answer {
    no_query(&request)?;
    let wanted: PoolChangeBody = upload::json(&state, payload).await?;
    let set = PoolCommand::Set {
        members: wanted.members.as_deref().map(members).transpose()?,
        policy: wanted.policy.as_deref().map(policy).transpose()?,
    };
    command(&request, &state, set).await
}

/// Lets a pool take new jobs
#[utoipa::path(post, path = "/api/v1/pools/{name}/accept", tag = "pools", params(("name" = String, Path)),
    responses((status = 200, description = "the pool as it is now", body = PoolBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn accept(request: Request, state: State) -> Answer {
    no_query(&request)?;
    command(&request, &state, PoolCommand::Accept).await
}

/// Lets a pool take no new jobs; those that it has are printed
#[utoipa::path(post, path = "/api/v1/pools/{name}/reject", tag = "pools", params(("name" = String, Path)),
    responses((status = 200, description = "the pool as it is now", body = PoolBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn reject(request: Request, state: State) -> Answer {
    no_query(&request)?;
    command(&request, &state, PoolCommand::Reject).await
}

/// Removes a pool
///
/// Only one without jobs; its printers stay.
#[utoipa::path(delete, path = "/api/v1/pools/{name}", tag = "pools", params(("name" = String, Path)),
    responses((status = 204, description = "it is gone"),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn remove(request: Request, state: State) -> Answer {
    no_query(&request)?;
    command(&request, &state, PoolCommand::Remove).await
}

async fn command(request: &Request, state: &HttpState, command: PoolCommand) -> Answer {
    let who = state.asker(request)?;
    let name = find(state, request)?.name.clone();
    log::info!("pool={name} command={command:?} by={who}");
    let now = state.core.pool_command(name.clone(), command).await;
    let now = now.map_err(|refusal| Problem::from(refusal).about(path(&name)))?;
    Ok(match now {
        Some(now) => HttpResponse::Ok().json(pool(state, &now)),
        None => HttpResponse::NoContent().finish(),
    })
}

fn path(name: &QueueName) -> String {
    format!("/api/v1/pools/{name}")
}

/// The pool in the path.
fn find(state: &HttpState, request: &Request) -> Result<Arc<Pool>, Problem> {
    let text = segment(request, "name");
    let name = QueueName::new(text).map_err(|why| {
        let problem = bad_parameter("name", text, &why.to_string());
        Problem::new(StatusCode::NOT_FOUND, "no_such_pool", problem.to_string())
    })?;
    let directory = state.core.directory();
    directory.pool(&name).cloned().ok_or_else(|| Refusal::NoSuchPool(name).into())
}
