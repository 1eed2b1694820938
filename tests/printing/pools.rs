//! Printers that share a queue, and jobs that leave a printer which fails.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{Server, pool, printer};
use crate::support::sink::Endless;
use crate::support::wait::Stopwatch;

/// Short times, so that what takes minutes in an office takes moments here.
const QUICK: &str = r#"
[watch]
stall = "300ms"
[retry]
backoff = ["100ms", "1s"]
grace = "300ms"
"#;

/// Nobody waits for a member that fails: far less than what it takes to find out that a host is silent (10 s), and
/// far more than is meant to be (0.25 s and 0.5 s), since the machine may be busy.
const AT_ONCE: Duration = Duration::from_secs(3);

/// More than the operating system takes for a printer that does not read.
const LARGE: u64 = 16 << 20;

/// A server with these printers, in a pool named `floor` with this policy.
fn floor(policy: &str, printers: &[(&str, String)]) -> Server {
    let mut text = QUICK.to_owned();
    for (name, uri) in printers {
        text.push_str(&printer(name, uri, ""));
    }
    let names: Vec<&str> = printers.iter().map(|(name, _)| *name).collect();
    Server::start(&format!("{text}{}", pool("floor", &names, policy)))
}

fn two(policy: &str, a: &FakePrinter, b: &FakePrinter) -> Server {
    floor(policy, &[("a", a.uri()), ("b", b.uri())])
}

fn message(job: &Value) -> &str {
    job["message"].as_str().unwrap()
}

/// A host that is off: it answers nothing, since its queue of connections is full.
struct Silent {
    listener: Socket,
    _full: Vec<Socket>,
}

impl Silent {
    fn new() -> Silent {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let fill = |_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // «In progress» is what is wanted.
            let _ = socket.connect(&address);
            socket
        };
        let _full = (0..8).map(fill).collect();
        Silent { listener, _full }
    }

    fn uri(&self) -> String {
        let address = self.listener.local_addr().unwrap().as_socket().unwrap();
        format!("socket://{address}")
    }
}

#[test]
fn ptm_10_a_job_of_a_pool_comes_out_of_the_mate_of_a_printer_that_refuses() {
    for policy in ["least-completion-time", "round-robin", "first-available"] {
        let (mut a, b) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
        a.refuse();
        let server = two(policy, &a, &b);
        for n in 1..=3 {
            let watch = Stopwatch::start();
            let job = server.submit("printer=floor", b"page");
            assert_eq!(b.documents(n).len(), n);
            println!("{policy}: out after {:?}", watch.elapsed());
            assert!(watch.elapsed() < AT_ONCE, "{policy}: {:?}", watch.elapsed());
            let done = server.until(job, "completed");
            assert_eq!((&done["printer"], &done["assigned_printer"]), (&json!("floor"), &json!("b")));
            assert_eq!(done["attempts"], 1, "what was not sent is no attempt");
        }
    }
}

#[test]
fn ptm_10_a_job_that_breaks_in_the_middle_is_printed_whole_by_the_mate() {
    let (a, b) = (FakePrinter::start(Behaviour::ResetAfter(10_000)), FakePrinter::start(Behaviour::Normal));
    let server = two("first-available", &a, &b);
    let document = Endless::bytes(LARGE);
    let watch = Stopwatch::start();
    let job = server.submit("printer=floor", &document);
    assert!(b.documents(1) == [document], "not the one whole document");
    println!("out of the mate after {:?}", watch.elapsed());
    let done = server.until(job, "completed");
    assert_eq!((&done["attempts"], &done["assigned_printer"]), (&json!(2), &json!("b")));
    assert_eq!(a.connections(), 1, "it is not tried with this job again");
    let kinds = server.kinds(job);
    assert_eq!(kinds.iter().filter(|kind| *kind == "print-again").count(), 1, "{kinds:?}");
}

