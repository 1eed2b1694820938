//! The program is killed at moments that nobody chose, while clients submit and change their minds, and printers
//! print or fail.
//!
//! The ledger keeps what each client was told. All of it holds in every later life, and at last everything that was
//! not canceled has come out.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use super::support::client::Place;
use super::support::crowd::{Crowd, Gate};
use super::support::home::{Home, Life};
use super::support::ledger::{Command, Ledger, Which};
use super::support::lots::Lots;
use super::support::order::{How, Keyed, Order};
use super::support::paper::{Machine, Paper, Temper};
use super::support::server::{pool, printer};

const ROUNDS: u64 = 10;
const CLIENTS: u64 = 4;
/// So many answers come between two deaths.
const ANSWERS: std::ops::Range<u64> = 20..120;
/// So short that jobs are purged between the rounds.
const HISTORY: Duration = Duration::from_secs(2);
/// Documents and keys that are looked at in each life.
const SAMPLES: usize = 10;

/// The first two are a pool; jobs for the first, which fails, move there.
const QUEUES: [&str; 5] = ["moody", "mate", "floor", "alone", "paper"];

/// Times in which a test sees what takes minutes in an office.
const SETTINGS: &str = r#"
[limits]
free_disk = "1MiB"
[history]
jobs = "2s"
[watch]
stall = "300ms"
[retry]
backoff = ["50ms", "200ms"]
grace = "300ms"
"#;

fn check(home: &Home, life: &Life<'_>, ledger: &Ledger, paper: &Paper, lots: &mut Lots, which: Which) {
    let place = life.place();
    ledger.check_list(&place);
    paper.collect(&home.state().join("printed"));
    ledger.check_paper(&place, paper, which);
    ledger.check_bodies(&place, lots, SAMPLES);
    ledger.check_keys(&place, lots, SAMPLES);
}

/// What waits for a person is released until everything has ended.
fn bring_to_an_end(life: &mut Life<'_>, ledger: &Ledger) {
    let mut line = life.line().unwrap();
    life.until("every job has ended", |life| {
        for job in life.place().jobs("&status=held") {
            let id = job["id"].as_u64().unwrap();
            ledger.command(&mut line, id, &Command::Release).unwrap();
        }
        life.place().jobs("&status=active").is_empty().then_some(())
    });
}

/// The printer goes off, and a job that is addressed to it moves to its pool.
fn see_a_reroute(life: &mut Life<'_>, ledger: &Ledger, machine: &Machine, round: u64) {
    machine.set(Temper::Off);
    let (key, queue) = (format!("r{round}"), QUEUES[0].to_owned());
    let order = Order { key, keyed: Keyed::Yes, queue, bytes: 100, hold: false, how: How::Raw };
    let id = ledger.submit(&mut life.line().unwrap(), &order, ledger.now()).unwrap().unwrap();
    life.until("a job is rerouted", |life| {
        let timeline = life.timeline(id);
        timeline.iter().any(|entry| entry["kind"] == "rerouted").then_some(())
    });
}

#[test]
fn whenever_it_dies_nothing_that_was_acknowledged_is_lost_or_printed_in_silence() {
    let rounds = env::var("SPOOL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let seed = Lots::seed();
    let mut lots = Lots::new(seed);
    let paper = Arc::new(Paper::default());
    let machine = |n: u64, temper| Machine::start(temper, seed.wrapping_add(n), &paper);
    let machines = [machine(1, Temper::Moody), machine(2, Temper::Even), machine(3, Temper::Moody)];
    let mut settings = SETTINGS.to_owned() + &pool("floor", &["moody", "mate"], "least-completion-time");
    for (name, machine) in ["moody", "mate", "alone"].iter().zip(&machines) {
        settings.push_str(&printer(name, &machine.uri(), ""));
    }
    let home = Home::with(&settings, &[("paper", "file:STATE/printed")]);
    let (place, gate, ledger) = (Place::Unix(home.socket()), Gate::default(), Ledger::new(HISTORY));
    let crowd = Crowd { place: &place, gate: &gate, ledger: &ledger, queues: &QUEUES, keyed_of: 1, seed };
    std::thread::scope(|scope| {
        let start = |number| {
            let crowd = &crowd;
            scope.spawn(move || crowd.client(number))
        };
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        for round in 0..rounds {
            let mut life = home.start();
            gate.open();
            check(&home, &life, &ledger, &paper, &mut lots, Which::New);
            match round % 2 {
                0 => machines[0].set(Temper::Moody),
                _ => see_a_reroute(&mut life, &ledger, &machines[0], round),
            }
            gate.answered(ANSWERS.start + lots.draw(ANSWERS.end - ANSWERS.start));
            // Some way into whatever the answers have set going.
            for _ in 0..lots.draw(200_000) {
                std::hint::spin_loop();
            }
            life.kill();
            gate.close();
        }
        let mut life = home.start();
        machines.iter().for_each(|machine| machine.set(Temper::Even));
        gate.open();
        gate.end();
        clients.into_iter().for_each(|client| client.join().unwrap());
        bring_to_an_end(&mut life, &ledger);
        check(&home, &life, &ledger, &paper, &mut lots, Which::All);
        assert_eq!(ledger.open(), 0);
        let listed = life.jobs().len();
        println!("{} jobs over {rounds} deaths, {listed} still listed: {:?}", ledger.len(), ledger.tally());
    });
}
