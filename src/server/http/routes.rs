//! Every request there is: method, path, what it takes and what its head alone must be allowed. The gate judges
//! heads by this table, so what is not in it is not served.

use actix_web::http::Method;

use super::access::What;
use super::problem::Problem;

/// One line of the table.
#[derive(Debug)]
pub struct Route {
    pub method: &'static str,
    /// Segments in braces stand for anything but a slash.
    pub path: &'static str,
    pub takes: Takes,
    /// What is asked before the body is read. `None`: the handler asks, since it depends on the thing named.
    pub what: Option<What>,
}

/// What kind of body a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// A small object of settings.
    Json,
    /// A document, or JSON that names registered ones; begins a job.
    Job,
    /// The document of a job for which there is room; the token in the path is its right.
    Upload,
    /// A document.
    Document,
    /// What one node says to another.
    Message,
}

const fn route(method: &'static str, path: &'static str, takes: Takes, what: Option<What>) -> Route {
    Route { method, path, takes, what }
}

/// The table.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    route("GET", "/", Takes::Nothing, Some(What::Public)),
    route("GET", "/static/{name}", Takes::Nothing, Some(What::Public)),
    route("GET", "/healthz", Takes::Nothing, Some(What::Public)),
    route("GET", "/readyz", Takes::Nothing, Some(What::Public)),
    route("GET", "/api/docs", Takes::Nothing, Some(What::Public)),
    route("GET", "/api/v1/openapi.json", Takes::Nothing, Some(What::Public)),
    route("POST", "/api/v1/jobs", Takes::Job, None),
    route("POST", "/api/v1/uploads/{token}", Takes::Upload, None),
    route("GET", "/api/v1/jobs", Takes::Nothing, Some(What::ListJobs)),
    route("GET", "/api/v1/jobs/{id}", Takes::Nothing, None),
    route("GET", "/api/v1/jobs/{id}/events", Takes::Nothing, None),
    route("GET", "/api/v1/jobs/{id}/document", Takes::Nothing, None),
    route("POST", "/api/v1/jobs/{id}/cancel", Takes::Nothing, None),
    route("POST", "/api/v1/jobs/{id}/hold", Takes::Nothing, None),
    route("POST", "/api/v1/jobs/{id}/release", Takes::Nothing, None),
    route("POST", "/api/v1/jobs/{id}/restart", Takes::Nothing, Some(What::Control)),
    route("POST", "/api/v1/jobs/{id}/move", Takes::Json, Some(What::Control)),
    route("POST", "/api/v1/jobs/{id}/priority", Takes::Json, Some(What::Control)),
    route("GET", "/api/v1/jobs/{id}/control/{token}", Takes::Nothing, None),
    route("POST", "/api/v1/jobs/{id}/control/{token}/cancel", Takes::Nothing, None),
    route("POST", "/api/v1/jobs/{id}/control/{token}/hold", Takes::Nothing, None),
    route("POST", "/api/v1/jobs/{id}/control/{token}/release", Takes::Nothing, None),
    route("POST", "/api/v1/documents", Takes::Document, Some(What::Register)),
    route("GET", "/api/v1/documents", Takes::Nothing, Some(What::SeeDocuments)),
    route("GET", "/api/v1/documents/{id}", Takes::Nothing, Some(What::SeeDocuments)),
    route("DELETE", "/api/v1/documents/{id}", Takes::Nothing, None),
    route("GET", "/api/v1/printers", Takes::Nothing, Some(What::SeePrinters)),
    route("POST", "/api/v1/printers", Takes::Json, Some(What::Control)),
    route("POST", "/api/v1/printers/describe", Takes::Json, Some(What::Control)),
    route("GET", "/api/v1/printers/{name}", Takes::Nothing, None),
    route("PATCH", "/api/v1/printers/{name}", Takes::Json, Some(What::Control)),
    route("DELETE", "/api/v1/printers/{name}", Takes::Nothing, Some(What::Control)),
    route("POST", "/api/v1/printers/{name}/pause", Takes::Nothing, Some(What::Control)),
    route("POST", "/api/v1/printers/{name}/resume", Takes::Nothing, Some(What::Control)),
    route("POST", "/api/v1/printers/{name}/accept", Takes::Nothing, Some(What::Control)),
    route("POST", "/api/v1/printers/{name}/reject", Takes::Nothing, Some(What::Control)),
    route("POST", "/api/v1/printers/{name}/test", Takes::Nothing, Some(What::Control)),
    route("POST", "/api/v1/printers/{name}/wake", Takes::Nothing, Some(What::Control)),
    route("GET", "/api/v1/pools", Takes::Nothing, Some(What::SeePrinters)),
    route("POST", "/api/v1/pools", Takes::Json, Some(What::Control)),
    route("GET", "/api/v1/pools/{name}", Takes::Nothing, None),
    route("PATCH", "/api/v1/pools/{name}", Takes::Json, Some(What::Control)),
    route("DELETE", "/api/v1/pools/{name}", Takes::Nothing, Some(What::Control)),
    route("POST", "/api/v1/pools/{name}/accept", Takes::Nothing, Some(What::Control)),
    route("POST", "/api/v1/pools/{name}/reject", Takes::Nothing, Some(What::Control)),
    route("GET", "/api/v1/discover", Takes::Nothing, Some(What::Control)),
    route("GET", "/api/v1/workers", Takes::Nothing, Some(What::Watch)),
    route("GET", "/api/v1/events", Takes::Nothing, Some(What::Watch)),
    route("POST", "/api/v1/tokens", Takes::Nothing, Some(What::MakePass)),
    route("POST", "/api/v1/login", Takes::Json, Some(What::Public)),
    route("POST", "/api/v1/logout", Takes::Nothing, Some(What::Public)),
    route("GET", "/api/v1/session", Takes::Nothing, Some(What::Public)),
    route("POST", "/api/v1/login-codes", Takes::Nothing, Some(What::MakePass)),
    route("GET", "/api/v1/backup", Takes::Nothing, Some(What::Control)),
    route("GET", "/api/v1/nodes", Takes::Nothing, Some(What::Watch)),
    route("GET", "/api/v1/entry", Takes::Nothing, Some(What::SeePrinters)),
    route("POST", "/cluster/v1/metrics", Takes::Message, Some(What::Node)),
    route("POST", "/cluster/v1/assignments", Takes::Message, Some(What::Node)),
    route("POST", "/cluster/v1/keys", Takes::Message, Some(What::Node)),
    route("POST", "/cluster/v1/reservations", Takes::Message, Some(What::Node)),
    route("GET", "/metrics", Takes::Nothing, Some(What::Watch)),
];

