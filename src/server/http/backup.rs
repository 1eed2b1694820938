//! A copy of the running store, for administrators.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::problem::{Problem, ProblemBody};
use super::state::{HttpState, no_query};

/// What is read at once, bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for a client that reads slowly.
const PIECES: usize = 4;
/// How long to wait for a copy that is being made.
const RETRY: Duration = Duration::from_secs(30);

/// Gives a copy of the running store
///
/// A tar file of everything that was accepted before the request, with its documents. It is whole only if it is as long
/// as the answer's `Content-Length` says. One is made at a time.
#[utoipa::path(get, path = "/api/v1/backup", tag = "server",
    responses((status = 200, description = "the copy", body = Vec<u8>, content_type = "application/x-tar"),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", description = "it cannot be made", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn take(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let permit = Arc::clone(&state.copying).try_acquire_owned().map_err(|_| {
        let detail = "a copy is being made already";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "backup_running", detail).retry_after(RETRY)
    })?;
    log::info!("backup taken by={who}");
    let (pieces, taken) = mpsc::channel(PIECES);
    let (tell, told) = oneshot::channel();
    let backups = Arc::clone(&state.backups);
    let (runtime, patience) = (Handle::current(), state.bounds.body_stall);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut tell = Some(tell);
        let mut begin = |bytes| {
            if let Some(tell) = tell.take() {
                // Whoever asked may have gone.
                let _ = tell.send(bytes);
            }
        };
        let sink = Sink { pieces: pieces.clone(), runtime, patience };
        let mut sink = BufWriter::with_capacity(PIECE_BYTES, sink);
        match backups.write(&mut begin, &mut sink) {
            Ok(()) => {}
            Err(error) if pieces.is_closed() || error.kind() == io::ErrorKind::TimedOut => {
                log::warn!("the backup was not taken to its end: {error}");
            }
            Err(error) => {
                log::error!("the backup cannot be made: {error}");
                // A client that has part of it learns that it is not whole; one that takes nothing, by the length.
                let _ = pieces.try_send(Err(error));
            }
        }
    });
    let bytes: u64 = told.await.map_err(|_| Problem::internal("make a copy", &"the line above says why"))?;
    let pieces = Box::pin(stream::unfold(taken, |mut taken| async { Some((taken.recv().await?, taken)) }));
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/x-tar");
    answer.insert_header((CONTENT_DISPOSITION, "attachment; filename=\"spool-backup.tar\""));
    Ok(answer.body(SizedStream::new(bytes, pieces)))
}

/// Hands pieces to the answer, no faster than they are taken. While a copy is made no file is removed, so nobody may
/// take for ever.
struct Sink {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
    /// A piece that nobody takes for so long ends the copy.
    patience: Duration,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let send = self.pieces.send(Ok(Bytes::copy_from_slice(bytes)));
        match self.runtime.block_on(async { tokio::time::timeout(self.patience, send).await }) {
            Ok(Ok(())) => Ok(bytes.len()),
            Ok(Err(_gone)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_elapsed) => {
                let why = format!("whoever asked took nothing of it for {} s", self.patience.as_secs());
                Err(io::Error::new(io::ErrorKind::TimedOut, why))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
