//! Where a job goes that comes in at this node: here, or to another server, by a redirection or by passing its bytes on.
//!
//! It is decided on the head of the request, so a client that waits for `100 Continue` gets the redirection instead.

use std::sync::Arc;

use actix_http::{HttpMessage, Request};
use actix_web::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, RETRY_AFTER,
};
use actix_web::http::{StatusCode, Uri};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use super::access::Who;
use super::nodes::no_entry;
use super::order::{self, Order};
use super::peer::Peer;
use super::problem::Problem;
use super::query::Query;
use super::routes::{Takes, find};
use super::state::HttpState;
use super::upload;
use crate::cluster::Cluster;
use crate::cluster::assign::{Decision, Elsewhere};
use crate::cluster::relay::{Head, Relayed};
use crate::model::cluster::choice::NoServer;
use crate::model::cluster::node::Node;
use crate::model::cluster::place::Source;
use crate::model::cluster::reservation;

/// Which server answers.
const NODE: HeaderName = HeaderName::from_static("spool-node");

/// Where the body of an admitted request goes; noted with the request where it was decided before its `100 Continue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Here,
    /// To another server, through this one.
    Through(Elsewhere),
}

/// A way that is being found; `Err` is the final answer.
pub type Finding = LocalBoxFuture<'static, Result<Way, HttpResponse>>;

/// Where the client is to send its document.
#[derive(Debug, Serialize)]
struct SentOn<'a> {
    node: &'a str,
    upload: &'a str,
}

/// For a request that waits for `100 Continue`; `None` where it is served here in any case.
pub fn finding(state: &Arc<HttpState>, request: &Request, peer: &Peer) -> Option<Finding> {
    let cluster = state.cluster.clone()?;
    let takes = find(request.method(), request.path()).ok()?.takes;
    let query = request.uri().query().unwrap_or_default();
    let asked = match takes {
        Takes::Job => {
            let who = state.who(peer, request.headers()).ok()?;
            if only_leads(&cluster, request.headers()) {
                let answer = to_entry(&cluster, request.uri());
                return Some(async move { Err(answer) }.boxed_local());
            }
            asked(request.headers(), query, &who)
        }
        Takes::Upload => promised(&cluster, state, token_of(request.path())),
        _ => return None,
    };
    Some(async move { find_way(&cluster, asked).await }.boxed_local())
}

/// For a request in hand: as it was found before its `100 Continue`, or found now.
pub async fn way(state: &HttpState, request: &HttpRequest) -> Result<Way, HttpResponse> {
    let Some(cluster) = &state.cluster else { return Ok(Way::Here) };
    if let Some(way) = request.extensions().get::<Way>() {
        return Ok(way.clone());
    }
    let asked = match request.match_info().get("token") {
        Some(token) => promised(cluster, state, token),
        None => {
            let who = state.asker(request).map_err(|problem| problem.error_response())?;
            if only_leads(cluster, request.headers()) {
                return Err(to_entry(cluster, request.uri()));
            }
            asked(request.headers(), request.query_string(), &who)
        }
    };
    find_way(cluster, asked).await
}

type Asked = Result<(reservation::Order, Source), Problem>;

/// What was asked for, by the head alone.
fn asked(headers: &HeaderMap, query: &str, who: &Who) -> Asked {
    let here = order::is_json(headers) || order::is_form(headers);
    let wanted =
        if here { Order::from_query(Query::default())? } else { Order::from_query(Query::parse(query)?)? };
    let source = match () {
        () if here => Source::Here,
        () if from_page(headers) => Source::Bound,
        () => Source::Mobile,
    };
    let request = crate::model::intake::JobRequest { control_hash: None, ..wanted.request(who, [0; 32]) };
    let asked = reservation::Order {
        request,
        format: order::declared_format(headers),
        bytes: headers.get(CONTENT_LENGTH).and_then(|bytes| bytes.to_str().ok()?.parse().ok()),
        key: order::idempotency_key(headers)?,
        hops: Vec::new(),
    };
    Ok((asked, source))
}

/// A page may only speak to the server that it came from.
fn from_page(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN)
}

/// Whether a client is sent to an entry node with its job, because this node does nothing but lead. An order for
/// registered documents stays: their numbers are this server's own.
fn only_leads(cluster: &Cluster, headers: &HeaderMap) -> bool {
    !cluster.me().roles.take_jobs() && !order::is_json(headers) && !from_page(headers)
}

/// Sends the same request to the entry node whose turn it is.
fn to_entry(cluster: &Cluster, uri: &Uri) -> HttpResponse {
    let Some(Node { name, url, .. }) = cluster.next_entry() else { return no_entry().error_response() };
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut answer = HttpResponse::TemporaryRedirect();
    answer.insert_header((LOCATION, format!("{url}{target}"))).insert_header((NODE, name.as_str()));
    answer.finish()
}

