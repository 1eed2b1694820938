//! Jobs and moments for the tests of the model.

use std::time::Duration;

use super::document::{BodyPlace, Format};
use super::event::Source;
use super::id::{AcceptedSeq, DocumentId, Generation, JobId, PoolId, PrinterId, QueueId, QueueName};
use super::job::{
    Bound, DocumentRef, DoneHow, FailReason, HoldReason, Identity, Job, JobEvent, JobStatus, Submitter,
};
use super::pool::{Pool, PoolPolicy};
use super::printer::Origin;
use super::time::{MonoTime, Now, WallTime};

pub fn name(text: &str) -> QueueName {
    QueueName::new(text).expect("tests use good names")
}

/// So many seconds after the beginning.
pub fn at(seconds: u64) -> Now {
    Now { wall: WallTime(1_000_000 + seconds * 1000), mono: MonoTime(Duration::from_secs(seconds)) }
}

pub fn bound(generation: u64) -> Bound {
    Bound { printer: PrinterId(1), name: name("p"), generation: Generation(generation) }
}

pub fn submitter() -> Submitter {
    Submitter { user: "ann".to_owned(), identity: Identity::Claimed }
}

/// A pool without members.
pub fn pool(id: PoolId, policy: PoolPolicy) -> Pool {
    Pool { id, name: name("pool"), members: Vec::new(), policy, origin: Origin::File, accepting: true }
}

/// A job of 100 bytes that waits in the queue of printer 1.
pub fn job(id: u32) -> Job {
    let document = DocumentRef {
        id: DocumentId(u64::from(id)),
        format: Format::Text,
        bytes: 100,
        crc: 0,
        place: BodyPlace::Inline,
    };
    let (queue, age) = (QueueId::Printer(PrinterId(1)), AcceptedSeq(u64::from(id)));
    Job {
        title: format!("job {id}"),
        documents: vec![document],
        entries: 1,
        ..Job::new(JobId(id), (queue, name("p")), submitter(), age, WallTime(1))
    }
}

/// That job after these events.
pub fn after(mut job: Job, events: impl IntoIterator<Item = JobEvent>) -> Job {
    for event in events {
        job.apply(event, Source::System, WallTime(2)).expect("tests go allowed ways");
    }
    job
}

/// A job that has come to a status in the usual way.
pub fn job_in(status: JobStatus) -> Job {
    use JobEvent as E;
    let attempt = || E::Attempt(bound(1));
    let events = match status {
        JobStatus::Held => vec![E::Hold(HoldReason::User)],
        JobStatus::Waiting => vec![],
        JobStatus::Rendering => vec![E::Render(bound(1))],
        JobStatus::Scheduled => vec![E::Schedule(bound(1))],
        JobStatus::Transmitting => vec![attempt()],
        JobStatus::Transmitted => vec![attempt(), E::LastByte { bytes: 100 }],
        JobStatus::Printing => vec![attempt(), E::PrintStart],
        JobStatus::Completed => vec![attempt(), E::Complete { how: DoneHow::PeerClosed, bytes: 100 }],
        JobStatus::Failed => vec![E::Fail(FailReason::Document("bad".to_owned()))],
        JobStatus::Canceled => vec![E::Cancel],
    };
    after(job(1), events)
}
