//! What clients were told, and whether it is kept: the oracle of all tests that put the server under load.

mod promise;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use spool::clock::Clock;

use promise::{Canceled, Promise, ROUNDING, Settled, Times, Way, ms};
pub use promise::{Command, Tally};

use super::client::Place;
use super::events::is_final;
use super::home::{Line, id_of};
use super::lots::Lots;
use super::order::{Keyed, Order, taken};
use super::paper::Paper;

/// Which ends are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    New,
    /// Paper may have come out late.
    All,
}

#[derive(Default)]
struct Book {
    promises: BTreeMap<u64, Promise>,
    /// Whose each number is, also of jobs whose acknowledgement was lost.
    owners: BTreeMap<u64, String>,
}

pub struct Ledger {
    book: Mutex<Book>,
    tally: Mutex<Tally>,
    /// How long the server lists jobs that have ended.
    history: Duration,
    clock: Clock,
}

impl Ledger {
    pub fn new(history: Duration) -> Ledger {
        Ledger { book: Mutex::default(), tally: Mutex::default(), history, clock: Clock::machine() }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("nobody panics while holding it")
    }

    pub fn tally(&self) -> Tally {
        *self.tally.lock().expect("nobody panics while holding it")
    }

    /// Milliseconds, as the server counts them.
    pub fn now(&self) -> u64 {
        self.clock.now().wall.0
    }

    /// How many jobs were acknowledged and are remembered.
    pub fn len(&self) -> usize {
        self.lock().promises.len()
    }

    /// How many jobs are not known to have ended.
    pub fn open(&self) -> usize {
        self.lock().promises.values().filter(|promise| promise.end.is_none()).count()
    }

    /// Submits what was tried first at that time; what is answered is a promise from then on. No number where the
    /// first try has printed it and it was purged since.
    pub fn submit(&self, line: &mut Line, order: &Order, first: u64) -> io::Result<Option<u64>> {
        let answer = order.submit(line)?;
        if answer.status == 410 {
            assert!(first + ms(self.history) <= self.now() + ROUNDING, "{order:?}: {answer:?}");
            self.count(|tally| tally.add(Settled::Unseen));
            return Ok(None);
        }
        let id = id_of(&answer);
        let mut book = self.lock();
        book.own(id, &order.key);
        let known = book.promises.get(&id).map(|promise| &promise.order.key);
        assert!(known.is_none(), "job {id} was acknowledged for {known:?} before: {order:?}");
        let promise = Promise {
            order: order.clone(),
            at: self.now(),
            canceled: Canceled::No,
            held: order.hold,
            queue: Some(order.queue.clone()),
            asked: 0,
            end: None,
            settled: Settled::No,
        };
        book.promises.insert(id, promise);
        Ok(Some(id))
    }

    /// Asks something of a job; what is answered is a promise from then on.
    pub fn command(&self, line: &mut Line, id: u64, command: &Command) -> io::Result<()> {
        let Some(before) = self.lock().promises.get(&id).cloned() else { return Ok(()) };
        self.note(id, |promise| promise.ask(command));
        let (word, body) = match command {
            Command::Cancel => ("cancel", String::new()),
            Command::Hold => ("hold", String::new()),
            Command::Release => ("release", String::new()),
            Command::Move(queue) => ("move", json!({ "printer": queue }).to_string()),
        };
        let headers: &[_] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
        let target = format!("/api/v1/jobs/{id}/{word}");
        let answer = taken(line.send("POST", &target, headers, body.as_bytes())?)?;
        match answer.status {
            200 => self.note(id, |promise| promise.told(command, &answer.json())),
            // Refused: it is as it was. One that is gone has its own check.
            404 | 409 => self.note(id, |promise| promise.refused(&before)),
            _ => panic!("{command:?} of job {id}: {answer:?}"),
        }
        Ok(())
    }

    fn note(&self, id: u64, change: impl FnOnce(&mut Promise)) {
        if let Some(promise) = self.lock().promises.get_mut(&id) {
            change(promise);
        }
    }

