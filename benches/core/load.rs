//! Clients that submit as fast as they are answered.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::peer::{Peer, Queue, Then};
use super::request::Request;

/// What they saw.
pub struct Load {
    /// From the first submission to the last answer.
    pub took: Duration,
    /// How long each waited for each of its answers.
    pub times: Vec<Duration>,
}

/// So many clients, each with a connection of its own, submit `jobs` together, in turn to printers `p0`, `p1` and so
/// on.
pub fn submit(peer: &Peer, clients: usize, jobs: usize, printers: usize, then: Then, body: &[u8]) -> Load {
    let begin = Barrier::new(clients + 1);
    let client = |number: usize| {
        let mut line = peer.line();
        let request = peer.submission(Queue::Printer(number % printers), then, body);
        let own = jobs / clients + usize::from(number < jobs % clients);
        let mut times = Vec::with_capacity(own);
        begin.wait();
        for _ in 0..own {
            let sent = Instant::now();
            request.send(&mut line);
            times.push(sent.elapsed());
        }
        times
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|number| scope.spawn(move || client(number))).collect();
        begin.wait();
        let began = Instant::now();
        let times = clients.into_iter().flat_map(|client| client.join().expect("all is accepted")).collect();
        Load { took: began.elapsed(), times }
    })
}

/// How long each of so many answers to a request took, one after the other.
pub fn ask(peer: &Peer, request: &Request, times: usize) -> Vec<Duration> {
    let mut line = peer.line();
    let one = |_| {
        let sent = Instant::now();
        request.send(&mut line);
        sent.elapsed()
    };
    (0..times).map(one).collect()
}
