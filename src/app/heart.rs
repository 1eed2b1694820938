//! The core in motion: the actors, their arbiters and the print threads, started in order and stopped in
//! reverse.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use actix_rt::{Arbiter, ArbiterHandle};
use tokio::sync::{Semaphore, oneshot};

use super::interrupted;
use crate::actors::board::Board;
use crate::actors::core::Front;
use crate::actors::device_manager::{self, DeviceManager, ParkAll, StopAll};
use crate::actors::job_manager::{self, JobManager, StopIntake};
use crate::actors::thread_watcher::{self, ThreadWatcher};
use crate::actors::traffic_manager;
use crate::actors::worker::{BEATS_MAX, PoolSize, PrintPool};
use crate::clock::Clock;
use crate::config::{Config, KEY_KEPT};
use crate::device::Surroundings;
use crate::failpoint;
use crate::model::commit::{Commit, CommitError};
use crate::model::fleet::{self, Effect, Fleet, Input, Numbers, Queues, Reply, Ticket, Wanted};
use crate::model::id::JobId;
use crate::model::intake::messages::Rules as IntakeRules;
use crate::model::intake::numbers::{self, Reserved};
use crate::model::liveness::Patience;
use crate::model::traffic::Rules as TrafficRules;
use crate::store::documents::Documents;
use crate::store::{ReadError, SharedStore};

/// What is still being sent after the time for finishing is shut, and its end recorded, within this time.
const PARK_TIME: Duration = Duration::from_secs(4);

/// What the core runs on.
#[derive(Clone)]
pub struct Ground {
    pub store: SharedStore,
    pub documents: Documents,
    pub surroundings: Surroundings,
    pub clock: Clock,
    /// Where the printer writes that stands in where nobody names one.
    pub printed: PathBuf,
}

/// Everything that runs. Dropping it stops nothing: [`Heart::stop`] does.
pub struct Heart {
    pub front: Front,
    device_manager: actix::Addr<DeviceManager>,
    job_manager: actix::Addr<JobManager>,
    watcher: actix::Addr<ThreadWatcher>,
    pool: PrintPool,
    arbiters: Vec<Arbiter>,
}

/// Why the core cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("the printers of the configuration cannot be stored: {0}")]
    Commit(#[from] CommitError),
    #[error("the setting {0:?} in the store is not what this version writes; run `spool recover`")]
    Setting(&'static str),
    #[error("a part of the server did not start")]
    Actor,
}

impl Heart {
    /// Starts everything. Runs on the system's arbiter; returns when the managers have begun.
    pub async fn start(config: &Config, ground: Ground) -> Result<Heart, StartError> {
        let fleet = provision(config, &ground).await?;
        let (reserved, block) = reserve(&ground.store).await?;
        let first = JobId(u32::try_from(reserved.job).unwrap_or(u32::MAX));
        interrupted::end(&ground.store, ground.clock, first).await?;
        let board = Arc::new(Board::default());
        board.publish_directory(fleet.directory());
        let (beat, beats) = crossbeam_channel::bounded(BEATS_MAX);
        let size = PoolSize { threads: config.workers.print, waiting: fleet::PRINTERS_MAX };
        let pool = PrintPool::new(size, ground.clock, beat);
        let [jobs, traffic, watch] = [Arbiter::new(), Arbiter::new(), Arbiter::new()];

        let patience = patience(config);
        let (watch_board, clock) = (board.clone(), ground.clock);
        let watcher =
            on(&watch.handle(), move || ThreadWatcher::new(patience, beats, watch_board, clock).start())
                .await?;
        let parts = job_manager::Parts {
            store: ground.store.clone(),
            documents: ground.documents.clone(),
            board: board.clone(),
            clock,
            rules: intake_rules(config),
            reserved,
            block,
        };
        let job_manager = on(&jobs.handle(), move || JobManager::new(parts).start()).await?;
        let traffic_parts = Arc::new(traffic_manager::Parts {
            store: ground.store.clone(),
            documents: ground.documents.clone(),
            board: board.clone(),
            clock,
            pool: Arc::new(pool.clone()),
            watcher: watcher.clone(),
            surroundings: ground.surroundings.clone(),
            rules: traffic_rules(config),
            describing: Arc::new(Semaphore::new(traffic_manager::DESCRIBING_MAX)),
        });
        let parts = device_manager::Parts {
            store: ground.store.clone(),
            board: board.clone(),
            clock,
            traffic: traffic_parts,
            grace: config.retry.grace,
        };
        let device_manager = on(&traffic.handle(), move || DeviceManager::new(parts, fleet).start()).await?;
        let front =
            Front::new(ground.store, ground.documents, board, job_manager.clone(), device_manager.clone());
        let arbiters = vec![traffic, jobs, watch];
        Ok(Heart { front, device_manager, job_manager, watcher, pool, arbiters })
    }

    /// Whether both managers and the watcher live; actix tells nobody when one has panicked.
    pub fn beats(&self) -> bool {
        self.job_manager.connected() && self.device_manager.connected() && self.watcher.connected()
    }

    pub fn tuner(&self) -> Tuner {
        Tuner {
            front: self.front.clone(),
            device_manager: self.device_manager.clone(),
            job_manager: self.job_manager.clone(),
            watcher: self.watcher.clone(),
        }
    }

    /// No new jobs; what is being sent may finish until `deadline` has passed, and is then parked: shut,
    /// and recorded as in doubt or given back.
    pub async fn stop(self, deadline: Duration) {
        if self.job_manager.try_send(StopIntake).is_err() {
            log::warn!("the job manager takes no messages");
        }
        let (done, stopped) = oneshot::channel();
        if self.device_manager.try_send(StopAll { done }).is_err() {
            log::error!("the device manager takes no messages");
        }
        let mut stopped = stopped;
        let drained = match tokio::time::timeout(deadline, &mut stopped).await {
            Ok(told) => told.is_ok(),
            Err(_) => {
                log::warn!(deadline_s = deadline.as_secs(); "still sending; parking what is not done");
                let parked = self.device_manager.try_send(ParkAll).is_ok();
                parked && matches!(tokio::time::timeout(PARK_TIME, stopped).await, Ok(Ok(())))
            }
        };
        if !drained {
            log::warn!("some printers did not end in order; their jobs are decided at the next start");
        }
        let pool = self.pool;
        let left = actix_rt::task::spawn_blocking(move || pool.stop(Duration::ZERO)).await;
        if let Ok(left) = left
            && left.remaining > 0
        {
            log::warn!(threads = left.remaining; "print threads hang in devices that cannot be shut");
        }
        for arbiter in self.arbiters {
            arbiter.stop();
        }
    }
}

/// The way to those whom a new configuration concerns.
#[derive(Clone)]
pub struct Tuner {
    pub front: Front,
    device_manager: actix::Addr<DeviceManager>,
    job_manager: actix::Addr<JobManager>,
    watcher: actix::Addr<ThreadWatcher>,
}

impl Tuner {
    /// Tells everybody his rules, and returns when they are followed.
    pub async fn tune(&self, config: &Config, surroundings: &Surroundings) {
        let (rules, grace) = (traffic_rules(config), config.retry.grace);
        let surroundings = surroundings.clone();
        let told = tokio::join!(
            self.device_manager.send(device_manager::Tune { rules, grace, surroundings }),
            self.job_manager.send(job_manager::Tune(intake_rules(config))),
            self.watcher.send(thread_watcher::Tune(patience(config))),
        );
        // The process is about to begin anew then, with the new configuration.
        if let (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) = told {
            log::warn!(error:%; "a part of the server has failed and was not told its new rules");
        }
    }
}

fn patience(config: &Config) -> Patience {
    Patience { worker: config.watch.worker, stall: config.watch.stall }
}

fn intake_rules(config: &Config) -> IntakeRules {
    IntakeRules {
        queued_jobs_max: config.limits.queued_jobs,
        free_disk_min: config.limits.free_disk,
        key_kept: KEY_KEPT,
    }
}

fn traffic_rules(config: &Config) -> TrafficRules {
    TrafficRules {
        backoff: config.retry.backoff,
        broken_max: config.retry.broken,
        blocked: config.retry.blocked,
    }
}

/// Makes an actor on an arbiter, and waits until it is there.
async fn on<A: Send + 'static>(
    arbiter: &ArbiterHandle,
    make: impl FnOnce() -> A + Send + 'static,
) -> Result<A, StartError> {
    let (tell, told) = oneshot::channel();
    arbiter.spawn_fn(move || drop(tell.send(make())));
    told.await.map_err(|_| StartError::Actor)
}

