//! Tells an index that fails from a record that cannot be read.

use std::cell::RefCell;

use crate::store::ReadError;
use crate::store::read::{Direction, Kv, Row};
use crate::store::sled::{Index, IndexError};

/// An index that remembers the first failure of its own.
pub(super) struct Watched<'a> {
    index: &'a Index,
    failure: RefCell<Option<IndexError>>,
}

impl<'a> Watched<'a> {
    pub fn new(index: &'a Index) -> Self {
        Watched { index, failure: RefCell::new(None) }
    }

    pub fn failure(self) -> Option<IndexError> {
        self.failure.into_inner()
    }

    fn note(&self, error: IndexError) -> ReadError {
        let told = ReadError::Unavailable(format!("the index: {error}"));
        self.failure.borrow_mut().get_or_insert(error);
        told
    }
}

impl Kv for Watched<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.index.value(key).map_err(|error| self.note(error))
    }

    fn range(&self, from: &[u8], to: &[u8], direction: Direction, n: usize) -> Result<Vec<Row>, ReadError> {
        self.index.rows(from, to, direction, n).map_err(|error| self.note(error))
    }
}
