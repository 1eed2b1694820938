//! Documents that come in forms, as browsers and `curl -F` send them.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use http::{LARGEST, Reply, Running, Setup, written};
use serde_json::{Value, json};
use spool::model::document::{BodyPlace, Document, Format};
use spool::model::id::{DocumentId, JobId};
use spool::model::intake::Refusal;
use spool::server::http::state::Bounds;

const TYPE: &str = "Content-Type: multipart/form-data; boundary=b\r\n";

/// A part that is a parameter.
fn text(name: &str, value: &str) -> Vec<u8> {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes()
}

/// A part that is a document.
fn file(name: &str, kind: &str, content: &[u8]) -> Vec<u8> {
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let head =
        format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n{kind}\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [&parts.concat()[..], b"--b--\r\n"].concat()
}

fn send(server: &Running, path: &str, headers: &str, parts: &[Vec<u8>]) -> Reply {
    server.ask(&format!("POST {path}"), &format!("{TYPE}{headers}"), &form(parts))
}

fn documents(server: &Running, job: &Value) -> Vec<Document> {
    let ids = job["documents"].as_array().expect("a list");
    let one = |id: &Value| server.core.document_now(DocumentId(id.as_u64().expect("a number")));
    ids.iter().map(|id| one(id).expect("a document")).collect()
}

#[track_caller]
fn nothing_is_left(server: &Running) {
    assert!(server.core.jobs_now().is_empty());
    server.wait_for_files(0);
}

#[test]
fn several_documents_are_one_job_in_their_order() {
    let server = Running::start();
    let large: Vec<u8> = b"%PDF-1.7\n".iter().copied().chain((0..300_000u32).map(|n| n as u8)).collect();
    let parts = [
        text("user", "ann"),
        file("first.txt", "text/plain", b"words"),
        text("option.sides", "one-sided"),
        file("second.pdf", "", &large),
        file("third", "application/octet-stream", b"%!PS\n"),
        text("copies", "2"),
    ];
    let job = send(&server, "/api/v1/jobs?printer=office&priority=60", "", &parts).check(201);
    assert_eq!((&job["title"], &job["user"]), (&json!("first.txt"), &json!("ann")));
    assert_eq!((&job["priority"], &job["printer"]), (&json!(60), &json!("office")));
    assert_eq!(job["options"], json!({ "copies": "2", "sides": "one-sided" }));
    let documents = documents(&server, &job);
    let found: Vec<_> =
        documents.iter().map(|d| (d.name.as_str(), d.format.clone(), d.bytes, d.place)).collect();
    assert_eq!(
        found,
        [
            ("first.txt", Format::Text, 5, BodyPlace::Inline),
            ("second.pdf", Format::Pdf, large.len() as u64, BodyPlace::File),
            ("third", Format::PostScript, 5, BodyPlace::Inline),
        ]
    );
    assert_eq!(documents[1].crc, crc32c::crc32c(&large));
    let [stored] = &server.wait_for_files(1)[..] else { panic!("one file") };
    assert!(std::fs::read(server.directory.join(stored)).expect("the file") == large);
}

#[test]
fn curl_sends_a_form_that_is_understood() {
    let server = Running::start();
    let path = server.directory.join("a \"b\".txt");
    std::fs::write(&path, b"words").expect("a file");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--include", "--max-time", "30", "--header", "Expect:"]);
    let quoted = format!("file=@\"{}\"", path.display().to_string().replace('"', "\\\""));
    curl.args(["--form", "title=from curl", "--form", &quoted]);
    let output = curl.arg(format!("http://{}/api/v1/jobs", server.address)).output().expect("curl runs");
    let job = Reply::parse(&output.stdout).check(201);
    assert_eq!(job["title"], "from curl");
    assert_eq!(documents(&server, &job)[0].name, "a \"b\".txt");
}

#[test]
fn what_is_kept_in_memory_is_bounded_for_the_form_as_a_whole() {
    let server = Running::start();
    let parts: Vec<Vec<u8>> = (0..5).map(|n| file(&format!("{n}"), "", &[b'x'; 30_000])).collect();
    let job = send(&server, "/api/v1/jobs", "", &parts).check(201);
    let places: Vec<BodyPlace> = documents(&server, &job).iter().map(|document| document.place).collect();
    use BodyPlace::{File, Inline};
    assert_eq!(places, [Inline, Inline, File, File, File]);
    server.wait_for_files(3);
}

#[test]
fn a_document_is_registered_from_a_form() {
    let server = Running::start();
    let document =
        send(&server, "/api/v1/documents", "", &[file("a.txt", "text/plain", b"words")]).check(201);
    assert_eq!((&document["name"], &document["format"]), (&json!("a.txt"), &json!("text/plain")));
    let parts = [file("a.txt", "", &[b'x'; 100_000]), text("title", "better")];
    assert_eq!(send(&server, "/api/v1/documents", "", &parts).check(201)["name"], "better");
    server.wait_for_files(1);
    let parts = [file("a", "", &[b'x'; 100_000]), file("b", "", b"x")];
    send(&server, "/api/v1/documents", "", &parts).check_problem(400, "too_many_documents");
    server.wait_for_files(1);
}

