use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::model::document::{BodyPlace, Document, Format};
use crate::model::event::{Entry, Source};
use crate::model::id::{
    AcceptedSeq, DocumentId, Generation, JobId, PoolId, PrinterId, QueueId, QueueName, Revision,
};
use crate::model::job::{
    Bound, DocumentRef, FailReason, HoldReason, Identity, Job, JobStatus, Priority, Reason, Submitter,
};
use crate::model::options::Options;
use crate::model::pool::{Pool, PoolPolicy};
use crate::model::printer::{Closes, Origin, Printer, Reroute, Stream, WhenInDoubt};
use crate::model::queue::QueueCounts;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::model::time::WallTime;
use crate::store::KeyRecord;

/// Set to write the golden records anew. Only for a form that was never released.
const WRITE: &str = "SPOOL_WRITE_GOLDEN";

fn name(text: &str) -> QueueName {
    QueueName::new(text).unwrap()
}

fn options() -> Options {
    let mut options = Options::default();
    options.set("copies", "2").unwrap();
    options.set("media", "iso_a4_210x297mm").unwrap();
    options
}

fn job() -> Job {
    Job {
        id: JobId(4711),
        revision: Revision(9),
        queue: QueueId::Pool(PoolId(3)),
        queue_name: name("office"),
        rerouted: Some(QueueId::Printer(PrinterId(9))),
        bound: Some(Bound { printer: PrinterId(7), name: name("lp-7"), generation: Generation(12) }),
        status: JobStatus::Transmitting,
        reason: Reason::Broken(Broken::EarlyClose, Whole::Maybe),
        submitter: Submitter { user: "Jörg".to_owned(), identity: Identity::Uid(1000) },
        title: "Bericht für März".to_owned(),
        documents: vec![
            DocumentRef {
                id: DocumentId(1),
                format: Format::Pdf,
                bytes: 10_000,
                crc: 0xdead_beef,
                place: BodyPlace::Inline,
            },
            DocumentRef {
                id: DocumentId(1 << 40),
                format: Format::Other("text/x".to_owned()),
                bytes: 1,
                crc: 0,
                place: BodyPlace::File,
            },
        ],
        options: options(),
        priority: Priority::new(100).unwrap(),
        accepted: AcceptedSeq(123_456_789),
        attempts: 3,
        broken: 2,
        in_doubt: 1,
        last_broken: Some(Broken::EarlyClose),
        device_job_id: Some("ipp:17".to_owned()),
        cancel_requested: true,
        bytes_sent: 8192,
        pages_total: Some(12),
        pages_confirmed: Some(3),
        control_hash: Some([7; 32]),
        entries: 5,
        created_at: WallTime(1_790_000_000_000),
        updated_at: WallTime(1_790_000_000_500),
        finished_at: Some(WallTime(1_790_000_001_000)),
    }
}

fn entry() -> Entry {
    Entry {
        job: JobId(4711),
        seq: 5,
        at: WallTime(1_790_000_000_500),
        source: Source::Device,
        kind: "print-again".into(),
        from: Some(JobStatus::Transmitting),
        to: JobStatus::Waiting,
        reason: Some("may-have-printed".into()),
        message: "the printer closed the connection early".to_owned(),
        attempt: 3,
        printer: Some(name("lp-7")),
        next_at: Some(WallTime(1_790_000_002_000)),
    }
}

fn document() -> StoredDocument {
    let document = Document {
        id: DocumentId(1 << 40),
        submitter: Submitter { user: "root".to_owned(), identity: Identity::Admin },
        name: "märz.pdf".to_owned(),
        format: Format::Pdf,
        bytes: 10_000,
        crc: 0xdead_beef,
        place: BodyPlace::Inline,
        created_at: WallTime(1_790_000_000_000),
    };
    StoredDocument { document, users: 2, used_at: WallTime(1_790_000_000_001) }
}

fn printer() -> Printer {
    let new = Printer::new(PrinterId(7), name("lp-7"), "socket://10.0.0.20:9100".to_owned(), Origin::Api);
    Printer {
        format: Some(Format::PclXl),
        defaults: options(),
        mac: Some([1, 2, 3, 4, 5, 6]),
        credentials_file: Some("/etc/spool/lp-7".to_owned()),
        when_in_doubt: WhenInDoubt::Hold,
        reroute: Reroute::To(name("lp-8")),
        closes: Closes::No,
        stream: Stream::Large,
        share: true,
        info: "Büro".to_owned(),
        location: "2.17".to_owned(),
        paused: true,
        ..new
    }
}

fn pool() -> Pool {
    let members = vec![PrinterId(7), PrinterId(8)];
    let (policy, origin) = (PoolPolicy::FirstAvailable, Origin::Api);
    Pool { id: PoolId(3), name: name("office"), members, policy, origin, accepting: false }
}

