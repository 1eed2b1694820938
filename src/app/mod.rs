//! Builds all parts in order, and stops them in reverse.

mod heart;
mod rebirth;

use std::path::Path;

use crate::config::Config;
use crate::device::{self, Surroundings};

/// Runs the server until it is stopped.
pub fn serve(config: Config) -> anyhow::Result<()> {
    let _ = config;
    anyhow::bail!("`spool serve` is not there yet")
}

/// Rebuilds the store below `state` from its journal.
pub fn recover(state: &Path) -> anyhow::Result<()> {
    anyhow::bail!("{}: `spool recover` is not there yet", state.display())
}

/// Says why a URI names no printer that these settings allow.
pub fn check_uri(uri: &str, config: &Config) -> Result<(), String> {
    let mut files = config.access.files.clone();
    files.push(config.server.state.join("printed"));
    let surroundings =
        Surroundings { files, timing: device::Timing::default(), clock: crate::clock::Clock::machine() };
    device::parse(uri, &surroundings).map(drop).map_err(|bad| bad.why)
}
