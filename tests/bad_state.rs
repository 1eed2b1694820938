//! A state directory that is damaged, newer, full or in use: one clear error that says what to do, and nothing
//! that was acknowledged is lost.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::home::{Home, Life, QUICK, id_of};
use support::printer::{Behaviour, FakePrinter};

const PAPER: [(&str, &str); 1] = [("paper", "file:STATE/printed")];

/// A state with held jobs in it, small and large ones, whose server was killed. Their ids.
fn filled(home: &Home) -> Vec<u64> {
    let life = home.start();
    let mut line = life.line().unwrap();
    let mut submit = |n: usize| {
        let target = format!("/api/v1/jobs?printer=paper&hold=true&title=t{n}");
        id_of(&line.send("POST", &target, &[], &document(n)).unwrap())
    };
    let ids = (0..12).map(&mut submit).collect();
    life.kill();
    ids
}

fn document(n: usize) -> Vec<u8> {
    let size = if n.is_multiple_of(3) { 100_000 } else { 5_000 };
    (0..size).map(|at| b"spool"[(at + n) % 5]).collect()
}

/// A start that comes to nothing: its exit status and what it said.
#[track_caller]
fn serve(home: &Home) -> Output {
    let mut life = home.begin(&[("RUST_LOG", "off")]);
    let serves = life.until_dead("it ends", |life| life.is_ready().then_some(()));
    assert!(serves.is_none(), "it serves as if nothing were wrong");
    ended(life)
}

/// Waits for the end of a life that is not to serve.
fn ended(mut life: Life<'_>) -> Output {
    let status = life.wait();
    Output { status, stdout: Vec::new(), stderr: (life.log() + "\n").into_bytes() }
}

fn recover(home: &Home) -> Output {
    home.program(&["recover"]).env("RUST_LOG", "off").output().unwrap()
}

/// It does not start, and says on one line all that these words stand for.
#[track_caller]
fn check_refused(output: &Output, says: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("spool: "), "{said}");
    for part in says {
        assert!(said.contains(part), "{said:?} does not say {part:?}");
    }
}

#[track_caller]
fn check_good(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All these jobs are there, and those with these numbers print what they are to print.
fn check_all_there(home: &Home, ids: &[u64]) {
    let mut life = home.start();
    let mut there: Vec<u64> = life.jobs().iter().map(|job| job["id"].as_u64().unwrap()).collect();
    there.sort_unstable();
    assert_eq!(there, ids, "jobs");
    for id in ids {
        let released = life.post(&format!("/api/v1/jobs/{id}/release"));
        assert_eq!(released.status, 200, "{released:?}");
        life.job_is(*id, "completed");
    }
    let mut printed = home.printed();
    let mut expected: Vec<Vec<u8>> = (0..ids.len()).map(document).collect();
    printed.sort();
    expected.sort();
    assert!(printed == expected, "what was printed is not what was submitted");
}

/// The journal's newest segment.
fn segment(home: &Home) -> PathBuf {
    let mut names = home.files("journal");
    names.retain(|name| name.ends_with(".seg"));
    home.state().join("journal").join(names.last().expect("a segment"))
}

/// Turns one bit at `at`.
fn flip(path: &Path, at: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

/// Every file below the journal's and the index's directories with its contents.
fn bytes_of(home: &Home, folder: &str) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| (name.clone(), fs::read(home.state().join(folder).join(&name)).unwrap());
    home.files(folder).into_iter().map(read).collect()
}

#[test]
fn a_write_that_was_cut_short_is_forgotten() {
    let home = Home::new(&PAPER);
    let ids = filled(&home);
    let path = segment(&home);
    // The beginning of a frame, as a power cut leaves it.
    let whole = fs::read(&path).unwrap();
    let frame = whole[64..].windows(4).position(|four| four == b"FRAM").unwrap_or(0);
    fs::write(&path, [&whole[..], &whole[64 + frame..64 + frame + 40]].concat()).unwrap();
    check_all_there(&home, &ids);
}

/// The end of the journal is gone, and it was acknowledged: the index may have it, and nothing is glossed over.
#[test]
fn a_journal_that_lost_its_end_is_not_taken_for_a_torn_write() {
    let home = Home::new(&PAPER);
    let ids = filled(&home);
    // After a clean end the index knows how far the journal went.
    let (status, _) = home.start().terminate();
    assert_eq!(status.code(), Some(0));
    let path = segment(&home);
    let bytes = fs::metadata(&path).unwrap().len();
    fs::File::options().write(true).open(&path).unwrap().set_len(bytes - 3000).unwrap();
    check_refused(&serve(&home), &["spool recover"]);
    check_good(&recover(&home));
    let life = home.start();
    let there = life.jobs().len();
    assert!(there >= ids.len() - 1 && there <= ids.len(), "{there} of {} jobs", ids.len());
}

#[test]
fn a_journal_that_is_damaged_in_the_middle_is_left_as_it_is_and_recovered() {
    let home = Home::new(&PAPER);
    let ids = filled(&home);
    let path = segment(&home);
    flip(&path, fs::metadata(&path).unwrap().len() / 2);
    // With an index that is whole nobody needs that part of the journal; without one it is needed.
    fs::remove_dir_all(home.state().join("sled")).unwrap();
    let before = bytes_of(&home, "journal");
    check_refused(&serve(&home), &["sled", "spool recover"]);
    assert_eq!(bytes_of(&home, "journal"), before, "a start that failed has changed it");
    let said = check_good(&recover(&home));
    assert!(said.contains("damaged"), "{said:?} does not tell of what was left out");
    assert!(!home.files("damaged").is_empty(), "what could not be read was not kept");
    let life = home.start();
    let there = life.jobs().len();
    assert!(there >= ids.len() - 2, "{there} of {} jobs", ids.len());
}

#[test]
fn an_index_that_is_gone_is_built_anew() {
    let home = Home::new(&PAPER);
    let ids = filled(&home);
    fs::remove_dir_all(home.state().join("sled")).unwrap();
    check_refused(&serve(&home), &["sled", "missing", "spool recover"]);
    check_good(&recover(&home));
    check_all_there(&home, &ids);
}

#[test]
fn an_index_whose_records_are_damaged_is_built_anew() {
    let home = Home::new(&PAPER);
    let ids = filled(&home);
    // A clean start and stop bring all records into the index.
    let (status, _) = home.start().terminate();
    assert_eq!(status.code(), Some(0));
    let path = home.state().join("sled").join("db");
    let bytes = fs::metadata(&path).unwrap().len();
    (0..bytes / 512).for_each(|n| flip(&path, n * 512 + 100));
    // Either it does not start, or it says on each thing it cannot read that it cannot.
    check_refused(&serve(&home), &["spool recover"]);
    check_good(&recover(&home));
    check_all_there(&home, &ids);
}

#[test]
fn a_state_of_a_newer_version_is_not_touched() {
    let home = Home::new(&PAPER);
    filled(&home);
    fs::write(home.state().join("format"), "spool state 999\n").unwrap();
    let before = [bytes_of(&home, "journal"), bytes_of(&home, "sled")];
    check_refused(&serve(&home), &["newer version", "999"]);
    check_refused(&recover(&home), &["newer version", "999"]);
    assert_eq!([bytes_of(&home, "journal"), bytes_of(&home, "sled")], before);
}

#[test]
fn a_state_that_is_in_use_is_refused_by_the_name_of_its_user() {
    let home = Home::new(&PAPER);
    let life = home.start();
    let process = format!("process {}", life.pid());
    check_refused(&ended(home.begin(&[("RUST_LOG", "off")])), &["in use", &process]);
    check_refused(&recover(&home), &["in use", &process]);
    // The first one goes on.
    assert_eq!(life.submit("paper", "k", b"x").unwrap().status, 201);
}

/// A file system of its own, as large as this; it goes with the test.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, size: &str) -> Disk {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at);
        assert!(mount.status().unwrap().success(), "this test must be run as root");
        Disk(at.to_owned())
    }

    /// Leaves only so many bytes.
    fn fill(&self, leave: u64) {
        let found = rustix::fs::statvfs(&self.0).unwrap();
        let free = found.f_bavail * found.f_frsize;
        let file = fs::File::create(self.0.join("filler")).unwrap();
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, free - leave).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn submit_sized(life: &Life<'_>, key: &str, bytes: usize) -> support::client::Answer {
    life.submit("office", key, &vec![b'x'; bytes]).unwrap()
}

