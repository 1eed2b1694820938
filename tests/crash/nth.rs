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
    for times in 0..TIMES {
        for key in [format!("o{times}"), format!("p{times}")] {
            let id = id_of(&life.submit(queue(&key), &key, &body(&key)).unwrap());
            let known = acknowledged.iter().filter(|(other, known)| *other != key && *known == id).count();
            assert_eq!(known, 0, "{point}: {key} got a number that another job has");
            life.job_is(id, "completed");
            check_copies(point, &key, &life.timeline(id), &printer, &home);
        }
    }
    let jobs = life.jobs();
    assert_eq!(jobs.len(), 2 * TIMES, "{point}: {jobs:?}");
}

fn check_copies(point: &str, key: &str, timeline: &[serde_json::Value], printer: &FakePrinter, home: &Home) {
    let again = timeline.iter().filter(|entry| entry["kind"] == "print-again").count();
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

#[test]
fn an_index_that_has_what_nobody_was_told_is_right() {
    check_point("index-applied");
}

#[test]
fn a_checkpoint_may_be_cut_short_anywhere() {
    check_point("checkpoint-begun");
    check_point("checkpoint-flushed");
}
