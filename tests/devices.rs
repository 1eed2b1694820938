//! Devices as they are met: real sockets, real files, a real terminal.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use spool::clock::Clock;
use spool::device::{self, Confirmation, JobTag, Link, Pulse, Shutter, Stop, Surroundings, Target, Timing};
use spool::model::id::{AcceptedSeq, Generation, JobId};
use spool::model::job::{DoneHow, FailReason};
use spool::model::liveness::Stage;
use spool::model::news::News;
use spool::model::options::Options;
use spool::model::outcome::{Answer, Outcome};
use spool::model::retry::{Broken, NotReady, Whole};
use spool::model::time::WallTime;
use spool::printing::{self, Part};
use support::printer::{Behaviour, End, FakePrinter, PATIENCE, spawn};

const KIB_64: usize = 64 * 1024;
const MIB: usize = 1024 * 1024;

/// A pulse that tells of each stage and ends when told to.
struct TestPulse {
    stages: Sender<Stage>,
    stop: Arc<AtomicBool>,
}

impl Pulse for TestPulse {
    fn beat(&mut self, _bytes: u64) -> Result<(), Stop> {
        if self.stop.load(Ordering::Acquire) { Err(Stop) } else { Ok(()) }
    }

    fn stage(&mut self, stage: Stage) {
        let _ = self.stages.send(stage);
    }

    fn protect(&mut self, _longest: Duration) {}

    fn news(&mut self, _news: News) {}
}

/// An attempt on a thread of its own.
struct Sending {
    stages: Receiver<Stage>,
    stop: Arc<AtomicBool>,
    shutter: Option<Arc<dyn Shutter>>,
    outcome: Receiver<Outcome>,
}

impl Sending {
    fn wait_for(&self, stage: Stage) {
        while self.stages.recv_timeout(PATIENCE).expect("the stage comes") != stage {}
    }

    fn outcome(&self) -> Outcome {
        self.outcome.recv_timeout(PATIENCE).expect("the attempt ends")
    }

    /// The outcome of one that was told to end, or shut.
    fn outcome_soon(&self) -> Outcome {
        self.outcome.recv_timeout(Duration::from_secs(1)).expect("the attempt ends within a second")
    }
}

fn surroundings(files: &[&Path], silence: Duration) -> Surroundings {
    let files = files.iter().map(|path| path.canonicalize().unwrap()).collect();
    let timing = Timing { connect: Duration::from_secs(5), beat: Duration::from_millis(50), silence };
    Surroundings::new(files, timing, Clock::machine())
}

/// Waits that end only because somebody ends them.
fn slow_beat(there: Surroundings) -> Surroundings {
    Surroundings { timing: Timing { beat: Duration::from_secs(60), ..there.timing }, ..there }
}

fn target(uri: &str) -> Arc<dyn Target> {
    device::parse(uri, &surroundings(&[], Duration::from_secs(10))).unwrap()
}

