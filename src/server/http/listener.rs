//! The HTTP listener: several TCP addresses and one Unix socket, one actix-web application behind them.
//!
//! actix-web's own `HttpServer` answers every `Expect: 100-continue` with `100 Continue` before the application runs.
//! A print server wants to say 401, 413 or 507 *instead*, so this is built from the same parts as `HttpServer`
//! (`actix_server` accepts, `actix_http` speaks HTTP/1.1) with a gate of our own between them and the application:
//!
//! ```text
//! accept → [TLS or plain] → wire (bounds) → actix-http → gate (admission) → actix-web App
//! ```
//!
//! It promises that an answer given before the body has been read reaches the client, and that no client can hold a
//! connection without a bound, except through a handler that waits without one: bodies are read with
//! [`super::body::next_chunk`].

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use actix_http::{HttpService, Request, Response};
use actix_rt::net::{TcpStream, UnixStream};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;

pub use super::bind::ListenError;
pub use super::gate::Admission;

use super::bind;
use super::gate::Gate;
use super::peer::{Local, Peer};
use super::wire::{Bounds, Carrier, Counted, Wire};

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
    /// TCP addresses. Port 0 takes a free one: see [`Listener::addresses`].
    pub addresses: Vec<SocketAddr>,
    /// The Unix socket, made with mode 0666. It stays behind after a stop; the next start replaces it.
    pub socket: Option<PathBuf>,
    /// Threads that serve; connections are dealt out in turn. Enforced by actix-server, 1 to 512.
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
    /// later heads: those, and the silence before them, get `keep_alive` + `header_deadline` here, and then the
    /// connection is closed without an answer.
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
    fn bounds(&self) -> Bounds {
        Bounds {
            idle: self.keep_alive + self.header_deadline,
            write_stall: self.write_stall,
            drain_time: self.drain_time,
            drain_bytes: self.drain_bytes_max,
        }
    }

    fn stop_seconds(&self) -> u64 {
        self.stop_deadline.as_secs() + u64::from(self.stop_deadline.subsec_nanos() > 0)
    }
}

/// Open sockets that nobody serves yet: clients can connect and wait.
#[derive(Debug)]
pub struct Listener {
    config: ListenerConfig,
    tcp: Vec<TcpListener>,
    unix: Option<UnixListener>,
}

impl Listener {
    /// Opens every configured socket, or none.
    pub fn bind(config: ListenerConfig) -> Result<Listener, ListenError> {
        if config.addresses.is_empty() && config.socket.is_none() {
            return Err(ListenError::Nowhere);
        }
        let tcp = bind::tcp(&config.addresses, config.backlog)?;
        let socket = config.socket.as_deref();
        let unix = socket
            .map(|path| bind::unix(path, config.backlog))
            .transpose()?;
        Ok(Listener { config, tcp, unix })
    }

    /// The TCP addresses that were taken, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp
            .iter()
            .filter_map(|socket| socket.local_addr().ok())
            .collect()
    }

    /// Serves `application` behind `admission`. The server runs while it is polled, on an actix or tokio runtime.
    ///
    /// `admission` sees every head before the application does, whether or not the client sent `Expect`. Signals are
    /// the caller's affair. `server.handle().stop(true)` first closes the listening sockets, then lets running
    /// requests finish for at most `stop_deadline`; idle connections are closed at once. `stop(false)` waits for
    /// nothing.
    pub fn serve<F, I, S, B>(
        self,
        admission: impl Admission,
        application: F,
    ) -> Result<Server, ListenError>
    where
        F: Fn() -> I + Clone + Send + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<actix_web::Error>,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>>,
        B: MessageBody + 'static,
    {
        let Listener { config, tcp, unix } = self;
        let mut server = Server::build()
            .workers(config.workers)
            .max_concurrent_connections(config.worker_connections_max)
            .shutdown_timeout(config.stop_seconds())
            .disable_signals();
        let stopping = server.graceful_shutdown_signal();
        let open = Arc::new(AtomicUsize::new(0));
        let accept = Accept {
            bounds: config.bounds(),
            connections_max: config.connections_max,
            open,
        };

        for socket in tcp {
            let name = socket
                .local_addr()
                .map_or_else(|_| "tcp".to_owned(), |address| address.to_string());
            let (accept, config, stopping) = (accept.clone(), config.clone(), stopping.clone());
            let (admission, application) = (admission.clone(), application.clone());
            let service = move || {
                let accept = accept.clone();
                fn_service(move |stream: TcpStream| accept.clone().tcp(stream)).and_then(http(
                    &config,
                    stopping.clone(),
                    admission.clone(),
                    application(),
                ))
            };
            server = server
                .listen(name, socket, service)
                .map_err(ListenError::Start)?;
        }
        if let Some(socket) = unix {
            let service =
                move || {
                    let accept = accept.clone();
                    fn_service(move |stream: UnixStream| accept.clone().unix(stream)).and_then(
                        http(&config, stopping.clone(), admission.clone(), application()),
                    )
                };
            server = server
                .listen_uds("socket", socket, service)
                .map_err(ListenError::Start)?;
        }
        Ok(server.run())
    }
}

/// Makes a wire of an accepted stream.
#[derive(Debug, Clone)]
struct Accept {
    bounds: Bounds,
    connections_max: usize,
    open: Arc<AtomicUsize>,
}

type Accepted = Result<(Wire, Option<SocketAddr>), actix_http::error::DispatchError>;

impl Accept {
    /// TLS and plain HTTP on one port begin here: `stream.peek` waits, under the header deadline, for the first byte
    /// and leaves it in place; 0x16 is a TLS handshake record, which no HTTP method starts with. A handshake then
    /// makes a third kind of `Carrier`; nothing behind the wire changes.
    async fn tcp(self, stream: TcpStream) -> Accepted {
        let (open, counted) = Counted::add(&self.open);
        let crowded = open > self.connections_max;
        stream.set_nodelay(true)?;
        let (peer, local) = (Peer::of_tcp(&stream)?, Local::of_tcp(&stream)?);
        let address = stream.peer_addr()?;
        let wire =
            Wire::new(Carrier::Tcp(stream), peer, local, self.bounds).counted(counted, crowded);
        Ok((wire, Some(address)))
    }

    async fn unix(self, stream: UnixStream) -> Accepted {
        let peer = Peer::of_unix(&stream)?;
        Ok((
            Wire::new(Carrier::Unix(stream), peer, Local::Socket, self.bounds),
            None,
        ))
    }
}

/// HTTP/1.1 over a wire, then the gate, then the application.
fn http<A, I, S, B>(
    config: &ListenerConfig,
    stopping: GracefulShutdownSignal,
    admission: A,
    application: I,
) -> impl ServiceFactory<
    (Wire, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = actix_http::error::DispatchError,
    InitError = (),
> + use<A, I, S, B>
where
    A: Admission,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error>,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
{
    let gate = Gate {
        admission,
        header_bytes: config.header_bytes_max,
    };
    let expecting = gate.clone();
    HttpService::build()
        .keep_alive(config.keep_alive)
        .client_request_timeout(config.header_deadline)
        // Zero: the wire lingers, not actix-http.
        .client_disconnect_timeout(Duration::ZERO)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .on_connect_ext(|wire: &Wire, data| {
            data.insert(wire.peer);
            data.insert(wire.local);
            data.insert(Rc::clone(&wire.exchange));
        })
        .expect(fn_service(move |request| {
            std::future::ready(expecting.expect(request))
        }))
        .h1(map_config(gate.before(application), |()| {
            AppConfig::default()
        }))
}
