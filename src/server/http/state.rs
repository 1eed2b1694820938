//! What the handlers share.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use tokio::sync::{Semaphore, watch};

use super::access::{Proof, What, Who, allowed};
use super::attempts::Attempts;
use super::describe::DESCRIBES_MAX;
use super::host::Hosts;
use super::metrics::Measured;
use super::peer::Peer;
use super::problem::Problem;
use super::query::Query;
use super::sessions::{SessionKey, Sessions};
use super::token::{Passes, Token};
use super::users::Users;
use crate::actors::front::Core;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::{BODY_STALL, Config, EVENT_LAG_MAX, EVENT_READERS_MAX, UPLOADS_MAX};
use crate::device::Surroundings;
use crate::store::ReadError;
use crate::store::backup::Backups;
use crate::store::documents::Documents;
use crate::store::stats::Stats;

/// The interface's own bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// A body that sends nothing for this long is given up, and a copy of the store of which nothing is taken.
    pub body_stall: Duration,
    /// A reader of events that has nothing to hear gets a sign of life this often.
    pub heartbeat: Duration,
    /// Events that a reader may be behind.
    pub event_lag_max: usize,
    /// Readers of events at once.
    pub event_readers_max: usize,
    /// Bodies too large for memory that arrive at once.
    pub uploads_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            body_stall: BODY_STALL,
            heartbeat: Duration::from_secs(15),
            event_lag_max: EVENT_LAG_MAX,
            event_readers_max: EVENT_READERS_MAX,
            uploads_max: UPLOADS_MAX,
        }
    }
}

/// What the interface is built from.
pub struct Parts {
    pub core: Arc<dyn Core>,
    pub documents: Documents,
    pub config: Arc<Config>,
    pub token: Token,
    pub users: Users,
    pub clock: Clock,
    /// The addresses that were bound; they are names of this server.
    pub addresses: Vec<SocketAddr>,
    /// For showing where printers are.
    pub surroundings: Surroundings,
    pub bounds: Bounds,
    /// For copies of the running store.
    pub backups: Arc<dyn Backups>,
    /// What the store has counted.
    pub stats: Arc<Stats>,
    /// `None`: this server is alone.
    pub cluster: Option<Arc<Cluster>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// The handlers' common ground. One for all workers.
pub struct HttpState {
    pub(super) core: Arc<dyn Core>,
    pub(super) documents: Documents,
    settings: RwLock<Arc<Settings>>,
    pub(super) token: Token,
    pub(super) passes: Passes,
    /// One-time codes.
    pub(super) codes: Passes,
    pub(super) sessions: Arc<Sessions>,
    pub(super) attempts: Attempts,
    users: Users,
    pub(super) clock: Clock,
    addresses: Vec<SocketAddr>,
    pub(super) bounds: Bounds,
    pub(super) uploads: Arc<Semaphore>,
    pub(super) readers: Arc<Semaphore>,
    /// Printers that are asked what they are.
    pub(super) describes: Arc<Semaphore>,
    pub(super) backups: Arc<dyn Backups>,
    /// One copy at a time.
    pub(super) copying: Arc<Semaphore>,
    pub(super) stats: Arc<Stats>,
    pub(super) cluster: Option<Arc<Cluster>>,
    pub(super) measured: Measured,
    stopping: watch::Sender<bool>,
}

/// What follows from the configuration.
#[derive(Debug)]
pub struct Settings {
    pub config: Arc<Config>,
    pub hosts: Hosts,
    /// For showing where printers are, and for taking new ones.
    pub surroundings: Surroundings,
}

impl std::fmt::Debug for HttpState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpState").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl HttpState {
    pub fn new(parts: Parts) -> HttpState {
        let Parts {
            core,
            documents,
            config,
            token,
            users,
            clock,
            addresses,
            surroundings,
            bounds,
            backups,
            stats,
            cluster,
        } = parts;
        let settings = RwLock::new(Arc::new(settings(config, surroundings, &addresses)));
        let sessions = Arc::new(Sessions::new(Arc::clone(&core)));
        HttpState {
            core,
            documents,
            settings,
            token,
            passes: Passes::default(),
            codes: Passes::default(),
            sessions,
            attempts: Attempts::default(),
            users,
            clock,
            addresses,
            bounds,
            uploads: Arc::new(Semaphore::new(bounds.uploads_max)),
            readers: Arc::new(Semaphore::new(bounds.event_readers_max)),
            describes: Arc::new(Semaphore::new(DESCRIBES_MAX)),
            backups,
            copying: Arc::new(Semaphore::new(1)),
            stats,
            cluster,
            measured: Measured::default(),
            stopping: watch::Sender::new(false),
        }
    }

