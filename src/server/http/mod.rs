//! The HTTP front door.
//!
//! [`listener`] accepts connections and decides on the head of a request alone whether its body is wanted
//! ([`admission`]); what comes behind it is an ordinary actix-web application ([`configure`]), one file for each group
//! of requests. [`routes`] is the table of them all, [`access`] the table of who may do what, and whatever is refused
//! is refused as a [`problem`]. Beyond this directory the interface knows the core by the trait
//! [`crate::actors::front::Core`] and documents' bytes by [`crate::store::documents::Documents`].

pub mod access;
pub mod admission;
mod arrival;
mod attempts;
mod backup;
mod between;
mod bind;
pub mod body;
pub mod config;
mod control;
mod describe;
mod discover;
mod docs_page;
mod documents;
mod events;
mod exchange;
mod form;
mod forward;
mod gate;
mod health;
pub mod host;
mod job_json;
mod jobs;
pub mod listener;
mod login;
mod metrics;
mod multipart;
mod nodes;
mod openapi;
mod order;
mod pages;
pub mod peer;
mod pieces;
mod pool_json;
mod pools;
mod printer_json;
mod printer_settings;
mod printers;
pub mod problem;
mod query;
pub mod routes;
mod sessions;
pub mod state;
mod submit;
pub mod token;
mod tokens;
pub mod upload;
pub mod users;
mod wire;
mod workers;

use std::sync::Arc;

use actix_web::{App, web};

use self::listener::{ListenError, Listener};
use self::state::HttpState;

/// Puts the handlers of [`routes::ROUTES`] into an application. The listener must run with
/// [`admission::admission`] of the same state: handlers rely on it for what the head alone decides.
pub fn configure(cfg: &mut web::ServiceConfig, state: Arc<HttpState>) {
    cfg.app_data(web::Data::from(state));
    // They are tried in this order, and those with names in them by regular expressions: what is asked most comes first.
    configure_jobs(cfg);
    configure_printers(cfg);
    cfg.route("/", web::get().to(pages::front))
        .route("/static/{name}", web::get().to(pages::named))
        .route("/healthz", web::get().to(health::alive))
        .route("/readyz", web::get().to(health::ready))
        .route("/api/docs", web::get().to(openapi::docs))
        .route("/api/v1/openapi.json", web::get().to(openapi::document))
        .route("/api/v1/pools", web::get().to(pools::list))
        .route("/api/v1/pools", web::post().to(pools::add))
        .route("/api/v1/pools/{name}", web::get().to(pools::show))
        .route("/api/v1/pools/{name}", web::patch().to(pools::change))
        .route("/api/v1/pools/{name}", web::delete().to(pools::remove))
        .route("/api/v1/pools/{name}/accept", web::post().to(pools::accept))
        .route("/api/v1/pools/{name}/reject", web::post().to(pools::reject))
        .route("/api/v1/workers", web::get().to(workers::list))
        .route("/api/v1/events", web::get().to(events::subscribe))
        .route("/api/v1/tokens", web::post().to(tokens::give));
    cfg.route("/api/v1/login", web::post().to(login::login))
        .route("/api/v1/logout", web::post().to(login::logout))
        .route("/api/v1/session", web::get().to(login::session))
        .route("/api/v1/login-codes", web::post().to(login::code))
        .route("/api/v1/backup", web::get().to(backup::take))
        .route("/api/v1/nodes", web::get().to(nodes::list))
        .route("/api/v1/entry", web::get().to(nodes::entry))
        .route("/cluster/v1/metrics", web::post().to(between::told))
        .route("/cluster/v1/assignments", web::post().to(between::assign))
        .route("/cluster/v1/keys", web::post().to(between::has_key))
        .route("/cluster/v1/reservations", web::post().to(between::reserve))
        .route("/metrics", web::get().to(metrics::show));
    cfg.route("/api/v1/documents", web::post().to(documents::register))
        .route("/api/v1/documents", web::get().to(documents::list))
        .route("/api/v1/documents/{id}", web::get().to(documents::show))
        .route("/api/v1/documents/{id}", web::delete().to(documents::remove));
}

fn configure_jobs(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/jobs", web::post().to(submit::submit))
        .route("/api/v1/jobs", web::get().to(jobs::list))
        .route("/api/v1/uploads/{token}", web::post().to(submit::upload))
        .route("/api/v1/jobs/{id}", web::get().to(jobs::show))
        .route("/api/v1/jobs/{id}/events", web::get().to(jobs::timeline))
        .route("/api/v1/jobs/{id}/document", web::get().to(documents::of_job))
        .route("/api/v1/jobs/{id}/cancel", web::post().to(control::cancel))
        .route("/api/v1/jobs/{id}/hold", web::post().to(control::hold))
        .route("/api/v1/jobs/{id}/release", web::post().to(control::release))
        .route("/api/v1/jobs/{id}/restart", web::post().to(control::restart))
        .route("/api/v1/jobs/{id}/move", web::post().to(control::move_to))
        .route("/api/v1/jobs/{id}/priority", web::post().to(control::priority))
        .route("/api/v1/jobs/{id}/control/{token}", web::get().to(control::linked))
        .route("/api/v1/jobs/{id}/control/{token}/cancel", web::post().to(control::linked_cancel))
        .route("/api/v1/jobs/{id}/control/{token}/hold", web::post().to(control::linked_hold))
        .route("/api/v1/jobs/{id}/control/{token}/release", web::post().to(control::linked_release));
}

fn configure_printers(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/v1/printers", web::get().to(printers::list))
        .route("/api/v1/printers", web::post().to(printers::add))
        .route("/api/v1/printers/describe", web::post().to(describe::describe))
        .route("/api/v1/printers/{name}", web::get().to(printers::show))
        .route("/api/v1/printers/{name}", web::patch().to(printers::change))
        .route("/api/v1/printers/{name}", web::delete().to(printers::remove))
        .route("/api/v1/printers/{name}/pause", web::post().to(printers::pause))
        .route("/api/v1/printers/{name}/resume", web::post().to(printers::resume))
        .route("/api/v1/printers/{name}/accept", web::post().to(printers::accept))
        .route("/api/v1/printers/{name}/reject", web::post().to(printers::reject))
        .route("/api/v1/printers/{name}/test", web::post().to(printers::test))
        .route("/api/v1/printers/{name}/wake", web::post().to(printers::wake))
        .route("/api/v1/discover", web::get().to(discover::list));
}

/// Serves the interface on what the listener has bound.
///
/// # Errors
/// Where the threads that serve cannot be started.
pub fn serve(listener: Listener, state: Arc<HttpState>) -> Result<actix_server::Server, ListenError> {
    let admission = admission::HttpAdmission::new(Arc::clone(&state));
    listener.serve(admission, move || {
        let state = Arc::clone(&state);
        App::new().configure(move |cfg| configure(cfg, state))
    })
}
