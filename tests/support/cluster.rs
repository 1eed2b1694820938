//! Several servers, each on an address of its own, and between them wires that write down what passes and can be cut.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::printer::spawn;
use super::server::Server;
use super::wait::{PATIENCE, wait_until};

/// What all nodes of a test share.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef-of-a-test";

/// One server of a cluster. Others and clients reach it over its wire.
pub struct Node {
    pub name: String,
    pub server: Server,
    pub wire: Wire,
}

/// Starts a server for each name; `settings` are further lines for `[cluster]`, followed by further tables.
pub fn start(names: &[&str], settings: impl Fn(&str) -> String) -> Vec<Node> {
    let tape = Tape::default();
    let mut nodes = prepare(names, &tape, settings);
    nodes.iter_mut().for_each(|node| node.server.restart());
    until_all_see_all(&nodes);
    nodes
}

/// The same, before they run.
pub fn prepare(names: &[&str], tape: &Tape, settings: impl Fn(&str) -> String) -> Vec<Node> {
    let wires: Vec<(Wire, SocketAddr)> = names
        .iter()
        .zip(2..)
        .map(|(name, last)| {
            // A port that was free a moment ago; nobody else is given it for a while.
            let free = TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), 0)).expect("a port");
            let server = free.local_addr().expect("an address");
            (Wire::to(name, server, tape.clone()), server)
        })
        .collect();
    let urls: Vec<String> = wires.iter().map(|(wire, _)| wire.url()).collect();
    let node = |(name, (wire, address)): (&&str, (Wire, SocketAddr))| {
        let peers: Vec<&String> = urls.iter().filter(|url| **url != wire.url()).collect();
        let text = format!(
            "[cluster]\nnode = \"{name}\"\nurl = \"{}\"\nsecret_file = \"cluster.secret\"\npeers = {peers:?}\n{}\n",
            wire.url(),
            settings(name)
        );
        let server = Server::prepare(address, &text, &[]);
        let secret = server.home().join("cluster.secret");
        fs::write(&secret, SECRET).expect("a secret");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("its mode");
        Node { name: (*name).to_owned(), server, wire }
    };
    names.iter().zip(wires).map(node).collect()
}

/// Waits until each sees all others alive.
pub fn until_all_see_all(nodes: &[Node]) {
    for node in nodes {
        node.until_alive(&nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>());
    }
}

impl Node {
    /// The nodes as this one sees them.
    pub fn nodes(&self) -> Vec<Value> {
        self.server.get("/api/v1/nodes")["nodes"].as_array().expect("a list").clone()
    }

    /// One of them.
    pub fn seen(&self, name: &str) -> Option<Value> {
        self.nodes().into_iter().find(|node| node["name"] == name)
    }

    /// Waits until just these are alive for this one.
    pub fn until_alive(&self, names: &[&str]) {
        let mut names: Vec<&str> = names.to_vec();
        names.sort_unstable();
        wait_until(&format!("{} sees {names:?}", self.name), PATIENCE, || {
            let nodes = self.nodes();
            let alive = nodes.iter().filter(|node| node["life"] == "alive");
            let alive: Vec<&str> = alive.filter_map(|node| node["name"].as_str()).collect();
            (alive == names).then_some(())
        });
    }

    /// Who leads, as this one sees it.
    pub fn master(&self) -> Option<String> {
        let nodes = self.nodes();
        let master = nodes.iter().find(|node| node["master"] == true)?;
        master["name"].as_str().map(str::to_owned)
    }
}

/// Everything that passed over the wires of a cluster, in its order.
#[derive(Clone, Default)]
pub struct Tape(Arc<Mutex<Vec<Message>>>);

/// A request, as it began to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The node that sent it; empty for a client.
    pub from: String,
    pub to: String,
    pub method: String,
    pub target: String,
    pub head: String,
}

impl Tape {
    pub fn messages(&self) -> Vec<Message> {
        self.0.lock().expect("a tape").clone()
    }

    /// What has passed so far is not of interest.
    pub fn clear(&self) {
        self.0.lock().expect("a tape").clear();
    }

    /// The requests to paths that begin so, as `FROM>TO METHOD PATH`, without what follows a `?`.
    pub fn story(&self, paths: &[&str]) -> Vec<String> {
        let messages = self.messages();
        let of_interest = messages.iter().filter(|m| paths.iter().any(|path| m.target.starts_with(path)));
        let line = |m: &Message| {
            let path = m.target.split('?').next().unwrap_or_default();
            format!("{}>{} {} {path}", if m.from.is_empty() { "client" } else { &m.from }, m.to, m.method)
        };
        of_interest.map(line).collect()
    }
}

/// The way to one server: everything that passes is written down; it can be cut and mended.
pub struct Wire {
    address: SocketAddr,
    pub tape: Tape,
    state: Arc<State>,
}

/// What a wire is cut by, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutBy {
    /// So many bytes on their way to the server.
    Bytes(u64),
    /// The server's first word after so many bytes.
    AnswerAfter(u64),
}

#[derive(Default)]
struct State {
    cut: AtomicBool,
    /// With the bytes that had passed when it was set.
    cut_by: Mutex<Option<(CutBy, u64)>>,
    /// Both ends of what is open.
    open: Mutex<VecDeque<(TcpStream, TcpStream)>>,
    /// Bytes towards the server.
    carried: AtomicU64,
}