#[test]
fn ptm_10_a_member_that_takes_no_more_loses_its_job_to_a_mate() {
    let (a, b) = (FakePrinter::start(Behaviour::NeverRead), FakePrinter::start(Behaviour::Normal));
    let server = two("first-available", &a, &b);
    let document = Endless::bytes(LARGE);
    let job = server.submit("printer=floor", &document);
    assert!(b.documents(1) == [document], "not the one whole document");
    let done = server.until(job, "completed");
    assert_eq!((&done["attempts"], &done["assigned_printer"]), (&json!(2), &json!("b")));
    let again = server.timeline(job).into_iter().find(|entry| entry["kind"] == "print-again").unwrap();
    assert!(message(&again).contains("took no more data"), "{again:#}");
    assert_eq!(again["printer"], Value::Null, "nobody has it then");
}

#[test]
fn where_a_person_is_to_be_asked_a_started_job_stays_with_its_printer() {
    let (a, b) = (FakePrinter::start(Behaviour::NeverRead), FakePrinter::start(Behaviour::Normal));
    let text = format!(
        "{QUICK}{}{}{}",
        printer("a", &a.uri(), "when_in_doubt = \"hold\""),
        printer("b", &b.uri(), ""),
        pool("floor", &["a", "b"], "first-available")
    );
    let server = Server::start(&text);
    let job = server.submit("printer=floor", &Endless::bytes(LARGE));
    let blocked = |job: &Value| job["reasons"].to_string().contains("printer-takes-no-data");
    server.until_job(job, "it is blocked", blocked);
    // Another one goes out meanwhile, after which the watch has looked again.
    for n in 0..3 {
        server.until(server.submit("printer=floor", format!("{n}").as_bytes()), "completed");
    }
    assert_eq!(server.job(job)["status"], "transmitting");
    assert_eq!(b.documents(3).len(), 3);
}

#[test]
fn ptm_12_a_pool_does_not_wait_for_a_member_that_is_off() {
    let (off, b) = (Silent::new(), FakePrinter::start(Behaviour::Normal));
    let server = floor("first-available", &[("a", off.uri()), ("b", b.uri())]);
    for n in 1..=5 {
        let watch = Stopwatch::start();
        let job = server.submit("printer=floor", b"page");
        assert_eq!(b.documents(n).len(), n);
        println!("out after {:?}", watch.elapsed());
        assert!(watch.elapsed() < AT_ONCE, "{:?}", watch.elapsed());
        assert_eq!(server.until(job, "completed")["assigned_printer"], "b");
    }
}

#[test]
fn a_paused_member_takes_nothing_and_the_others_do() {
    let (a, b) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let server = two("first-available", &a, &b);
    server.post("/api/v1/printers/a/pause", None).expect(200);
    assert_eq!(server.until(server.submit("printer=floor", b"1"), "completed")["assigned_printer"], "b");
    server.post("/api/v1/printers/b/pause", None).expect(200);
    let job = server.submit("printer=floor", b"2");
    let waits = server.job(job);
    assert!(message(&waits).contains("no printer of floor can print now: a (paused"), "{waits:#}");
    server.post("/api/v1/printers/a/resume", None).expect(200);
    assert_eq!(server.until(job, "completed")["assigned_printer"], "a");
}

#[test]
fn when_all_members_are_down_the_first_that_is_back_prints() {
    let (mut a, mut b) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    a.refuse();
    b.refuse();
    let server = two("least-completion-time", &a, &b);
    let job = server.submit("printer=floor", b"page");
    let down = |job: &Value| {
        message(job).contains("a (the printer refuses connections; tried again at")
            && message(job).contains("b (the printer refuses connections; tried again at")
    };
    server.until_job(job, "it says who is down and when they are tried", down);
    b.listen();
    let watch = Stopwatch::start();
    assert_eq!(b.documents(1), [b"page"]);
    println!("back to last byte: {:?}", watch.elapsed());
    assert!(watch.elapsed() < AT_ONCE, "{:?}", watch.elapsed());
    assert_eq!(server.until(job, "completed")["assigned_printer"], "b");
}

