//! Clients that hold on to what they have begun, devices that never answer, readers that do not read: nobody else
//! notices, and a stop is a stop.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

use serde_json::Value;

use rustix::process::Signal;
use support::client::{Answer, Place, Stream};
use support::home::{Line, id_of};
use support::server::{Server, printer, sum};
use support::sink::Sink;
use support::sleeper::Sleeper;
use support::wait::{PATIENCE, Stopwatch, wait_until};

/// Clients that have sent half a request; as many large bodies are among them as are taken at once.
const HALVES: usize = 256;
const LARGE_HALVES: usize = 64;
/// Too large to be kept in memory.
const LARGE_BYTES: usize = 300_000;

/// An answer that takes longer is a freeze. Far more than what is promised, since the machine may be busy.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Three times the deadlines for the head (10 s) and for each piece of the body (30 s).
const HEAD_MAX: Duration = Duration::from_secs(30);
const BODY_MAX: Duration = Duration::from_secs(90);

/// What is being sent has 10 s to end, and who is still sending 10 s to hear the answer; three times that.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Jobs that are submitted under these conditions; each is an event at least, and more than 1000 events behind a
/// reader of events is let go.
const JOBS: usize = 1500;
/// Readers of events that do not read.
const READERS: usize = 4;

/// The connection of a client that has sent half a request, and how long it may be held open.
struct Half {
    stream: Stream,
    longest: Duration,
}

/// Half requests of all kinds, on the network and on the socket.
fn halves(server: &Server) -> Vec<Half> {
    let half = |n: usize| {
        let place = if n.is_multiple_of(8) { server.socket() } else { server.tcp() };
        let submission = |bytes: usize, sent: usize| {
            let head =
                [("content-length", &*bytes.to_string()), ("content-type", "application/octet-stream")];
            let mut stream = place.begin("POST", "/api/v1/jobs?printer=good", &head).unwrap();
            stream.write_all(&vec![b'x'; sent]).unwrap();
            Half { stream, longest: BODY_MAX }
        };
        match n {
            ..LARGE_HALVES => submission(LARGE_BYTES, 2 * LARGE_BYTES / 3),
            _ if n.is_multiple_of(2) => submission(1000, 500),
            _ => {
                let mut stream = place.connect().unwrap();
                stream.write_all(b"GET /api/v1/printers HTTP/1.1\r\nhost: local").unwrap();
                Half { stream, longest: HEAD_MAX }
            }
        }
    };
    let all = (0..HALVES).map(half).collect();
    let uploads = || server.figure("spool_uploads") == LARGE_HALVES as u64;
    wait_until("the large halves are being received", PATIENCE, || uploads().then_some(()));
    all
}

/// Does it within the time in which nobody thinks of a freeze.
fn at_once<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let watch = Stopwatch::start();
    let done = act();
    let took = watch.elapsed();
    println!("{what}: {took:?}");
    assert!(took < ANSWER_MAX, "{what} took {took:?}");
    done
}

/// A printer that prints, one that is off, and one whose name means nothing.
fn configuration(good: &Sink, off: &Sleeper) -> String {
    let all = [("good", good.uri()), ("off", off.uri()), ("lost", "socket://printer.invalid".to_owned())];
    let printers: String = all.iter().map(|(name, uri)| printer(name, uri, "")).collect();
    format!("[limits]\nfree_disk = \"1MiB\"\n{printers}")
}

/// Opens the event stream, and hears that it is connected.
fn reader(place: &Place) -> Stream {
    let mut stream = place.begin("GET", "/api/v1/events", &[("accept", "text/event-stream")]).unwrap();
    let mut some = [0; 16];
    stream.read_exact(&mut some).unwrap();
    assert_eq!(&some, b"HTTP/1.1 200 OK\r");
    stream
}

fn large_upload(place: &Place) -> Answer {
    let body = vec![b'x'; LARGE_BYTES];
    let headers = [("content-type", "application/octet-stream")];
    place.send("POST", "/api/v1/jobs?printer=good", &headers, &body).unwrap()
}

/// Whoever wants something of the server gets it.
fn use_it(server: &Server, good: &Sink) {
    let page = at_once("the page", || server.tcp().send("GET", "/", &[], b"").unwrap());
    assert_eq!(page.status, 200, "{page:?}");
    let printers = at_once("the printers", || server.tcp().get("/api/v1/printers"));
    assert_eq!(printers["printers"].as_array().unwrap().len(), 3);
    let job = at_once("a job", || server.submit("printer=good", b"page"));
    at_once("its paper", || assert_eq!(good.next(), sum(&b"page"[..])));
    at_once("its end", || server.until(job, "completed"));
    let waits = at_once("a job that waits", || server.submit("printer=off", b"page"));
    at_once("its end by a cancel", || server.control(waits, "cancel").expect(200));
    assert_eq!(server.job(waits)["status"], "canceled");
}