/// The printers and pools of the store, brought in line with the configuration.
async fn provision(config: &Config, ground: &Ground) -> Result<Fleet, StartError> {
    let store = &ground.store;
    let numbers = Numbers {
        printer: next_number(store, Numbers::PRINTERS_SETTING).await?,
        pool: next_number(store, Numbers::POOLS_SETTING).await?,
    };
    let queues = Queues::new(store.printers().await?, store.pools().await?, numbers);
    let mut fleet = Fleet::new(queues, config.server.name.clone());
    let wanted = Box::new(wanted(config, ground));
    let mut effects: VecDeque<Effect> = fleet.step(Input::Provision(Ticket(0), wanted)).into();
    while let Some(effect) = effects.pop_front() {
        match effect {
            Effect::Commit { ticket, commit } => effects.extend(match store.commit(*commit).await {
                Ok(_) => fleet.step(Input::Committed(ticket)),
                Err(error @ CommitError::HasJobs { .. }) => fleet.step(Input::CommitFailed(ticket, error)),
                Err(error) => return Err(error.into()),
            }),
            Effect::Reply(_, Ok(Reply::Provisioned(told))) => {
                told.fates.iter().for_each(|fate| log::info!("{fate}"));
                told.complaints.iter().for_each(|complaint| log::warn!("{complaint}"));
            }
            // Nothing runs yet; the device manager starts everything.
            _ => {}
        }
    }
    Ok(fleet)
}

/// What the configuration says of printers and pools.
pub fn wanted(config: &Config, ground: &Ground) -> Wanted {
    Wanted {
        printers: config.printers.clone(),
        pools: config.pools.clone(),
        default: config.server.default.clone(),
        files_uri: format!("file:{}", ground.printed.display()),
    }
}

async fn next_number(store: &SharedStore, setting: &'static str) -> Result<u32, StartError> {
    match store.setting(setting).await? {
        None => Ok(1),
        Some(bytes) => bytes.try_into().map(u32::from_be_bytes).map_err(|_| StartError::Setting(setting)),
    }
}

/// The first block of numbers is made durable before anybody can ask for one: a server that says that it is
/// ready turns nobody away for want of a number. Answers where the block begins and where it ends.
async fn reserve(store: &SharedStore) -> Result<(Reserved, Reserved), StartError> {
    let begin = match store.setting(numbers::SETTING).await? {
        None => Reserved::default(),
        Some(bytes) => Reserved::from_bytes(&bytes).ok_or(StartError::Setting(numbers::SETTING))?,
    };
    let end = begin.next_block();
    let settings = vec![(numbers::SETTING.to_owned(), end.to_bytes())];
    store.commit(Commit { settings, ..Commit::default() }).await?;
    failpoint::hit("numbers-reserved");
    Ok((begin, end))
}
