//! Rows in blocks. sled keeps at most sixteen keys in a page, and each of its pages costs memory, a part of its log, and
//! time at the start: with a row of ours for each of its keys a million jobs are a million pages. So a value of sled is
//! a block of rows that follow each other, under the key from which on they are in it.
//!
//! A row is what its key has in common with the one before, what it has not, and its value; lengths take seven bits a byte.

use crate::store::journal::Op;
use crate::store::read::Row;

/// Bytes of a block; one with a single row may be longer. Each change writes a block anew, and a page of sled holds
/// sixteen.
const BYTES_MAX: usize = 2048;
/// Two neighbours become one where they would not be longer than this, so that what is deleted leaves no crumbs.
pub const JOINED_BYTES_MAX: usize = BYTES_MAX / 2;

/// A block whose bytes make no sense.
#[derive(Debug)]
pub struct Damaged;

/// Where a row stands in a block.
struct Entry<'a> {
    shared: usize,
    rest: &'a [u8],
    value: &'a [u8],
}

struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    fn next(&mut self) -> Result<Option<Entry<'a>>, Damaged> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (shared, rest, value) = (self.length()?, self.length()?, self.length()?);
        Ok(Some(Entry { shared, rest: self.take(rest)?, value: self.take(value)? }))
    }

    fn length(&mut self) -> Result<usize, Damaged> {
        let mut length = 0;
        for shift in (0..usize::BITS).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Damaged)?;
            self.0 = rest;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(length);
            }
        }
        Err(Damaged)
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Shows the rows of a block in their order, until `visit` has seen enough.
fn visit<'a>(
    block: &'a [u8],
    mut visit: impl FnMut(&[u8], &'a [u8]) -> std::ops::ControlFlow<()>,
) -> Result<(), Damaged> {
    let (mut entries, mut key) = (Entries(block), Vec::new());
    while let Some(Entry { shared, rest, value }) = entries.next()? {
        if shared > key.len() {
            return Err(Damaged);
        }
        key.truncate(shared);
        key.extend_from_slice(rest);
        if visit(&key, value).is_break() {
            break;
        }
    }
    Ok(())
}

/// The value of a key.
pub fn value(block: &[u8], key: &[u8]) -> Result<Option<Vec<u8>>, Damaged> {
    use std::ops::ControlFlow::{Break, Continue};
    let mut found = None;
    visit(block, |row, value| {
        if row == key {
            found = Some(value.to_vec());
        }
        if row < key { Continue(()) } else { Break(()) }
    })?;
    Ok(found)
}

/// The rows whose keys are at least `from` and less than `to`.
pub fn rows(block: &[u8], from: &[u8], to: &[u8]) -> Result<Vec<Row>, Damaged> {
    use std::ops::ControlFlow::{Break, Continue};
    let mut found = Vec::new();
    visit(block, |key, value| {
        if key >= to {
            return Break(());
        }
        if key >= from {
            found.push((key.to_vec(), value.to_vec()));
        }
        Continue(())
    })?;
    Ok(found)
}

/// All rows.
pub fn all_rows(block: &[u8]) -> Result<Vec<Row>, Damaged> {
    let mut found = Vec::new();
    visit(block, |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// A block as it is written, and the first key in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub first: Vec<u8>,
    pub bytes: Vec<u8>,
    last: Vec<u8>,
}

impl Written {
    /// Puts a row behind the others, if there is room for it.
    fn put(&mut self, key: &[u8], value: &[u8]) -> bool {
        if self.bytes.is_empty() {
            self.first = key.to_vec();
        }
        let (before, shared) = (self.bytes.len(), common(&self.last, key));
        for length in [shared, key.len() - shared, value.len()] {
            self.put_length(length);
        }
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(value);
        if before > 0 && self.bytes.len() > BYTES_MAX {
            self.bytes.truncate(before);
            return false;
        }
        self.last = key.to_vec();
        true
    }

    fn put_length(&mut self, mut length: usize) {
        while length > 0x7f {
            self.bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        self.bytes.push(length as u8);
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Rows that are being changed.
pub struct Changing {
    rows: Vec<Row>,
    /// The last row that was put, where one was.
    last_put: Option<Vec<u8>>,
}

impl Changing {
    pub fn new(rows: Vec<Row>) -> Changing {
        Changing { rows, last_put: None }
    }

    /// Puts the rows of the next block behind the others.
    pub fn join(&mut self, next: Vec<Row>) {
        self.rows.extend(next);
    }

    /// Applies operations that are in the order of their keys, one for each key.
    pub fn apply(&mut self, ops: Vec<Op>) {
        let mut rows = Vec::with_capacity(self.rows.len() + ops.len());
        let mut old = std::mem::take(&mut self.rows).into_iter().peekable();
        for Op { key, value } in ops {
            while let Some(row) = old.next_if(|(before, _)| *before < key) {
                rows.push(row);
            }
            drop(old.next_if(|(same, _)| *same == key));
            if let Some(value) = value {
                self.last_put = Some(key.clone());
                rows.push((key, value));
            }
        }
        rows.extend(old);
        self.rows = rows;
    }

    /// The blocks that hold the rows now: one, where they fit. Else it is cut behind the last row that was put, because
    /// most lists grow at their ends, with the next list behind: what grows stays at the end of a block then, and
    /// leaves full ones.
    pub fn write(&self) -> Vec<Written> {
        let blocks = fill(&self.rows);
        match &self.last_put {
            Some(last) if blocks.len() > 1 => {
                let (until, behind) = self.rows.split_at(self.rows.partition_point(|(key, _)| key <= last));
                let mut blocks = fill(until);
                blocks.extend(fill(behind));
                blocks
            }
            _ => blocks,
        }
    }
}

/// Full blocks, and one that need not be.
fn fill(rows: &[Row]) -> Vec<Written> {
    let mut blocks: Vec<Written> = Vec::new();
    for (key, value) in rows {
        if !blocks.last_mut().is_some_and(|block| block.put(key, value)) {
            let mut block = Written::default();
            block.put(key, value);
            blocks.push(block);
        }
    }
    blocks
}
