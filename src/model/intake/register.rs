//! Documents that come and go without a job.

use super::messages::{Effect, Reply, Ticket};
use super::step::{Intake, Pending};
use super::{Handed, Refusal};
use crate::model::commit::{Commit, Remove};
use crate::model::document::Document;
use crate::model::id::DocumentId;
use crate::model::job::Submitter;
use crate::model::time::Now;

impl Intake {
    pub(super) fn register(
        &mut self,
        ticket: Ticket,
        submitter: Submitter,
        handed: Handed,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let file = match &handed {
            Handed::File { id, .. } => Some(*id),
            Handed::Inline { .. } | Handed::Registered(_) => None,
        };
        let document = self.admits().and_then(|()| self.new_document(&handed, &submitter, now));
        match document {
            Ok(document) => {
                let then = vec![Effect::Reply(ticket, Ok(Reply::Document(document.document.id)))];
                let commit = Box::new(Commit { documents: vec![document], ..Commit::default() });
                self.pending.insert(ticket, Pending::Registering(file));
                fx.push(Effect::Commit { ticket, commit, then });
            }
            Err(refusal) => {
                fx.extend(file.map(Effect::Discard));
                fx.push(Effect::Reply(ticket, Err(refusal)));
            }
        }
    }

    /// Only what is registered is removed: another number may be that of a body which is still arriving.
    pub(super) fn remove_document(
        &mut self,
        ticket: Ticket,
        id: DocumentId,
        found: &[Document],
        fx: &mut Vec<Effect>,
    ) {
        if found.iter().all(|document| document.id != id) {
            return fx.push(Effect::Reply(ticket, Err(Refusal::NoSuchDocument(id))));
        }
        self.pending.insert(ticket, Pending::Removed);
        let commit = Box::new(Commit { remove: vec![Remove::Document(id)], ..Commit::default() });
        let then = vec![Effect::Reply(ticket, Ok(Reply::Done))];
        fx.push(Effect::Commit { ticket, commit, then });
    }
}