fn open(target: &dyn Target) -> Result<Box<dyn Link>, NotReady> {
    runtime().block_on(target.open())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn ask(target: &dyn Target, tag: &JobTag) -> Answer {
    runtime().block_on(target.ask(tag))
}

fn tag() -> JobTag {
    JobTag {
        id: JobId(12),
        created_at: WallTime(1_767_225_600_123),
        accepted: AcceptedSeq(77),
        attempt: (2, Generation(5)),
        title: "report.pdf".to_owned(),
        user: "ann".to_owned(),
        handle: None,
        extension: "pdf",
        documents: Vec::new(),
        options: Options::default(),
        bytes_total: 0,
        closes: Confirmation::Close,
    }
}

/// Bytes without a period that a buffer's size would hide, and with every value in them.
fn document(bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn part(body: &[u8]) -> Part {
    let (bytes, crc, body) = (body.len() as u64, crc32c::crc32c(body), Arc::<[u8]>::from(body));
    Part {
        open: Box::new(move || Ok(Box::new(Cursor::new(body.clone())) as Box<dyn Read + Send>)),
        bytes,
        crc,
    }
}

fn start(target: &dyn Target, tag: JobTag, parts: Vec<Part>, copies: u32) -> Sending {
    let link = open(target).unwrap();
    let (stages_in, stages) = unbounded();
    let (outcome_in, outcome) = unbounded();
    let stop = Arc::new(AtomicBool::new(false));
    let mut pulse = TestPulse { stages: stages_in, stop: stop.clone() };
    let shutter = link.shutter();
    let one: u64 = parts.iter().map(|part| part.bytes).sum();
    let tag = JobTag { bytes_total: one * u64::from(copies), ..tag };
    spawn("sending", move || {
        let _ = outcome_in.send(printing::run(link, &tag, &parts, copies, &mut pulse));
    });
    Sending { stages, stop, shutter, outcome }
}

fn send(target: &dyn Target, body: &[u8]) -> Sending {
    start(target, tag(), vec![part(body)], 1)
}

fn done(how: DoneHow, body: &[u8]) -> Outcome {
    Outcome::Done { how, bytes: body.len() as u64 }
}

// Sockets.

#[test]
fn documents_come_out_whole() {
    let printer = FakePrinter::start(Behaviour::Normal);
    let target = target(&printer.uri());
    for (n, size) in [1, KIB_64 - 1, KIB_64, KIB_64 + 1, 10 * MIB].into_iter().enumerate() {
        let body = document(size);
        assert_eq!(send(&*target, &body).outcome(), done(DoneHow::PeerClosed, &body));
        let got = printer.ended(n);
        assert_eq!(got.end, Some(End::Eof));
        assert!(got.bytes == body, "{size} bytes came out otherwise");
    }
}

#[test]
fn copies_and_documents_come_in_their_order() {
    let printer = FakePrinter::start(Behaviour::Normal);
    let (a, b) = (document(KIB_64 + 5), document(3));
    let sending = start(&*target(&printer.uri()), tag(), vec![part(&a), part(&b)], 2);
    let all = [a.clone(), b.clone(), a, b].concat();
    assert_eq!(sending.outcome(), done(DoneHow::PeerClosed, &all));
    assert!(printer.ended(0).bytes == all);
}

#[test]
fn a_reset_in_the_middle_is_broken_and_not_whole() {
    let printer = FakePrinter::start(Behaviour::ResetAfter(100_000));
    let outcome = send(&*target(&printer.uri()), &document(10 * MIB)).outcome();
    assert!(
        matches!(outcome, Outcome::Broken { broken: Broken::Reset, whole: Whole::No, bytes } if bytes >= 100_000),
        "{outcome:?}"
    );
}

#[test]
fn an_early_close_in_the_middle_is_broken_and_not_whole() {
    let printer = FakePrinter::start(Behaviour::CloseEarlyAfter(100_000));
    let outcome = send(&*target(&printer.uri()), &document(10 * MIB)).outcome();
    assert!(
        matches!(outcome, Outcome::Broken { broken: Broken::EarlyClose, whole: Whole::No, .. }),
        "{outcome:?}"
    );
}

#[test]
fn a_close_with_unread_bytes_after_the_last_is_never_done() {
    let printer = FakePrinter::start(Behaviour::NeverRead);
    let body = document(1000);
    let sending = send(&*target(&printer.uri()), &body);
    sending.wait_for(Stage::AwaitingWord);
    printer.connected(1);
    printer.reset();
    let broken = Outcome::Broken { broken: Broken::Reset, whole: Whole::Maybe, bytes: 1000 };
    assert_eq!(sending.outcome(), broken);
}

#[test]
fn a_close_while_bytes_are_on_their_way_is_never_done() {
    // The printer closes its side, which looks like its final word, and then never takes the rest.
    let printer = FakePrinter::start(Behaviour::NeverRead);
    let timing = surroundings(&[], Duration::from_millis(300));
    let target = device::parse(&printer.uri(), &timing).unwrap();
    let sending = send(&*target, &document(300_000));
    sending.wait_for(Stage::Ending);
    printer.connected(1);
    printer.hang_up();
    let outcome = sending.outcome();
    assert!(matches!(outcome, Outcome::Broken { whole: Whole::No, bytes: 300_000, .. }), "{outcome:?}");
}

#[test]
fn what_never_left_is_known_after_a_reset() {
    let printer = FakePrinter::start(Behaviour::NeverRead);
    let sending = send(&*target(&printer.uri()), &document(300_000));
    sending.wait_for(Stage::Ending);
    printer.connected(1);
    printer.reset();
    let broken = Outcome::Broken { broken: Broken::Reset, whole: Whole::No, bytes: 300_000 };
    assert_eq!(sending.outcome(), broken);
}

#[test]
fn a_printer_that_never_closes_is_silent_or_unconfirmed() {
    let printer = FakePrinter::start(Behaviour::NeverClose);
    let soon = surroundings(&[], Duration::from_millis(200));
    let target = device::parse(&printer.uri(), &soon).unwrap();
    let body = document(1000);
    let broken = Outcome::Broken { broken: Broken::Silent, whole: Whole::Maybe, bytes: 1000 };
    assert_eq!(send(&*target, &body).outcome(), broken);
    let silence = JobTag { closes: Confirmation::Silence, ..tag() };
    let sending = start(&*target, silence, vec![part(&body)], 1);
    assert_eq!(sending.outcome(), done(DoneHow::Unconfirmed, &body));
    printer.behave(Behaviour::Normal);
    let silence = JobTag { closes: Confirmation::Silence, ..tag() };
    let sending = start(&*target, silence, vec![part(&body)], 1);
    assert_eq!(sending.outcome(), done(DoneHow::PeerClosed, &body), "a close is a word all the same");
    printer.hang_up();
    for n in 0..3 {
        assert_eq!(printer.ended(n).end, Some(End::Eof), "what was taken whole is not reset");
        assert!(printer.ended(n).bytes == body);
    }
}

#[test]
fn a_slow_reader_is_not_silent() {
    // At the end it takes longer than `silence` to read what this side still holds.
    let printer = FakePrinter::start(Behaviour::SlowRead(MIB));
    let soon = surroundings(&[], Duration::from_millis(200));
    let target = device::parse(&printer.uri(), &soon).unwrap();
    let body = document(2 * MIB);
    assert_eq!(send(&*target, &body).outcome(), done(DoneHow::PeerClosed, &body));
    assert!(printer.ended(0).bytes == body);
}

#[test]
fn a_printer_that_speaks_all_the_time_is_read() {
    let printer = FakePrinter::start(Behaviour::WritesStatus);
    let body = document(10 * MIB);
    assert_eq!(send(&*target(&printer.uri()), &body).outcome(), done(DoneHow::PeerClosed, &body));
    assert!(printer.ended(0).bytes == body);
}

#[test]
fn a_hanging_link_is_shut_from_outside() {
    let printer = FakePrinter::start(Behaviour::NeverRead);
    let target = device::parse(&printer.uri(), &slow_beat(surroundings(&[], PATIENCE))).unwrap();
    let sending = send(&*target, &document(10 * MIB));
    printer.connected(1);
    let shutter = sending.shutter.as_ref().unwrap();
    assert!(sending.outcome.try_recv().is_err());
    shutter.shut();
    shutter.shut();
    let outcome = sending.outcome_soon();
    assert!(matches!(outcome, Outcome::Aborted { whole: Whole::No, .. }), "{outcome:?}");
    shutter.shut();
}

#[test]
fn a_stop_in_the_middle_resets_the_connection() {
    let printer = FakePrinter::start(Behaviour::SlowRead(100_000));
    let sending = send(&*target(&printer.uri()), &document(10 * MIB));
    printer.connected(1);
    sending.stop.store(true, Ordering::Release);
    let outcome = sending.outcome_soon();
    assert!(matches!(outcome, Outcome::Aborted { whole: Whole::No, .. }), "{outcome:?}");
    assert_eq!(printer.ended(0).end, Some(End::Reset), "what this side still held must not come out");
}

#[test]
fn a_printer_that_refuses_comes_back() {
    let mut printer = FakePrinter::start(Behaviour::Normal);
    let target = target(&printer.uri());
    printer.refuse();
    assert_eq!(open(&*target).map(|_| ()).unwrap_err(), NotReady::Refused);
    printer.listen();
    assert_eq!(send(&*target, b"x").outcome(), done(DoneHow::PeerClosed, b"x"));
}

#[test]
fn one_that_closes_at_once_is_busy() {
    let printer = FakePrinter::start(Behaviour::CloseEarlyAfter(0));
    let link = open(&*target(&printer.uri())).unwrap();
    printer.connected(1);
    let mut pulse = TestPulse { stages: unbounded().0, stop: Arc::default() };
    // The close may still be on its way when the link begins; what was not taken is not ready all the same.
    let outcome = printing::run(link, &tag(), &[], 1, &mut pulse);
    assert!(
        matches!(outcome, Outcome::NotReady(NotReady::Busy) | Outcome::Done { bytes: 0, .. }),
        "{outcome:?}"
    );
}

// Printing.

#[test]
fn a_damaged_document_is_its_own_error() {
    let printer = FakePrinter::start(Behaviour::Normal);
    let target = target(&printer.uri());
    let damaged = |part: Part| {
        let outcome = start(&*target, tag(), vec![part], 1).outcome();
        let Outcome::Document(FailReason::DocumentDamaged(why)) = outcome else { panic!("{outcome:?}") };
        why
    };
    let short = Part { bytes: 1001, ..part(&document(1000)) };
    assert_eq!(damaged(short), "document 1 is shorter than its 1001 bytes");
    let long = Part { bytes: 999, ..part(&document(1000)) };
    assert_eq!(damaged(long), "document 1 is longer than its 999 bytes");
    let gone = Part { open: Box::new(|| Err(io::ErrorKind::NotFound.into())), bytes: 1, crc: 0 };
    assert!(damaged(gone).starts_with("document 1 cannot be opened"));
    let flipped = Part { crc: 1, ..part(&document(1000)) };
    assert_eq!(damaged(flipped), "document 1 does not match its checksum");
    for n in 0..4 {
        assert_eq!(printer.ended(n).bytes, [0u8; 0], "a document of one chunk is checked before it leaves");
    }
    let flipped = Part { crc: 1, ..part(&document(2 * KIB_64)) };
    assert_eq!(damaged(flipped), "document 1 does not match its checksum");
    assert!(printer.ended(4).bytes.len() <= KIB_64, "the last chunk of a damaged document never leaves");
}

// Files.

fn file_target(directory: &Path) -> Arc<dyn Target> {
    let there = surroundings(&[directory], Duration::from_secs(10));
    device::parse(&format!("file:{}", directory.display()), &there).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_job_becomes_a_file() {
    let place = tempfile::tempdir().unwrap();
    let target = file_target(place.path());
    let body = document(MIB + 1);
    assert_eq!(ask(&*target, &tag()), Answer::NotPrinted);
    assert_eq!(send(&*target, &body).outcome(), done(DoneHow::FileWritten, &body));
    assert_eq!(names(place.path()), ["000012-report.pdf"]);
    assert!(fs::read(place.path().join("000012-report.pdf")).unwrap() == body);
    assert!(target.can_ask());
    assert_eq!(ask(&*target, &tag()), Answer::Printed(DoneHow::FileWritten));
}

#[test]
fn nothing_is_overwritten_and_no_other_file_is_taken_for_the_job() {
    let place = tempfile::tempdir().unwrap();
    let target = file_target(place.path());
    fs::write(place.path().join("000012-report.pdf"), "somebody else's").unwrap();
    assert_eq!(ask(&*target, &tag()), Answer::NotPrinted);
    assert_eq!(send(&*target, b"first").outcome(), done(DoneHow::FileWritten, b"first"));
    assert_eq!(ask(&*target, &tag()), Answer::Printed(DoneHow::FileWritten));
    let again = JobTag { accepted: AcceptedSeq(78), ..tag() };
    assert_eq!(ask(&*target, &again), Answer::NotPrinted, "a restarted job is another printing");
    let sending = start(&*target, again.clone(), vec![part(b"again")], 1);
    assert_eq!(sending.outcome(), done(DoneHow::FileWritten, b"again"));
    assert_eq!(ask(&*target, &again), Answer::Printed(DoneHow::FileWritten));
    let expected = ["000012-report.pdf", "000012-report~2.pdf", "000012-report~3.pdf"];
    assert_eq!(names(place.path()), expected);
    let read = |name: &str| fs::read_to_string(place.path().join(name)).unwrap();
    assert_eq!(expected.map(read), ["somebody else's", "first", "again"]);
}

#[test]
fn each_document_and_copy_gets_a_file() {
    let place = tempfile::tempdir().unwrap();
    let target = file_target(place.path());
    let outcome = start(&*target, tag(), vec![part(b"a"), part(b"b")], 2).outcome();
    assert_eq!(outcome, done(DoneHow::FileWritten, b"abab"));
    let expected = ["000012-report-2.pdf", "000012-report-3.pdf", "000012-report-4.pdf", "000012-report.pdf"];
    assert_eq!(names(place.path()), expected);
    let read = |name: &str| fs::read_to_string(place.path().join(name)).unwrap();
    assert_eq!(expected.map(read), ["b", "a", "b", "a"]);
}

#[test]
fn a_file_that_is_not_finished_is_not_printed_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let target = file_target(place.path());
    let mut pulse = TestPulse { stages: unbounded().0, stop: Arc::default() };
    let mut link = open(&*target).unwrap();
    link.begin(&tag(), &mut pulse).unwrap();
    link.write(b"half", &mut pulse).unwrap();
    link.next_part(&mut pulse).unwrap();
    assert_eq!(names(place.path()).len(), 2);
    assert!(names(place.path()).iter().all(|name| name.starts_with('.')), "unfinished files are hidden");
    // As after a crash: nobody tidied up.
    std::mem::forget(link);
    fs::write(place.path().join("000012-report-2.pdf"), "not ours").unwrap();
    assert_eq!(ask(&*target, &tag()), Answer::NotPrinted);
    assert_eq!(names(place.path()), ["000012-report-2.pdf"]);

    let mut link = open(&*target).unwrap();
    link.begin(&tag(), &mut pulse).unwrap();
    drop(link);
    assert_eq!(names(place.path()), ["000012-report-2.pdf"]);
}

#[test]
fn hostile_titles_stay_in_the_directory() {
    let outer = tempfile::tempdir().unwrap();
    let place = outer.path().join("prints");
    fs::create_dir(&place).unwrap();
    let target = file_target(&place);
    for (n, title) in ["../../etc/passwd", "/etc/passwd", "a\0b", "..", "\n", &"ü".repeat(3000), "x\u{202e}y"]
        .into_iter()
        .enumerate()
    {
        let tag = JobTag { id: JobId(100 + n as u32), title: title.to_owned(), ..tag() };
        assert_eq!(start(&*target, tag, vec![part(b"x")], 1).outcome(), done(DoneHow::FileWritten, b"x"));
    }
    assert_eq!(names(outer.path()), ["prints"]);
    assert_eq!(names(&place).len(), 7);
    assert!(names(&place).iter().all(|name| name.starts_with("0001") && name.ends_with(".pdf")));
}

#[test]
fn a_symbolic_link_that_leads_out_later_is_refused_when_opened() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let there = surroundings(&[inside.path()], Duration::from_secs(10));
    let target = device::parse(&format!("file:{}/prints", inside.path().display()), &there).unwrap();
    std::os::unix::fs::symlink(outside.path(), inside.path().join("prints")).unwrap();
    let error = open(&*target).map(|_| ()).unwrap_err();
    assert!(matches!(&error, NotReady::Other(why) if why.contains("outside")), "{error:?}");
    assert_eq!(names(outside.path()), [""; 0]);
}

#[test]
fn a_missing_directory_is_made_one_level_deep() {
    let place = tempfile::tempdir().unwrap();
    let there = surroundings(&[place.path()], Duration::from_secs(10));
    let at = |end: &str| device::parse(&format!("file:{}/{end}", place.path().display()), &there).unwrap();
    assert_eq!(send(&*at("new"), b"x").outcome(), done(DoneHow::FileWritten, b"x"));
    assert_eq!(open(&*at("no/new")).map(|_| ()).unwrap_err(), NotReady::Unreachable);
    fs::write(place.path().join("plain"), "").unwrap();
    assert!(matches!(open(&*at("plain")).map(|_| ()), Err(NotReady::Other(_))));
}

#[test]
fn a_device_out_of_paper_is_waited_for_and_can_be_shut() {
    let there = slow_beat(surroundings(&[Path::new("/dev")], PATIENCE));
    let node = device::parse("file:/dev/full", &there).unwrap();
    assert_eq!(ask(&*node, &tag()), Answer::CannotTell);
    let sending = send(&*node, b"x");
    sending.wait_for(Stage::Sending);
    sending.shutter.as_ref().unwrap().shut();
    assert!(matches!(sending.outcome_soon(), Outcome::Aborted { whole: Whole::No, .. }));
}

#[test]
fn a_terminal_passes_every_byte_as_it_is() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let target =
        device::parse(&format!("file:{name}"), &surroundings(&[Path::new("/dev/pts")], PATIENCE)).unwrap();
    let body = document(200_000);
    let (got_in, got) = unbounded();
    let size = body.len();
    spawn("terminal", move || {
        let mut master = fs::File::from(master);
        let mut bytes = vec![0; size];
        let read = master.read_exact(&mut bytes);
        // With the terminal, which must not hang up before it has drained.
        let _ = got_in.send((read.map(|()| bytes), master));
    });
    let sending = send(&*target, &body);
    assert_eq!(sending.outcome(), done(DoneHow::Drained, &body));
    let (bytes, _master) = got.recv_timeout(PATIENCE).unwrap();
    assert!(bytes.unwrap() == body);
}

