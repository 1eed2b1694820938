//! A printer for documents of any size: it keeps how many bytes came and what they sum up to, not the bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::printer::spawn;
use super::wait::PATIENCE;

/// One document that came in: its length and its CRC-32C.
pub type Printed = (u64, u32);

pub struct Sink {
    address: SocketAddr,
    printed: Receiver<Printed>,
}

impl Sink {
    pub fn start() -> Sink {
        Sink::with(|| {})
    }

    /// One that reads nothing of a connection until it is told to go on.
    pub fn hesitant() -> (Sink, Sender<()>) {
        let (go_on, told) = channel();
        // When the test ends without telling it, it goes on as well.
        (Sink::with(move || told.recv().unwrap_or_default()), go_on)
    }

    fn with(before_each: impl Fn() + Send + 'static) -> Sink {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (tell, printed) = channel();
        // It ends with the test's process.
        spawn("sink", move || {
            while let Ok((stream, _)) = listener.accept() {
                before_each();
                if take(stream, &tell).is_none() {
                    return;
                }
            }
        });
        Sink { address, printed }
    }

    pub fn uri(&self) -> String {
        format!("socket://{}", self.address)
    }

    /// The next document that has come in whole.
    pub fn next(&self) -> Printed {
        self.printed.recv_timeout(PATIENCE).expect("something is printed")
    }

    /// Whether nothing else has come in.
    pub fn is_empty(&self) -> bool {
        self.printed.try_recv().is_err()
    }
}

/// Takes one connection to its end. `None` when nobody wants to know any more.
fn take(mut stream: TcpStream, tell: &Sender<Printed>) -> Option<()> {
    let (mut bytes, mut crc) = (0, 0);
    let mut piece = vec![0; 1 << 18];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                bytes += read as u64;
                crc = crc32c::crc32c_append(crc, &piece[..read]);
            }
            Err(_) => return Some(()),
        }
    }
    // Known to the test before the server can know that it is done.
    if bytes > 0 { tell.send((bytes, crc)).ok() } else { Some(()) }
}

/// A document without end that is the same every time and nowhere like itself; cheap to make.
pub struct Endless {
    block: Vec<u8>,
    at: u64,
}

const BLOCK: usize = 1 << 16;

impl Endless {
    pub fn new() -> Endless {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        Endless { block: (0..BLOCK / 8).flat_map(|_| next()).collect(), at: 0 }
    }

    /// Its first bytes.
    pub fn first(bytes: u64) -> impl Read {
        Endless::new().take(bytes)
    }

    pub fn bytes(bytes: u64) -> Vec<u8> {
        let mut document = Vec::new();
        Endless::first(bytes).read_to_end(&mut document).expect("memory can be read");
        document
    }

    /// Writes so many bytes of it.
    pub fn write_to(to: &mut impl Write, bytes: u64) -> std::io::Result<()> {
        std::io::copy(&mut Endless::first(bytes), to).map(drop)
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let within = usize::try_from(self.at % BLOCK as u64).unwrap_or(0);
        if within == 0 {
            // Every block tells which one it is, so that none can be lost, doubled or swapped unseen.
            self.block[..8].copy_from_slice(&self.at.to_le_bytes());
        }
        let most = buffer.len().min(BLOCK - within);
        buffer[..most].copy_from_slice(&self.block[within..within + most]);
        self.at += most as u64;
        Ok(most)
    }
}
