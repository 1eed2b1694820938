//! Passes: bearer tokens for five minutes, for programs that should not hold the administrator's own.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::job_json::time;
use super::problem::{Problem, ProblemBody};
use super::state::{HttpState, no_query};
use super::token::{PASS_GOOD, PASSES_MAX, TooManyPasses, fresh};

/// A pass. It is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct PassBody {
    /// Sent as `Authorization: Bearer …`.
    pub token: String,
    pub expires_at: String,
}

/// Gives a pass: a token that is good for five minutes
///
/// For those who may control, known by the socket or the administrator's token. A restart ends all passes.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "server",
    responses((status = 201, description = "the pass", body = PassBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn give(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let token = fresh().map_err(|error| Problem::internal("make a token", &error))?;
    let now = state.clock.now();
    state.passes.give(&token, now.mono).map_err(|TooManyPasses(wait)| {
        let detail = format!("{PASSES_MAX} passes are in use, which is the limit");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_passes", detail).retry_after(wait)
    })?;
    log::info!("gave a pass by={who}");
    let expires_at = time(now.wall.plus(PASS_GOOD));
    Ok(HttpResponse::build(StatusCode::CREATED).json(PassBody { token, expires_at }))
}
