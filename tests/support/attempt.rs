//! Attempts at devices, without a server: a link is opened and a job sent over it on a thread of its own.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use spool::clock::Clock;
use spool::device::{
    self, CancelFailed, Confirmation, DocumentTag, JobTag, Link, Place, Pulse, Shutter, Stop, Surroundings,
    Target, Timing,
};
use spool::model::description::Description;
use spool::model::document::Format;
use spool::model::id::{AcceptedSeq, Generation, JobId};
use spool::model::liveness::Stage;
use spool::model::news::News;
use spool::model::options::Options;
use spool::model::outcome::{Answer, Outcome};
use spool::model::retry::NotReady;
use spool::model::time::WallTime;
use spool::printing::{self, Part};

use tokio::runtime::Handle;

use super::printer::{PATIENCE, spawn};

/// A runtime that lives as long as the tests: what is told to printers when nobody waits runs on it.
pub fn runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        spawn("runtime", move || runtime.block_on(std::future::pending::<()>()));
        handle
    })
}

pub fn surroundings() -> Surroundings {
    let timing = Timing {
        connect: Duration::from_secs(20),
        beat: Duration::from_millis(50),
        silence: Duration::from_secs(20),
    };
    Surroundings::new(Vec::new(), timing, Clock::machine())
}

pub fn target(uri: &str) -> Arc<dyn Target> {
    device::parse(uri, &surroundings()).unwrap()
}

/// With a file of `user:password`.
pub fn target_as(uri: &str, credentials: &Path) -> Arc<dyn Target> {
    device::parse(Place { uri, credentials: Some(credentials) }, &surroundings()).unwrap()
}

pub fn open(target: &dyn Target) -> Result<Box<dyn Link>, NotReady> {
    runtime().block_on(target.open())
}

pub fn ask(target: &dyn Target, tag: &JobTag) -> Answer {
    runtime().block_on(target.ask(tag))
}

pub fn cancel(target: &dyn Target, tag: &JobTag) -> Result<(), CancelFailed> {
    runtime().block_on(target.cancel(tag))
}

pub fn describe(target: &dyn Target) -> Result<Option<Description>, NotReady> {
    runtime().block_on(target.describe())
}

/// A job with these documents.
pub fn tag(documents: &[&[u8]]) -> JobTag {
    let tag_of = |body: &&[u8]| DocumentTag { format: Format::detect(body), bytes: body.len() as u64 };
    JobTag {
        id: JobId(12),
        created_at: WallTime(1_767_225_600_123),
        accepted: AcceptedSeq(77),
        attempt: (2, Generation(5)),
        title: "report.pdf".to_owned(),
        user: "ann".to_owned(),
        handle: None,
        extension: "pdf",
        documents: documents.iter().map(tag_of).collect(),
        options: Options::default(),
        bytes_total: documents.iter().map(|body| body.len() as u64).sum(),
        closes: Confirmation::Close,
    }
}

pub fn with_options(tag: JobTag, pairs: &[(&str, &str)]) -> JobTag {
    let mut options = Options::default();
    for (name, value) in pairs {
        options.set(name, value).unwrap();
    }
    JobTag { bytes_total: tag.bytes_total * u64::from(options.copies()), options, ..tag }
}

pub fn with_handle(tag: &JobTag, handle: &str) -> JobTag {
    JobTag { handle: Some(handle.to_owned()), ..tag.clone() }
}

/// Bytes without a period that a buffer's size would hide, with every value in them, that begin like PDF.
pub fn document(bytes: usize) -> Vec<u8> {
    let rest = (0..bytes as u64).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8);
    b"%PDF-1.7\n".iter().copied().chain(rest).take(bytes).collect()
}

/// An attempt on a thread of its own.
pub struct Sending {
    pub stages: Receiver<Stage>,
    pub news: Receiver<News>,
    pub stop: Arc<AtomicBool>,
    pub bytes: Arc<AtomicU64>,
    pub shutter: Arc<dyn Shutter>,
    outcome: Receiver<Outcome>,
}

impl Sending {
    pub fn wait_for(&self, stage: Stage) {
        while self.stages.recv_timeout(PATIENCE).expect("the stage comes") != stage {}
    }

    /// Waits for news that are as wanted.
    pub fn wait_for_news(&self, wanted: impl Fn(&News) -> bool) -> News {
        loop {
            let news = self.news.recv_timeout(PATIENCE).expect("the news come");
            if wanted(&news) {
                return news;
            }
        }
    }

    /// Waits for the printer's own number of the job.
    pub fn handle(&self) -> String {
        self.wait_for_news(|news| news.handle.is_some()).handle.unwrap()
    }

    pub fn outcome(&self) -> Outcome {
        self.outcome.recv_timeout(PATIENCE).expect("the attempt ends")
    }

    pub fn is_over(&self) -> bool {
        !self.outcome.is_empty()
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}

struct TestPulse {
    stages: Sender<Stage>,
    news: Sender<News>,
    stop: Arc<AtomicBool>,
    bytes: Arc<AtomicU64>,
}

impl Pulse for TestPulse {
    fn beat(&mut self, bytes: u64) -> Result<(), Stop> {
        let before = self.bytes.swap(bytes, Ordering::AcqRel);
        assert!(bytes >= before, "{before} bytes were taken and then {bytes}");
        if self.stop.load(Ordering::Acquire) { Err(Stop) } else { Ok(()) }
    }

    fn stage(&mut self, stage: Stage) {
        let _ = self.stages.send(stage);
    }

    fn protect(&mut self, _longest: Duration) {}

    fn news(&mut self, news: News) {
        let _ = self.news.send(news);
    }
}

/// Opens a link and sends the documents over it, as often as the tag says.
pub fn send(target: &dyn Target, tag: &JobTag, documents: &[&[u8]]) -> Sending {
    send_over(open(target).unwrap(), tag, documents)
}

pub fn send_over(link: Box<dyn Link>, tag: &JobTag, documents: &[&[u8]]) -> Sending {
    let parts: Vec<Part> = documents.iter().map(|body| part(body)).collect();
    let (stages_in, stages) = unbounded();
    let (news_in, news) = unbounded();
    let (outcome_in, outcome) = unbounded();
    let (stop, bytes) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let shutter = link.shutter().unwrap();
    let mut pulse = TestPulse { stages: stages_in, news: news_in, stop: stop.clone(), bytes: bytes.clone() };
    let (tag, copies) = (tag.clone(), tag.options.copies());
    spawn("sending", move || {
        let _ = outcome_in.send(printing::run(link, &tag, &parts, copies, &mut pulse));
    });
    Sending { stages, news, stop, bytes, shutter, outcome }
}

fn part(body: &[u8]) -> Part {
    let (bytes, crc, body) = (body.len() as u64, crc32c::crc32c(body), Arc::<[u8]>::from(body));
    Part {
        open: Box::new(move || Ok(Box::new(Cursor::new(body.clone())) as Box<dyn Read + Send>)),
        bytes,
        crc,
    }
}
