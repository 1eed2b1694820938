//! A job whose document arrives: announced first, and perhaps sent meanwhile. However its request ends, nothing
//! half-arrived stays, and whoever reads along is told.

use std::sync::Arc;

use tokio::sync::watch;

use super::problem::Problem;
use super::state::HttpState;
use super::submit::finish;
use crate::actors::front::{Accepted, Announced, Answer, Core, Novelty};
use crate::model::document::Format;
use crate::model::id::{DocumentId, JobId};
use crate::model::intake::{JobRequest, Refusal};
use crate::model::job::Interruption;
use crate::model::stream::Offer;
use crate::store::documents::{Finished, Growth};

/// A job that was announced and not handed over yet: dropped, it is withdrawn, whatever the reason.
pub struct Arrival {
    core: Arc<dyn Core>,
    announced: Announced,
    pending: bool,
}

impl Arrival {
    /// The client may leave while the core decides; then the answer finds nobody and is withdrawn.
    pub async fn announce(core: Arc<dyn Core>, order: JobRequest) -> Result<Arrival, Problem> {
        let answer: Answer<Announced> = core.announce(order);
        finish(async move {
            let announced = answer.await?;
            Ok(Arrival { core, announced, pending: true })
        })
        .await
    }

    /// The number under which the document is to be written.
    pub fn document(&self) -> DocumentId {
        self.announced.document
    }

    /// The core's affair from here on.
    fn hand_over(&mut self) -> JobId {
        self.pending = false;
        self.announced.job
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if self.pending {
            self.core.withdraw(self.announced.job);
        }
    }
}

/// What is asked for, as far as it matters to whether it is sent while it arrives.
pub struct Wanted<'a> {
    pub order: &'a JobRequest,
    pub key: Option<&'a str>,
    pub format: &'a Format,
    /// As the client has announced it.
    pub bytes: Option<u64>,
}

/// A document that grows. Dropped before its job is accepted, it is given up: whoever sends it stops.
pub struct Growing {
    arrival: Arrival,
    growth: Arc<Growth>,
    offer: Offer,
    /// The user and the key under which the same may have come before.
    claim: Option<(String, String)>,
    offered: Offered,
    stage: Stage,
    stopping: watch::Receiver<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Offered {
    NotYet,
    Yes,
    /// The same request came before: it is printed already, or will be.
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Coming,
    /// The core decides on it.
    Whole,
    Accepted,
}

impl Growing {
    pub fn new(state: &HttpState, arrival: Arrival, growth: &Arc<Growth>, wanted: &Wanted<'_>) -> Growing {
        let Wanted { order, key, format, bytes } = *wanted;
        let offer = Offer {
            job: arrival.announced.job,
            document: arrival.announced.document,
            format: format.clone(),
            bytes,
            arrived: 0,
            arrival: order.arrival,
        };
        let claim = key.map(|key| (order.submitter.user.clone(), key.to_owned()));
        let (growth, stopping) = (Arc::clone(growth), state.stopping());
        Growing { arrival, growth, offer, claim, offered: Offered::NotYet, stage: Stage::Coming, stopping }
    }

    /// So many bytes more have come. Once it is known to be large it is offered to be sent meanwhile.
    ///
    /// # Errors
    /// Where its job has ended and the rest is of no use.
    pub async fn arrived(&mut self, state: &HttpState, bytes: usize) -> Result<(), Problem> {
        self.offer.arrived += bytes as u64;
        if self.offered == Offered::NotYet && self.offer.is_large() {
            self.offer(state).await?;
        }
        if self.growth.is_refused() {
            let job = state.core.store().job(self.offer.job).await?;
            let ended = |status| Refusal::WrongState { job: self.offer.job, status, wish: "accepted" };
            return Err(job.map_or(Refusal::NoSuchJob(self.offer.job), |job| ended(job.status)).into());
        }
        Ok(())
    }

    /// What stands under the key is not begun with a second time.
    async fn offer(&mut self, state: &HttpState) -> Result<(), Problem> {
        let known = match &self.claim {
            Some((user, key)) => state.core.store().key(user, key, state.clock.now().wall).await?.is_some(),
            None => false,
        };
        self.offered = if known { Offered::Never } else { Offered::Yes };
        if !known {
            self.arrival.core.offer(self.offer.clone());
        }
        Ok(())
    }

    /// The document is whole and durable: the core's affair from here on.
    pub fn hand_over(&mut self) -> JobId {
        self.stage = Stage::Whole;
        self.arrival.hand_over()
    }

    /// What the core made of it. Only what it has accepted under this number may be sent to its end.
    pub fn decided(mut self, accepted: &Result<Accepted, Refusal>, finished: Finished) {
        if matches!(accepted, Ok(Accepted { novelty: Novelty::New, .. })) {
            self.stage = Stage::Accepted;
            self.growth.accept(finished);
        }
    }
}

/// The one who reads along is told first: when the job is withdrawn he must not take it for one that may become whole.
impl Drop for Growing {
    fn drop(&mut self) {
        let why = match self.stage {
            Stage::Accepted => return,
            Stage::Coming if *self.stopping.borrow() => Interruption::ServerStopped,
            Stage::Coming => Interruption::Upload,
            Stage::Whole => Interruption::NotAccepted,
        };
        self.growth.give_up(why);
        // One that is coming is withdrawn by its arrival.
        if self.stage == Stage::Whole {
            self.arrival.core.withdraw(self.offer.job);
        }
    }
}
