//! What people do with jobs and printers while there is work.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::printer::{Behaviour, End, FakePrinter};
use crate::support::server::{FAST, Server, printer, sum};
use crate::support::sink::{Endless, Sink};
use crate::support::wait::Stopwatch;

/// A cancel stops the bytes within a second; three times that where others use the machine too.
pub const CANCEL_MAX: Duration = Duration::from_secs(3);

fn office(fake: &FakePrinter) -> Server {
    Server::start(&format!("{FAST}{}", printer("office", &fake.uri(), "")))
}

fn pause(server: &Server, name: &str) -> Value {
    server.post(&format!("/api/v1/printers/{name}/pause"), None).expect(200)
}

fn resume(server: &Server, name: &str) -> Value {
    server.post(&format!("/api/v1/printers/{name}/resume"), None).expect(200)
}

#[test]
fn a_waiting_or_held_job_is_canceled_at_once() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    pause(&server, "office");
    let (waiting, held) = (server.submit("", b"waiting"), server.submit("hold=true", b"held"));
    for job in [waiting, held] {
        let canceled = server.control(job, "cancel").expect(200);
        assert_eq!(canceled["status"], "canceled");
        assert_eq!(canceled["ipp_state"], "canceled");
    }
    let last = server.submit("", b"last");
    resume(&server, "office");
    server.until(last, "completed");
    assert_eq!(fake.documents(1), [b"last"]);
}

#[test]
fn canceling_a_job_that_is_being_sent_stops_its_bytes() {
    let fake = FakePrinter::start(Behaviour::SlowRead(2 << 20));
    let server = office(&fake);
    let document = Endless::bytes(64 << 20);
    let job = server.submit("", &document);
    fake.received(1 << 20);
    server.until(job, "transmitting");
    let watch = Stopwatch::start();
    let asked = server.control(job, "cancel").expect(200);
    assert_eq!(asked["cancel_flag"], true);
    let end = fake.ended(0);
    println!("cancel to last byte: {:?}", watch.elapsed());
    let canceled = server.until(job, "canceled");
    assert!(watch.elapsed() < CANCEL_MAX, "{:?}", watch.elapsed());
    assert_eq!(end.end, Some(End::Reset), "what had not left must not follow");
    assert!(end.bytes.len() < document.len() / 2, "{} bytes went out", end.bytes.len());
    assert!(canceled["bytes_sent"].as_u64() < Some(document.len() as u64), "{canceled:#}");
    // The printer is free for the next.
    fake.behave(Behaviour::Normal);
    server.until(server.submit("", b"next"), "completed");
    assert_eq!(fake.documents(1), [b"next"]);
}

#[test]
fn a_job_for_a_printer_that_is_not_there_is_canceled_at_once() {
    let mut fake = FakePrinter::start(Behaviour::Normal);
    fake.refuse();
    let server = office(&fake);
    let job = server.submit("", b"page");
    server.wait("the printer was tried", || (server.printer("office")["state"] == "stopped").then_some(()));
    assert_eq!(server.control(job, "cancel").expect(200)["status"], "canceled");
    fake.listen();
    server.until(server.submit("", b"next"), "completed");
    assert_eq!(fake.documents(1), [b"next"]);
}

#[test]
fn what_is_all_at_the_printer_cannot_be_canceled() {
    let fake = FakePrinter::start(Behaviour::NeverClose);
    let server = office(&fake);
    let job = server.submit("", b"page");
    server.until(job, "transmitted");
    let problem = server.control(job, "cancel").refused(409, "cannot_cancel");
    assert!(problem["detail"].as_str().unwrap().contains("cancel it at the printer"), "{problem:#}");
    let output = server.try_cli(&["cancel", &job.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    fake.hang_up();
    let done = server.until(job, "completed");
    assert_eq!(done["cancel_flag"], false, "a refused cancel leaves no trace");
}

#[test]
fn a_job_that_has_ended_cannot_be_canceled() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    let done = server.submit("", b"page");
    server.until(done, "completed");
    server.control(done, "cancel").refused(409, "cannot_cancel");
    let canceled = server.submit("hold=true", b"page");
    server.control(canceled, "cancel").expect(200);
    server.control(canceled, "cancel").refused(409, "cannot_cancel");
    server.control(canceled, "hold").refused(409, "wrong_state");
    server.control(1_000_000, "cancel").refused(404, "no_such_job");
}

#[test]
fn a_released_job_takes_its_old_place() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    pause(&server, "office");
    let [first, second, third] =
        [b"first".as_slice(), b"second", b"third"].map(|body| server.submit("", body));
    assert_eq!(server.control(second, "hold").expect(200)["status"], "held");
    assert_eq!(server.control(second, "hold").expect(200)["status"], "held", "held already");
    assert_eq!(server.control(second, "release").expect(200)["status"], "waiting");
    resume(&server, "office");
    for job in [first, second, third] {
        server.until(job, "completed");
    }
    assert_eq!(fake.documents(3), [b"first".as_slice(), b"second", b"third"]);
}

