//! The description of the interface, made from the handlers and the shapes themselves, and a page made from that.

use std::fmt::Write as _;
use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use utoipa::OpenApi;

use super::problem::Problem;
use super::state::no_query;
use super::{control, documents, events, health, jobs, printers, submit, tokens, workers};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "spool",
        description = "A print spooler. Errors are application/problem+json with a stable `code`."
    ),
    paths(
        health::front,
        health::alive,
        health::ready,
        docs,
        document,
        submit::submit,
        jobs::list,
        jobs::show,
        jobs::timeline,
        documents::of_job,
        control::cancel,
        control::hold,
        control::release,
        control::restart,
        control::move_to,
        control::priority,
        control::linked,
        control::linked_cancel,
        control::linked_hold,
        control::linked_release,
        documents::register,
        documents::list,
        documents::show,
        documents::remove,
        printers::list,
        printers::add,
        printers::show,
        printers::change,
        printers::remove,
        printers::pause,
        printers::resume,
        printers::accept,
        printers::reject,
        printers::test,
        printers::wake,
        workers::list,
        events::subscribe,
        tokens::give,
    )
)]
struct Interface;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| Interface::openapi().to_json().unwrap_or_default());
static PAGE: LazyLock<String> = LazyLock::new(|| page(&serde_json::from_str(&DOCUMENT).unwrap_or_default()));

/// The interface as OpenAPI
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub async fn document(request: HttpRequest) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(DOCUMENT.as_str()))
}

/// The interface as a page
#[utoipa::path(get, path = "/api/docs", tag = "server",
    responses((status = 200, description = "a page for people", body = String, content_type = "text/html")))]
pub async fn docs(request: HttpRequest) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(PAGE.as_str()))
}

const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

/// Plain HTML: it needs neither scripts nor styles, so the page may forbid both.
fn page(document: &Value) -> String {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>spool: the interface</title></head><body>\n\
         <h1>spool: the interface</h1>\n<p>The same for programs: <a href=\"/api/v1/openapi.json\">openapi.json</a></p>\n",
    );
    let _ = writeln!(page, "<p>{}</p>", text(&document["info"]["description"]));
    for (path, methods) in entries(&document["paths"]) {
        for method in METHODS {
            if let Some(operation) = methods.get(method) {
                request(&mut page, method, path, operation);
            }
        }
    }
    page.push_str("<h2>Shapes</h2>\n");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        shape(&mut page, name, schema);
    }
    page.push_str("</body></html>\n");
    page
}

fn request(page: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = writeln!(page, "<h3><code>{} {}</code></h3>", method.to_uppercase(), escaped(path));
    let _ = writeln!(page, "<p>{}. {}</p>", text(&operation["summary"]), text(&operation["description"]));
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        page.push_str("<ul>\n");
        for parameter in parameters {
            let (name, place, what) = (&parameter["name"], &parameter["in"], &parameter["description"]);
            let _ = writeln!(page, "<li><code>{}</code> ({}) {}</li>", text(name), text(place), text(what));
        }
        page.push_str("</ul>\n");
    }
    page.push_str("<ul>\n");
    for (status, answer) in entries(&operation["responses"]) {
        let _ = writeln!(page, "<li>{}: {}</li>", escaped(status), text(&answer["description"]));
    }
    page.push_str("</ul>\n");
}

fn shape(page: &mut String, name: &str, schema: &Value) {
    let _ = writeln!(page, "<h3>{}</h3>\n<p>{}</p>\n<ul>", escaped(name), text(&schema["description"]));
    for (field, about) in entries(&schema["properties"]) {
        let _ = writeln!(page, "<li><code>{}</code> {}</li>", escaped(field), text(&about["description"]));
    }
    page.push_str("</ul>\n");
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::server::http::routes::ROUTES;

    #[test]
    fn the_description_and_the_table_of_requests_are_one() {
        let document: Value = serde_json::from_str(&DOCUMENT).expect("JSON");
        let mut described = BTreeSet::new();
        for (path, methods) in entries(&document["paths"]) {
            let here = METHODS.iter().filter(|method| methods.get(**method).is_some());
            described.extend(here.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        let served: BTreeSet<String> =
            ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(described, served);
        for line in &served {
            assert!(PAGE.contains(&format!("<code>{line}</code>")), "{line}");
        }
        assert!(!PAGE.contains("<script") && !PAGE.contains("style"));
    }
}
