//! Passing a document on to another server while it comes in. Nothing of it is stored.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Body, Response};
use tokio::sync::mpsc;

use super::Cluster;
use super::assign::Elsewhere;
use super::message::MESSAGE_BYTES_MAX;

/// Pieces on their way from the client to the server, at most.
const PIECES_MAX: usize = 4;
/// When the whole document was passed on, the server's answer comes within this time.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// What of the client's head goes with the document.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub content_type: Option<String>,
    pub content_length: Option<u64>,
    pub idempotency_key: Option<String>,
}

/// The server's answer, as it goes to the client.
#[derive(Clone, Debug)]
pub struct Relayed {
    pub status: u16,
    pub content_type: Option<String>,
    pub location: Option<String>,
    pub retry_after: Option<String>,
    pub body: Bytes,
}

/// The client's end of a relay.
#[derive(Debug)]
pub struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Pieces {
    /// Hands a piece over when there is room; false where the server wants no more.
    pub async fn pass(&self, piece: Bytes) -> bool {
        self.0.send(Ok(piece)).await.is_ok()
    }

    /// The client's body ended too early: so does what the server gets.
    pub async fn break_off(self) {
        let _ = self.0.send(Err(io::Error::other("the client's body broke off"))).await;
    }
}

impl Cluster {
    /// Begins to pass a document on: what is put into the pieces goes to the server, whose answer the future is.
    ///
    /// # Errors
    /// A sentence, where the server is not reached or gives no answer.
    pub fn relay(
        &self,
        to: &Elsewhere,
        head: Head,
    ) -> (Pieces, impl Future<Output = Result<Relayed, String>> + use<>) {
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        let pieces = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|piece: io::Result<Bytes>| (piece, receiver))
        });
        let request =
            self.peers.client().post(&to.upload).headers(fields(&head)).body(Body::wrap_stream(pieces));
        let answer = async move {
            let answer = request.send().await.map_err(|error| super::peers::cause(&error))?;
            let read = tokio::time::timeout(ANSWER_MAX, read(answer)).await;
            read.unwrap_or_else(|_| Err(format!("its answer did not come within {} s", ANSWER_MAX.as_secs())))
        };
        (Pieces(sender), answer)
    }
}

fn fields(head: &Head) -> HeaderMap {
    let mut fields = HeaderMap::new();
    let mut put = |name: HeaderName, value: &Option<String>| {
        let value = value.as_ref().and_then(|value| HeaderValue::from_str(value).ok());
        if let Some(value) = value {
            fields.insert(name, value);
        }
    };
    put(CONTENT_TYPE, &head.content_type);
    put(CONTENT_LENGTH, &head.content_length.map(|bytes| bytes.to_string()));
    put(HeaderName::from_static("idempotency-key"), &head.idempotency_key);
    fields
}

async fn read(mut answer: Response) -> Result<Relayed, String> {
    let field = |name: HeaderName| {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (content_type, location, retry_after) = (field(CONTENT_TYPE), field(LOCATION), field(RETRY_AFTER));
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| super::peers::cause(&error))? {
        body.extend_from_slice(&piece);
        if body.len() > MESSAGE_BYTES_MAX {
            return Err(format!("its answer is longer than {MESSAGE_BYTES_MAX} bytes"));
        }
    }
    let status = answer.status().as_u16();
    Ok(Relayed { status, content_type, location, retry_after, body: body.into() })
}
