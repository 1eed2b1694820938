//! The HTTP interface over real sockets: jobs, how they come in and what may be done with them.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use http::{Reply, Running, written};
use serde_json::json;
use spool::model::document::Format;
use spool::model::id::{DocumentId, JobId};
use spool::model::job::JobStatus;
use spool::model::printer::{Activity, PrinterLive};
use spool::model::retry::NotReady;
use spool::model::time::WallTime;
use spool::server::http::routes::ROUTES;

#[test]
fn a_small_document_becomes_a_job() {
    let server = Running::start();
    let reply = server.post("/api/v1/jobs?printer=lab&title=Bericht+f%C3%BCr%20M%C3%A4rz&copies=2&option.sides=one-sided&priority=70&user=ann", b"%PDF-1.7 x");
    let job = reply.check(201);
    assert_eq!(reply.header("location"), Some("/api/v1/jobs/1"));
    assert_eq!(job["title"], "Bericht für März");
    assert_eq!(
        (&job["user"], &job["printer"], &job["status"]),
        (&json!("ann"), &json!("lab"), &json!("waiting"))
    );
    assert_eq!(job["options"], json!({"copies": "2", "sides": "one-sided"}));
    assert_eq!((&job["priority"], &job["bytes_total"]), (&json!(70), &json!(10)));
    assert!(job["created_at"].as_str().is_some_and(|at| at.ends_with('Z')));
    assert!(job["message"].as_str().is_some_and(|message| !message.is_empty()));
    let stored = server.core.job_now(JobId(1)).expect("the job");
    assert_eq!(stored.documents[0].format, Format::Pdf);
    assert!(stored.control_hash.is_some());

    let events = server.get("/api/v1/jobs/1/events").check(200);
    assert_eq!(events["events"][0]["kind"], "accepted");
    assert_eq!(events["events"][0]["source"], "user");
}

#[test]
fn what_curl_says_of_itself_means_look_at_it() {
    let server = Running::start();
    for said in [
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/octet-stream\r\n",
        "",
    ] {
        let job = server.ask("POST /api/v1/jobs", said, b"plain words\n").check(201);
        let id = DocumentId(job["document_id"].as_u64().expect("a document"));
        let document = server.core.document_now(id).expect("the document");
        assert_eq!(document.format, Format::Text, "{said}");
    }
    let job = server.ask("POST /api/v1/jobs", "Content-Type: image/urf\r\n", b"words").check(201);
    let id = DocumentId(job["document_id"].as_u64().expect("a document"));
    assert_eq!(server.core.document_now(id).expect("the document").format, Format::Urf);
}

#[test]
fn bad_requests_are_refused_with_their_reason() {
    let server = Running::start();
    let nul = format!("/api/v1/jobs?title={}", "x".repeat(256));
    for (target, code) in [
        ("/api/v1/jobs?copeis=2", "unknown_parameter"),
        ("/api/v1/jobs?title=%ff", "invalid_utf8"),
        ("/api/v1/jobs?title=%c3%28", "invalid_utf8"),
        ("/api/v1/jobs?title=a%0Ab", "bad_text"),
        ("/api/v1/jobs?title=a%00b", "bad_text"),
        ("/api/v1/jobs?user=%1b%5b2J", "bad_text"),
        ("/api/v1/jobs?copies=99999999999999999999999", "bad_option"),
        ("/api/v1/jobs?copies=0", "bad_option"),
        ("/api/v1/jobs?priority=101", "bad_parameter"),
        ("/api/v1/jobs?printer=a%2fb", "bad_parameter"),
        ("/api/v1/jobs?option.nonsense=1", "unknown_option"),
        ("/api/v1/jobs?hold=maybe", "bad_parameter"),
        ("/api/v1/jobs?title=a&title=b", "repeated_parameter"),
        (nul.as_str(), "bad_text"),
    ] {
        server.post(target, b"words").check_problem(400, code);
    }
    server.post("/api/v1/jobs", b"").check_problem(400, "empty_body");
    for target in [
        "/api/v1/jobs?limit=0",
        "/api/v1/jobs?limit=1001",
        "/api/v1/jobs?status=odd",
        "/api/v1/jobs?limit=-1",
    ] {
        server.get(target).check_problem(400, "bad_parameter");
    }
    server.get("/api/v1/jobs?cursor=xyz").check_problem(400, "bad_cursor");
    for id in ["0", "2147483648", "99999999999999999999", "-1", "+1", "x", "1e3"] {
        server.get(&format!("/api/v1/jobs/{id}")).check_problem(404, "no_such_job");
    }
    let reply = server.ask("PUT /api/v1/jobs", "", b"");
    reply.check_problem(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("POST, GET"));
    assert!(server.core.jobs_now().is_empty());
}

