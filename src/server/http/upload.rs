//! Bodies on their way in. A small one is collected in memory; a larger one goes piece by piece to a file. However it
//! ends, nothing half-written stays.

use std::io;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web;
use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::body::LimitedBody;
use super::problem::Problem;
use super::state::HttpState;
use crate::model::document::INLINE_BYTES_MAX;
use crate::model::id::DocumentId;
use crate::model::intake::Refusal;
use crate::store::documents;

/// The largest object of settings, bytes.
pub const JSON_BYTES_MAX: usize = 64 * 1024;
/// How long a client waits when too many large bodies arrive at once.
const CROWDED_RETRY: std::time::Duration = std::time::Duration::from_secs(2);

/// The body of a request, within the configured size and pace, and not beyond the stop of the server: what
/// arrives later is not taken any more, and waiting for it would hold up the stop.
pub struct Body {
    within_limits: LimitedBody<web::Payload>,
    stopping: watch::Receiver<bool>,
}

pub fn body(state: &HttpState, payload: web::Payload, limit: u64) -> Body {
    let within_limits = LimitedBody::new(payload, limit, state.bounds.body_stall);
    Body { within_limits, stopping: state.stopping() }
}

impl Body {
    /// The next piece; `None` at the end.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Problem> {
        tokio::select! {
            chunk = self.within_limits.next_chunk() => Ok(chunk?),
            Ok(_) = self.stopping.wait_for(|stopping| *stopping) => Err(Refusal::Stopping.into()),
        }
    }
}

/// The beginning of a body, or all of it.
#[derive(Debug)]
pub enum Start {
    Whole(Bytes),
    /// There is more than is kept in memory.
    More(Bytes),
}

/// Reads until the end of the body or the most that is kept in memory.
pub async fn start(body: &mut Body) -> Result<Start, Problem> {
    let mut head = BytesMut::new();
    while let Some(chunk) = body.next_chunk().await? {
        head.extend_from_slice(&chunk);
        if head.len() as u64 > INLINE_BYTES_MAX {
            return Ok(Start::More(head.freeze()));
        }
    }
    Ok(Start::Whole(head.freeze()))
}

/// An object of settings.
pub async fn json<T: DeserializeOwned>(state: &HttpState, payload: web::Payload) -> Result<T, Problem> {
    let mut body = body(state, payload, JSON_BYTES_MAX as u64);
    let mut text = BytesMut::new();
    while let Some(chunk) = body.next_chunk().await? {
        text.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&text).map_err(|error| {
        Problem::bad("bad_json", format!("the body is not the JSON that is wanted here: {error}"))
    })
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    pub bytes: u64,
    /// CRC-32C.
    pub crc: u32,
    /// Where it was asked for.
    pub sha256: Option<[u8; 32]>,
}

/// A large body being written. Dropped before [`Upload::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    file: documents::Upload,
    sha256: Option<Sha256>,
    free_disk: u64,
    _permit: Arc<OwnedSemaphorePermit>,
}

/// The right to be one of the large bodies that arrive at once.
pub fn permit(state: &HttpState) -> Result<Arc<OwnedSemaphorePermit>, Problem> {
    let permit = Arc::clone(&state.uploads).try_acquire_owned();
    permit.map(Arc::new).map_err(|_| Refusal::Busy { retry_after: CROWDED_RETRY }.into())
}

impl Upload {
    /// With `sha256`, the body is summed up for an idempotency key.
    pub fn begin(
        state: &HttpState,
        permit: Arc<OwnedSemaphorePermit>,
        document: DocumentId,
        sha256: Option<Sha256>,
    ) -> Upload {
        let file = state.documents.begin(document);
        Upload { file, sha256, free_disk: state.settings().config.limits.free_disk, _permit: permit }
    }

    /// Writes `head` and the rest of `body`.
    pub async fn take(&mut self, head: Bytes, body: &mut Body) -> Result<(), Problem> {
        let mut piece = Some(head);
        while let Some(bytes) = piece {
            self.write(bytes).await?;
            piece = body.next_chunk().await?;
        }
        Ok(())
    }

    /// What can be read of it while it is written.
    pub fn growth(&self) -> &Arc<documents::Growth> {
        self.file.growth()
    }

    /// Writes one piece.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Problem> {
        if let Some(sum) = &mut self.sha256 {
            sum.update(&bytes);
        }
        self.file.write(bytes).await.map_err(|error| failed(&error, self.free_disk))
    }

    /// Ok means that the file is on disk under its name.
    pub async fn finish(self) -> Result<Landed, Problem> {
        let finished = self.file.finish().await.map_err(|error| failed(&error, self.free_disk))?;
        let sha256 = self.sha256.map(|sum| sum.finalize().into());
        Ok(Landed { bytes: finished.bytes, crc: finished.crc, sha256 })
    }
}

fn failed(error: &io::Error, free_disk: u64) -> Problem {
    match error.kind() {
        io::ErrorKind::StorageFull => Refusal::DiskFull { free_bytes_min: free_disk }.into(),
        _ => {
            log::error!("cannot write a document: {error}");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                format!("the server cannot write the document: {error}"),
            )
        }
    }
}