    /// Takes up the sessions of before the restart.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn restore(&self) -> Result<(), ReadError> {
        self.sessions.restore().await
    }

    /// The configuration was read again. Addresses stay those that were bound.
    pub fn reconfigure(&self, config: Arc<Config>, surroundings: Surroundings) {
        let new = Arc::new(settings(config, surroundings, &self.addresses));
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Ends what would otherwise hold up a stop: the readers of events, and bodies that still arrive. Call it before
    /// the listener is stopped.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The addresses that were bound.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Who asks. Credentials that are shown and wrong are refused, also where none are needed: who shows some should
    /// learn that they are bad. A cookie is sent by itself: one whose session has ended is none.
    pub(super) fn who(&self, peer: &Peer, headers: &HeaderMap) -> Result<Who, Problem> {
        if let Some(value) = headers.get(AUTHORIZATION) {
            return self.proven(value.to_str().unwrap_or_default());
        }
        if let Some(key) = SessionKey::shown(headers)
            && self.sessions.touch(key, self.clock.now().wall).is_some()
        {
            return Ok(Who::Admin(Proof::Session));
        }
        Ok(match *peer {
            Peer::Loopback(_) => Who::Loopback,
            Peer::Network(address) => Who::Network(address.ip()),
            Peer::Socket { uid, gid, .. } => {
                let (name, role) = self.users.look_up(uid, gid, self.clock.now().mono);
                Who::Local { uid, name, role }
            }
        })
    }

    fn proven(&self, authorization: &str) -> Result<Who, Problem> {
        let shown = match authorization.split_once(' ') {
            Some((scheme, shown)) if scheme.eq_ignore_ascii_case("bearer") => shown.trim(),
            _ => "",
        };
        if self.token.is(shown) {
            return Ok(Who::Admin(Proof::Token));
        }
        if self.passes.has(shown, self.clock.now().mono) {
            return Ok(Who::Admin(Proof::Pass));
        }
        let detail = "this token is not valid; the administrator's stands in the file admin.token of the state directory";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "bad_credentials", detail))
    }

    /// Who sent this request.
    pub(super) fn asker(&self, request: &HttpRequest) -> Result<Who, Problem> {
        let peer = request.conn_data::<Peer>();
        let peer =
            peer.ok_or_else(|| Problem::internal("tell who asks", &"a request without a connection"))?;
        self.sessions.keep();
        self.who(peer, request.headers())
    }

    /// As the table has it.
    pub(super) fn allow(&self, who: &Who, what: What) -> Result<(), Problem> {
        allowed(who, what, &self.settings().config.access).map_err(Problem::from)
    }
}

fn settings(config: Arc<Config>, surroundings: Surroundings, addresses: &[SocketAddr]) -> Settings {
    let further = config.access.hosts.iter().map(String::as_str);
    let node = config.cluster.as_ref().map(|cluster| cluster.me.url.host());
    let hosts = Hosts::new(further.chain([config.server.name.as_str()]).chain(node), addresses);
    Settings { hosts, config, surroundings }
}

/// The parameters of a request.
pub(super) fn query(request: &HttpRequest) -> Result<Query, Problem> {
    Query::parse(request.query_string())
}

/// For requests that have none.
pub(super) fn no_query(request: &HttpRequest) -> Result<(), Problem> {
    query(request)?.finish()
}

/// A part of the path.
pub(super) fn segment<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request.match_info().get(name).unwrap_or_default()
}
