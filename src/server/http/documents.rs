//! Documents: registered once, printed by their numbers. And their bytes, for those who may have them.

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, HeaderMap, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Sight, What, Who};
use super::form;
use super::job_json::time;
use super::jobs::{find, job_id};
use super::order;
use super::pieces::pieces;
use super::problem::{Problem, ProblemBody};
use super::query::{Query, cursor};
use super::state::{HttpState, no_query, query, segment};
use super::submit::{finish, with_format};
use super::upload::{self, Body, Start, Upload};
use crate::model::document::{Document, Format};
use crate::model::id::DocumentId;
use crate::model::intake::{Handed, Refusal};
use crate::model::job::Submitter;
use crate::store::PAGE_ROWS_MAX;

/// The name of a document that came without one.
const UNTITLED: &str = "untitled";

/// A registered document.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentBody {
    pub id: u64,
    /// Null where the reader may not see it.
    pub name: Option<String>,
    /// Null where the reader may not see it.
    pub user: Option<String>,
    /// A media type.
    pub format: String,
    pub bytes: u64,
    pub created_at: String,
}

/// A page of documents, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentsBody {
    documents: Vec<DocumentBody>,
    next_cursor: Option<String>,
}

fn shown(document: &Document, who: &Who) -> DocumentBody {
    let body = shown_in_full(document);
    match who.sight(&document.submitter) {
        Sight::Full => body,
        Sight::Masked => DocumentBody { name: None, user: None, ..body },
    }
}

fn shown_in_full(document: &Document) -> DocumentBody {
    let Document { id, submitter, name, format, bytes, crc: _, place: _, created_at } = document;
    DocumentBody {
        id: id.0,
        name: Some(name.clone()),
        user: Some(submitter.user.clone()),
        format: format.media_type().to_owned(),
        bytes: *bytes,
        created_at: time(*created_at),
    }
}

