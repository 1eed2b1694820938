//! What a newcomer tries first: a server that shows by itself what it does.

mod support;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::client::Place;
use support::server::STOP_MAX;
use support::wait::{PATIENCE, wait_until};
use tempfile::TempDir;

/// All that it shows by itself is over within a minute; the machine of a test may be busy.
const SHOWN: Duration = Duration::from_secs(3 * 60);

/// `spool serve --demo`, with a directory of its own for what is temporary.
struct Demo {
    here: TempDir,
    child: Child,
}

impl Demo {
    fn start() -> Demo {
        let here = tempfile::tempdir().expect("a directory");
        fs::create_dir(here.path().join("tmp")).expect("a directory");
        // What is here is not the demonstration's affair.
        fs::write(here.path().join("spool.toml"), "nonsense").expect("a file");
        let out = File::create(here.path().join("out")).expect("a file");
        let log = File::create(here.path().join("log")).expect("a file");
        let child = command(here.path()).args(["serve", "--demo"]).stdout(out).stderr(log).spawn();
        Demo { here, child: child.expect("the program runs") }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.here.path().join("log")).unwrap_or_default()
    }

    fn temporary(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.here.path().join("tmp")).expect("a directory");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    /// The link that it says to open.
    fn link(&self) -> String {
        wait_until("the link", PATIENCE, || {
            let said = fs::read_to_string(self.here.path().join("out")).expect("its output");
            Some(said.split_once("Open ")?.1.split_once('\n')?.0.to_owned())
        })
    }

    fn get(&self, target: &str) -> Value {
        let state = self.temporary().pop().expect("a directory").join("spool-data");
        let socket = Place::Unix(state.join("spool.sock"));
        socket.send("GET", target, &[], b"").expect("an answer").expect(200)
    }

    /// Its jobs by their titles.
    fn job(&self, title: &str) -> Value {
        let jobs = self.get("/api/v1/jobs?limit=100");
        let mut jobs = jobs["jobs"].as_array().expect("a list").iter();
        jobs.find(|job| job["title"] == title).unwrap_or_else(|| panic!("{title}")).clone()
    }

    fn timeline(&self, job: &Value) -> Vec<Value> {
        let found = self.get(&format!("/api/v1/jobs/{}/events", job["id"]));
        found["events"].as_array().expect("a list").clone()
    }

    /// Ends it as a user or a service manager does. Nothing of it may be left.
    fn stop(mut self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it can be told");
        let status = wait_until("it ends", STOP_MAX, || self.child.try_wait().expect("a child"));
        assert!(status.success(), "it ended with {status}: {}", self.log());
        assert_eq!(self.temporary(), Vec::<PathBuf>::new());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}--- its end ---", self.log());
        }
    }
}

fn command(here: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spool"));
    command.current_dir(here).env("TMPDIR", here.join("tmp")).stdin(Stdio::null());
    for name in ["SPOOL_SERVER", "SPOOL_TOKEN", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

fn kinds(timeline: &[Value], printer: &str) -> Vec<String> {
    let of_printer = timeline.iter().filter(|entry| entry["printer"] == printer);
    of_printer.map(|entry| entry["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn demo_a_job_of_a_printer_that_fails_comes_out_of_another_and_all_samples_end() {
    let demo = Demo::start();
    let link = demo.link();
    wait_until("all samples end", SHOWN, || {
        let jobs = demo.get("/api/v1/jobs?limit=100&status=completed,failed");
        (jobs["jobs"].as_array().expect("a list").len() == 7).then_some(())
    });

    let failed_over = demo.job("Minutes of the meeting");
    assert_eq!((&failed_over["status"], &failed_over["attempts"]), (&json!("completed"), &json!(2)));
    assert_ne!(failed_over["assigned_printer"], "hallway");
    let timeline = demo.timeline(&failed_over);
    assert!(kinds(&timeline, "hallway").contains(&"broken".to_owned()), "{timeline:#?}");

    let waited = demo.job("Visitor badge");
    assert_eq!((&waited["status"], &waited["assigned_printer"]), (&json!("completed"), &json!("hallway")));
    let timeline = demo.timeline(&waited);
    let stopped = timeline.iter().find(|entry| entry["kind"] == "printer-stopped").expect("it waited");
    assert!(stopped["message"].as_str().is_some_and(|why| why.contains("jammed")), "{stopped:#}");
    assert!(kinds(&timeline, "hallway").contains(&"printer-goes-on".to_owned()), "{timeline:#?}");
    assert_eq!(demo.job("Return form")["status"], "failed");

    // The link logs in.
    let (url, code) = link.split_once("/#code=").expect("a link");
    let address: SocketAddr =
        url.strip_prefix("http://").and_then(|host| host.parse().ok()).expect("an address");
    let shown = json!({ "code": code }).to_string();
    let answer = Place::Tcp(address).send("POST", "/api/v1/login", &[], shown.as_bytes()).expect("an answer");
    assert!(answer.header("set-cookie").is_some(), "{answer:?}");
    demo.stop(Signal::TERM);
}

#[test]
fn demo_finds_a_port_where_the_usual_one_is_taken_and_leaves_nothing() {
    let (first, second) = (Demo::start(), Demo::start());
    let port = |demo: &Demo| demo.link().split_once("/#").expect("a link").0.to_owned();
    assert_ne!(port(&first), port(&second));
    first.stop(Signal::INT);
    second.stop(Signal::TERM);
}

#[test]
fn demo_does_not_go_together_with_a_configuration_or_a_state() {
    let here = tempfile::tempdir().expect("a directory");
    fs::create_dir(here.path().join("tmp")).expect("a directory");
    for more in [["--config", "spool.toml"], ["--state", "spool-data"]] {
        let Output { status, stderr, .. } =
            command(here.path()).args(["serve", "--demo"]).args(more).output().expect("the program runs");
        let said = String::from_utf8_lossy(&stderr).into_owned();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains(more[0]) && said.lines().count() == 1, "{said}");
    }
    assert_eq!(fs::read_dir(here.path().join("tmp")).expect("a directory").count(), 0);
}
