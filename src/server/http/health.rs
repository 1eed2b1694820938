//! For whoever watches over the process.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::jobs::CountsBody;
use super::problem::{Problem, ProblemBody};
use super::state::{HttpState, no_query};

/// That the server lives.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthBody {
    #[schema(value_type = String)]
    status: &'static str,
}

/// What the server is just now.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerBody {
    pub name: String,
    /// Whether it takes new jobs.
    pub ready: bool,
    /// Why not, as the stable word.
    #[schema(value_type = Option<String>)]
    pub reason: Option<&'static str>,
    pub counts: CountsBody,
}

/// The server as events and readiness show it.
pub fn server(state: &HttpState) -> ServerBody {
    let reason = state.core.admits().err().map(|refusal| refusal.code());
    ServerBody {
        name: state.core.directory().server.clone(),
        ready: reason.is_none(),
        reason,
        counts: state.core.store().counts_total().into(),
    }
}

/// Says that the server lives
#[utoipa::path(get, path = "/healthz", tag = "server",
    responses((status = 200, description = "it lives", body = HealthBody)))]
pub async fn alive(request: HttpRequest) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok().json(HealthBody { status: "alive" }))
}

/// Says whether the server takes jobs
#[utoipa::path(get, path = "/readyz", tag = "server",
    responses((status = 200, description = "it takes jobs", body = HealthBody),
        (status = "4XX", description = "its queue is full", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", description = "it is stopping, or its disk is full", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn ready(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    state.core.admits()?;
    Ok(HttpResponse::Ok().json(HealthBody { status: "ready" }))
}
