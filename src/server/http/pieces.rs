//! The bytes of a document on their way to a client.

use std::io::{self, Read};

use bytes::Bytes;
use futures_util::{Stream, stream};

use crate::model::document::Document;
use crate::store::documents::Documents;

/// What is read from a document at once, bytes.
const PIECE_BYTES: usize = 64 * 1024;

type Source = Box<dyn Read + Send>;

/// The document's bytes, read no faster than they are taken. A thread that may block is held while a piece is read and
/// not while the client takes it: clients that take nothing must not use up the threads that everything else needs.
pub fn pieces(documents: Documents, document: &Document) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    let (id, place) = (document.id, document.place);
    let open: Option<Open> = Some(Box::new(move || documents.open(id, place)));
    stream::unfold(open, |open| async {
        let read = tokio::task::spawn_blocking(move || next(open?)).await;
        read.unwrap_or_else(|panicked| Some((Err(panicked.into()), None)))
    })
}

/// Opens the document, or gives what was opened before.
type Open = Box<dyn FnOnce() -> io::Result<Source> + Send>;

/// The next piece, and how to go on; `None` at the end.
fn next(open: Open) -> Option<(io::Result<Bytes>, Option<Open>)> {
    let mut source = match open() {
        Ok(source) => source,
        Err(error) => return Some((Err(error), None)),
    };
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    match (&mut source).take(PIECE_BYTES as u64).read_to_end(&mut piece) {
        Ok(0) => None,
        Ok(_) => Some((Ok(Bytes::from(piece)), Some(Box::new(move || Ok(source))))),
        Err(error) => Some((Err(error), None)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::StreamExt;

    use super::*;
    use crate::model::document::{BodyPlace, Format};
    use crate::model::id::DocumentId;
    use crate::model::job::{Identity, Submitter};
    use crate::model::time::WallTime;
    use crate::store::documents::SmallBodies;

    struct NoSmall;

    impl SmallBodies for NoSmall {
        fn read(&self, _: DocumentId) -> io::Result<Option<Vec<u8>>> {
            Ok(None)
        }
    }

    fn document(id: u64, bytes: usize) -> Document {
        Document {
            id: DocumentId(id),
            submitter: Submitter { user: "ann".to_owned(), identity: Identity::Uid(1000) },
            name: "a".to_owned(),
            format: Format::Pdf,
            bytes: bytes as u64,
            crc: 0,
            place: BodyPlace::File,
            created_at: WallTime(1),
        }
    }

    #[test]
    fn clients_that_take_nothing_hold_no_thread() {
        let directory = tempfile::tempdir().expect("a directory");
        let body: Vec<u8> = (0..20 * PIECE_BYTES + 1).map(|n| (n * 7 % 251) as u8).collect();
        std::fs::write(directory.path().join("7"), &body).expect("a file");
        let documents = Documents::new(directory.path().to_owned(), Arc::new(NoSmall)).expect("starts");
        // One thread for everything that blocks.
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().max_blocking_threads(1).build().expect("a runtime");
        runtime.block_on(async {
            let mut lazy = Box::pin(pieces(documents.clone(), &document(7, body.len())));
            let mut taken = lazy.next().await.expect("a piece").expect("readable").to_vec();
            let other = tokio::task::spawn_blocking(|| "served");
            let served = tokio::time::timeout(Duration::from_secs(30), other).await;
            assert_eq!(served.expect("the thread is free").expect("no panic"), "served");
            while let Some(piece) = lazy.next().await {
                taken.extend_from_slice(&piece.expect("readable"));
            }
            assert!(taken == body, "what was taken is the document");

            let mut gone = Box::pin(pieces(documents.clone(), &document(8, 1)));
            assert_eq!(gone.next().await.expect("a word").expect_err("gone").kind(), io::ErrorKind::NotFound);
            assert!(gone.next().await.is_none());
        });
    }
}
