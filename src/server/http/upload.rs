//! Bodies on their way in. A small one is collected in memory; a larger one goes piece by piece to a file, through a
//! channel of a few pieces to a thread that may block. However it ends, nothing half-written stays.

use std::io;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web;
use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinHandle;

use super::body::LimitedBody;
use super::problem::Problem;
use super::state::HttpState;
use crate::model::document::{Document, INLINE_BYTES_MAX};
use crate::model::id::DocumentId;
use crate::model::intake::Refusal;
use crate::store::documents::{Documents, PartFile};

/// Pieces that wait to be written.
const PIECES: usize = 4;
/// The largest object of settings, bytes.
pub const JSON_BYTES_MAX: usize = 64 * 1024;
/// How long a client waits when too many large bodies arrive at once.
const CROWDED_RETRY: std::time::Duration = std::time::Duration::from_secs(2);

/// Where documents' bytes are. Every call may block.
pub trait Bodies: Send + Sync {
    /// Begins the file of a document.
    fn begin(&self, document: DocumentId) -> io::Result<Box<dyn BodyFile>>;
    /// The bytes of a document, wherever they are.
    fn read(&self, document: &Document) -> io::Result<Box<dyn io::Read + Send>>;
}

/// A document's file while it is written. Dropped before [`BodyFile::finish`], it leaves nothing behind.
pub trait BodyFile: Send {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Ok means on disk, under its name.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl Bodies for Documents {
    fn begin(&self, document: DocumentId) -> io::Result<Box<dyn BodyFile>> {
        Ok(Box::new(self.begin_file(document)))
    }

    fn read(&self, document: &Document) -> io::Result<Box<dyn io::Read + Send>> {
        self.open(document.id, document.place)
    }
}

impl BodyFile for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        PartFile::write(self, bytes)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        PartFile::finish(*self, &[]).map(drop)
    }
}

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

/// Whether the body is summed up for an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    Crc,
    CrcAndSha256,
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
    pieces: mpsc::Sender<Piece>,
    writer: JoinHandle<io::Result<Landed>>,
    free_disk: u64,
    _permit: OwnedSemaphorePermit,
}

enum Piece {
    Bytes(Bytes),
    End,
}

/// The right to be one of the large bodies that arrive at once.
pub fn permit(state: &HttpState) -> Result<OwnedSemaphorePermit, Problem> {
    let permit = Arc::clone(&state.uploads).try_acquire_owned();
    permit.map_err(|_| Refusal::Busy { retry_after: CROWDED_RETRY }.into())
}

impl Upload {
    pub fn begin(state: &HttpState, permit: OwnedSemaphorePermit, document: DocumentId, sum: Sum) -> Upload {
        let (pieces, inbox) = mpsc::channel(PIECES);
        let bodies = Arc::clone(&state.bodies);
        let writer = tokio::task::spawn_blocking(move || write(&*bodies, document, inbox, sum));
        Upload { pieces, writer, free_disk: state.settings().config.limits.free_disk, _permit: permit }
    }

    /// Hands over `head` and the rest of `body`.
    pub async fn take(&mut self, head: Bytes, body: &mut Body) -> Result<(), Problem> {
        let mut piece = Some(head);
        while let Some(bytes) = piece {
            if self.pieces.send(Piece::Bytes(bytes)).await.is_err() {
                return Err(self.failure().await);
            }
            piece = body.next_chunk().await?;
        }
        Ok(())
    }

    /// Ok means that the file is on disk under its name.
    pub async fn finish(mut self) -> Result<Landed, Problem> {
        if self.pieces.send(Piece::End).await.is_err() {
            return Err(self.failure().await);
        }
        match (&mut self.writer).await {
            Ok(Ok(landed)) => Ok(landed),
            Ok(Err(error)) => Err(failed(&error, self.free_disk)),
            Err(panic) => Err(Problem::internal("write the document", &panic)),
        }
    }

    /// Why the writer has gone.
    async fn failure(&mut self) -> Problem {
        match (&mut self.writer).await {
            Ok(Err(error)) => failed(&error, self.free_disk),
            Ok(Ok(_)) => Problem::internal("write the document", &"the writer ended early"),
            Err(panic) => Problem::internal("write the document", &panic),
        }
    }
}

fn failed(error: &io::Error, free_disk: u64) -> Problem {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Refusal::DiskFull { free_bytes_min: free_disk }.into()
        }
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

fn write(
    bodies: &dyn Bodies,
    document: DocumentId,
    mut pieces: mpsc::Receiver<Piece>,
    sum: Sum,
) -> io::Result<Landed> {
    let mut file = bodies.begin(document)?;
    let mut sha256 = (sum == Sum::CrcAndSha256).then(Sha256::new);
    let (mut bytes, mut crc) = (0, 0);
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(piece)) => {
                file.write(&piece)?;
                crc = crc32c::crc32c_append(crc, &piece);
                bytes += piece.len() as u64;
                if let Some(sum) = &mut sha256 {
                    sum.update(&piece);
                }
            }
            Some(Piece::End) => {
                file.finish()?;
                return Ok(Landed { bytes, crc, sha256: sha256.map(|sum| sum.finalize().into()) });
            }
            // The sender was dropped: the body did not come to its end. Dropping the file removes it.
            None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body was cut short")),
        }
    }
}
