//! Looking at printers before they are added; and who may have a copy of everything.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use std::io::Read;
use std::net::TcpListener;

use http::{Reply, Running};
use serde_json::{Value, json};

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
    assert_eq!((&found["model"], &found["supplies"]), (&Value::Null, &json!([])));
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
fn what_is_no_address_is_said_to_be_none() {
    let server = Running::start();
    for uri in ["", "nonsense", "gopher://x", "socket://", "file:/etc/passwd"] {
        describe(&server, uri).check_problem(400, "bad_uri");
    }
    server.admin("POST /api/v1/printers/describe", b"{}").check_problem(400, "bad_json");
    server.post("/api/v1/printers/describe", b"{}").check_problem(401, "no_credentials");
}

#[test]
fn a_copy_of_everything_is_for_administrators() {
    let server = Running::start();
    server.get("/api/v1/backup").check_problem(401, "no_credentials");
    let copy = server.admin("GET /api/v1/backup", b"");
    assert_eq!((copy.status, copy.body.as_slice()), (200, &b"copy"[..]));
    assert_eq!(copy.header("content-length"), Some("4"));
}
