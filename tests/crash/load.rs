//! The program is killed at moments that nobody chose, while clients submit and printers print.
//!
//! Every client keeps what it was told: a job that was acknowledged is there in every later life, with its
//! number, its key and, once it has ended, its end; and at last it has come out.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::ScopedJoinHandle;

use serde_json::Value;

use super::support::client::Place;
use super::support::home::{Home, Life, Line, id_of};
use super::support::printer::{Behaviour, FakePrinter, PATIENCE};
use super::wholes;

const ROUNDS: u64 = 20;
const CLIENTS: usize = 4;
const QUEUES: [&str; 4] = ["one", "two", "three", "paper"];
/// At most so many answers come between two deaths.
const ANSWERS_MAX: u64 = 40;

/// What the clients and the killer know of each other.
struct Shared {
    known: Mutex<Known>,
    changed: Condvar,
}

#[derive(Default)]
struct Known {
    /// The server's lives so far; odd while one of them takes requests.
    life: u64,
    /// No new jobs; what is begun is brought to its end.
    ending: bool,
    acknowledged: BTreeMap<String, u64>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait(&self, done: impl Fn(&Known) -> bool) -> MutexGuard<'_, Known> {
        let (known, waited) =
            self.changed.wait_timeout_while(self.lock(), PATIENCE, |known| !done(known)).unwrap();
        assert!(!waited.timed_out(), "waited in vain");
        known
    }
}

/// xorshift64: the same seed gives the same choices.
struct Lots(u64);

impl Lots {
    fn draw(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// The document of a key: some are kept in the journal, some as files.
fn body(key: &str) -> Vec<u8> {
    let number = key.bytes().fold(7, |sum: usize, byte| (sum * 31 + usize::from(byte)) % 1009);
    let lines = 1 + number * number % 2000;
    (0..lines)
        .flat_map(|line| format!("{key} {line} of {lines}, all of it or nothing\n").into_bytes())
        .collect()
}

fn queue(key: &str) -> &'static str {
    QUEUES[key.bytes().map(usize::from).sum::<usize>() % QUEUES.len()]
}

/// Submits one job after the other; each under its key again and again until it is answered.
fn client(number: usize, place: &Place, shared: &Shared) {
    for n in 0.. {
        let key = format!("k{number}-{n}");
        if shared.lock().ending {
            return;
        }
        let mut tried_in = 0;
        loop {
            let life = shared.wait(|known| known.life % 2 == 1 && known.life > tried_in).life;
            // One try in a life: a refused connection means that it is over.
            tried_in = life;
            let answer = Line::new(place).and_then(|mut line| line.submit(queue(&key), &key, &body(&key)));
            if let Ok(answer) = answer {
                let id = id_of(&answer);
                shared.change(|known| known.acknowledged.extend([(key, id)]));
                break;
            }
        }
    }
}

/// What has come to an end, and how.
type Ends = BTreeMap<u64, Value>;

/// All that was ever acknowledged is there, nothing has two owners, what was final is final.
fn check_life(life: &Life<'_>, acknowledged: &BTreeMap<String, u64>, ends: &mut Ends) {
    let jobs: BTreeMap<u64, Value> =
        life.jobs().into_iter().map(|job| (job["id"].as_u64().unwrap(), job)).collect();
    let ids: BTreeSet<u64> = acknowledged.values().copied().collect();
    assert_eq!(ids.len(), acknowledged.len(), "a number was given twice: {acknowledged:?}");
    for (key, id) in acknowledged {
        let job = jobs.get(id).unwrap_or_else(|| panic!("job {id} of {key} is gone"));
        assert_eq!(job["title"], *key, "{job}");
    }
    for (id, end) in &mut *ends {
        assert_eq!(jobs.get(id).map(|job| &job["status"]), Some(&*end), "job {id} had ended");
    }
    let is_final = |job: &&Value| !job["finished_at"].is_null();
    ends.extend(
        jobs.values().filter(is_final).map(|job| (job["id"].as_u64().unwrap(), job["status"].clone())),
    );
}

/// It has come out whole, and more than once only where its timeline told of it before.
fn check_paper(life: &Life<'_>, key: &str, id: u64, printers: &[FakePrinter], printed: &[Vec<u8>]) {
    let timeline = life.timeline(id);
    let body = body(key);
    assert_eq!(timeline.last().unwrap()["to"], "completed", "{key}: {timeline:?}");
    let again =
        timeline.iter().filter(|entry| ["print-again", "released"].iter().any(|kind| entry["kind"] == *kind));
    let again = again.count();
    if queue(key) == "paper" {
        let copies = printed.iter().filter(|page| **page == body).count();
        assert_eq!(copies, 1, "job {id} of {key}: {timeline:?}");
    } else {
        let copies: usize = printers.iter().map(|printer| wholes(printer, &body)).sum();
        assert!((1..=1 + again).contains(&copies), "job {id} of {key}: {copies} copies; {timeline:?}");
    }
}

#[test]
fn whenever_it_dies_nothing_that_was_acknowledged_is_lost() {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let rounds = number("SPOOL_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("SPOOL_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
    println!("SPOOL_SEED={seed}");
    let mut lots = Lots(seed);

    let printers = [Behaviour::Normal; 3].map(FakePrinter::start);
    let uris: Vec<String> = printers.iter().map(FakePrinter::uri).collect();
    let home = Home::new(&[
        ("one", &uris[0]),
        ("two", &uris[1]),
        ("three", &uris[2]),
        ("paper", "file:STATE/printed"),
    ]);
    let shared = Shared { known: Mutex::default(), changed: Condvar::new() };
    let place = Place::Unix(home.socket());
    let mut ends = Ends::new();
    std::thread::scope(|scope| {
        let start = |number| {
            let (place, shared) = (&place, &shared);
            let named = std::thread::Builder::new().name(format!("client-{number}"));
            named.spawn_scoped(scope, move || client(number, place, shared)).unwrap()
        };
        let clients: Vec<ScopedJoinHandle<'_, ()>> = (0..CLIENTS).map(start).collect();
        for _ in 0..rounds {
            let life = home.start();
            check_life(&life, &shared.lock().acknowledged.clone(), &mut ends);
            let before = shared.lock().acknowledged.len() as u64;
            shared.change(|known| known.life += 1);
            let answers = before + lots.draw(ANSWERS_MAX);
            drop(shared.wait(|known| known.acknowledged.len() as u64 >= answers));
            // Some way into whatever the answers have set going.
            for _ in 0..lots.draw(200_000) {
                std::hint::spin_loop();
            }
            life.kill();
            shared.change(|known| known.life += 1);
        }
        let mut life = home.start();
        shared.change(|known| (known.life, known.ending) = (known.life + 1, true));
        clients.into_iter().for_each(|client| client.join().unwrap());
        let acknowledged = shared.lock().acknowledged.clone();
        check_life(&life, &acknowledged, &mut ends);
        life.bring_to_an_end();
        check_life(&life, &acknowledged, &mut ends);
        let printed = home.printed();
        for (key, id) in &acknowledged {
            let again = life.submit(queue(key), key, &body(key)).unwrap();
            assert_eq!((again.status, id_of(&again)), (200, *id), "{key}: {again:?}");
            check_paper(&life, key, *id, &printers, &printed);
        }
        println!("{} jobs over {rounds} deaths", acknowledged.len());
    });
}
