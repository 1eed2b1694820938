//! What should not be sent, and how it is refused: one clear answer, and nothing half-accepted stays.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::fs;
use std::io::Write;
use std::process::Command;

use serde_json::Value;
use support::client::{Answer, Place, Stream};
use support::home::{Home, Life, QUICK, id_of};

/// A document may have 1 MiB here.
const LIMITS: &str = "[limits]\nfree_disk = \"1MiB\"\ndocument = \"1MiB\"\n";

fn home() -> Home {
    Home::with(LIMITS, &[("paper", "file:STATE/printed")])
}

/// All that a request could leave behind.
fn inventory(home: &Home, life: &Life<'_>) -> (Vec<Value>, Value, Vec<String>, Vec<String>) {
    let documents = life.get("/api/v1/documents").json()["documents"].clone();
    (life.jobs(), documents, home.files("documents"), home.files("printed"))
}

/// It is refused with this status and code, in words that hold `says`, and leaves everything as it was.
#[track_caller]
fn check_refused(
    home: &Home,
    life: &Life<'_>,
    request: impl FnOnce() -> Answer,
    status: u16,
    code: &str,
    says: &str,
) {
    let before = inventory(home, life);
    let answer = request();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let problem = answer.refused(status, code);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(says), "{detail:?} does not say {says:?}");
    assert!(!detail.contains('\n') && detail.len() < 300, "{detail:?} is not one clear line");
    assert_eq!(inventory(home, life), before, "{status} {code} left something behind");
}

