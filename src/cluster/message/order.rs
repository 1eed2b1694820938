//! Jobs that are handed from node to node.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MetricsWords, NodeWords};
use crate::model::cluster::choice::NoServer;
use crate::model::cluster::metrics::Metrics;
use crate::model::cluster::node::{Node, NodeName};
use crate::model::cluster::reservation::{Order, Reservation, ReservationId};
use crate::model::document::Format;
use crate::model::id::QueueName;
use crate::model::intake::{Arrival, JobRequest};
use crate::model::job::{Identity, Priority, Submitter};
use crate::model::options::Options;
use crate::model::time::WallTime;

/// Where a master is asked for a server.
pub const ASSIGNMENTS_PATH: &str = "/cluster/v1/assignments";
/// Where a node is asked whether it has accepted a job under a key.
pub const KEYS_PATH: &str = "/cluster/v1/keys";
/// Where a server is asked for room.
pub const RESERVATIONS_PATH: &str = "/cluster/v1/reservations";

/// Print queue data: a job without its document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderWords {
    queue: Option<String>,
    user: String,
    title: Option<String>,
    options: BTreeMap<String, String>,
    priority: u8,
    hold: bool,
    format: Option<String>,
    bytes: Option<u64>,
    key: Option<String>,
    hops: Vec<String>,
}

/// An entry node asks the master where a request is to be served, and says how it is itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    order: OrderWords,
    node: NodeWords,
    metrics: MetricsWords,
}

/// The master's assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// `None`: no server is suitable, for this reason.
    server: Option<NodeWords>,
    /// Where the master has told the server already: the room that it has promised.
    room: Option<Room>,
    refused: Option<Refused>,
}

/// A node is asked whether it has accepted a job under this key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyQuestion {
    pub user: String,
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyAnswer {
    pub known: bool,
}

/// A server is asked for room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub order: OrderWords,
}

/// A server's answer: room, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserved {
    pub room: Option<Room>,
    pub refused: Option<Refused>,
}

/// Where the document goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// The address of the upload; the token in it is its right.
    pub upload: String,
    /// Jobs that the server takes besides this one, before it has enough.
    pub free_slots: u64,
    /// Milliseconds until the job would begin, where that is known.
    pub expected_wait: Option<u64>,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Refused {
    /// Milliseconds until it is worth asking again.
    Full(u64),
    NotAccepting,
    Format,
    NoQueue,
    Nobody,
}

impl From<&NoServer> for Refused {
    fn from(why: &NoServer) -> Refused {
        match why {
            NoServer::Full { retry_after } => Refused::Full(super::millis(*retry_after)),
            NoServer::NotAccepting => Refused::NotAccepting,
            NoServer::Format => Refused::Format,
            NoServer::NoQueue => Refused::NoQueue,
            NoServer::Nobody => Refused::Nobody,
        }
    }
}

impl From<&Refused> for NoServer {
    fn from(why: &Refused) -> NoServer {
        match why {
            Refused::Full(millis) => NoServer::Full { retry_after: Duration::from_millis(*millis) },
            Refused::NotAccepting => NoServer::NotAccepting,
            Refused::Format => NoServer::Format,
            Refused::NoQueue => NoServer::NoQueue,
            Refused::Nobody => NoServer::Nobody,
        }
    }
}

impl From<&Order> for OrderWords {
    fn from(order: &Order) -> OrderWords {
        let Order { request, format, bytes, key, hops } = order;
        // Another machine knows neither this one's users by number nor the secret link.
        let JobRequest { queue, submitter, title, options, priority, arrival, control_hash: _ } = request;
        OrderWords {
            queue: queue.as_ref().map(ToString::to_string),
            user: submitter.user.clone(),
            title: title.clone(),
            options: options.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            priority: priority.get(),
            hold: *arrival == Arrival::Hold,
            format: format.as_ref().map(|format| format.media_type().to_owned()),
            bytes: *bytes,
            key: key.clone(),
            hops: hops.iter().map(ToString::to_string).collect(),
        }
    }
}

impl OrderWords {
    /// `None` where a word of it is none.
    pub fn order(&self) -> Option<Order> {
        let mut options = Options::default();
        for (name, value) in &self.options {
            options.set(name, value).ok()?;
        }
        Some(Order {
            request: JobRequest {
                queue: self.queue.as_deref().map(QueueName::new).transpose().ok()?,
                submitter: Submitter { user: self.user.clone(), identity: Identity::Claimed },
                title: self.title.clone(),
                options,
                priority: Priority::new(u32::from(self.priority))?,
                arrival: if self.hold { Arrival::Hold } else { Arrival::Print },
                control_hash: None,
            },
            format: self.format.as_deref().map(Format::from_media_type),
            bytes: self.bytes,
            key: self.key.clone(),
            hops: self.hops.iter().map(|hop| NodeName::new(hop).ok()).collect::<Option<_>>()?,
        })
    }
}

