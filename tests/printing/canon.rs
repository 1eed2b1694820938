//! The rows of the print server document, end to end; a test's name begins with its row.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::control::CANCEL_MAX;
use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{FAST, Server, printer};
use crate::support::sink::Endless;
use crate::support::wait::Stopwatch;

fn office(fake: &FakePrinter) -> Server {
    Server::start(&format!("{FAST}{}", printer("office", &fake.uri(), "")))
}

fn register(server: &Server, query: &str, body: &[u8]) -> Value {
    let target = format!("/api/v1/documents{query}");
    server.socket().send("POST", &target, &[], body).unwrap().expect(201)
}

fn check_fields(thing: &Value, fields: &[&str]) {
    let there: BTreeSet<&str> = thing.as_object().unwrap().keys().map(String::as_str).collect();
    let missing: Vec<_> = fields.iter().filter(|field| !there.contains(**field)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in {thing:#}");
}

#[test]
fn can_1_three_tables() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = office(&fake);
    let document = register(&server, "", b"page");
    let job = server.submit("hold=true", b"other page");
    let tables = |server: &Server| {
        ["documents", "jobs", "printers"].map(|table| server.get(&format!("/api/v1/{table}"))[table].clone())
    };
    let before = tables(&server);
    assert!(before[0].as_array().unwrap().iter().any(|row| row["id"] == document["id"]), "{:#}", before[0]);
    assert!(before[1].as_array().unwrap().iter().any(|row| row["id"] == job), "{:#}", before[1]);
    assert_eq!(before[2][0]["name"], "office");
    server.kill();
    server.restart();
    assert_eq!(tables(&server)[..2], before[..2]);
    assert_eq!(tables(&server)[2][0]["id"], before[2][0]["id"]);
}

#[test]
fn can_2_print_by_document_id() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    let body = Endless::bytes(300_000);
    let document = register(&server, "", &body)["id"].clone();
    let order = json!({ "document_id": document, "printer": "office" });
    let jobs = [1, 2].map(|_| server.post("/api/v1/jobs", Some(order.clone())).expect(201));
    for job in &jobs {
        assert_eq!(job["document_id"], document);
        server.until(job["id"].as_u64().unwrap(), "completed");
    }
    assert!(fake.documents(2) == [body.clone(), body.clone()], "other bytes");
    // Whose it is, is known; somebody else's list does not have it.
    let user = jobs[0]["user"].as_str().unwrap();
    let of = |user: &str| server.get(&format!("/api/v1/documents?user={user}"))["documents"].clone();
    assert_eq!((of(user).as_array().unwrap().len(), of("nobody-else").as_array().unwrap().len()), (1, 0));
    let target = format!("/api/v1/documents/{document}");
    assert!(server.socket().send("GET", &target, &[], b"").unwrap().status == 200);
    let held =
        server.post("/api/v1/jobs", Some(json!({ "document_id": document, "hold": true }))).expect(201);
    server.request("DELETE", &target, None).refused(409, "document_in_use");
    server.control(held["id"].as_u64().unwrap(), "cancel").expect(200);
    assert!(matches!(server.request("DELETE", &target, None).status, 200 | 204));
    server.post("/api/v1/jobs", Some(order)).refused(404, "no_such_document");
}

#[test]
fn can_3_job_table_fields() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    let job = server.until(server.submit("title=report", b"page"), "completed");
    // Job ID, user, document ID, status, device job ID, device ID, cancel flag.
    check_fields(
        &job,
        &["id", "user", "document_id", "status", "device_job_id", "assigned_printer", "cancel_flag"],
    );
    let more = [
        "printer",
        "ipp_state",
        "reasons",
        "message",
        "title",
        "documents",
        "options",
        "priority",
        "attempts",
        "bytes_sent",
        "bytes_total",
        "pages",
        "created_at",
        "updated_at",
        "finished_at",
    ];
    check_fields(&job, &more);
    assert_eq!((&job["assigned_printer"], &job["title"]), (&json!("office"), &json!("report")));
    assert_eq!((&job["cancel_flag"], &job["bytes_total"]), (&json!(false), &json!(4)));
    assert!(has_control_url(&server) && job.get("control_url").is_none(), "only the 201 has the secret link");
}

fn has_control_url(server: &Server) -> bool {
    server.try_submit("hold=true", b"page").expect(201)["control_url"].is_string()
}

