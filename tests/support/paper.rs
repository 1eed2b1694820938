//! Documents that say of themselves whose they are, printers that fail at random, and the paper that comes out.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

use super::lots::Lots;
use super::printer::spawn;
use super::server::own_address;
use super::wait::{PATIENCE, wait_until};

/// A document of about so many bytes, the same whenever it is made; its first line says whose it is and how long,
/// every other one where it belongs.
pub fn document(key: &str, bytes: usize) -> Vec<u8> {
    let mut text = format!("{key} {bytes}\n").into_bytes();
    while text.len() < bytes {
        text.extend(format!("{key} {:9} all of it or nothing {:.>60}\n", text.len(), "").bytes());
    }
    text
}

/// How often a document has come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    pub whole: usize,
    /// With its beginning only.
    pub parts: usize,
}

/// What came out of all printers.
#[derive(Default)]
pub struct Paper {
    copies: Mutex<BTreeMap<String, Copies>>,
    /// Files that were taken.
    files: Mutex<BTreeSet<PathBuf>>,
}

impl Paper {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Copies>> {
        self.copies.lock().unwrap()
    }

    /// Takes what a `file:` printer has put into its directory since the last time, and leaves it there.
    pub fn collect(&self, directory: &Path) {
        let mut taken = self.files.lock().unwrap();
        let new = printed(directory).into_iter().filter(|file| taken.insert(file.clone()));
        new.for_each(|file| self.takes(&fs::read(file).unwrap()));
    }

    /// The same, and carries it away: only where nobody dies, since a server that comes back looks what is there.
    pub fn carry_off(&self, directory: &Path) {
        for file in printed(directory) {
            self.takes(&fs::read(&file).unwrap());
            fs::remove_file(file).unwrap();
        }
    }

    /// Takes what one connection has brought, which must be the beginning of one document or all of it. Known to the
    /// test before the sender can know that it is done.
    pub fn takes(&self, bytes: &[u8]) {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
        let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let known = line.split_once(' ').and_then(|(key, length)| Some((key, length.parse().ok()?)));
        let (key, length) = known.unwrap_or_else(|| panic!("a document of nobody: {line}"));
        let all = document(key, length);
        assert!(all.starts_with(bytes), "{} bytes of {line} are mixed with others", bytes.len());
        let mut papers = self.lock();
        let copies = papers.entry(key.to_owned()).or_default();
        match bytes.len() == all.len() {
            true => copies.whole += 1,
            false => copies.parts += 1,
        }
    }

    pub fn copies(&self, key: &str) -> Copies {
        self.lock().get(key).copied().unwrap_or_default()
    }

    /// Nobody will ask for it any more.
    pub fn forget(&self, key: &str) {
        self.lock().remove(key);
    }
}

/// The files of a `file:` printer, those left out that are not whole yet: they are hidden.
fn printed(directory: &Path) -> Vec<PathBuf> {
    // There is none as long as nothing was printed.
    let entries = fs::read_dir(directory).into_iter().flatten().map(Result::unwrap);
    let whole = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    whole.map(|entry| entry.path()).collect()
}

/// What happens to one connection.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Well,
    /// Resets when it has read so many bytes, or all.
    Reset(usize),
    /// Reads nothing for so long.
    Stall(Duration),
    /// Resets at once, and takes no connections for so long.
    Refuse(Duration),
}

/// The longest that a printer is out of order, ms.
const PAUSE_MAX: u64 = 700;
/// Resets come at most after so many bytes.
const RESET_MAX: u64 = 200_000;

/// How a printer fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    Even,
    /// In every way, every now and then.
    Moody,
    /// It takes no connections.
    Off,
}

/// A socket printer that may fail at random, until it is healed.
pub struct Machine {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    paper: Arc<Paper>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    temper: Temper,
    lots: Lots,
    over: bool,
}

impl Machine {
    pub fn start(temper: Temper, seed: u64, paper: &Arc<Paper>) -> Machine {
        let state = Mutex::new(State { temper, lots: Lots::new(seed), over: false });
        let shared = Arc::new(Shared { paper: paper.clone(), state, changed: Condvar::new() });
        // An address of its own, so that nobody takes it while it refuses.
        let address = own_address(9100);
        let first = TcpListener::bind(address).unwrap();
        let own = shared.clone();
        let accepting = Some(spawn("machine", move || own.work(first, address)));
        Machine { address, shared, accepting }
    }

    pub fn uri(&self) -> String {
        format!("socket://{}", self.address)
    }

    /// From now on it has this temper. What stood still goes on.
    pub fn set(&self, temper: Temper) {
        self.shared.lock().temper = temper;
        self.shared.changed.notify_all();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_all();
        if let Some(accepting) = self.accepting.take() {
            // Wakes it from accepting, which it may only be about to do again.
            wait_until("the printer ends", PATIENCE, || {
                drop(TcpStream::connect(self.address));
                accepting.is_finished().then_some(())
            });
            let failed = accepting.join().is_err();
            assert!(!failed || std::thread::panicking(), "the printer's thread failed");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn work(self: &Arc<Shared>, first: TcpListener, address: SocketAddr) {
        let mut listener = Some(first);
        loop {
            let open = listener.take().unwrap_or_else(|| TcpListener::bind(address).unwrap());
            let (stream, _) = open.accept().unwrap();
            if self.lock().over {
                return;
            }
            match self.mood() {
                Mood::Refuse(pause) => {
                    drop(open);
                    reset(stream);
                    self.pause(pause);
                }
                mood => {
                    listener = Some(open);
                    let own = self.clone();
                    spawn("machine-connection", move || own.serve(stream, mood));
                }
            }
        }
    }

    fn mood(&self) -> Mood {
        let mut state = self.lock();
        match state.temper {
            Temper::Even => return Mood::Well,
            Temper::Off => return Mood::Refuse(Duration::MAX),
            Temper::Moody => {}
        }
        let pause = Duration::from_millis(state.lots.draw(PAUSE_MAX));
        match state.lots.draw(8) {
            0 => Mood::Reset(usize::try_from(state.lots.draw(RESET_MAX)).unwrap()),
            1 => Mood::Reset(usize::MAX),
            2 => Mood::Stall(pause),
            3 => Mood::Refuse(pause),
            _ => Mood::Well,
        }
    }

    /// Waits so long, or until it gets another temper.
    fn pause(&self, longest: Duration) {
        let state = self.lock();
        let temper = state.temper;
        let same = |state: &mut State| state.temper == temper && !state.over;
        drop(self.changed.wait_timeout_while(state, longest, same).unwrap());
    }

    fn serve(&self, mut stream: TcpStream, mood: Mood) {
        let most = match mood {
            Mood::Reset(most) => most,
            Mood::Stall(longest) => {
                self.pause(longest);
                usize::MAX
            }
            Mood::Well | Mood::Refuse(_) => usize::MAX,
        };
        let mut bytes = Vec::new();
        // A sender that resets has brought what it has brought.
        let _ = stream.by_ref().take(most as u64).read_to_end(&mut bytes);
        self.paper.takes(&bytes);
        if matches!(mood, Mood::Reset(_)) {
            reset(stream);
        }
    }
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}
