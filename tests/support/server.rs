//! The real server: `spool serve` as a process of its own, with a state directory of its own.

use std::fs::{self, File};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::client::{Answer, Place};
use super::meter::Meter;
use super::wait::{PATIENCE, Stopwatch, wait_until};

/// A printer that is not ready is tried again soon.
pub const FAST: &str = "[retry]\nbackoff = [\"100ms\", \"1s\"]\n";
/// A server that was asked to stop ends within this time, whatever its printers do.
pub const STOP_MAX: Duration = Duration::from_secs(20);

/// A server, and the directory in which it lives. Dropping it kills it.
pub struct Server {
    home: TempDir,
    address: SocketAddr,
    environment: Vec<(String, String)>,
    child: Option<Child>,
}

/// A printer of `spool.toml`; `more` are further lines.
pub fn printer(name: &str, uri: &str, more: &str) -> String {
    format!("[[printer]]\nname = \"{name}\"\nuri = \"{uri}\"\n{more}\n")
}

/// A pool of `spool.toml`.
pub fn pool(name: &str, members: &[&str], policy: &str) -> String {
    format!("[[pool]]\nname = \"{name}\"\nmembers = {members:?}\npolicy = \"{policy}\"\n")
}

impl Server {
    /// Starts it with this `spool.toml` (none at all where it is empty), and waits until it is ready.
    pub fn start(configuration: &str) -> Server {
        Server::start_with(configuration, &[])
    }

    /// The same, with more in its environment.
    pub fn start_with(configuration: &str, environment: &[(&str, &str)]) -> Server {
        let mut server = Server::prepare(own_address(8631), configuration, environment);
        server.restart();
        server
    }

    /// A server that does not run yet.
    pub fn prepare(address: SocketAddr, configuration: &str, environment: &[(&str, &str)]) -> Server {
        let home = tempfile::tempdir().expect("a directory");
        if !configuration.is_empty() {
            fs::write(home.path().join("spool.toml"), configuration).expect("a configuration");
        }
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(owned).collect();
        Server { home, address, environment, child: None }
    }

