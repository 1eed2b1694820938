//! Reading a request's body with a deadline for each piece and a limit for the whole.
//!
//! actix has neither: a client that stops in the middle of a body holds its handler for ever.

use std::time::Duration;

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

/// Why a body could not be read to its end. Nothing of it may be kept.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client is there and sends nothing: 408.
    #[error("the client sent nothing of the body for {} s; send it again", .0.as_secs_f32())]
    Stalled(Duration),
    /// The connection ended inside the body; nobody is left to be answered.
    #[error("the connection ended before the body was whole: {0}")]
    Disconnected(PayloadError),
    /// The body's chunks do not parse: 400.
    #[error("the body's transfer encoding is broken: {0}")]
    Malformed(PayloadError),
    /// More than the limit, in bytes: 413.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The most that was allowed, bytes.
        limit: u64,
    },
}

impl From<PayloadError> for BodyError {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Incomplete(_) | PayloadError::Io(_) => BodyError::Disconnected(error),
            // `PayloadError` may grow: whatever else it is, the bytes were not what they should be.
            _ => BodyError::Malformed(error),
        }
    }
}

/// The next piece of a body; `None` at its end. `deadline` is the longest silence allowed before the piece.
///
/// Dropping the future loses nothing: the piece stays in the payload.
pub async fn next_chunk<P>(payload: &mut P, deadline: Duration) -> Result<Option<Bytes>, BodyError>
where
    P: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    match tokio::time::timeout(deadline, payload.next()).await {
        Err(_) => Err(BodyError::Stalled(deadline)),
        Ok(None) => Ok(None),
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(Some(Err(error))) => Err(error.into()),
    }
}

/// A body with a limit, for handlers that read it piece by piece.
#[derive(Debug)]
pub struct LimitedBody<P> {
    payload: P,
    limit: u64,
    left: u64,
    deadline: Duration,
}

impl<P> LimitedBody<P>
where
    P: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    /// At most `limit` bytes, with at most `deadline` of silence before each piece.
    pub fn new(payload: P, limit: u64, deadline: Duration) -> Self {
        LimitedBody { payload, limit, left: limit, deadline }
    }

    /// As [`next_chunk`]. The piece that crosses the limit is not handed out.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(chunk) = next_chunk(&mut self.payload, self.deadline).await? else {
            return Ok(None);
        };
        match self.left.checked_sub(chunk.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(BodyError::TooLarge { limit: self.limit }),
        }
        Ok(Some(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn silence_is_an_error_after_the_deadline() {
        let mut silent = stream::pending();
        let error = next_chunk(&mut silent, SECOND).await.expect_err("silence");
        assert!(matches!(error, BodyError::Stalled(SECOND)), "{error}");
    }

    #[tokio::test]
    async fn the_limit_itself_is_allowed_and_one_byte_more_is_not() {
        let pieces = || stream::iter(vec![Ok(Bytes::from_static(b"abc")), Ok(Bytes::from_static(b"de"))]);

        let mut fits = LimitedBody::new(pieces(), 5, SECOND);
        while fits.next_chunk().await.expect("five bytes fit").is_some() {}

        let mut large = LimitedBody::new(pieces(), 4, SECOND);
        large.next_chunk().await.expect("three bytes fit");
        let error = large.next_chunk().await.expect_err("five do not");
        assert!(matches!(error, BodyError::TooLarge { limit: 4 }), "{error}");
    }

    #[tokio::test]
    async fn an_end_inside_the_body_is_told_from_the_end_of_it() {
        let mut broken = stream::iter(vec![Err(PayloadError::Incomplete(None))]);
        let error = next_chunk(&mut broken, SECOND).await.expect_err("broken");
        assert!(matches!(error, BodyError::Disconnected(_)), "{error}");
    }
}
