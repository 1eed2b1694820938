//! An IPP printer of our own, for what no honest printer does when it is asked to: it refuses, falls silent,
//! resets, wants passwords, answers too early, on command. Otherwise it prints every job at once.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use socket2::SockRef;
use spool::protocol::ipp::{
    Attribute, Group, GroupTag, JobState, Message, Operation, PrinterState, Status, Value, decode, encode,
};

use super::printer::{PATIENCE, spawn};

/// A request, as it has come in so far: its attributes are there, a document may follow.
pub struct Call<'a> {
    pub operation: Operation,
    /// Which of this operation it is, from 0.
    pub nth: usize,
    /// Which connection it came over, from 0.
    pub connection: usize,
    /// The head of HTTP.
    pub head: &'a str,
    pub message: &'a Message<'a>,
}

/// What the printer does with a request.
#[derive(Clone, Debug)]
pub enum React {
    Normally,
    /// Says `Connection: close` and closes after the answer.
    NormallyThenClose,
    /// Never says `100 Continue`.
    WithoutLeave,
    /// Reads everything, and answers this.
    Status(Status),
    /// The same, with names in the group of unsupported attributes.
    Refusing(Status, &'static [&'static str]),
    /// Answers this in place of leave, reads nothing more and closes.
    Early(&'static str),
    /// Gives leave, reads so many bytes of the document, answers this status, and closes when it was read.
    StatusAfter(usize, Status),
    /// Gives leave, reads so many bytes of the document and resets.
    ResetAfter(usize),
    /// Reads everything and closes without an answer; the job is there.
    CloseUnanswered,
    /// Reads nothing more and answers nothing.
    Hang,
}

pub const UNAUTHORIZED: &str =
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"printer\"\r\nContent-Length: 0\r\n\r\n";
pub const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
pub const TOO_LARGE: &str =
    "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
pub const NO_EXPECT: &str = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
pub const UPGRADE: &str =
    "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\nContent-Length: 0\r\n\r\n";

/// Does what it is asked only by `user` with `password`.
pub fn wants_password(call: &Call<'_>) -> React {
    match call.head.contains("Authorization: Basic dXNlcjpwYXNzd29yZA==") {
        true => React::Normally,
        false => React::Early(UNAUTHORIZED),
    }
}

/// A job that came in.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: i32,
    pub name: String,
    pub state: JobState,
    pub reasons: Vec<String>,
    pub documents: Vec<Vec<u8>>,
    /// Names of the job template attributes that were asked for.
    pub asked: Vec<String>,
}

