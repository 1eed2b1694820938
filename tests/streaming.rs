//! Large documents that are printed while they still arrive, by the real program.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "support/mod.rs"]
mod support;

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use support::client::{Answer, Stream};
use support::ipp_script::{IppScript, React};
use support::printer::{Behaviour, End, FakePrinter};
use support::server::{FAST, Server, printer};
use support::sink::Endless;
use support::wait::{PATIENCE, wait_until};

const MIB: u64 = 1 << 20;
/// The largest document that is never sent before it is here.
const LARGE: u64 = 64 * MIB;
/// One that is, where its printer has nothing else to do.
const WHOLE: u64 = LARGE + MIB;
/// What a test sends of it at first.
const PART: u64 = 2 * MIB;
/// What a printer has of that at least: pieces that nothing has followed yet are kept back.
const SEEN: usize = 1 << 20;

fn streaming(fake: &FakePrinter) -> Server {
    Server::start(&configuration(fake))
}

fn configuration(fake: &FakePrinter) -> String {
    format!("{FAST}{}", printer("office", &fake.uri(), "stream = \"large\""))
}

/// A request for a job whose document is to have so many bytes.
fn begin(server: &Server, bytes: u64, key: &str) -> Stream {
    let length = bytes.to_string();
    let headers = [
        ("content-length", length.as_str()),
        ("content-type", "application/octet-stream"),
        ("idempotency-key", key),
    ];
    server.tcp().begin("POST", "/api/v1/jobs?printer=office", &headers).unwrap()
}

/// What a job went through; that all was sent is not told of a printer that is done at once.
fn kinds(server: &Server, id: u64) -> Vec<String> {
    server.kinds(id).into_iter().filter(|kind| kind != "transmitted").collect()
}

/// The same, with its beginning sent and at the printer.
fn begun(server: &Server, fake: &FakePrinter, key: &str) -> (Stream, Endless) {
    let (mut stream, mut document) = (begin(server, WHOLE, key), Endless::new());
    pass(&mut document, &mut stream, PART);
    fake.received(SEEN);
    (stream, document)
}

fn pass(document: &mut Endless, to: &mut impl Write, bytes: u64) {
    std::io::copy(&mut std::io::Read::take(document, bytes), to).unwrap();
}

#[track_caller]
fn end(mut stream: Stream, mut document: Endless) -> Value {
    pass(&mut document, &mut stream, WHOLE - PART);
    Answer::read(stream).unwrap().expect(201)
}

/// No test waits longer for a job.
#[track_caller]
fn until(server: &Server, id: u64, status: &str) -> Value {
    wait_until(&format!("job {id} is {status}"), PATIENCE, || {
        let job = server.job(id);
        (job["status"] == status).then_some(job)
    })
}

/// The job that the first large document became.
#[track_caller]
fn interrupted(server: &Server, id: u64) -> Value {
    let job = until(server, id, "canceled");
    assert_eq!(job["reasons"], json!(["job-data-insufficient"]), "{job}");
    assert_eq!(job["documents"], json!([]), "{job}");
    job
}

fn files(server: &Server) -> usize {
    std::fs::read_dir(server.state().join("documents")).unwrap().count()
}

#[track_caller]
fn no_files_left(server: &Server) {
    no_files_left_but(server, 0);
}

/// The printer has got exactly these documents. They are too long to be shown.
#[track_caller]
fn printed(fake: &FakePrinter, documents: &[&[u8]]) {
    let found = fake.documents(documents.len());
    let lengths: Vec<usize> = found.iter().map(Vec::len).collect();
    assert!(found == documents, "{lengths:?}");
}

#[track_caller]
fn prints_the_next(server: &Server, fake: &FakePrinter) {
    let next = server.submit("printer=office", b"the next");
    until(server, next, "completed");
    printed(fake, &[b"the next"]);
}