fn key() -> KeyRecord {
    KeyRecord { job: JobId(4711), fingerprint: [9; 32], expires_at: WallTime(1_790_000_000_000) }
}

fn event() -> EventV1 {
    EventV1 { seq: 77, subjects: vec![SubjectV1::Job(4711), SubjectV1::Printer(7), SubjectV1::Server] }
}

/// A job as the first form can tell it.
fn job_of_the_first_form() -> Job {
    Job { rerouted: None, pages_total: None, pages_confirmed: None, ..job() }
}

fn golden(version: u16, file: &str) -> PathBuf {
    let store = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store");
    store.join(format!("v{version}")).join(file)
}

#[test]
fn pools_of_the_first_form_are_read_as_what_they_meant() {
    let old = std::fs::read(golden(1, "pool.bin")).unwrap();
    let read = decode::<Pool>(&old, || "the pool".to_owned()).unwrap();
    assert_eq!(read, Pool { origin: Origin::File, accepting: true, ..pool() });
    assert!(decode::<Pool>(&[old, vec![0]].concat(), String::new).is_err(), "a byte more");
}

/// The golden record of a value is read as that value, the value is written as that record, and no bit of
/// it can be another.
fn check_golden<T: Stored + PartialEq + std::fmt::Debug>(file: &str, value: &T) {
    let path = golden(upgrade::newest(T::KIND), file);
    let written = encode(value).unwrap();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let golden = std::fs::read(&path).unwrap();
    assert_eq!(decode::<T>(&golden, || file.to_owned()).as_ref(), Ok(value), "{file} is read otherwise");
    assert_eq!(written, golden, "{file} is written otherwise");
    for bit in 0..golden.len() * 8 {
        let mut flipped = golden.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let refused = decode::<T>(&flipped, || file.to_owned());
        assert!(matches!(refused, Err(ReadError::Damaged { .. })), "{file}: bit {bit} was not missed");
    }
    for len in 0..golden.len() {
        assert!(decode::<T>(&golden[..len], String::new).is_err(), "{file} cut at {len} was taken");
    }
    assert!(decode::<T>(&[golden, vec![0]].concat(), String::new).is_err(), "{file} with a byte more");
}

#[test]
fn every_kind_is_stored_as_it_always_was() {
    check_golden("job.bin", &job());
    check_golden("entry.bin", &entry());
    check_golden("document.bin", &document());
    check_golden("printer.bin", &printer());
    check_golden("pool.bin", &pool());
    check_golden("setting.bin", &SettingV1(vec![0, 1, 255]));
    check_golden("counts.bin", &QueueCounts { jobs: 3, bytes: 1 << 40, held: 1 });
    check_golden("key.bin", &key());
    check_golden("event.bin", &event());
}

#[test]
fn a_job_of_the_first_form_is_still_read() {
    let first = std::fs::read(golden(1, "job.bin")).unwrap();
    assert_eq!(decode(&first, String::new), Ok(job_of_the_first_form()));
    for len in 0..first.len() {
        assert!(decode::<Job>(&first[..len], String::new).is_err(), "cut at {len} it was taken");
    }
}

