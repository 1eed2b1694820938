//! What browsers load: the admin page and what belongs to it, from within the executable.
//!
//! Each file of `static/` has a line in [`FILES`]. A browser asks each time whether its copy is still good, by the hash
//! of the contents, and is told in a few bytes that it is: after an upgrade no old script meets a new page.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use super::problem::Problem;
use super::state::segment;

/// What a page may do: load and ask for things here, and nothing else. No code or style stands in the page itself.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
/// No window of another site keeps a hold on one of ours.
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// A file of `static/`.
struct File {
    name: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(File { name: $name, bytes: include_bytes!(concat!("../../../static/", $name)) }),*]
    };
}

/// All that is served, by name. A file that is added to `static/` gets its line here; a test holds them together.
const FILES: &[File] = files![
    "actions.js",
    "add.js",
    "api.js",
    "chip.js",
    "docs.css",
    "dom.js",
    "favicon.svg",
    "header.js",
    "icons.svg",
    "index.html",
    "job.js",
    "jobs.js",
    "live.js",
    "login.js",
    "main.js",
    "menu.js",
    "model.js",
    "notices.js",
    "page.css",
    "printer.js",
    "printers.js",
    "router.js",
    "submit.js",
    "time.js",
    "words.js",
];

/// The entity tags of [`FILES`], in their order.
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| FILES.iter().map(|file| tag(file.bytes)).collect());

/// A strong entity tag (RFC 9110 section 8.8.3).
fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex::encode(&Sha256::digest(bytes)[..16]))
}

/// The media type, by the end of the name.
fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

/// The admin page
///
/// Parameters of the query are the page's own.
#[utoipa::path(get, path = "/", tag = "server",
    responses((status = 200, description = "the page", body = String, content_type = "text/html")))]
pub async fn front(request: HttpRequest) -> Result<HttpResponse, Problem> {
    file("index.html", request.headers())
}

/// A file of the admin page
#[utoipa::path(get, path = "/static/{name}", tag = "server", params(("name" = String, Path)),
    responses((status = 200, description = "the file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "the client's copy is the same")))]
pub async fn named(request: HttpRequest) -> Result<HttpResponse, Problem> {
    file(segment(&request, "name"), request.headers())
}

fn file(name: &str, headers: &HeaderMap) -> Result<HttpResponse, Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, "no_such_file", "the page has no such file");
    let at = FILES.iter().position(|file| file.name == name).ok_or_else(none)?;
    let (file, tag) = (&FILES[at], TAGS[at].as_str());
    let same = is_same(headers, tag);
    let mut answer = if same { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "no-cache"));
    answer
        .insert_header((CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .insert_header((OPENER_POLICY, "same-origin"));
    if same {
        return Ok(answer.finish());
    }
    Ok(answer.content_type(media_type(file.name).unwrap_or("application/octet-stream")).body(file.bytes))
}

/// A page that is made here, under the same policy.
pub fn made(page: &'static str) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .insert_header((OPENER_POLICY, "same-origin"));
    answer.content_type("text/html; charset=utf-8").body(page)
}

/// Whether the client has this already (RFC 9110 section 13.1.2): a list of tags, compared weakly, or `*`.
fn is_same(headers: &HeaderMap, tag: &str) -> bool {
    let fields = headers.get_all(IF_NONE_MATCH).filter_map(|field| field.to_str().ok());
    let mut known = fields.flat_map(|field| field.split(',')).map(str::trim);
    known.any(|shown| shown == "*" || shown.strip_prefix("W/").unwrap_or(shown) == tag)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_is_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
        let entries = std::fs::read_dir(folder).expect("static/ is there");
        let there: BTreeSet<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
            .collect();
        let named: BTreeSet<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(there, named, "static/ and FILES in src/server/http/pages.rs differ");
        for file in FILES {
            assert!(media_type(file.name).is_some(), "media_type does not know the type of {}", file.name);
        }
    }

    #[test]
    fn nothing_in_the_files_needs_what_the_policy_forbids() {
        for file in FILES.iter().filter(|file| file.name.ends_with(".html")) {
            let text = std::str::from_utf8(file.bytes).expect("text");
            for forbidden in ["<style", " style=", "<script>", " onclick=", "javascript:"] {
                assert!(!text.contains(forbidden), "{} has {forbidden:?}", file.name);
            }
        }
    }

    #[test]
    fn copies_are_compared_as_http_has_it() {
        let cases = [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ];
        for (field, same) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(field));
            assert_eq!(is_same(&headers, "\"a\""), same, "{field}");
        }
        assert!(!is_same(&HeaderMap::new(), "\"a\""));
    }
}
