//! SIGHUP: the configuration is read again and applied while the server runs. A bad file changes nothing.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::heart::{Ground, Tuner, wanted};
use super::surroundings;
use crate::config::changes::{Changes, changes};
use crate::config::file::{Mistakes, Overrides};
use crate::config::{Config, History};
use crate::device::Surroundings;
use crate::server::http::state::HttpState;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// `None`: the file that is read where none is named, and there was none at the start.
    pub file: Option<PathBuf>,
    pub overrides: Overrides,
}

impl Source {
    pub fn load(&self) -> Result<Config, Mistakes> {
        Config::load(self.file.as_deref(), &self.overrides, &super::check_uri)
    }
}

/// All that a new configuration reaches.
pub struct Reload {
    pub source: Source,
    /// What runs.
    pub config: Arc<Config>,
    pub ground: Ground,
    pub tuner: Tuner,
    pub http: Arc<HttpState>,
    pub history: watch::Sender<History>,
}

impl Reload {
    /// Reads the configuration at every signal, one after the other. Ends with the last signal there can be.
    pub async fn run(mut self, mut hang_up: Signal) {
        while hang_up.recv().await.is_some() {
            log::info!("SIGHUP: reading the configuration again");
            self.once().await;
        }
    }

    async fn once(&mut self) {
        // Reading may wait for a slow disk, and holds up nobody there.
        let (source, ground) = (self.source.clone(), self.ground.clone());
        let read = actix_rt::task::spawn_blocking(move || read(&source, &ground)).await;
        let (config, surroundings) = match read {
            Ok(Ok(read)) => read,
            Ok(Err(mistakes)) => return refused(&mistakes),
            Err(error) => return refused(&[format!("it could not be read: {error}")]),
        };
        let Changes { config, changed, needs_restart } = changes(&self.config, config);
        let told = match self.tuner.front.provision(wanted(&config, &self.ground)).await {
            Ok(told) => told,
            Err(refusal) => {
                let why = format!("its printers and pools could not be stored: {refusal}; send SIGHUP again");
                return refused(&[why]);
            }
        };
        // Nothing fails from here on.
        self.config = Arc::new(config);
        self.ground.surroundings = surroundings;
        self.tuner.tune(&self.config, &self.ground.surroundings).await;
        self.http.reconfigure(self.config.clone(), self.ground.surroundings.clone());
        self.history.send_replace(self.config.history.clone());
        told.fates.iter().for_each(|fate| log::info!("{fate}"));
        told.complaints.iter().for_each(|complaint| log::warn!("{complaint}"));
        for key in &changed {
            log::info!(key; "the setting is another now");
        }
        for key in &needs_restart {
            log::warn!(key; "the setting was changed in the file, but needs a restart");
        }
        let (queues, settings) = (told.fates.len(), changed.len());
        log::info!(queues, settings; "the configuration was applied");
    }
}

fn refused<T: ToString>(mistakes: &[T]) {
    for mistake in mistakes {
        log::error!("{}", mistake.to_string());
    }
    log::error!("the configuration was not applied; what ran before goes on");
}

/// The configuration and what it makes of the surroundings, or all that is wrong.
fn read(source: &Source, ground: &Ground) -> Result<(Config, Surroundings), Vec<String>> {
    let lines = |mistakes: Mistakes| mistakes.0.iter().map(ToString::to_string).collect::<Vec<_>>();
    let config = source.load().map_err(lines)?;
    let new =
        surroundings(&config, &ground.printed, ground.clock).map_err(|error| vec![format!("{error:#}")])?;
    Ok((config, Surroundings { names: ground.surroundings.names.clone(), ..new }))
}