/// A document for which there is room here; if there is none any more it is sent on.
fn promised(cluster: &Cluster, state: &HttpState, token: &str) -> Asked {
    let found = cluster.reservations.find(token, state.clock.now().wall).ok_or_else(no_room)?;
    let source = if state.core.admits().is_ok() { Source::Here } else { Source::Mobile };
    // Where its job was accepted before, it is here; that is told by the key.
    let order = reservation::Order { key: Some(found.claim()), ..found.order.clone() };
    Ok((order, source))
}

async fn find_way(cluster: &Cluster, asked: Asked) -> Result<Way, HttpResponse> {
    let (order, source) = asked.map_err(|problem| problem.error_response())?;
    match cluster.find(&order, source).await {
        Decision::Here => Ok(Way::Here),
        Decision::Relay(elsewhere) => Ok(Way::Through(elsewhere)),
        Decision::Redirect(elsewhere) => Err(redirection(&elsewhere)),
        Decision::Refuse(why) => Err(refused(&why).error_response()),
    }
}

/// RFC 9110 section 15.4.8: method and body stay what they are.
fn redirection(elsewhere: &Elsewhere) -> HttpResponse {
    let Elsewhere { node, upload } = elsewhere;
    let mut answer = HttpResponse::TemporaryRedirect();
    answer.insert_header((LOCATION, upload.as_str())).insert_header((NODE, node.as_str()));
    answer.json(SentOn { node: node.as_str(), upload })
}

fn refused(why: &NoServer) -> Problem {
    let (status, code) = match why {
        NoServer::Full { .. } => (StatusCode::TOO_MANY_REQUESTS, "queue_full"),
        NoServer::NotAccepting => (StatusCode::CONFLICT, "not_accepting"),
        NoServer::Format => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_format"),
        NoServer::NoQueue => (StatusCode::NOT_FOUND, "no_such_queue"),
        NoServer::Nobody => (StatusCode::SERVICE_UNAVAILABLE, "no_server"),
    };
    let problem = Problem::new(status, code, why.to_string());
    match why {
        NoServer::Full { retry_after } => problem.retry_after(*retry_after),
        _ => problem,
    }
}

/// The token of an upload is unknown, was used long ago, or nothing came in time.
pub fn no_room() -> Problem {
    let detail = "this upload address has expired or was never given; submit the job again";
    Problem::new(StatusCode::NOT_FOUND, "no_reservation", detail)
}

pub fn token_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Passes the body of a request on, and the server's answer back.
pub async fn relay(
    state: &HttpState,
    cluster: &Cluster,
    elsewhere: &Elsewhere,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let field = |name: HeaderName| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let head = Head {
        content_type: field(CONTENT_TYPE),
        content_length: field(CONTENT_LENGTH).and_then(|bytes| bytes.parse().ok()),
        idempotency_key: field(HeaderName::from_static("idempotency-key")),
    };
    let (pieces, answer) = cluster.relay(elsewhere, head);
    let mut body = upload::body(state, payload, state.settings().config.limits.document);
    let pumping = async move {
        loop {
            let piece = match body.next_chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) => return Ok(()),
                Err(problem) => {
                    pieces.break_off().await;
                    return Err(problem);
                }
            };
            // False: it has answered before it had everything.
            if !pieces.pass(piece).await {
                return Ok(());
            }
        }
    };
    let (pumped, answer) = futures_util::future::join(pumping, answer).await;
    pumped?;
    let relayed = answer.map_err(|why| unreachable(elsewhere, &why))?;
    Ok(passed_back(relayed, elsewhere))
}

fn unreachable(elsewhere: &Elsewhere, why: &str) -> Problem {
    let node = &elsewhere.node;
    log::warn!("node={node} a document was passed on in vain: {why}");
    let detail = format!(
        "server {node}, which was to get the job, is not reached: {why}; whether it has the job is not known, so send it again under the same Idempotency-Key, or look at that server first"
    );
    Problem::new(StatusCode::BAD_GATEWAY, "server_lost", detail)
}

fn passed_back(relayed: Relayed, elsewhere: &Elsewhere) -> HttpResponse {
    let Relayed { status, content_type, location, retry_after, body } = relayed;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut answer = HttpResponse::build(status);
    answer.insert_header((NODE, elsewhere.node.as_str()));
    for (name, value) in [(CONTENT_TYPE, content_type), (LOCATION, location), (RETRY_AFTER, retry_after)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            answer.insert_header((name, value));
        }
    }
    answer.body(body)
}

/// Says which server has taken a job that came by another.
pub fn signed(mut answer: HttpResponse, cluster: &Cluster) -> HttpResponse {
    if let Ok(name) = HeaderValue::from_str(cluster.me().name.as_str()) {
        answer.headers_mut().insert(NODE, name);
    }
    answer
}
