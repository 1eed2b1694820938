//! `spool watch` beside the real server, also while that is away.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use support::client::Place;
use support::home::{Home, id_of};
use support::printer::{PATIENCE, spawn};

/// A `spool watch` whose lines are read as they come.
struct Watcher {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Watcher {
    fn start(home: &Home, arguments: &[&str]) -> Watcher {
        let state = home.state().display().to_string();
        let mut command = home.program(&[&["watch", "--state", &state], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        Watcher { child, out, err }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    spawn("lines", move || {
        BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| tell.send(line)).ok();
    });
    told
}

/// Waits for a line with all of these words.
#[track_caller]
fn until(lines: &Receiver<String>, words: &[&str]) -> String {
    let mut seen = Vec::new();
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        if words.iter().all(|word| line.contains(word)) {
            return line;
        }
        seen.push(line);
    }
    panic!("no line with {words:?} in {seen:#?}");
}

/// A job is submitted this often until one is told of.
const ASK_AGAIN: Duration = Duration::from_millis(200);
const PAPER: [(&str, &str); 1] = [("paper", "file:STATE/printed")];

/// Submits jobs until the watcher tells of something, and one more, of which it tells all: what happened
/// before it was connected is not told.
fn with_a_job_after_it_is_connected(home: &Home, watcher: &Watcher) {
    let place = Place::Unix(home.socket());
    let submit = || {
        let answer = place.send("POST", "/api/v1/jobs?printer=paper", &[], b"words").unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    submit();
    while watcher.out.recv_timeout(ASK_AGAIN).is_err() {
        submit();
    }
    submit();
}

#[test]
fn changes_are_told_line_by_line_and_a_server_that_is_away_is_waited_for() {
    let home = Home::new(&PAPER);
    let life = home.start();
    let watcher = Watcher::start(&home, &[]);
    with_a_job_after_it_is_connected(&home, &watcher);
    until(&watcher.out, &["job ", ": completed"]);
    life.kill();
    until(&watcher.err, &["the server is away"]);
    let life = home.start();
    until(&watcher.err, &["the server is back"]);
    let job = id_of(&life.submit("paper", "later", b"words").unwrap());
    until(&watcher.out, &[&format!("job {job}: completed")]);
}

#[test]
fn json_is_one_event_a_line() {
    let home = Home::new(&PAPER);
    let _life = home.start();
    let watcher = Watcher::start(&home, &["--json"]);
    with_a_job_after_it_is_connected(&home, &watcher);
    let line = until(&watcher.out, &["\"event\":\"job\"", "completed"]);
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["event"], &event["data"]["printer"]), (&"job".into(), &"paper".into()));
}

#[test]
fn without_a_server_it_says_so_and_ends() {
    let home = Home::new(&PAPER);
    let mut watcher = Watcher::start(&home, &[]);
    until(&watcher.err, &["cannot reach the server"]);
    assert_eq!(watcher.child.wait().unwrap().code(), Some(1));
}
