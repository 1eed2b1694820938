//! What the listener is told: where to listen, and a bound for everything that comes in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::exchange::Bounds;

/// Default of [`ListenerConfig::workers`].
pub const WORKERS: usize = 2;
/// Default of [`ListenerConfig::backlog`].
pub const BACKLOG: i32 = 1024;
/// Default of [`ListenerConfig::connections_max`].
pub const CONNECTIONS_MAX: usize = 4096;
/// Default of [`ListenerConfig::worker_connections_max`].
pub const WORKER_CONNECTIONS_MAX: usize = 4096;
/// Default of [`ListenerConfig::header_bytes_max`].
pub const HEADER_BYTES_MAX: usize = 32 * 1024;
/// Default of [`ListenerConfig::header_deadline`].
pub const HEADER_DEADLINE: Duration = Duration::from_secs(10);
/// Default of [`ListenerConfig::keep_alive`].
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Default of [`ListenerConfig::write_stall`].
pub const WRITE_STALL: Duration = Duration::from_secs(60);
/// Default of [`ListenerConfig::drain_time`].
pub const DRAIN_TIME: Duration = Duration::from_secs(10);
/// Default of [`ListenerConfig::drain_bytes_max`].
pub const DRAIN_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Default of [`ListenerConfig::stop_deadline`].
pub const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// Where to listen, and the bounds of what comes in. Deadlines that actix-http keeps are exact to half a second, the
/// step of its clock.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// TCP addresses. Port 0 takes a free one: see [`super::listener::Listener::addresses`].
    pub addresses: Vec<SocketAddr>,
    /// The Unix socket, made with mode 0666. It stays behind after a stop; the next start replaces it.
    pub socket: Option<PathBuf>,
    /// Threads that serve; connections are dealt out in turn. Brought to the nearest of 1 to 512, which is what actix-server takes.
    pub workers: usize,
    /// Connections that may wait to be accepted, for each listening socket. Enforced by the kernel, which caps it at
    /// `net.core.somaxconn`.
    pub backlog: i32,
    /// Network connections served at once, over all workers. Enforced here: the next one's first request is answered
    /// 503 with `Retry-After`. The Unix socket is not counted, so that a flood does not lock the administrator out.
    pub connections_max: usize,
    /// Connections of any kind held by one worker. Enforced by actix-server: when all workers are full nothing is
    /// accepted, not on the Unix socket either, and clients wait in the backlog. Keep the sum over the workers well
    /// above `connections_max`, and below the limit of open files.
    pub worker_connections_max: usize,
    /// Target and header fields of one request, bytes. Enforced here with 431, after the head has been read;
    /// actix-http's own limits are fixed: 431 at 128 KiB or 96 fields.
    pub header_bytes_max: usize,
    /// From accepting a connection to the end of its first head. Enforced by actix-http with 408. It does not look at
    /// later heads: those, and the silence before them, get `keep_alive` + `header_deadline` here, at most twice that,
    /// and then the connection is closed without an answer.
    pub header_deadline: Duration,
    /// Silence between an answer and the next request. Enforced by actix-http, unless part of a body is still to
    /// come; see `header_deadline` for that. Zero: one request a connection.
    pub keep_alive: Duration,
    /// How long one write waits for a client that does not read. Enforced here; actix-http waits for ever.
    pub write_stall: Duration,
    /// How long a connection is still read from after our side has been shut, so that the client gets to see the
    /// answer. Enforced here, in place of actix-http's `client_disconnect_timeout`, which does not cover chunked
    /// bodies and does not shut our side first.
    pub drain_time: Duration,
    /// How much of an unwanted body is read and thrown away, bytes. Enforced here; actix-http has no such limit.
    pub drain_bytes_max: u64,
    /// After a graceful stop has been asked for, running requests have this long; then their connections are cut.
    /// Enforced by actix-server, in whole seconds (rounded up).
    pub stop_deadline: Duration,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        ListenerConfig {
            addresses: Vec::new(),
            socket: None,
            workers: WORKERS,
            backlog: BACKLOG,
            connections_max: CONNECTIONS_MAX,
            worker_connections_max: WORKER_CONNECTIONS_MAX,
            header_bytes_max: HEADER_BYTES_MAX,
            header_deadline: HEADER_DEADLINE,
            keep_alive: KEEP_ALIVE,
            write_stall: WRITE_STALL,
            drain_time: DRAIN_TIME,
            drain_bytes_max: DRAIN_BYTES_MAX,
            stop_deadline: STOP_DEADLINE,
        }
    }
}

impl ListenerConfig {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            idle: self.keep_alive + self.header_deadline,
            write_stall: self.write_stall,
            drain_time: self.drain_time,
            drain_bytes: self.drain_bytes_max,
        }
    }

    pub(super) fn stop_seconds(&self) -> u64 {
        self.stop_deadline.as_secs() + u64::from(self.stop_deadline.subsec_nanos() > 0)
    }
}
