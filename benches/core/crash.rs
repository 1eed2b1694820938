//! The server is killed under load: what it had acknowledged must be there afterwards.

use std::thread;
use std::time::Duration;

use crate::support::client::Answer;

use super::peer::{ANY_JOBS, Peer, Plan, Queue, Then};
use super::report::Target;
use super::request::{is_success, job_of};
use super::sink::{Sink, uris};
use super::{Bench, SMALL};

const CLIENTS: usize = 8;
const LOAD: Duration = Duration::from_secs(3);

struct Crash {
    acknowledged: usize,
    lost: usize,
    /// Numbers that are given a second time, as far as the next job shows.
    given_again: usize,
}

pub fn kill(bench: &mut Bench) {
    let sinks = [Sink::start()];
    let uris = uris(&sinks);
    let plan = Plan { printers: &uris, cups_settings: ANY_JOBS, ..Plan::default() };
    let both = bench.alternating(1, |who| crash(plan.start(who)));
    let mut row = |what: &str, figure: fn(&Crash) -> usize, target| {
        bench.report.add(format!("g-kill {what}"), "jobs", both.map(|all| figure(&all[0]) as f64), target);
    };
    row("acknowledged", |crash| crash.acknowledged, Target::Shown);
    row("lost", |crash| crash.lost, Target::AtMost(0.0));
    row("numbers given again", |crash| crash.given_again, Target::AtMost(0.0));
}

fn crash(mut peer: Peer) -> Crash {
    let acknowledged = acknowledged_until_killed(&mut peer);
    peer.run_again();
    let mut line = peer.line();
    let mut is_there = |job: &u64| is_success(&peer.job(*job).try_send(&mut line).expect("an answer"));
    let found = acknowledged.iter().filter(|job| is_there(job)).count();
    let next = job_of(&peer.submission(Queue::Printer(0), Then::Hold, SMALL).send(&mut peer.line()));
    Crash {
        acknowledged: acknowledged.len(),
        lost: acknowledged.len() - found,
        given_again: acknowledged.iter().filter(|job| **job >= next).count(),
    }
}

/// The server may have died in the middle of an answer.
fn is_whole(answer: &Answer) -> bool {
    answer.header("content-length").is_none_or(|length| length == answer.body.len().to_string())
}

/// The numbers of all jobs that clients were told of before the server died.
fn acknowledged_until_killed(peer: &mut Peer) -> Vec<u64> {
    let submission = peer.submission(Queue::Printer(0), Then::Hold, SMALL);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (mut line, submission) = (peer.line(), submission.clone());
            let submit = move || {
                let answers = std::iter::from_fn(|| submission.try_send(&mut line).ok().filter(is_whole));
                answers.map(|answer| job_of(&answer)).collect::<Vec<_>>()
            };
            thread::Builder::new().name("client".to_owned()).spawn(submit).expect("a thread")
        })
        .collect();
    thread::sleep(LOAD);
    peer.kill();
    clients.into_iter().flat_map(|client| client.join().expect("it only submits")).collect()
}
