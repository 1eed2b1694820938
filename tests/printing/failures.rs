//! Printers that do not do what they should, and what becomes of the jobs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::printer::{Behaviour, End, FakePrinter};
use crate::support::server::{FAST, Server, printer, sum};
use crate::support::sink::{Endless, Sink};
use crate::support::wait::Stopwatch;

/// Short times, so that what takes minutes in an office takes moments here.
const QUICK: &str = r#"
[watch]
stall = "300ms"
silence = "500ms"
[retry]
backoff = ["100ms", "1s"]
broken = 3
blocked = "1s"
"#;

/// A job goes out at the latest so long after its printer is back; three times what is meant to be.
const BACK_MAX: Duration = Duration::from_secs(3);

/// More than the operating system takes for a printer that does not read.
const LARGE: u64 = 16 << 20;

fn office(fake: &FakePrinter) -> String {
    format!("{QUICK}{}", printer("office", &fake.uri(), ""))
}

fn has_reason(thing: &Value, reason: &str) -> bool {
    thing["reasons"].as_array().is_some_and(|reasons| reasons.iter().any(|word| word == reason))
}

/// The messages of the timeline's entries of one kind.
fn told(server: &Server, job: u64, kind: &str) -> Vec<String> {
    let entries = server.timeline(job).into_iter().filter(|entry| entry["kind"] == kind);
    entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_printer_that_refuses_gets_its_job_when_it_is_back() {
    let mut fake = FakePrinter::start(Behaviour::Normal);
    fake.refuse();
    let server = Server::start(&printer("office", &fake.uri(), ""));
    let job = server.submit("", b"page");
    let mut tries: Vec<Value> = Vec::new();
    // Ten tries at the usual pace: about ten seconds.
    server.wait("the printer is tried again and again", || {
        let next = server.printer("office")["next_try_at"].clone();
        if !next.is_null() && tries.last() != Some(&next) {
            tries.push(next);
        }
        (tries.len() == 10).then_some(())
    });
    let waiting = server.job(job);
    assert_eq!((&waiting["status"], &waiting["attempts"]), (&json!("waiting"), &json!(0)), "{waiting:#}");
    assert!(waiting["message"].as_str().unwrap().contains("refuses"), "{waiting:#}");
    let office = server.printer("office");
    assert_eq!(office["state"], "stopped");
    assert!(has_reason(&office, "connection-refused"), "{office:#}");

    fake.listen();
    let watch = Stopwatch::start();
    assert_eq!(fake.documents(1), [b"page"]);
    println!("back to last byte: {:?}", watch.elapsed());
    assert!(watch.elapsed() < BACK_MAX, "{:?}", watch.elapsed());
    assert_eq!(server.until(job, "completed")["attempts"], 1);
    assert!(!server.kinds(job).contains(&"failed".to_owned()));
}

#[test]
fn a_job_that_breaks_too_often_is_held_and_prints_when_it_is_released() {
    let fake = FakePrinter::start(Behaviour::ResetAfter(10_000));
    let server = Server::start(&office(&fake));
    let document = Endless::bytes(LARGE);
    let job = server.submit("", &document);
    let held = server.until(job, "held");
    assert!(has_reason(&held, "broken-too-often"), "{held:#}");
    assert_eq!(held["attempts"], 3);
    assert_eq!(told(&server, job, "print-again").len(), 2);
    assert!(told(&server, job, "print-again")[0].contains("reset the connection"));
    assert_eq!(told(&server, job, "held-after-break").len(), 1);
    assert_eq!(server.job(job)["bytes_total"], LARGE);

    fake.behave(Behaviour::Normal);
    server.control(job, "release").expect(200);
    let done = server.until(job, "completed");
    assert_eq!(done["attempts"], 4);
    assert!(fake.documents(1) == [document], "not the one whole document");
}

#[test]
fn a_printer_that_takes_nothing_blocks_its_job_and_is_broken_at_last() {
    let fake = FakePrinter::start(Behaviour::NeverRead);
    let server = Server::start(&office(&fake));
    let job = server.submit("", &Endless::bytes(LARGE));
    let blocked =
        server.until_job(job, "it says that it is blocked", |job| has_reason(job, "printer-takes-no-data"));
    assert_eq!(blocked["status"], "transmitting");
    assert!(blocked["message"].as_str().unwrap().contains("takes no more"), "{blocked:#}");
    server.wait("the printer says so too", || (server.printer("office")["state"] == "stopped").then_some(()));
    assert_eq!(blocked["attempts"], 1, "being blocked is no attempt");
    // Then its time is over, and so on until it is held.
    let held = server.until(job, "held");
    assert!(has_reason(&held, "broken-too-often"), "{held:#}");
    assert!(told(&server, job, "print-again")[0].contains("took no more data for too long"));
    assert_eq!(fake.connections(), 3);
}

#[test]
fn a_printer_that_reads_on_unblocks_its_job() {
    let (sink, go_on) = Sink::hesitant();
    let quick = QUICK.replace(r#"blocked = "1s""#, r#"blocked = "10m""#);
    let server = Server::start(&format!("{quick}{}", printer("office", &sink.uri(), "")));
    let document = Endless::bytes(LARGE);
    let job = server.submit("", &document);
    server.until_job(job, "it is blocked", |job| has_reason(job, "printer-takes-no-data"));
    go_on.send(()).unwrap();
    assert_eq!(sink.next(), sum(&document[..]));
    let done = server.until(job, "completed");
    assert_eq!(done["attempts"], 1, "a pause is no failure");
    assert!(server.kinds(job).contains(&"blocked".to_owned()));
}

#[test]
fn a_printer_that_goes_off_in_the_middle_gets_the_whole_job_later() {
    let mut fake = FakePrinter::start(Behaviour::NeverRead);
    let server = Server::start(&office(&fake));
    let document = Endless::bytes(LARGE);
    let job = server.submit("", &document);
    fake.connected(1);
    // Before a byte has left it would be no break, but a printer that is busy.
    server.wait("bytes have left", || {
        server.workers().iter().any(|worker| worker["bytes"].as_u64() > Some(0)).then_some(())
    });
    fake.refuse();
    fake.reset();
    server.wait("the printer is known to be gone", || {
        has_reason(&server.printer("office"), "connection-refused").then_some(())
    });
    let waiting = server.job(job);
    assert_eq!(waiting["status"], "waiting");
    assert!(waiting["message"].as_str().unwrap().contains("it is printed again"), "{waiting:#}");
    fake.behave(Behaviour::Normal);
    fake.listen();
    assert_eq!(server.until(job, "completed")["attempts"], 2);
    assert!(fake.documents(1) == [document], "not the one whole document");
}

#[test]
fn an_early_close_is_never_taken_for_done() {
    let fake = FakePrinter::start(Behaviour::CloseEarlyAfter(10_000));
    let server = Server::start(&office(&fake));
    let document = Endless::bytes(LARGE);
    let job = server.submit("", &document);
    server.until_job(job, "it broke once", |job| has_reason(job, "connection-broken"));
    fake.behave(Behaviour::Normal);
    fake.hang_up();
    let done = server.until(job, "completed");
    assert!(told(&server, job, "print-again")[0].contains("closed the connection early"));
    assert!(done["attempts"].as_u64() >= Some(2), "{done:#}");
    assert!(fake.documents(1) == [document], "not the one whole document");
}

#[test]
fn a_printer_that_never_closes_is_learned() {
    let fake = FakePrinter::start(Behaviour::NeverClose);
    let mut server = Server::start(&office(&fake));
    // Nobody can know whether the first was printed: it is printed once more, and says so.
    let first = server.submit("", b"first");
    let done = server.until(first, "completed");
    assert!(has_reason(&done, "job-completed-with-warnings"), "{done:#}");
    assert_eq!(done["attempts"], 2);
    let again = told(&server, first, "print-again");
    assert!(again[0].contains("may have been printed and is printed once more"), "{again:?}");
    // From then on it is known, and printed once.
    let second = server.until(server.submit("", b"second"), "completed");
    assert!(has_reason(&second, "job-completed-with-warnings"), "{second:#}");
    assert!(second["message"].as_str().unwrap().contains("unconfirmed"), "{second:#}");
    assert_eq!(second["attempts"], 1);
    // Also after a restart.
    server.stop();
    server.restart();
    let third = server.until(server.submit("", b"third"), "completed");
    assert_eq!(third["attempts"], 1);
    fake.hang_up();
    assert_eq!(fake.documents(4), [b"first".as_slice(), b"first", b"second", b"third"]);
}

#[test]
fn a_printer_whose_name_means_nothing_keeps_its_job_waiting() {
    let server = Server::start(&format!("{FAST}{}", printer("office", "socket://printer.invalid:9100", "")));
    let job = server.submit("", b"page");
    server.wait("the printer says that its name means nothing", || {
        has_reason(&server.printer("office"), "name-unresolved").then_some(())
    });
    let waiting = server.job(job);
    assert_eq!((&waiting["status"], &waiting["attempts"]), (&json!("waiting"), &json!(0)));
    assert!(waiting["message"].as_str().unwrap().contains("resolves to no address"), "{waiting:#}");
    server.control(job, "cancel").expect(200);
    assert_eq!(server.job(job)["status"], "canceled");
}

#[test]
fn ptm_7_a_print_thread_that_panics_costs_an_attempt_and_nothing_else() {
    let other = FakePrinter::start(Behaviour::Normal);
    let sick = printer("sick", "sim:?fail=panic@1", "");
    let server = Server::start(&format!("{FAST}{sick}{}", printer("well", &other.uri(), "")));
    let job = server.submit("printer=sick", &Endless::bytes(200_000));
    let done = server.until(job, "completed");
    assert_eq!(done["attempts"], 2);
    let again = server.timeline(job).into_iter().find(|entry| entry["kind"] == "print-again").unwrap();
    assert_eq!(again["source"], "system");
    assert!(again["message"].as_str().unwrap().contains("the print thread failed"), "{again:#}");
    server.until(server.submit("printer=well", b"page"), "completed");
}

#[test]
fn stuck_printers_do_not_hold_up_others() {
    let stuck: Vec<_> = (0..8).map(|_| FakePrinter::start(Behaviour::NeverRead)).collect();
    let well = FakePrinter::start(Behaviour::Normal);
    let mut configuration = QUICK.replace(r#"blocked = "1s""#, r#"blocked = "10m""#);
    for (n, fake) in stuck.iter().enumerate() {
        configuration.push_str(&printer(&format!("stuck{n}"), &fake.uri(), ""));
    }
    configuration.push_str(&printer("well", &well.uri(), ""));
    let server = Server::start(&configuration);
    let document = Endless::bytes(LARGE);
    let jobs: Vec<u64> = (0..8).map(|n| server.submit(&format!("printer=stuck{n}"), &document)).collect();
    for job in jobs {
        server.until_job(job, "it is blocked", |job| has_reason(job, "printer-takes-no-data"));
    }
    let watch = Stopwatch::start();
    for n in 0..20 {
        server.until(server.submit("printer=well", format!("page {n}").as_bytes()), "completed");
    }
    assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
}

#[test]
fn refused_credentials_hold_the_job() {
    let server = Server::start(&format!("{FAST}{}", printer("office", "sim:?fail=credentials@1", "")));
    let job = server.submit("", b"page");
    let held = server.until(job, "held");
    assert!(has_reason(&held, "account-authorization-failed"), "{held:#}");
    server.control(job, "release").expect(200);
    server.until(job, "completed");
}

/// A printer that goes on reading until the job is whole, and dies before its close, may have printed.
#[test]
fn a_reset_after_the_last_byte_prints_once_more_and_then_asks() {
    let document = Endless::bytes(1000);
    let fake = FakePrinter::start(Behaviour::ResetAfter(document.len()));
    let server = Server::start(&office(&fake));
    let job = server.submit("", &document);
    let held = server.until(job, "held");
    assert!(has_reason(&held, "outcome-unknown"), "{held:#}");
    assert_eq!(held["attempts"], 2);
    assert_eq!(fake.connections(), 2);
    assert_eq!(fake.ended(0).end, Some(End::Ours));
}

#[test]
fn where_a_person_is_to_be_asked_nothing_is_printed_twice() {
    let document = Endless::bytes(1000);
    let fake = FakePrinter::start(Behaviour::ResetAfter(document.len()));
    let server =
        Server::start(&format!("{QUICK}{}", printer("office", &fake.uri(), "when_in_doubt = \"hold\"")));
    let job = server.submit("", &document);
    let held = server.until(job, "held");
    assert!(has_reason(&held, "outcome-unknown"), "{held:#}");
    assert_eq!((&held["attempts"], fake.connections()), (&json!(1), 1));
}
