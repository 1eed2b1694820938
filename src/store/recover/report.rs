//! What a recovery found and did.

use std::fmt;
use std::path::PathBuf;

use crate::model::id::{DocumentId, JobId};
use crate::store::journal::Salvaged;

/// How many of each kind a report names; all are counted.
const NAMED_MAX: usize = 100;

/// What became of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexFate {
    /// It was whole; only what it lacked was added.
    Kept,
    /// There was none.
    Missing,
    /// It was moved there, and a new one was made.
    SetAside(PathBuf),
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    pub what: String,
    pub why: String,
}

/// A document that an unfinished job lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostBody {
    pub job: JobId,
    pub document: DocumentId,
}

/// What a recovery found, made anew and had to leave out.
#[derive(Debug)]
pub struct Report {
    pub index: IndexFate,
    pub journal: Salvaged,
    /// Commits that a checkpoint tells of, and that stand neither in the journal nor in the index.
    pub commits_missing: u64,
    /// Rows of the store.
    pub rows: u64,
    pub jobs: u64,
    pub bad_records: u64,
    /// The first of them.
    pub bad_records_named: Vec<BadRecord>,
    /// Where the bytes of all of them are.
    pub records_file: Option<PathBuf>,
    /// Entries of lists that were missing, or belonged to nothing.
    pub entries_added: u64,
    pub entries_removed: u64,
    pub counters_repaired: u64,
    pub lost_bodies: u64,
    /// The first of them.
    pub lost_bodies_named: Vec<LostBody>,
    /// Files that no record claims, and where they were moved.
    pub documents_kept: Option<(usize, PathBuf)>,
    pub numbers_raised: bool,
}

impl Report {
    pub(super) fn new(index: IndexFate, journal: Salvaged) -> Report {
        Report {
            index,
            journal,
            commits_missing: 0,
            rows: 0,
            jobs: 0,
            bad_records: 0,
            bad_records_named: Vec::new(),
            records_file: None,
            entries_added: 0,
            entries_removed: 0,
            counters_repaired: 0,
            lost_bodies: 0,
            lost_bodies_named: Vec::new(),
            documents_kept: None,
            numbers_raised: false,
        }
    }

    /// Whether nothing that was ever acknowledged is known to be missing.
    pub fn is_complete(&self) -> bool {
        let lost = self.commits_missing + self.bad_records + self.lost_bodies;
        self.journal.skipped.is_empty() && lost == 0
    }

    pub(super) fn bad_record(&mut self, record: BadRecord) {
        self.bad_records += 1;
        if self.bad_records_named.len() < NAMED_MAX {
            self.bad_records_named.push(record);
        }
    }

    pub(super) fn lost_body(&mut self, body: LostBody) {
        self.lost_bodies += 1;
        if self.lost_bodies_named.len() < NAMED_MAX {
            self.lost_bodies_named.push(body);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.index {
            IndexFate::Kept => writeln!(f, "the index was whole and is kept")?,
            IndexFate::Missing => writeln!(f, "the index was missing and was built anew")?,
            IndexFate::SetAside(path) => {
                writeln!(f, "the index was built anew; the old one is {}", path.display())?;
            }
        }
        writeln!(f, "{} commits were read from the journal", self.journal.frames)?;
        self.journal_damage(f)?;
        writeln!(f, "{} jobs, {} rows in all", self.jobs, self.rows)?;
        self.records(f)?;
        if self.entries_added + self.entries_removed + self.counters_repaired > 0 {
            writeln!(
                f,
                "set right: {} list entries added, {} removed, {} counters",
                self.entries_added, self.entries_removed, self.counters_repaired
            )?;
        }
        self.bodies(f)?;
        if self.numbers_raised {
            writeln!(f, "new jobs and documents get numbers beyond any that may have been given")?;
        }
        if self.is_complete() {
            write!(f, "nothing was lost")
        } else {
            write!(f, "what could not be read is kept in the directory `damaged`")
        }
    }
}

impl Report {
    fn journal_damage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for skipped in &self.journal.skipped {
            writeln!(
                f,
                "journal/{:08}.seg: {} bytes at {} skipped, {} commits: {}",
                skipped.segment, skipped.bytes, skipped.offset, skipped.frames, skipped.kind
            )?;
        }
        if self.commits_missing > 0 {
            writeln!(
                f,
                "the journal ends {} commits before its last checkpoint, as one from an older copy; they are lost",
                self.commits_missing
            )?;
        }
        for (segment, copy) in &self.journal.copies {
            match copy {
                Ok(path) => writeln!(f, "a copy of journal/{segment:08}.seg is {}", path.display())?,
                Err(error) => writeln!(f, "journal/{segment:08}.seg could not be copied: {error}")?,
            }
        }
        Ok(())
    }

    fn records(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(path) = &self.records_file else { return Ok(()) };
        writeln!(f, "{} records could not be read and are in {}", self.bad_records, path.display())?;
        for BadRecord { what, why } in &self.bad_records_named {
            writeln!(f, "  {what}: {why}")?;
        }
        Ok(())
    }

    fn bodies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lost_bodies > 0 {
            writeln!(
                f,
                "{} documents of unfinished jobs are lost; these jobs fail when they are to be printed",
                self.lost_bodies
            )?;
        }
        for LostBody { job, document } in &self.lost_bodies_named {
            writeln!(f, "  document {document} of job {job}")?;
        }
        match &self.documents_kept {
            Some((files, path)) => {
                writeln!(f, "{files} document files without a record were moved to {}", path.display())
            }
            None => Ok(()),
        }
    }
}
