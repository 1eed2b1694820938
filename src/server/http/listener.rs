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
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use actix_http::{HttpService, Request, Response};
use actix_rt::net::{TcpStream, UnixStream};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;

pub use super::bind::ListenError;
pub use super::config::ListenerConfig;
pub use super::gate::Admission;

use super::bind;
use super::exchange::Bounds;
use super::gate::Gate;
use super::peer::{Local, Peer};
use super::wire::{Carrier, Counted, Wire};

/// actix-server panics at more, and at none.
const WORKERS_MOST: usize = 512;

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
        let unix = socket.map(|path| bind::unix(path, config.backlog)).transpose()?;
        Ok(Listener { config, tcp, unix })
    }

    /// The TCP addresses that were taken, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Serves `application` behind `admission`. The server runs while it is polled, on an actix or tokio runtime.
    ///
    /// `admission` sees every head before the application does, whether or not the client sent `Expect`. Signals are
    /// the caller's affair. `server.handle().stop(true)` first closes the listening sockets, then lets running
    /// requests finish for at most `stop_deadline`; idle connections are closed at once. `stop(false)` waits for
    /// nothing.
    pub fn serve<F, I, S, B>(self, admission: impl Admission, application: F) -> Result<Server, ListenError>
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
            .workers(config.workers.clamp(1, WORKERS_MOST))
            .max_concurrent_connections(config.worker_connections_max)
            .shutdown_timeout(config.stop_seconds())
            .disable_signals();
        let stopping = server.graceful_shutdown_signal();
        let open = Arc::new(AtomicUsize::new(0));
        let accept = Accept { bounds: config.bounds(), connections_max: config.connections_max, open };

        for socket in tcp {
            let name = socket.local_addr().map_or_else(|_| "tcp".to_owned(), |address| address.to_string());
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
            server = server.listen(name, socket, service).map_err(ListenError::Start)?;
        }
        if let Some(socket) = unix {
            let service = move || {
                let accept = accept.clone();
                fn_service(move |stream: UnixStream| accept.clone().unix(stream)).and_then(http(
                    &config,
                    stopping.clone(),
                    admission.clone(),
                    application(),
                ))
            };
            server = server.listen_uds("socket", socket, service).map_err(ListenError::Start)?;
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
        let wire = Wire::new(Carrier::Tcp(stream), peer, local, self.bounds).counted(counted, crowded);
        Ok((wire, Some(address)))
    }

    async fn unix(self, stream: UnixStream) -> Accepted {
        let peer = Peer::of_unix(&stream)?;
        Ok((Wire::new(Carrier::Unix(stream), peer, Local::Socket, self.bounds), None))
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
    let gate = Gate { admission, header_bytes: config.header_bytes_max };
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
        .expect(fn_service(move |request| expecting.expect(request)))
        .h1(map_config(gate.before(application), |()| AppConfig::default()))
}
