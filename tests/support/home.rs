//! A directory with a configuration and a state in it, and the real program that serves it, life after life.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::client::{Answer, Place, Stream};
use super::log::Log;
use super::printer::{PATIENCE, spawn};
use super::wait::Stopwatch;

/// While nothing is said, it is looked again this often.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub struct Home {
    home: TempDir,
    pub http: SocketAddr,
}

/// What goes into `spool.toml` besides the printers.
pub const QUICK: &str = "[limits]\nfree_disk = \"1MiB\"\n[retry]\nbackoff = [\"50ms\", \"200ms\"]\n";

impl Home {
    /// With these printers: name and URI of each. `STATE` in a URI is the state's directory.
    pub fn new(printers: &[(&str, &str)]) -> Home {
        Home::with(QUICK, printers)
    }

    pub fn with(settings: &str, printers: &[(&str, &str)]) -> Home {
        let home = tempfile::Builder::new().prefix("spool-").tempdir().unwrap();
        let state = home.path().join("state");
        // A port that was free a moment ago; nobody else is given it for a while.
        let http = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let mut text = format!(
            "[server]\nname = \"test\"\nhttp = \"{http}\"\nstate = \"{}\"\n{settings}",
            state.display()
        );
        for (name, uri) in printers {
            let uri = uri.replace("STATE", &state.display().to_string());
            text.push_str(&format!("[[printer]]\nname = \"{name}\"\nuri = \"{uri}\"\n"));
        }
        let home = Home { home, http };
        fs::write(home.config(), text).unwrap();
        home
    }

    pub fn path(&self) -> &Path {
        self.home.path()
    }

    pub fn config(&self) -> PathBuf {
        self.home.path().join("spool.toml")
    }

    pub fn state(&self) -> PathBuf {
        self.home.path().join("state")
    }

    pub fn socket(&self) -> PathBuf {
        self.state().join("spool.sock")
    }

    /// The program, to be told what to do. Nothing of our own environment reaches it.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spool"));
        command.current_dir(self.home.path()).args(arguments).stdin(Stdio::null());
        for name in ["SPOOL_SERVER", "SPOOL_TOKEN", "SPOOL_REBIRTHS", "FAILPOINTS", "RUST_LOG"] {
            command.env_remove(name);
        }
        command
    }

    /// Starts a life that is to serve.
    pub fn start(&self) -> Life<'_> {
        let mut life = self.start_dying("");
        life.ready();
        life
    }

    /// Starts a life that dies at these points; it may do so before it serves.
    pub fn start_dying(&self, failpoints: &str) -> Life<'_> {
        self.begin(&[("FAILPOINTS", failpoints), ("RUST_LOG", "info")])
    }

    /// Starts a life with this environment.
    pub fn begin(&self, environment: &[(&str, &str)]) -> Life<'_> {
        let mut command = self.program(&["serve", "--config", "spool.toml"]);
        command.stderr(Stdio::piped()).envs(environment.iter().copied());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Log::default());
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()), log.clone());
        let reader = spawn("log", move || kept.read(lines));
        Life { home: self, child, log, reader: Some(reader) }
    }

    /// The names of all files below a directory of the state, hidden ones too, sorted.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let mut names = Vec::new();
        let Ok(entries) = fs::read_dir(self.state().join(folder)) else { return names };
        for entry in entries.map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => names.extend(
                    self.files(&format!("{folder}/{name}")).into_iter().map(|file| format!("{name}/{file}")),
                ),
                false => names.push(name),
            }
        }
        names.sort();
        names
    }

    /// What the `file:` printer at `STATE/printed` has printed.
    pub fn printed(&self) -> Vec<Vec<u8>> {
        let read = |name: &String| fs::read(self.state().join("printed").join(name)).unwrap();
        self.files("printed").iter().map(read).collect()
    }
}

/// Jobs that move by themselves.
const BUSY: &str = "/api/v1/jobs?status=waiting,rendering,scheduled,transmitting,transmitted,printing";

