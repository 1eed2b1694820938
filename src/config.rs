//! The configuration as the program sees it: complete, typed, valid. What is written in `spool.toml` is
//! `config/file.rs`, its units are `config/units.rs`, and how mistakes in it are told is `config/section.rs`.

pub mod changes;
mod cluster;
pub mod file;
mod printer;
mod section;
pub mod units;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use self::cluster::{Cluster, Overflow};
use self::file::Mistake;
use crate::model::id::QueueName;
use crate::model::pool::PoolDraft;
use crate::model::printer::Printer;
use crate::model::retry::BackoffRange;

/// Every setting, with its default where nothing was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub server: Server,
    pub access: Access,
    pub limits: Limits,
    pub history: History,
    pub workers: Workers,
    pub watch: Watch,
    pub retry: Retry,
    /// Printers to provision, with number 0: the store knows their numbers.
    pub printers: Vec<Printer>,
    pub pools: Vec<PoolDraft>,
    /// `None`: this server is alone.
    pub cluster: Option<Cluster>,
    /// Names that nothing in the file has. What was added over HTTP may have them: that is found out when the
    /// configuration is applied.
    pub doubts: Vec<Mistake>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub name: String,
    pub http: Vec<SocketAddr>,
    pub state: PathBuf,
    pub default: Option<QueueName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub submit: SubmitAccess,
    pub networks: Vec<Network>,
    /// Further names accepted in `Host`.
    pub hosts: Vec<String>,
    /// Directories that `file:` may write to, besides `STATE/printed`.
    pub files: Vec<PathBuf>,
}

/// From where jobs are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubmitAccess {
    /// Loopback and socket.
    #[default]
    Local,
    /// Also, for shared printers, from `access.networks`.
    Network,
    /// After log-in only.
    Users,
}

/// Addresses that share their first `prefix` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub address: std::net::IpAddr,
    pub prefix: u8,
}

/// What is taken at most. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub document: u64,
    pub queued_jobs: u64,
    pub free_disk: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub jobs: Duration,
    pub documents: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workers {
    pub print: usize,
    pub render: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    pub worker: Duration,
    pub stall: Duration,
    pub render_timeout: Duration,
    /// How long after the last byte a device may neither close nor speak.
    pub silence: Duration,
    /// A connection that is not up after this long is not there.
    pub connect: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub backoff: BackoffRange,
    pub grace: Duration,
    pub broken: u32,
    pub blocked: Duration,
}

/// The longest that a stop waits for what is being sent; then it is parked as in doubt.
pub const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// How many uploads with a body too large for memory are taken at once.
pub const UPLOADS_MAX: usize = 64;
/// How many requests wait for the core at once; more are answered 429.
pub const REQUESTS_MAX: usize = 4096;
/// A body that sends nothing for this long is given up.
pub const BODY_STALL: Duration = Duration::from_secs(30);
/// Messages that wait for an actor.
pub const MAILBOX: usize = 1024;
/// How long an idempotency key is remembered.
pub const KEY_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Readers of the event stream at once.
pub const EVENT_READERS_MAX: usize = 256;
/// Events that a reader may be behind before it is cut off.
pub const EVENT_LAG_MAX: usize = 1000;

impl Default for Config {
    fn default() -> Self {
        Config {
            server: Server {
                name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
                http: vec![SocketAddr::from(([127, 0, 0, 1], 8631))],
                state: PathBuf::from("spool-data"),
                default: None,
            },
            access: Access {
                submit: SubmitAccess::default(),
                networks: Vec::new(),
                hosts: Vec::new(),
                files: Vec::new(),
            },
            limits: Limits { document: 2 << 30, queued_jobs: 1_000_000, free_disk: 512 << 20 },
            history: History {
                jobs: Duration::from_secs(30 * 24 * 3600),
                documents: Duration::from_secs(24 * 3600),
            },
            workers: Workers {
                print: 256,
                render: std::thread::available_parallelism().map_or(1, usize::from),
            },
            watch: Watch {
                worker: Duration::from_secs(10),
                stall: Duration::from_secs(60),
                render_timeout: Duration::from_secs(600),
                silence: Duration::from_secs(90),
                connect: Duration::from_secs(10),
            },
            retry: Retry {
                backoff: BackoffRange { first: Duration::from_secs(1), longest: Duration::from_secs(60) },
                grace: Duration::from_secs(30),
                broken: 5,
                blocked: Duration::from_secs(30 * 60),
            },
            printers: Vec::new(),
            pools: Vec::new(),
            cluster: None,
            doubts: Vec::new(),
        }
    }
}