type Behave = dyn Fn(&Call<'_>) -> React + Send + Sync;

/// What a printer says of itself, in part.
#[derive(Clone)]
pub struct Traits {
    pub operations: Vec<Operation>,
    pub several_documents: bool,
    pub state: PrinterState,
    pub reasons: Vec<&'static str>,
    pub events: Events,
    /// What a job is as soon as it has all its documents, and why.
    pub end: (JobState, Vec<&'static str>),
    /// Whether it says of a job how it is (job-state).
    pub tells_state: bool,
}

/// Whether it tells what happens to jobs, to those who fetch it («ippget»).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    None,
    Offered,
}

impl Default for Traits {
    fn default() -> Self {
        Traits {
            operations: vec![
                Operation::PrintJob,
                Operation::ValidateJob,
                Operation::CreateJob,
                Operation::SendDocument,
                Operation::CancelJob,
                Operation::GetJobAttributes,
                Operation::GetJobs,
                Operation::GetPrinterAttributes,
            ],
            several_documents: true,
            state: PrinterState::Idle,
            reasons: vec!["none"],
            events: Events::None,
            end: (JobState::Completed, vec!["job-completed-successfully"]),
            tells_state: true,
        }
    }
}

pub struct IppScript {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    behave: Box<Behave>,
}

struct State {
    traits: Traits,
    jobs: Vec<Job>,
    calls: Vec<Operation>,
    connections: usize,
    open: Vec<TcpStream>,
    over: bool,
    /// How many events there were.
    events: i32,
    /// Bytes that have come over all connections.
    received: usize,
}

impl IppScript {
    pub fn start(behave: impl Fn(&Call<'_>) -> React + Send + Sync + 'static) -> IppScript {
        IppScript::with(Traits::default(), behave)
    }

    pub fn with(traits: Traits, behave: impl Fn(&Call<'_>) -> React + Send + Sync + 'static) -> IppScript {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            traits,
            jobs: Vec::new(),
            calls: Vec::new(),
            connections: 0,
            open: Vec::new(),
            over: false,
            events: 0,
            received: 0,
        };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), behave: Box::new(behave) });
        let serving = shared.clone();
        spawn("ipp-script", move || {
            loop {
                let (stream, _) = listener.accept().unwrap();
                let mut state = serving.lock();
                if state.over {
                    return;
                }
                let connection = state.connections;
                state.connections += 1;
                state.open.push(stream.try_clone().unwrap());
                let shared = serving.clone();
                spawn("ipp-connection", move || {
                    let mut served = Served { stream, shared: &shared, connection, buffer: Vec::new() };
                    let end = loop {
                        match served.serve() {
                            Next::Request => {}
                            end => break end,
                        }
                    };
                    if end == Next::Close {
                        let _ = served.stream.shutdown(Shutdown::Both);
                    }
                });
            }
        });
        IppScript { address, shared }
    }

    pub fn uri(&self) -> String {
        format!("ipp://{}/ipp/print", self.address)
    }

    pub fn jobs(&self) -> Vec<Job> {
        self.shared.lock().jobs.clone()
    }

    /// All requests so far.
    pub fn calls(&self) -> Vec<Operation> {
        self.shared.lock().calls.clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Waits until it was asked so often for this.
    pub fn called(&self, operation: Operation, times: usize) {
        let fewer = |state: &mut State| state.calls.iter().filter(|call| **call == operation).count() < times;
        // Unlocked again before it may panic: the printer is still to be dropped.
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, fewer).unwrap().1;
        assert!(!waited.timed_out(), "{operation:?} does not come");
    }

    /// Waits until so many bytes have come, of documents that may not be whole.
    pub fn received(&self, bytes: usize) {
        let fewer = |state: &mut State| state.received < bytes;
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, fewer).unwrap().1;
        assert!(!waited.timed_out(), "so many bytes do not come");
    }

    /// Waits until a document has come in whole.
    pub fn job_is_there(&self) {
        let none = |state: &mut State| state.jobs.iter().all(|job| job.documents.is_empty());
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, none).unwrap().1;
        assert!(!waited.timed_out(), "no document comes");
    }

    /// Changes what it is.
    pub fn change(&self, change: impl FnOnce(&mut Traits)) {
        change(&mut self.shared.lock().traits);
    }

    /// Changes its jobs.
    pub fn change_jobs(&self, change: impl FnOnce(&mut Vec<Job>)) {
        let mut state = self.shared.lock();
        change(&mut state.jobs);
        state.events += 1;
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Drop for IppScript {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.over = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Request,
    Close,
    /// The last of it is dropped as it is.
    Reset,
}

struct Served<'a> {
    stream: TcpStream,
    shared: &'a Shared,
    connection: usize,
    buffer: Vec<u8>,
}

