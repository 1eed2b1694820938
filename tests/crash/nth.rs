//! The program dies at the first, the second, the third … time that it passes a point of the store, whatever
//! it is doing then.

use super::support::home::{Home, id_of};
use super::support::printer::{Behaviour, FakePrinter};
use super::{large, small, wholes};

/// So many times a point is passed before one dies there, at most.
const TIMES: usize = 8;

/// Every life submits once to a socket and once to a directory and is killed somewhere. The last one lives.
fn check_point(point: &str) {
    let printer = FakePrinter::start(Behaviour::Normal);
    let home = Home::new(&[("office", &printer.uri()), ("paper", "file:STATE/printed")]);
    let mut acknowledged: Vec<(String, u64)> = Vec::new();
    let mut deaths = 0;
    for times in 0..TIMES {
        let mut life = home.start_dying(&format!("{point}={times}*off->1*return(kill)"));
        let keys = [("office", format!("o{times}")), ("paper", format!("p{times}"))];
        for (printer, key) in &keys {
            let Ok(answer) = life.submit_when_ready(printer, key, &body(key)) else { continue };
            acknowledged.push((key.clone(), id_of(&answer)));
        }
        deaths += usize::from(life.dies_or_rests());
    }
    assert!(deaths > TIMES / 2, "{point} was passed too rarely: {deaths}");

    let mut life = home.start();
    for (key, id) in &acknowledged {
        let again = life.submit(queue(key), key, &body(key)).unwrap();
        assert_eq!((again.status, id_of(&again)), (200, *id), "{point}, {key}: {again:?}");
    }
    let keys = (0..TIMES).flat_map(|times| [format!("o{times}"), format!("p{times}")]);
    let submit = |key: String| {
        let id = id_of(&life.submit(queue(&key), &key, &body(&key)).unwrap());
        (key, id)
    };
    let all: Vec<(String, u64)> = keys.map(submit).collect();
    life.bring_to_an_end();
    for (key, id) in &all {
        let known = acknowledged.iter().filter(|(other, known)| other != key && known == id).count();
        assert_eq!(known, 0, "{point}: {key} got a number that another job has");
        check_copies(point, key, &life.timeline(*id), &printer, &home);
    }
    let jobs = life.jobs();
    assert_eq!(jobs.len(), 2 * TIMES, "{point}: {jobs:?}");
}

fn check_copies(point: &str, key: &str, timeline: &[serde_json::Value], printer: &FakePrinter, home: &Home) {
    assert_eq!(timeline.last().unwrap()["to"], "completed", "{point}, {key}: {timeline:?}");
    let again = timeline.iter().filter(|entry| entry["kind"] == "print-again" || entry["kind"] == "released");
    let again = again.count();
    if queue(key) == "paper" {
        let copies = home.printed().iter().filter(|printed| **printed == body(key)).count();
        assert_eq!(copies, 1, "{point}, {key}: {timeline:?}");
    } else {
        let copies = wholes(printer, &body(key));
        assert!((1..=1 + again).contains(&copies), "{point}, {key}: {copies} copies, {timeline:?}");
    }
}

fn queue(key: &str) -> &'static str {
    if key.starts_with('o') { "office" } else { "paper" }
}

/// Odd ones have a file of their own.
fn body(key: &str) -> Vec<u8> {
    let odd = key.as_bytes()[1] % 2 == 1;
    [key.as_bytes(), &if odd { large() } else { small() }].concat()
}

#[test]
fn between_the_journal_and_the_index_nothing_is_lost() {
    check_point("journal-synced");
}

#[test]
fn before_the_journal_is_synced_nothing_was_promised() {
    check_point("journal-before-sync");
}

/// At a start a checkpoint is made where there was something to replay; every second life leaves that.
#[test]
fn a_checkpoint_at_the_start_may_be_cut_short() {
    for point in ["checkpoint-begun", "checkpoint-flushed"] {
        let home = Home::new(&[("paper", "file:STATE/printed")]);
        let mut ids = Vec::new();
        for round in 0..3 {
            let life = home.start();
            ids.push(id_of(&life.submit("paper", &format!("p{round}"), &small()).unwrap()));
            life.kill();
            home.start_dying(&format!("{point}=1*return(kill)")).died();
        }
        let mut life = home.start();
        ids.iter().for_each(|id| drop(life.job_is(*id, "completed")));
        assert_eq!(home.printed().len(), ids.len());
    }
}

/// What is done every second or every few, while jobs come in without a pause: the index takes up what the journal has,
/// and is made durable.
#[test]
fn the_index_may_be_cut_short_under_load() {
    for point in ["index-half-applied", "index-applied", "checkpoint-begun", "checkpoint-flushed"] {
        let home = Home::new(&[("paper", "file:STATE/printed")]);
        home.start().kill();
        // The first is made at the start.
        let mut life = home.start_dying(&format!("{point}=1*off->1*return(kill)"));
        life.ready();
        let mut line = life.line().unwrap();
        let mut ids = Vec::new();
        while let Ok(answer) = line.send("POST", "/api/v1/jobs?printer=paper&hold=true", &[], b"x") {
            ids.push(id_of(&answer));
        }
        life.died();
        let life = home.start();
        let there: std::collections::BTreeSet<u64> =
            life.jobs().iter().map(|job| job["id"].as_u64().unwrap()).collect();
        let lost: Vec<&u64> = ids.iter().filter(|id| !there.contains(id)).collect();
        assert!(lost.is_empty() && ids.len() > 10, "{point}: {lost:?} of {} are lost", ids.len());
    }
}