/// Gives a record another header or payload and makes its checksum right again.
fn forged(kind: Kind, version: u16, payload: &[u8]) -> Vec<u8> {
    let [v0, v1] = version.to_be_bytes();
    let mut bytes = vec![MAGIC, kind as u8, v0, v1, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    let crc = checksum(&bytes);
    bytes[4..HEADER_BYTES].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[test]
fn what_a_newer_version_wrote_is_an_error_of_its_own() {
    let what = || "job 1".to_owned();
    let newer = decode::<Job>(&forged(Kind::Job, 3, b"?"), what);
    assert_eq!(newer, Err(ReadError::Newer { what: what(), version: 3 }));
    let never = decode::<Job>(&forged(Kind::Job, 0, b"?"), what).unwrap_err();
    assert_eq!(
        never.to_string(),
        "job 1 is damaged (there never was a form 0); stop the server and run `spool recover`"
    );
}

#[test]
fn records_are_not_taken_for_each_other() {
    let setting = encode(&SettingV1(vec![1])).unwrap();
    assert!(matches!(decode::<Pool>(&setting, String::new), Err(ReadError::Damaged { .. })));
    // The payload is longer than its content.
    let long = forged(Kind::Setting, 1, &[1, 7, 0]);
    assert!(matches!(decode::<SettingV1>(&long, String::new), Err(ReadError::Damaged { .. })));
    // Nine bytes that ask for more memory than there is.
    let bomb = forged(Kind::Setting, 1, &[253, 255, 255, 255, 255, 255, 255, 255, 127]);
    assert!(matches!(decode::<SettingV1>(&bomb, String::new), Err(ReadError::Damaged { .. })));
}

#[test]
fn what_is_too_large_is_not_written() {
    let fits = SettingV1(vec![0; RECORD_BYTES_MAX - HEADER_BYTES - 3]);
    let record = encode(&fits).unwrap();
    assert_eq!((record.len(), decode(&record, String::new)), (RECORD_BYTES_MAX, Ok(fits)));
    assert_eq!(encode(&SettingV1(vec![0; RECORD_BYTES_MAX - HEADER_BYTES - 2])), Err(TooLarge));
}

#[test]
fn the_largest_job_can_be_written_and_read() {
    let media_type = format!("application/{}", "x".repeat(115));
    let reference = |id| DocumentRef {
        id: DocumentId(u64::MAX - id),
        format: Format::Other(media_type.clone()),
        bytes: u64::MAX,
        crc: u32::MAX,
        place: BodyPlace::Inline,
    };
    let documents = (0..crate::model::job::DOCUMENTS_MAX as u64).map(reference).collect();
    let largest = Job { documents, title: "x".repeat(255), ..job() };
    assert_eq!(decode(&encode(&largest).unwrap(), String::new), Ok(largest));
}

fn reasons() -> impl Strategy<Value = Reason> {
    let reason = prop::sample::select(vec![
        Reason::None,
        Reason::Held(HoldReason::Incoming),
        Reason::Held(HoldReason::QueueRemoved),
        Reason::NotReady(NotReady::Asleep),
        Reason::Broken(Broken::WriteFailed, Whole::No),
        Reason::Blocked,
        Reason::Done(crate::model::job::DoneHow::Unconfirmed),
    ]);
    prop_oneof![
        reason,
        any::<String>().prop_map(|words| Reason::NotReady(NotReady::Other(words))),
        any::<String>().prop_map(|why| Reason::Failed(FailReason::DocumentDamaged(why))),
    ]
}

prop_compose! {
    fn jobs()(
        (id, revision, accepted, bytes_sent) in any::<(u32, u64, u64, u64)>(),
        (title, user, device_job_id) in any::<(String, String, Option<String>)>(),
        (attempts, broken, in_doubt, entries, cancel_requested) in any::<(u32, u32, u32, u32, bool)>(),
        (created_at, updated_at, finished_at) in any::<(u64, u64, Option<u64>)>(),
        (printer, documents) in any::<(bool, Vec<(u64, u64, String)>)>(),
        (pages_total, pages_confirmed) in any::<(Option<u32>, Option<u32>)>(),
        control_hash in any::<Option<[u8; 32]>>(),
        status in prop::sample::select(JobStatus::ALL.to_vec()),
        priority in 1u32..=100,
        reason in reasons(),
    ) -> Job {
        let reference = |(id, bytes, media_type): (u64, u64, String)| DocumentRef {
            id: DocumentId(id),
            format: Format::from_media_type(&media_type),
            bytes,
            crc: id as u32,
            place: BodyPlace::File,
        };
        let mut job = Job {
            id: JobId(id), revision: Revision(revision), accepted: AcceptedSeq(accepted), bytes_sent,
            title, device_job_id, attempts, broken, in_doubt, entries, cancel_requested, control_hash,
            created_at: WallTime(created_at), updated_at: WallTime(updated_at),
            finished_at: finished_at.map(WallTime), status, reason, pages_total, pages_confirmed,
            priority: Priority::new(priority).unwrap(),
            documents: documents.into_iter().map(reference).collect(),
            submitter: Submitter { user, identity: Identity::Claimed },
            ..job()
        };
        if printer {
            (job.queue, job.bound, job.options) = (QueueId::Printer(PrinterId(id)), None, Options::default());
            job.rerouted = None;
        }
        job
    }
}

proptest! {
    #[test]
    fn a_job_comes_back_as_it_went(job in jobs()) {
        prop_assert_eq!(decode(&encode(&job).unwrap(), String::new), Ok(job));
    }

    #[test]
    fn no_bytes_can_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 1u8..10) {
        // Right checksums, so that the payload is looked at.
        let _ = decode::<Job>(&forged(Kind::Job, 1, &bytes), String::new);
        let mut record = forged(Kind::Job, 2, &bytes);
        record[1] = kind;
        let crc = checksum(&record).to_be_bytes();
        record[4..HEADER_BYTES].copy_from_slice(&crc);
        let _ = decode::<Job>(&record, String::new);
        let _ = decode::<Printer>(&forged(Kind::Printer, 1, &bytes), String::new);
        let _ = decode::<EventV1>(&forged(Kind::Event, 1, &bytes), String::new);
        let _ = decode::<StoredDocument>(&forged(Kind::Document, 1, &bytes), String::new);
        let _ = decode::<Pool>(&forged(Kind::Pool, 1, &bytes), String::new);
    }
}