#[test]
fn bad_forms_are_refused_with_their_reason_and_leave_nothing() {
    let server = Running::start();
    let large = || file("large", "", &[b'x'; 100_000]);
    let cases: Vec<(&str, Vec<Vec<u8>>, u16, &str)> = vec![
        ("", vec![], 400, "bad_multipart"),
        ("", vec![text("title", "x")], 400, "bad_multipart"),
        ("", vec![file("", "", b"")], 400, "bad_multipart"),
        ("", vec![file("empty.txt", "", b"")], 400, "empty_body"),
        ("", vec![large(), file("empty.txt", "", b"")], 400, "empty_body"),
        ("", vec![large(), text("titel", "x")], 400, "unknown_parameter"),
        ("", vec![large(), text("priority", "0")], 400, "bad_parameter"),
        ("?title=a", vec![large(), text("title", "b")], 400, "repeated_parameter"),
        ("", vec![large(), text("title", "a\u{1b}b")], 400, "bad_text"),
        ("", vec![large(), text("title", &"x".repeat(5000))], 400, "bad_multipart"),
        ("", vec![large(), text("printer", "nowhere")], 404, "no_such_queue"),
        ("", vec![text("printer", "nowhere"), large()], 404, "no_such_queue"),
        ("", vec![large(), file("a", "nonsense", b"x")], 415, "unsupported_media_type"),
        ("", vec![large(), file("a", "multipart/form-data", b"x")], 415, "unsupported_media_type"),
        ("", vec![large(), file("a\u{1b}", "", b"x")], 400, "bad_multipart"),
        ("", vec![large(), b"--b\r\nX: y\r\n\r\nx\r\n".to_vec()], 400, "bad_multipart"),
        ("", vec![large(), vec![b'x'; 10]], 400, "bad_multipart"),
        ("", (0..=100).map(|n| file(&n.to_string(), "", b"x")).collect(), 400, "too_many_documents"),
    ];
    for (query, parts, status, code) in cases {
        let reply = send(&server, &format!("/api/v1/jobs{query}"), "", &parts);
        reply.check_problem(status, code);
        nothing_is_left(&server);
    }
    let no_boundary = "Content-Type: multipart/form-data\r\n";
    server.ask("POST /api/v1/jobs", no_boundary, b"--b--").check_problem(400, "bad_multipart");
}

#[test]
fn a_form_that_is_cut_short_or_too_large_or_stalls_leaves_nothing() {
    let bounds = Bounds { body_stall: Duration::from_millis(200), ..Bounds::default() };
    let server = Running::with(Setup { bounds, ..Setup::default() });
    let whole = form(&[file("a", "", &[b'x'; 100_000]), file("b", "", &[b'x'; 100_000])]);
    for at in [50, 90_000, 150_000, whole.len() - 6] {
        // The body ends, and the form has not.
        let request = written("POST /api/v1/jobs", &format!("Host: localhost\r\n{TYPE}"), &whole[..at]);
        server.raw(&request).check_problem(400, "bad_multipart");
        nothing_is_left(&server);
        // The connection ends, or nothing more comes.
        let head = format!(
            "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n{TYPE}Content-Length: {}\r\n\r\n",
            whole.len()
        );
        let part = [head.as_bytes(), &whole[..at]].concat();
        server.connect().write_all(&part).expect("sent");
        server.raw(&part).check_problem(408, "body_stalled");
        nothing_is_left(&server);
    }
    let most = form(&[file("a", "", &vec![b'x'; LARGEST / 2]), file("b", "", &vec![b'x'; LARGEST / 2])]);
    server.ask("POST /api/v1/jobs", TYPE, &most).check_problem(413, "too_large");
    nothing_is_left(&server);
}

#[test]
fn file_names_open_nothing() {
    let server = Running::start();
    let parts = [file("../../../etc/passwd", "", b"x"), file("C:\\a\u{202e}b.txt", "", &[b'x'; 100_000])];
    let job = send(&server, "/api/v1/jobs", "", &parts).check(201);
    let names: Vec<String> = documents(&server, &job).into_iter().map(|document| document.name).collect();
    assert_eq!(names, ["passwd", "a b.txt"]);
    assert_eq!(job["title"], "passwd");
    server.wait_for_files(1);
}

#[test]
fn the_same_form_prints_once() {
    let server = Running::start();
    let key = "Idempotency-Key: k\r\n";
    let parts = || vec![file("a", "", &[b'x'; 100_000]), file("b", "", b"words")];
    let first = send(&server, "/api/v1/jobs", key, &parts()).check(201);
    let again = send(&server, "/api/v1/jobs", key, &parts()).check(200);
    assert_eq!(first["id"], again["id"]);
    let moved = [parts(), vec![text("copies", "2")]].concat();
    send(&server, "/api/v1/jobs", key, &moved).check_problem(422, "idempotency_key_reused");
    let mut turned = parts();
    turned.reverse();
    send(&server, "/api/v1/jobs", key, &turned).check_problem(422, "idempotency_key_reused");
    assert_eq!(server.core.jobs_now().len(), 1);
    server.wait_for_files(1);
}

#[test]
fn a_form_that_nobody_wants_is_refused_before_it_is_sent() {
    let server = Running::start();
    server.core.refuse(Some(Refusal::DiskFull { free_bytes_min: 1 }));
    let head = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{TYPE}Content-Length: 500\r\n\r\n"
    );
    server.raw(head.as_bytes()).check_problem(507, "disk_full");
    assert!(server.core.job_now(JobId(1)).is_none());
}
