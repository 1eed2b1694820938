//! Builds all parts in order, and stops them in reverse. The one place that knows them all.

mod files;
pub mod heart;
mod interrupted;
mod rebirth;
pub mod reload;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use self::heart::{Ground, Heart};
use self::reload::{Reload, Source};
use crate::actors::front::Core;
use crate::actors::purge;
use crate::clock::Clock;
use crate::cluster::secret::Secret;
use crate::cluster::{self, Cluster, ClusterError};
use crate::config::{Config, STOP_DEADLINE};
use crate::device::{self, Surroundings, Timing, usb};
use crate::failpoint;
use crate::model::directory::Directory;
use crate::model::suggest;
use crate::server::http::listener::{Listener, ListenerConfig};
use crate::server::http::state::{Bounds, HttpState, Parts as HttpParts};
use crate::server::http::token::Token;
use crate::server::http::users::Users;
use crate::store;
use crate::store::backup::Backups;
use crate::store::embedded::{self, EmbeddedStore};
use crate::store::state::State;
use crate::store::stats::Stats;

pub use rebirth::is_reborn;

/// How often it is looked whether the managers live.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// When all printers are at rest: how long clients have to take their last answers.
const DOOR_DEADLINE: Duration = Duration::from_secs(5);

/// Why the server ended.
enum End {
    /// It was asked to.
    Stopped,
    /// A manager failed, or whoever takes history away.
    Failed,
    /// Nobody listens any more.
    Deaf,
}

/// Runs the server until it is stopped by SIGTERM or SIGINT. `ready` is called when it takes jobs, and must not block.
/// A failed manager makes the process begin anew and does not return.
pub fn serve(config: Config, source: Source, ready: impl FnOnce()) -> anyhow::Result<()> {
    log_to_stderr();
    failpoint::arm();
    let clock = Clock::machine();
    match run(Arc::new(config), source, clock, ready)? {
        End::Stopped => Ok(()),
        End::Failed => Err(rebirth::begin_anew(clock)),
        End::Deaf => Err(anyhow::anyhow!("the HTTP server ended by itself; the log above may say why")),
    }
}

fn log_to_stderr() {
    let level = env_logger::Env::default().default_filter_or("info,actix_server=warn,sled=warn");
    // A second call, in a process that has a logger, changes nothing.
    let _ = env_logger::Builder::from_env(level).format_target(false).try_init();
}

fn run(config: Arc<Config>, source: Source, clock: Clock, ready: impl FnOnce()) -> anyhow::Result<End> {
    let open_files_max = files::raise_limit();
    let path = &config.server.state;
    let state = State::open(path)?;
    let printed = make_printed(state.path())?;
    let surroundings = surroundings(&config, &printed, clock)?;
    let secret = config.cluster.as_ref().map(|cluster| Secret::load(&cluster.secret_file)).transpose()?;
    // Sockets come before the store: a port that is taken is told at once, not after a long replay.
    let listener = Listener::bind(ListenerConfig {
        addresses: config.server.http.clone(),
        socket: Some(state.path().join("spool.sock")),
        stop_deadline: DOOR_DEADLINE,
        ..ListenerConfig::default()
    })?;
    let token = Token::load_or_create(&state.path().join("admin.token"))?;
    let opened = EmbeddedStore::open(&state, embedded::Options::default())?;
    let (store, documents) = (Arc::new(opened.store), opened.documents);
    let (backups, stats) = (Arc::new(store.backups(documents.clone())), store.stats());
    let ground = Ground {
        store: store.clone(),
        documents: documents.clone(),
        surroundings: surroundings.clone(),
        clock,
        printed,
    };
    let broken = store.broken();
    let doors = Doors { listener, token, backups, stats, secret };
    let living = live(config, source, ground, open_files_max, doors, broken, ready);
    let end = actix_rt::System::new().block_on(living);
    // The heart has stopped: what it has committed is durable; this only makes the next start quick.
    store.close();
    end
}

/// What the servers need besides the core.
struct Doors {
    listener: Listener,
    token: Token,
    backups: Arc<dyn Backups>,
    stats: Arc<Stats>,
    /// Of the nodes of the cluster.
    secret: Option<Secret>,
}