#[test]
fn the_same_request_prints_once() {
    let server = Running::start();
    let ask = |target: &str, key: &str, body: &[u8]| {
        server.ask(&format!("POST {target}"), &format!("Idempotency-Key: {key}\r\n"), body)
    };
    let large = vec![3; 200_000];
    for (key, body) in [("small", &b"words"[..]), ("large", &large[..])] {
        let first = ask("/api/v1/jobs?title=t", key, body).check(201);
        let again = ask("/api/v1/jobs?title=t", key, body).check(200);
        assert_eq!(first["id"], again["id"]);
        assert!(first["control_url"].is_string() && again.get("control_url").is_none());
        ask("/api/v1/jobs?title=u", key, body).check_problem(422, "idempotency_key_reused");
        ask("/api/v1/jobs?title=t", key, &body[1..]).check_problem(422, "idempotency_key_reused");
        ask("/api/v1/jobs?title=t&printer=lab", key, body).check_problem(422, "idempotency_key_reused");
        // Another user's key is another key.
        ask("/api/v1/jobs?title=t&user=bob", key, body).check(201);
    }
    assert_eq!(server.core.jobs_now().len(), 4);
    // The large body of a repeated request goes as it came.
    server.wait_for_files(2);
    // A refused request leaves no key.
    ask("/api/v1/jobs?printer=nowhere", "refused", b"words").check_problem(404, "no_such_queue");
    ask("/api/v1/jobs", "refused", b"words").check(201);
    for bad in ["", &"k".repeat(256), "two words"] {
        ask("/api/v1/jobs", bad, b"words").check_problem(400, "bad_idempotency_key");
    }
}

