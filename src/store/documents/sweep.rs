//! What a crash has left in the document directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::id::DocumentId;

/// A file of ours in the document directory, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ours {
    Document(DocumentId),
    Upload,
}

/// The files of ours that belong to nothing: uploads of a former life, and documents that `claimed` does not know.
/// Only to be asked before the first upload of this life begins.
///
/// # Errors
/// Where the directory cannot be read, or `claimed` fails: what cannot be asked about is never unclaimed.
pub fn unclaimed<E: From<io::Error>>(
    directory: &Path,
    mut claimed: impl FnMut(DocumentId) -> Result<bool, E>,
) -> Result<Vec<PathBuf>, E> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let belongs = match entry.file_name().to_str().and_then(ours) {
            Some(Ours::Document(id)) => claimed(id)?,
            Some(Ours::Upload) => false,
            None => true,
        };
        if !belongs && entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Names exactly as this program writes them: a number without leading zeros, perhaps `.part`.
fn ours(name: &str) -> Option<Ours> {
    let (digits, upload) = match name.strip_suffix(".part") {
        Some(digits) => (digits, true),
        None => (name, false),
    };
    let id = DocumentId(digits.parse().ok()?);
    match id.to_string() == digits {
        true if upload => Some(Ours::Upload),
        true => Some(Ours::Document(id)),
        false => None,
    }
}