/// Says which printers are plugged in and not added yet. A driver that hangs holds up nothing but this.
async fn tell_of_usb(surroundings: Surroundings, directory: Arc<Directory>) {
    let Ok(found) = tokio::task::spawn_blocking(move || usb::plugged_in(&surroundings)).await else { return };
    let known =
        |device: &usb::UsbPrinter| directory.printers.iter().any(|printer| usb::is_at(&printer.uri, device));
    for device in found.iter().filter(|device| !known(device)) {
        let model = device.id.make_and_model();
        let node = device.path.file_name().unwrap_or_default().to_string_lossy();
        let is_taken = |name: &str| directory.printers.iter().any(|printer| printer.name.as_str() == name);
        let name = suggest::name(model.as_deref(), &node, is_taken).map(|name| name.to_string());
        let (model, name) = (model.as_deref().unwrap_or("a printer"), name.as_deref().unwrap_or("NAME"));
        log::info!("{model} is plugged in; add it with: spool printer add {name} {}", device.uri);
    }
}

/// Everything between the opening of the store and its closing.
async fn live(
    config: Arc<Config>,
    source: Source,
    ground: Ground,
    open_files_max: Option<u64>,
    doors: Doors,
    mut broken: watch::Receiver<Option<String>>,
    ready: impl FnOnce(),
) -> anyhow::Result<End> {
    let Doors { listener, token, backups, stats, secret } = doors;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let (store, documents, clock) = (ground.store.clone(), ground.documents.clone(), ground.clock);
    let heart = Heart::start(&config, ground.clone()).await?;
    if let Some(told) = files::too_low(open_files_max, heart.front.directory().printers.len()) {
        log::warn!("{told}");
    }
    actix_rt::spawn(tell_of_usb(ground.surroundings.clone(), heart.front.directory()));
    let (history, kept) = watch::channel(config.history.clone());
    let mut purging = actix_rt::spawn(purge::run(store, kept, clock));
    let addresses = listener.addresses();
    let cluster = match join(&config, secret, &ground, &heart).await {
        Ok(cluster) => cluster,
        Err(error) => {
            heart.stop(Duration::ZERO).await;
            return Err(error.into());
        }
    };
    let http = Arc::new(HttpState::new(HttpParts {
        core: Arc::new(heart.front.clone()),
        documents,
        config: config.clone(),
        token,
        users: Users::of_machine(),
        clock,
        addresses: addresses.clone(),
        surroundings: ground.surroundings.clone(),
        bounds: Bounds::default(),
        backups,
        stats,
        cluster: cluster.clone(),
    }));
    let serving = match http.restore().await {
        Ok(()) => crate::server::http::serve(listener, http.clone()).map_err(anyhow::Error::from),
        Err(error) => Err(error).context("cannot read who is logged in"),
    };
    let server = match serving {
        Ok(server) => server,
        Err(error) => {
            heart.stop(Duration::ZERO).await;
            return Err(error);
        }
    };
    let (tuner, http_state) = (heart.tuner(), http.clone());
    let reload = Reload { source, config: config.clone(), ground, tuner, http: http_state, history };
    let reloading = actix_rt::spawn(reload.run(hang_up));
    let telling = cluster.map(|cluster| actix_rt::spawn(cluster::round::run(cluster)));
    let handle = server.handle();
    let mut serving = actix_rt::spawn(server);
    let address = addresses.first().map(ToString::to_string).unwrap_or_default();
    log::info!(http = address.as_str(), state:? = config.server.state, pid = std::process::id(); "ready");
    ready();

    let end = loop {
        tokio::select! {
            _ = terminate.recv() => break End::Stopped,
            _ = interrupt.recv() => break End::Stopped,
            ended = &mut serving => {
                log::error!(ended:? = ended; "the HTTP server ended by itself");
                break End::Deaf;
            }
            why = broken.wait_for(Option::is_some) => {
                let why = why.ok().and_then(|why| why.clone()).unwrap_or_default();
                log::error!(why = why.as_str(); "the store takes no commits any more");
                break End::Failed;
            }
            _ = &mut purging => {
                log::error!("whoever takes history away has failed");
                break End::Failed;
            }
            () = tokio::time::sleep(LOOK_EVERY) => if !heart.beats() {
                break End::Failed;
            },
        }
    };
    reloading.abort();
    telling.inspect(actix_rt::task::JoinHandle::abort);
    if !matches!(end, End::Failed) {
        log::info!("stopping: no new jobs; what is being sent may finish");
        purging.abort();
        http.stop();
        stop(heart, handle, &mut interrupt).await;
        log::info!("stopped");
    }
    Ok(end)
}