/// One run of the server.
pub struct Life<'h> {
    home: &'h Home,
    child: Child,
    log: Arc<Log>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Life<'_> {
    /// Waits until it takes jobs.
    pub fn ready(&mut self) {
        self.until("the server is ready", |life| life.is_ready().then_some(()));
    }

    pub fn is_ready(&self) -> bool {
        let answer = self.place().send("GET", "/readyz", &[], b"");
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Looks, again and again while the server lives, until there is something.
    pub fn until<T>(&mut self, what: &str, look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let found = self.until_dead(what, look);
        found.unwrap_or_else(|| panic!("{what}: the server died; its log:\n{}", self.log.text()))
    }

    /// The same for a server that may die meanwhile: then there is nothing.
    pub fn until_dead<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        let watch = Stopwatch::start();
        loop {
            let seen = self.log.len();
            if let Some(found) = look(self) {
                return Some(found);
            }
            if self.child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(watch.elapsed() < PATIENCE, "{what}: in vain; its log:\n{}", self.log.text());
            self.log.wait(seen, LOOK_EVERY);
        }
    }

    /// Submits to a life that may die at any moment.
    pub fn submit_when_ready(&mut self, printer: &str, key: &str, body: &[u8]) -> io::Result<Answer> {
        let line = self.until_dead("the server is ready", |life| life.is_ready().then(|| life.line()));
        line.unwrap_or_else(|| Err(io::ErrorKind::ConnectionRefused.into()))?.submit(printer, key, body)
    }

    /// Waits until it has died by itself or has nothing more to do, and ends it then. Tells whether it died.
    pub fn dies_or_rests(mut self) -> bool {
        let place = self.place();
        let rests = self.until_dead("the server dies or rests", |_| {
            let active = place.send("GET", BUSY, &[], b"").ok()?;
            (active.json()["jobs"].as_array()?.is_empty()).then_some(())
        });
        if rests.is_some() {
            self.kill();
        } else {
            self.died();
        }
        rests.is_none()
    }

    /// The last lines of its log, as one text.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Another connection to it.
    pub fn line(&self) -> io::Result<Line> {
        Line::new(&self.place())
    }

    /// The way in for its owner.
    pub fn place(&self) -> Place {
        Place::Unix(self.home.socket())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn get(&self, target: &str) -> Answer {
        self.place().send("GET", target, &[], b"").unwrap()
    }

    pub fn post(&self, target: &str) -> Answer {
        self.place().send("POST", target, &[], b"").unwrap()
    }

    /// Submits a body under a key.
    pub fn submit(&self, printer: &str, key: &str, body: &[u8]) -> io::Result<Answer> {
        self.line()?.submit(printer, key, body)
    }

    /// All jobs, newest first.
    pub fn jobs(&self) -> Vec<Value> {
        self.place().jobs("")
    }

    pub fn job(&self, id: u64) -> Value {
        let answer = self.get(&format!("/api/v1/jobs/{id}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Waits until the job has this status.
    pub fn job_is(&mut self, id: u64, status: &str) -> Value {
        let begin = Stopwatch::start();
        self.until(&format!("job {id} is {status}"), |life| {
            let job = life.job(id);
            let late = begin.elapsed() > PATIENCE / 2;
            assert!(!late, "it is not {status}: {job:#}\n{:#?}", life.timeline(id));
            (job["status"] == status).then_some(job)
        })
    }

    /// Waits until every job has ended. What was twice in doubt waits for a person, and is released here.
    pub fn bring_to_an_end(&mut self) {
        let mut released = BTreeSet::new();
        self.until("every job has ended", |life| {
            for job in life.get("/api/v1/jobs?status=held&limit=1000").json()["jobs"].as_array().unwrap() {
                if released.insert(job["id"].to_string()) {
                    assert_eq!(job["reasons"][0], "outcome-unknown", "{job}");
                    life.post(&format!("/api/v1/jobs/{}/release", job["id"]));
                }
            }
            let active = life.get("/api/v1/jobs?status=active&limit=1").json();
            active["jobs"].as_array().unwrap().is_empty().then_some(())
        });
    }

    /// The timeline of a job, oldest first.
    pub fn timeline(&self, id: u64) -> Vec<Value> {
        self.place().timeline(id)
    }

    /// Ends it as a power cut would end the process.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.wait();
    }

    /// Asks it to end, and answers with its exit status.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        self.signal_term();
        let status = self.wait();
        (status, self.log.text())
    }

    pub fn signal_term(&self) {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for the death that was planned.
    pub fn died(mut self) {
        let status = self.wait();
        assert_eq!(
            status.signal(),
            Some(9),
            "it did not die as planned: {status}; its log:\n{}",
            self.log.text()
        );
    }

    /// Waits for the end of the process, whatever it is, and of its log.
    pub fn wait(&mut self) -> ExitStatus {
        let watch = Stopwatch::start();
        // The log ends with the process, so that nobody has to look at it again and again.
        while !self.log.ended(LOOK_EVERY) {
            if watch.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("the server did not end; its log:\n{}", self.log.text());
            }
        }
        self.child.wait().unwrap()
    }
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log.text());
        }
    }
}

/// A connection that stays open from request to request.
pub struct Line {
    stream: BufReader<Stream>,
}

impl Line {
    pub fn new(place: &Place) -> io::Result<Line> {
        Ok(Line { stream: BufReader::new(place.connect()?) })
    }

    /// A whole request and its answer.
    pub fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        // In one piece: the second of two would wait for the acknowledgement of the first, 40 ms on TCP.
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        Answer::read(&mut self.stream)
    }

    pub fn submit(&mut self, printer: &str, key: &str, body: &[u8]) -> io::Result<Answer> {
        let target = format!("/api/v1/jobs?printer={printer}&title={key}");
        let headers = [("idempotency-key", key), ("content-type", "application/octet-stream")];
        self.send("POST", &target, &headers, body)
    }
}

/// The id in the answer to a submission that was taken.
pub fn id_of(answer: &Answer) -> u64 {
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    answer.json()["id"].as_u64().unwrap()
}
