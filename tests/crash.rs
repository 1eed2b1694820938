//! The program dies at the worst moments, and the next life makes good what the last one left: every line of
//! the table of crashes, with the real program over its real files.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

#[path = "crash/load.rs"]
mod load;
#[path = "crash/nth.rs"]
mod nth;

use serde_json::Value;
use support::home::{Home, Life, id_of};
use support::printer::{Behaviour, FakePrinter};

const KEY: &str = "the-key";
/// The reason of an entry that says that the job may have been printed.
const MAY: &str = "may-have-printed";

/// One that lies in the journal with its record.
pub fn small() -> Vec<u8> {
    body_of(10_000)
}

/// One that has a file of its own, and leaves in several pieces.
pub fn large() -> Vec<u8> {
    body_of(300_000)
}

/// Every byte of it says where it belongs.
fn body_of(bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(10)).flat_map(|n| format!("{n:09}\n").into_bytes()).take(bytes).collect()
}

/// How often this body has come out whole.
pub fn wholes(printer: &FakePrinter, body: &[u8]) -> usize {
    (0..printer.connections()).filter(|n| printer.ended(*n).bytes == body).count()
}

/// The number of the first entry of this kind.
fn first(timeline: &[Value], kind: &str) -> Option<u64> {
    timeline.iter().find(|entry| entry["kind"] == kind).and_then(|entry| entry["seq"].as_u64())
}

fn kinds(timeline: &[Value]) -> Vec<&str> {
    timeline.iter().map(|entry| entry["kind"].as_str().unwrap()).collect()
}

/// Submits to a life that dies at `point` before it can answer.
fn die_in_submit(home: &Home, point: &str, printer: &str, body: &[u8]) {
    let mut life = home.start_dying(&format!("{point}=1*return(kill)"));
    life.ready();
    let answer = life.submit(printer, KEY, body);
    assert!(answer.is_err(), "it answered: {answer:?}");
    life.died();
}

/// Submits to a life that dies at `point` some time after its answer.
fn die_in_printing(home: &Home, point: &str, printer: &str, body: &[u8]) -> u64 {
    let mut life = home.start_dying(&format!("{point}=1*return(kill)"));
    life.ready();
    let id = id_of(&life.submit(printer, KEY, body).unwrap());
    life.died();
    id
}

/// The retry of the submission gets this job, and no other.
fn check_key(life: &Life<'_>, printer: &str, body: &[u8], id: u64) {
    let again = life.submit(printer, KEY, body).unwrap();
    assert_eq!((again.status, id_of(&again)), (200, id), "{again:?}");
    assert_eq!(life.jobs().len(), 1);
}

#[test]
fn a_body_without_a_record_is_swept() {
    let printer = FakePrinter::start(Behaviour::Normal);
    let home = Home::new(&[("office", &printer.uri())]);
    die_in_submit(&home, "body-named", "office", &large());
    assert_eq!(home.files("documents").len(), 1, "it died before the body was there");

    let mut life = home.start();
    life.until("the body is swept", |_| home.files("documents").is_empty().then_some(()));
    assert_eq!(life.jobs(), Vec::<Value>::new());
    let answer = life.submit("office", KEY, &large()).unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    life.job_is(id_of(&answer), "completed");
    assert_eq!(wholes(&printer, &large()), 1);
}

#[test]
fn a_submission_that_was_not_recorded_never_was() {
    for body in [small(), large()] {
        let printer = FakePrinter::start(Behaviour::Normal);
        let home = Home::new(&[("office", &printer.uri())]);
        die_in_submit(&home, "accept-before-commit", "office", &body);

        let mut life = home.start();
        assert_eq!(life.jobs(), Vec::<Value>::new());
        let answer = life.submit("office", KEY, &body).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        life.job_is(id_of(&answer), "completed");
        assert_eq!(wholes(&printer, &body), 1);
    }
}