/// Registers a document, to be printed by its number
///
/// The body is the document, or a form with one part named `file`, as for a job. It is kept while a job needs it, and for `history.documents`.
#[utoipa::path(post, path = "/api/v1/documents", tag = "documents",
    params(("title" = Option<String>, Query), ("user" = Option<String>, Query)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "registered, and on disk", body = DocumentBody),
        (status = "4XX", description = "refused; nothing is kept", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn register(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<HttpState>,
) -> Result<HttpResponse, Problem> {
    let who = state.asker(&request)?;
    order::check_content_type(request.headers())?;
    let body = upload::body(&state, payload, state.settings().config.limits.document);
    let query = query(&request)?;
    let id = if order::is_form(request.headers()) {
        in_form(&state, &who, request.headers(), query, body).await?
    } else {
        brought(&state, &who, request.headers(), query, body).await?
    };
    let document = state.core.store().document(id).await?.ok_or(Refusal::NoSuchDocument(id))?;
    let location = format!("/api/v1/documents/{id}");
    let body = shown_in_full(&document);
    Ok(HttpResponse::build(StatusCode::CREATED).insert_header((LOCATION, location)).json(body))
}

/// Name and submitter, as the parameters have them.
fn told(mut query: Query, who: &Who) -> Result<(Option<String>, Submitter), Problem> {
    let (name, label) = (query.take_text("title")?, query.take_text("user")?);
    query.finish()?;
    Ok((name, who.submitter(label)))
}

async fn brought(
    state: &HttpState,
    who: &Who,
    headers: &HeaderMap,
    query: Query,
    mut body: Body,
) -> Result<DocumentId, Problem> {
    let (name, submitter) = told(query, who)?;
    let name = name.unwrap_or_else(|| UNTITLED.to_owned());
    let declared = order::declared_format(headers);
    match upload::start(&mut body).await? {
        Start::Whole(body) => {
            let format = declared.unwrap_or_else(|| Format::detect(&body));
            let handed = Handed::Inline { name, format, crc: crc32c::crc32c(&body), body };
            Ok(state.core.register(submitter, handed).await?)
        }
        Start::More(head) => large(state, head, body, declared, name, submitter).await,
    }
}

/// One document, in a form.
async fn in_form(
    state: &HttpState,
    who: &Who,
    headers: &HeaderMap,
    query: Query,
    body: Body,
) -> Result<DocumentId, Problem> {
    let mut form = form::read(state, headers, query, body, 1, |_| Ok(())).await?;
    let (title, submitter) = told(std::mem::take(&mut form.query), who)?;
    // The form is whole: its document is registered also if the client leaves.
    let core = Arc::clone(&state.core);
    finish(async move {
        let document = form.hand_over().pop().map(|document| named(document, title));
        let document = document.ok_or(Refusal::EmptyBody)?;
        Ok(core.register(submitter, document).await?)
    })
    .await
}

/// A title stands before the file's own name.
fn named(mut document: Handed, title: Option<String>) -> Handed {
    if let Handed::Inline { name, .. } | Handed::File { name, .. } = &mut document {
        if let Some(title) = title {
            *name = title;
        } else if name.is_empty() {
            UNTITLED.clone_into(name);
        }
    }
    document
}

async fn large(
    state: &HttpState,
    head: Bytes,
    mut body: Body,
    declared: Option<Format>,
    name: String,
    submitter: Submitter,
) -> Result<DocumentId, Problem> {
    let permit = upload::permit(state)?;
    let id = state.core.document_id().await?;
    let (head, format) = with_format(head, &mut body, declared).await?;
    let mut upload = Upload::begin(state, permit, id, None);
    upload.take(head, &mut body).await?;
    // The body is whole: it is registered also if the client leaves.
    let core = Arc::clone(&state.core);
    let rest = async move {
        let landed = upload.finish().await?;
        let handed = Handed::File { id, name, format, bytes: landed.bytes, crc: landed.crc };
        Ok(core.register(submitter, handed).await?)
    };
    finish(rest).await
}

/// Lists documents
#[utoipa::path(get, path = "/api/v1/documents", tag = "documents",
    params(("user" = Option<String>, Query), ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "a page, newest first", body = DocumentsBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    let who = state.asker(&request)?;
    let mut query = query(&request)?;
    let user = query.take_text("user")?;
    let limit = query.take_limit(PAGE_ROWS_MAX)?;
    let before = query.take_cursor()?.map(DocumentId);
    query.finish()?;
    if let Some(user) = &user {
        state.allow(&who, What::SeeOwners(who.tie_to_name(user)))?;
    }
    let page = state.core.store().documents(user, before, limit).await?;
    let documents = page.rows.iter().map(|document| shown(document, &who)).collect();
    let next_cursor = page.next.map(|before| cursor(before.0));
    Ok(HttpResponse::Ok().json(DocumentsBody { documents, next_cursor }))
}

/// Shows what is known of a document
#[utoipa::path(get, path = "/api/v1/documents/{id}", tag = "documents", params(("id" = u64, Path)),
    responses((status = 200, description = "the document, without its bytes", body = DocumentBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn show(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let document = document(&state, &request).await?;
    Ok(HttpResponse::Ok().json(shown(&document, &who)))
}

/// Removes a document that no unfinished job needs
#[utoipa::path(delete, path = "/api/v1/documents/{id}", tag = "documents", params(("id" = u64, Path)),
    responses((status = 204, description = "removed"),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn remove(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let who = state.asker(&request)?;
    state.allow(&who, What::SeeDocuments)?;
    let document = document(&state, &request).await?;
    state.allow(&who, What::RemoveDocument(who.tie(&document.submitter)))?;
    log::info!("document={} command=remove by={who}", document.id);
    state.core.remove_document(document.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The document in the path. What is no number names none.
async fn document(state: &HttpState, request: &HttpRequest) -> Result<Document, Problem> {
    let text = segment(request, "id");
    let number = text.parse::<u64>().ok().filter(|_| text.bytes().all(|c| c.is_ascii_digit()));
    let none = || Problem::new(StatusCode::NOT_FOUND, "no_such_document", "no document has such a number");
    let id = DocumentId(number.ok_or_else(none)?);
    Ok(state.core.store().document(id).await?.ok_or(Refusal::NoSuchDocument(id))?)
}

/// Gives a job's document back
///
/// For its owner and for administrators; what they take is written into the log.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/document", tag = "jobs",
    params(("id" = u32, Path), ("n" = Option<u32>, Query, description = "which of its documents; 1 where nothing is said")),
    responses((status = 200, description = "the bytes as they were submitted", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn of_job(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    let mut query = query(&request)?;
    let n = query.take_parsed::<usize>("n", "a whole number from 1 to 100")?.unwrap_or(1);
    query.finish()?;
    let who = state.asker(&request)?;
    // Who may read none is not told which there are.
    if !matches!(who, Who::Local { .. }) {
        state.allow(&who, What::ReadDocument(super::access::Tie::Foreign))?;
    }
    let job = find(&state, job_id(&request)?).await?;
    state.allow(&who, What::ReadDocument(who.tie(&job.submitter)))?;
    let gone = || Problem::from(Refusal::DocumentGone(job.id));
    let reference = n.checked_sub(1).and_then(|n| job.documents.get(n));
    let none = || Problem::new(StatusCode::NOT_FOUND, "no_such_document", "the job has no such document");
    let id = reference.ok_or_else(none)?.id;
    let document = state.core.store().document(id).await?.ok_or_else(gone)?;
    log::info!("job={} document={id} taken by={who}", job.id);
    let bytes = document.bytes;
    let name = format!("attachment; filename=\"job-{}-{n}\"", job.id);
    let mut answer = HttpResponse::Ok();
    answer.content_type(document.format.media_type().to_owned());
    answer
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"));
    let pieces = pieces(state.documents.clone(), &document);
    Ok(answer.body(SizedStream::new(bytes, Box::pin(pieces))))
}
