//! A printer that talks: it numbers its jobs, tells of them, and is told to cancel.

use serde_json::json;

use crate::support::server::{FAST, Server, printer};

/// A page is 64 KiB: half a second each.
const URI: &str = "sim:talker?talks=yes&ppm=120";

fn document(pages: usize) -> Vec<u8> {
    vec![b'x'; pages * 64 * 1024]
}

fn start() -> Server {
    let (office, lab) = (printer("office", URI, ""), printer("lab", URI, "cancel_printing = \"refuse\""));
    Server::start(&format!("{FAST}{office}{lab}"))
}

#[test]
fn can_6_a_printer_that_talks_gives_a_handle_and_says_that_it_prints_and_is_done() {
    let server = start();
    let job = server.submit("printer=office", &document(2));
    let printing = server.until(job, "printing");
    assert_eq!(printing["device_job_id"], "1", "{printing:#}");
    let done = server.until(job, "completed");
    assert_eq!(done["message"], "printed: the printer said so");
    let kinds = server.kinds(job);
    let place = |kind: &str| kinds.iter().position(|other| other == kind).expect("it is in the timeline");
    assert!(place("handle") < place("printing") && place("printing") < place("completed"), "{kinds:?}");
    let office = server.printer("office");
    assert_eq!(office["model"], "Simulated Printer", "{office:#}");
    assert_eq!(office["supplies"][0]["percent"], 70);
    assert_eq!(office["description"]["media_ready"], json!(["iso_a4_210x297mm"]));
}

#[test]
fn a_printer_without_jobs_is_described_too() {
    let server = start();
    for name in ["office", "lab"] {
        let described = server.wait("it says what it is", || {
            let shown = server.printer(name);
            (!shown["model"].is_null()).then_some(shown)
        });
        assert_eq!((&described["model"], &described["state"]), (&json!("Simulated Printer"), &json!("idle")));
        assert_eq!(described["supplies"][0]["name"], "Black Toner");
    }
}

#[test]
fn can_9_a_job_that_prints_is_canceled_by_the_printer_unless_its_rule_is_to_refuse() {
    let server = start();
    for (name, even) in [("office", ""), ("lab", "?even_if_printing=true")] {
        let job = server.submit(&format!("printer={name}"), &document(100));
        let next = server.submit(&format!("printer={name}"), &document(1));
        server.until(job, "printing");
        if name == "lab" {
            let refused = server.control(job, "cancel");
            assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("cannot_cancel")));
        }
        let asked = server.control(job, &format!("cancel{even}")).expect(200);
        assert_eq!(asked["cancel_flag"], true);
        let canceled = server.until(job, "canceled");
        assert_eq!(canceled["reasons"], json!(["job-canceled-by-user"]));
        let timeline = server.timeline(job);
        let last = timeline.last().expect("a timeline");
        assert_eq!((&last["kind"], &last["source"]), (&json!("canceled"), &json!("user")), "{timeline:#?}");
        server.until(next, "completed");
    }
}

/// Pages are recorded every five seconds.
#[test]
fn pages_that_the_printer_is_done_with_are_shown() {
    let server = start();
    let job = server.submit("printer=office", &document(30));
    let printing = server.until_job(job, "it counts pages", |job| job["pages"]["confirmed"].is_u64());
    assert!(printing["pages"]["confirmed"].as_u64().is_some_and(|pages| (1..=30).contains(&pages)));
    server.control(job, "cancel").expect(200);
    server.until(job, "canceled");
}
