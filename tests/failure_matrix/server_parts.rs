//! Parts of the server that fail, in a pool. With planned failures, which only a build for tests has.

use serde_json::{Value, json};

use crate::stage::{LARGE, QUICK, entries, floor_text, has_reason, message, next_prints, shown, warm};
use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{Server, printer};
use crate::support::sink::Endless;
use crate::support::wait::{PATIENCE, wait_until};

fn with(settings: &str, a: &str, mate: &FakePrinter, failpoints: &str) -> Server {
    Server::start_with(&floor_text(settings, a, mate), &[("FAILPOINTS", failpoints)])
}

/// The thread that has this job at this printer; one whose printer waits for the last word says so.
fn worker_at(server: &Server, job: u64, printer: &str) -> Value {
    let it = |worker: &Value| {
        worker["job"] == job
            && worker["printer"] == printer
            && (printer == "a" || worker["stage"] == "awaiting-word")
    };
    // A beat is no event.
    wait_until("its thread is shown", PATIENCE, || server.workers().into_iter().find(it))
}

/// Both printers had the job; it has come out of the mate, and the timeline says why.
fn came_out_of_the_mate(server: &Server, job: u64, words: &str) {
    let done = server.until(job, "completed");
    assert_eq!((&done["assigned_printer"], &done["attempts"]), (&json!("b"), &json!(2)), "{done:#}");
    let again = entries(server, job, "print-again");
    assert_eq!(again.len(), 1, "{again:#?}");
    assert!(message(&again[0]).contains(words), "{again:#?}");
    assert_eq!(again[0]["source"], "system");
}

#[test]
fn ptm_7_a_job_whose_traffic_manager_panics_comes_out_of_the_mate() {
    let (a, mate) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::NeverClose));
    let server = with(QUICK, &a.uri(), &mate, "traffic-before-send=1*off->1*panic");
    warm(&server);
    let job = server.submit("printer=floor", b"page");
    let seen = worker_at(&server, job, "b");
    assert_eq!(seen["stage"], "awaiting-word", "{seen:#}");
    mate.behave(Behaviour::Normal);
    mate.hang_up();
    came_out_of_the_mate(&server, job, "the part of the server that serves the printer failed");
    assert_eq!(mate.documents(1), [b"page"]);
    next_prints(&server);
    assert_eq!(a.documents(2), [b"warm", b"next"], "it was printed once");
}

/// The second manager that begins is that of `b`; it fails at once, again and again.
#[test]
fn ptm_7_a_member_whose_traffic_manager_fails_again_and_again_is_left() {
    let (a, b) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let text = floor_text(QUICK, &a.uri(), &b).replace("[\"a\", \"b\"]", "[\"b\", \"a\"]");
    let server = Server::start_with(&text, &[("FAILPOINTS", "traffic-begin=1*off->5*panic")]);
    let addressed = server.submit("printer=b", b"addressed");
    for n in 0..3 {
        let job = server.submit("printer=floor", format!("{n}").as_bytes());
        assert_eq!(server.until(job, "completed")["assigned_printer"], "a");
    }
    let done = server.until(addressed, "completed");
    assert_eq!(done["attempts"], 1, "{done:#}");
    server.wait("b is served again", || {
        (server.log().matches("is made anew").count() == 5 && server.printer("b")["state"] == "idle")
            .then_some(())
    });
    let next = server.submit("printer=b", b"next");
    assert_eq!(server.until(next, "completed")["assigned_printer"], "b");
    server.wait("no thread is left", || server.workers().is_empty().then_some(()));
}

#[test]
fn ptm_7_a_job_whose_print_thread_is_stuck_comes_out_of_the_mate() {
    let (a, mate) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let settings = QUICK.replace("stall = \"300ms\"", "stall = \"1m\"\nworker = \"2s\"");
    let server = with(&settings, &a.uri(), &mate, "print-thread-beat=1*off->1*pause");
    // Nobody else is there when it is taken.
    server.post("/api/v1/printers/b/pause", None).expect(200);
    let job = server.submit("printer=floor", b"page");
    let seen = worker_at(&server, job, "a");
    assert_eq!((&seen["generation"], &seen["stage"]), (&json!(1), &json!("sending")), "{seen:#}");
    server.post("/api/v1/printers/b/resume", None).expect(200);
    came_out_of_the_mate(&server, job, "gave no sign of life");
    assert_eq!(mate.documents(1), [b"page"]);
    next_prints(&server);
}