/// A request, and the status, the code and the words that it is refused with.
type Wrong = (&'static str, &'static str, &'static [u8], u16, &'static str, &'static str);

#[test]
fn what_is_asked_for_wrongly_is_refused_by_name() {
    let home = home();
    let mut life = home.start();
    let first = id_of(&life.submit("paper", "first", b"first").unwrap());
    life.job_is(first, "completed");
    let cases: [Wrong; 30] = [
        ("POST", "/api/v1/jobs?printer=nowhere", b"x", 404, "no_such_queue", "spool printers"),
        ("POST", "/api/v1/jobs?printer=paper", b"", 400, "empty_body", "send its bytes"),
        ("POST", "/api/v1/jobs?printer=paper&title=%ff", b"x", 400, "invalid_utf8", "UTF-8"),
        ("POST", "/api/v1/jobs?printer=paper&title=a%0ab", b"x", 400, "bad_text", "title"),
        ("POST", "/api/v1/jobs?printer=paper&user=a%00", b"x", 400, "bad_text", "user"),
        ("POST", "/api/v1/jobs?printer=pa%0aper", b"x", 400, "bad_parameter", "printer"),
        ("POST", "/api/v1/jobs?printer=paper&copies=0", b"x", 400, "bad_option", "copies"),
        ("POST", "/api/v1/jobs?printer=paper&copies=-1", b"x", 400, "bad_option", "copies"),
        ("POST", "/api/v1/jobs?printer=paper&copies=99999999999999999999", b"x", 400, "bad_option", "copies"),
        ("POST", "/api/v1/jobs?printer=paper&priority=0", b"x", 400, "bad_parameter", "1 to 100"),
        ("POST", "/api/v1/jobs?printer=paper&priority=101", b"x", 400, "bad_parameter", "1 to 100"),
        ("POST", "/api/v1/jobs?printer=paper&priority=1e9", b"x", 400, "bad_parameter", "1 to 100"),
        ("POST", "/api/v1/jobs?printer=paper&hold=maybe", b"x", 400, "bad_parameter", "true or false"),
        ("POST", "/api/v1/jobs?printer=paper&copeis=2", b"x", 400, "unknown_parameter", "copeis"),
        ("POST", "/api/v1/jobs?printer=paper&printer=paper", b"x", 400, "repeated_parameter", "printer"),
        ("POST", "/api/v1/jobs?printer=paper&option.colour=blue", b"x", 400, "unknown_option", "colour"),
        ("GET", "/api/v1/jobs?limit=0", b"", 400, "bad_parameter", "1 to 1000"),
        ("GET", "/api/v1/jobs?limit=1001", b"", 400, "bad_parameter", "1 to 1000"),
        ("GET", "/api/v1/jobs?limit=99999999999999999999", b"", 400, "bad_parameter", "1 to 1000"),
        ("GET", "/api/v1/jobs?cursor=../../etc/passwd", b"", 400, "bad_cursor", "without it"),
        ("GET", "/api/v1/jobs?status=lost", b"", 400, "bad_parameter", "waiting"),
        ("GET", "/api/v1/jobs/0", b"", 404, "no_such_job", "no job"),
        ("GET", "/api/v1/jobs/2147483648", b"", 404, "no_such_job", "no job"),
        ("GET", "/api/v1/jobs/99999999999999999999", b"", 404, "no_such_job", "no job"),
        ("GET", "/api/v1/jobs/-1", b"", 404, "no_such_job", "no job"),
        ("POST", "/api/v1/jobs/1/hold", b"", 409, "wrong_state", "completed"),
        ("POST", "/api/v1/jobs/1/cancel", b"", 409, "cannot_cancel", "has ended already"),
        ("POST", "/api/v1/printers/paper/test?x=1", b"", 400, "unknown_parameter", "x"),
        ("GET", "/api/v1/nowhere", b"", 404, "no_such_path", "nothing"),
        ("DELETE", "/api/v1/jobs", b"", 405, "method_not_allowed", "GET"),
    ];
    let place = Place::Unix(home.socket());
    for (method, target, body, status, code, says) in cases {
        let target = target.replace("jobs/1/", &format!("jobs/{first}/"));
        println!("{method} {target}");
        let send = || place.send(method, &target, &[], body).unwrap();
        check_refused(&home, &life, send, status, code, says);
    }
}

#[test]
fn a_key_that_is_no_key_or_belongs_to_another_request_is_refused() {
    let home = home();
    let mut life = home.start();
    let job = life.submit("paper", "k", b"one").unwrap();
    assert_eq!(job.status, 201, "{job:?}");
    life.job_is(id_of(&job), "completed");
    let other = || life.submit("paper", "k", b"two").unwrap();
    check_refused(&home, &life, other, 422, "idempotency_key_reused", "use a new key");
    let long = "x".repeat(256);
    for key in [long.as_str(), "a b", "gr\u{fc}n"] {
        let send = || {
            let place = Place::Unix(home.socket());
            place.send("POST", "/api/v1/jobs?printer=paper", &[("idempotency-key", key)], b"x").unwrap()
        };
        check_refused(&home, &life, send, 400, "bad_idempotency_key", "255");
    }
}

/// What curl shows for an upload, and the answer's body.
fn curl(home: &Home, file: &str, extra: &[&str]) -> (String, String) {
    let shown = home.path().join("shown");
    let output = Command::new("curl")
        .args(["-sS", "-o", &shown.display().to_string(), "-w", "%{http_code}", "--data-binary"])
        .arg(format!("@{file}"))
        .args(extra)
        .arg(format!("http://{}/api/v1/jobs?printer=paper", home.http))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).unwrap(), fs::read_to_string(shown).unwrap())
}

#[test]
fn a_document_over_the_limit_is_413_however_it_comes() {
    let home = home();
    let life = home.start();
    let file = home.path().join("large");
    fs::write(&file, vec![b'x'; 8 << 20]).unwrap();
    let before = inventory(&home, &life);
    let chunked = "Transfer-Encoding: chunked";
    for extra in [&["-H", "Expect: 100-continue"][..], &["-H", "Expect:"], &["-H", chunked, "-H", "Expect:"]]
    {
        let (status, body) = curl(&home, &file.display().to_string(), extra);
        assert_eq!(status, "413", "{extra:?}: {body}");
        assert!(body.contains("limits.document") && body.contains("nothing of it is kept"), "{body}");
    }
    // What was written before the limit was met goes when the answer is on its way, or a little later.
    settles(&home, life, &before);
}

/// Waits until everything is as it was.
fn settles(home: &Home, mut life: Life<'_>, before: &(Vec<Value>, Value, Vec<String>, Vec<String>)) {
    life.until("nothing is left", |life| (inventory(home, life) == *before).then_some(()));
    let (status, _) = life.terminate();
    assert_eq!(status.code(), Some(0));
    let life = home.start();
    assert_eq!(inventory(home, &life), *before, "after another start");
}

