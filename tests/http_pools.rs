//! Pools over HTTP.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use http::Running;
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<&str> {
    list["pools"].as_array().expect("pools").iter().filter_map(|pool| pool["name"].as_str()).collect()
}

#[test]
fn pools_are_added_changed_and_removed() {
    let server = Running::start();
    let empty = server.get("/api/v1/pools").check(200);
    assert_eq!(empty, json!({ "pools": [], "next_cursor": null }));

    let wanted = br#"{"name": "floor-2", "members": ["lab", "office"]}"#;
    let reply = server.admin("POST /api/v1/pools", wanted);
    assert_eq!(reply.header("location"), Some("/api/v1/pools/floor-2"));
    let expected = json!({
        "id": 1, "name": "floor-2", "members": ["lab", "office"], "policy": "least-completion-time",
        "state": "idle", "message": "of its 2 printers: 2 idle", "accepting": true, "shared": false,
        "queued_jobs": 0, "queued_bytes": 0, "held_jobs": 0, "expected_wait_s": null, "origin": "api",
    });
    assert_eq!(reply.check(201), expected);
    assert_eq!(server.get("/api/v1/pools/floor-2").check(200), expected);

    // A job for it is taken, waits in its queue, and keeps it from being removed.
    let job = server.post("/api/v1/jobs?printer=floor-2", b"words").check(201);
    assert_eq!((&job["printer"], &job["assigned_printer"]), (&json!("floor-2"), &Value::Null));
    let pool = server.get("/api/v1/pools/floor-2").check(200);
    assert_eq!((&pool["queued_jobs"], &pool["queued_bytes"]), (&json!(1), &json!(5)));
    let problem = server.admin("DELETE /api/v1/pools/floor-2", b"").check_problem(409, "has_jobs");
    assert_eq!(problem["instance"], "/api/v1/pools/floor-2");
    let problem = server.admin("DELETE /api/v1/printers/lab", b"").check_problem(409, "in_pools");
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains("floor-2")), "{problem}");

    let set = br#"{"members": ["office"], "policy": "round-robin"}"#;
    let pool = server.admin("PATCH /api/v1/pools/floor-2", set).check(200);
    assert_eq!((&pool["members"], &pool["policy"]), (&json!(["office"]), &json!("round-robin")));
    let pool = server.admin("PATCH /api/v1/pools/floor-2", b"{}").check(200);
    assert_eq!(pool["policy"], "round-robin");
    server.admin("DELETE /api/v1/printers/lab", b"").check(204);

    // The job goes elsewhere, and the pool with it.
    let id = job["id"].as_u64().expect("a number");
    let moved = server.admin(&format!("POST /api/v1/jobs/{id}/move"), br#"{"printer": "office"}"#);
    assert_eq!(moved.check(200)["printer"], "office");
    server.admin("DELETE /api/v1/pools/floor-2", b"").check(204);
    server.get("/api/v1/pools/floor-2").check_problem(404, "no_such_pool");
    server.post("/api/v1/jobs?printer=floor-2", b"words").check_problem(404, "no_such_queue");
    // Its number is not given again.
    let again = server.admin("POST /api/v1/pools", br#"{"name": "floor-2", "members": ["office"]}"#);
    assert_eq!(again.check(201)["id"], 2);
}

#[test]
fn a_bad_pool_is_refused_and_leaves_nothing() {
    let server = Running::start();
    server.admin("POST /api/v1/pools", br#"{"name": "p", "members": ["lab"]}"#).check(201);
    for (body, status, code) in [
        (r#"{"name": "q", "members": ["nobody"]}"#, 422, "unknown_printer"),
        (r#"{"name": "q", "members": ["p"]}"#, 422, "unknown_printer"),
        (r#"{"name": "q", "members": []}"#, 400, "bad_pool"),
        (r#"{"name": "q", "members": ["lab", "lab"]}"#, 400, "bad_pool"),
        (r#"{"name": "q", "members": ["a b"]}"#, 400, "bad_pool"),
        (r#"{"name": "a b", "members": ["lab"]}"#, 400, "bad_pool"),
        (r#"{"name": "q", "members": ["lab"], "policy": "fair"}"#, 400, "bad_pool"),
        (r#"{"name": "q", "members": ["lab"], "colour": 1}"#, 400, "bad_json"),
        (r#"{"name": "q"}"#, 400, "bad_json"),
        (r#"{"name": "office", "members": ["lab"]}"#, 409, "name_taken"),
        (r#"{"name": "p", "members": ["lab"]}"#, 409, "name_taken"),
    ] {
        server.admin("POST /api/v1/pools", body.as_bytes()).check_problem(status, code);
    }
    server.admin("PATCH /api/v1/pools/p", br#"{"name": "q"}"#).check_problem(400, "bad_json");
    server.admin("PATCH /api/v1/pools/p", br#"{"members": []}"#).check_problem(400, "bad_pool");
    server.admin("PATCH /api/v1/pools/nobody", b"{}").check_problem(404, "no_such_pool");
    server.admin("DELETE /api/v1/pools/..%2f", b"").check_problem(404, "no_such_pool");
    server
        .admin("POST /api/v1/printers", br#"{"name": "p", "uri": "sim:"}"#)
        .check_problem(409, "name_taken");
    assert_eq!(names(&server.get("/api/v1/pools").check(200)), ["p"]);
    assert_eq!(server.get("/api/v1/pools/p").check(200)["members"], json!(["lab"]));
}

#[test]
fn a_pool_that_takes_no_jobs_says_so_and_jobs_are_not_moved_there() {
    let server = Running::start();
    server.admin("POST /api/v1/pools", br#"{"name": "p", "members": ["lab"]}"#).check(201);
    let job = server.post("/api/v1/jobs?printer=office&hold=true", b"words").check(201);
    assert_eq!(server.admin("POST /api/v1/pools/p/reject", b"").check(200)["accepting"], false);
    server.post("/api/v1/jobs?printer=p", b"words").check_problem(409, "not_accepting");
    let to_pool = format!("POST /api/v1/jobs/{}/move", job["id"]);
    server.admin(&to_pool, br#"{"printer": "p"}"#).check_problem(409, "not_accepting");
    server.admin(&to_pool, br#"{"printer": "nobody"}"#).check_problem(404, "no_such_queue");
    assert_eq!(server.admin("POST /api/v1/pools/p/accept", b"").check(200)["accepting"], true);
    // A held job stays held where it goes.
    let moved = server.admin(&to_pool, br#"{"printer": "p"}"#).check(200);
    assert_eq!((&moved["printer"], &moved["status"]), (&json!("p"), &json!("held")));
    server.admin(&format!("POST /api/v1/jobs/{}/cancel", job["id"]), b"").check(200);
    server.admin(&to_pool, br#"{"printer": "office"}"#).check_problem(409, "wrong_state");
}

#[test]
fn pools_are_listed_page_by_page_newest_first() {
    let server = Running::start();
    for name in ["a", "b", "c"] {
        let body = json!({ "name": name, "members": ["lab"] }).to_string();
        server.admin("POST /api/v1/pools", body.as_bytes()).check(201);
    }
    let page = server.get("/api/v1/pools?limit=2").check(200);
    assert_eq!(names(&page), ["c", "b"]);
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let rest = server.get(&format!("/api/v1/pools?limit=2&cursor={cursor}")).check(200);
    assert_eq!((names(&rest), &rest["next_cursor"]), (vec!["a"], &Value::Null));
    server.get("/api/v1/pools?limit=0").check_problem(400, "bad_parameter");
}

#[test]
fn only_administrators_change_pools() {
    let server = Running::start();
    server.admin("POST /api/v1/pools", br#"{"name": "p", "members": ["lab"]}"#).check(201);
    for request in [
        "POST /api/v1/pools",
        "PATCH /api/v1/pools/p",
        "DELETE /api/v1/pools/p",
        "POST /api/v1/pools/p/reject",
    ] {
        let refused = server.raw(&http::written(request, "Host: localhost\r\n", b"{}"));
        assert!(matches!(refused.status, 401 | 403), "{request}: {refused:?}");
    }
}