#[test]
fn in_turns_every_member_gets_as_many() {
    let printers = [(); 3].map(|()| FakePrinter::start(Behaviour::Normal));
    let [a, b, c] = &printers;
    let server = floor("round-robin", &[("a", a.uri()), ("b", b.uri()), ("c", c.uri())]);
    for n in 0..9 {
        server.until(server.submit("printer=floor", format!("page {n}").as_bytes()), "completed");
    }
    for (no, fake) in printers.iter().enumerate() {
        assert_eq!(fake.documents(3).len(), 3, "printer {no}");
    }
}

#[test]
fn the_first_available_gets_what_it_can_and_the_next_the_rest() {
    let (a, b) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let server = two("first-available", &a, &b);
    for n in 0..5 {
        let done = server.until(server.submit("printer=floor", format!("page {n}").as_bytes()), "completed");
        assert_eq!(done["assigned_printer"], "a", "page {n}");
    }
    a.behave(Behaviour::NeverClose);
    let long = server.submit("printer=floor", b"long");
    a.received(5 * b"page 0".len() + b"long".len());
    let done = server.until(server.submit("printer=floor", b"meanwhile"), "completed");
    assert_eq!(done["assigned_printer"], "b");
    a.hang_up();
    server.until(long, "completed");
}

#[test]
fn the_faster_printer_is_learned_and_gets_the_job() {
    let (slow, fast) =
        (FakePrinter::start(Behaviour::SlowRead(400_000)), FakePrinter::start(Behaviour::Normal));
    let server = two("least-completion-time", &slow, &fast);
    let document = Endless::bytes(200_000);
    // Each is known by a job that is addressed to it.
    for name in ["a", "b"] {
        server.until(server.submit(&format!("printer={name}"), &document), "completed");
    }
    for n in 0..4 {
        let done = server.until(server.submit("printer=floor", &document), "completed");
        assert_eq!(done["assigned_printer"], "b", "job {n}");
    }
    // Both are busy, and the wait can be told.
    fast.behave(Behaviour::NeverClose);
    slow.behave(Behaviour::NeverClose);
    let jobs: Vec<u64> = (0..6).map(|_| server.submit("printer=floor", &document)).collect();
    server.wait("the pool tells how long it takes", || {
        server.get("/api/v1/pools/floor")["expected_wait_s"].as_u64()
    });
    assert!(server.printer("a")["expected_wait_s"].is_u64());
    jobs.into_iter().for_each(|job| drop(server.control(job, "cancel")));
}

#[test]
fn a_job_goes_to_a_member_that_prints_its_format() {
    let (pdf, text) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    let configuration = format!(
        "{QUICK}{}{}{}",
        printer("a", &pdf.uri(), "format = \"application/pdf\""),
        printer("b", &text.uri(), "format = \"text/plain\""),
        pool("floor", &["a", "b"], "first-available")
    );
    let server = Server::start(&configuration);
    assert_eq!(server.until(server.submit("printer=floor", b"words"), "completed")["assigned_printer"], "b");
    assert_eq!(
        server.until(server.submit("printer=floor", b"%PDF-1.7"), "completed")["assigned_printer"],
        "a"
    );
    let nobody = server.submit("printer=floor", b"UNIRAST\0");
    assert!(message(&server.job(nobody)).contains("no printer of floor prints image/urf"));
    // It does not hold up those behind it.
    for n in 0..5 {
        server.until(server.submit("printer=floor", format!("{n}").as_bytes()), "completed");
    }
    assert_eq!(server.job(nobody)["status"], "waiting");
    // Addressed to a printer it is that device's own business.
    server.post(&format!("/api/v1/jobs/{nobody}/move"), Some(json!({"printer": "a"}))).expect(200);
    server.until(nobody, "completed");
}

