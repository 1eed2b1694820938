//! Jobs that are addressed to a printer which fails, and those who are told.

use std::time::Duration;

use serde_json::json;

use crate::stage::{QUICK, STALL, entries, floor, in_time, message, next_prints};
use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{Server, printer};
use crate::support::sleeper::Sleeper;
use crate::support::wait::Stopwatch;

/// `retry.grace` in these tests, and how often it is looked whether it is over.
const GRACE: Duration = Duration::from_millis(300 + 500);

#[test]
fn ptm_10_the_submitter_is_told_of_a_move_by_timeline_event_and_message() {
    let (mut a, mate) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::NeverClose));
    a.refuse();
    let server = floor(&a.uri(), &mate);
    // The mate is busy, so that the job is seen where it has moved to.
    let busy = server.submit("printer=b", b"busy");
    mate.received(b"busy".len());
    let mut job = 0;
    let watch = Stopwatch::start();
    let events = server.events_of(
        || job = server.submit("printer=a&priority=77", b"page"),
        |_, data| data["message"].as_str().is_some_and(|said| said.contains("moved away from a")),
    );
    in_time("moved", watch.elapsed(), GRACE);
    let (name, last) = events.last().unwrap();
    assert_eq!((name.as_str(), &last["id"]), ("job", &json!(job)), "{events:#?}");
    let moved = server.job(job);
    assert!(message(&moved).contains("moved away from a, which could not print"), "{moved:#}");
    assert_eq!(
        (&moved["printer"], &moved["priority"], &moved["attempts"]),
        (&json!("a"), &json!(77), &json!(0))
    );
    let told = entries(&server, job, "rerouted");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(message(&told[0]).contains("moved to the queue of floor with its age and priority"), "{told:#?}");
    mate.behave(Behaviour::Normal);
    mate.hang_up();
    server.until(busy, "completed");
    assert_eq!(server.until(job, "completed")["assigned_printer"], "b");
    a.listen();
    next_prints(&server);
}

/// A call that wakes nobody is no reason to wait for longer.
#[test]
fn ptm_12_a_job_whose_printer_is_called_in_vain_moves_after_the_grace() {
    let (sleeper, mate) = (Sleeper::new(), FakePrinter::start(Behaviour::Normal));
    let a = printer("a", &sleeper.uri(), "mac = \"00:11:22:33:44:55\"");
    let pool = "[[pool]]\nname = \"floor\"\nmembers = [\"a\", \"b\"]\n";
    let server = Server::start(&format!("{QUICK}{a}{}{pool}", printer("b", &mate.uri(), "")));
    let job = server.submit("printer=a", b"page");
    let watch = Stopwatch::start();
    assert_eq!(mate.documents(1), [b"page"]);
    // It is found to be silent first, which takes `watch.connect`.
    in_time("out of the mate", watch.elapsed(), STALL + GRACE);
    let done = server.until(job, "completed");
    assert_eq!((&done["printer"], &done["assigned_printer"]), (&json!("a"), &json!("b")));
    for kind in ["printer-woken", "rerouted"] {
        assert_eq!(entries(&server, job, kind).len(), 1, "{:?}", server.kinds(job));
    }
    let paper = sleeper.wakes();
    next_prints(&server);
    assert_eq!(paper.recv().unwrap(), b"next");
}

/// Of a pool that sleeps its job hears once.
#[test]
fn a_job_of_a_pool_that_sleeps_is_told_once() {
    let sleepers = [(); 3].map(|()| Sleeper::new());
    let names = ["a", "b", "c"];
    let printers: String =
        names.iter().zip(&sleepers).map(|(name, sleeper)| printer(name, &sleeper.uri(), "")).collect();
    let pool = format!("[[pool]]\nname = \"floor\"\nmembers = {names:?}\n");
    let server = Server::start(&format!("{QUICK}{printers}{pool}"));
    let job = server.submit("printer=floor", b"page");
    let all = |job: &serde_json::Value| {
        names.iter().all(|name| message(job).contains(&format!("{name} (the printer does not answer")))
    };
    server.until_job(job, "it says that all of them sleep", all);
    // Each is tried some more times.
    for name in names {
        for _ in 0..3 {
            let before = server.printer(name)["next_try_at"].clone();
            server.wait("it is tried again", || {
                let next = server.printer(name)["next_try_at"].clone();
                (next.is_string() && next != before).then_some(())
            });
        }
    }
    let told = entries(&server, job, "printer-stopped");
    // Two that find out in the same instant may both say it.
    assert!((1..=2).contains(&told.len()), "{told:#?}");
    assert_eq!(told[0]["reason"], "asleep");
    let [first, ..] = sleepers;
    assert_eq!(first.wakes().recv().unwrap(), b"page");
    server.until(job, "completed");
}
