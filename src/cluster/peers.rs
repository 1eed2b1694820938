//! Asking other nodes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::message::MESSAGE_BYTES_MAX;
use super::seal::{LIFE, SEAL, Seal, digest};
use super::secret::Secret;
use crate::clock::Clock;
use crate::model::cluster::node::{Incarnation, NodeName, NodeUrl};

/// A connection that is not up after this long is not there.
const CONNECT: Duration = Duration::from_secs(2);
/// Connections to one node that are kept while nothing is asked.
const IDLE_MAX: usize = 8;

/// The way to the other nodes.
#[derive(Debug)]
pub struct Peers {
    client: Client,
    secret: Secret,
    me: NodeName,
    life: Incarnation,
    count: AtomicU64,
    /// The lives of the others, as they have told.
    lives: Mutex<BTreeMap<NodeUrl, Incarnation>>,
    clock: Clock,
}

/// Why a node gave no answer that is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It was not reached, or did not answer in time.
    Unreachable(String),
    /// It said no.
    Refused { status: u16, code: String, detail: String },
    /// It answered something else.
    NotUnderstood(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Unreachable(why) => write!(f, "not reached: {why}"),
            NoAnswer::Refused { status, detail, .. } => write!(f, "refused ({status}): {detail}"),
            NoAnswer::NotUnderstood(why) => write!(f, "its answer is not understood: {why}"),
        }
    }
}

impl std::error::Error for NoAnswer {}

/// What is looked at of a problem document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProblemWords {
    code: String,
    detail: String,
}

impl Peers {
    /// # Errors
    /// Where the system gives no sockets.
    pub fn new(
        secret: Secret,
        me: NodeName,
        life: Incarnation,
        clock: Clock,
    ) -> Result<Peers, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(IDLE_MAX)
            .redirect(redirect::Policy::none())
            .tcp_nodelay(true)
            .no_proxy()
            .build()?;
        Ok(Peers { client, secret, me, life, count: AtomicU64::new(0), lives: Mutex::default(), clock })
    }

    /// For what is no question: documents.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks a node, and once more where it has begun a new life.
    pub async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        url: &NodeUrl,
        path: &str,
        question: &Q,
        within: Duration,
    ) -> Result<A, NoAnswer> {
        let text =
            serde_json::to_vec(question).map_err(|error| NoAnswer::NotUnderstood(error.to_string()))?;
        let asked = async {
            let first = self.post(url, path, text.clone()).await?;
            match self.learn(url, &first) {
                true => answer(self.post(url, path, text).await?).await,
                false => answer(first).await,
            }
        };
        let late = |_| NoAnswer::Unreachable(format!("no answer within {} ms", within.as_millis()));
        tokio::time::timeout(within, asked).await.map_err(late)?
    }

    async fn post(&self, url: &NodeUrl, path: &str, text: Vec<u8>) -> Result<Response, NoAnswer> {
        let seal = Seal {
            node: self.me.clone(),
            life: self.life,
            count: self.count.fetch_add(1, Ordering::Relaxed) + 1,
            to: self.lives().get(url).copied().unwrap_or(Incarnation([0; 16])),
            time: self.clock.now().wall,
            digest: digest(&text),
        };
        let request = self
            .client
            .post(format!("{url}{path}"))
            .header(SEAL, seal.field(&self.secret, "POST", path))
            .header(CONTENT_TYPE, "application/json")
            .body(text);
        request.send().await.map_err(|error| NoAnswer::Unreachable(cause(&error)))
    }

    /// Whether the node has told a life of its own that was not known.
    fn learn(&self, url: &NodeUrl, answer: &Response) -> bool {
        let told = answer.headers().get(LIFE).filter(|_| answer.status() == StatusCode::CONFLICT);
        let mut life = [0; 16];
        let read = told.map(|told| hex::decode_to_slice(told.as_bytes(), &mut life));
        match read {
            Some(Ok(())) => self.lives().insert(url.clone(), Incarnation(life)) != Some(Incarnation(life)),
            _ => false,
        }
    }

    fn lives(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeUrl, Incarnation>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer<A: DeserializeOwned>(mut answer: Response) -> Result<A, NoAnswer> {
    let status = answer.status();
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| NoAnswer::Unreachable(cause(&error)))? {
        text.extend_from_slice(&piece);
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(NoAnswer::NotUnderstood(format!("it is longer than {MESSAGE_BYTES_MAX} bytes")));
        }
    }
    if !status.is_success() {
        let ProblemWords { code, detail } = serde_json::from_slice(&text).unwrap_or_default();
        return Err(NoAnswer::Refused { status: status.as_u16(), code, detail });
    }
    serde_json::from_slice(&text).map_err(|error| NoAnswer::NotUnderstood(error.to_string()))
}

/// The innermost reason, which is the one that helps.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
