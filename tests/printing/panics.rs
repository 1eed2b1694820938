//! Parts of the server that fail: the job is decided, the rest goes on. With planned failures, which only a
//! build for tests has.
#![cfg(feature = "failpoints")]

use std::time::Duration;

use serde_json::json;

use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{FAST, STOP_MAX, Server, printer};
use crate::support::sink::Endless;
use crate::support::wait::wait_until;

fn office(fake: &FakePrinter) -> String {
    format!("{FAST}{}", printer("office", &fake.uri(), ""))
}

fn with(fake: &FakePrinter, failpoints: &str) -> Server {
    Server::start_with(&office(fake), &[("FAILPOINTS", failpoints)])
}

/// Kind and source of the entry that tells of the failure.
fn failure(server: &Server, job: u64) -> (String, String) {
    let entries = server.timeline(job);
    let text = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let found =
        entries.iter().find(|entry| text(entry, "message").contains("that serves the printer failed"));
    let found = found.unwrap_or_else(|| panic!("nothing tells of the failure: {entries:#?}"));
    (text(found, "kind"), text(found, "source"))
}

#[test]
fn ptm_7_a_traffic_manager_that_panics_before_it_sends_is_made_anew_and_its_job_restarted() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = with(&fake, "traffic-before-send=1*panic");
    let pid = server.pid();
    let job = server.submit("", b"page");
    assert_eq!(server.until(job, "completed")["attempts"], 2);
    assert_eq!(failure(&server, job), ("print-again".to_owned(), "system".to_owned()));
    server.until(server.submit("", b"next"), "completed");
    assert_eq!(fake.documents(2), [b"page", b"next"]);
    assert_eq!(server.pid(), pid);
}

/// What the print thread had said stands, though the one who heard it is gone.
#[test]
fn ptm_7_an_outcome_that_a_failed_traffic_manager_had_heard_is_believed_by_the_next() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = with(&fake, "traffic-before-end=1*panic");
    let job = server.submit("", b"page");
    assert_eq!(server.until(job, "completed")["attempts"], 1);
    assert!(server.log().contains("the printer's traffic manager failed"), "{}", server.log());
    server.until(server.submit("", b"next"), "completed");
    assert_eq!(fake.documents(2), [b"page", b"next"]);
}

#[test]
fn a_traffic_manager_that_fails_again_and_again_is_made_anew_ever_more_slowly_and_its_printer_says_so() {
    let fake = FakePrinter::start(Behaviour::Normal);
    // At once, then after 250, 500, 1000 and 2000 ms.
    let server = with(&fake, "traffic-begin=5*panic");
    let job = server.submit("", b"page");
    server.wait("the printer says so", || {
        let office = server.printer("office");
        let says = office["reasons"].as_array().unwrap().contains(&json!("server-part-failed"));
        (says && office["state"] == "stopped" && !office["next_try_at"].is_null()).then_some(())
    });
    let message = server.job(job)["message"].as_str().unwrap().to_owned();
    assert!(message.contains("the part of the server that serves the printer failed"), "{message}");
    assert_eq!(server.until(job, "completed")["attempts"], 1);
    assert_eq!(server.log().matches("is made anew").count(), 5, "{}", server.log());
    assert_eq!(fake.documents(1), [b"page"]);
}

#[test]
fn ptm_7_a_job_over_which_its_traffic_manager_panics_twice_is_held_and_the_next_one_goes() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = with(&fake, "traffic-before-send=2*panic");
    let job = server.submit("", b"poison");
    let held = server.until(job, "held");
    assert!(held["reasons"].as_array().unwrap().contains(&json!("failed-twice-running")), "{held:#}");
    server.until(server.submit("", b"next"), "completed");
    assert_eq!(fake.documents(1), [b"next"]);
}

#[test]
fn a_traffic_manager_that_panics_when_it_is_woken_costs_no_attempt() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = with(&fake, "traffic-wake=1*panic");
    let job = server.submit("", b"page");
    assert_eq!(server.until(job, "completed")["attempts"], 1);
    assert_eq!(fake.documents(1), [b"page"]);
}

/// The connection of the former life is shut before another one is made.
#[test]
fn ptm_7_a_traffic_manager_that_panics_in_the_middle_leaves_no_second_connection() {
    let fake = FakePrinter::start(Behaviour::NeverRead);
    let quick = "[watch]\nstall = \"300ms\"\n";
    // The record that it is blocked is the third commit: the attempt is the first.
    let server = Server::start_with(
        &format!("{quick}{}", office(&fake)),
        &[("FAILPOINTS", "traffic-after-commit=1*off->1*panic")],
    );
    let document = Endless::bytes(16 << 20);
    let job = server.submit("", &document);
    fake.connected(1);
    fake.behave(Behaviour::Normal);
    server.until(job, "completed");
    assert_eq!(failure(&server, job).0, "print-again");
    assert!(fake.documents(1) == [document], "not the one whole document");
}

#[test]
fn ptm_7_a_print_thread_that_gives_no_sign_of_life_is_replaced() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let configuration = format!("[watch]\nworker = \"3s\"\n{}", office(&fake));
    let hangs = "print-thread-beat=1*off->1*pause";
    let server = Server::start_with(&configuration, &[("FAILPOINTS", hangs)]);
    let job = server.submit("", b"page");
    // Seen by everybody meanwhile, and told by an event of its own.
    let worker = server.wait("the thread is shown", || server.workers().into_iter().next());
    assert_eq!((&worker["job"], &worker["printer"]), (&json!(job), &json!("office")), "{worker:#}");
    assert_eq!((&worker["generation"], &worker["stage"]), (&json!(1), &json!("sending")), "{worker:#}");
    assert!(worker["name"].as_str().unwrap().starts_with("print-"), "{worker:#}");
    assert!(server.cli(&["workers"]).contains("office"));
    let done = server.until(job, "completed");
    assert_eq!(done["attempts"], 2);
    let again = server.timeline(job).into_iter().find(|entry| entry["kind"] == "print-again").unwrap();
    assert!(again["message"].as_str().unwrap().contains("gave no sign of life"), "{again:#}");
    assert_eq!(again["source"], "system");
    assert_eq!(fake.documents(1), [b"page"]);
}

