//! A printer that is off until it is told to wake.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io::Read;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::printer::spawn;

/// A printer that sleeps: its machine neither takes a connection nor refuses one, since the places for those that
/// wait are taken.
pub struct Sleeper {
    listener: Socket,
    waiting: Vec<Socket>,
    address: SocketAddr,
}

impl Sleeper {
    pub fn new() -> Sleeper {
        let tcp = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = tcp();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        loop {
            let socket = tcp();
            match socket.connect_timeout(&address.into(), Duration::from_millis(500)) {
                Ok(()) => waiting.push(socket),
                Err(_nobody_answers) => return Sleeper { listener, waiting, address },
            }
        }
    }

    pub fn uri(&self) -> String {
        format!("socket://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on it prints; what came out.
    pub fn wakes(self) -> Receiver<Vec<u8>> {
        let (paper, printed) = channel();
        drop(self.waiting);
        let listener = std::net::TcpListener::from(self.listener);
        let print = move || {
            for connection in listener.incoming() {
                let mut bytes = Vec::new();
                let read = connection.and_then(|mut stream| stream.read_to_end(&mut bytes));
                if read.is_ok_and(|read| read > 0) && paper.send(bytes).is_err() {
                    return;
                }
            }
        };
        spawn("woken", print);
        printed
    }
}