    /// Jobs that were acknowledged and whose end is not known, the newest last, but for those of other clients.
    pub fn open_of(&self, client: &str) -> Vec<u64> {
        let book = self.lock();
        let own =
            |(_, promise): &(&u64, &Promise)| promise.end.is_none() && promise.order.key.starts_with(client);
        book.promises.iter().filter(own).map(|(id, _)| *id).collect()
    }

    /// All that was acknowledged is there or was purged when its time was over, and is as its client was told; no
    /// number has two owners; what was final is final.
    pub fn check_list(&self, place: &Place) {
        // Promises that are made while the list is read need not be in it.
        let before = self.lock().promises.clone();
        let listed: BTreeMap<u64, Value> =
            place.jobs("").into_iter().map(|job| (job["id"].as_u64().expect("a number"), job)).collect();
        let now = self.now();
        let mut book = self.lock();
        for (id, job) in &listed {
            book.own(*id, job["title"].as_str().expect("a title"));
        }
        for (id, promise) in &mut book.promises {
            let Some(old) = before.get(id) else { continue };
            match listed.get(id) {
                Some(job) => promise.check(*id, job, old, self.history),
                None => promise.gone(*id, now, self.history),
            }
        }
    }

    /// What has ended has come out as often as it says, and what was canceled by somebody was meant to be.
    pub fn check_paper(&self, place: &Place, paper: &Paper, which: Which) {
        let ended = |promise: &Promise| {
            promise.end.is_some() && (which == Which::All || promise.settled == Settled::No)
        };
        let book = self.lock().promises.clone();
        for (id, promise) in book.into_iter().filter(|(_, promise)| ended(promise)) {
            let settled = match read(place, id) {
                Some((job, timeline)) => self.check_end(id, &promise, &job, &timeline, paper),
                None => {
                    assert!(promise.may_be_gone(self.now(), self.history), "job {id} is gone: {promise:?}");
                    let whole = paper.copies(&promise.order.key).whole;
                    assert!(whole > 0 || promise.canceled != Canceled::No, "job {id} is gone: {promise:?}");
                    Settled::Unseen
                }
            };
            if promise.settled == Settled::No {
                self.note(id, |promise| promise.settled = settled);
                self.count(|tally| tally.add(settled));
            }
        }
    }

    fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().expect("nobody panics while holding it"));
    }

    fn check_end(
        &self,
        id: u64,
        promise: &Promise,
        job: &Value,
        timeline: &[Value],
        paper: &Paper,
    ) -> Settled {
        let all = || format!("job {id}, {promise:?}: {job:#}\n{timeline:#?}");
        let copies = paper.copies(&promise.order.key);
        check_timeline(timeline);
        let says = |entry: &&Value, word: &str| entry["reason"] == word;
        // Every one of them may have been a copy.
        let doubts =
            timeline.iter().filter(|e| says(e, "may-have-printed") || says(e, "outcome-unknown")).count();
        assert!(copies.whole <= 1 + doubts, "{copies:?} in silence: {}", all());
        let attempts = job["attempts"].as_u64().expect("a number");
        assert!((copies.whole + copies.parts) as u64 <= attempts, "{copies:?}, unrecorded: {}", all());
        match job["status"].as_str() {
            Some("completed") => assert!(copies.whole > 0, "it never came out whole: {}", all()),
            Some("canceled") => assert_ne!(promise.canceled, Canceled::No, "nobody wanted that: {}", all()),
            _ => panic!("an end that nothing has caused: {}", all()),
        }
        let asked_at = timeline.iter().position(|entry| entry["kind"] == "cancel-requested");
        let tried = |from: usize| timeline[from..].iter().any(|entry| entry["kind"] == "attempt");
        assert!(!asked_at.is_some_and(tried), "tried after its end was asked for: {}", all());
        if let Some(queue) = &promise.queue {
            assert_eq!(job["printer"], *queue, "{}", all());
        }
        let times = if copies.whole > 1 { Times::Again } else { Times::Once };
        let way = match timeline.iter().any(|entry| entry["kind"] == "rerouted") {
            true => Way::Rerouted,
            false => Way::Straight,
        };
        match job["status"] == "completed" {
            true => Settled::Completed(times, way),
            false => Settled::Canceled,
        }
    }

    /// Documents of jobs that have not ended, and of some others, are there to the byte.
    pub fn check_bodies(&self, place: &Place, lots: &mut Lots, most: usize) {
        for (id, promise) in self.some(lots, most) {
            let answer =
                place.send("GET", &format!("/api/v1/jobs/{id}/document"), &[], b"").expect("an answer");
            let gone = matches!(answer.status, 404 | 409 | 410);
            // It may have ended, and been purged, since.
            if gone && self.look(place, id) {
                continue;
            }
            assert_eq!(answer.status, 200, "job {id}: {answer:?}");
            assert!(answer.body == promise.order.body(), "job {id}: other bytes, {promise:?}");
        }
    }

    /// Whether a job may be without its document by now.
    fn look(&self, place: &Place, id: u64) -> bool {
        read(place, id).is_none_or(|(job, _)| is_final(&job))
    }

    /// Who asks the same again under the same key gets the same job, or hears that it was purged.
    pub fn check_keys(&self, place: &Place, lots: &mut Lots, most: usize) {
        let keyed =
            self.some(lots, most).into_iter().filter(|(_, promise)| promise.order.keyed == Keyed::Yes);
        for (id, promise) in keyed {
            let again = Line::new(place).and_then(|mut line| promise.order.submit(&mut line));
            let answer = again.expect("an answer");
            match answer.status {
                410 => {
                    assert_eq!(answer.json()["code"], "job_purged", "{answer:?}");
                    assert!(promise.may_be_gone(self.now(), self.history), "{answer:?}: {promise:?}");
                }
                _ => assert_eq!((answer.status, id_of(&answer)), (200, id), "{promise:?}: {answer:?}"),
            }
        }
    }

    /// Some promises.
    fn some(&self, lots: &mut Lots, most: usize) -> Vec<(u64, Promise)> {
        let book = self.lock();
        let ids: Vec<u64> = book.promises.keys().copied().collect();
        let drawn = (0..most).filter_map(|_| lots.pick(&ids)).map(|id| (*id, book.promises[id].clone()));
        drawn.collect()
    }

    /// Everything that has ended and was looked at is forgotten when it is purged.
    pub fn forget_purged(&self, paper: &Paper) {
        let now = self.now();
        let mut book = self.lock();
        let gone =
            |promise: &Promise| promise.settled != Settled::No && promise.may_be_gone(now, self.history * 2);
        let ids: Vec<u64> = book.promises.iter().filter(|(_, p)| gone(p)).map(|(id, _)| *id).collect();
        for id in ids {
            book.owners.remove(&id);
            if let Some(promise) = book.promises.remove(&id) {
                paper.forget(&promise.order.key);
            }
        }
    }
}

impl Book {
    fn own(&mut self, id: u64, key: &str) {
        let owner = self.owners.entry(id).or_insert_with(|| key.to_owned());
        assert_eq!(owner, key, "the number {id} was given twice");
    }
}

/// A job and its timeline, if it is still there.
fn read(place: &Place, id: u64) -> Option<(Value, Vec<Value>)> {
    let ask = |target: String| {
        let answer = place.send("GET", &target, &[], b"").expect("an answer");
        (answer.status != 404).then(|| answer.expect(200))
    };
    let job = ask(format!("/api/v1/jobs/{id}"))?;
    let timeline = ask(format!("/api/v1/jobs/{id}/events?limit=1000"))?;
    Some((job, timeline["events"].as_array().expect("a list").clone()))
}

/// Entries are numbered, each goes on from the one before, and no attempt follows another in silence.
pub fn check_timeline(timeline: &[Value]) {
    for (entry, seq) in timeline.iter().zip(1_u64..) {
        assert_eq!(entry["seq"], seq, "{timeline:#?}");
    }
    for pair in timeline.windows(2) {
        assert_eq!(pair[0]["to"], pair[1]["from"], "{pair:#?}");
    }
    let mut under_way = false;
    for entry in timeline {
        match entry["kind"].as_str().expect("a kind") {
            "attempt" => {
                assert!(!under_way, "an attempt in silence: {timeline:#?}");
                under_way = true;
            }
            "blocked" | "unblocked" | "transmitted" | "cancel-requested" => {}
            _ => under_way = false,
        }
    }
}