impl Served<'_> {
    /// One request.
    fn serve(&mut self) -> Next {
        let Some(end) = self.until(|bytes| bytes.windows(4).position(|four| four == b"\r\n\r\n")) else {
            return Next::Close;
        };
        let head = String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let length: usize = field("content-length").expect("a length is always told").parse().unwrap();
        let Some(attributes) =
            self.until(|bytes| decode(bytes).ok().map(|(_, rest)| bytes.len() - rest.len()))
        else {
            return Next::Close;
        };
        let raw: Vec<u8> = self.buffer.drain(..attributes).collect();
        let (message, _) = decode(&raw).unwrap();
        let operation = message.operation();
        let nth = {
            let mut state = self.shared.lock();
            let nth = state.calls.iter().filter(|call| **call == operation).count();
            state.calls.push(operation);
            self.shared.changed.notify_all();
            nth
        };
        let call = Call { operation, nth, connection: self.connection, head: &head, message: &message };
        let expects = field("expect").is_some();
        self.react(&call, (self.shared.behave)(&call), length - attributes, expects)
    }

    fn react(&mut self, call: &Call<'_>, react: React, document: usize, expects: bool) -> Next {
        let give_leave = |served: &mut Self| {
            if expects {
                served.say(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
        };
        match react {
            React::Normally | React::NormallyThenClose | React::WithoutLeave | React::CloseUnanswered => {
                if !matches!(react, React::WithoutLeave) {
                    give_leave(self);
                }
                let Some(body) = self.take(document) else { return Next::Close };
                if call.operation == Operation::GetNotifications {
                    let operation = call.message.group(GroupTag::Operation).unwrap();
                    let wanted = operation.integer("notify-sequence-numbers").unwrap();
                    let none = |state: &mut State| state.events < wanted && !state.over;
                    drop(self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, none));
                }
                let answer = self.shared.lock().answer(call, body);
                self.shared.changed.notify_all();
                match react {
                    React::CloseUnanswered => return Next::Close,
                    React::NormallyThenClose => {
                        self.answer(&answer, "Connection: close\r\n");
                        return Next::Close;
                    }
                    _ => self.answer(&answer, ""),
                }
                Next::Request
            }
            React::Status(status) => self.react(call, React::Refusing(status, &[]), document, expects),
            React::Refusing(status, names) => {
                give_leave(self);
                if self.take(document).is_none() {
                    return Next::Close;
                }
                self.answer(&refusal(call.message, status, names), "");
                Next::Request
            }
            React::Early(answer) => {
                self.say(answer.as_bytes());
                // What comes now is not for us; closing before it was read would reset.
                let _ = self.stream.shutdown(Shutdown::Write);
                let mut rest = Vec::new();
                let _ = self.stream.read_to_end(&mut rest);
                Next::Close
            }
            React::StatusAfter(bytes, status) => {
                give_leave(self);
                let _ = self.take(bytes);
                self.answer(&refusal(call.message, status, &[]), "Connection: close\r\n");
                let _ = self.stream.shutdown(Shutdown::Write);
                let mut rest = Vec::new();
                let _ = self.stream.read_to_end(&mut rest);
                Next::Close
            }
            React::ResetAfter(bytes) => {
                give_leave(self);
                let _ = self.take(bytes);
                SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
                self.shared.lock().open.clear();
                Next::Reset
            }
            React::Hang => {
                let over = |state: &mut State| !state.over;
                drop(self.shared.changed.wait_while(self.shared.lock(), over));
                Next::Close
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    fn answer(&mut self, body: &[u8], more: &str) {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\n{more}Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.say(&[head.as_bytes(), body].concat());
    }

    fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        self.until(|have| (have.len() >= bytes).then_some(()))?;
        Some(self.buffer.drain(..bytes).collect())
    }

    /// Reads until `done` finds what it looks for.
    fn until<T>(&mut self, done: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let mut piece = vec![0; 64 * 1024];
        loop {
            if let Some(found) = done(&self.buffer) {
                return Some(found);
            }
            match self.stream.read(&mut piece) {
                Ok(0) | Err(_) => return None,
                Ok(bytes) => {
                    self.buffer.extend_from_slice(&piece[..bytes]);
                    self.shared.lock().received += bytes;
                    self.shared.changed.notify_all();
                }
            }
        }
    }
}

fn reply<'a>(request: &Message<'_>, status: Status) -> Message<'a> {
    let mut operation = Group::new(GroupTag::Operation);
    operation.push("attributes-charset", Value::Charset("utf-8".into()));
    operation.push("attributes-natural-language", Value::NaturalLanguage("en".into()));
    Message {
        version: request.version,
        code: status.code(),
        request_id: request.request_id,
        groups: vec![operation],
    }
}

fn refusal(request: &Message<'_>, status: Status, names: &[&'static str]) -> Vec<u8> {
    let mut message = reply(request, status);
    if !names.is_empty() {
        let mut group = Group::new(GroupTag::Unsupported);
        for name in names {
            group.push(*name, Value::OutOfBand(spool::protocol::ipp::OutOfBand::Unsupported));
        }
        message.groups.push(group);
    }
    encode(&message).unwrap()
}

