//! Server-sent events: what changed, as it changes.
//!
//! The store's events come from the store: a reader has a place in them, is told by a hint that there are more, and
//! reads on from its place, as fast as it can. So nothing is buffered for it, and a reader that comes back with
//! `Last-Event-ID` misses nothing. What is in no store (a printer's passing state, threads) is mixed in, without ids.

use std::fmt::Write as _;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::access::{Proof, Who};
use super::health::server;
use super::job_json::Viewer;
use super::printer_json::printer;
use super::problem::{Problem, ProblemBody};
use super::sessions::SessionKey;
use super::state::{HttpState, no_query};
use super::workers::WorkerBody;
use crate::actors::front::LiveEvent;
use crate::model::event::Subject;
use crate::model::explain::Ahead;
use crate::model::id::CommitSeq;
use crate::store::{EventsSince, ReadError};

/// Events that are read from the store at once.
const BATCH: usize = 100;

/// Tells what changes, as it changes
///
/// Events `job`, `printer`, `worker` and `server`; their data is the thing as it is now. A change of the pools,
/// or of the configuration, is a `server` event: read the lists again then. `id` is the commit that
/// caused the event and stays valid over restarts; `reset` means that the reader's place is no longer kept.
#[utoipa::path(get, path = "/api/v1/events", tag = "server",
    params(("Last-Event-ID" = Option<u64>, Header, description = "go on after this event")),
    responses((status = 200, description = "events without end", body = String, content_type = "text/event-stream"),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn subscribe(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let last = last_event_id(&request)?;
    let permit = Arc::clone(&state.readers).try_acquire_owned().map_err(|_| {
        let detail =
            format!("{} readers of events are connected, which is the limit", state.bounds.event_readers_max);
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_readers", detail);
        problem.retry_after(state.bounds.heartbeat)
    })?;
    let session = SessionKey::shown(request.headers()).filter(|_| who == Who::Admin(Proof::Session));
    let reader = Reader::new(state.into_inner(), who, session, last, permit);
    Ok(HttpResponse::Ok().content_type("text/event-stream").streaming(reader.stream()))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<CommitSeq>, Problem> {
    let Some(value) = request.headers().get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    let bad = || Problem::bad("bad_last_event_id", "Last-Event-ID is the id of an event that came from here");
    number.map(|seq| Some(CommitSeq(seq))).ok_or_else(bad)
}

struct Reader {
    state: Arc<HttpState>,
    who: Who,
    /// Of a browser that is logged in.
    session: Option<SessionKey>,
    /// The last commit that he has heard of.
    place: CommitSeq,
    pace: Pace,
    /// Written and not yet sent.
    text: String,
    hints: watch::Receiver<CommitSeq>,
    live: broadcast::Receiver<LiveEvent>,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

/// How a reader is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// He came back and reads what he has missed; that may be much.
    CatchingUp,
    /// He has heard everything once; from now on he has to keep up.
    Following,
}

/// Why a reader is let go.
enum Gone {
    Behind,
    LoggedOut,
    Stopping,
    Read(ReadError),
}

impl Reader {
    fn new(
        state: Arc<HttpState>,
        who: Who,
        session: Option<SessionKey>,
        last: Option<CommitSeq>,
        permit: OwnedSemaphorePermit,
    ) -> Reader {
        // Hints and live events first: what happens from here on is not missed.
        let (hints, live, stopping) =
            (state.core.store().changes(), state.core.live_events(), state.stopping());
        let newest = state.core.store().last_seq();
        let place = last.unwrap_or(newest);
        let mut text = String::from(": connected\nretry: 2000\n");
        // An id without data moves the reader's place and tells nothing.
        let _ = write!(text, "id: {place}\n\n");
        Reader {
            state,
            who,
            session,
            place,
            pace: Pace::CatchingUp,
            text,
            hints,
            live,
            stopping,
            _permit: permit,
        }
    }

    fn stream(self) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
        Box::pin(stream::unfold(self, |mut reader| async {
            while reader.text.is_empty() {
                if let Err(gone) = reader.step().await {
                    reader.say_goodbye(&gone);
                    return None;
                }
            }
            let text = std::mem::take(&mut reader.text);
            Some((Ok(Bytes::from(text)), reader))
        }))
    }

    fn say_goodbye(&self, gone: &Gone) {
        let who = &self.who;
        match gone {
            Gone::Behind => log::warn!("a reader of events is too far behind and is let go who={who}"),
            Gone::LoggedOut | Gone::Stopping => {}
            Gone::Read(error) => log::error!("a reader of events is let go who={who}: {error}"),
        }
    }

    /// Reads what there is, or waits for more.
    async fn step(&mut self) -> Result<(), Gone> {
        if *self.stopping.borrow() {
            return Err(Gone::Stopping);
        }
        if self.session.is_some_and(|key| !self.state.sessions.lives(key, self.state.clock.now().wall)) {
            return Err(Gone::LoggedOut);
        }
        self.hints.mark_unchanged();
        let newest = self.state.core.store().last_seq();
        let behind = newest.0.saturating_sub(self.place.0);
        if self.pace == Pace::Following && behind > self.state.bounds.event_lag_max as u64 {
            return Err(Gone::Behind);
        }
        if newest != self.place {
            return self.read(newest).await.map_err(Gone::Read);
        }
        self.pace = Pace::Following;
        self.wait().await
    }

    async fn read(&mut self, newest: CommitSeq) -> Result<(), ReadError> {
        // A place that is still to come is one of another store, or of this one before a backup was put back.
        let since = match self.place > newest {
            true => EventsSince::Reset,
            false => self.state.core.store().events_since(self.place, BATCH).await?,
        };
        match since {
            EventsSince::Reset => {
                self.place = newest;
                self.write("reset", &json!({ "last_seq": newest.0 }), Some(newest));
            }
            // Commits without events.
            EventsSince::Events(events) if events.is_empty() => self.place = newest,
            EventsSince::Events(events) => {
                for event in events {
                    self.tell(&event.subject, Some(event.seq)).await?;
                    self.place = event.seq;
                }
            }
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<(), Gone> {
        let heartbeat = tokio::time::sleep(self.state.bounds.heartbeat);
        tokio::select! {
            // A store that is gone gives no hints: the heartbeat goes on until the stop.
            Ok(()) = self.hints.changed() => Ok(()),
            Ok(()) = self.stopping.changed() => Ok(()),
            live = self.live.recv() => match live {
                Ok(LiveEvent { subject }) => self.tell(&subject, None).await.map_err(Gone::Read),
                Err(RecvError::Lagged(_)) => Err(Gone::Behind),
                Err(RecvError::Closed) => Err(Gone::Stopping),
            },
            () = heartbeat => {
                self.text.push_str(": alive\n\n");
                Ok(())
            }
        }
    }

    /// The thing as it is now, and as this reader may see it.
    async fn tell(&mut self, subject: &Subject, id: Option<CommitSeq>) -> Result<(), ReadError> {
        let state = Arc::clone(&self.state);
        match subject {
            Subject::Job(job) => match self.job(&state, *job).await? {
                Some(body) => self.write("job", &body, id),
                None => self.write("job", &json!({ "id": job.0, "removed": true }), id),
            },
            Subject::Printer(number) => match state.core.directory().printer_by_id(*number) {
                Some(found) => self.write("printer", &printer(&state, &self.who, found), id),
                None => self.write("printer", &json!({ "id": number.0, "removed": true }), id),
            },
            Subject::Worker(name) => match state.core.workers().iter().find(|row| row.name == *name) {
                Some(row) => self.write("worker", &WorkerBody::from(row), id),
                None => self.write("worker", &json!({ "name": name, "removed": true }), id),
            },
            Subject::Server => self.write("server", &server(&state), id),
        }
        Ok(())
    }

    async fn job(
        &self,
        state: &HttpState,
        id: crate::model::id::JobId,
    ) -> Result<Option<super::job_json::JobBody>, ReadError> {
        let stored = state.core.store().job(id).await?;
        let job = stored.or_else(|| state.core.incoming().into_iter().find(|job| job.id == id));
        Ok(job.map(|job| Viewer::new(state, &self.who).job(&job, Ahead::Unknown)))
    }

    fn write(&mut self, event: &str, data: &impl Serialize, id: Option<CommitSeq>) {
        // JSON has no line breaks of its own, so the data is one line.
        let Ok(data) = serde_json::to_string(data) else { return };
        if let Some(id) = id {
            let _ = writeln!(self.text, "id: {id}");
        }
        let _ = write!(self.text, "event: {event}\ndata: {data}\n\n");
    }
}