/// Many jobs, each answered at once.
fn submit_many(server: &Server) {
    let mut line = Line::new(&server.socket()).unwrap();
    let mut longest = Duration::ZERO;
    for n in 0..JOBS {
        let watch = Stopwatch::start();
        let queue = if n.is_multiple_of(2) { "off" } else { "lost" };
        id_of(&line.submit(queue, &format!("k{n}"), b"page").unwrap());
        longest = longest.max(watch.elapsed());
    }
    println!("{JOBS} jobs, the slowest answered after {longest:?}");
    assert!(longest < ANSWER_MAX, "{longest:?}");
}

#[test]
fn whoever_hangs_holds_up_nobody_else_and_no_stop() {
    let (good, off) = (Sink::start(), Sleeper::new());
    let mut server = Server::start(&configuration(&good, &off));
    let readers: Vec<Stream> = (0..READERS).map(|_| reader(&server.socket())).collect();
    let halves_held = halves(&server);
    for name in ["off", "lost"] {
        server.submit(&format!("printer={name}"), b"page");
    }
    server.wait("both are known not to be ready", || {
        let waits = |name: &str, why: &str| server.printer(name)["reasons"].to_string().contains(why);
        (waits("off", "asleep") && waits("lost", "name-unresolved")).then_some(())
    });
    submit_many(&server);
    use_it(&server, &good);
    let crowded = at_once("a large job", || large_upload(&server.tcp()));
    crowded.clone().refused(429, "busy");
    assert!(crowded.header("retry-after").is_some(), "{crowded:?}");

    let waiting = |server: &Server| server.get("/api/v1/jobs?limit=1")["counts"]["jobs"].clone();
    let before = waiting(&server);
    let watch = Stopwatch::start();
    server.signal(Signal::TERM);
    assert!(server.ended(STOP_MAX).success());
    println!("stopped after {:?}", watch.elapsed());
    drop((halves_held, readers));
    server.restart();
    assert_eq!(waiting(&server), before, "jobs that waited");
    use_it(&server, &good);
}

/// The end of a stream that nobody has read so far; what came before it.
fn rest(mut stream: Stream, longest: Duration) -> String {
    stream.set_read_timeout(longest).unwrap();
    let mut all = Vec::new();
    // A reset is an end as well.
    let ended = stream.read_to_end(&mut all);
    let open = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!open, "it was held open for {longest:?}");
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn who_sends_half_a_request_is_let_go_and_makes_room() {
    let (good, off) = (Sink::start(), Sleeper::new());
    let server = Server::start(&configuration(&good, &off));
    for half in halves(&server) {
        let said = rest(half.stream, half.longest);
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    }
    wait_until("their places are free", PATIENCE, || (server.figure("spool_uploads") == 0).then_some(()));
    assert_eq!(at_once("a large job", || large_upload(&server.tcp())).status, 201);
    assert_eq!(good.next().0, LARGE_BYTES as u64);
    let halves: Vec<Value> = server.socket().jobs("&printer=good");
    assert_eq!(halves.len(), 1, "of half a document nothing is kept: {halves:#?}");
}

#[test]
fn a_reader_of_events_that_does_not_read_is_let_go_when_it_does() {
    let (good, off) = (Sink::start(), Sleeper::new());
    let server = Server::start(&configuration(&good, &off));
    let lazy = reader(&server.socket());
    submit_many(&server);
    let told = rest(lazy, BODY_MAX);
    let events = told.matches("event: job").count();
    println!("it was told {events} events of {JOBS} jobs");
    assert!(events < JOBS, "it was told all");
    // It comes back and goes on where it was.
    let last = told.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let headers = [("accept", "text/event-stream"), ("last-event-id", last)];
    let stream = server.socket().begin("GET", "/api/v1/events", &headers).unwrap();
    let newest = server.submit("printer=good", b"page");
    let begin = format!("data: {{\"id\":{newest},");
    let mut missed = 0;
    for line in BufReader::new(stream).lines().map(Result::unwrap) {
        missed += usize::from(line == "event: job");
        if line.starts_with(&begin) {
            break;
        }
    }
    assert!(missed > JOBS - events, "it has heard of {events} and of {missed} more");
}
