//! Where the exchange of requests and answers on a connection stands.
//!
//! actix-http does not tell the stream below it, and the services above it do not see the stream: both look here.

use std::cell::Cell;
use std::time::Duration;

/// The bounds of one connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// From the end of an answer to the last byte of the next head. At most twice as long: see `Wire::poll_silence`.
    pub idle: Duration,
    /// How long one write may wait for the client to take a byte.
    pub write_stall: Duration,
    /// How long a connection that is being closed is read from.
    pub drain_time: Duration,
    /// How much is read and thrown away after an answer.
    pub drain_bytes: u64,
}

/// Where the exchange on a connection stands. Shared between the wire below actix-http and the gate above it; both
/// live on one thread.
#[derive(Debug)]
pub(super) struct Exchange {
    bounds: Bounds,
    /// More connections than the listener serves: the first request is told so.
    pub crowded: bool,
    phase: Cell<Phase>,
    /// The request in hand, or the last one, has a body. How much of it was read is not known here.
    has_body: Cell<bool>,
    /// This answer is the last one of the connection.
    last: Cell<bool>,
    /// Bytes read since the connection began or the last answer ended.
    unclaimed: Cell<u64>,
    /// How many answers are complete.
    answers: Cell<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the first head; actix-http keeps its deadline.
    First,
    /// A request is being answered; its body's pace is the handler's affair.
    Answering,
    /// An answer is complete and no further head has come.
    Between,
}

impl Exchange {
    pub fn new(bounds: Bounds) -> Self {
        Exchange {
            bounds,
            crowded: false,
            phase: Cell::new(Phase::First),
            has_body: Cell::new(false),
            last: Cell::new(false),
            unclaimed: Cell::new(0),
            answers: Cell::new(0),
        }
    }

    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// A head has been read.
    pub fn begin(&self, has_body: bool) {
        self.phase.set(Phase::Answering);
        self.has_body.set(has_body);
    }

    /// The answer in hand is the last one: what the client still sends belongs to a body that nobody wants.
    pub fn make_last(&self) {
        self.last.set(true);
    }

    /// The last byte of an answer has been handed to actix-http.
    pub fn end(&self) {
        self.phase.set(Phase::Between);
        self.unclaimed.set(0);
        self.answers.set(self.answers.get() + 1);
    }

    /// Nothing more is to be read: the last answer is out, or too much was sent that belongs to no request.
    pub fn input_is_over(&self) -> bool {
        self.phase.get() == Phase::Between
            && (self.last.get() || self.unclaimed.get() > self.bounds.drain_bytes)
    }

    /// Nothing can be on its way from the client: all that it has sent was a head, and that is answered.
    pub fn owes_nothing(&self) -> bool {
        self.phase.get() == Phase::Between && !self.has_body.get() && self.unclaimed.get() == 0
    }

    /// Not a byte has come since the connection began or the last answer ended.
    pub fn is_untouched(&self) -> bool {
        self.unclaimed.get() == 0
    }

    /// After which answer the next head is awaited, if it is; the first head is actix-http's affair.
    pub fn awaits_head_after(&self) -> Option<u64> {
        (self.phase.get() == Phase::Between).then(|| self.answers.get())
    }

    /// Bytes have come.
    pub fn count(&self, read: usize) {
        self.unclaimed.set(self.unclaimed.get().saturating_add(read as u64));
    }
}
