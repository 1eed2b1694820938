//! Clients who submit, change their minds, and come back when the server has died.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard};

use super::client::Place;
use super::home::Line;
use super::ledger::{Command, Ledger};
use super::lots::Lots;
use super::order::{How, Keyed, Order};
use super::wait::PATIENCE;

/// Whether the clients may go on, as whoever drives the server tells them.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The server's lives so far; odd while one of them takes requests.
    life: u64,
    /// No new jobs; what is begun is brought to its end.
    ending: bool,
    /// Answers that the clients got.
    answers: u64,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait(&self, what: &str, done: impl Fn(&State) -> bool) -> State {
        let unlike = |state: &mut State| !done(state);
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, unlike);
        let (state, timeout) = waited.expect("nobody panics while holding it");
        let state = *state;
        assert!(!timeout.timed_out(), "waited in vain: {what}, {state:?}");
        state
    }

    /// The server takes requests.
    pub fn open(&self) {
        self.change(|state| state.life += (state.life + 1) & 1);
    }

    /// It does not, or has enough to do for now.
    pub fn close(&self) {
        self.change(|state| state.life += state.life & 1);
    }

    /// Waits until so many more requests are answered.
    pub fn answered(&self, more: u64) {
        let answers = self.lock().answers + more;
        self.wait("clients are answered", |state| state.answers >= answers);
    }

    /// From now on nothing new is begun.
    pub fn end(&self) {
        self.change(|state| state.ending = true);
    }
}

/// A client submits nothing while it knows of so many jobs that have not ended.
const OPEN_MAX: usize = 50;
/// Minds are changed about so many of the newest.
const RECENT: usize = 12;

/// The clients of one server.
pub struct Crowd<'a> {
    pub place: &'a Place,
    pub gate: &'a Gate,
    pub ledger: &'a Ledger,
    pub queues: &'a [&'a str],
    /// One of so many jobs has an idempotency key. All must have one where the server dies: others cannot be asked
    /// for again.
    pub keyed_of: u64,
    pub seed: u64,
}

/// One of them.
struct Client<'a> {
    crowd: &'a Crowd<'a>,
    name: String,
    lots: Lots,
    line: Option<Line>,
    /// The life in which it was tried last, and in vain.
    failed_in: u64,
}

impl Crowd<'_> {
    /// What one client does until the end: each request again and again until it is answered.
    pub fn client(&self, number: u64) {
        let name = format!("c{number}-");
        let lots = Lots::new(self.seed.wrapping_add(number));
        let mut client = Client { crowd: self, name, lots, line: None, failed_in: 0 };
        for n in 0.. {
            if client.is_over() {
                return;
            }
            let open = self.ledger.open_of(&client.name);
            match client.lots.pick(&open[open.len().saturating_sub(RECENT)..]).copied() {
                Some(job) if open.len() >= OPEN_MAX || client.lots.draw(10) < 4 => client.change_a_mind(job),
                _ => client.submit(n),
            }
        }
    }
}

impl Client<'_> {
    fn is_over(&self) -> bool {
        let begin = |state: &State| state.ending || state.life % 2 == 1;
        self.crowd.gate.wait("another request may begin", begin).ending
    }

    /// Asks until it is answered. A refused connection means that this life is over.
    fn ask(&mut self, mut what: impl FnMut(&Ledger, &mut Line) -> io::Result<()>) {
        loop {
            let failed_in = self.failed_in;
            let alive = |state: &State| state.life % 2 == 1 && state.life > failed_in;
            let life = self.crowd.gate.wait("the server lives", alive).life;
            let kept = self.line.take();
            let is_new = kept.is_none();
            let line = kept.map_or_else(|| Line::new(self.crowd.place), Ok);
            let asked = line.and_then(|mut line| what(self.crowd.ledger, &mut line).map(|()| line));
            match asked {
                Ok(line) => {
                    self.line = Some(line);
                    return self.crowd.gate.change(|state| state.answers += 1);
                }
                // Told to come again.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) if is_new => self.failed_in = life,
                // A connection that was kept may have been closed meanwhile: a new one tells.
                Err(_) => {}
            }
        }
    }

    fn submit(&mut self, n: u64) {
        let queue = self.lots.pick(self.crowd.queues).expect("there are queues");
        let (kind, large) = (self.lots.draw(8), self.lots.draw(4) == 0);
        let mut order = Order {
            key: format!("{}{n}", self.name),
            keyed: if self.lots.draw(self.crowd.keyed_of) == 0 { Keyed::Yes } else { Keyed::No },
            queue: (*queue).to_owned(),
            // Some lie in the journal, some are files.
            bytes: usize::try_from(64 + self.lots.draw(if large { 300_000 } else { 20_000 })).expect("small"),
            hold: self.lots.draw(8) == 0,
            how: [How::Form, How::Registered(0)].get(kind as usize).copied().unwrap_or(How::Raw),
        };
        if order.keyed == Keyed::No {
            // A new connection is not closed under it.
            self.line = None;
        }
        let first = self.crowd.ledger.now();
        self.ask(|ledger, line| {
            order.prepare(line)?;
            ledger.submit(line, &order, first).map(drop)
        });
    }

    fn change_a_mind(&mut self, id: u64) {
        let queue = self.lots.pick(self.crowd.queues).expect("there are queues");
        let command = match self.lots.draw(10) {
            0..=1 => Command::Cancel,
            2..=3 => Command::Hold,
            4..=7 => Command::Release,
            _ => Command::Move((*queue).to_owned()),
        };
        self.ask(|ledger, line| ledger.command(line, id, &command));
    }
}
