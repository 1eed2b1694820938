//! The bytes of documents.

use std::io::{self, Read};

use crate::model::document::BodyPlace;
use crate::model::id::DocumentId;

/// The bodies of all documents: small ones in the journal, large ones as files. Clones are the same.
#[derive(Clone, Debug)]
pub struct Documents {}

impl Documents {
    /// Reads a document from its beginning. Blocking.
    pub fn open(&self, _id: DocumentId, _place: BodyPlace) -> io::Result<Box<dyn Read + Send>> {
        Err(io::ErrorKind::NotFound.into())
    }

    /// Removes a body that belongs to nothing; does not block.
    pub fn discard(&self, _id: DocumentId) {}

    /// Bytes free for documents. Blocking.
    pub fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}
