//! Requests per second of a trivial handler over keep-alive connections: actix-web's `HttpServer` against our
//! listener, each in turn, from 1 and from 64 clients. Takes about 17 seconds; prints a table.
//!
//! Client and server share the machine's cores, so the figures compare the two servers and nothing else.

#![allow(clippy::disallowed_methods, reason = "a measurement uses the real clock and real time")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::{App, HttpServer, web};
use spool::server::http::listener::{Listener, ListenerConfig};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(600);
const CLIENTS: [usize; 2] = [1, 64];
const WORKERS: usize = 2;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";

fn main() {
    let servers = [("HttpServer", theirs()), ("listener", ours())];
    println!("{:<12} {:>8} {:>12} {:>12}", "server", "clients", "requests/s", "best");
    for clients in CLIENTS {
        // Turn by turn, so that a busy neighbour disturbs both.
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (index, (_, address)) in servers.iter().enumerate() {
                rates[index].push(rate(*address, clients));
            }
        }
        for ((name, _), rates) in servers.iter().zip(&mut rates) {
            rates.sort_by(f64::total_cmp);
            println!("{name:<12} {clients:>8} {:>12.0} {:>12.0}", rates[ROUNDS / 2], rates[ROUNDS - 1]);
        }
    }
}

async fn hello() -> &'static str {
    "hello"
}

fn theirs() -> SocketAddr {
    serve(|| {
        let server = HttpServer::new(|| App::new().route("/", web::get().to(hello)));
        let server = server.workers(WORKERS).disable_signals().bind("127.0.0.1:0").expect("a port");
        let address = server.addrs()[0];
        (server.run(), address)
    })
}

fn ours() -> SocketAddr {
    serve(|| {
        let config = ListenerConfig {
            addresses: vec!["127.0.0.1:0".parse().expect("an address")],
            workers: WORKERS,
            ..ListenerConfig::default()
        };
        let listener = Listener::bind(config).expect("a port");
        let address = listener.addresses()[0];
        let server = listener.serve(|_: &_, _: &_| Ok(()), || App::new().route("/", web::get().to(hello)));
        (server.expect("a server"), address)
    })
}

/// Runs a server for as long as the process lives.
fn serve(build: impl FnOnce() -> (actix_server::Server, SocketAddr) + Send + 'static) -> SocketAddr {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let (server, address) = build();
            tx.send(address).expect("main waits");
            server.await
        })
    });
    rx.recv().expect("the server starts")
}

/// Requests answered per second over one round.
fn rate(address: SocketAddr, clients: usize) -> f64 {
    let over = Arc::new(AtomicBool::new(false));
    let ready = Arc::new(Barrier::new(clients + 1));
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let (over, ready) = (Arc::clone(&over), Arc::clone(&ready));
            thread::spawn(move || client(address, &over, &ready))
        })
        .collect();
    ready.wait();
    let begun = Instant::now();
    thread::sleep(ROUND);
    over.store(true, Ordering::Relaxed);
    let answered: u64 = threads.into_iter().map(|thread| thread.join().expect("a client")).sum();
    answered as f64 / begun.elapsed().as_secs_f64()
}

fn client(address: SocketAddr, over: &AtomicBool, ready: &Barrier) -> u64 {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("an option");
    let mut answer = [0; 4096];
    ready.wait();
    let mut answered = 0;
    while !over.load(Ordering::Relaxed) {
        stream.write_all(REQUEST).expect("the server reads");
        // The answer is one small segment.
        let read = stream.read(&mut answer).expect("the server answers");
        assert!(answer[..read].ends_with(b"hello"), "{}", String::from_utf8_lossy(&answer[..read]));
        answered += 1;
    }
    answered
}