#[test]
fn can_4_device_table_fields() {
    let fake = FakePrinter::start(Behaviour::NeverClose);
    let server = office(&fake);
    let office = server.printer("office");
    // Device ID, name, address, port, scheduling mode, print server in charge.
    check_fields(&office, &["id", "name", "address", "port", "scheduling", "in_charge"]);
    let more = [
        "uri",
        "state",
        "reasons",
        "message",
        "accepting",
        "shared",
        "queued_jobs",
        "queued_bytes",
        "expected_wait_s",
        "next_try_at",
        "supplies",
        "model",
    ];
    check_fields(&office, &more);
    assert_eq!((&office["address"], &office["port"]), (&json!("127.0.0.1"), &json!(fake.port())));
    assert_eq!((&office["scheduling"], &office["in_charge"]), (&json!("server"), &Value::Null));
    // In charge while there is a job, and no longer.
    let job = server.submit("", b"page");
    server.until(job, "transmitted");
    let busy = server.printer("office");
    assert!(busy["in_charge"].is_string(), "{busy:#}");
    assert_eq!(busy["state"], "processing");
    fake.hang_up();
    server.until(job, "completed");
    server.wait("nobody is in charge", || server.printer("office")["in_charge"].is_null().then_some(()));
}

#[test]
fn can_8_statuses() {
    let fake = FakePrinter::start(Behaviour::SlowRead(1 << 20));
    let sick = printer("sick", "sim:?fail=document@1", "");
    let server = Server::start(&format!("{FAST}{sick}{}", printer("office", &fake.uri(), "")));
    let check = |job: &Value, status: &str, ipp: &str| {
        assert_eq!((&job["status"], &job["ipp_state"]), (&json!(status), &json!(ipp)));
    };
    let held = server.submit("printer=office&hold=true", b"page");
    check(&server.job(held), "held", "pending-held");
    let job = server.submit("printer=office", &Endless::bytes(8 << 20));
    check(&server.until(job, "transmitting"), "transmitting", "processing");
    let queued = server.submit("printer=office", b"page");
    check(&server.job(queued), "waiting", "pending");
    check(&server.control(queued, "cancel").expect(200), "canceled", "canceled");
    fake.behave(Behaviour::NeverClose);
    fake.reset();
    check(&server.until(job, "transmitted"), "transmitted", "processing");
    fake.hang_up();
    check(&server.until(job, "completed"), "completed", "completed");
    let bad = server.submit("printer=sick", b"page");
    check(&server.until(bad, "failed"), "failed", "aborted");
}

/// The document's table for server scheduling, over sockets.
#[test]
fn can_9_server_mode_socket() {
    let fake = FakePrinter::start(Behaviour::NeverRead);
    let server = office(&fake);
    let document = Endless::bytes(16 << 20);
    // Transmitting: the server in charge ends it.
    let transmitting = server.submit("", &document);
    server.until(transmitting, "transmitting");
    fake.connected(1);
    // Held and Waiting: so it does, at once.
    let (held, waiting) = (server.submit("hold=true", b"page"), server.submit("", b"page"));
    for job in [held, waiting] {
        assert_eq!(server.control(job, "cancel").expect(200)["status"], "canceled");
    }
    fake.behave(Behaviour::NeverClose);
    let watch = Stopwatch::start();
    let asked = server.control(transmitting, "cancel").expect(200);
    assert_eq!(asked["cancel_flag"], true);
    let canceled = server.until(transmitting, "canceled");
    assert!(watch.elapsed() < CANCEL_MAX, "{:?}", watch.elapsed());
    assert!(canceled["finished_at"].is_string());
    // Transmitted, without a handle: refused, and told why.
    let transmitted = server.submit("", b"page");
    server.until(transmitted, "transmitted");
    let problem = server.control(transmitted, "cancel").refused(409, "cannot_cancel");
    assert!(problem["detail"].as_str().unwrap().contains("all of the job is at the printer"), "{problem:#}");
    let insisted = server.control(transmitted, "cancel?even_if_printing=true");
    insisted.refused(409, "cannot_cancel");
    fake.hang_up();
    server.until(transmitted, "completed");
    // Ended: refused.
    for job in [transmitted, transmitting, held] {
        server.control(job, "cancel").refused(409, "cannot_cancel");
    }
}

#[test]
fn can_11_cancel_flag_survives_a_crash() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = office(&fake);
    server.post("/api/v1/printers/office/pause", None).expect(200);
    let (canceled, kept) = (server.submit("", b"canceled"), server.submit("", b"kept"));
    server.control(canceled, "cancel").expect(200);
    server.kill();
    server.restart();
    assert_eq!(server.job(canceled)["status"], "canceled");
    server.post("/api/v1/printers/office/resume", None).expect(200);
    server.until(kept, "completed");
    assert_eq!(fake.documents(1), [b"kept"]);
}