#[test]
fn the_first_bytes_are_at_the_printer_before_the_last_are_sent() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = streaming(&fake);
    let (stream, document) = begun(&server, &fake, "a");
    let job = server.job(1);
    assert_eq!((&job["status"], &job["attempts"]), (&json!("transmitting"), &json!(1)), "{job}");
    assert_eq!(job["reasons"], json!(["job-incoming", "job-outgoing"]), "{job}");
    assert!(job["message"].as_str().unwrap().contains("accepted when all of it is here"), "{job}");
    for query in ["", "status=active", "status=transmitting"] {
        let listed = server.get(&format!("/api/v1/jobs?{query}"));
        assert_eq!(listed["jobs"].as_array().unwrap().len(), 1, "{query}: {listed}");
    }
    assert_eq!(server.get("/api/v1/jobs?status=held")["jobs"], json!([]));
    server.control(1, "hold").refused(409, "wrong_state");

    let accepted = end(stream, document);
    assert_eq!(accepted["id"], 1);
    let job = until(&server, 1, "completed");
    printed(&fake, &[&Endless::bytes(WHOLE)]);
    assert_eq!((&job["bytes_sent"], &job["bytes_total"]), (&json!(WHOLE), &json!(WHOLE)), "{job}");
    assert_eq!(kinds(&server, 1), ["registered", "attempt", "accepted", "completed"]);
    assert_eq!(files(&server), 1);
    // It is a job like any other: it can be printed once more.
    server.control(1, "restart").expect(200);
    printed(&fake, &[&Endless::bytes(WHOLE), &Endless::bytes(WHOLE)]);
}

#[test]
fn an_upload_that_breaks_off_resets_the_printer_and_ends_its_job() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = streaming(&fake);
    drop(begun(&server, &fake, "a"));
    let job = interrupted(&server, 1);
    assert_eq!(fake.ended(0).end, Some(End::Reset), "no orderly end: it would print what it has");
    let sent = job["bytes_sent"].as_u64().unwrap();
    assert!((SEEN as u64..PART).contains(&sent), "{job}");
    let message = job["message"].as_str().unwrap();
    assert!(message.contains(&format!("its upload broke off; {sent} bytes had been sent")), "{message}");
    assert_eq!(kinds(&server, 1), ["registered", "attempt", "canceled"]);
    server.control(1, "restart").refused(409, "document_gone");
    prints_the_next(&server, &fake);
    no_files_left(&server);
}

/// Small documents have no files.
#[track_caller]
fn no_files_left_but(server: &Server, n: usize) {
    wait_until("only what is accepted is kept", PATIENCE, || (files(server) == n).then_some(()));
}

#[test]
fn a_crash_in_the_middle_ends_the_job_and_a_retry_prints_once() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = streaming(&fake);
    let (stream, _) = begun(&server, &fake, "a");
    server.kill();
    drop(stream);
    server.restart();
    let job = interrupted(&server, 1);
    let message = job["message"].as_str().unwrap();
    assert!(message.contains("the server stopped") && message.contains("perhaps more"), "{message}");
    no_files_left(&server);

    let again = begin(&server, WHOLE, "a");
    let job = end_whole(again);
    assert!(job["id"].as_u64().unwrap() > 1, "{job}");
    until(&server, job["id"].as_u64().unwrap(), "completed");
    printed(&fake, &[&Endless::bytes(WHOLE)]);
}

#[track_caller]
fn end_whole(mut stream: Stream) -> Value {
    Endless::write_to(&mut stream, WHOLE).unwrap();
    Answer::read(stream).unwrap().expect(201)
}

#[test]
fn a_printer_that_breaks_gets_the_whole_document_when_it_is_here() {
    let fake = FakePrinter::start(Behaviour::ResetAfter(SEEN));
    let server = streaming(&fake);
    let (stream, document) = begun(&server, &fake, "a");
    let job = until(&server, 1, "held");
    fake.behave(Behaviour::Normal);
    assert_eq!(job["reasons"], json!(["job-incoming", "job-data-insufficient"]), "{job}");
    for what in ["release", "restart"] {
        server.control(1, what).refused(409, "wrong_state");
    }
    end(stream, document);
    until(&server, 1, "completed");
    printed(&fake, &[&Endless::bytes(WHOLE)]);
    let kinds = kinds(&server, 1);
    assert_eq!(kinds[..4], ["registered", "attempt", "awaits-document", "accepted"]);
    assert_eq!(kinds[4..], ["attempt", "completed"]);
}

