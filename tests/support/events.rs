//! Waiting for what the server tells: its event stream, read by whoever waits.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde_json::Value;

use super::client::{Chunked, Stream, read_head};
use super::server::Server;
use super::wait::{PATIENCE, Stopwatch, wait_until};

const FINAL: [&str; 3] = ["completed", "failed", "canceled"];

/// Waiting by the event stream.
impl Server {
    /// Waits until `look` finds something: it looks at once, and after each event that the server tells.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let watch = Stopwatch::start();
        let mut events = Events::open(self);
        loop {
            if let Some(found) = look() {
                return found;
            }
            let left = PATIENCE.saturating_sub(watch.elapsed());
            match events.next(left) {
                Heard::Events => {}
                Heard::End => events = Events::open(self),
                Heard::Nothing => match look() {
                    Some(_) => panic!("{what}: it came, but no event told of it"),
                    None => panic!("waited in vain: {what}"),
                },
            }
        }
    }

    /// Waits until the job is as wanted.
    #[track_caller]
    pub fn until_job(&self, id: u64, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let mut look = || {
            let job = self.job(id);
            let found = wanted(&job);
            assert!(found || !is_final(&job), "job {id} will never be so: {what}: {job:#}");
            last = job;
            found.then(|| last.clone())
        };
        self.wait(&format!("job {id}: {what}"), &mut look)
    }

    /// Waits until the job has this status.
    #[track_caller]
    pub fn until(&self, id: u64, status: &str) -> Value {
        self.until_job(id, status, |job| job["status"] == status)
    }

    /// Waits until no job is left that is not final.
    #[track_caller]
    pub fn until_all_ended(&self) {
        self.wait("all jobs end", || {
            let left = self.get("/api/v1/jobs?status=active&limit=1");
            left["jobs"].as_array().expect("a list").is_empty().then_some(())
        });
    }
}

impl Server {
    /// Listens, does `during`, and gives every event that comes, name and data, up to the one that is `last`.
    #[track_caller]
    pub fn events_of(
        &self,
        during: impl FnOnce(),
        last: impl Fn(&str, &Value) -> bool,
    ) -> Vec<(String, Value)> {
        let watch = Stopwatch::start();
        let Events(mut stream) = Events::open(self);
        during();
        let (mut name, mut events) = (String::new(), Vec::new());
        loop {
            let mut line = String::new();
            // The server's signs of life come all the time.
            assert!(watch.elapsed() < PATIENCE, "waited in vain after {events:#?}");
            assert!(stream.read_line(&mut line).expect("events come") > 0, "the stream has ended");
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                let data: Value = serde_json::from_str(data).expect("JSON");
                let end = last(&name, &data);
                events.push((name.clone(), data));
                if end {
                    return events;
                }
            }
        }
    }
}

pub fn is_final(job: &Value) -> bool {
    FINAL.iter().any(|status| job["status"] == *status)
}

/// The event stream, read by whoever waits.
struct Events(BufReader<Chunked<BufReader<Stream>>>);

enum Heard {
    /// One or more.
    Events,
    Nothing,
    /// The stream has ended: the server begins anew, or has dropped a slow reader.
    End,
}

impl Events {
    #[track_caller]
    fn open(server: &Server) -> Events {
        let place = server.socket();
        let stream = wait_until("the event stream opens", PATIENCE, || {
            let stream = place.begin("GET", "/api/v1/events", &[("accept", "text/event-stream")]).ok()?;
            let mut stream = BufReader::new(stream);
            let (status, _) = read_head(&mut stream).ok()?;
            (status == 200).then_some(stream)
        });
        Events(BufReader::new(Chunked::new(stream)))
    }

    /// Waits for an event, and takes in all that have come.
    fn next(&mut self, longest: Duration) -> Heard {
        let watch = Stopwatch::start();
        let mut heard = Heard::Nothing;
        while matches!(heard, Heard::Nothing) || !self.0.buffer().is_empty() {
            // The server's signs of life are lines as well, and no events.
            let left = longest.saturating_sub(watch.elapsed());
            let stream = self.0.get_ref().get_ref().get_ref();
            if left.is_zero() || stream.set_read_timeout(left).is_err() {
                return heard;
            }
            let mut line = String::new();
            match self.0.read_line(&mut line) {
                Ok(0) => return Heard::End,
                Ok(_) if line.starts_with("event:") => heard = Heard::Events,
                Ok(_) => {}
                Err(error) if would_block(&error) => return heard,
                Err(_) => return Heard::End,
            }
        }
        heard
    }
}

fn would_block(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