#[test]
fn a_registered_document_is_printed_by_its_number() {
    let server = Running::start();
    let reply = server.post("/api/v1/documents?title=form", b"%PDF-1.4");
    let document = reply.check(201);
    assert_eq!(
        (&document["name"], &document["format"], &document["bytes"]),
        (&json!("form"), &json!("application/pdf"), &json!(8))
    );
    let large = server.post("/api/v1/documents", &[9; 100_000]).check(201);
    assert_eq!(large["bytes"], 100_000);

    let json = "Content-Type: application/json\r\n";
    let order = json!({"document_id": document["id"], "printer": "lab", "copies": 3, "hold": true, "options": {"number-up": 2}});
    let job = server.ask("POST /api/v1/jobs", json, order.to_string().as_bytes()).check(201);
    assert_eq!(
        (&job["documents"], &job["status"], &job["title"]),
        (&json!([document["id"]]), &json!("held"), &json!("form"))
    );
    assert_eq!(job["options"], json!({"copies": "3", "number-up": "2"}));
    let both = json!({"documents": [document["id"], large["id"]]});
    assert_eq!(
        server.ask("POST /api/v1/jobs", json, both.to_string().as_bytes()).check(201)["documents"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );

    for (order, status, code) in [
        (json!({"document_id": 999}), 404, "no_such_document"),
        (json!({}), 400, "bad_json"),
        (json!({"document_id": 1, "documents": [1]}), 400, "bad_json"),
        (json!({"document_id": -1}), 400, "bad_json"),
        (json!({"document_id": 1, "copies": 1e300}), 400, "bad_json"),
        (json!({"document_id": 1, "copeis": 1}), 400, "bad_json"),
        (json!({"document_id": 1, "priority": 0}), 400, "bad_parameter"),
        (json!({"document_id": 1, "printer": "nowhere"}), 404, "no_such_queue"),
        (json!({"documents": vec![1; 101]}), 400, "too_many_documents"),
    ] {
        server.ask("POST /api/v1/jobs", json, order.to_string().as_bytes()).check_problem(status, code);
    }
    server.ask("POST /api/v1/jobs", json, &[b'['; 60_000]).check_problem(400, "bad_json");
    server.ask("POST /api/v1/jobs", json, &[b' '; 70_000]).check_problem(413, "too_large");

    let list = server.admin("GET /api/v1/documents?limit=1", b"").check(200);
    assert_eq!(list["documents"][0]["id"], large["id"]);
    let next = format!("GET /api/v1/documents?cursor={}", list["next_cursor"].as_str().expect("more"));
    assert_eq!(server.admin(&next, b"").check(200)["documents"][0]["id"], document["id"]);
    let path = format!("DELETE /api/v1/documents/{}", document["id"]);
    server.admin(&path, b"").check_problem(409, "document_in_use");
    server.ask(&path, "", b"").check_problem(401, "no_credentials");
    server.admin("DELETE /api/v1/documents/999", b"").check_problem(404, "no_such_document");
}

#[test]
fn jobs_are_listed_in_pages_by_what_is_asked_for() {
    let server = Running::start();
    for n in 0..5 {
        let printer = if n % 2 == 0 { "office" } else { "lab" };
        server.post(&format!("/api/v1/jobs?printer={printer}&hold={}", n == 4), b"words").check(201);
    }
    let ids = |reply: &Reply| -> Vec<u64> {
        let list = reply.check(200);
        list["jobs"].as_array().expect("a list").iter().filter_map(|job| job["id"].as_u64()).collect()
    };
    let mut seen = Vec::new();
    let mut target = "/api/v1/jobs?limit=2".to_owned();
    loop {
        let reply = server.get(&target);
        seen.extend(ids(&reply));
        let Some(next) = reply.json()["next_cursor"].as_str().map(str::to_owned) else { break };
        target = format!("/api/v1/jobs?limit=2&cursor={next}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    assert_eq!(ids(&server.get("/api/v1/jobs?printer=lab")), [4, 2]);
    assert_eq!(ids(&server.get("/api/v1/jobs?status=held")), [5]);
    assert_eq!(ids(&server.get("/api/v1/jobs?status=active")), [5, 4, 3, 2, 1]);
    assert_eq!(ids(&server.get("/api/v1/jobs?status=final,waiting")), [4, 3, 2, 1]);
    server.get("/api/v1/jobs?printer=nowhere").check_problem(404, "no_such_queue");
    assert!(
        server.get("/api/v1/jobs/3").check(200)["message"]
            .as_str()
            .is_some_and(|said| said == "it waits behind 1 other job")
    );
}

#[test]
fn administrators_control_jobs() {
    let server = Running::start();
    server.post("/api/v1/jobs", b"words").check(201);
    let job =
        |action: &str, body: &str| server.admin(&format!("POST /api/v1/jobs/1/{action}"), body.as_bytes());
    assert_eq!(job("hold", "").check(200)["status"], "held");
    assert_eq!(job("priority", r#"{"priority": 99}"#).check(200)["priority"], 99);
    assert_eq!(job("move", r#"{"printer": "lab"}"#).check(200)["printer"], "lab");
    assert_eq!(job("release", "").check(200)["status"], "waiting");
    assert_eq!(job("cancel?even_if_printing=true", "").check(200)["status"], "canceled");
    job("cancel", "").check_problem(409, "cannot_cancel");
    job("hold", "").check_problem(409, "wrong_state");
    assert_eq!(job("restart", "").check(200)["status"], "waiting");
    job("priority", r#"{"priority": 101}"#).check_problem(400, "bad_parameter");
    job("priority", r#"{"priority": 1, "x": 2}"#).check_problem(400, "bad_json");
    job("priority", "nonsense").check_problem(400, "bad_json");
    job("move", r#"{"printer": "nowhere"}"#).check_problem(404, "no_such_queue");
    job("cancel?force=true", "").check_problem(400, "unknown_parameter");
    server.admin("POST /api/v1/jobs/77/cancel", b"").check_problem(404, "no_such_job");
    assert_eq!(server.core.job_now(JobId(1)).map(|job| job.status), Some(JobStatus::Waiting));
}

#[test]
fn a_job_says_why_it_waits() {
    let server = Running::start();
    server.post("/api/v1/jobs", b"words").check(201);
    let next = Some(WallTime(1_767_225_603_000));
    server.core.set_live(
        1,
        PrinterLive {
            activity: Activity::NotReady(NotReady::Refused),
            next_try_at: next,
            ..PrinterLive::default()
        },
    );
    let job = server.get("/api/v1/jobs/1").check(200);
    assert_eq!(job["message"], "the printer refuses connections; it is tried again at 00:00:03Z");
    assert_eq!(job["reasons"], json!(["printer-stopped"]));
    let printer = server.get("/api/v1/printers/office").check(200);
    assert_eq!(
        (&printer["state"], &printer["next_try_at"]),
        (&json!("stopped"), &json!("2026-01-01T00:00:03.000Z"))
    );
    assert_eq!((&printer["in_charge"], &printer["queued_jobs"]), (&json!("front-desk"), &json!(1)));
    assert_eq!(server.get("/api/v1/printers/lab").check(200)["in_charge"], json!(null));
}

#[test]
fn every_request_in_the_table_is_served() {
    let server = Running::start();
    for route in ROUTES {
        let path = route.path.replace("{id}", "1").replace("{name}", "office").replace("{token}", "ab");
        if path == "/api/v1/events" {
            continue; // Has no end; it has tests of its own.
        }
        let reply = server.raw(&written(
            &format!("{} {path}", route.method),
            &format!("Host: localhost\r\nAuthorization: Bearer {}\r\n", server.token),
            b"",
        ));
        let code =
            serde_json::from_slice::<serde_json::Value>(&reply.body).ok().map(|body| body["code"].clone());
        assert_ne!(code, Some("no_such_path".into()), "{route:?}");
        assert!(reply.status != 404 || code.is_some_and(|code| code.is_string()), "{route:?} {reply:?}");
        assert!(reply.status < 500, "{route:?} {reply:?}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert!(
            reply
                .header("content-security-policy")
                .is_some_and(|policy| policy.contains("default-src 'none'"))
        );
        // The page's own files are looked at again each time; nothing else is kept at all.
        let of_page = ["/", "/static/{name}"].contains(&route.path) && reply.status == 200;
        let kept = if of_page { "no-cache" } else { "no-store" };
        assert_eq!(reply.header("cache-control"), Some(kept), "{route:?}");
    }
}