#[test]
fn a_full_disk_takes_nothing_and_goes_on() {
    let printer = FakePrinter::start(Behaviour::NeverRead);
    let settings = QUICK.replace("1MiB", "4MiB");
    let home = Home::with(&settings, &[("office", &printer.uri())]);
    let disk = Disk::mount(&home.state(), "96m");
    let mut life = home.start();

    // One is being printed, and stays so.
    let running = id_of(&submit_sized(&life, "running", 8_000_000));
    printer.connected(1);
    life.job_is(running, "transmitting");

    // Less than is to stay free.
    disk.fill(3 << 20);
    life.until("it has noticed", |life| (life.get("/readyz").status != 200).then_some(()));
    let before = (life.jobs().len(), home.files("documents"));
    for (key, bytes) in [("small", 10_000), ("large", 300_000)] {
        let answer = submit_sized(&life, key, bytes);
        let problem = answer.refused(507, "disk_full");
        assert!(problem["detail"].as_str().unwrap().contains("make room"), "{problem}");
    }
    assert_eq!((life.jobs().len(), home.files("documents")), before);

    // The running job ends all the same.
    printer.behave(Behaviour::Normal);
    printer.hang_up();
    life.job_is(running, "completed");

    // And there is room again.
    disk.empty();
    life.until("it has noticed", |life| (life.get("/readyz").status == 200).then_some(()));
    let small = submit_sized(&life, "small", 10_000);
    assert_eq!(small.status, 201, "{small:?}");
    life.job_is(id_of(&small), "completed");
    life.kill();
    drop(disk);
}

#[test]
fn a_disk_that_fills_in_the_middle_of_an_upload_keeps_nothing_of_it() {
    let printer = FakePrinter::start(Behaviour::Normal);
    let home = Home::with(QUICK, &[("office", &printer.uri())]);
    let disk = Disk::mount(&home.state(), "64m");
    let mut life = home.start();
    let before = (life.jobs().len(), home.files("documents"));
    // There is room when it begins, and none for all of it.
    let answer = submit_sized(&life, "too-large", 80_000_000);
    let problem = answer.refused(507, "disk_full");
    assert!(problem["detail"].as_str().unwrap().contains("room"), "{problem}");
    life.until("nothing is left", |life| {
        ((life.jobs().len(), home.files("documents")) == before).then_some(())
    });
    life.until("it takes jobs again", |life| (life.get("/readyz").status == 200).then_some(()));
    let small = submit_sized(&life, "small", 10_000);
    life.job_is(id_of(&small), "completed");
    life.kill();
    drop(disk);
}
