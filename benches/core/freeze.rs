//! Nobody is held up by what others do: clients that stop in the middle, a reader of events that does not read,
//! printers that are dead.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::support::client::Place;
use crate::support::home::Line;
use crate::support::sleeper::Sleeper;

use super::load;
use super::peer::{Peer, Plan, Queue, Then, Who};
use super::report::{Target, percentile_ms};
use super::request::{List, Request, is_success};
use super::sink::Sink;
use super::{Bench, SMALL};

/// Clients that have sent half a request, and say nothing more.
const HALF: usize = 256;
/// Many times what a reader of events may be behind.
const EVENTS: usize = 5000;
const EVENT_WRITERS: usize = 8;
/// Within the head.
const HALF_HEAD: usize = 40;
const CONNECT_MAX: Duration = Duration::from_secs(1);
const SAMPLES: usize = 2000;
/// Where answers are slow, fewer are waited for.
const LONGEST: Duration = Duration::from_secs(20);
/// More than this many milliseconds is a freeze, unless it is usual.
const FREEZE_MS: f64 = 20.0;
const USUAL: f64 = 3.0;
/// CUPS takes 100 connections by default, and would not answer the next.
const CUPS_SETTINGS: &str = "MaxJobs 0\nMaxClients 1000\n";

struct Seen {
    calm: Times,
    troubled: Times,
}

struct Times {
    lists: Vec<Duration>,
    submissions: Vec<Duration>,
}

pub fn measure(bench: &mut Bench) {
    let both = bench.alternating(1, round);
    type Which = fn(&Times) -> &[Duration];
    let kinds: [(&str, Which); 2] =
        [("printers", |times| &times.lists), ("submissions", |times| &times.submissions)];
    for (name, which) in kinds {
        let calm = both.map(|all| percentile_ms(which(&all[0].calm), 0.99));
        let troubled = both.map(|all| percentile_ms(which(&all[0].troubled), 0.99));
        let longest = both.map(|all| percentile_ms(which(&all[0].troubled), 1.0));
        let most = FREEZE_MS.max(USUAL * calm.spool);
        bench.report.add(format!("j-freeze {name} p99, calm"), "ms", calm, Target::Shown);
        bench.report.add(format!("j-freeze {name} p99"), "ms", troubled, Target::AtMost(most));
        bench.report.add(format!("j-freeze {name} longest"), "ms", longest, Target::Shown);
    }
}

fn round(who: Who) -> Seen {
    let (sink, asleep) = (Sink::start(), Sleeper::new());
    let uris = [sink.uri(), asleep.uri(), "socket://printer.invalid".to_owned()];
    let peer = Plan { printers: &uris, cups_settings: CUPS_SETTINGS, ..Plan::default() }.start(who);
    let calm = Watchers::of(&peer).watch();
    for printer in 1..uris.len() {
        peer.submission(Queue::Printer(printer), Then::Print, SMALL).send(&mut peer.line());
    }
    let _reader = (who == Who::Spool).then(|| reader_that_does_not_read(&peer.place()));
    load::submit(&peer, EVENT_WRITERS, EVENTS, 1, Then::Hold, SMALL);
    let watchers = Watchers::of(&peer);
    let _half = half_sent(&peer);
    Seen { calm, troubled: watchers.watch() }
}

/// A client that looks at the printers, and another that submits, both connected.
struct Watchers {
    list: (Line, Request),
    submission: (Line, Request),
}

impl Watchers {
    fn of(peer: &Peer) -> Watchers {
        let submission = peer.submission(Queue::Printer(0), Then::Hold, SMALL);
        Watchers { list: (peer.line(), peer.list(List::Printers)), submission: (peer.line(), submission) }
    }

    fn watch(self) -> Times {
        thread::scope(|scope| {
            let submissions = scope.spawn(|| sample(self.submission));
            let lists = sample(self.list);
            Times { lists, submissions: submissions.join().expect("it only submits") }
        })
    }
}

/// An answer that does not come counts with the time for which it was waited, a refusal with the longest, and is the
/// last.
fn sample((mut line, request): (Line, Request)) -> Vec<Duration> {
    let (began, mut times) = (Instant::now(), Vec::new());
    while times.len() < SAMPLES && began.elapsed() < LONGEST {
        let sent = Instant::now();
        match request.try_send(&mut line) {
            Ok(answer) if is_success(&answer) => times.push(sent.elapsed()),
            Ok(refusal) => {
                println!("refused: {refusal:?}");
                times.push(LONGEST);
                break;
            }
            Err(_) => {
                times.push(sent.elapsed());
                break;
            }
        }
    }
    times
}

/// Connections over which half a request has come: half of the head, or the head and half of the body.
/// A server that stands still by then takes fewer.
fn half_sent(peer: &Peer) -> Vec<TcpStream> {
    let half = peer.submission(Queue::Printer(0), Then::Hold, SMALL).first_half();
    let open = |number: usize| {
        let mut stream = TcpStream::connect_timeout(&address(&peer.place()), CONNECT_MAX).ok()?;
        let sent = if number.is_multiple_of(2) { &half[..HALF_HEAD] } else { &half };
        stream.write_all(sent).ok()?;
        Some(stream)
    };
    (0..HALF).map_while(open).collect()
}

fn address(place: &Place) -> SocketAddr {
    match place {
        Place::Tcp(address) => *address,
        Place::Unix(_) => unreachable!("it is measured over TCP"),
    }
}

/// It asks for the events, has little room for them, and reads none.
fn reader_that_does_not_read(place: &Place) -> Socket {
    let address = address(place);
    let mut socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("an option");
    socket.connect(&address.into()).expect("it listens");
    socket.write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("it reads");
    socket
}
