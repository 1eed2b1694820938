//! A connection as actix-http reads and writes it, with the bounds that actix-http lacks.
//!
//! actix-http 3 has a deadline for the first head of a connection and for the silence between two requests, and
//! nothing else. The rest is done here, below it, where every byte passes:
//!
//! | what a client may do | actix-http | here |
//! |---|---|---|
//! | send a second head byte by byte | for ever | [`Bounds::idle`] from the end of the last answer |
//! | go on with a chunked body nobody reads | for ever, all of it read | refused: end of input; else `idle` and [`Bounds::drain_bytes`] |
//! | send a body after an early answer | closes at once: a TCP reset may overtake the answer | [lingering close](Wire::poll_linger) |
//! | not read its answer | for ever | [`Bounds::write_stall`] |
//!
//! "End of input" is how this layer tells actix-http to finish: it writes what it has and shuts the connection down.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use actix_rt::net::{TcpStream, UnixStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::exchange::{Bounds, Exchange};
use super::peer::{Local, Peer};

/// What is read at once while a connection is drained, bytes.
const DRAIN_BUFFER: usize = 16 * 1024;

/// What carries the bytes. TLS will be a third kind.
#[derive(Debug)]
pub(super) enum Carrier {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Counts the open network connections; one is subtracted when it is dropped.
#[derive(Debug)]
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// The count of open connections, this one included, and the guard of this one.
    pub fn add(count: &Arc<AtomicUsize>) -> (usize, Counted) {
        let open = count.fetch_add(1, Ordering::Relaxed) + 1;
        (open, Counted(Arc::clone(count)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection with its bounds.
#[derive(Debug)]
pub(super) struct Wire {
    carrier: Carrier,
    pub peer: Peer,
    pub local: Local,
    pub exchange: Rc<Exchange>,
    /// Runs while a head is awaited after the answer `watched`, and while draining.
    timer: Option<Pin<Box<Sleep>>>,
    watched: u64,
    write_timer: Option<Pin<Box<Sleep>>>,
    /// The client has closed its side, or was idle when it was last read from: there is nothing to drain.
    quiet: bool,
    closing: Closing,
    /// When draining is over; means something in `Closing::Draining` only.
    drained_by: Instant,
    _counted: Option<Counted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// actix-http has been woken to see the end of input.
    Announced,
    /// Our side is shut; `left` bytes may still be thrown away.
    Draining {
        left: u64,
    },
}

impl Wire {
    pub fn new(carrier: Carrier, peer: Peer, local: Local, bounds: Bounds) -> Self {
        Wire {
            carrier,
            peer,
            local,
            exchange: Rc::new(Exchange::new(bounds)),
            timer: None,
            watched: 0,
            write_timer: None,
            quiet: false,
            closing: Closing::No,
            drained_by: Instant::now(),
            _counted: None,
        }
    }

    /// Counts this connection as one of the network's; `crowded` if it is one too many.
    pub fn counted(mut self, counted: Counted, crowded: bool) -> Self {
        if let Some(exchange) = Rc::get_mut(&mut self.exchange) {
            exchange.crowded = crowded;
        }
        self._counted = Some(counted);
        self
    }

    fn carrier(&mut self) -> Pin<&mut dyn Stream> {
        match &mut self.carrier {
            Carrier::Tcp(stream) => Pin::new(stream),
            Carrier::Unix(stream) => Pin::new(stream),
        }
    }

    /// Polls the one timer at `deadline`.
    fn poll_deadline(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }

    /// The client sends nothing at present. True when the next head has been awaited for `Bounds::idle` at least.
    ///
    /// The timer is not set anew for each request, which would cost some 5 % of the throughput of small ones. When it
    /// runs out and other answers have been given since it was set, it is set once more.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> bool {
        self.quiet = self.exchange.is_untouched();
        let Some(answer) = self.exchange.awaits_head_after() else {
            return false;
        };
        let idle = self.exchange.bounds().idle;
        if self.timer.is_none() {
            self.watched = answer;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        if self.watched == answer {
            return true;
        }
        self.watched = answer;
        timer.as_mut().reset(Instant::now() + idle);
        timer.as_mut().poll(cx).is_ready()
    }

    /// Reads and throws away what still comes, until the client closes or a bound is reached.
    ///
    /// Closing a TCP socket with unread bytes sends a reset, and a reset makes the client's kernel discard an answer
    /// that the client has not read yet: it would see "connection reset" instead of 413.
    fn poll_linger(&mut self, mut left: u64, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; DRAIN_BUFFER];
        let deadline = self.drained_by;
        while left > 0 && self.poll_deadline(deadline, cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            let outcome = self.carrier().poll_read(cx, &mut buffer);
            let read = buffer.filled().len() as u64;
            match outcome {
                Poll::Pending => {
                    self.closing = Closing::Draining { left };
                    return Poll::Pending;
                }
                // The client has closed, or reset: either way it waits for nothing more.
                Poll::Ready(Err(_)) => break,
                Poll::Ready(Ok(())) if read == 0 => break,
                Poll::Ready(Ok(())) => left = left.saturating_sub(read),
            }
        }
        self.closing = Closing::Draining { left: 0 };
        Poll::Ready(Ok(()))
    }
}

/// Both halves of a byte stream, so that a carrier can be named without its kind.
trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.exchange.input_is_over() {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match this.carrier().poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let read = buf.filled().len() - before;
                this.exchange.count(read);
                this.quiet = read == 0;
                Poll::Ready(Ok(()))
            }
            Poll::Pending if this.poll_silence(cx) => Poll::Ready(Ok(())),
            other => other,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = this.carrier().poll_write(cx, buf);
        if outcome.is_ready() {
            this.write_timer = None;
            return outcome;
        }
        let stall = this.exchange.bounds().write_stall;
        let timer = this.write_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // actix-http reads before it writes: having written the last answer it would wait for the rest of the body.
        if this.closing == Closing::No && this.exchange.input_is_over() {
            this.closing = Closing::Announced;
            cx.waker().wake_by_ref();
        }
        this.carrier().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Closing::Draining { left } = this.closing {
            return this.poll_linger(left, cx);
        }
        ready!(this.carrier().poll_shutdown(cx))?;
        let bounds = this.exchange.bounds();
        let nothing_comes = this.quiet || this.exchange.owes_nothing();
        let left = if nothing_comes { 0 } else { bounds.drain_bytes };
        this.drained_by = Instant::now() + bounds.drain_time;
        this.poll_linger(left, cx)
    }
}