/// The route of a request; 404 where nothing stands under the path, 405 where it takes other methods.
pub fn find(method: &Method, path: &str) -> Result<&'static Route, Problem> {
    let mut here = ROUTES.iter().filter(|route| fits(route.path, path)).peekable();
    if here.peek().is_none() {
        return Err(Problem::no_such_path());
    }
    let mut methods = Vec::new();
    for route in here {
        if route.method == method.as_str() {
            return Ok(route);
        }
        methods.push(route.method);
    }
    Err(Problem::method_not_allowed(methods.join(", ")))
}

fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let all = pattern.split('/').all(|wanted| match segments.next() {
        Some(segment) if wanted.starts_with('{') => !segment.is_empty(),
        segment => segment == Some(wanted),
    });
    all && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_and_others_are_not() {
        let cases = [
            ("GET", "/api/v1/jobs", 200),
            ("POST", "/api/v1/jobs/12/cancel", 200),
            ("POST", "/api/v1/jobs/12/control/ab/cancel", 200),
            ("GET", "/", 200),
            ("PUT", "/api/v1/jobs", 405),
            ("HEAD", "/healthz", 405),
            ("GET", "/api/v1/jobs/", 404),
            ("GET", "/api/v1/jobs/12/", 404),
            ("GET", "/api/v1/jobs//events", 404),
            ("GET", "/nowhere", 404),
            ("GET", "//", 404),
        ];
        for (method, path, status) in cases {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let found = find(&method, path).map_or_else(|problem| problem.status().as_u16(), |_| 200);
            assert_eq!(found, status, "{method} {path}");
        }
    }
}
