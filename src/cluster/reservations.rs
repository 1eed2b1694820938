//! The room that this server has promised: in memory to be found, in the store to outlive the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::message::order::StoredReservation;
use crate::actors::front::Core;
use crate::model::cluster::choice::{BYTES_ASSUMED, Pending};
use crate::model::cluster::node::NodeName;
use crate::model::cluster::reservation::{
    Order, RESERVATION_KEPT, RESERVATIONS_MAX, Reservation, ReservationId,
};
use crate::model::intake::Refusal;
use crate::model::time::WallTime;
use crate::store::ReadError;

/// The names of the values in the store begin so.
const PREFIX: &str = "reservation/";
/// Promises that are forgotten in one commit.
const FORGET_MAX: usize = 64;

/// What was promised, by the hash of its token.
pub struct Reservations {
    core: Arc<dyn Core>,
    table: Mutex<BTreeMap<[u8; 32], Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    reservation: Arc<Reservation>,
    state: State,
}

/// Where a promise stands. Whether its job was accepted is told by the idempotency key it was accepted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// It takes no room any more; kept until it expires, for a client that missed the answer.
    Used,
}

impl std::fmt::Debug for Reservations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservations").field("open", &self.pending()).finish_non_exhaustive()
    }
}

impl Reservations {
    /// With what was promised before the start.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn load(core: Arc<dyn Core>) -> Result<Reservations, ReadError> {
        let stored = core.store().settings(PREFIX, RESERVATIONS_MAX).await?;
        let read = |(name, bytes): (String, Vec<u8>)| {
            let found = id_in(&name)
                .and_then(|id| serde_json::from_slice::<StoredReservation>(&bytes).ok()?.reservation(id));
            if found.is_none() {
                log::warn!("a reservation in the store is not understood and not kept name={name}");
            }
            found
        };
        let entry = |reservation: Reservation| {
            let entry = Entry { reservation: Arc::new(reservation), state: State::Open };
            (entry.reservation.token_hash, entry)
        };
        let table = stored.into_iter().filter_map(read).map(entry).collect();
        Ok(Reservations { core, table: Mutex::new(table) })
    }

    /// Promises room; on disk before the token is given away.
    ///
    /// # Errors
    /// Where too much is promised already, or the store does not take it.
    pub async fn promise(&self, order: Order, from: NodeName, now: WallTime) -> Result<String, Refusal> {
        let secret = random::<32>()?;
        let token = hex::encode(secret);
        let reservation = Reservation {
            id: ReservationId(random()?),
            token_hash: hash(&token),
            from,
            order,
            expires_at: now.plus(RESERVATION_KEPT),
        };
        let stored = serde_json::to_vec(&StoredReservation::from(&reservation));
        let bytes = stored.map_err(|error| Refusal::Store(error.to_string()))?;
        let name = name_of(reservation.id);
        // It takes its room before it is written, so that no more is promised than there is.
        {
            let mut table = self.table();
            if table.len() >= RESERVATIONS_MAX {
                return Err(Refusal::Busy { retry_after: RESERVATION_KEPT });
            }
            let entry = Entry { reservation: Arc::new(reservation.clone()), state: State::Open };
            table.insert(reservation.token_hash, entry);
        }
        if let Err(refusal) = self.core.keep_setting(name, bytes).await {
            self.table().remove(&reservation.token_hash);
            return Err(refusal);
        }
        Ok(token)
    }

    /// What a token is the right to.
    pub fn find(&self, token: &str, now: WallTime) -> Option<Arc<Reservation>> {
        let found = self.table().get(&hash(token)).map(|entry| entry.reservation.clone());
        found.filter(|reservation| !reservation.has_expired(now))
    }

    /// Its job was accepted.
    pub fn use_up(&self, reservation: &Reservation) {
        if let Some(entry) = self.table().get_mut(&reservation.token_hash) {
            entry.state = State::Used;
        }
    }

    /// What may still come.
    pub fn pending(&self) -> Pending {
        let table = self.table();
        let open = table.values().filter(|entry| entry.state == State::Open);
        open.fold(Pending::default(), |sum, entry| Pending {
            jobs: sum.jobs + 1,
            bytes: sum.bytes.saturating_add(entry.reservation.order.bytes.unwrap_or(BYTES_ASSUMED)),
        })
    }

    /// Forgets what has expired.
    pub async fn sweep(&self, now: WallTime) {
        let names: Vec<String> = {
            let mut table = self.table();
            let gone: Vec<([u8; 32], ReservationId, State)> = table
                .iter()
                .filter(|(_, entry)| entry.reservation.has_expired(now))
                .map(|(hash, entry)| (*hash, entry.reservation.id, entry.state))
                .take(FORGET_MAX)
                .collect();
            for (hash, id, state) in &gone {
                table.remove(hash);
                if *state == State::Open {
                    log::info!("reservation={id} nothing was uploaded in time: its room is free again");
                }
            }
            gone.into_iter().map(|(_, id, _)| name_of(id)).collect()
        };
        if names.is_empty() {
            return;
        }
        if let Err(refusal) = self.core.unset(names).await {
            // They are gone from memory, and at the next start they have expired.
            log::warn!("reservations that have expired stay in the store for now: {refusal}");
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(id: ReservationId) -> String {
    format!("{PREFIX}{id}")
}

fn id_in(name: &str) -> Option<ReservationId> {
    let mut id = [0; 16];
    hex::decode_to_slice(name.strip_prefix(PREFIX)?, &mut id).ok()?;
    Some(ReservationId(id))
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| Refusal::Store(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}