#[test]
fn a_pipe_is_done_when_it_is_read_empty_and_can_be_shut() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let there = surroundings(&[place.path()], PATIENCE);
    let target = device::parse(&format!("file:{}", path.display()), &there).unwrap();
    assert_eq!(open(&*target).map(|_| ()).unwrap_err(), NotReady::Unreachable, "nobody reads it");
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let reader = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();

    let hanging = send(&*target, &document(MIB));
    hanging.wait_for(Stage::Sending);
    hanging.shutter.as_ref().unwrap().shut();
    assert!(matches!(hanging.outcome_soon(), Outcome::Aborted { whole: Whole::No, .. }));

    let mut reader = fs::File::from(reader);
    let mut rest = vec![0; MIB];
    while reader.read(&mut rest).is_ok_and(|bytes| bytes > 0) {}
    let sending = send(&*target, b"short");
    sending.wait_for(Stage::Ending);
    drop(reader);
    let broken = Outcome::Broken { broken: Broken::EarlyClose, whole: Whole::Maybe, bytes: 5 };
    assert_eq!(sending.outcome(), broken, "the reader went before it had read");
}

// The simulated printer.

#[test]
fn the_simulated_printer_fails_on_plan() {
    let there = surroundings(&[], Duration::from_millis(200));
    let uri = "sim:?fail=reset@2,early-close@3,document@4,credentials@5,silent@6,lies@7";
    let target = device::parse(uri, &there).unwrap();
    let body = document(2 * KIB_64);
    let bytes = body.len() as u64;
    let middle = |broken| Outcome::Broken { broken, whole: Whole::No, bytes: KIB_64 as u64 };
    for expected in [
        done(DoneHow::PeerClosed, &body),
        middle(Broken::Reset),
        middle(Broken::EarlyClose),
        Outcome::Document(FailReason::Document(
            "the simulated printer cannot print it, as it was told".to_owned(),
        )),
        Outcome::Credentials,
        Outcome::Broken { broken: Broken::Silent, whole: Whole::Maybe, bytes },
        done(DoneHow::PeerClosed, &body),
        done(DoneHow::PeerClosed, &body),
    ] {
        assert_eq!(send(&*target, &body).outcome(), expected);
    }
}

