//! Documents that come as `multipart/form-data`: parts named `file` are documents, in their order; every other part is
//! a parameter, as in a query. However it ends, what is not handed on leaves nothing behind.

use std::sync::Arc;

use actix_web::http::header::HeaderMap;
use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::multipart::{BadForm, Event, Head, Parser, boundary};
use super::order;
use super::problem::Problem;
use super::query::Query;
use super::state::HttpState;
use super::upload::{self, Body, Upload};
use crate::model::document::{Format, INLINE_BYTES_MAX};
use crate::model::id::DocumentId;
use crate::model::intake::{Handed, Refusal};
use crate::model::text::{NAME_BYTES_MAX, cleaned};
use crate::store::documents::Documents;

/// The part that is a document.
const FILE: &str = "file";
/// The longest value of any other part, bytes.
const VALUE_BYTES_MAX: usize = 4096;
/// How much of a document its format is told by, bytes.
const SHOWS: usize = 1024;

impl From<BadForm> for Problem {
    fn from(bad: BadForm) -> Problem {
        Problem::bad("bad_multipart", format!("the form cannot be read: {bad}"))
    }
}

/// A form that was read to its end: its documents are whole, and large ones durable.
#[derive(Debug)]
pub struct Form {
    /// The query's parameters and the form's.
    pub query: Query,
    /// One digest for what all documents are, in their order.
    pub digest: Sha256,
    documents: Landed,
}

/// Documents that nobody has taken over yet: dropped, the files of large ones go.
#[derive(Debug)]
struct Landed {
    handed: Vec<Handed>,
    documents: Documents,
}

impl Drop for Landed {
    fn drop(&mut self) {
        for handed in self.handed.drain(..) {
            if let Handed::File { id, .. } = handed {
                self.documents.discard(id);
            }
        }
    }
}

impl Form {
    pub fn documents(&self) -> usize {
        self.documents.handed.len()
    }

    /// The documents, for the core, whose affair they are from here on.
    pub fn hand_over(&mut self) -> Vec<Handed> {
        std::mem::take(&mut self.documents.handed)
    }
}

/// A form that is being read.
struct Reader<'a> {
    state: &'a HttpState,
    body: Body,
    parser: Parser,
    form: Form,
    /// What may still be kept in memory, bytes.
    room: usize,
    /// The right to write files, once one is needed.
    permit: Option<Arc<OwnedSemaphorePermit>>,
}

/// Reads a form with at most `documents_max` documents. `look` sees the parameters that are there when a document
/// begins, and may refuse before its bytes are taken.
pub async fn read(
    state: &HttpState,
    headers: &HeaderMap,
    query: Query,
    body: Body,
    documents_max: usize,
    look: impl Fn(&Query) -> Result<(), Problem>,
) -> Result<Form, Problem> {
    let parser = Parser::new(&boundary(headers)?);
    let documents = Landed { handed: Vec::new(), documents: state.documents.clone() };
    let form = Form { query, digest: Sha256::new(), documents };
    let room = usize::try_from(INLINE_BYTES_MAX).unwrap_or(usize::MAX);
    let mut reader = Reader { state, body, parser, form, room, permit: None };
    loop {
        match reader.event().await? {
            Event::Part(head) if head.name == FILE => {
                look(&reader.form.query)?;
                if reader.form.documents() == documents_max {
                    return Err(Refusal::TooManyDocuments { documents_max }.into());
                }
                reader.document(head).await?;
            }
            Event::Part(head) => reader.parameter(head).await?,
            Event::Content(_) | Event::EndOfPart => {}
            Event::End => return reader.end().await,
        }
    }
}

