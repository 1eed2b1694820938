//! Printers: looking at them, and controlling them.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::access::{Share, What, Who};
use super::job_json::{JobBody, Viewer};
use super::printer_json::{PrinterBody, printer};
use super::printer_settings::apply;
use super::problem::{Problem, ProblemBody};
use super::query::{bad_parameter, cursor};
use super::state::{HttpState, no_query, query, segment};
use super::upload;
use crate::actors::front::PrinterCommand;
use crate::device;
use crate::model::explain::Ahead;
use crate::model::id::{PrinterId, QueueName};
use crate::model::intake::Refusal;
use crate::model::printer::{Origin, Printer};
use crate::store::PAGE_ROWS_MAX;

type Request = HttpRequest;
type State = web::Data<HttpState>;
type Answer = Result<HttpResponse, Problem>;

/// A page of printers, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct PrintersBody {
    printers: Vec<PrinterBody>,
    next_cursor: Option<String>,
}

/// Lists printers
///
/// Newest first. Over the network only those that are shared.
#[utoipa::path(get, path = "/api/v1/printers", tag = "printers",
    params(("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "a page", body = PrintersBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(request: Request, state: State) -> Answer {
    let mut query = query(&request)?;
    let limit = query.take_limit(PAGE_ROWS_MAX)?;
    let before = query.take_cursor()?.unwrap_or(u64::MAX);
    query.finish()?;
    let who = state.asker(&request)?;
    let mut all: Vec<Arc<Printer>> = state.core.directory().printers.clone();
    all.retain(|printer| u64::from(printer.id.0) < before && state.allow(&who, seeing(printer)).is_ok());
    all.sort_unstable_by_key(|printer| std::cmp::Reverse(printer.id));
    let more = all.len() > limit;
    all.truncate(limit);
    let next_cursor = all.last().filter(|_| more).map(|last| cursor(last.id.0.into()));
    let printers = all.iter().map(|one| printer(&state, &who, one)).collect();
    Ok(HttpResponse::Ok().json(PrintersBody { printers, next_cursor }))
}

fn seeing(printer: &Printer) -> What {
    What::SeePrinter(if printer.share { Share::Shared } else { Share::Private })
}

/// Shows a printer
#[utoipa::path(get, path = "/api/v1/printers/{name}", tag = "printers", params(("name" = String, Path)),
    responses((status = 200, description = "the printer", body = PrinterBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn show(request: Request, state: State) -> Answer {
    no_query(&request)?;
    let who = state.asker(&request)?;
    state.allow(&who, What::SeePrinters)?;
    let found = find(&state, &request)?;
    // One that is not shared is not there for the network: it must not find out names.
    if state.allow(&who, seeing(&found)).is_err() {
        return Err(Refusal::NoSuchPrinter(found.name.clone()).into());
    }
    state.core.look_at(found.id);
    Ok(HttpResponse::Ok().json(printer(&state, &who, &found)))
}

/// Adds a printer
///
/// `name` and `uri`, and any of the settings of a printer in `spool.toml`.
#[utoipa::path(post, path = "/api/v1/printers", tag = "printers", request_body = Object,
    responses((status = 201, description = "the printer", body = PrinterBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn add(request: Request, payload: web::Payload, state: State) -> Answer {
    no_query(&request)?;
    let mut wanted: Map<String, Value> = upload::json(&state, payload).await?;
    let name = take_name(&mut wanted)?;
    if !wanted.contains_key("uri") {
        let why = "is missing; expected an address such as socket://10.0.0.20:9100";
        return Err(Refusal::BadPrinter { key: "uri".to_owned(), why: why.to_owned() }.into());
    }
    let mut draft = Printer::new(PrinterId(0), name, String::new(), Origin::Api);
    apply(&mut draft, &wanted)?;
    check_uri(&state, &draft)?;
    let who = state.asker(&request)?;
    log::info!("printer={} command=add by={who}", draft.name);
    let added = state.core.add_printer(draft).await?;
    let location = format!("/api/v1/printers/{}", added.name);
    let body = printer(&state, &who, &added);
    Ok(HttpResponse::build(StatusCode::CREATED).insert_header((LOCATION, location)).json(body))
}

fn take_name(wanted: &mut Map<String, Value>) -> Result<QueueName, Problem> {
    let bad = |why: String| Refusal::BadPrinter { key: "name".to_owned(), why };
    let name = wanted.remove("name");
    let name = name.as_ref().and_then(Value::as_str).ok_or_else(|| bad("expected a name".to_owned()))?;
    Ok(QueueName::new(name).map_err(|why| bad(why.to_string()))?)
}

fn check_uri(state: &HttpState, printer: &Printer) -> Result<(), Problem> {
    let bad = |why: device::BadUri| Refusal::BadPrinter { key: "uri".to_owned(), why: why.to_string() };
    device::parse(printer, &state.settings().surroundings).map_err(bad)?;
    Ok(())
}

/// Changes settings of a printer
///
/// Only what is named changes. Printers of the configuration file are changed there.
#[utoipa::path(patch, path = "/api/v1/printers/{name}", tag = "printers", params(("name" = String, Path)),
    request_body = Object,
    responses((status = 200, description = "the printer as it is now", body = PrinterBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn change(request: Request, payload: web::Payload, state: State) -> Answer {
    no_query(&request)?;
    let wanted: Map<String, Value> = upload::json(&state, payload).await?;
    let mut changed = Printer::clone(&*find(&state, &request)?);
    apply(&mut changed, &wanted)?;
    if wanted.contains_key("uri") {
        check_uri(&state, &changed)?;
    }
    let name = changed.name.clone();
    command(&request, &state, name, PrinterCommand::Set(Box::new(changed))).await
}

/// Declares a handler that gives one command to one printer, and its line in the interface's description.
macro_rules! command {
    ($(#[doc = $doc:literal])* $name:ident, $method:ident $path:literal, |$who:ident| $command:expr) => {
        $(#[doc = $doc])*
        #[utoipa::path($method, path = $path, tag = "printers", params(("name" = String, Path)),
            responses((status = 200, description = "the printer as it is now", body = PrinterBody),
                (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
        pub async fn $name(request: Request, state: State) -> Answer {
            no_query(&request)?;
            let $who = state.asker(&request)?;
            let name = find(&state, &request)?.name.clone();
            command(&request, &state, name, $command).await
        }
    };
}

command!(
    /// Pauses a printer: it takes jobs and prints none
    pause, post "/api/v1/printers/{name}/pause", |_who| PrinterCommand::Pause);
command!(
    /// Lets a paused printer print
    resume, post "/api/v1/printers/{name}/resume", |_who| PrinterCommand::Resume);
command!(
    /// Lets a printer take new jobs
    accept, post "/api/v1/printers/{name}/accept", |_who| PrinterCommand::Accept);
command!(
    /// Lets a printer take no new jobs; those that it has are printed
    reject, post "/api/v1/printers/{name}/reject", |_who| PrinterCommand::Reject);
/// Wakes a printer over the network
///
/// A call goes to its hardware address, configured or learned, whether it sleeps or not; that it has woken shows
/// when it is next tried.
#[utoipa::path(post, path = "/api/v1/printers/{name}/wake", tag = "printers", params(("name" = String, Path)),
    responses((status = 200, description = "the printer as it is now", body = PrinterBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn wake(request: Request, state: State) -> Answer {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let name = find(&state, &request)?.name.clone();
    log::info!("printer={name} command=wake by={who}");
    let woken = state.core.wake(name).await?;
    Ok(HttpResponse::Ok().json(printer(&state, &who, &woken)))
}

/// Prints a test page
///
/// It goes through the queue like any job.
#[utoipa::path(post, path = "/api/v1/printers/{name}/test", tag = "printers", params(("name" = String, Path)),
    responses((status = 201, description = "the job of the test page", body = JobBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn test(request: Request, state: State) -> Answer {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let name = find(&state, &request)?.name.clone();
    log::info!("printer={name} command=test by={who}");
    let accepted = state.core.test_page(name, who.submitter(None)).await?;
    let location = format!("/api/v1/jobs/{}", accepted.job.id);
    let body = Viewer::new(&state, &who).job_in_full(&accepted.job, Ahead::Unknown);
    Ok(HttpResponse::build(StatusCode::CREATED).insert_header((LOCATION, location)).json(body))
}

/// Removes a printer
///
/// Only one without jobs.
#[utoipa::path(delete, path = "/api/v1/printers/{name}", tag = "printers", params(("name" = String, Path)),
    responses((status = 204, description = "it is gone"),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn remove(request: Request, state: State) -> Answer {
    no_query(&request)?;
    let name = find(&state, &request)?.name.clone();
    command(&request, &state, name, PrinterCommand::Remove).await
}

async fn command(request: &Request, state: &HttpState, name: QueueName, command: PrinterCommand) -> Answer {
    let who: Who = state.asker(request)?;
    log::info!("printer={name} command={} by={who}", word(&command));
    let path = format!("/api/v1/printers/{name}");
    let now = state.core.printer_command(name, command).await;
    let now = now.map_err(|refusal| Problem::from(refusal).about(path))?;
    Ok(match now {
        Some(now) => HttpResponse::Ok().json(printer(state, &who, &now)),
        None => HttpResponse::NoContent().finish(),
    })
}

/// For the log: a printer's settings have secrets.
fn word(command: &PrinterCommand) -> &'static str {
    match command {
        PrinterCommand::Pause => "pause",
        PrinterCommand::Resume => "resume",
        PrinterCommand::Accept => "accept",
        PrinterCommand::Reject => "reject",
        PrinterCommand::Remove => "remove",
        PrinterCommand::Set(_) => "set",
    }
}

/// The printer in the path.
fn find(state: &HttpState, request: &Request) -> Result<Arc<Printer>, Problem> {
    let text = segment(request, "name");
    let name = QueueName::new(text);
    let name = name.map_err(|why| {
        let problem = bad_parameter("name", text, &why.to_string());
        Problem::new(StatusCode::NOT_FOUND, "no_such_printer", problem.to_string())
    })?;
    let directory = state.core.directory();
    directory.printer(&name).cloned().ok_or_else(|| Refusal::NoSuchPrinter(name).into())
}
