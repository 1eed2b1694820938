//! A printer that takes everything as fast as it comes, keeps none of it, and knows when it came.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

#[derive(Clone, Debug, Default)]
pub struct Connection {
    pub first_byte: Option<Instant>,
    pub bytes: u64,
    pub ended: Option<Instant>,
}

pub struct Sink {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: Mutex<Vec<Connection>>,
    changed: Condvar,
}

impl Sink {
    pub fn start() -> Sink {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        let serve = move || {
            for stream in listener.incoming() {
                take(stream.unwrap(), &shared);
            }
        };
        std::thread::Builder::new().name("sink".to_owned()).spawn(serve).unwrap();
        Sink { address, seen }
    }

    pub fn uri(&self) -> String {
        format!("socket://{}", self.address)
    }

    /// Waits for the end of the connection number `n` of those that brought anything.
    pub fn ended(&self, n: usize) -> Connection {
        let none = |all: &mut Vec<Connection>| with_bytes(all).nth(n).is_none_or(|one| one.ended.is_none());
        let all = self.seen.changed.wait_while(self.seen.connections.lock().unwrap(), none).unwrap();
        with_bytes(&all).nth(n).unwrap().clone()
    }

    /// Waits until so many bytes have come.
    pub fn received(&self, bytes: u64) {
        let fewer = |all: &mut Vec<Connection>| all.iter().map(|one| one.bytes).sum::<u64>() < bytes;
        drop(self.seen.changed.wait_while(self.seen.connections.lock().unwrap(), fewer).unwrap());
    }
}

fn with_bytes(all: &[Connection]) -> impl Iterator<Item = &Connection> {
    all.iter().filter(|connection| connection.bytes > 0)
}

/// One connection at a time, as a printer does.
fn take(mut stream: TcpStream, seen: &Seen) {
    let mut connection = Connection::default();
    let number = {
        let mut all = seen.connections.lock().unwrap();
        all.push(connection.clone());
        all.len() - 1
    };
    let mut buffer = vec![0; 256 * 1024];
    let mut told = Instant::now();
    loop {
        let bytes = stream.read(&mut buffer).unwrap_or(0);
        if bytes > 0 {
            connection.first_byte.get_or_insert_with(Instant::now);
        }
        connection.bytes += bytes as u64;
        connection.ended = (bytes == 0).then(Instant::now);
        // Of a large document not every piece is told.
        if connection.ended.is_some() || told.elapsed().as_millis() > 5 {
            told = Instant::now();
            seen.connections.lock().unwrap()[number] = connection.clone();
            seen.changed.notify_all();
        }
        if connection.ended.is_some() {
            return;
        }
    }
}

pub fn uris(sinks: &[Sink]) -> Vec<String> {
    sinks.iter().map(Sink::uri).collect()
}
