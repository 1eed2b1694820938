//! Other servers: what they are told and asked, and how it is known that it was they.
//!
//! [`Cluster`] is what one node knows and does: every second it measures itself and tells the others
//! ([`measure`], [`message`]); what they tell it becomes [`crate::model::cluster::members`]. Requests between nodes
//! are signed ([`seal`]) with the secret that they share ([`secret`]) and sent by [`peers`]. A job finds its server by
//! [`assign`], which promises room ([`reservations`]); where the client cannot go there itself, its bytes are passed on
//! ([`relay`]). What is decided is decided in [`crate::model::cluster`].

pub mod assign;
pub mod measure;
pub mod message;
pub mod peers;
pub mod relay;
pub mod reservations;
pub mod round;
pub mod seal;
pub mod secret;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::peers::Peers;
use self::reservations::Reservations;
use self::round::Round;
use self::seal::{Lives, Seal, Unsealed};
use self::secret::Secret;
use crate::actors::front::Core;
use crate::clock::Clock;
use crate::config;
use crate::model::cluster::choice::Assigned;
use crate::model::cluster::members::{Heard, Life, Members, NotLetIn};
use crate::model::cluster::metrics::Metrics;
use crate::model::cluster::node::{Incarnation, Node};
use crate::model::id::QueueName;
use crate::model::time::MonoTime;
use crate::store::ReadError;
use crate::store::documents::Documents;

/// This node among the others. One for all threads.
pub struct Cluster {
    config: config::Cluster,
    secret: Secret,
    life: Incarnation,
    lives: Lives,
    peers: Peers,
    known: Mutex<Known>,
    round: Mutex<Round>,
    pub reservations: Reservations,
    core: Arc<dyn Core>,
    documents: Documents,
    clock: Clock,
}

/// What is known of the others, and of this node as they see it.
#[derive(Debug)]
pub struct Known {
    pub members: Members,
    pub assigned: Assigned,
    /// This node's last measurement, and when it was made.
    pub own: Metrics,
    pub measured: MonoTime,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("me", &self.config.me).finish_non_exhaustive()
    }
}

/// To whom a queue of other nodes is offered; where they differ the narrower counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offered {
    ToThisMachine,
    ToTheNetwork,
}

/// Why a node cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
    #[error("cannot make connections to other nodes: {0}")]
    NoClient(#[from] reqwest::Error),
    #[error("cannot read what was promised to other nodes: {0}")]
    Read(#[from] ReadError),
}

impl Cluster {
    /// # Errors
    /// Where the system gives no random bytes or no sockets, or the store cannot be read.
    pub async fn new(
        config: config::Cluster,
        secret: Secret,
        core: Arc<dyn Core>,
        documents: Documents,
        clock: Clock,
    ) -> Result<Cluster, ClusterError> {
        let mut life = [0; 16];
        getrandom::fill(&mut life).map_err(ClusterError::NoRandomness)?;
        let life = Incarnation(life);
        let me = &config.me;
        log::info!(
            "node={} url={} roles={} one of a cluster",
            me.name,
            me.url,
            me.roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(",")
        );
        let known = Known {
            members: Members::new(me.clone()),
            assigned: Assigned::default(),
            own: Metrics::default(),
            measured: MonoTime::default(),
        };
        Ok(Cluster {
            peers: Peers::new(secret.clone(), me.name.clone(), life, clock)?,
            round: Mutex::new(Round::new(&config)),
            reservations: Reservations::load(core.clone()).await?,
            lives: Lives::new(life),
            known: Mutex::new(known),
            config,
            secret,
            life,
            core,
            documents,
            clock,
        })
    }

    pub fn me(&self) -> &Node {
        &self.config.me
    }

    pub fn life(&self) -> Incarnation {
        self.life
    }

    /// What is known of the nodes just now. Keep it for a moment only.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request of another node in by its head.
    ///
    /// # Errors
    /// Where it is none, or comes again.
    pub fn admit(&self, seal: Option<&str>, method: &str, target: &str) -> Result<Seal, Unsealed> {
        let seal = Seal::read(&self.secret, seal, method, target)?;
        self.lives.admit(&seal, self.clock.now().wall)?;
        Ok(seal)
    }

    /// Another node has told how it is.
    ///
    /// # Errors
    /// Where it cannot be one of this cluster.
    pub fn heard(&self, node: Node, life: Incarnation, metrics: Metrics) -> Result<Heard, NotLetIn> {
        let now = self.clock.now().mono;
        let (name, url) = (node.name.clone(), node.url.clone());
        let heard = {
            let mut known = self.known();
            known.assigned.measured(&name, now);
            known.members.heard(node, life, metrics, now)?
        };
        match heard {
            Heard::Joined => {
                log::info!("node={name} url={url} heard");
                self.round().meet(url);
            }
            Heard::BeganAnew => log::info!("node={name} url={url} has been started anew"),
            Heard::Known | Heard::Late => {}
        }
        Ok(heard)
    }

    /// The master, as this node sees it.
    pub fn master(&self) -> Option<Node> {
        self.known().members.master(self.clock.now().mono).cloned()
    }

    /// The entry node for the next client; for a master to say.
    pub fn next_entry(&self) -> Option<Node> {
        self.known().members.next_entry(self.clock.now().mono)
    }

    /// Whether another node that lives has this queue, and offers it to the network; `None` where nobody has it.
    pub fn queue_elsewhere(&self, name: Option<&QueueName>) -> Option<Offered> {
        let now = self.clock.now().mono;
        let known = self.known();
        let alive = known.members.others().filter(|other| other.life(now) == Life::Alive);
        let offers = alive.filter_map(|other| other.metrics.queue(name)).map(|queue| match queue.shared {
            true => Offered::ToTheNetwork,
            false => Offered::ToThisMachine,
        });
        offers.min()
    }

    fn round(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
