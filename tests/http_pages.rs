//! What browsers load.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use http::Running;

#[test]
fn pages_come_with_everything_that_protects_them() {
    let server = Running::start();
    for path in ["/", "/?status=held", "/api/docs", "/static/docs.css"] {
        let reply = server.get(path);
        assert_eq!(reply.status, 200, "{path}");
        let policy = reply.header("content-security-policy").expect("a policy");
        for word in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(word), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        for (field, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(field), Some(value), "{path}");
        }
    }
    let page = server.get("/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(server.get("/static/docs.css").header("content-type"), Some("text/css; charset=utf-8"));
}

#[test]
fn a_browser_that_has_a_file_is_told_that_it_is_still_good() {
    let server = Running::start();
    let first = server.get("/static/docs.css");
    let tag = first.header("etag").expect("a tag").to_owned();
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    let again = server.ask("GET /static/docs.css", &format!("If-None-Match: {tag}\r\n"), b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!((again.header("etag"), again.header("cache-control")), (Some(tag.as_str()), Some("no-cache")));
    let other = server.ask("GET /", &format!("If-None-Match: {tag}\r\n"), b"");
    assert_eq!(other.status, 200, "the tag of one file says nothing of another");
}

#[test]
fn there_is_nothing_beside_the_files() {
    let server = Running::start();
    for path in ["/static/none.js", "/static/..%2fCargo.toml", "/static/%2e%2e", "/static/DOCS.css"] {
        server.get(path).check_problem(404, "no_such_file");
    }
    assert_eq!(server.post("/static/docs.css", b"").status, 405);
}
