//! What is decided on the head of a request, before its body is wanted: whose page sent it, whether there is such a
//! thing, who may, and whether there is room. A client that waits for `100 Continue` gets the refusal instead.

use std::sync::Arc;

use actix_http::{HttpMessage, Request};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};

use super::access::{Share, What, Who};
use super::between;
use super::forward::{self, Finding};
use super::gate::Admission;
use super::host::check_origin;
use super::multipart;
use super::order::{self, Order};
use super::peer::{Local, Peer};
use super::problem::Problem;
use super::query::Query;
use super::routes::{Route, Takes, find};
use super::state::HttpState;
use super::upload::JSON_BYTES_MAX;
use crate::cluster::message::MESSAGE_BYTES_MAX;

/// The admission of the listener.
#[derive(Clone, Debug)]
pub struct HttpAdmission(Arc<HttpState>);

impl HttpAdmission {
    pub fn new(state: Arc<HttpState>) -> HttpAdmission {
        HttpAdmission(state)
    }
}

impl Admission for HttpAdmission {
    fn judge(&self, request: &Request, peer: &Peer) -> Result<(), actix_web::Error> {
        judge(&self.0, request, peer).map_err(actix_web::Error::from)
    }

    fn find_way(&self, request: &Request, peer: &Peer) -> Option<Finding> {
        forward::finding(&self.0, request, peer)
    }
}

fn judge(state: &HttpState, request: &Request, peer: &Peer) -> Result<(), Problem> {
    let local = request.conn_data::<Local>().copied().unwrap_or(Local::Socket);
    state.settings().hosts.check(request, local)?;
    check_origin(request)?;
    let route = find(request.method(), request.path())?;
    if route.what == Some(What::Node) {
        between::admit(state, request)?;
        return check_body(state, route, request);
    }
    let who = state.who(peer, request.headers())?;
    if let Some(what) = route.what {
        state.allow(&who, what)?;
    }
    check_body(state, route, request)?;
    if route.takes == Takes::Job {
        check_order(state, &who, request)?;
    }
    Ok(())
}

/// How the body comes, how much it will be, and whether there is room for it.
fn check_body(state: &HttpState, route: &Route, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    if headers
        .get_all(CONTENT_ENCODING)
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        let detail = "send the body as it is, without Content-Encoding";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded_body", detail));
    }
    if headers.get_all(TRANSFER_ENCODING).any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(Problem::bad("unsupported_transfer", "of the transfer encodings only chunked is taken"));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let most = match route.takes {
        Takes::Job | Takes::Upload | Takes::Document => state.settings().config.limits.document,
        Takes::Message => MESSAGE_BYTES_MAX as u64,
        Takes::Json | Takes::Nothing => JSON_BYTES_MAX as u64,
    };
    if length > Some(most) {
        return Err(Problem::too_large(most));
    }
    if matches!(route.takes, Takes::Job | Takes::Document) {
        if order::is_form(headers) {
            multipart::boundary(headers)?;
        }
        admits(state, route)?;
    }
    if route.takes == Takes::Upload {
        let now = state.clock.now().wall;
        let token = forward::token_of(request.path());
        let found = state.cluster.as_ref().and_then(|cluster| cluster.reservations.find(token, now));
        found.ok_or_else(forward::no_room)?;
    }
    Ok(())
}

/// Whether there is room here. In a cluster another server may have some, which is asked before the body is wanted.
fn admits(state: &HttpState, route: &Route) -> Result<(), Problem> {
    match (&state.cluster, route.takes) {
        (Some(_), Takes::Job | Takes::Upload) => Ok(()),
        _ => Ok(state.core.admits()?),
    }
}

/// A document for a printer that is not there, or not for him, is not worth sending. Where the order comes as JSON or
/// in a form the handler looks; here it is only seen whether there is any printer for him.
fn check_order(state: &HttpState, who: &Who, request: &Request) -> Result<(), Problem> {
    order::check_content_type(request.headers())?;
    if order::is_json(request.headers()) {
        return Ok(());
    }
    if order::is_form(request.headers()) {
        return state.allow(who, What::Submit(Share::Shared));
    }
    let order = Order::from_query(Query::parse(request.uri().query().unwrap_or_default())?)?;
    order::check_queue(state, who, order.queue.as_ref())
}