#[test]
fn the_simulated_printer_recovers() {
    let there = surroundings(&[], Duration::from_secs(10));
    let target = device::parse("sim:?fail=jam@1,stall@2&recover=100ms", &there).unwrap();
    assert_eq!(open(&*target).map(|_| ()).unwrap_err(), NotReady::MediaJam);
    while let Err(why) = open(&*target) {
        assert_eq!(why, NotReady::MediaJam);
    }
    assert_eq!(send(&*target, b"x").outcome(), done(DoneHow::PeerClosed, b"x"));
    assert_eq!(send(&*target, b"x").outcome(), done(DoneHow::PeerClosed, b"x"), "the stall passes");
}

#[test]
fn the_simulated_printer_can_be_shut_in_a_stall() {
    let there = slow_beat(surroundings(&[], PATIENCE));
    let target = device::parse("sim:?fail=stall@1&recover=1000s", &there).unwrap();
    let sending = send(&*target, b"x");
    sending.wait_for(Stage::Sending);
    sending.shutter.as_ref().unwrap().shut();
    assert!(matches!(sending.outcome_soon(), Outcome::Aborted { whole: Whole::No, .. }));
}

/// Whoever decides on a cancellation knows a printer by its scheme alone.
#[test]
fn can_9_devices_that_cancel_by_number_are_those_that_the_table_names() {
    let surroundings = surroundings(&[], Duration::from_secs(1));
    for kind in device::KINDS {
        let named = spool::model::cancel::CANCEL_BY_HANDLE.contains(&kind.scheme);
        let target = device::parse(kind.example, &surroundings);
        let can = target.is_ok_and(|target| target.can_cancel());
        assert!(named || !can, "{} cancels by number and model/cancel.rs does not know", kind.scheme);
    }
    let talker = device::parse("sim:?talks=yes", &surroundings).expect("a printer");
    assert!(talker.can_cancel() && talker.can_ask());
}