/// Begins an upload of which a part arrives, and waits until that part is on the disk.
fn half_an_upload(home: &Home, life: &mut Life<'_>) -> Stream {
    let place = Place::Unix(home.socket());
    let head = [("content-length", "1000000"), ("idempotency-key", "half")];
    let mut stream = place.begin("POST", "/api/v1/jobs?printer=paper", &head).unwrap();
    stream.write_all(&vec![b'h'; 500_000]).unwrap();
    life.until("the upload is under way", |_| (!home.files("documents").is_empty()).then_some(()));
    stream
}

#[test]
fn an_upload_that_is_cut_leaves_nothing() {
    let home = home();
    let mut life = home.start();
    let before = inventory(&home, &life);
    let stream = half_an_upload(&home, &mut life);
    let incoming = life.jobs();
    assert_eq!(incoming.len(), 1, "an arriving job is shown: {incoming:?}");
    assert_eq!(incoming[0]["reasons"][0], "job-incoming", "{incoming:?}");
    stream.shut();
    life.until("nothing is left", |life| (inventory(&home, life) == before).then_some(()));
    // Its key was not used up.
    let job = life.submit("paper", "half", b"whole").unwrap();
    assert_eq!(job.status, 201, "{job:?}");
}

#[test]
fn a_stop_during_an_upload_takes_nothing_and_says_so() {
    let home = home();
    let mut life = home.start();
    let before = inventory(&home, &life);
    let mut stream = half_an_upload(&home, &mut life);
    life.signal_term();
    // The rest comes too late: it is refused, or the connection is closed without an answer.
    let _ = stream.write_all(&vec![b'h'; 500_000]);
    if let Ok(answer) = Answer::read(stream) {
        answer.refused(503, "stopping");
    }
    assert_eq!(life.wait().code(), Some(0), "{}", life.log());
    let life = home.start();
    assert_eq!(inventory(&home, &life), before);
}

#[test]
fn other_sites_and_other_names_are_refused() {
    let home = home();
    let life = home.start();
    let place = Place::Tcp(home.http);
    let own = home.http.to_string();
    let origin = format!("http://{own}");
    let cases = [
        (&[("host", "evil.example")][..], 421, "wrong_host", "access.hosts"),
        (&[("host", "127.0.0.1.evil.example")], 421, "wrong_host", "access.hosts"),
        (&[("host", own.as_str()), ("origin", "http://evil.example")], 403, "foreign_origin", "another site"),
        (&[("host", own.as_str()), ("origin", "null")], 403, "foreign_origin", "another site"),
        (&[("host", own.as_str()), ("sec-fetch-site", "cross-site")], 403, "foreign_origin", "another site"),
    ];
    let post = |headers: &[(&str, &str)]| {
        let mut stream = place.connect().unwrap();
        stream.write_all(b"POST /api/v1/jobs?printer=paper HTTP/1.1\r\ncontent-length: 1\r\n").unwrap();
        for (name, value) in headers {
            stream.write_all(format!("{name}: {value}\r\n").as_bytes()).unwrap();
        }
        stream.write_all(b"connection: close\r\n\r\nx").unwrap();
        Answer::read(stream).unwrap()
    };
    for (headers, status, code, says) in cases {
        println!("{headers:?}");
        check_refused(&home, &life, || post(headers), status, code, says);
    }
    let good = post(&[("host", &own), ("origin", &origin), ("sec-fetch-site", "same-origin")]);
    assert_eq!(good.status, 201, "{good:?}");
}

#[test]
fn a_configuration_with_a_mistake_does_not_start() {
    let home = Home::with(&format!("{QUICK}[watch]\nstal = \"60s\"\n"), &[]);
    let output = home.program(&["serve", "--config", "spool.toml"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in ["spool.toml", ":10:", "watch.stal", "watch.stall"] {
        assert!(said.contains(part), "{said:?} does not name {part:?}");
    }
    assert!(!home.state().exists(), "a state was made all the same");
}