#[test]
fn a_job_that_is_recorded_and_not_answered_prints_and_its_retry_gets_it() {
    for body in [small(), large()] {
        let printer = FakePrinter::start(Behaviour::Normal);
        let home = Home::new(&[("office", &printer.uri())]);
        die_in_submit(&home, "accept-before-answer", "office", &body);

        let mut life = home.start();
        let id = life.jobs()[0]["id"].as_u64().unwrap();
        life.job_is(id, "completed");
        check_key(&life, "office", &body, id);
        let timeline = life.timeline(id);
        assert_eq!(first(&timeline, "print-again"), None, "nothing had been tried: {timeline:?}");
        assert_eq!(wholes(&printer, &body), 1);
    }
}

/// At a printer that has nothing to do the attempt is durable with the acceptance: it may have begun to leave when nobody
/// has heard «accepted» yet.
#[test]
fn a_job_that_an_idle_printer_was_given_with_its_acceptance_comes_out_and_its_retry_gets_it() {
    let printer = FakePrinter::start(Behaviour::Normal);
    let home = Home::new(&[("office", &printer.uri())]);
    // The first job makes the printer known, and is found in its queue.
    let mut life = home.start_dying("accept-before-answer=1*off->1*return(kill)");
    life.ready();
    let first = id_of(&life.submit("office", "first", b"first").unwrap());
    life.job_is(first, "completed");
    let answer = life.submit("office", KEY, &small());
    assert!(answer.is_err(), "it answered: {answer:?}");
    life.died();
    let had = wholes(&printer, &small());

    let mut life = home.start();
    let id = id_of(&life.submit("office", KEY, &small()).unwrap());
    life.job_is(id, "completed");
    let again = life.timeline(id).iter().filter(|entry| entry["kind"] == "print-again").count();
    assert!(had <= again, "{had} had come out, and it was in doubt {again} times");
    assert_eq!(wholes(&printer, &small()), had + 1);
    assert_eq!(life.jobs().len(), 2);
}

/// A job dies with its server at `point` on its way to a socket printer: it is printed again, its timeline
/// says before that it may have been printed, and never a third time.
fn check_doubt(point: &str, body: &[u8], before: std::ops::RangeInclusive<usize>) {
    let printer = FakePrinter::start(Behaviour::Normal);
    let home = Home::new(&[("office", &printer.uri())]);
    let id = die_in_printing(&home, point, "office", body);
    // All that the dead life sent has arrived before the next begins.
    let had = wholes(&printer, body);
    assert!(before.contains(&had), "{point}: {had} copies came out before");

    let mut life = home.start();
    let job = life.job_is(id, "completed");
    assert_eq!(wholes(&printer, body), had + 1, "{point}");
    let timeline = life.timeline(id);
    let doubt = timeline.iter().find(|entry| entry["kind"] == "print-again").unwrap();
    assert_eq!((doubt["reason"].as_str(), doubt["source"].as_str()), (Some(MAY), Some("system")), "{doubt}");
    assert!(doubt["message"].as_str().unwrap().contains(" may have "), "{doubt}");
    let last_attempt = timeline.iter().rposition(|entry| entry["kind"] == "attempt").unwrap();
    assert!(doubt["seq"].as_u64() < timeline[last_attempt]["seq"].as_u64(), "{timeline:?}");
    assert_eq!(job["attempts"], 2, "{job}");
    check_key(&life, "office", body, id);
    let (status, _) = life.terminate();
    assert_eq!(status.code(), Some(0));

    // A start after a clean end finds nothing to do.
    let life = home.start();
    assert_eq!(life.timeline(id), timeline);
    assert_eq!(wholes(&printer, body), had + 1, "{point}");
}

#[test]
fn an_attempt_that_is_recorded_is_in_doubt_though_no_byte_left() {
    check_doubt("traffic-after-commit", &small(), 0..=0);
    check_doubt("traffic-before-send", &small(), 0..=0);
}

#[test]
fn a_job_of_which_a_part_was_sent_is_in_doubt() {
    check_doubt("print-between-chunks", &large(), 0..=0);
}

#[test]
fn a_job_that_was_sent_whole_is_in_doubt() {
    check_doubt("print-after-last-byte", &small(), 1..=1);
    check_doubt("print-after-last-byte", &large(), 1..=1);
}