impl Reader<'_> {
    async fn event(&mut self) -> Result<Event, Problem> {
        loop {
            if let Some(event) = self.parser.next()? {
                return Ok(event);
            }
            match self.body.next_chunk().await? {
                Some(piece) => self.parser.push(&piece),
                None => {
                    self.parser.finish()?;
                    return Ok(Event::End);
                }
            }
        }
    }

    /// The next piece of the part in hand; `None` at its end.
    async fn content(&mut self) -> Result<Option<Bytes>, Problem> {
        match self.event().await? {
            Event::Content(piece) => Ok(Some(piece)),
            Event::EndOfPart => Ok(None),
            Event::Part(_) | Event::End => Err(BadForm::CutShort.into()),
        }
    }

    async fn parameter(&mut self, head: Head) -> Result<(), Problem> {
        let mut value = Vec::new();
        while let Some(piece) = self.content().await? {
            value.extend_from_slice(&piece);
            if value.len() > VALUE_BYTES_MAX {
                let detail = format!("a part that is no file is longer than {VALUE_BYTES_MAX} bytes");
                return Err(Problem::bad("bad_multipart", detail));
            }
        }
        let value = String::from_utf8(value);
        let value = value.map_err(|_| Problem::bad("invalid_utf8", "a part that is no file is not UTF-8"))?;
        self.form.query.add(head.name, value)
    }

    async fn document(&mut self, head: Head) -> Result<(), Problem> {
        let declared = declared_format(head.content_type.as_deref())?;
        let name = head.file_name.as_deref().map(plain_name).unwrap_or_default();
        let mut start = BytesMut::new();
        let mut whole = false;
        while start.len() <= self.room.max(SHOWS) {
            match self.content().await? {
                Some(piece) => start.extend_from_slice(&piece),
                None => {
                    whole = true;
                    break;
                }
            }
        }
        // A browser sends such a part where no file was chosen.
        if whole && start.is_empty() && head.file_name.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
        let said = declared.as_ref().map(Format::media_type).unwrap_or_default().to_owned();
        let format = declared.unwrap_or_else(|| Format::detect(&start));
        let (handed, sum) = if whole && start.len() <= self.room {
            self.room -= start.len();
            let (sum, body) = (Sha256::digest(&start).into(), start.freeze());
            (Handed::Inline { name: name.clone(), format, crc: crc32c::crc32c(&body), body }, sum)
        } else {
            self.file(name.clone(), format, start.freeze(), whole).await?
        };
        self.form.documents.handed.push(handed);
        for part in [name.as_bytes(), said.as_bytes(), &sum] {
            self.form.digest.update((part.len() as u64).to_be_bytes());
            self.form.digest.update(part);
        }
        Ok(())
    }

    /// Writes the document that begins with `start`; `whole`: it is all of it.
    async fn file(
        &mut self,
        name: String,
        format: Format,
        start: Bytes,
        whole: bool,
    ) -> Result<(Handed, [u8; 32]), Problem> {
        let permit = match &self.permit {
            Some(permit) => Arc::clone(permit),
            None => Arc::clone(self.permit.insert(upload::permit(self.state)?)),
        };
        let id: DocumentId = self.state.core.document_id().await?;
        let mut upload = Upload::begin(self.state, permit, id, Some(Sha256::new()));
        upload.write(start).await?;
        while !whole && let Some(piece) = self.content().await? {
            upload.write(piece).await?;
        }
        let landed = upload.finish().await?;
        let handed = Handed::File { id, name, format, bytes: landed.bytes, crc: landed.crc };
        Ok((handed, landed.sha256.unwrap_or_default()))
    }

    /// What follows the last boundary is read and thrown away.
    async fn end(mut self) -> Result<Form, Problem> {
        while self.body.next_chunk().await?.is_some() {}
        if self.form.documents() == 0 {
            let detail = "the form has no document: expected a part named \"file\"";
            return Err(Problem::bad("bad_multipart", detail));
        }
        Ok(self.form)
    }
}

/// What the client says that the document is; `None`: look at it.
fn declared_format(content_type: Option<&str>) -> Result<Option<Format>, Problem> {
    let essence = order::essence_of(content_type.unwrap_or_default());
    order::check_document_type(&essence)?;
    Ok(order::format_of(&essence))
}

/// The last part of what may be a path, fit to be shown.
fn plain_name(shown: &str) -> String {
    let last = shown.rsplit(['/', '\\']).next().unwrap_or_default();
    cleaned(last, NAME_BYTES_MAX).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_names_and_nothing_else() {
        let cases = [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\dir\\a b.txt", "a b.txt"),
            ("a\u{1b}[31m\nb.txt", "a [31m b.txt"),
            ("dir/", ""),
            ("", ""),
        ];
        for (shown, name) in cases {
            assert_eq!(plain_name(shown), name, "{shown:?}");
        }
        assert!(plain_name(&"ä".repeat(1000)).len() <= NAME_BYTES_MAX);
    }
}
