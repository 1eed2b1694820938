//! A thousand printers: what they cost at the start, at rest, and when most of them are dead.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::peer::{Peer, Then};
use crate::support::home::Home;

const PRINTERS: usize = 1000;
const LIVE: usize = 10;
/// Over which the use of the processor is measured.
const WATCHED: Duration = Duration::from_secs(20);
/// How long the server may need to find out who is dead, before it is measured: longer than a connection may take.
const SETTLED: Duration = Duration::from_secs(15);
/// The waits as they are by default.
const SETTINGS: &str = "[limits]\nfree_disk = \"1MiB\"\n";
/// A tick of the kernel's accounts, in milliseconds (USER_HZ is 100).
const TICK_MS: u64 = 10;

/// Printers that refuse, without a job.
pub fn idle(name: &str) {
    let refusing = closed_port();
    let home = home(|_| format!("socket://{refusing}"));
    let first = started(&home);
    let peer = Peer::spool(&home);
    thread::sleep(Duration::from_secs(2));
    row(name, cpu_over(pid(&peer), WATCHED), &peer, &format!("started in {first:.2} s"));
}

/// Ten that nobody prints to, and the rest of them dead in three ways, each with a job that waits.
pub fn dead(name: &str) {
    let (refusing, (blackhole, _full)) = (closed_port(), blackhole());
    let home = home(|n| match (n < LIVE, n % 3) {
        (false, 1) => format!("socket://printer-{n}.invalid"),
        (false, 2) => format!("socket://{blackhole}"),
        _ => format!("socket://{refusing}"),
    });
    let peer = Peer::spool(&home);
    let mut line = peer.line();
    for printer in LIVE..PRINTERS {
        peer.request(printer, Then::Print, &[b'x'; 1000]).send(&mut line);
    }
    thread::sleep(SETTLED);
    row(name, cpu_over(pid(&peer), WATCHED), &peer, "");
    drop(peer);
    let again = started(&home);
    println!("{:<16} started again with a job at each in {again:.2} s", "");
}

fn home(uri: impl Fn(usize) -> String) -> Home {
    let named: Vec<(String, String)> = (0..PRINTERS).map(|n| (format!("p{n}"), uri(n))).collect();
    let named: Vec<(&str, &str)> = named.iter().map(|(name, uri)| (&name[..], &uri[..])).collect();
    Home::with(SETTINGS, &named)
}

/// How long it takes until it takes jobs, in seconds; it is stopped again.
fn started(home: &Home) -> f64 {
    let began = Instant::now();
    let peer = Peer::spool(home);
    let took = began.elapsed().as_secs_f64();
    drop(peer);
    took
}

fn closed_port() -> SocketAddr {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

/// An address that does not answer, since its queue of connections is full.
fn blackhole() -> (SocketAddr, (Socket, Vec<TcpStream>)) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(1).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok();
    let filling = std::iter::from_fn(connect).collect();
    (address, (listener, filling))
}

fn pid(peer: &Peer<'_>) -> u32 {
    match peer {
        Peer::Spool(_, life) => life.pid(),
        Peer::Cups(_) => unreachable!("these cases are not run against CUPS"),
    }
}

/// Percent of one core.
fn cpu_over(pid: u32, watched: Duration) -> f64 {
    let before = cpu_ms(pid);
    thread::sleep(watched);
    (cpu_ms(pid) - before) as f64 / watched.as_millis() as f64 * 100.0
}

/// The processor time that a process has had (proc(5): fields 14 and 15 of `stat`).
fn cpu_ms(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap());
    ticks.sum::<u64>() * TICK_MS
}

fn row(name: &str, cpu: f64, peer: &Peer<'_>, note: &str) {
    let threads = fs::read_dir(format!("/proc/{}/task", pid(peer))).unwrap().count();
    println!("{name:<16} {cpu:>8.2} % of a core, {threads} threads, most {}  {note}", peer.memory());
}
