//! The interface over real sockets, and a client that says exactly what it is told to.

#[path = "wait.rs"]
pub mod wait;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use actix_web::App;
use serde_json::Value;
use spool::clock::Clock;
use spool::config::{Access, Config, Network, SubmitAccess};
use spool::device::{Surroundings, Timing};
use spool::server::http::admission::HttpAdmission;
use spool::server::http::configure;
use spool::server::http::listener::{Listener, ListenerConfig};
use spool::server::http::state::{Bounds, HttpState, Parts};
use spool::server::http::token::Token;
use spool::server::http::users::Users;

use spool::store::backup::Backups;

use crate::core::FakeCore;

/// No test waits longer for a socket than this; it is an error to get there.
pub const TOO_LONG: Duration = Duration::from_secs(30);
/// `limits.document` in these tests, bytes.
pub const LARGEST: usize = 1_000_000;
/// Nobody's uid is this: the owner of the process is an ordinary user to the server, unless it is root.
const NOBODY: u32 = 4_000_000_000;

/// A server on a thread of its own, stopped when it is dropped.
pub struct Running {
    pub core: Arc<FakeCore>,
    /// Where large documents are.
    pub directory: PathBuf,
    pub state: Arc<HttpState>,
    pub address: SocketAddr,
    pub socket: PathBuf,
    pub token: String,
    handle: actix_server::ServerHandle,
    thread: Option<thread::JoinHandle<std::io::Result<()>>>,
    _folder: tempfile::TempDir,
}

pub struct Setup {
    pub bounds: Bounds,
    pub submit: SubmitAccess,
    pub networks: Vec<Network>,
    pub listen: &'static str,
    /// What devices may use of the machine.
    pub surroundings: Surroundings,
    /// How long a copy of the store is, bytes.
    pub copy: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            bounds: Bounds::default(),
            submit: SubmitAccess::Local,
            networks: Vec::new(),
            listen: "127.0.0.1:0",
            surroundings: Surroundings::new(Vec::new(), Timing::default(), Clock::machine()),
            copy: 4,
        }
    }
}

impl Running {
    pub fn start() -> Running {
        Running::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Running {
        let folder = tempfile::tempdir().expect("a directory");
        open_to_all(folder.path());
        let socket = folder.path().join("spool.sock");
        let token_file = folder.path().join("admin.token");
        let token = Token::load_or_create(&token_file).expect("a token");
        let secret = std::fs::read_to_string(&token_file).expect("the token");
        let addresses = vec![setup.listen.parse().expect("an address")];
        let config = ListenerConfig { addresses, socket: Some(socket.clone()), ..ListenerConfig::default() };
        let listener = Listener::bind(config).expect("the listener binds");
        let address = listener.addresses()[0];
        let directory = folder.path().join("documents");
        std::fs::create_dir(&directory).expect("a directory");
        let core = FakeCore::new(&directory);
        let state = Arc::new(HttpState::new(Parts {
            core: core.clone(),
            documents: core.documents.clone(),
            config: Arc::new(config_of(setup.submit, setup.networks)),
            token,
            users: Users::new(folder.path().to_owned(), NOBODY),
            clock: Clock::machine(),
            addresses: listener.addresses(),
            surroundings: setup.surroundings,
            bounds: setup.bounds,
            backups: Arc::new(Copied(setup.copy)),
            stats: Arc::default(),
            cluster: None,
        }));
        let (handle, thread) = serve(listener, Arc::clone(&state));
        let token = secret.trim().to_owned();
        Running {
            core,
            directory,
            state,
            address,
            socket,
            token,
            handle,
            thread: Some(thread),
            _folder: folder,
        }
    }

    pub fn stop(&mut self) {
        self.state.stop();
        drop(self.handle.stop(true));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic").expect("a clean end");
        }
    }

