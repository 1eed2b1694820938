//! Large bodies over HTTP: whole or nothing, within bounds, and not even begun where they are not wanted.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use std::fs;
use std::io::{Read, Write};
use std::time::Duration;

use http::{LARGEST, Running, Setup};
use serde_json::json;
use spool::model::document::{BodyPlace, Format};
use spool::model::id::{DocumentId, JobId};
use spool::model::intake::Refusal;
use spool::server::http::state::Bounds;

#[test]
fn a_large_document_goes_to_a_file_and_is_whole() {
    let server = Running::start();
    let mut body = b"%PDF-1.7\n".to_vec();
    body.extend((0..300_000u32).map(|n| n as u8));
    let job = server.post("/api/v1/jobs", &body).check(201);
    let id = DocumentId(job["document_id"].as_u64().expect("a document"));
    assert_eq!(server.wait_for_files(1), [id.to_string()]);
    assert!(fs::read(server.directory.join(id.to_string())).expect("the file") == body);
    let document = server.core.document_now(id).expect("the document");
    assert_eq!((document.bytes, document.crc), (body.len() as u64, crc32c::crc32c(&body)));
    assert_eq!((document.format, document.place), (Format::Pdf, BodyPlace::File));
    assert!(server.core.withdrawn().is_empty());

    let taken = server.admin("GET /api/v1/jobs/1/document", b"");
    assert_eq!((taken.status, taken.body == body), (200, true));
    assert_eq!(taken.header("content-type"), Some("application/pdf"));
    assert!(taken.header("content-disposition").is_some_and(|how| how.starts_with("attachment")));
}

#[test]
fn an_arriving_job_is_seen_and_one_cut_short_leaves_nothing() {
    let server = Running::start();
    let live = server.core.listen();
    let mut stream = server.connect();
    stream.write_all(b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\nExpect: 100-continue\r\n\r\n").expect("sent");
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).expect("100 Continue");
    assert!(interim.starts_with(b"HTTP/1.1 100"));
    stream.write_all(&[7; 400_000]).expect("sent");

    live.recv_timeout(http::TOO_LONG).expect("the announcement");
    let list = server.get("/api/v1/jobs").check(200);
    assert_eq!(list["jobs"][0]["reasons"], json!(["job-incoming", "job-data-insufficient"]));
    server.get("/api/v1/jobs/1").check(200);
    server.admin("POST /api/v1/jobs/1/cancel", b"").check_problem(409, "wrong_state");

    server.wait_for_files(1);
    drop(stream);
    live.recv_timeout(http::TOO_LONG).expect("the withdrawal");
    assert_eq!(server.core.withdrawn(), [JobId(1)]);
    assert_eq!(server.get("/api/v1/jobs").check(200)["jobs"], json!([]));
    server.get("/api/v1/jobs/1").check_problem(404, "no_such_job");
    assert!(server.core.jobs_now().is_empty());
    server.wait_for_files(0);
}

#[test]
fn a_body_that_stalls_is_given_up_and_one_too_large_is_not_kept() {
    let bounds = Bounds { body_stall: Duration::from_millis(200), ..Bounds::default() };
    let server = Running::with(Setup { bounds, ..Setup::default() });
    for sent in [&[0u8; 10][..], &[0; 400_000]] {
        let mut request =
            b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n".to_vec();
        request.extend_from_slice(sent);
        server.raw(&request).check_problem(408, "body_stalled");
    }
    let mut chunked = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".to_vec();
    for _ in 0..=LARGEST / 100_000 {
        chunked.extend_from_slice(b"186a0\r\n");
        chunked.extend_from_slice(&[1; 100_000]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    server.raw(&chunked).check_problem(413, "too_large");
    assert_eq!(server.core.withdrawn().len(), 3);
    assert!(server.core.jobs_now().is_empty());
    server.wait_for_files(0);
}

#[test]
fn a_document_that_cannot_be_written_is_refused() {
    let server = Running::start();
    fs::remove_dir(&server.directory).expect("it is empty");
    for target in ["/api/v1/jobs", "/api/v1/documents"] {
        server.post(target, &[1; 500_000]).check_problem(503, "store_unavailable");
    }
    assert_eq!(server.core.withdrawn().len(), 1);
    assert!(server.core.jobs_now().is_empty());
}

#[test]
fn what_is_not_wanted_is_refused_before_its_body() {
    let server = Running::start();
    let ask = |target: &str, headers: &str| {
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{headers}\r\n");
        server.raw(head.as_bytes())
    };
    let large = format!("Content-Length: {}\r\n", LARGEST + 1);
    ask("/api/v1/jobs", &large).check_problem(413, "too_large");
    ask("/api/v1/printers", "Content-Length: 5\r\n").check_problem(401, "no_credentials");
    ask("/api/v1/nothing", "Content-Length: 5\r\n").check_problem(404, "no_such_path");
    ask("/api/v1/jobs?printer=nowhere", "Content-Length: 5\r\n").check_problem(404, "no_such_queue");
    ask("/api/v1/jobs", "Content-Encoding: gzip\r\nContent-Length: 5\r\n").check_problem(415, "encoded_body");
    ask("/api/v1/jobs", "Content-Type: multipart/form-data\r\nContent-Length: 5\r\n")
        .check_problem(400, "bad_multipart");
    let wait = Duration::from_secs(7);
    for (refusal, status, code) in [
        (Refusal::QueueFull { jobs_max: 1, retry_after: wait }, 429, "queue_full"),
        (Refusal::Stopping, 503, "stopping"),
        (Refusal::DiskFull { free_bytes_min: 1 }, 507, "disk_full"),
    ] {
        server.core.refuse(Some(refusal));
        let reply = ask("/api/v1/jobs", "Content-Length: 5\r\n");
        reply.check_problem(status, code);
        assert_eq!(reply.header("retry-after").is_some(), status != 507, "{reply:?}");
        server.get("/readyz").check_problem(status, code);
        server.get("/healthz").check(200);
    }
}

#[test]
fn so_many_large_bodies_arrive_at_once_and_no_more() {
    let bounds = Bounds { uploads_max: 1, ..Bounds::default() };
    let server = Running::with(Setup { bounds, ..Setup::default() });
    let live = server.core.listen();
    let mut first = server.connect();
    first
        .write_all(b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n")
        .expect("sent");
    live.recv_timeout(http::TOO_LONG).expect("the announcement");
    let refused = server.post("/api/v1/jobs", &[1; 100_000]);
    refused.check_problem(429, "busy");
    assert!(refused.header("retry-after").is_some());
    server.post("/api/v1/jobs", b"small ones go on").check(201);
    first.write_all(&[2; 100_000]).expect("sent");
    let mut answer = Vec::new();
    first.read_to_end(&mut answer).expect("an answer");
    http::Reply::parse(&answer).check(201);
    server.post("/api/v1/jobs", &[1; 100_000]).check(201);
}