#[test]
fn ptm_7_a_worker_that_beats_while_its_device_is_silent_is_not_replaced() {
    let fake = FakePrinter::start(Behaviour::NeverRead);
    let quick = "[watch]\nworker = \"1s\"\nstall = \"300ms\"\n";
    let server = Server::start(&format!("{quick}{}", office(&fake)));
    let job = server.submit("", &Endless::bytes(16 << 20));
    let worker = || server.workers().into_iter().next();
    let first = server.wait("the thread is shown", worker);
    let beat_of = |worker: &serde_json::Value| {
        worker["last_beat"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap()
    };
    // Three times as long as a thread without a sign of life would have had.
    wait_until("it beats for three seconds", STOP_MAX, || {
        let lived = beat_of(&worker()?).duration_since(beat_of(&first));
        (lived.as_secs() >= 3).then_some(())
    });
    let last = worker().unwrap();
    assert_eq!((&last["generation"], &last["name"]), (&json!(1), &first["name"]), "{last:#}");
    let job = server.job(job);
    assert_eq!((&job["status"], &job["attempts"]), (&json!("transmitting"), &json!(1)), "{job:#}");
    assert_eq!(fake.connections(), 1);
}

#[test]
fn when_the_job_manager_panics_the_process_begins_anew_and_goes_on() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = with(&fake, "job-manager-request=2*off->1*panic");
    let pid = server.pid();
    server.post("/api/v1/printers/office/pause", None).expect(200);
    let accepted = [server.submit("", b"one"), server.submit("", b"two")];
    // The third meets the panic: whatever it is answered, it is not «accepted».
    let headers = [("idempotency-key", "three")];
    let target = "/api/v1/jobs?printer=office";
    if let Ok(answer) = server.socket().send("POST", target, &headers, b"three") {
        assert!(answer.status >= 500, "{answer:?}");
    }
    let log = || server.log().contains("the process begins anew").then_some(());
    wait_until("the process begins anew", STOP_MAX, log);
    server.until_ready();
    assert_eq!(server.pid(), pid);
    // The same again under the same key; what was accepted is still there.
    let third = server.socket().send("POST", target, &headers, b"three").unwrap().expect(201);
    server.post("/api/v1/printers/office/resume", None).expect(200);
    for job in accepted.into_iter().chain(third["id"].as_u64()) {
        server.until(job, "completed");
    }
    assert_eq!(fake.documents(3), [b"one".as_slice(), b"two", b"three"]);
}

/// The sixth table that goes into the index is fatal, in each life; one goes there a second while jobs come.
#[test]
fn when_a_thread_of_the_store_panics_the_process_begins_anew_and_has_what_it_accepted() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = with(&fake, "index-following=5*off->1*panic");
    let pid = server.pid();
    server.post("/api/v1/printers/office/pause", None).expect(200);
    let mut accepted = Vec::new();
    wait_until("the process begins anew", STOP_MAX, || {
        let sent = server.socket().send("POST", "/api/v1/jobs?printer=office", &[], b"page");
        let answer = sent.ok().filter(|answer| answer.status == 201);
        accepted.extend(answer.and_then(|answer| answer.json()["id"].as_u64()));
        server.log().contains("the process begins anew").then_some(())
    });
    assert!(server.log().contains("store-index has panicked"), "{}", server.log());
    server.until_ready();
    assert_eq!(server.pid(), pid);
    assert!(!accepted.is_empty());
    for job in accepted {
        assert_eq!(server.job(job)["status"], "waiting");
    }
}

#[test]
fn a_server_that_fails_again_and_again_gives_up_and_says_so() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = with(&fake, "job-manager-request=panic");
    for rebirth in 1..=3 {
        let _ = server.tcp().send("POST", "/api/v1/jobs", &[], b"page");
        let reborn = || (server.log().matches("the process begins anew").count() == rebirth).then_some(());
        wait_until("the process begins anew", STOP_MAX, reborn);
        server.until_ready();
    }
    let _ = server.tcp().send("POST", "/api/v1/jobs", &[], b"page");
    assert_eq!(server.ended(Duration::from_secs(30)).code(), Some(1));
    assert!(server.log().contains("failed 3 times within 60 s"), "{}", server.log());
    assert_eq!(fake.connections(), 0);
}

/// The flag is on disk, nobody has been told of it, and the process is gone.
#[test]
fn can_11_a_cancel_flag_survives_a_crash_before_the_printer_is_told() {
    let fake = FakePrinter::start(Behaviour::NeverRead);
    let mut server = Server::start(&office(&fake));
    server.stop();
    server.restart_with(&[("FAILPOINTS", "cancel-before-tell=return(kill)")]);
    let job = server.submit("", &Endless::bytes(16 << 20));
    fake.connected(1);
    server.until(job, "transmitting");
    let _perhaps_answered = server.socket().send("POST", &format!("/api/v1/jobs/{job}/cancel"), &[], b"");
    assert!(!server.ended(STOP_MAX).success());
    fake.behave(Behaviour::Normal);
    server.restart();
    let canceled = server.until(job, "canceled");
    assert_eq!((&canceled["cancel_flag"], &canceled["attempts"]), (&json!(true), &json!(1)));
    server.until(server.submit("", b"next"), "completed");
    assert_eq!(fake.documents(1), [b"next"]);
}