impl Wire {
    fn to(name: &str, server: SocketAddr, tape: Tape) -> Wire {
        let listener = TcpListener::bind((server.ip(), 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let (name, end, notes) = (name.to_owned(), state.clone(), tape.clone());
        spawn("wire", move || {
            for client in listener.incoming().flatten() {
                let (name, state, tape) = (name.clone(), end.clone(), notes.clone());
                spawn("wire", move || carry(&name, client, server, &state, tape));
            }
        });
        Wire { address, tape, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing passes any more, and what is open breaks.
    pub fn cut(&self) {
        self.state.cut();
    }

    /// It will be, and the bytes that do it are lost.
    pub fn cut_by(&self, what: CutBy) {
        *self.state.cut_by.lock().expect("a wish") = Some((what, self.carried()));
    }

    pub fn is_cut(&self) -> bool {
        self.state.cut.load(Ordering::SeqCst)
    }

    pub fn mend(&self) {
        self.state.cut.store(false, Ordering::SeqCst);
    }

    /// Bytes that have passed towards the server.
    pub fn carried(&self) -> u64 {
        self.state.carried.load(Ordering::SeqCst)
    }
}

impl State {
    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for (client, server) in self.open.lock().expect("a list").drain(..) {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }

    /// Cuts where that is wished; `answered` tells the two ways apart.
    fn passed(&self, answered: bool) {
        let carried = self.carried.load(Ordering::SeqCst);
        let due = |(by, before): &mut (CutBy, u64)| match by {
            CutBy::Bytes(bytes) => !answered && carried - *before >= *bytes,
            CutBy::AnswerAfter(bytes) => answered && carried - *before >= *bytes,
        };
        if self.cut_by.lock().expect("a wish").take_if(due).is_some() {
            self.cut();
        }
    }
}

fn carry(name: &str, client: TcpStream, server: SocketAddr, state: &Arc<State>, tape: Tape) {
    if state.cut.load(Ordering::SeqCst) {
        return;
    }
    let Ok(server) = TcpStream::connect(server) else { return };
    let both = |stream: &TcpStream| stream.try_clone().expect("a second handle");
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    {
        let mut open = state.open.lock().expect("a list");
        if state.cut.load(Ordering::SeqCst) {
            return;
        }
        open.push_back((both(&client), both(&server)));
    }
    let (back_from, back_to) = (both(&server), both(&client));
    let answers = state.clone();
    let back = spawn("wire-back", move || copy(back_from, back_to, |_| answers.passed(true)));
    let mut scanner = Scanner::new(name, tape);
    let (from, to) = (both(&client), both(&server));
    copy(from, to, |piece| {
        state.carried.fetch_add(piece.len() as u64, Ordering::SeqCst);
        state.passed(false);
        scanner.take(piece);
    });
    let _ = back.join();
    let same = |a: &TcpStream, b: &TcpStream| a.peer_addr().ok() == b.peer_addr().ok();
    state.open.lock().expect("a list").retain(|(open, _)| !same(open, &client));
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8])) {
    let mut piece = vec![0; 256 * 1024];
    let done: io::Result<()> = (|| {
        loop {
            match from.read(&mut piece)? {
                0 => return to.shutdown(Shutdown::Write),
                read => {
                    look(&piece[..read]);
                    to.write_all(&piece[..read])?;
                }
            }
        }
    })();
    if done.is_err() {
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

/// Finds the heads of the requests on one connection.
struct Scanner {
    to: String,
    tape: Tape,
    head: Vec<u8>,
    /// Bytes of a body that are still to come; `None` within a chunked one.
    body: Option<u64>,
    /// The end of what came of a chunked body.
    tail: Vec<u8>,
}

impl Scanner {
    fn new(to: &str, tape: Tape) -> Scanner {
        Scanner { to: to.to_owned(), tape, head: Vec::new(), body: Some(0), tail: Vec::new() }
    }

    fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            match self.body {
                Some(0) => {
                    self.head.push(piece[0]);
                    piece = &piece[1..];
                    if self.head.ends_with(b"\r\n\r\n") {
                        self.note();
                    }
                }
                Some(left) => {
                    let passed = left.min(piece.len() as u64);
                    self.body = Some(left - passed);
                    piece = &piece[passed as usize..];
                }
                // The last chunk ends with an empty line; what the tests send does not contain that.
                None => {
                    self.tail.extend_from_slice(&piece[piece.len().saturating_sub(7)..]);
                    if self.tail.ends_with(b"\r\n0\r\n\r\n") {
                        self.body = Some(0);
                    }
                    self.tail = self.tail.split_off(self.tail.len().saturating_sub(7));
                    return;
                }
            }
        }
    }

    fn note(&mut self) {
        let head = String::from_utf8_lossy(&std::mem::take(&mut self.head)).into_owned();
        let field = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let mut words = head.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let from = field("spool-seal").and_then(|seal| seal.split(' ').next().map(str::to_owned));
        self.body = match field("transfer-encoding") {
            Some(_) => None,
            None => Some(field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)),
        };
        let message = Message { from: from.unwrap_or_default(), to: self.to.clone(), method, target, head };
        self.tape.0.lock().expect("a tape").push(message);
    }
}
