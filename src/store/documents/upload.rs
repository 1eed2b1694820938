//! A large document on its way to disk, with memory for two chunks and no thread of its own: uploads can be
//! many and slow.

use std::fs::File;
use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::task::{JoinHandle, spawn_blocking};

use super::growth::Growth;
use super::remover::{RemoverHandle, Unwanted};
use super::{file_of, part_of};
use crate::failpoint;
use crate::model::id::DocumentId;
use crate::store::disk::{self, Synced};
use crate::store::durable::is_full;

/// Small writes are collected up to this. As much again may be on its way to the file.
const CHUNK_BYTES: usize = 256 * 1024;
/// After so many bytes they are brought to the disk while more are written, so that the last sync of a large document has
/// little to do. Whoever has written as many again waits for the disk, so that no upload is far ahead of it.
const SYNC_EVERY_BYTES: u64 = 16 * 1024 * 1024;

/// What a whole upload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    pub bytes: u64,
    /// CRC-32C of all bytes.
    pub crc: u32,
}

/// A document that is being written. Dropped before [`finish`](Upload::finish) it leaves nothing behind.
///
/// After an error it takes no more; [`io::ErrorKind::StorageFull`] says that the disk is full.
#[derive(Debug)]
pub struct Upload {
    buffer: BytesMut,
    part: Part,
    /// The last sync that was begun on the way; at most one at a time.
    syncing: Option<JoinHandle<io::Result<()>>>,
    growth: Arc<Growth>,
}

/// The file, or where it is.
#[derive(Debug)]
enum Part {
    Idle(PartFile),
    /// A chunk is on its way. If this is dropped the file comes to its end there and is removed.
    Busy(JoinHandle<io::Result<PartFile>>),
    /// A write has failed.
    Gone,
}

impl Upload {
    pub(super) fn new(
        directory: PathBuf,
        id: DocumentId,
        remover: RemoverHandle,
        growth: Arc<Growth>,
    ) -> Upload {
        let part = Part::Idle(PartFile::new(directory, id, remover, Arc::clone(&growth)));
        Upload { buffer: BytesMut::new(), part, syncing: None, growth }
    }

    /// What can be read of it while it is written.
    pub fn growth(&self) -> &Arc<Growth> {
        &self.growth
    }

    /// Takes bytes; waits while the disk is behind. Needs a tokio runtime.
    ///
    /// # Errors
    /// As the file system says, perhaps about bytes of an earlier call.
    pub async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        if self.buffer.is_empty() && bytes.len() >= CHUNK_BYTES {
            return self.send(bytes).await;
        }
        self.buffer.extend_from_slice(&bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            let chunk = self.buffer.split().freeze();
            self.send(chunk).await?;
        }
        Ok(())
    }

    /// Ends the document: when this returns it is whole, under its name, and durable.
    ///
    /// # Errors
    /// As the file system says. Nothing is left then, and the number must not be used again.
    pub async fn finish(mut self) -> io::Result<Finished> {
        let rest = self.buffer.split().freeze();
        let part = self.idle().await?;
        self.synced().await?;
        spawn_blocking(move || part.finish(rest)).await?
    }

    async fn send(&mut self, chunk: Bytes) -> io::Result<()> {
        let mut part = self.idle().await?;
        if let Some(file) = part.begin_sync() {
            self.synced().await?;
            self.syncing = Some(spawn_blocking(move || disk::sync(&file, Synced::Document).map_err(full)));
        }
        self.part = Part::Busy(spawn_blocking(move || part.write(&chunk).map(|()| part)));
        Ok(())
    }

    /// Waits for the sync on its way: the operating system tells of a lost write once, and perhaps there.
    async fn synced(&mut self) -> io::Result<()> {
        match &mut self.syncing {
            Some(syncing) => {
                let synced = syncing.await;
                self.syncing = None;
                synced?
            }
            None => Ok(()),
        }
    }

    /// Waits for the chunk on its way and takes the file. Whoever gives up waiting leaves the file where it is.
    async fn idle(&mut self) -> io::Result<PartFile> {
        if let Part::Busy(writing) = &mut self.part {
            let written = writing.await;
            self.part = match written {
                Ok(Ok(part)) => Part::Idle(part),
                Ok(Err(error)) => {
                    self.part = Part::Gone;
                    return Err(error);
                }
                Err(panicked) => {
                    self.part = Part::Gone;
                    return Err(panicked.into());
                }
            };
        }
        match mem::replace(&mut self.part, Part::Gone) {
            Part::Idle(part) => Ok(part),
            Part::Busy(_) | Part::Gone => Err(io::Error::other("an earlier write of this document failed")),
        }
    }
}

/// The file under its temporary name, made with the first byte. It is removed unless it is finished.
#[derive(Debug)]
struct PartFile {
    directory: PathBuf,
    id: DocumentId,
    remover: RemoverHandle,
    file: Option<Arc<File>>,
    bytes: u64,
    /// How far the last sync goes that was begun.
    synced: u64,
    crc: u32,
    finished: bool,
    growth: Arc<Growth>,
}

impl PartFile {
    fn new(directory: PathBuf, id: DocumentId, remover: RemoverHandle, growth: Arc<Growth>) -> PartFile {
        PartFile { directory, id, remover, file: None, bytes: 0, synced: 0, crc: 0, finished: false, growth }
    }

    fn write(&mut self, chunk: &Bytes) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                none.insert(Arc::new(disk::create_new(&part_of(&self.directory, self.id)).map_err(full)?))
            }
        };
        disk::write_at(file, chunk, self.bytes).map_err(full)?;
        self.bytes += chunk.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, chunk);
        self.growth.grow(chunk);
        Ok(())
    }

    /// The file, when much was written since it was last brought to the disk.
    fn begin_sync(&mut self) -> Option<Arc<File>> {
        let file = self.file.as_ref().filter(|_| self.bytes - self.synced >= SYNC_EVERY_BYTES)?;
        self.synced = self.bytes;
        Some(Arc::clone(file))
    }

    fn finish(mut self, rest: Bytes) -> io::Result<Finished> {
        self.write(&rest)?;
        failpoint::hit("body-before-sync");
        if let Some(file) = &self.file {
            disk::sync(file, Synced::Document).map_err(full)?;
        }
        let path = file_of(&self.directory, self.id);
        if path.exists() {
            // Numbers are never used twice. Should one be, the first document stays.
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{} exists already", path.display()),
            ));
        }
        disk::rename(&part_of(&self.directory, self.id), &path).map_err(full)?;
        failpoint::hit("body-named");
        if let Err(error) = disk::sync_directory(&self.directory) {
            self.remover.remove(Unwanted::Document(self.id));
            return Err(full(error));
        }
        self.finished = true;
        Ok(Finished { bytes: self.bytes, crc: self.crc })
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.finished && self.file.is_some() {
            self.remover.remove(Unwanted::Upload(self.id));
        }
    }
}

/// A quota and a limit of the file system are a full disk to everybody but the administrator.
fn full(error: io::Error) -> io::Error {
    if is_full(&error) { io::Error::new(io::ErrorKind::StorageFull, error) } else { error }
}
