//! Logging in, being logged in, and logging out.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use std::io::{BufRead, BufReader, Write};

use http::{Reply, Running};
use serde_json::{Value, json};
use spool::server::http::state::Bounds;

/// Posts what is shown.
fn log_in(server: &Running, headers: &str, shown: &Value) -> Reply {
    server.ask("POST /api/v1/login", headers, shown.to_string().as_bytes())
}

/// The cookie of an answer, as a browser sends it back.
fn cookie(reply: &Reply) -> String {
    let set = reply.header("set-cookie").expect("a cookie");
    format!("Cookie: {}\r\n", set.split(';').next().expect("a pair"))
}

fn with_token(server: &Running) -> String {
    let reply = log_in(server, "", &json!({ "token": server.token }));
    assert_eq!(reply.status, 200, "{reply:?}");
    cookie(&reply)
}

#[test]
fn a_session_rules_until_it_is_ended() {
    let server = Running::start();
    server.post("/api/v1/jobs?title=secret&user=ann", b"words").check(201);
    let reply = log_in(&server, "", &json!({ "token": server.token }));
    let body = reply.check(200);
    assert_eq!((&body["who"], &body["role"]), (&json!("admin"), &json!("admin")));
    let set = reply.header("set-cookie").expect("a cookie");
    for word in ["spool_session=", "; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age="] {
        assert!(set.contains(word), "{set}");
    }
    let cookie = cookie(&reply);
    assert_eq!(server.ask("GET /api/v1/jobs/1", &cookie, b"").check(200)["title"], "secret");
    server.ask("POST /api/v1/printers/office/pause", &cookie, b"").check(200);
    let session = server.ask("GET /api/v1/session", &cookie, b"").check(200);
    assert_eq!((&session["who"], &session["role"]), (&json!("admin"), &json!("admin")));
    assert!(session["expires_at"].is_string() && session["server"] == "front-desk", "{session}");
    // What it may not: give away more of itself.
    for request in ["POST /api/v1/tokens", "POST /api/v1/login-codes"] {
        server.ask(request, &cookie, b"").check_problem(403, "not_allowed");
    }

    let out = server.ask("POST /api/v1/logout", &cookie, b"");
    assert_eq!((out.status, out.body.len()), (204, 0));
    assert!(out.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0")), "{out:?}");
    assert_eq!(server.ask("GET /api/v1/jobs/1", &cookie, b"").check(200)["title"], Value::Null);
    server.ask("POST /api/v1/printers/office/resume", &cookie, b"").check_problem(401, "no_credentials");
    assert_eq!(server.ask("POST /api/v1/logout", &cookie, b"").status, 204);
}

#[test]
fn everybody_is_told_who_he_is() {
    let server = Running::start();
    let session = server.get("/api/v1/session").check(200);
    assert_eq!((&session["who"], &session["role"]), (&json!("loopback"), &json!("none")));
    assert_eq!(session["expires_at"], Value::Null);
    let local = server.local("GET /api/v1/session", b"").check(200);
    assert!(local["who"].as_str().is_some_and(|who| who.starts_with("uid:")), "{local}");
    assert_eq!(server.admin("GET /api/v1/session", b"").check(200)["who"], "admin");
}

#[test]
fn a_code_opens_the_page_once() {
    let server = Running::start();
    server.post("/api/v1/login-codes", b"").check_problem(401, "no_credentials");
    let given = server.admin("POST /api/v1/login-codes", b"").check(201);
    let code = given["code"].as_str().expect("a code");
    let link = given["links"][0].as_str().expect("a link");
    assert_eq!(link, format!("http://{}/#code={code}", server.address));
    // It is no token, and a token is no code.
    let bearer = format!("Authorization: Bearer {code}\r\n");
    server.ask("GET /api/v1/session", &bearer, b"").check_problem(401, "bad_credentials");
    log_in(&server, "", &json!({ "code": server.token })).check_problem(401, "bad_credentials");

    let reply = log_in(&server, "", &json!({ "code": code }));
    reply.check(200);
    server.ask("POST /api/v1/printers/office/pause", &cookie(&reply), b"").check(200);
    let again = log_in(&server, "", &json!({ "code": code }));
    again.check_problem(401, "bad_credentials");
    assert!(again.header("set-cookie").is_none());
}

#[test]
fn what_is_not_one_of_the_two_is_malformed() {
    let server = Running::start();
    for shown in [json!({}), json!({ "token": "a", "code": "b" }), json!({ "user": "ann" }), json!(3)] {
        log_in(&server, "", &shown).check_problem(400, "bad_json");
    }
    server.post("/api/v1/login", &vec![b' '; 100_000]).check_problem(413, "too_large");
}

#[test]
fn another_sites_page_uses_nobodys_session() {
    let server = Running::start();
    let cookie = with_token(&server);
    for foreign in ["Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n", "Origin: null\r\n"] {
        let headers = format!("{cookie}{foreign}");
        for request in ["POST /api/v1/printers/office/pause", "POST /api/v1/logout", "POST /api/v1/login"] {
            server.ask(request, &headers, b"{}").check_problem(403, "foreign_origin");
        }
    }
    let own = format!("{cookie}Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n");
    server.ask("POST /api/v1/printers/office/pause", &own, b"").check(200);
}

#[test]
fn whoever_is_wrong_too_often_is_not_looked_at_and_the_socket_is() {
    let server = Running::start();
    for _ in 0..10 {
        log_in(&server, "", &json!({ "token": "wrong" })).check_problem(401, "bad_credentials");
    }
    let reply = log_in(&server, "", &json!({ "token": server.token }));
    reply.check_problem(429, "too_many_attempts");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    // A code lets its owner in all the same: nobody can keep him out.
    let given = server.admin("POST /api/v1/login-codes", b"").check(201);
    log_in(&server, "", &json!({ "code": "wrong" })).check_problem(429, "too_many_attempts");
    log_in(&server, "", &json!({ "code": given["code"] })).check(200);
    log_in(&server, "", &json!({ "code": given["code"] })).check_problem(429, "too_many_attempts");
    // The token itself still speaks, and so does the socket.
    server.admin("POST /api/v1/printers/office/pause", b"").check(200);
    let shown = json!({ "token": server.token }).to_string();
    server.local("POST /api/v1/login", shown.as_bytes()).check(200);
}

#[test]
fn a_second_log_in_ends_the_first_of_the_same_browser() {
    let server = Running::start();
    let first = with_token(&server);
    let second = cookie(&log_in(&server, &first, &json!({ "token": server.token })));
    assert_ne!(first, second);
    assert_eq!(server.ask("GET /api/v1/session", &first, b"").check(200)["who"], "loopback");
    assert_eq!(server.ask("GET /api/v1/session", &second, b"").check(200)["who"], "admin");
}

#[test]
fn the_events_of_a_session_end_with_it() {
    let bounds = Bounds { heartbeat: std::time::Duration::from_millis(100), ..Bounds::default() };
    let server = Running::with(http::Setup { bounds, ..http::Setup::default() });
    let cookie = with_token(&server);
    let mut stream = server.connect();
    let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{cookie}\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut lines = BufReader::new(stream).lines();
    let mut until = |word: &str| lines.by_ref().any(|line| line.expect("no reset").contains(word));
    assert!(until(": connected") && until(": alive"));
    assert_eq!(server.ask("POST /api/v1/logout", &cookie, b"").status, 204);
    assert!(!until("no such line"), "the stream ends");
}