#[test]
fn priority_changes_the_order_of_what_waits() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    pause(&server, "office");
    let [first, second, third] =
        [b"first".as_slice(), b"second", b"third"].map(|body| server.submit("", body));
    let target = format!("/api/v1/jobs/{third}/priority");
    assert_eq!(server.post(&target, Some(json!({ "priority": 80 }))).expect(200)["priority"], 80);
    server.cli(&["priority", &first.to_string(), "20"]);
    resume(&server, "office");
    for job in [first, second, third] {
        server.until(job, "completed");
    }
    assert_eq!(fake.documents(3), [b"third".as_slice(), b"second", b"first"]);
    let refused = server.post(&target, Some(json!({ "priority": 1 })));
    refused.refused(409, "wrong_state");
}

#[test]
fn a_finished_job_is_printed_again_by_a_restart() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    let job = server.submit("", b"page");
    server.until(job, "completed");
    let again = server.control(job, "restart").expect(200);
    assert_eq!(again["status"], "waiting");
    let done = server.until(job, "completed");
    assert_eq!(done["attempts"], 2);
    assert!(server.kinds(job).contains(&"restarted".to_owned()));
    assert_eq!(fake.documents(2), [b"page", b"page"]);
    // Without its document there is nothing to print.
    let document = format!("/api/v1/documents/{}", done["document_id"]);
    assert!(matches!(server.request("DELETE", &document, None).status, 200 | 204));
    server.control(job, "restart").refused(409, "document_gone");
    assert_eq!(server.job(job)["status"], "completed");
}

#[test]
fn a_canceled_job_is_printed_after_all_by_a_restart() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    let job = server.submit("hold=true", b"page");
    server.control(job, "cancel").expect(200);
    server.control(job, "restart").expect(200);
    assert_eq!(server.until(job, "completed")["cancel_flag"], false);
    assert_eq!(fake.documents(1), [b"page"]);
}

#[test]
fn a_waiting_job_moves_to_another_printer() {
    let (one, two) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let server = Server::start(&(printer("one", &one.uri(), "") + &printer("two", &two.uri(), "")));
    pause(&server, "one");
    let job = server.submit("printer=one", b"page");
    let moved =
        server.post(&format!("/api/v1/jobs/{job}/move"), Some(json!({ "printer": "two" }))).expect(200);
    assert_eq!(moved["printer"], "two");
    assert_eq!(server.until(job, "completed")["assigned_printer"], "two");
    assert_eq!((one.connections(), two.documents(1)), (0, vec![b"page".to_vec()]));
    let nowhere = server.post(&format!("/api/v1/jobs/{job}/move"), Some(json!({ "printer": "nowhere" })));
    assert!(nowhere.status == 409 || nowhere.status == 404, "{nowhere:?}");
}

#[test]
fn a_paused_printer_says_so_and_goes_on_where_it_was() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut server = office(&fake);
    assert_eq!(pause(&server, "office")["state"], "stopped");
    let job = server.submit("", b"page");
    let waiting = server.job(job);
    assert_eq!(waiting["status"], "waiting");
    let message = waiting["message"].as_str().unwrap();
    assert!(message.contains("paused") && message.contains("spool printer resume office"), "{message}");
    assert!(server.printer("office")["reasons"].as_array().unwrap().contains(&json!("paused")));
    // What a person has paused stays so.
    server.stop();
    server.restart();
    assert_eq!(server.printer("office")["state"], "stopped");
    assert_eq!((server.job(job)["status"].clone(), fake.connections()), (json!("waiting"), 0));
    resume(&server, "office");
    server.until(job, "completed");
    assert_eq!(fake.documents(1), [b"page"]);
}

#[test]
fn a_printer_that_takes_no_new_jobs_prints_those_it_has() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    pause(&server, "office");
    let job = server.submit("", b"page");
    server.post("/api/v1/printers/office/reject", None).expect(200);
    let refused = server.try_submit("", b"late");
    assert_eq!((refused.json()["code"].clone(), refused.status / 100), (json!("not_accepting"), 4));
    resume(&server, "office");
    server.until(job, "completed");
    server.post("/api/v1/printers/office/accept", None).expect(200);
    server.until(server.submit("", b"again"), "completed");
    assert_eq!(fake.documents(2), [b"page".as_slice(), b"again"]);
}