impl State {
    /// What an honest printer answers.
    fn answer(&mut self, call: &Call<'_>, document: Vec<u8>) -> Vec<u8> {
        let operation = call.message.group(GroupTag::Operation).unwrap();
        let id = operation.integer("job-id");
        let job = |state: &State| state.jobs.iter().position(|job| Some(job.id) == id);
        let mut message = reply(call.message, Status::Ok);
        match call.operation {
            Operation::GetPrinterAttributes => message.groups.push(self.printer()),
            Operation::ValidateJob => {}
            Operation::CreateJob => message.groups.push(self.new_job(call.message).group()),
            Operation::PrintJob => {
                let end = self.end();
                let job = self.new_job(call.message);
                job.documents.push(document);
                (job.state, job.reasons) = end;
                message.groups.push(job.group());
            }
            Operation::SendDocument => match job(self) {
                Some(at) => {
                    let end = self.end();
                    let job = &mut self.jobs[at];
                    job.documents.push(document);
                    if operation.boolean("last-document") == Some(true) {
                        (job.state, job.reasons) = end;
                    }
                    message.groups.push(job.group());
                }
                None => message.code = Status::NotFound.code(),
            },
            Operation::GetJobAttributes => match job(self) {
                Some(at) => {
                    let mut group = self.jobs[at].group();
                    group.attributes.retain(|a| self.traits.tells_state || a.name != "job-state");
                    message.groups.push(group);
                }
                None => message.code = Status::NotFound.code(),
            },
            Operation::GetJobs => {
                let completed = operation.text("which-jobs").as_deref() == Some("completed");
                let listed = self.jobs.iter().filter(|job| job.state.is_final() == completed);
                message.groups.extend(listed.map(Job::group));
            }
            Operation::CreatePrinterSubscriptions => {
                let mut group = Group::new(GroupTag::Subscription);
                group.push("notify-subscription-id", Value::Integer(5));
                group.push("notify-lease-duration", Value::Integer(3600));
                message.groups.push(group);
            }
            Operation::GetNotifications => {
                let mut group = Group::new(GroupTag::EventNotification);
                group.push("notify-subscription-id", Value::Integer(5));
                group.push("notify-sequence-number", Value::Integer(self.events));
                message.groups.push(group);
            }
            Operation::CancelSubscription => {}
            Operation::CancelJob => match job(self) {
                Some(at) if !self.jobs[at].state.is_final() => {
                    self.jobs[at].state = JobState::Canceled;
                    self.jobs[at].reasons = vec!["job-canceled-by-user".to_owned()];
                }
                Some(_) => message.code = Status::NotPossible.code(),
                None => message.code = Status::NotFound.code(),
            },
            _ => message.code = Status::OperationNotSupported.code(),
        }
        encode(&message).unwrap()
    }

    fn end(&self) -> (JobState, Vec<String>) {
        let (state, reasons) = &self.traits.end;
        (*state, reasons.iter().map(|reason| (*reason).to_owned()).collect())
    }

    fn new_job(&mut self, message: &Message<'_>) -> &mut Job {
        let operation = message.group(GroupTag::Operation).unwrap();
        let asked = message.group(GroupTag::Job);
        self.jobs.push(Job {
            id: i32::try_from(self.jobs.len()).unwrap() + 1,
            name: operation.string("job-name").unwrap_or_default(),
            state: JobState::PendingHeld,
            reasons: vec!["job-incoming".to_owned()],
            documents: Vec::new(),
            asked: asked.iter().flat_map(|group| &group.attributes).map(|a| a.name.to_string()).collect(),
        });
        self.jobs.last_mut().unwrap()
    }

    fn printer(&self) -> Group<'static> {
        let Traits { mut operations, several_documents, state, reasons, events, .. } = self.traits.clone();
        let mut group = Group::new(GroupTag::Printer);
        group.push("printer-state", Value::Enum(state.code()));
        group.attributes.push(Attribute::keywords("printer-state-reasons", &reasons));
        group.push("printer-is-accepting-jobs", Value::Boolean(true));
        if events == Events::Offered {
            operations.extend([Operation::CreatePrinterSubscriptions, Operation::GetNotifications]);
            group.push("notify-pull-method-supported", Value::keyword("ippget"));
        }
        let operations = operations.iter().map(|operation| Value::Enum(i32::from(operation.code())));
        group
            .attributes
            .push(Attribute { name: "operations-supported".into(), values: operations.collect() });
        group.push("multiple-document-jobs-supported", Value::Boolean(several_documents));
        group.push("copies-supported", Value::Range(1, 99));
        group.push("document-format-supported", Value::MimeMediaType("application/pdf".into()));
        group
    }
}

impl Job {
    fn group(&self) -> Group<'static> {
        let mut group = Group::new(GroupTag::Job);
        group.push("job-id", Value::Integer(self.id));
        group.push("job-name", Value::name(self.name.clone()));
        group.push("job-state", Value::Enum(self.state.code()));
        let reasons = self.reasons.iter().map(|reason| Value::keyword(reason.clone()));
        group.attributes.push(Attribute { name: "job-state-reasons".into(), values: reasons.collect() });
        group
    }
}