    /// Waits until the document directory holds so many files, whole or not, and answers their names. They go in the
    /// background.
    pub fn wait_for_files(&self, n: usize) -> Vec<String> {
        wait::wait_until(&format!("{n} files"), TOO_LONG, || {
            let entries = std::fs::read_dir(&self.directory).expect("a directory");
            let names =
                entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("plain"));
            Some(names.collect::<Vec<_>>()).filter(|names| names.len() == n)
        })
    }

    pub fn connect(&self) -> TcpStream {
        self.connect_to(SocketAddr::from(([127, 0, 0, 1], self.address.port())))
    }

    pub fn connect_to(&self, address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(TOO_LONG)).expect("a timeout");
        stream.set_write_timeout(Some(TOO_LONG)).expect("a timeout");
        stream
    }

    /// Sends a request as it is, over loopback.
    pub fn raw(&self, text: &[u8]) -> Reply {
        exchange(self.connect(), text)
    }

    /// Over loopback, without credentials.
    pub fn ask(&self, request: &str, headers: &str, body: &[u8]) -> Reply {
        self.raw(&written(request, &format!("Host: localhost\r\n{headers}"), body))
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask(&format!("GET {path}"), "", b"")
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Reply {
        self.ask(&format!("POST {path}"), "", body)
    }

    /// With the administrator's token.
    pub fn admin(&self, request: &str, body: &[u8]) -> Reply {
        self.ask(request, &format!("Authorization: Bearer {}\r\n", self.token), body)
    }

    /// Over the socket, as the owner of this process.
    pub fn local(&self, request: &str, body: &[u8]) -> Reply {
        let stream = UnixStream::connect(&self.socket).expect("the server listens");
        stream.set_read_timeout(Some(TOO_LONG)).expect("a timeout");
        exchange(stream, &written(request, "Host: whatever\r\n", body))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// A copy of a store: so many bytes.
struct Copied(u64);

impl Backups for Copied {
    fn write(&self, begin: &mut dyn FnMut(u64), sink: &mut dyn Write) -> std::io::Result<()> {
        begin(self.0);
        std::io::copy(&mut std::io::repeat(b'c').take(self.0), sink)?;
        sink.flush()
    }
}

fn open_to_all(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o711)).expect("a mode");
}

fn config_of(submit: SubmitAccess, networks: Vec<Network>) -> Config {
    let mut config = Config::default();
    config.server.name = "front-desk".to_owned();
    config.limits.document = LARGEST as u64;
    config.access =
        Access { submit, networks, hosts: vec!["print.example.org".to_owned()], files: Vec::new() };
    config
}

type Serving = (actix_server::ServerHandle, thread::JoinHandle<std::io::Result<()>>);

fn serve(listener: Listener, state: Arc<HttpState>) -> Serving {
    let (handle_tx, handle_rx) = mpsc::channel();
    let thread = thread::Builder::new().name("server".to_owned()).spawn(move || {
        actix_rt::System::new().block_on(async move {
            let handlers = Arc::clone(&state);
            let server = listener.serve(HttpAdmission::new(state), move || {
                let state = Arc::clone(&handlers);
                App::new().configure(move |cfg| configure(cfg, state))
            });
            let server = server.expect("the listener starts");
            handle_tx.send(server.handle()).expect("the test waits");
            server.await
        })
    });
    let thread = thread.expect("a thread");
    (handle_rx.recv_timeout(TOO_LONG).expect("the server starts"), thread)
}

/// A request as bytes; its connection is to be closed.
pub fn written(request: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() && !request.starts_with("POST") {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let head = format!("{request} HTTP/1.1\r\n{headers}{length}Connection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn exchange(mut stream: impl Read + Write, text: &[u8]) -> Reply {
    // A server that refuses may close before it has read all.
    stream.write_all(text).ok();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the server closes in order");
    Reply::parse(&bytes)
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn parse(bytes: &[u8]) -> Reply {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Reply { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// A problem document with this status and code.
    #[track_caller]
    pub fn check_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?} {}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()), "{problem}");
        assert!(problem["type"].is_string() && problem["title"].is_string(), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        problem
    }

    #[track_caller]
    pub fn check(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?} {}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }
}