#[test]
fn a_final_word_that_was_heard_and_not_recorded_is_in_doubt() {
    check_doubt("traffic-before-end", &small(), 1..=1);
}

/// A directory knows what stands in it, so nothing is ever printed twice into it.
#[test]
fn a_directory_is_asked_and_prints_once_wherever_the_server_died() {
    let points = [
        "traffic-after-commit",
        "traffic-before-send",
        "print-between-chunks",
        "print-after-last-byte",
        "file-before-name",
        "file-named",
        "traffic-before-end",
    ];
    for point in points {
        let home = Home::new(&[("paper", "file:STATE/printed")]);
        let id = die_in_printing(&home, point, "paper", &large());
        let mut life = home.start();
        life.job_is(id, "completed");
        assert_eq!(home.files("printed").len(), 1, "{point}: {:?}", home.files("printed"));
        assert_eq!(home.printed(), [large()], "{point}");
        let timeline = life.timeline(id);
        assert!(timeline.iter().all(|entry| entry["reason"] != MAY), "{point}: {timeline:?}");
        let again = first(&timeline, "print-again");
        let printed = matches!(point, "file-named" | "traffic-before-end");
        assert_eq!(again.is_none(), printed, "{point}: {:?}", kinds(&timeline));
        check_key(&life, "paper", &large(), id);
    }
}

#[test]
fn a_cancel_that_was_recorded_and_not_told_is_carried_out() {
    let printer = FakePrinter::start(Behaviour::NeverRead);
    let home = Home::new(&[("office", &printer.uri())]);
    let mut life = home.start_dying("cancel-before-tell=1*return(kill)");
    life.ready();
    let body = body_of(8_000_000);
    let id = id_of(&life.submit("office", KEY, &body).unwrap());
    printer.connected(1);
    life.job_is(id, "transmitting");
    // The answer is on its way when it dies; whether it arrives is not the point.
    let _ = life.line().unwrap().send("POST", &format!("/api/v1/jobs/{id}/cancel"), &[], b"");
    life.died();

    printer.behave(Behaviour::Normal);
    let mut life = home.start();
    let job = life.job_is(id, "canceled");
    assert_eq!(job["cancel_flag"], true, "{job}");
    check_key(&life, "office", &body, id);
    // Another job shows that the printer is free, and that nothing came between.
    let next = id_of(&life.submit("office", "next", &small()).unwrap());
    life.job_is(next, "completed");
    printer.hang_up();
    assert_eq!((wholes(&printer, &body), wholes(&printer, &small())), (0, 1));
}

#[test]
fn bodies_whose_records_are_gone_are_swept() {
    let home = Home::new(&[("paper", "file:STATE/printed")]);
    let mut life = home.start_dying("body-before-remove=1*return(kill)");
    life.ready();
    let id = id_of(&life.submit("paper", KEY, &large()).unwrap());
    let job = life.job_is(id, "completed");
    let target = format!("/api/v1/documents/{}", job["document_id"]);
    // The answer may come or not: the body goes after the record, and nobody waits for it.
    let _ = life.line().unwrap().send("DELETE", &target, &[], b"");
    life.died();
    assert_eq!(home.files("documents").len(), 1, "it died too late");

    let mut life = home.start();
    life.until("the body is swept", |_| home.files("documents").is_empty().then_some(()));
    life.job_is(id, "completed");
    let gone = life.get(&target);
    assert_eq!(gone.status, 404, "{gone:?}");
    assert_eq!(home.printed(), [large()]);
}

/// Numbers are reserved in blocks. Dying between a reservation and its use skips them, and gives none twice.
#[test]
fn numbers_are_given_once() {
    let home = Home::new(&[("paper", "file:STATE/printed")]);
    let mut last = 0;
    for round in 0..3 {
        let life = home.start();
        for n in 0..3 {
            let id = id_of(&life.submit("paper", &format!("{round}-{n}"), &small()).unwrap());
            assert!(id > last, "{id} after {last}");
            last = id;
        }
        life.kill();
        home.start_dying("numbers-reserved=1*return(kill)").died();
    }
}
