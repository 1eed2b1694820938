//! Looking at printers before they are added; and who may have a copy of everything.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use http::wait::wait_until;
use http::{Reply, Running, Setup, TOO_LONG};
use serde_json::Value::Null;
use serde_json::json;
use spool::server::http::state::Bounds;

fn describe(server: &Running, uri: &str) -> Reply {
    server.admin("POST /api/v1/printers/describe", json!({ "uri": uri }).to_string().as_bytes())
}

#[test]
fn a_printer_that_answers_is_told_from_one_that_does_not() {
    let server = Running::start();
    let printer = TcpListener::bind("127.0.0.1:0").expect("a printer");
    let address = printer.local_addr().expect("its address");
    let uri = format!("socket://{address}");
    let found = describe(&server, &uri).check(200);
    assert_eq!((&found["kind"], &found["reachable"]), (&json!("socket"), &json!(true)));
    assert_eq!((&found["address"], &found["port"]), (&json!("127.0.0.1"), &json!(address.port())));
    assert_eq!((&found["model"], &found["supplies"], &found["description"]), (&Null, &Null, &Null));
    let (mut stream, _) = printer.accept().expect("it was asked");
    let mut sent = Vec::new();
    stream.read_to_end(&mut sent).ok();
    assert!(sent.is_empty(), "nothing is printed");

    drop(printer);
    let found = describe(&server, &uri).check(200);
    assert_eq!(found["reachable"], false);
    assert!(found["message"].as_str().is_some_and(|why| why.contains("refuses")), "{found}");
}

#[test]
fn what_it_says_of_itself_stands_as_in_a_printer_that_was_added() {
    let server = Running::start();
    let found = describe(&server, "sim:?talks=yes").check(200);
    assert_eq!(
        (&found["model"], &found["message"]),
        (&json!("Simulated Printer"), &json!("it answers: Simulated Printer"))
    );
    assert_eq!(found["supplies"][0]["name"], "Black Toner");
    assert_eq!(found["description"]["media_ready"], json!(["iso_a4_210x297mm"]));
    assert_eq!((&found["address"], &found["port"]), (&Null, &Null));
}

#[test]
fn what_is_no_address_is_said_to_be_none() {
    let server = Running::start();
    for uri in ["", "nonsense", "gopher://x", "socket://", "file:/etc/passwd"] {
        describe(&server, uri).check_problem(400, "bad_uri");
    }
    server.admin("POST /api/v1/printers/describe", b"{}").check_problem(400, "bad_json");
    server.post("/api/v1/printers/describe", b"{}").check_problem(401, "no_credentials");
}

/// More than the buffers between two sockets hold.
const LARGE: u64 = 64 << 20;

/// Begins to take a copy, and takes no more of it than the beginning.
fn begin_copy(server: &Running) -> TcpStream {
    let mut stream = server.connect();
    let head = format!(
        "GET /api/v1/backup HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        server.token
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

#[test]
fn a_copy_of_everything_is_for_administrators_and_made_once_at_a_time() {
    let server = Running::with(Setup { copy: LARGE, ..Setup::default() });
    server.get("/api/v1/backup").check_problem(401, "no_credentials");
    let first = begin_copy(&server);
    server.admin("GET /api/v1/backup", b"").check_problem(429, "backup_running");
    drop(first);
}

#[test]
fn whoever_stops_taking_a_copy_does_not_keep_others_from_one() {
    let bounds = Bounds { body_stall: Duration::from_millis(200), ..Bounds::default() };
    let server = Running::with(Setup { bounds, copy: LARGE, ..Setup::default() });
    let _stalled = begin_copy(&server);
    let copy = wait_until("another copy", TOO_LONG, || {
        let copy = server.admin("GET /api/v1/backup", b"");
        (copy.status == 200).then_some(copy)
    });
    assert_eq!((copy.header("content-length"), copy.body.len() as u64), (Some("67108864"), LARGE));
}