#[test]
fn an_upload_that_breaks_off_after_its_printer_ends_its_job_too() {
    let fake = FakePrinter::start(Behaviour::ResetAfter(SEEN));
    let server = streaming(&fake);
    let (stream, _) = begun(&server, &fake, "a");
    until(&server, 1, "held");
    drop(stream);
    interrupted(&server, 1);
    no_files_left(&server);
}

#[test]
fn a_crash_while_a_job_waits_for_its_document_ends_it() {
    let fake = FakePrinter::start(Behaviour::ResetAfter(SEEN));
    let mut server = streaming(&fake);
    let (_stream, _) = begun(&server, &fake, "a");
    until(&server, 1, "held");
    fake.behave(Behaviour::Normal);
    server.kill();
    server.restart();
    interrupted(&server, 1);
    prints_the_next(&server, &fake);
}

#[test]
fn a_job_that_is_canceled_while_it_arrives_stops_at_once_and_its_upload_is_refused() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = streaming(&fake);
    let (mut stream, mut document) = begun(&server, &fake, "a");
    server.control(1, "cancel").expect(200);
    let job = until(&server, 1, "canceled");
    assert_eq!(job["reasons"], json!(["job-canceled-by-user"]), "{job}");
    assert_eq!(fake.ended(0).end, Some(End::Reset));
    // The server may close before it has all.
    let _ = std::io::copy(&mut std::io::Read::take(&mut document, WHOLE - PART), &mut stream);
    if let Ok(answer) = Answer::read(stream) {
        answer.refused(409, "wrong_state");
    }
    no_files_left(&server);
    prints_the_next(&server, &fake);
}

#[test]
fn a_job_that_comes_meanwhile_waits_for_its_turn() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = streaming(&fake);
    let (stream, document) = begun(&server, &fake, "a");
    let second = server.submit("printer=office", b"second");
    assert_eq!(server.job(second)["status"], "waiting");
    end(stream, document);
    until(&server, second, "completed");
    printed(&fake, &[&Endless::bytes(WHOLE), b"second"]);
}

#[test]
fn what_is_not_larger_than_64_mib_is_spooled_first() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = streaming(&fake);
    let mut stream = begin(&server, LARGE, "a");
    Endless::write_to(&mut stream, LARGE).unwrap();
    let job = Answer::read(stream).unwrap().expect(201);
    assert_eq!(job["status"], "waiting");
    until(&server, 1, "completed");
    assert_eq!(kinds(&server, 1), ["accepted", "attempt", "completed"]);
}

/// Without a length it is large when so much has come.
#[test]
fn a_document_of_unknown_length_is_begun_with_when_it_has_become_large() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = streaming(&fake);
    let headers = [("transfer-encoding", "chunked"), ("content-type", "application/octet-stream")];
    let mut stream = server.tcp().begin("POST", "/api/v1/jobs?printer=office", &headers).unwrap();
    let mut document = Endless::new();
    let mut chunk = |stream: &mut Stream, bytes: u64| {
        write!(stream, "{bytes:x}\r\n").unwrap();
        pass(&mut document, stream, bytes);
        stream.write_all(b"\r\n").unwrap();
    };
    chunk(&mut stream, LARGE - MIB);
    assert_eq!(fake.connections(), 0);
    chunk(&mut stream, 2 * MIB);
    fake.received(SEEN);
    stream.write_all(b"0\r\n\r\n").unwrap();
    Answer::read(stream).unwrap().expect(201);
    until(&server, 1, "completed");
    printed(&fake, &[&Endless::bytes(WHOLE)]);
    assert_eq!(kinds(&server, 1)[0], "registered");
}

