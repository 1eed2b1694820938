//! Room that a server has promised for a job that has not come yet.
//!
//! ```text
//!   Open ──upload accepted──► Used (told by the idempotency key that the job was accepted under)
//!     └──── nothing came ───► gone
//! ```

use std::fmt;
use std::time::Duration;

use super::choice::Wanted;
use super::node::NodeName;
use crate::model::document::Format;
use crate::model::intake::JobRequest;
use crate::model::time::WallTime;

/// A promise is kept for so long without an upload.
pub const RESERVATION_KEPT: Duration = Duration::from_secs(120);
/// The most promises of a server at once.
pub const RESERVATIONS_MAX: usize = 10_000;

/// The number of a promise, drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId(pub [u8; 16]);

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The print queue data of a job: all that was asked for, without its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// As the client has asked the first node; the secret link is drawn when the document comes.
    pub request: JobRequest,
    /// `None`: the document is looked at when it comes.
    pub format: Option<Format>,
    pub bytes: Option<u64>,
    /// The client's idempotency key.
    pub key: Option<String>,
    /// Nodes that the request came through, the last one last.
    pub hops: Vec<NodeName>,
}

/// Room for one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub id: ReservationId,
    /// SHA-256 of the token that the upload shows.
    pub token_hash: [u8; 32],
    /// Who asked for it.
    pub from: NodeName,
    pub order: Order,
    pub expires_at: WallTime,
}

impl Order {
    /// As a server is asked that may have room for it.
    pub fn wanted<'a>(&'a self, avoid: &'a [NodeName]) -> Wanted<'a> {
        Wanted {
            queue: self.request.queue.as_ref(),
            format: self.format.as_ref().unwrap_or(&Format::Unknown),
            bytes: self.bytes,
            avoid,
        }
    }
}

impl Reservation {
    pub fn has_expired(&self, now: WallTime) -> bool {
        self.expires_at <= now
    }

    /// The key under which its job is accepted, so that it is accepted once.
    pub fn claim(&self) -> String {
        self.order.key.clone().unwrap_or_else(|| format!("reservation:{}", self.id))
    }
}
