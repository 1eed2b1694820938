//! What is to be delivered, and how it is cut into jobs of IPP. Pure.

use super::facts::{self, Batch, Road};
use super::naming::Nth;
use super::ticket::{self, Ask};
use crate::device::{DocumentTag, JobTag};
use crate::protocol::ipp::{DocumentPart, JobPart, PrinterAttributes};

/// Where a document stands among those of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Middle,
    Last,
}

/// What is to be delivered.
#[derive(Clone)]
pub struct Order {
    pub tag: JobTag,
    pub road: Road,
    pub batch: Batch,
    /// All documents of all copies that are handed over.
    pub parts: usize,
    /// The copies that the printer is to make.
    pub copies: u32,
    pub ask: Ask,
}

impl Order {
    /// Which job of IPP the document in this place belongs to.
    pub fn nth(&self, part: usize) -> Nth {
        match self.batch {
            Batch::All => Nth { n: 1, of: 1 },
            Batch::One => Nth { n: part + 1, of: self.parts },
        }
    }

    /// How many jobs of IPP it becomes.
    pub fn jobs(&self) -> usize {
        match self.batch {
            Batch::All => 1,
            Batch::One => self.parts,
        }
    }

    /// Which document this is.
    pub fn place(&self, part: usize) -> Place {
        if part + 1 >= self.parts { Place::Last } else { Place::Middle }
    }

    /// Whether the last of `jobs` jobs of IPP has all its documents, when so many have `ended`.
    pub fn is_whole(&self, ended: usize, jobs: usize) -> bool {
        match (self.road, self.batch) {
            (Road::Print, _) => true,
            (Road::Create, Batch::All) => ended == self.parts,
            (Road::Create, Batch::One) => ended == jobs,
        }
    }

    pub fn document(&self, part: usize) -> Option<&DocumentTag> {
        let documents = &self.tag.documents;
        documents.get(part % documents.len().max(1))
    }

    pub fn job_part<'a>(&'a self, name: &'a str, printer: &PrinterAttributes) -> JobPart<'a> {
        let template = ticket::template(&self.tag.options, self.copies, printer, &self.ask);
        JobPart { name, template }
    }

    pub fn document_part<'a>(&'a self, part: usize, printer: &PrinterAttributes) -> DocumentPart<'a> {
        let format = self.document(part).map(|document| facts::format_of(&document.format, printer));
        DocumentPart { name: Some(&self.tag.title), format, compression: None }
    }
}