#[test]
fn a_busy_printer_a_held_job_and_copies_are_spooled_first() {
    let fake = FakePrinter::start(Behaviour::NeverRead);
    let server = streaming(&fake);
    let first = server.submit("printer=office", &vec![1; 1 << 20]);
    until(&server, first, "transmitting");
    let spooled = |query: &str| {
        let length = WHOLE.to_string();
        let headers = [("content-length", length.as_str()), ("content-type", "application/octet-stream")];
        let target = format!("/api/v1/jobs?printer=office&{query}");
        let job = end_whole(server.tcp().begin("POST", &target, &headers).unwrap());
        let id = job["id"].as_u64().unwrap();
        assert_eq!(kinds(&server, id)[0], "accepted", "{query}");
        id
    };
    let second = spooled("");
    assert_eq!(server.job(second)["status"], "waiting");
    fake.behave(Behaviour::Normal);
    fake.hang_up();
    until(&server, second, "completed");
    until(&server, first, "completed");
    spooled("hold=true");
    until(&server, spooled("copies=2"), "completed");
}

/// A pool's job is bound late: by whoever is free when it is here.
#[test]
fn a_job_of_a_pool_is_spooled_first() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let pool = support::server::pool("floor", &["office"], "first-available");
    let server = Server::start(&(configuration(&fake) + &pool));
    let length = WHOLE.to_string();
    let headers = [("content-length", length.as_str()), ("content-type", "application/octet-stream")];
    let job = end_whole(server.tcp().begin("POST", "/api/v1/jobs?printer=floor", &headers).unwrap());
    assert_eq!(server.kinds(job["id"].as_u64().unwrap())[0], "accepted");
}

/// The document that came second under the key was here first: the other one is not printed to its end.
#[test]
fn the_same_request_twice_is_printed_once() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = streaming(&fake);
    let (mut stream, mut document) = begun(&server, &fake, "a");
    let second = end_whole(begin(&server, WHOLE, "a"));
    assert_eq!((&second["id"], &second["status"]), (&json!(2), &json!("waiting")));
    pass(&mut document, &mut stream, WHOLE - PART);
    let first = Answer::read(stream).unwrap().expect(200);
    assert_eq!(first["id"], 2);
    interrupted(&server, 1);
    until(&server, 2, "completed");
    printed(&fake, &[&Endless::bytes(WHOLE)]);
    no_files_left_but(&server, 1);
    // Nothing is begun with that stands under the key already.
    let connections = fake.connections();
    let mut again = begin(&server, WHOLE, "a");
    Endless::write_to(&mut again, WHOLE).unwrap();
    assert_eq!(Answer::read(again).unwrap().expect(200)["id"], 2);
    assert_eq!(fake.connections(), connections);
}

#[test]
fn an_upload_that_stands_still_lets_go_of_its_printer() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = streaming(&fake);
    let (stream, _) = begun(&server, &fake, "a");
    let workers = wait_until("it waits for the rest", PATIENCE, || {
        let workers = server.workers();
        workers.iter().any(|worker| worker["stage"] == "awaiting-data").then_some(workers)
    });
    assert_eq!(server.job(1)["reasons"], json!(["job-incoming", "job-outgoing"]), "{workers:?}");
    Answer::read(stream).unwrap().refused(408, "body_stalled");
    interrupted(&server, 1);
    assert_eq!(fake.ended(0).end, Some(End::Reset));
    prints_the_next(&server, &fake);
}

#[test]
fn a_server_that_stops_ends_what_arrives() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = streaming(&fake);
    let (_stream, _) = begun(&server, &fake, "a");
    server.stop();
    assert_eq!(fake.ended(0).end, Some(End::Reset));
    server.restart();
    interrupted(&server, 1);
    no_files_left(&server);
}

/// Where the process dies, and whether the client's document was accepted by then.
const DEATHS: [(&str, bool); 5] = [
    ("traffic-after-commit", false),
    ("print-growing", false),
    ("body-before-sync", false),
    ("accept-before-commit", false),
    ("accept-before-answer", true),
];

