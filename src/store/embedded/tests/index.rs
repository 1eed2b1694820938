//! An index that is not what it should be is never used.

use super::*;

fn check_refused(path: &Path, why: &str) {
    let error = Life::try_open(path).err().expect("refused");
    let text = error.to_string();
    assert!(matches!(error, OpenError::Index { .. }), "{text}");
    assert!(text.contains(why) && text.contains("`spool recover` builds it anew"), "{text}");
}

#[test]
fn a_missing_index() {
    let (_parent, path) = closed(3);
    fs::remove_dir_all(path.join("sled")).expect("ours");
    check_refused(&path, "it is missing");
}

#[test]
fn an_empty_index() {
    let (_parent, path) = closed(3);
    fs::remove_dir_all(path.join("sled")).expect("ours");
    drop(Index::open(&path.join("sled"), 1 << 20).expect("a new one"));
    check_refused(&path, "it has opened empty");
}

#[test]
fn an_older_index() {
    let (parent, path) = closed(3);
    let older = parent.path().join("older");
    copy(&path.join("sled"), &older);
    let life = Life::open(&path);
    life.accept([4]);
    life.close();
    fs::remove_dir_all(path.join("sled")).expect("ours");
    copy(&older, &path.join("sled"));
    check_refused(&path, "it is older than its last checkpoint");
}

#[test]
fn the_index_of_another_store() {
    let ((_parent, path), (_other_parent, other)) = (closed(3), closed(9));
    fs::remove_dir_all(path.join("sled")).expect("ours");
    copy(&other.join("sled"), &path.join("sled"));
    check_refused(&path, "it belongs to another journal");
    fs::copy(other.join("checkpoint"), path.join("checkpoint")).expect("copied");
    check_refused(&path, "it belongs to another journal");
}

#[test]
fn a_lost_or_damaged_checkpoint() {
    let (_parent, path) = closed(3);
    let mut bytes = fs::read(path.join("checkpoint")).expect("there");
    bytes[20] ^= 1;
    fs::write(path.join("checkpoint"), &bytes).expect("written");
    check_refused(&path, "`checkpoint` is damaged");
    fs::remove_file(path.join("checkpoint")).expect("ours");
    check_refused(&path, "`checkpoint` is missing, while the journal holds commits");
}

/// Whatever becomes of sled's file: it is refused, or has everything.
#[test]
fn a_damaged_index() {
    let (parent, path) = closed(200);
    let whole = fs::read(path.join("sled/db")).expect("there");
    for n in 0..24 {
        let image = parent.path().join(format!("image-{n}"));
        copy(&path, &image);
        let mut bytes = whole.clone();
        let at = whole.len() * (n / 2) / 12;
        if n % 2 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at..].iter_mut().take(4096).for_each(|byte| *byte ^= 0x55);
        }
        fs::write(image.join("sled/db"), &bytes).expect("written");
        match Life::try_open(&image) {
            Ok(life) => life.check(200),
            Err(error) => assert!(error.to_string().contains("spool recover"), "{error}"),
        }
    }
}

#[test]
fn a_newer_program_was_here() {
    let (_parent, path) = closed(3);
    let checkpoint = mark::Checkpoint::read(&path.join("checkpoint")).expect("readable").expect("there");
    let newer = mark::Checkpoint { forms: checkpoint.forms + 1, ..checkpoint };
    newer.write(&path.join("checkpoint")).expect("written");
    let error = Life::try_open(&path).err().expect("refused");
    assert!(matches!(error, OpenError::Newer { .. }), "{error}");
}
