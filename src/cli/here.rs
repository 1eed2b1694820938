//! The commands that do their work in this process: `serve`, `check`, `recover` and `compact`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::client::ServerArgs;
use super::demo;
use super::failure::Failure;
use super::output::{complain, line};
use crate::app;
use crate::app::reload::Source;
use crate::config::Config;
use crate::config::file::{DEFAULT_FILE, Overrides, state_named_in};

/// `spool serve`
#[derive(Args, Debug, Default)]
pub struct ServeArgs {
    /// The configuration (default: ./spool.toml where it is there)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, instead of what the configuration says
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
    /// Show what it does: simulated printers that fail on plan, sample jobs, nothing kept
    #[arg(long, conflicts_with = "config")]
    demo: bool,
}

/// `spool check`
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The configuration (default: ./spool.toml where it is there)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the server until it is stopped.
pub fn serve(args: ServeArgs, server: ServerArgs) -> Result<(), Failure> {
    if args.demo {
        return demo::serve(args.http, &server);
    }
    // `SPOOL_SERVER` in the environment is for the commands that ask a server.
    let overrides = Overrides { state: server.state, http: args.http };
    // A file that was there at the start must be there when it is read again.
    let file = args.config.or_else(|| Path::new(DEFAULT_FILE).exists().then(|| DEFAULT_FILE.into()));
    let source = Source { file, overrides };
    let config = source.load().map_err(Failure::Mistakes)?;
    app::serve(config, source, || {}).map_err(|error| Failure::from_below(&error))
}

/// Says what is wrong with a configuration, or what is in it.
pub fn check(args: CheckArgs, server: ServerArgs) -> Result<(), Failure> {
    let overrides = Overrides { state: server.state, http: None };
    let config =
        Config::load(args.config.as_deref(), &overrides, &app::check_uri).map_err(Failure::Mistakes)?;
    let default = PathBuf::from(DEFAULT_FILE);
    let file = args.config.unwrap_or(default);
    let file = if file.exists() { file.display().to_string() } else { format!("no ./{DEFAULT_FILE}") };
    for doubt in &config.doubts {
        complain(&format!("warning: {doubt}; good only if it was added to the server"));
    }
    let (printers, pools) = (config.printers.len(), config.pools.len());
    line(&format!("{file}: good: {}, {}", counted(printers, "printer"), counted(pools, "pool")))
}

/// Rebuilds a store.
pub fn recover(server: ServerArgs) -> Result<(), Failure> {
    app::recover(&state_of(server)).map_err(|error| Failure::from_below(&error))
}

/// Makes a store as short as it can be.
pub fn compact(server: ServerArgs) -> Result<(), Failure> {
    app::compact(&state_of(server)).map_err(|error| Failure::from_below(&error))
}

/// The state directory that is meant: named here, in the configuration, or the usual one.
fn state_of(server: ServerArgs) -> PathBuf {
    let state = server.state.or_else(|| state_named_in(DEFAULT_FILE.as_ref()));
    state.unwrap_or_else(|| Config::default().server.state)
}

fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