impl Question {
    pub fn new(order: &Order, node: &Node, metrics: &Metrics) -> Question {
        Question { order: order.into(), node: node.into(), metrics: metrics.into() }
    }

    pub fn understood(&self) -> Option<(Order, Node, Metrics)> {
        Some((self.order.order()?, self.node.node()?, self.metrics.metrics()?))
    }
}

impl Assignment {
    pub fn to(server: &Node, room: Option<Room>) -> Assignment {
        Assignment { server: Some(server.into()), room, refused: None }
    }

    pub fn refused(why: &NoServer) -> Assignment {
        Assignment { server: None, room: None, refused: Some(why.into()) }
    }

    /// The server and its promise, if it was told already; `None` where the answer is none.
    pub fn understood(self) -> Option<Result<(NodeName, Option<Room>), NoServer>> {
        match (&self.server, &self.refused) {
            (Some(server), None) => Some(Ok((server.node()?.name, self.room))),
            (None, Some(why)) => Some(Err(why.into())),
            _ => None,
        }
    }
}

/// A promise as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredReservation {
    token_hash: String,
    from: String,
    order: OrderWords,
    expires_at: u64,
}

impl From<&Reservation> for StoredReservation {
    fn from(reservation: &Reservation) -> StoredReservation {
        let Reservation { id: _, token_hash, from, order, expires_at } = reservation;
        StoredReservation {
            token_hash: hex::encode(token_hash),
            from: from.to_string(),
            order: order.into(),
            expires_at: expires_at.0,
        }
    }
}

impl StoredReservation {
    pub fn reservation(&self, id: ReservationId) -> Option<Reservation> {
        let mut token_hash = [0; 32];
        hex::decode_to_slice(&self.token_hash, &mut token_hash).ok()?;
        Some(Reservation {
            id,
            token_hash,
            from: NodeName::new(&self.from).ok()?,
            order: self.order.order()?,
            expires_at: WallTime(self.expires_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn order() -> Order {
        let mut options = Options::default();
        options.set("sides", "two-sided-long-edge").unwrap();
        Order {
            request: JobRequest {
                queue: Some(QueueName::new("office").unwrap()),
                submitter: Submitter { user: "ann".to_owned(), identity: Identity::Claimed },
                title: Some("bill".to_owned()),
                options,
                priority: Priority::new(70).unwrap(),
                arrival: Arrival::Hold,
                control_hash: None,
            },
            format: Some(Format::Pdf),
            bytes: Some(9),
            key: Some("k".to_owned()),
            hops: vec![NodeName::new("a").unwrap()],
        }
    }

    #[test]
    fn an_order_arrives_as_it_was_sent() {
        let words = OrderWords::from(&order());
        let text = serde_json::to_string(&words).unwrap();
        assert_eq!(serde_json::from_str::<OrderWords>(&text).unwrap().order(), Some(order()));
        for (good, bad) in [
            ("\"office\"", "\"-office\""),
            (":70", ":170"),
            ("\"sides\"", "\"slides\""),
            ("[\"a\"]", "[\"-\"]"),
        ] {
            let words: OrderWords = serde_json::from_str(&text.replacen(good, bad, 1)).unwrap();
            assert_eq!(words.order(), None, "{bad}");
        }
        let reservation = Reservation {
            id: ReservationId([1; 16]),
            token_hash: [2; 32],
            from: NodeName::new("a").unwrap(),
            order: order(),
            expires_at: WallTime(7),
        };
        let text = serde_json::to_vec(&StoredReservation::from(&reservation)).unwrap();
        let stored: StoredReservation = serde_json::from_slice(&text).unwrap();
        assert_eq!(stored.reservation(reservation.id), Some(reservation));
    }

    #[test]
    fn every_refusal_arrives_as_it_was_meant() {
        let all = [
            NoServer::Full { retry_after: Duration::from_secs(7) },
            NoServer::NotAccepting,
            NoServer::Format,
            NoServer::NoQueue,
            NoServer::Nobody,
        ];
        for why in all {
            let text = serde_json::to_string(&Assignment::refused(&why)).unwrap();
            let heard: Assignment = serde_json::from_str(&text).unwrap();
            assert_eq!(heard.understood(), Some(Err(why)));
        }
    }
}
