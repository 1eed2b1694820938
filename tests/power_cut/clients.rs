//! Clients that submit without a pause until the power goes, and keep what they were told.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};

use crate::support::client::Place;
use crate::support::home::{Life, Line, id_of};
use crate::support::wait::PATIENCE;

/// Jobs that were acknowledged, by their titles.
pub type Acknowledged = BTreeMap<String, u64>;

const CLIENTS: usize = 4;
/// How often the job of a client has a file of its own.
const LARGE_EVERY: usize = 3;

/// The answers as they come.
#[derive(Default)]
struct Answers {
    got: Mutex<Acknowledged>,
    more: Condvar,
}

/// Submits with several clients at once; after so many answers `cut` is done, and the clients end when nobody answers
/// them any more. What was answered before the cut is acknowledged.
pub fn submit_until(place: &Place, round: usize, answers: usize, cut: impl FnOnce()) -> Acknowledged {
    let heard = Answers::default();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let heard = &heard;
            scope.spawn(move || submit(place, &format!("r{round}c{client}"), heard));
        }
        let got = heard.got.lock().unwrap();
        let waited = heard.more.wait_timeout_while(got, PATIENCE, |got| got.len() < answers).unwrap();
        assert!(!waited.1.timed_out(), "only {} answers", waited.0.len());
        // A sync that is under way when a file system is shut down may return as if it were done.
        let in_time = waited.0.clone();
        drop(waited);
        cut();
        in_time
    })
}

fn submit(place: &Place, name: &str, heard: &Answers) {
    let Ok(mut line) = Line::new(place) else { return };
    for n in 0.. {
        let title = format!("{name}n{n}{}", if n % LARGE_EVERY == 0 { "large" } else { "" });
        let target = format!("/api/v1/jobs?printer=paper&hold=true&title={title}");
        let answer = line.send("POST", &target, &[("idempotency-key", &title)], &body(&title));
        match answer {
            Ok(answer) if answer.status == 201 => {
                heard.got.lock().unwrap().insert(title, id_of(&answer));
                heard.more.notify_all();
            }
            // The power has gone, or the server says that it can keep nothing.
            Ok(_) | Err(_) => return,
        }
    }
}

/// The document of a job, every line of which tells where it belongs.
fn body(title: &str) -> Vec<u8> {
    let bytes =
        if title.ends_with("large") { 300_000 } else { 100 + title.bytes().map(usize::from).sum::<usize>() };
    let mut body = (0..=bytes / 100).map(|line| format!("{title}, line {line:.<100}\n")).collect::<String>();
    body.truncate(bytes);
    body.into_bytes()
}

/// What is not as it was promised: an acknowledged job that is gone or has another number, and any job whose document
/// is not whole.
pub fn broken_promises(life: &Life<'_>, place: &Place, acknowledged: &Acknowledged) -> Vec<String> {
    let mut broken = Vec::new();
    let there: BTreeMap<String, u64> = life
        .jobs()
        .iter()
        .map(|job| (job["title"].as_str().unwrap().to_owned(), job["id"].as_u64().unwrap()))
        .collect();
    for (title, id) in acknowledged {
        if there.get(title) != Some(id) {
            broken.push(format!("{title} was acknowledged as {id} and is {:?}", there.get(title)));
        }
    }
    for (title, id) in &there {
        match place.send("GET", &format!("/api/v1/jobs/{id}/document"), &[], b"") {
            Ok(document) if document.status == 200 && document.body == body(title) => {}
            Ok(document) => {
                let found = document.body.len();
                broken.push(format!("the document of {id} ({title}): {}, {found} bytes", document.status));
            }
            // The server hangs up where a document ends before its time.
            Err(error) => broken.push(format!("the document of {id} ({title}): {error}")),
        }
    }
    broken
}