#[test]
fn ptm_10_jobs_that_are_addressed_to_a_printer_move_after_the_grace_in_their_order() {
    let (mut a, b) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::Normal));
    a.refuse();
    let text = format!(
        "{}{}{}{}",
        // All have come before the first moves.
        QUICK.replace("grace = \"300ms\"", "grace = \"3s\""),
        printer("a", &a.uri(), ""),
        printer("b", &b.uri(), ""),
        pool("floor", &["a", "b"], "least-completion-time")
    );
    let server = Server::start(&text);
    let submit = |priority: u32| {
        server.submit(&format!("printer=a&priority={priority}"), format!("priority {priority}").as_bytes())
    };
    let jobs = [20, 80, 50].map(submit);
    let held = server.submit("printer=a&hold=true", b"held");
    assert_eq!(b.documents(3), [b"priority 80".as_slice(), b"priority 50", b"priority 20"]);
    for job in jobs {
        let done = server.until(job, "completed");
        assert_eq!((&done["printer"], &done["assigned_printer"]), (&json!("a"), &json!("b")));
        let rerouted = server.timeline(job).into_iter().find(|entry| entry["kind"] == "rerouted").unwrap();
        assert_eq!(rerouted["source"], "system");
        assert!(message(&rerouted).contains("moved to the queue of floor"), "{rerouted:#}");
        assert!(message(&rerouted).contains("the printer refuses connections"), "{rerouted:#}");
    }
    let held = server.job(held);
    assert_eq!((&held["status"], &held["printer"]), (&json!("held"), &json!("a")), "held jobs stay");
}

#[test]
fn ptm_10_a_rerouted_job_may_come_out_of_its_own_printer_when_that_is_back() {
    let (mut a, b) = (FakePrinter::start(Behaviour::Normal), FakePrinter::start(Behaviour::NeverClose));
    a.refuse();
    let server = two("least-completion-time", &a, &b);
    let busy = server.submit("printer=b", b"busy");
    b.received(b"busy".len());
    let job = server.submit("printer=a", b"page");
    let moved = |job: &Value| message(job).contains("moved away from a, which could not print");
    server.until_job(job, "it has moved", moved);
    a.listen();
    assert_eq!(server.until(job, "completed")["assigned_printer"], "a");
    b.hang_up();
    server.until(busy, "completed");
}

#[test]
fn ptm_10_a_printer_that_never_reroutes_keeps_its_jobs_and_one_with_a_named_queue_sends_them_there() {
    let (mut a, b, mut c) = (
        FakePrinter::start(Behaviour::Normal),
        FakePrinter::start(Behaviour::Normal),
        FakePrinter::start(Behaviour::Normal),
    );
    a.refuse();
    c.refuse();
    let text = format!(
        "{QUICK}{}{}{}{}",
        printer("a", &a.uri(), "reroute = \"never\""),
        printer("b", &b.uri(), ""),
        printer("c", &c.uri(), "reroute = \"b\""),
        pool("floor", &["a", "b"], "first-available")
    );
    let server = Server::start(&text);
    let stays = server.submit("printer=a", b"stays");
    let goes = server.submit("printer=c", b"goes");
    let done = server.until(goes, "completed");
    assert_eq!((&done["printer"], &done["assigned_printer"]), (&json!("c"), &json!("b")));
    // Whoever looks after the printers has looked at both: the other one came first.
    assert_eq!(server.until(server.submit("printer=c", b"2"), "completed")["assigned_printer"], "b");
    assert!(!server.kinds(stays).contains(&"rerouted".to_owned()));
    a.listen();
    assert_eq!(server.until(stays, "completed")["assigned_printer"], "a");
}

#[test]
fn ptm_10_a_paused_printer_keeps_its_jobs_and_a_broken_one_loses_them() {
    let (a, b) = (FakePrinter::start(Behaviour::ResetAfter(10_000)), FakePrinter::start(Behaviour::Normal));
    let server = two("first-available", &a, &b);
    server.post("/api/v1/printers/a/pause", None).expect(200);
    let stays = server.submit("printer=a", b"small");
    let document = Endless::bytes(LARGE);
    server.until(server.submit("printer=floor", &document), "completed");
    assert!(!server.kinds(stays).contains(&"rerouted".to_owned()));
    server.control(stays, "cancel").expect(200);
    server.post("/api/v1/printers/a/resume", None).expect(200);
    let breaks = server.submit("printer=a", &document);
    let done = server.until(breaks, "completed");
    assert_eq!((&done["printer"], &done["assigned_printer"]), (&json!("a"), &json!("b")), "{done:#}");
    assert!(server.kinds(breaks).contains(&"rerouted".to_owned()));
}
