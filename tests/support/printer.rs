//! A printer at a port of this machine that behaves, well or badly, as it is told, and records what it got.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

/// How long a test waits for anything: far longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Reads to the end, then closes.
    Normal,
    /// Reads so many bytes, closes its side, and reads no more.
    CloseEarlyAfter(usize),
    /// Reads so many bytes, then resets.
    ResetAfter(usize),
    /// Reads nothing, and closes nothing by itself.
    NeverRead,
    /// Reads to the end, and closes nothing by itself.
    NeverClose,
    /// Reads to the end, so many bytes a second, then closes.
    SlowRead(usize),
    /// Says as much as it reads, and reads no more until all of that is read.
    WritesStatus,
}

/// How a connection ended, as the printer saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The sender closed its side after the last byte.
    Eof,
    /// The sender reset.
    Reset,
    /// The printer itself made an end of it.
    Ours,
}

#[derive(Clone, Debug, Default)]
pub struct Connection {
    pub bytes: Vec<u8>,
    pub end: Option<End>,
}

pub struct FakePrinter {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    behaviour: Behaviour,
    connections: Vec<Connection>,
    /// Connections that are open, by their number, to be ended from outside.
    open: Vec<(usize, TcpStream)>,
    handlers: Vec<JoinHandle<()>>,
    listening: bool,
    /// Counts the calls of `hang_up`: those who hold a connection let go of it.
    hang_ups: u32,
}

impl State {
    /// The connections that brought a whole document.
    fn whole(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().filter(|c| c.end == Some(End::Eof) && !c.bytes.is_empty())
    }
}

impl FakePrinter {
    pub fn start(behaviour: Behaviour) -> FakePrinter {
        let state = State {
            behaviour,
            connections: Vec::new(),
            open: Vec::new(),
            handlers: Vec::new(),
            listening: false,
            hang_ups: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut printer = FakePrinter { address: any, shared, listening: None };
        printer.listen();
        printer
    }

    pub fn uri(&self) -> String {
        format!("socket://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.lock().behaviour = behaviour;
    }

    /// Refuses connections from now on.
    pub fn refuse(&mut self) {
        self.shared.lock().listening = false;
        if let Some(listening) = self.listening.take() {
            // Wakes it from accepting, where it sees that it shall not.
            drop(TcpStream::connect(self.address));
            listening.join().unwrap();
        }
    }

    /// Listens again, at the same port.
    pub fn listen(&mut self) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        // Small, so that what is not read stays at the sender.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        socket.bind(&self.address.into()).unwrap();
        socket.listen(64).unwrap();
        let listener: TcpListener = socket.into();
        self.address = listener.local_addr().unwrap();
        self.shared.lock().listening = true;
        let shared = self.shared.clone();
        self.listening = Some(spawn("fake-printer", move || accept(&listener, &shared)));
    }

    /// Closes every open connection as it is: with a reset, where bytes are unread.
    pub fn hang_up(&self) {
        let mut state = self.shared.lock();
        state.hang_ups += 1;
        for (_, stream) in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Write);
        }
        self.shared.changed.notify_all();
    }

    /// Resets every open connection.
    pub fn reset(&self) {
        for (_, stream) in &self.shared.lock().open {
            SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        let mut state = self.shared.lock();
        state.hang_ups += 1;
        state.open.clear();
        self.shared.changed.notify_all();
    }

    /// Waits for the end of connection number `n`, from 0.
    pub fn ended(&self, n: usize) -> Connection {
        let state = self.wait(|state| state.connections.get(n).is_some_and(|c| c.end.is_some()));
        state.connections[n].clone()
    }

    /// Waits until so many connections were made.
    pub fn connected(&self, n: usize) {
        drop(self.wait(|state| state.connections.len() >= n));
    }

    pub fn connections(&self) -> usize {
        self.shared.lock().connections.len()
    }

    /// Waits until so many documents have come in whole, and gives all there are by then. Connections over
    /// which nothing came, as when a server looks whether a printer is there, do not count.
    pub fn documents(&self, n: usize) -> Vec<Vec<u8>> {
        let state = self.wait(|state| state.whole().count() >= n);
        state.whole().map(|c| c.bytes.clone()).collect()
    }

    /// How many documents have come in whole so far.
    pub fn document_count(&self) -> usize {
        self.shared.lock().whole().count()
    }

    /// How many documents have begun to come in so far.
    pub fn begun_count(&self) -> usize {
        self.shared.lock().connections.iter().filter(|c| !c.bytes.is_empty()).count()
    }

    /// Waits until so many bytes have come in over all connections.
    pub fn received(&self, bytes: usize) {
        let all = |state: &State| state.connections.iter().map(|c| c.bytes.len()).sum::<usize>();
        drop(self.wait(|state| all(state) >= bytes));
    }

    fn wait(&self, done: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let unlike = |state: &mut State| !done(state);
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, unlike);
        let (state, timeout) = waited.unwrap();
        if timeout.timed_out() {
            // Not while it is locked: the printer itself is still to be dropped.
            drop(state);
            panic!("the printer waited in vain");
        }
        state
    }
}

