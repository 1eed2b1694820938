//! The suite that every store must pass, over restarts and over crashes.

use std::sync::Mutex;

use super::*;
use crate::store::conformance::{Effort, Fixture, exercise};

struct Directories {
    all: Mutex<Vec<tempfile::TempDir>>,
    /// Whether a life ends in good order.
    closing: bool,
}

impl Directories {
    fn open(path: &Path) -> EmbeddedStore {
        let state = State::open(path).expect("a state directory");
        EmbeddedStore::open(&state, options()).expect("opens").store
    }
}

impl Fixture for Directories {
    type S = EmbeddedStore;

    fn fresh(&self) -> EmbeddedStore {
        let (parent, path) = state();
        self.all.lock().expect("no test panics here").push(parent);
        Directories::open(&path)
    }

    fn reopen(&self, store: EmbeddedStore) -> EmbeddedStore {
        let path = store.state.path().to_owned();
        if self.closing {
            store.close();
            drop(store);
            return Directories::open(&path);
        }
        let image = path.with_extension("image");
        let _ = fs::remove_dir_all(&image);
        copy(&path, &image);
        drop(store);
        fs::remove_dir_all(&path).expect("ours");
        fs::rename(&image, &path).expect("ours");
        Directories::open(&path)
    }

    fn key_space(&self, store: &EmbeddedStore) -> Vec<Row> {
        let all = store.shared.look(|view| view.range(&[1], &[255], Direction::Up, usize::MAX));
        all.expect("readable")
    }
}

#[test]
fn the_store_is_one_over_restarts() {
    exercise(&Directories { all: Mutex::default(), closing: true }, Effort { walks: 3, steps: 150 });
}

#[test]
fn the_store_is_one_over_crashes() {
    exercise(&Directories { all: Mutex::default(), closing: false }, Effort { walks: 3, steps: 150 });
}
