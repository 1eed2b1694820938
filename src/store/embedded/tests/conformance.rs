//! The suite that every store must pass, over restarts and over crashes.

use std::sync::Mutex;

use super::*;
use crate::store::conformance::{Effort, Fixture, Numbers, exercise, exercise_long};

struct Directories {
    all: Mutex<Vec<tempfile::TempDir>>,
    /// Whether a life ends in good order.
    closing: bool,
    options: Options,
    numbers: Numbers,
}

impl Directories {
    fn new(closing: bool, options: Options, numbers: Numbers) -> Directories {
        Directories { all: Mutex::default(), closing, options, numbers }
    }

    fn open(&self, path: &Path) -> EmbeddedStore {
        let state = State::open(path).expect("a state directory");
        EmbeddedStore::open(&state, self.options).expect("opens").store
    }
}

impl Fixture for Directories {
    type S = EmbeddedStore;

    fn fresh(&self) -> EmbeddedStore {
        let (parent, path) = state();
        self.all.lock().expect("no test panics here").push(parent);
        self.open(&path)
    }

    fn reopen(&self, store: EmbeddedStore) -> EmbeddedStore {
        let path = store.state.path().to_owned();
        if self.closing {
            store.close();
            drop(store);
            return self.open(&path);
        }
        let image = path.with_extension("image");
        let _ = fs::remove_dir_all(&image);
        copy(&path, &image);
        drop(store);
        fs::remove_dir_all(&path).expect("ours");
        fs::rename(&image, &path).expect("ours");
        self.open(&path)
    }

    fn numbers(&self) -> Numbers {
        self.numbers
    }

    fn key_space(&self, store: &EmbeddedStore) -> Vec<Row> {
        let all = store.shared.look(|view| view.range(&[1], &[255], Direction::Up, usize::MAX));
        all.expect("readable")
    }
}

#[test]
fn the_store_is_one_over_restarts() {
    exercise(&Directories::new(true, options(), Numbers::InSequence), Effort { walks: 3, steps: 150 });
}

#[test]
fn the_store_is_one_over_crashes() {
    exercise(&Directories::new(false, options(), Numbers::InSequence), Effort { walks: 3, steps: 150 });
}

#[test]
fn the_store_is_one_while_it_is_compacted() {
    let directories = Directories::new(true, super::compact::eager(), Numbers::WithGaps);
    exercise_long(&directories, Effort { walks: 2, steps: 600 });
    // A fast machine may be through with a walk before its first segment has gone; then it goes now.
    for parent in directories.all.lock().expect("no test panics here").iter() {
        let path = parent.path().join("state");
        let store = directories.open(&path);
        until("the first segment has gone", || path.join("journal/begin").exists());
        store.close();
    }
}