#[test]
fn ptm_7_a_job_whose_print_thread_panics_comes_out_of_the_mate() {
    let mate = FakePrinter::start(Behaviour::NeverClose);
    let settings = QUICK.replace("stall = \"300ms\"", "stall = \"1m\"");
    let server = Server::start(&floor_text(&settings, "sim:?fail=panic@2", &mate));
    warm(&server);
    let document = Endless::bytes(200_000);
    let job = server.submit("printer=floor", &document);
    mate.received(document.len());
    worker_at(&server, job, "b");
    mate.behave(Behaviour::Normal);
    mate.hang_up();
    came_out_of_the_mate(&server, job, "the print thread failed");
    assert!(mate.documents(1) == [document], "not the one whole document");
    next_prints(&server);
}

/// A call to the file system hangs, and its traffic manager has failed: a second connection would mix two jobs.
/// Nothing is sent until the thread is back; what is addressed to the printer goes elsewhere meanwhile.
#[test]
fn ptm_7_a_device_that_hangs_and_cannot_be_shut_is_not_opened_twice() {
    let (folder, mate) = (tempfile::tempdir().unwrap(), FakePrinter::start(Behaviour::Normal));
    let access = format!("[access]\nfiles = [{:?}]\n", folder.path().display().to_string());
    let uri = format!("file:{}", folder.path().join("out").display());
    let points = "print-thread-beat=2*off->1*sleep(6000);traffic-after-commit=1*off->1*panic";
    let server = with(&format!("{access}{QUICK}"), &uri, &mate, points);
    let job = server.submit("printer=a", b"page");
    let seen = worker_at(&server, job, "a");
    let a = shown(&server, "shutdown");
    assert!(message(&a).contains("cannot be shut; nothing is sent until it ends"), "{a:#}");
    assert_eq!(worker_at(&server, job, "a")["name"], seen["name"], "the same thread has it");
    let other = server.submit("printer=a", b"other");
    let done = server.until(other, "completed");
    assert_eq!(done["assigned_printer"], "b", "{done:#}");
    assert!(has_reason(&server.printer("a"), "shutdown"), "it hangs no more");
    // It comes back by itself, and what had hung is printed once.
    let done = server.until(job, "completed");
    assert_eq!(done["assigned_printer"], "a", "{done:#}");
    let at = |entry: &Value| entry["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let begun = entries(&server, job, "attempt");
    let apart = at(&begun[1]).duration_since(at(&begun[0]));
    assert!(apart.as_secs() >= 5, "it was begun anew {apart} after, while the thread still hung");
    let files = || std::fs::read_dir(folder.path().join("out")).unwrap().count();
    assert_eq!(files(), 1);
    next_prints(&server);
    assert_eq!(files(), 2);
}

/// What the killed server had at the printer may have been printed: it comes out of the mate once, and says so.
#[test]
fn a_job_of_a_server_that_is_killed_comes_out_of_the_mate() {
    let (mut a, mate) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let settings = QUICK.replace("300ms\"\nsilence", "10m\"\nsilence");
    let mut server = Server::start(&floor_text(&settings, &a.uri(), &mate));
    warm(&server);
    a.behave(Behaviour::NeverRead);
    let document = Endless::bytes(LARGE);
    let job = server.submit("printer=floor", &document);
    server.until(job, "transmitting");
    assert_eq!(server.job(job)["assigned_printer"], "a");
    server.kill();
    a.refuse();
    a.hang_up();
    server.restart();
    assert!(mate.documents(1) == [document], "not the one whole document");
    came_out_of_the_mate(&server, job, "may have been printed and is printed once more");
    a.behave(Behaviour::Normal);
    a.listen();
    next_prints(&server);
}

/// A printer that leaves the configuration while it is a member stays for its own jobs; the pool goes on.
#[test]
fn a_member_that_leaves_the_configuration_leaves_its_pool_and_the_mate_prints() {
    let (mut a, mate) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    a.refuse();
    let settings = QUICK.replace("grace = \"300ms\"", "grace = \"1h\"");
    let server = Server::start(&floor_text(&settings, &a.uri(), &mate));
    let own = server.submit("printer=a", b"own");
    shown(&server, "connection-refused");
    let pool = "[[pool]]\nname = \"floor\"\nmembers = [\"b\"]\n";
    let text = format!("{settings}{}{pool}", printer("b", &mate.uri(), ""));
    std::fs::write(server.home().join("spool.toml"), text).unwrap();
    server.signal(rustix::process::Signal::HUP);
    server.wait("a stays for its job only", || (server.printer("a")["accepting"] == false).then_some(()));
    let shared = server.submit("printer=floor", b"shared");
    assert_eq!(server.until(shared, "completed")["assigned_printer"], "b");
    a.listen();
    assert_eq!(server.until(own, "completed")["assigned_printer"], "a");
    assert_eq!(a.documents(1), [b"own"]);
}