#[test]
fn wherever_the_process_dies_nothing_is_printed_twice_and_nothing_accepted_is_lost() {
    for (point, accepted) in DEATHS {
        let fake = FakePrinter::start(Behaviour::Normal);
        let mut server = streaming(&fake);
        server.kill();
        server.restart_with(&[("FAILPOINTS", &format!("{point}=return(kill)"))]);
        let mut stream = begin(&server, WHOLE, "a");
        let _ = Endless::write_to(&mut stream, WHOLE);
        server.ended(Duration::from_secs(60));
        server.restart();
        let mut again = begin(&server, WHOLE, "a");
        Endless::write_to(&mut again, WHOLE).unwrap();
        let again = Answer::read(again).unwrap().expect(if accepted { 200 } else { 201 });
        let id = again["id"].as_u64().unwrap();
        until(&server, id, "completed");
        if !accepted {
            let canceled = server.get("/api/v1/jobs?status=canceled");
            interrupted(&server, canceled["jobs"][0]["id"].as_u64().unwrap());
        }
        printed(&fake, &[&Endless::bytes(WHOLE)]);
        no_files_left_but(&server, 1);
    }
}

fn streaming_to_ipp(ipp: &IppScript) -> Server {
    Server::start(&format!("{FAST}{}", printer("office", &ipp.uri(), "stream = \"large\"")))
}

fn begun_at_ipp(server: &Server, ipp: &IppScript) -> (Stream, Endless) {
    let (mut stream, mut document) = (begin(server, WHOLE, "a"), Endless::new());
    pass(&mut document, &mut stream, PART);
    ipp.received(SEEN);
    (stream, document)
}

/// The documents that an IPP printer has whole.
fn whole_at(ipp: &IppScript) -> Vec<Vec<u8>> {
    ipp.jobs().into_iter().flat_map(|job| job.documents).collect()
}

#[test]
fn an_ipp_printer_has_the_first_bytes_before_the_last_are_sent() {
    let ipp = IppScript::start(|_| React::Normally);
    let server = streaming_to_ipp(&ipp);
    let (stream, document) = begun_at_ipp(&server, &ipp);
    let job = server.job(1);
    assert_eq!(job["status"], "transmitting", "{job}");
    assert_eq!(end(stream, document)["id"], 1);
    until(&server, 1, "completed");
    assert!(whole_at(&ipp) == [Endless::bytes(WHOLE)], "not the one whole document");
    let kinds: Vec<String> = kinds(&server, 1).into_iter().filter(|kind| kind != "handle").collect();
    assert_eq!(kinds, ["registered", "attempt", "accepted", "completed"]);
}

#[test]
fn an_upload_that_breaks_off_never_becomes_a_document_of_an_ipp_printer() {
    let ipp = IppScript::start(|_| React::Normally);
    let server = streaming_to_ipp(&ipp);
    drop(begun_at_ipp(&server, &ipp));
    interrupted(&server, 1);
    let next = server.submit("printer=office", b"the next");
    until(&server, next, "completed");
    assert_eq!(whole_at(&ipp), [b"the next"]);
    no_files_left(&server);
}

/// All of it has arrived, and the process dies before it is accepted: the last piece has not left.
#[test]
fn an_ipp_printer_gets_the_last_piece_of_nothing_that_is_not_accepted() {
    let ipp = IppScript::start(|_| React::Normally);
    let mut server = streaming_to_ipp(&ipp);
    server.kill();
    server.restart_with(&[("FAILPOINTS", "accept-before-commit=return(kill)")]);
    let mut stream = begin(&server, WHOLE, "a");
    let _ = Endless::write_to(&mut stream, WHOLE);
    server.ended(Duration::from_secs(60));
    ipp.received(SEEN);
    assert!(whole_at(&ipp).is_empty(), "it has a document that nobody has accepted");
    server.restart();
    let canceled = server.get("/api/v1/jobs?status=canceled");
    interrupted(&server, canceled["jobs"][0]["id"].as_u64().unwrap());
    let job = end_whole(begin(&server, WHOLE, "a"));
    until(&server, job["id"].as_u64().unwrap(), "completed");
    assert!(whole_at(&ipp) == [Endless::bytes(WHOLE)], "not the one whole document");
}