/// This server among others, where the configuration says that it is.
async fn join(
    config: &Config,
    secret: Option<Secret>,
    ground: &Ground,
    heart: &Heart,
) -> Result<Option<Arc<Cluster>>, ClusterError> {
    let Some((cluster, secret)) = config.cluster.clone().zip(secret) else { return Ok(None) };
    let core = Arc::new(heart.front.clone());
    let cluster = Cluster::new(cluster, secret, core, ground.documents.clone(), ground.clock).await?;
    Ok(Some(Arc::new(cluster)))
}

/// The doors close to new work at once and stay open for those who ask how it ends.
async fn stop(heart: Heart, handle: actix_web::dev::ServerHandle, interrupt: &mut Signal) {
    tokio::select! {
        () = async {
            heart.stop(STOP_DEADLINE).await;
            handle.stop(true).await;
        } => {}
        _ = interrupt.recv() => {
            log::warn!("interrupted again: not waiting any longer");
            handle.stop(false).await;
        }
    }
}

/// `STATE/printed`, where the built-in printer writes.
fn make_printed(state: &Path) -> anyhow::Result<PathBuf> {
    let printed = state.join("printed");
    let made = std::fs::DirBuilder::new().mode(0o700).create(&printed);
    if let Err(error) = made
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(error).with_context(|| format!("{} cannot be made", printed.display()));
    }
    printed.canonicalize().with_context(|| format!("{} cannot be reached", printed.display()))
}

fn surroundings(config: &Config, printed: &Path, clock: Clock) -> anyhow::Result<Surroundings> {
    let mut files = vec![printed.to_owned()];
    for directory in &config.access.files {
        let canonical = directory.canonicalize().with_context(|| {
            format!("access.files: {} cannot be reached; make it or take it out", directory.display())
        })?;
        files.push(canonical);
    }
    let timing = Timing { connect: config.watch.connect, silence: config.watch.silence, ..Timing::default() };
    Ok(Surroundings::new(files, timing, clock))
}

/// Rebuilds the store below `state` from its journal, and says what was found.
pub fn recover(state: &Path) -> anyhow::Result<()> {
    begin_offline(state)?;
    let report = store::recover::recover(state, &mut |progress| log::info!(progress:?; "recovering"))?;
    println!("{report}");
    Ok(())
}

/// Compacts the store below `state`, and says what that came to.
pub fn compact(state: &Path) -> anyhow::Result<()> {
    begin_offline(state)?;
    let report = store::shrink::shrink(state, &mut |progress| log::info!(progress:?; "compacting"))?;
    println!("{report}");
    Ok(())
}

/// For the commands that work on the state of a stopped server.
fn begin_offline(state: &Path) -> anyhow::Result<()> {
    log_to_stderr();
    failpoint::arm();
    // Where nothing is, a new state would be made and called whole.
    anyhow::ensure!(state.is_dir(), "there is no state directory {}; name it with --state", state.display());
    Ok(())
}

/// Says why a URI names no printer that these settings allow.
pub fn check_uri(uri: &str, config: &Config) -> Result<(), String> {
    let mut files = config.access.files.clone();
    files.push(config.server.state.join("printed"));
    let files = files.into_iter().map(|path| path.canonicalize().unwrap_or(path)).collect();
    let surroundings = Surroundings::new(files, Timing::default(), Clock::machine());
    device::parse(uri, &surroundings).map(drop).map_err(|bad| bad.why)
}
