//! How a job comes in: as the body of the request, or as an order for documents that were registered before.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::access::{What, Who};
use super::arrival::{Arrival, Growing, Wanted};
use super::form;
use super::forward::{self, Way};
use super::job_json::{JobBody, Viewer};
use super::nodes::clustered;
use super::order::{self, Order, OrderBody};
use super::problem::{Problem, ProblemBody};
use super::query::Query;
use super::state::{HttpState, no_query, query, segment};
use super::upload::{self, Body, Start, Upload};
use crate::actors::front::{Accepted, Novelty};
use crate::model::document::{Format, INLINE_BYTES_MAX};
use crate::model::explain::Ahead;
use crate::model::id::QueueName;
use crate::model::intake::{Handed, JobRequest};
use crate::model::job::DOCUMENTS_MAX;
use crate::store::documents::Finished;

/// Submits a document for printing
///
/// The body is the document. `Content-Type` is the document's; `application/octet-stream`, none, and
/// `application/x-www-form-urlencoded` mean that the server looks at the document. With `application/json` the body is
/// an order for documents that were registered before, and there is no query. With `multipart/form-data` every part
/// named `file` is a document of the job, in their order, at most 100, each with a type of its own; every other part is
/// a parameter, as in the query, before or after the documents. `limits.document` bounds the form as a whole.
///
/// A body of over 64 MiB to a printer with `stream = "large"` that has nothing else to do is printed while it arrives: the
/// job is `transmitting`, with the reason `job-incoming`, and not accepted. Where the body does not come whole it ends
/// `canceled`, with `job-data-insufficient`.
#[utoipa::path(post, path = "/api/v1/jobs", tag = "jobs",
    params(
        ("printer" = Option<String>, Query, description = "a printer or a pool; the default queue where none is named"),
        ("title" = Option<String>, Query), ("user" = Option<String>, Query, description = "a label, except where the server knows better"),
        ("copies" = Option<u32>, Query), ("priority" = Option<u8>, Query, description = "1 to 100; 100 goes first"),
        ("hold" = Option<bool>, Query, description = "wait for a person"),
        ("option.NAME" = Option<String>, Query, description = "IPP's job template attributes"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; kept for 24 h, also where the job is purged before: then 410")),
    request_body(content((Vec<u8> = "application/octet-stream"), (OrderBody = "application/json"), (Object = "multipart/form-data"))),
    responses((status = 201, description = "accepted: job and document are on disk", body = JobBody),
        (status = 200, description = "the same request came before under this key", body = JobBody),
        (status = 307, description = "another server takes it: send the same to `Location`"),
        (status = "4XX", description = "refused; nothing is kept", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", description = "refused; nothing is kept", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn submit(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<HttpState>,
) -> Result<HttpResponse, Problem> {
    let began = state.clock.now().mono;
    match forward::way(&state, &request).await {
        Ok(Way::Here) => {}
        Ok(Way::Through(elsewhere)) => {
            let cluster = clustered(&state)?;
            return forward::relay(&state, cluster, &elsewhere, &request, payload).await;
        }
        Err(answer) => return Ok(answer),
    }
    state.core.admits()?;
    let who = state.asker(&request)?;
    let key = order::idempotency_key(request.headers())?;
    let (secret, hash) = order::secret_link()?;
    let accepted = if order::is_json(request.headers()) {
        no_query(&request)?;
        registered(&state, &who, upload::json(&state, payload).await?, hash, key).await?
    } else if order::is_form(request.headers()) {
        in_form(&state, &who, &request, payload, hash, key).await?
    } else {
        let order = Order::from_query(query(&request)?)?;
        order::check_queue(&state, &who, order.queue.as_ref())?;
        let order = order.request(&who, hash);
        let body = upload::body(&state, payload, state.settings().config.limits.document);
        brought(&state, &request, body, order, key).await?
    };
    if accepted.novelty == Novelty::New {
        state.measured.accepted(state.clock.now().mono.since(began));
    }
    Ok(answer(&state, &who, &accepted, &secret, ""))
}

/// Takes the document of a job for which there is room
///
/// The address was given by a redirection, or in the answer to an announcement. Its token alone is the right to it, for
/// one job and two minutes. What comes a second time is answered with the first job.
#[utoipa::path(post, path = "/api/v1/uploads/{token}", tag = "cluster", params(("token" = String, Path)),
    request_body(content((Vec<u8> = "application/octet-stream"))),
    responses((status = 201, description = "accepted: job and document are on disk", body = JobBody),
        (status = 200, description = "it came before", body = JobBody),
        (status = 307, description = "there is no room any more: send the same to `Location`"),
        (status = "4XX", description = "refused; nothing is kept", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", description = "refused; nothing is kept", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn upload(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<HttpState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let cluster = clustered(&state)?;
    let token = segment(&request, "token");
    let room = cluster.reservations.find(token, state.clock.now().wall).ok_or_else(forward::no_room)?;
    match forward::way(&state, &request).await {
        Ok(Way::Here) => {}
        Ok(Way::Through(elsewhere)) => {
            return forward::relay(&state, cluster, &elsewhere, &request, payload).await;
        }
        Err(answer) => return Ok(answer),
    }
    let (secret, hash) = order::secret_link()?;
    let order = JobRequest { control_hash: Some(hash), ..room.order.request.clone() };
    let body = upload::body(&state, payload, state.settings().config.limits.document);
    let accepted = brought(&state, &request, body, order, Some(room.claim())).await?;
    cluster.reservations.use_up(&room);
    let who = state.asker(&request)?;
    let answer = answer(&state, &who, &accepted, &secret, cluster.me().url.as_str());
    Ok(forward::signed(answer, cluster))
}

/// `base` goes before addresses of this server, for clients that have asked another.
fn answer(state: &HttpState, who: &Who, accepted: &Accepted, secret: &str, base: &str) -> HttpResponse {
    let id = accepted.job.id;
    let viewer = Viewer::new(state, who);
    // He has just sent it all himself.
    let mut body = viewer.job_in_full(&accepted.job, Ahead::Unknown);
    let mut answer = match accepted.novelty {
        Novelty::New => {
            body.control_url = Some(format!("{base}/api/v1/jobs/{id}/control/{secret}"));
            HttpResponse::build(StatusCode::CREATED)
        }
        Novelty::Repeated => HttpResponse::Ok(),
    };
    answer.insert_header((LOCATION, format!("{base}/api/v1/jobs/{id}"))).json(body)
}

/// A job of documents that are here already.
async fn registered(
    state: &HttpState,
    who: &Who,
    body: OrderBody,
    control_hash: [u8; 32],
    key: Option<String>,
) -> Result<Accepted, Problem> {
    let (order, documents) = Order::from_json(body)?;
    order::check_queue(state, who, order.queue.as_ref())?;
    for id in &documents {
        // One that is not there is refused by the core, in the same words for everybody.
        if let Some(document) = state.core.store().document(*id).await? {
            state.allow(who, What::PrintDocument(who.tie(&document.submitter)))?;
        }
    }
    let request = order.request(who, control_hash);
    let numbers: Vec<u8> = documents.iter().flat_map(|id| id.0.to_be_bytes()).collect();
    let claim = key.map(|key| order::claim(key, &request, "registered", &numbers));
    let handed = documents.into_iter().map(Handed::Registered).collect();
    Ok(state.core.submit(None, request, handed, claim).await?)
}

/// A job whose documents and parameters are parts of a form. It is not announced: what it is to be is known at its end.
async fn in_form(
    state: &HttpState,
    who: &Who,
    request: &HttpRequest,
    payload: web::Payload,
    control_hash: [u8; 32],
    key: Option<String>,
) -> Result<Accepted, Problem> {
    let body = upload::body(state, payload, state.settings().config.limits.document);
    let look = |query: &Query| match query.get("printer").map(QueueName::new) {
        Some(Ok(name)) => order::check_queue(state, who, Some(&name)),
        // What is no name is refused with the rest of the order, and the printer may still be named.
        Some(Err(_)) | None => Ok(()),
    };
    let mut form = form::read(state, request.headers(), query(request)?, body, DOCUMENTS_MAX, look).await?;
    let order = Order::from_query(std::mem::take(&mut form.query))?;
    order::check_queue(state, who, order.queue.as_ref())?;
    let order = order.request(who, control_hash);
    let digest = std::mem::take(&mut form.digest).finalize();
    let claim = key.map(|key| order::claim(key, &order, "form", &digest));
    // The form is whole: the job is accepted or refused also if the client leaves.
    let core = Arc::clone(&state.core);
    finish(async move { Ok(core.submit(None, order, form.hand_over(), claim).await?) }).await
}

/// A job whose document is the body.
async fn brought(
    state: &HttpState,
    request: &HttpRequest,
    mut body: Body,
    order: JobRequest,
    key: Option<String>,
) -> Result<Accepted, Problem> {
    let declared = order::declared_format(request.headers());
    // One that says that it will be large is announced before its first byte.
    let bytes = announced_length(request);
    let start = if bytes > Some(INLINE_BYTES_MAX) {
        Start::More(Bytes::new())
    } else {
        upload::start(&mut body).await?
    };
    match start {
        Start::Whole(bytes) => whole(state, bytes, declared, order, key).await,
        Start::More(head) => large(state, bytes, head, body, declared, order, key).await,
    }
}

fn announced_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn whole(
    state: &HttpState,
    body: Bytes,
    declared: Option<Format>,
    order: JobRequest,
    key: Option<String>,
) -> Result<Accepted, Problem> {
    let said = declared.as_ref().map(Format::media_type).unwrap_or_default();
    let claim = key.map(|key| order::claim(key, &order, said, &Sha256::digest(&body)));
    let format = declared.unwrap_or_else(|| Format::detect(&body));
    let name = order.title.clone().unwrap_or_default();
    let handed = Handed::Inline { name, format, crc: crc32c::crc32c(&body), body };
    Ok(state.core.submit(None, order, vec![handed], claim).await?)
}

async fn large(
    state: &HttpState,
    announced_bytes: Option<u64>,
    head: Bytes,
    mut body: Body,
    declared: Option<Format>,
    order: JobRequest,
    key: Option<String>,
) -> Result<Accepted, Problem> {
    let permit = upload::permit(state)?;
    let arrival = Arrival::announce(Arc::clone(&state.core), order.clone()).await?;
    let head = if head.is_empty() { body.next_chunk().await?.unwrap_or_default() } else { head };
    let said = declared.as_ref().map(Format::media_type).unwrap_or_default().to_owned();
    let (head, format) = with_format(head, &mut body, declared).await?;
    let sha256 = key.as_ref().map(|_| Sha256::new());
    let document = arrival.document();
    let mut upload = Upload::begin(state, permit, document, sha256);
    let wanted = Wanted { order: &order, key: key.as_deref(), format: &format, bytes: announced_bytes };
    let mut growing = Growing::new(state, arrival, upload.growth(), &wanted);
    let mut piece = Some(head);
    while let Some(bytes) = piece {
        growing.arrived(state, bytes.len()).await?;
        upload.write(bytes).await?;
        piece = body.next_chunk().await?;
    }

    // From here on the body is whole: the job is accepted or refused also if the client leaves.
    let core = Arc::clone(&state.core);
    let rest = async move {
        let landed = upload.finish().await?;
        let claim = key.map(|key| order::claim(key, &order, &said, &landed.sha256.unwrap_or_default()));
        let name = order.title.clone().unwrap_or_default();
        let handed = Handed::File { id: document, name, format, bytes: landed.bytes, crc: landed.crc };
        let job = growing.hand_over();
        let accepted = core.submit(Some(job), order, vec![handed], claim).await;
        growing.decided(&accepted, Finished { bytes: landed.bytes, crc: landed.crc });
        Ok(accepted?)
    };
    finish(rest).await
}

/// Runs to its end, also if nobody waits for it any more.
pub async fn finish<T: 'static>(
    work: impl Future<Output = Result<T, Problem>> + 'static,
) -> Result<T, Problem> {
    let done = actix_rt::spawn(work).await;
    done.unwrap_or_else(|error| Err(Problem::internal("finish the request", &error)))
}

/// The format of the document: what the client says, else what the first KiB shows, for which is waited.
pub async fn with_format(
    head: Bytes,
    body: &mut Body,
    declared: Option<Format>,
) -> Result<(Bytes, Format), Problem> {
    const SHOWS: usize = 1024;
    if let Some(format) = declared {
        return Ok((head, format));
    }
    let mut head = bytes::BytesMut::from(head);
    while head.len() < SHOWS {
        let Some(chunk) = body.next_chunk().await? else { break };
        head.extend_from_slice(&chunk);
    }
    let format = Format::detect(&head);
    Ok((head.freeze(), format))
}
