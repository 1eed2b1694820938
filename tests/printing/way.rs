//! The way of a job from its submission to the printer.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{Server, printer, sum};
use crate::support::sink::{Endless, Sink};
use crate::support::wait::Stopwatch;

#[test]
fn with_no_configuration_at_all_jobs_become_files() {
    let server = Server::start("");
    let document = Endless::bytes(100_000);
    let file = server.home().join("report.prn");
    fs::write(&file, &document).unwrap();

    let url = format!("http://{}/api/v1/jobs", server.address());
    let body = format!("@{}", file.display());
    let curl = Command::new("curl").args(["-sS", "--fail", "--data-binary", &body, &url]).output().unwrap();
    assert!(curl.status.success(), "{}", String::from_utf8_lossy(&curl.stderr));
    let job: serde_json::Value = serde_json::from_slice(&curl.stdout).unwrap();
    assert_eq!(job["printer"], "files");
    server.until(job["id"].as_u64().unwrap(), "completed");

    let said = server.cli(&["print", "report.prn", "--wait"]);
    assert!(said.contains("completed"), "{said}");

    let printed = server.printed();
    assert_eq!(printed.len(), 2, "{:?}", printed.iter().map(|(name, _)| name).collect::<Vec<_>>());
    assert!(printed.iter().all(|(_, bytes)| *bytes == document), "other bytes");
    assert!(printed[1].0.contains("report"), "{}", printed[1].0);
}

#[test]
fn a_jetdirect_printer_gets_every_byte_of_every_size_once() {
    let sink = Sink::start();
    let server = Server::start(&printer("office", &sink.uri(), ""));
    for bytes in [1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 10 << 20] {
        let document = Endless::bytes(bytes);
        let job = server.submit("printer=office", &document);
        assert_eq!(sink.next(), sum(&document[..]), "{bytes} bytes");
        let job = server.until(job, "completed");
        assert_eq!((&job["bytes_sent"], &job["bytes_total"]), (&json!(bytes), &json!(bytes)));
    }
    assert!(sink.is_empty(), "something was printed twice");
}

/// A printer that is there gets its first byte at once: nothing waits for a tick.
#[test]
fn an_idle_printer_gets_a_job_at_once() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = Server::start(&printer("office", &fake.uri(), ""));
    server.until(server.submit("", b"warm"), "completed");
    let mut times: Vec<Duration> = Vec::new();
    for n in 1..=20 {
        let watch = Stopwatch::start();
        server.submit("", format!("page {n}").as_bytes());
        fake.documents(n + 1);
        times.push(watch.elapsed());
    }
    times.sort();
    println!("submission to last byte at the printer: median {:?}, worst {:?}", times[10], times[19]);
    assert!(times[10] < Duration::from_millis(100), "{times:?}");
}

#[test]
fn copies_follow_one_another_in_one_session() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = Server::start(&printer("office", &fake.uri(), ""));
    let job = server.submit("copies=3", b"page\x0c");
    server.until(job, "completed");
    assert_eq!(fake.documents(1), [b"page\x0cpage\x0cpage\x0c"]);
}

#[test]
fn a_printers_defaults_are_added_when_a_job_is_sent_and_the_job_keeps_what_was_asked() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = Server::start(&printer("office", &fake.uri(), "options = { copies = 2 }"));
    let (silent, asked) = (server.submit("", b"page\x0c"), server.submit("copies=1", b"once\x0c"));
    assert_eq!(server.until(silent, "completed")["options"], json!({}));
    assert_eq!(server.until(asked, "completed")["options"], json!({ "copies": "1" }));
    assert_eq!(fake.documents(2), [b"page\x0cpage\x0c".as_slice(), b"once\x0c"]);
}

#[test]
fn several_documents_of_one_job_come_in_their_order() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = Server::start(&printer("office", &fake.uri(), ""));
    let large = Endless::bytes(200_000);
    let register = |body: &[u8]| {
        let answer = server.socket().send("POST", "/api/v1/documents", &[], body).unwrap();
        answer.expect(201)["id"].as_u64().unwrap()
    };
    let documents = [register(b"first "), register(&large), register(b" third")];
    let order = json!({ "printer": "office", "documents": documents });
    let job = server.post("/api/v1/jobs", Some(order)).expect(201);
    assert_eq!(job["documents"], json!(documents));
    server.until(job["id"].as_u64().unwrap(), "completed");
    assert_eq!(fake.documents(1), [[b"first ".as_slice(), &large, b" third"].concat()]);
}

#[test]
fn urgent_jobs_go_first_and_held_ones_wait() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = Server::start(&printer("office", &fake.uri(), ""));
    server.post("/api/v1/printers/office/pause", None).expect(200);
    let early = server.submit("title=early", b"early");
    let held = server.submit("title=held&hold=true&priority=100", b"held");
    let late = server.submit("title=late", b"late");
    let urgent = server.submit("title=urgent&priority=90", b"urgent");
    let unhurried = server.submit("priority=10", b"unhurried");
    server.post("/api/v1/printers/office/resume", None).expect(200);
    for job in [early, late, urgent, unhurried] {
        server.until(job, "completed");
    }
    assert_eq!(server.job(held)["status"], "held");
    server.control(held, "release").expect(200);
    server.until(held, "completed");
    let order = fake.documents(5);
    assert_eq!(order, [b"urgent".as_slice(), b"early", b"late", b"unhurried", b"held"]);
}

#[test]
fn ten_printers_print_at_once() {
    // None of them ends before it is told to: so all ten are at it at the same time.
    let printers: Vec<_> = (0..10).map(|_| FakePrinter::start(Behaviour::NeverClose)).collect();
    let named = |(n, fake): (usize, &FakePrinter)| printer(&format!("p{n}"), &fake.uri(), "");
    let server = Server::start(&printers.iter().enumerate().map(named).collect::<String>());
    let document = Endless::bytes(100_000);
    let submit = |n: usize| server.submit(&format!("printer=p{n}"), &document);
    let jobs: Vec<u64> = (0..10).map(submit).collect();
    for (job, fake) in jobs.iter().zip(&printers) {
        server.until(*job, "transmitted");
        assert_eq!(fake.connections(), 1);
    }
    let mut threads: Vec<String> =
        server.workers().iter().map(|worker| worker["name"].as_str().unwrap().to_owned()).collect();
    threads.sort();
    threads.dedup();
    assert_eq!(threads.len(), 10, "{threads:?}");
    for (job, fake) in jobs.iter().zip(&printers) {
        fake.hang_up();
        server.until(*job, "completed");
        assert_eq!(fake.ended(0).bytes, document);
    }
}
