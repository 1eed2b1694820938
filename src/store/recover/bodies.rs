//! Whether the documents of unfinished jobs are there, and what becomes of files that no record claims.

use std::fs;

use super::repairs::{Repairs, for_each_of};
use super::report::{LostBody, Report};
use super::{RecoverError, failed, free_name};
use crate::model::document::BodyPlace;
use crate::model::job::{DocumentRef, Job};
use crate::store::documents::unclaimed;
use crate::store::embedded::mark::{body_key, decode_body};
use crate::store::journal::Bodies;
use crate::store::read::{self, Kv};
use crate::store::record;
use crate::store::sled::Index;
use crate::store::state::State;
use crate::store::{disk, keys};

/// Notes the documents that unfinished jobs lack. Their records stay: such a job fails with that reason when its turn
/// comes, which its owner sees; it does not vanish.
pub(super) fn check(
    state: &State,
    bodies: &Bodies,
    repairs: &Repairs<'_>,
    report: &mut Report,
) -> Result<(), RecoverError> {
    let index = repairs.index();
    for_each_of(index, keys::JOBS, |(_, value)| {
        let job: Job = record::decode(&value, || "a job".to_owned())?;
        for document in job.documents.iter().filter(|_| !job.status.is_final()) {
            if !is_there(state, bodies, index, document)? {
                report.lost_body(LostBody { job: job.id, document: document.id });
            }
        }
        Ok(())
    })?;
    // A journal that holds nothing at all may have been another one yesterday.
    let is_sure = report.is_complete() && report.journal.frames > 0;
    if is_sure { Ok(()) } else { keep_unclaimed(state, index, report) }
}

fn is_there(
    state: &State,
    bodies: &Bodies,
    index: &Index,
    document: &DocumentRef,
) -> Result<bool, RecoverError> {
    Ok(match document.place {
        BodyPlace::Inline => {
            let place = index.get(&body_key(document.id.0))?.and_then(|place| decode_body(&place));
            place.is_some_and(|at| bodies.read(&at).is_ok())
        }
        BodyPlace::File => {
            let path = state.documents().join(document.id.to_string());
            fs::metadata(path).is_ok_and(|found| found.len() == document.bytes)
        }
    })
}

/// Where records were or may have been lost, a file without one may be a document of theirs: it must not be swept.
fn keep_unclaimed(state: &State, index: &Index, report: &mut Report) -> Result<(), RecoverError> {
    let documents = state.documents();
    let listed = |source| failed("read", &documents, source);
    let claimed = |id| match read::stored_document(index, id) {
        Ok(stored) => Ok::<_, std::io::Error>(stored.is_some()),
        // It is a record, if one that cannot be read.
        Err(_) => Ok(true),
    };
    let found = unclaimed(&documents, claimed).map_err(listed)?;
    if found.is_empty() {
        return Ok(());
    }
    let to = free_name(&state.damaged(), "documents");
    fs::create_dir(&to).map_err(|source| failed("create", &to, source))?;
    for path in &found {
        if let Some(name) = path.file_name() {
            disk::rename(path, &to.join(name)).map_err(|source| failed("move aside", path, source))?;
        }
    }
    for directory in [&to, &documents, &state.damaged()] {
        disk::sync_directory(directory).map_err(|source| failed("sync", directory, source))?;
    }
    report.documents_kept = Some((found.len(), to));
    Ok(())
}
