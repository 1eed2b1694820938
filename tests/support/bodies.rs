//! Documents' bytes in memory.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use spool::model::document::Document;
use spool::model::id::DocumentId;
use spool::server::http::upload::{Bodies, BodyFile};

use super::memory::MemoryStore;

/// Documents' bytes in memory; what was begun and not finished is known.
#[derive(Clone)]
pub struct MemoryBodies {
    pub memory: Arc<MemoryStore>,
    files: Arc<Mutex<HashMap<DocumentId, Vec<u8>>>>,
    open: Arc<Mutex<HashSet<DocumentId>>>,
    /// Hears of every file that is dropped unfinished.
    pub aborted: Arc<Mutex<Option<Sender<DocumentId>>>>,
}

impl MemoryBodies {
    pub fn new(memory: Arc<MemoryStore>) -> MemoryBodies {
        MemoryBodies { memory, files: Arc::default(), open: Arc::default(), aborted: Arc::default() }
    }

    /// Finished and unfinished ones.
    pub fn count(&self) -> (usize, usize) {
        let files = self.files.lock().expect("no panic").len();
        (files, self.open.lock().expect("no panic").len())
    }

    pub fn file(&self, id: DocumentId) -> Option<Vec<u8>> {
        self.files.lock().expect("no panic").get(&id).cloned()
    }
}

struct MemoryFile {
    id: DocumentId,
    bytes: Vec<u8>,
    bodies: MemoryBodies,
}

impl Bodies for MemoryBodies {
    fn begin(&self, id: DocumentId) -> io::Result<Box<dyn BodyFile>> {
        self.open.lock().expect("no panic").insert(id);
        Ok(Box::new(MemoryFile { id, bytes: Vec::new(), bodies: self.clone() }))
    }

    fn read(&self, document: &Document) -> io::Result<Box<dyn Read + Send>> {
        let inline = self.memory.document_now(document.id).and_then(|(_, body)| body);
        let bytes = inline.map(|body| body.to_vec()).or_else(|| self.file(document.id));
        Ok(Box::new(io::Cursor::new(bytes.ok_or(io::ErrorKind::NotFound)?)))
    }
}

impl BodyFile for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.bytes);
        self.bodies.files.lock().expect("no panic").insert(self.id, bytes);
        self.bodies.open.lock().expect("no panic").remove(&self.id);
        Ok(())
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let unfinished = self.bodies.open.lock().expect("no panic").remove(&self.id);
        if let (true, Some(aborted)) = (unfinished, &*self.bodies.aborted.lock().expect("no panic")) {
            aborted.send(self.id).ok();
        }
    }
}