#[test]
fn printers_come_and_go_by_the_command_line() {
    let (one, two) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let mut server = Server::start("");
    server.cli(&["printer", "add", "lab", &one.uri(), "--set", "location=G.12"]);
    assert_eq!(server.printer("lab")["location"], "G.12");
    server.until(server.submit("printer=lab", b"one"), "completed");
    server.cli(&["printer", "set", "lab", &format!("uri={}", two.uri())]);
    server.until(server.submit("printer=lab", b"two"), "completed");
    assert_eq!((one.documents(1), two.documents(1)), (vec![b"one".to_vec()], vec![b"two".to_vec()]));
    // It outlives the process.
    server.stop();
    server.restart();
    server.until(server.submit("printer=lab", b"three"), "completed");

    server.cli(&["printer", "pause", "lab"]);
    let job = server.submit("printer=lab", b"four");
    let refused = server.try_cli(&["printer", "remove", "lab"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("still has 1 job"), "{said}");
    server.cli(&["cancel", &job.to_string()]);
    server.cli(&["printer", "remove", "lab"]);
    server.try_submit("printer=lab", b"five").refused(404, "no_such_queue");
    assert!(!server.cli(&["printers"]).contains("lab"));
    // The job tells where it was printed all the same.
    assert_eq!(server.get("/api/v1/jobs?status=completed&limit=1")["jobs"][0]["printer"], "lab");
}

#[test]
fn a_test_page_is_a_job_like_any_other() {
    let fake = FakePrinter::start(Behaviour::Normal);
    let server = office(&fake);
    let said = server.cli(&["printer", "test", "office"]);
    assert!(said.contains("job"), "{said}");
    server.until_all_ended();
    assert!(String::from_utf8_lossy(&fake.documents(1)[0]).contains("spool test page"));
}

#[test]
fn a_pause_lets_the_job_that_is_being_sent_finish() {
    let (sink, go_on) = Sink::hesitant();
    let server = Server::start(&format!("{FAST}{}", printer("office", &sink.uri(), "")));
    let document = Endless::bytes(16 << 20);
    let (first, second) = (server.submit("", &document), server.submit("", b"second"));
    server.until(first, "transmitting");
    pause(&server, "office");
    for wish in ["hold", "restart", "release"] {
        server.control(first, wish).refused(409, "wrong_state");
    }
    go_on.send(()).unwrap();
    assert_eq!(sink.next(), sum(&document[..]));
    server.until(first, "completed");
    server.wait("the printer is stopped", || (server.printer("office")["state"] == "stopped").then_some(()));
    assert_eq!(server.job(second)["status"], "waiting");
    assert!(sink.is_empty(), "a paused printer prints");
    resume(&server, "office");
    go_on.send(()).unwrap();
    server.until(second, "completed");
}

#[test]
fn a_printer_that_gets_another_address_prints_there() {
    let (dead, well) = (FakePrinter::start(Behaviour::NeverRead), FakePrinter::start(Behaviour::Normal));
    let server = Server::start("");
    server.cli(&["printer", "add", "lab", &dead.uri()]);
    let document = Endless::bytes(16 << 20);
    let (first, second) = (server.submit("printer=lab", &document), server.submit("printer=lab", b"second"));
    dead.connected(1);
    server.until(first, "transmitting");
    server.cli(&["printer", "set", "lab", &format!("uri={}", well.uri())]);
    // What is at the old device stays there until it is decided; the rest goes to the new one.
    assert_eq!(server.control(first, "cancel").expect(200)["cancel_flag"], true);
    server.until(first, "canceled");
    server.until(second, "completed");
    assert_eq!(well.documents(1), [b"second"]);
}

/// With one thread, a job whose connection is open may still wait for it.
#[test]
fn a_job_that_waits_for_a_thread_can_be_canceled() {
    let (stuck, well) = (FakePrinter::start(Behaviour::NeverRead), FakePrinter::start(Behaviour::Normal));
    let configuration = format!("[workers]\nprint = 1\n{FAST}{}", printer("stuck", &stuck.uri(), ""));
    let server = Server::start(&(configuration + &printer("well", &well.uri(), "")));
    let first = server.submit("printer=stuck", &Endless::bytes(16 << 20));
    server.wait("the thread is at it", || (!server.workers().is_empty()).then_some(()));
    let second = server.submit("printer=well", b"second");
    server.until(second, "transmitting");
    let watch = Stopwatch::start();
    server.control(second, "cancel").expect(200);
    server.until(second, "canceled");
    assert!(watch.elapsed() < CANCEL_MAX / 3, "nothing had to be stopped: {:?}", watch.elapsed());
    let third = server.submit("printer=well", b"third");
    server.control(first, "cancel").expect(200);
    server.until(first, "canceled");
    server.until(third, "completed");
    assert_eq!(well.documents(1), [b"third"]);
}

#[test]
fn a_job_is_waited_for_at_the_command_line() {
    let server = Server::start(&printer("office", "sim:?fail=document@1", ""));
    std::fs::write(server.home().join("page"), "page").unwrap();
    let failed = server.try_cli(&["print", "page", "--wait"]);
    assert_eq!(failed.status.code(), Some(1));
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(said.contains("cannot be printed"), "{said}");
    let said = server.cli(&["print", "page", "--wait"]);
    assert!(said.contains("completed"), "{said}");
    let shown = server.cli(&["jobs", "--all"]);
    assert!(shown.contains("failed") && shown.contains("completed"), "{shown}");
    assert!(server.cli(&["job", "1"]).contains("attempt"));
}
