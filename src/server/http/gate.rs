//! The gate between actix-http and the application: each head is judged before its body is wanted.
//!
//! A client that sent `Expect: 100-continue` gets the final answer instead of `100 Continue`; one that did not gets
//! the same answer while it is still sending. The verdict is asked exactly once for each request.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::{ConnectionType, HttpMessage, Payload, Request, Response};
use actix_service::boxed::{self, BoxServiceFactory};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{Error, HttpResponse, ResponseError};
use bytes::Bytes;
use futures_util::future::{Either, FutureExt, ready};

use super::exchange::Exchange;
use super::forward::Finding;
use super::peer::Peer;
use super::problem::Problem;

/// What a client is told to wait when there are too many connections.
const CROWDED_RETRY: Duration = Duration::from_secs(5);

/// Decides on a head: `Ok` lets the request through, `Err` is its final answer, made by `ResponseError::error_response`.
///
/// It runs on a worker between two reads, so it may look into memory and nothing slower.
pub trait Admission: Clone + Send + 'static {
    fn judge(&self, request: &Request, peer: &Peer) -> Result<(), Error>;

    /// What takes longer to decide, for an admitted request that waits for `100 Continue`; the way is noted with it.
    fn find_way(&self, _: &Request, _: &Peer) -> Option<Finding> {
        None
    }
}

impl<F> Admission for F
where
    F: Fn(&Request, &Peer) -> Result<(), Error> + Clone + Send + 'static,
{
    fn judge(&self, request: &Request, peer: &Peer) -> Result<(), Error> {
        self(request, peer)
    }
}

/// An application behind its gate.
pub(super) type Gated<C, E> = BoxServiceFactory<C, Request, Response<BoxBody>, Response<BoxBody>, E>;

/// The gate of one worker and listener.
#[derive(Debug, Clone)]
pub(super) struct Gate<A> {
    pub admission: A,
    /// Larger heads are answered 431.
    pub header_bytes: usize,
}

impl<A: Admission> Gate<A> {
    /// For actix-http's expect service: `Ok` sends `100 Continue`.
    pub fn expect(
        &self,
        mut request: Request,
    ) -> impl Future<Output = Result<Request, Response<BoxBody>>> + use<A> {
        let Some(exchange) = exchange_of(&request) else {
            return Either::Left(ready(Err(no_connection_data())));
        };
        exchange.begin(has_body(&mut request));
        if let Some(answer) = self.refusal(&request, &exchange) {
            return Either::Left(ready(Err(sealed(answer.into(), exchange, true))));
        }
        let peer = request.conn_data::<Peer>();
        let Some(finding) = peer.and_then(|peer| self.admission.find_way(&request, peer)) else {
            return Either::Left(ready(Ok(request)));
        };
        Either::Right(finding.map(move |found| match found {
            Ok(way) => {
                request.extensions_mut().insert(way);
                Ok(request)
            }
            Err(answer) => Err(sealed(answer.into(), exchange, true)),
        }))
    }

    /// Puts the gate before `application`.
    pub fn before<S, B>(
        self,
        application: impl IntoServiceFactory<S, Request>,
    ) -> Gated<S::Config, S::InitError>
    where
        S: ServiceFactory<Request> + 'static,
        S::Error: Into<Error>,
        S::Response: Into<Response<B>>,
        B: MessageBody + 'static,
    {
        let application = application
            .into_factory()
            .map(|answer: S::Response| answer.into().map_into_boxed_body())
            .map_err(|error: S::Error| Response::from(error.into().error_response()));
        boxed::factory(apply_fn_factory(application, move |request, service| self.pass(request, service)))
    }

    fn pass<S>(
        &self,
        mut request: Request,
        service: &S,
    ) -> impl Future<Output = Result<Response<BoxBody>, Response<BoxBody>>> + use<S, A>
    where
        S: Service<Request, Response = Response<BoxBody>, Error = Response<BoxBody>>,
    {
        let Some(exchange) = exchange_of(&request) else {
            return Either::Left(ready(Err(no_connection_data())));
        };
        let has_body = has_body(&mut request);
        exchange.begin(has_body);
        // A head with `Expect` was judged by `expect`.
        let judged = request.head().expect();
        let refusal = if judged { None } else { self.refusal(&request, &exchange) };
        let answered = match refusal {
            None => Either::Left(service.call(request)),
            Some(answer) => Either::Right(ready(Err(answer.into()))),
        };
        Either::Right(answered.map(move |answer| {
            let answer = answer.unwrap_or_else(|error| error);
            // Whether the body was read to its end is not known here; to reconnect after a refusal costs little.
            let last = has_body && !answer.status().is_success();
            Ok(sealed(answer, exchange, last))
        }))
    }

    /// None lets the request through.
    fn refusal(&self, request: &Request, exchange: &Exchange) -> Option<HttpResponse> {
        if exchange.crowded {
            return Some(crowded());
        }
        if head_bytes(request) > self.header_bytes {
            let detail = format!("the head is larger than {} bytes", self.header_bytes);
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Some(Problem::new(status, "head_too_large", detail).error_response());
        }
        let Some(peer) = request.conn_data::<Peer>() else {
            return Some(Problem::internal("tell who asks", &"a connection without a peer").error_response());
        };
        self.admission.judge(request, peer).err().map(|error| error.error_response())
    }
}

/// Announced by the head; it may still be on its way.
fn has_body(request: &mut Request) -> bool {
    !matches!(request.payload(), Payload::None)
}

fn exchange_of(request: &Request) -> Option<Rc<Exchange>> {
    request.conn_data::<Rc<Exchange>>().map(Rc::clone)
}

/// Cannot happen: the listener puts it there for every connection. A request without it is not served.
fn no_connection_data() -> Response<BoxBody> {
    log::error!("a request arrived without the data of its connection");
    Response::internal_server_error().map_into_boxed_body()
}

fn crowded() -> HttpResponse {
    let detail = "the server has as many connections as it serves at once";
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_connections", detail);
    let mut answer = problem.retry_after(CROWDED_RETRY).error_response();
    answer.head_mut().set_connection_type(ConnectionType::Close);
    answer
}

/// As the head went over the wire, to a few bytes.
fn head_bytes(request: &Request) -> usize {
    const LINE: usize = ": \r\n".len();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.head().headers().iter();
    headers.fold(target, |sum, (name, value)| sum + name.as_str().len() + value.len() + LINE)
}

/// What every answer carries, refusals too, unless a handler said otherwise: nothing is guessed, loaded, framed, kept
/// in a cache, or told to other sites.
const SECURITY: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

fn secure(headers: &mut HeaderMap) {
    for (name, value) in SECURITY {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// Ties an answer to its exchange, which ends with the answer's last byte.
fn sealed(mut answer: Response<BoxBody>, exchange: Rc<Exchange>, last: bool) -> Response<BoxBody> {
    secure(answer.headers_mut());
    if last {
        answer.head_mut().set_connection_type(ConnectionType::Close);
        exchange.make_last();
    }
    answer.map_body(|_, body| BoxBody::new(Sealed { body, exchange }))
}

/// A body that ends its exchange when actix-http has taken the whole of it, and drops it.
struct Sealed {
    body: BoxBody,
    exchange: Rc<Exchange>,
}

impl MessageBody for Sealed {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.exchange.end();
    }
}