impl Drop for FakePrinter {
    fn drop(&mut self) {
        self.refuse();
        self.hang_up();
        let open: Vec<_> = std::mem::take(&mut self.shared.lock().handlers);
        for handler in open {
            let _ = handler.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Holds a connection until the test hangs up.
    fn hold(&self, hang_ups: u32) {
        let same = |state: &mut State| state.hang_ups == hang_ups;
        drop(self.changed.wait_while(self.lock(), same));
    }

    /// Waits so long, or until the test hangs up.
    fn pause(&self, wait: Duration, hang_ups: u32) -> bool {
        let same = |state: &mut State| state.hang_ups == hang_ups;
        self.changed.wait_timeout_while(self.lock(), wait, same).unwrap().1.timed_out()
    }

    fn record(&self, n: usize, bytes: &[u8]) {
        self.lock().connections[n].bytes.extend_from_slice(bytes);
        self.changed.notify_all();
    }
}

pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).unwrap()
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().unwrap();
        let mut state = shared.lock();
        if !state.listening {
            return;
        }
        let (n, behaviour, hang_ups) = (state.connections.len(), state.behaviour, state.hang_ups);
        state.connections.push(Connection::default());
        state.open.push((n, stream.try_clone().unwrap()));
        let handler = shared.clone();
        state.handlers.push(spawn("fake-connection", move || {
            let mut served = Served { stream, shared: &handler, n, hang_ups };
            let end = served.serve(behaviour);
            let Served { stream, .. } = served;
            handler.lock().open.retain(|(number, _)| *number != n);
            drop(stream);
            handler.lock().connections[n].end = Some(end);
            handler.changed.notify_all();
        }));
        drop(state);
        shared.changed.notify_all();
    }
}

struct Served<'a> {
    stream: TcpStream,
    shared: &'a Shared,
    n: usize,
    hang_ups: u32,
}

impl Served<'_> {
    fn serve(&mut self, behaviour: Behaviour) -> End {
        match behaviour {
            Behaviour::Normal => self.read(usize::MAX, |_| true),
            Behaviour::CloseEarlyAfter(bytes) => self.read_then(bytes, |served| {
                let _ = served.stream.shutdown(Shutdown::Write);
                served.shared.hold(served.hang_ups);
            }),
            Behaviour::ResetAfter(bytes) => self.read_then(bytes, |served| {
                SockRef::from(&served.stream).set_linger(Some(Duration::ZERO)).unwrap();
            }),
            Behaviour::NeverRead => {
                self.shared.hold(self.hang_ups);
                End::Ours
            }
            Behaviour::NeverClose => {
                let end = self.read(usize::MAX, |_| true);
                self.shared.hold(self.hang_ups);
                end
            }
            Behaviour::SlowRead(rate) => {
                let (shared, hang_ups) = (self.shared, self.hang_ups);
                self.read(usize::MAX, move |bytes| {
                    shared.pause(Duration::from_secs_f64(bytes.len() as f64 / rate as f64), hang_ups)
                })
            }
            Behaviour::WritesStatus => {
                let mut back = self.stream.try_clone().unwrap();
                let status = b"@PJL USTATUS DEVICE\r\nCODE=10023\r\n\x0c".repeat(1000);
                self.read(usize::MAX, move |bytes| {
                    let status = status.iter().copied().cycle().take(bytes.len()).collect::<Vec<_>>();
                    back.write_all(&status).is_ok()
                })
            }
        }
    }

    fn read_then(&mut self, bytes: usize, then: impl FnOnce(&mut Self)) -> End {
        match self.read(bytes, |_| true) {
            End::Ours => {
                then(self);
                End::Ours
            }
            end => end,
        }
    }

    /// Reads up to `most` bytes, as long as `go_on`.
    fn read(&mut self, most: usize, mut go_on: impl FnMut(&[u8]) -> bool) -> End {
        let mut left = most;
        let mut buffer = vec![0; 16 * 1024];
        while left > 0 {
            let size = left.min(buffer.len());
            match self.stream.read(&mut buffer[..size]) {
                Ok(0) => return End::Eof,
                Ok(bytes) => {
                    left -= bytes;
                    self.shared.record(self.n, &buffer[..bytes]);
                    if !go_on(&buffer[..bytes]) {
                        return End::Ours;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return End::Reset,
            }
        }
        End::Ours
    }
}
