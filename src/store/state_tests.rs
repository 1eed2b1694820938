use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let path = parent.path().join("state");
    (parent, path)
}

#[test]
fn the_directory_is_made_with_its_permissions() {
    let (_parent, path) = fresh();
    let state = State::open(&path).expect("opens");
    assert_eq!(mode(&path), 0o711);
    for name in INNER {
        assert_eq!(mode(&path.join(name)), 0o700, "{name}");
    }
    for name in ["lock", "format", "epoch"] {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
    drop(state);
    fs::set_permissions(path.join("journal"), Permissions::from_mode(0o755)).expect("ours");
    let _state = State::open(&path).expect("opens");
    assert_eq!(mode(&path.join("journal")), 0o700, "what was loosened is tightened");
}

#[test]
fn starts_are_counted() {
    let (_parent, path) = fresh();
    for start in 1..=3 {
        assert_eq!(State::open(&path).expect("opens").epoch(), Epoch(start));
    }
}

#[test]
fn one_process_at_a_time() {
    let (_parent, path) = fresh();
    let state = State::open(&path).expect("opens");
    let error = State::open(&path).expect_err("in use");
    let me = format!("is in use by process {};", std::process::id());
    assert!(error.to_string().contains(&me), "{error}");
    drop(state);
    State::open(&path).expect("free again");
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let (_parent, path) = fresh();
    drop(State::open(&path).expect("opens"));
    fs::write(path.join("format"), "spool state 2\n").expect("written");
    for opened in [State::open(&path), State::open_to_recover(&path)] {
        let error = opened.expect_err("newer");
        assert!(error.to_string().contains("written by a newer version of spool (format 2"), "{error}");
    }
    assert_eq!(fs::read(path.join("format")).expect("there"), b"spool state 2\n");
    assert_eq!(fs::read(path.join("epoch")).expect("there"), b"1\n", "no start was counted");
}

#[test]
fn what_is_damaged_is_refused_until_it_is_recovered() {
    for (name, bytes) in [("format", "spool stat"), ("format", ""), ("epoch", "1\n2\n"), ("epoch", "+7\n")] {
        let (_parent, path) = fresh();
        drop(State::open(&path).expect("opens"));
        fs::write(path.join(name), bytes).expect("written");
        let error = State::open(&path).expect_err("damaged");
        assert!(matches!(error, StateError::Damaged { .. }) && error.to_string().contains("spool recover"));
        let epoch = State::open_to_recover(&path).expect("recovers").epoch();
        assert!(epoch > Epoch(1));
        assert!(State::open(&path).expect("opens again").epoch() > epoch);
    }
}

#[test]
fn a_lost_format_is_no_new_directory() {
    let (_parent, path) = fresh();
    drop(State::open(&path).expect("opens"));
    fs::remove_file(path.join("format")).expect("ours");
    fs::create_dir(path.join("documents/lost+found")).expect("made");
    drop(State::open(&path).expect("nothing was ever in it"));
    fs::remove_file(path.join("format")).expect("ours");
    fs::write(path.join("documents/7"), "x").expect("written");
    assert!(matches!(State::open(&path), Err(StateError::Damaged { why: "it is missing", .. })));
}
