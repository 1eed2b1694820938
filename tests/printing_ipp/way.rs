//! The way of a document: what comes out, and what is told meanwhile.

use serde_json::json;

use super::support::attempt::document;
use super::support::ippeve::{FORMATS, IppEve};
use super::support::server::{FAST, Server, pool, printer};
use super::{completed, handle, in_order, office, with_printer};

const MIB: usize = 1024 * 1024;

#[test]
fn every_byte_of_every_format_comes_out_and_the_job_is_completed_on_the_printers_word() {
    let eve = IppEve::with_formats(&format!("{FORMATS},application/postscript,image/jpeg"));
    let server = office(&eve.uri());
    let text = "one line\n".repeat(10_000).into_bytes();
    let after = |head: &[u8]| [head, &[0xa5; 70_000]].concat();
    let bodies = [
        b"x".to_vec(),
        document(300_000),
        text,
        after(b"%!PS-Adobe-3.0\n"),
        after(b"\xff\xd8\xff\xe0"),
        document(20 * MIB),
    ];
    for (n, body) in bodies.iter().enumerate() {
        let job = server.until(server.submit("printer=office", body), "completed");
        completed(&job);
        assert!(eve.printed(handle(&job)) == *body, "document {n} came out otherwise");
        in_order(&server, job["id"].as_u64().unwrap(), &["attempt", "handle", "completed"]);
    }
    assert_eq!(eve.all_printed().len(), bodies.len());
}

#[test]
fn can_6_the_start_notice_brings_the_handle_and_the_end_notice_completes() {
    let (eve, server) = with_printer();
    eve.hold_up();
    let job = server.submit("printer=office&title=report", &document(MIB));
    let printing = server.until(job, "printing");
    assert_eq!(printing["ipp_state"], "processing");
    let number = handle(&printing).to_owned();
    let [there] = &eve.jobs()[..] else { panic!("one job: {:?}", eve.jobs()) };
    assert_eq!(there.id, number);
    assert!(there.name.starts_with(&format!("spool-{job}-")) && there.name.contains("report"), "{there:?}");
    let office = server.printer("office");
    assert_eq!(office["state"], "processing", "{office:#}");
    assert!(office["in_charge"].is_string(), "{office:#}");
    eve.let_go();
    let done = server.until(job, "completed");
    completed(&done);
    assert_eq!(handle(&done), number, "also afterwards");
    in_order(&server, job, &["attempt", "handle", "transmitted", "printing", "completed"]);
}

#[test]
fn jobs_in_a_row_come_out_in_their_order_each_once() {
    let (eve, server) = with_printer();
    let bodies: Vec<Vec<u8>> = (1..=8).map(|n| document(n * 10_000)).collect();
    let jobs: Vec<u64> = bodies.iter().map(|body| server.submit("printer=office", body)).collect();
    server.until_all_ended();
    let done: Vec<_> = jobs.iter().map(|job| server.job(*job)).collect();
    let numbers: Vec<u32> = done.iter().map(|job| handle(job).parse().unwrap()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    for (job, body) in done.iter().zip(&bodies) {
        completed(job);
        assert!(eve.printed(handle(job)) == *body);
    }
    assert_eq!(eve.all_printed().len(), bodies.len());
}

#[test]
fn tls_with_a_certificate_of_the_printers_own_is_a_way_like_any_other() {
    let eve = IppEve::start();
    let server = office(&eve.uri_tls());
    let body = document(MIB);
    let job = server.until(server.submit("printer=office", &body), "completed");
    completed(&job);
    assert!(eve.printed(handle(&job)) == body);
}

#[test]
fn what_a_printer_is_and_has_is_shown() {
    let (eve, server) = with_printer();
    assert!(server.printer("office")["model"].is_null(), "nobody has reached it yet");
    server.until(server.submit("printer=office", b"page"), "completed");
    let office = server.printer("office");
    assert_eq!(office["model"], "Example Printer", "{office:#}");
    let description = &office["description"];
    assert!(description["formats"].as_array().unwrap().contains(&json!("application/pdf")), "{office:#}");
    let supplies = office["supplies"].as_array().unwrap();
    let black = supplies.iter().find(|supply| supply["name"].as_str().unwrap().contains("Black")).unwrap();
    assert!(black["percent"].is_u64(), "{black:#}");
    assert_eq!((&office["address"], &office["port"]), (&json!("127.0.0.1"), &json!(eve.port())));
}

#[test]
fn ptm_10_jobs_of_a_pool_come_out_of_the_printer_that_is_left() {
    let (mut a, b) = (IppEve::start(), IppEve::start());
    let pool = pool("floor", &["a", "b"], "first-available");
    let (first, second) = (printer("a", &a.uri(), ""), printer("b", &b.uri(), ""));
    let server = Server::start(&format!("{FAST}{first}{second}{pool}"));
    let before = server.until(server.submit("printer=floor", b"0"), "completed");
    assert_eq!(before["assigned_printer"], "a", "{before:#}");
    a.kill();
    let bodies: Vec<Vec<u8>> = (1..=4).map(|n| document(n * 10_000)).collect();
    let jobs: Vec<u64> = bodies.iter().map(|body| server.submit("printer=floor", body)).collect();
    for (job, body) in jobs.iter().zip(&bodies) {
        let done = server.until(*job, "completed");
        assert_eq!((&done["printer"], &done["assigned_printer"]), (&json!("floor"), &json!("b")));
        assert!(b.printed(handle(&done)) == *body);
    }
    assert_eq!((a.all_printed().len(), b.all_printed().len()), (1, bodies.len()));
}
