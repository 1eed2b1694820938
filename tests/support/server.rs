//! The real server: `spool serve` as a process of its own, with a state directory of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::client::{Answer, Chunked, Place, Stream, read_head};
use super::wait::{PATIENCE, Stopwatch, wait_until};

/// A printer that is not ready is tried again soon.
pub const FAST: &str = "[retry]\nbackoff = [\"100ms\", \"1s\"]\n";
/// A server that was asked to stop ends within this time, whatever its printers do.
pub const STOP_MAX: Duration = Duration::from_secs(20);

const FINAL: [&str; 3] = ["completed", "failed", "canceled"];

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

impl Server {
    /// Starts it with this `spool.toml` (none at all where it is empty), and waits until it is ready.
    pub fn start(configuration: &str) -> Server {
        Server::start_with(configuration, &[])
    }

    /// The same, with more in its environment.
    pub fn start_with(configuration: &str, environment: &[(&str, &str)]) -> Server {
        let home = tempfile::tempdir().expect("a directory");
        if !configuration.is_empty() {
            fs::write(home.path().join("spool.toml"), configuration).expect("a configuration");
        }
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(owned).collect();
        let mut server = Server { home, address: own_address(), environment, child: None };
        server.restart();
        server
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

    /// A line of `/proc/PID/status`, such as `VmRSS`, in bytes.
    pub fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.expect("a number") * 1024
    }

    /// Lets the highest memory use count from now on.
    pub fn forget_memory_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("it can be reset");
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

    #[track_caller]
    pub fn workers(&self) -> Vec<Value> {
        self.get("/api/v1/workers")["workers"].as_array().expect("a list").clone()
    }
}

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

/// Every event that comes until `last` is one, from now on until after `during` was done: name and data.
impl Server {
    #[track_caller]
    pub fn events_of(
        &self,
        during: impl FnOnce(),
        last: impl Fn(&str, &Value) -> bool,
    ) -> Vec<(String, Value)> {
        let Events(mut stream) = Events::open(self);
        during();
        let (mut name, mut events) = (String::new(), Vec::new());
        loop {
            let mut line = String::new();
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

/// An address of this machine that nobody else uses: no other process has our number, and no other server
/// of this process the last part.
fn own_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let last = NEXT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from(([127, 1 + high % 250, low, last], 8631))
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