    /// Starts it again, with the state that it left behind.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same, with more in its environment, this time.
    pub fn restart_with(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        let mut command = self.command();
        command.args(["serve", "--http", &self.address.to_string()]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(environment.iter().copied());
        if !self.environment.iter().any(|(name, _)| name == "RUST_LOG") {
            command.env("RUST_LOG", "info");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().expect("the program runs"));
        self.until_ready();
    }

    /// Waits until it takes jobs, by both ways in.
    pub fn until_ready(&mut self) {
        wait_until("the server is ready", PATIENCE, || {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait().expect("a child")
            {
                panic!("the server ended with {status} before it was ready");
            }
            let ready = |place: Place| {
                place.send("GET", "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
            };
            (ready(self.tcp()) && ready(self.socket())).then_some(())
        });
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The way in for everybody on this machine.
    pub fn tcp(&self) -> Place {
        Place::Tcp(self.address)
    }

    /// The way in where the user is known, and may control.
    pub fn socket(&self) -> Place {
        Place::Unix(self.state().join("spool.sock"))
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn state(&self) -> PathBuf {
        self.home.path().join("spool-data")
    }

    fn log_path(&self) -> PathBuf {
        self.home.path().join("log")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// What the printer `files` has printed: names and contents, in the order of names.
    pub fn printed(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.state().join("printed")).into_iter().flatten();
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("an entry"))
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
            .filter(|(name, _)| !name.starts_with('.'))
            .map(|(name, path)| (name, fs::read(path).expect("a printed file")))
            .collect();
        files.sort();
        files
    }

    /// The program, in the server's directory: it finds the server as a user's would.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spool"));
        command.current_dir(self.home.path());
        for name in ["SPOOL_SERVER", "RUST_LOG", "FAILPOINTS"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command of the command line, which must succeed; its standard output.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = self.try_cli(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "spool {arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    }

    pub fn try_cli(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).stdin(Stdio::null()).output().expect("the program runs")
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it can be told");
    }

    /// Waits for the process to end by itself.
    pub fn ended(&mut self, longest: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        wait_until("the server ends", longest, || child.try_wait().expect("a child"))
    }

    /// Stops it as a service manager does; it must end well.
    pub fn stop(&mut self) -> Duration {
        let watch = Stopwatch::start();
        self.signal(Signal::TERM);
        let status = self.ended(STOP_MAX);
        assert!(status.success(), "it ended with {status}");
        watch.elapsed()
    }

    /// Kills it, as a power cut would, but for what the system still has in its caches.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it costs.
    pub fn meter(&self) -> Meter {
        Meter::of(self.pid())
    }
}

/// Requests.
impl Server {
    #[track_caller]
    pub fn get(&self, target: &str) -> Value {
        self.socket().send("GET", target, &[], b"").expect("an answer").expect(200)
    }

    /// A request that changes something, by the way in where the user is known.
    #[track_caller]
    pub fn post(&self, target: &str, body: Option<Value>) -> Answer {
        self.request("POST", target, body)
    }

    #[track_caller]
    pub fn request(&self, method: &str, target: &str, body: Option<Value>) -> Answer {
        let text = body.map(|body| body.to_string());
        let headers: &[_] = if text.is_some() { &[("content-type", "application/json")] } else { &[] };
        let text = text.unwrap_or_default();
        self.socket().send(method, target, headers, text.as_bytes()).expect("an answer")
    }

    /// Submits a document; `query` is that of the request. The number of the job.
    #[track_caller]
    pub fn submit(&self, query: &str, body: &[u8]) -> u64 {
        let answer = self.try_submit(query, body).expect(201);
        answer["id"].as_u64().expect("a number")
    }

    #[track_caller]
    pub fn try_submit(&self, query: &str, body: &[u8]) -> Answer {
        let target = format!("/api/v1/jobs?{query}");
        let headers = [("content-type", "application/octet-stream")];
        self.socket().send("POST", &target, &headers, body).expect("an answer")
    }

    #[track_caller]
    pub fn job(&self, id: u64) -> Value {
        self.get(&format!("/api/v1/jobs/{id}"))
    }

    /// One of `cancel`, `hold`, `release`, `restart`.
    #[track_caller]
    pub fn control(&self, id: u64, what: &str) -> Answer {
        self.post(&format!("/api/v1/jobs/{id}/{what}"), None)
    }

    #[track_caller]
    pub fn timeline(&self, id: u64) -> Vec<Value> {
        let found = self.get(&format!("/api/v1/jobs/{id}/events"));
        found["events"].as_array().expect("a list").clone()
    }

    /// The kinds of the timeline's entries.
    #[track_caller]
    pub fn kinds(&self, id: u64) -> Vec<String> {
        let kind = |entry: &Value| entry["kind"].as_str().expect("a kind").to_owned();
        self.timeline(id).iter().map(kind).collect()
    }

    #[track_caller]
    pub fn printer(&self, name: &str) -> Value {
        self.get(&format!("/api/v1/printers/{name}"))
    }

    /// One of the figures that it tells of itself.
    #[track_caller]
    pub fn figure(&self, name: &str) -> u64 {
        let text = self.socket().send("GET", "/metrics", &[], b"").expect("an answer");
        let text = String::from_utf8(text.body).expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse().ok()).expect("a number")
    }

    #[track_caller]
    pub fn workers(&self) -> Vec<Value> {
        self.get("/api/v1/workers")["workers"].as_array().expect("a list").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(20_000);
            let from = (from..=log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
            eprintln!("--- the server's log ---\n{}--- its end ---", &log[from..]);
        }
    }
}

/// An address of this machine that nobody else uses: no other process has our number, and nothing else of this
/// process the last part.
pub fn own_address(port: u16) -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let last = NEXT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from(([127, 1 + high % 250, low, last], port))
}

/// Reads a document in pieces, and counts and sums them as the printers of the tests do.
pub fn sum(mut document: impl Read) -> (u64, u32) {
    let (mut bytes, mut crc) = (0, 0);
    let mut piece = vec![0; 1 << 16];
    loop {
        match document.read(&mut piece).expect("it can be read") {
            0 => return (bytes, crc),
            read => {
                bytes += read as u64;
                crc = crc32c::crc32c_append(crc, &piece[..read]);
            }
        }
    }
}
