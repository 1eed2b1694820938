//! What the nodes of a cluster say to one another. Every request is signed, and judged by its head.

use actix_http::{HttpMessage, Request};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::BytesMut;
use serde::de::DeserializeOwned;

use super::nodes::clustered;
use super::problem::{Problem, ProblemBody};
use super::state::HttpState;
use super::upload;
use crate::cluster::Cluster;
use crate::cluster::message::order::{self, Assignment, KeyAnswer, KeyQuestion, Question, Reserved};
use crate::cluster::message::{MESSAGE_BYTES_MAX, Noted, Told};
use crate::cluster::seal::{LIFE, SEAL, Seal, Unsealed, digest};
use crate::model::cluster::members::NotLetIn;

type State = web::Data<HttpState>;
type Answer = Result<HttpResponse, Problem>;

/// Hears how another node is
///
/// For nodes of the cluster only: requests are signed.
#[utoipa::path(post, path = "/cluster/v1/metrics", tag = "cluster", request_body = Object,
    responses((status = 200, description = "noted", body = Object),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn told(request: HttpRequest, payload: web::Payload, state: State) -> Answer {
    let cluster = clustered(&state)?;
    let (seal, told): (Seal, Told) = message(&state, &request, payload).await?;
    let (node, metrics) = told.understood().ok_or_else(not_understood)?;
    if node.name != seal.node {
        return Err(not_the_sender());
    }
    cluster.heard(node, seal.life, metrics).map_err(not_let_in)?;
    let known = cluster.known();
    Ok(HttpResponse::Ok().json(Noted::new(cluster.me(), known.members.urls())))
}

/// Assigns a server to a request
///
/// Asked by an entry node of the master. For nodes of the cluster only: requests are signed.
#[utoipa::path(post, path = "/cluster/v1/assignments", tag = "cluster", request_body = Object,
    responses((status = 200, description = "the server, or why there is none", body = Object),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn assign(request: HttpRequest, payload: web::Payload, state: State) -> Answer {
    let cluster = clustered(&state)?;
    let (seal, question): (Seal, Question) = message(&state, &request, payload).await?;
    let (order, node, metrics) = question.understood().ok_or_else(not_understood)?;
    if node.name != seal.node {
        return Err(not_the_sender());
    }
    cluster.heard(node, seal.life, metrics).map_err(not_let_in)?;
    let assigned = match cluster.assign(&order).await {
        Ok((server, room)) => Assignment::to(&server, room),
        Err(why) => Assignment::refused(&why),
    };
    Ok(HttpResponse::Ok().json(assigned))
}

/// Makes room for a job of another node
///
/// For nodes of the cluster only: requests are signed.
#[utoipa::path(post, path = "/cluster/v1/reservations", tag = "cluster", request_body = Object,
    responses((status = 200, description = "room, or why there is none", body = Object),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn reserve(request: HttpRequest, payload: web::Payload, state: State) -> Answer {
    let cluster = clustered(&state)?;
    let (seal, asked): (Seal, order::Request) = message(&state, &request, payload).await?;
    let order = asked.order.order().ok_or_else(not_understood)?;
    let reserved = match cluster.reserve(order, seal.node).await {
        Ok(room) => Reserved { room: Some(room), refused: None },
        Err(why) => Reserved { room: None, refused: Some((&why).into()) },
    };
    Ok(HttpResponse::Ok().json(reserved))
}

/// Says whether a job was accepted here under an idempotency key
///
/// For nodes of the cluster only: requests are signed.
#[utoipa::path(post, path = "/cluster/v1/keys", tag = "cluster", request_body = Object,
    responses((status = 200, description = "whether it is known here", body = Object),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn has_key(request: HttpRequest, payload: web::Payload, state: State) -> Answer {
    let cluster = clustered(&state)?;
    let (_, question): (Seal, KeyQuestion) = message(&state, &request, payload).await?;
    Ok(HttpResponse::Ok().json(KeyAnswer { known: cluster.has_key(&question).await }))
}

/// The message of a node whose head was let in; its body must be what the head has promised.
async fn message<T: DeserializeOwned>(
    state: &HttpState,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<(Seal, T), Problem> {
    let mut body = upload::body(state, payload, MESSAGE_BYTES_MAX as u64);
    let mut text = BytesMut::new();
    while let Some(piece) = body.next_chunk().await? {
        text.extend_from_slice(&piece);
    }
    let seal = request.headers().get(SEAL).and_then(|seal| Seal::shown(seal.to_str().ok()?));
    let seal = seal.filter(|seal| seal.digest == digest(&text)).ok_or_else(|| {
        log::warn!("path={} a request of a node has another body than it was signed for", request.path());
        Problem::new(StatusCode::FORBIDDEN, "altered", "the body is not the one that was signed")
    })?;
    Ok((seal, serde_json::from_slice(&text).map_err(|_| not_understood())?))
}

fn not_the_sender() -> Problem {
    Problem::bad("not_the_sender", "a node tells of itself only")
}

fn not_understood() -> Problem {
    let detail = "this message is not understood; all nodes must have the same version";
    Problem::bad("not_understood", detail)
}

fn not_let_in(why: NotLetIn) -> Problem {
    let (code, detail) = match why {
        NotLetIn::MyName => ("name_taken", "this node has that name itself; cluster.node must be unique"),
        NotLetIn::NameTaken => (
            "name_taken",
            "another node that lives has this name (cluster.node) at another address (cluster.url)",
        ),
        NotLetIn::TooMany => ("too_many_nodes", "the cluster has as many nodes as it can have"),
    };
    Problem::new(StatusCode::FORBIDDEN, code, detail)
}

/// Decides on the head of a request that only nodes may send.
pub fn admit(state: &HttpState, request: &Request) -> Result<(), Problem> {
    let cluster = clustered(state)?;
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let seal = request.headers().get(SEAL).and_then(|seal| seal.to_str().ok());
    cluster.admit(seal, request.method().as_str(), target).map(drop).map_err(|why| {
        // Who has begun anew is told so as a matter of course.
        if why != Unsealed::OtherLife {
            log::warn!("path={} a request in the name of a node was refused: {why}", request.path());
        }
        refused(cluster, why)
    })
}

fn refused(cluster: &Cluster, why: Unsealed) -> Problem {
    let (status, code) = match why {
        Unsealed::Missing => (StatusCode::FORBIDDEN, "nodes_only"),
        Unsealed::Altered => (StatusCode::FORBIDDEN, "altered"),
        Unsealed::OtherLife => (StatusCode::CONFLICT, "other_life"),
        Unsealed::Skewed => (StatusCode::FORBIDDEN, "skewed"),
        Unsealed::Replayed => (StatusCode::FORBIDDEN, "replayed"),
        Unsealed::Crowded => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
    };
    let problem = Problem::new(status, code, why.to_string());
    match why {
        Unsealed::OtherLife => problem.field(HeaderName::from_static(LIFE), hex::encode(cluster.life().0)),
        _ => problem,
    }
}
