//! The description of the interface, made from the handlers and the shapes themselves, and a page made from that.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};
use utoipa::OpenApi;

use super::docs_page::page;
use super::problem::Problem;
use super::state::no_query;
use super::{
    backup, between, control, describe, discover, documents, events, health, jobs, login, metrics, nodes,
    pages, pools, printers, submit, tokens, workers,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "spool",
        description = "A print spooler. Errors are application/problem+json with a stable `code`."
    ),
    paths(
        pages::front,
        pages::named,
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
        pools::list,
        pools::add,
        pools::show,
        pools::change,
        pools::accept,
        pools::reject,
        pools::remove,
        discover::list,
        workers::list,
        events::subscribe,
        tokens::give,
        login::login,
        login::logout,
        login::session,
        login::code,
        backup::take,
        metrics::show,
        describe::describe,
        nodes::list,
        nodes::entry,
        between::told,
        between::assign,
        between::reserve,
        between::has_key,
        submit::upload,
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
    Ok(pages::made(PAGE.as_str()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::server::http::docs_page::METHODS;
    use crate::server::http::routes::ROUTES;

    #[test]
    fn the_description_and_the_table_of_requests_are_one() {
        let document: Value = serde_json::from_str(&DOCUMENT).expect("JSON");
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            let here = METHODS.iter().filter(|method| methods.get(**method).is_some());
            described.extend(here.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        let served: BTreeSet<String> =
            ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(described, served);
        for line in &served {
            assert!(PAGE.contains(&format!("<code>{line}</code>")), "{line}");
        }
        assert!(!PAGE.contains("<script") && !PAGE.contains("<style"));
    }
}
