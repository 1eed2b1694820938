//! A copy of a store that is in use, as one file that `tar` unpacks.
//!
//! The journal is the truth and is only appended to, so its copy up to a moment is the store of that moment: every commit
//! that was answered before is in it, none after. Bodies in files are durable before their records are committed, and
//! while a copy is made none is removed, nor is any segment of the journal. The index is left out: `spool recover` builds it from the rest. So nobody who writes
//! waits for a copy.
//!
//! ```text
//! format  epoch  journal/begin  journal/00000001.seg  …  documents/17  …
//! ```

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::documents::Documents;
use super::embedded::Shared;
use super::journal::{Position, number_of};

/// tar's unit, bytes (POSIX 1003.1, pax, «ustar Interchange Format»).
const BLOCK: u64 = 512;
/// Bytes copied at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Whoever can make copies.
pub trait Backups: Send + Sync {
    /// Writes a copy of the store as it is at the call. `begin` hears how many bytes it will be before the first is
    /// written. Blocking.
    ///
    /// # Errors
    /// Where something cannot be read, or `sink` takes no more; what was written is then worth nothing.
    fn write(&self, begin: &mut dyn FnMut(u64), sink: &mut dyn Write) -> io::Result<()>;
}

/// Copies of an embedded store.
pub struct EmbeddedBackups {
    pub(super) state: PathBuf,
    pub(super) shared: Arc<Shared>,
    pub(super) documents: Documents,
}

/// One file of the copy.
struct Part {
    /// Below the state directory.
    name: String,
    /// How much of the file belongs to it.
    bytes: u64,
}

impl Backups for EmbeddedBackups {
    fn write(&self, begin: &mut dyn FnMut(u64), sink: &mut dyn Write) -> io::Result<()> {
        let _kept = (self.documents.keep_files(), self.shared.keep_segments());
        // Whatever was answered lies before it.
        let end = self.shared.written().position;
        let parts = parts(&self.state, end)?;
        begin(parts.iter().map(|part| BLOCK + part.bytes.next_multiple_of(BLOCK)).sum::<u64>() + 2 * BLOCK);
        for part in &parts {
            copy(&self.state, part, sink)?;
        }
        sink.write_all(&[0; 2 * BLOCK as usize])?;
        sink.flush()
    }
}

/// The files of a copy that ends at `end`. The journal's are listed before the documents: a record that is in the copy
/// has its body.
fn parts(state: &Path, end: Position) -> io::Result<Vec<Part>> {
    let mut parts = Vec::new();
    for name in ["format", "epoch"] {
        parts.push(Part { name: name.to_owned(), bytes: fs::metadata(state.join(name))?.len() });
    }
    let begin = state.join("journal/begin");
    if let Ok(found) = fs::metadata(&begin) {
        parts.push(Part { name: "journal/begin".to_owned(), bytes: found.len() });
    }
    for (name, bytes) in files(&state.join("journal"))? {
        let stem = name.trim_end_matches(".gaps").trim_end_matches(".seg");
        let Some(segment) = number_of(&format!("{stem}.seg")).filter(|segment| *segment <= end.segment)
        else {
            continue;
        };
        let last = segment == end.segment && name.ends_with(".seg");
        parts.push(Part { name: format!("journal/{name}"), bytes: if last { end.offset } else { bytes } });
    }
    for (name, bytes) in files(&state.join("documents"))? {
        // Uploads that have not ended belong to nothing yet.
        if name.bytes().all(|c| c.is_ascii_digit()) {
            parts.push(Part { name: format!("documents/{name}"), bytes });
        }
    }
    Ok(parts)
}

/// Names and lengths, in the order of names. What goes meanwhile was not wanted.
fn files(directory: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match (entry.file_name().into_string(), entry.metadata()) {
            (Ok(name), Ok(about)) => found.push((name, about.len())),
            (Err(_), _) => {}
            (Ok(_), Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
            (Ok(_), Err(error)) => return Err(error),
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn copy(state: &Path, part: &Part, sink: &mut dyn Write) -> io::Result<()> {
    let path = state.join(&part.name);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut file = File::open(&path).map_err(named)?;
    sink.write_all(&header(part, &file.metadata().map_err(named)?))?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = part.bytes;
    while left > 0 {
        let most = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let read = file.read(&mut piece[..most]).map_err(named)?;
        if read == 0 {
            return Err(named(io::ErrorKind::UnexpectedEof.into()));
        }
        sink.write_all(&piece[..read])?;
        left -= read as u64;
    }
    let padding = part.bytes.next_multiple_of(BLOCK) - part.bytes;
    sink.write_all(&[0; BLOCK as usize][..usize::try_from(padding).unwrap_or_default()])
}

/// A file's header, with the length in base 256 where it does not fit as octal digits, as GNU tar has it.
fn header(part: &Part, about: &fs::Metadata) -> [u8; BLOCK as usize] {
    let mut block = [0; BLOCK as usize];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, part.name.as_bytes());
    put(100, b"0000600\0");
    put(108, format!("{:07o}\0", about.uid() & 0o7_777_777).as_bytes());
    put(116, format!("{:07o}\0", about.gid() & 0o7_777_777).as_bytes());
    if part.bytes < 1 << 33 {
        put(124, format!("{:011o}\0", part.bytes).as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &part.bytes.to_be_bytes());
    }
    put(136, format!("{:011o}\0", about.mtime().clamp(0, (1 << 33) - 1)).as_bytes());
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().copied().map(u32::from).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_any_size_stand_in_the_header() {
        let file = tempfile::tempfile().expect("a file");
        let about = file.metadata().expect("its data");
        for bytes in [0, 1, (1 << 33) - 1, 1 << 33, u64::MAX] {
            let block = header(&Part { name: "documents/1".to_owned(), bytes }, &about);
            let shown = match block[124] {
                0x80 => u64::from_be_bytes(*block[128..].first_chunk().expect("eight bytes")),
                _ => u64::from_str_radix(std::str::from_utf8(&block[124..135]).expect("digits"), 8)
                    .expect("octal"),
            };
            assert_eq!(shown, bytes);
        }
    }
}
