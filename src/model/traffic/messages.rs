//! What a traffic manager is told, what it wants done, and how it begins.

use crate::model::commit::{Commit, CommitError};
use crate::model::description::Description;
use crate::model::id::{Generation, JobId};
use crate::model::job::{DocumentRef, Job};
use crate::model::liveness::{Stage, Verdict};
use crate::model::news::News;
use crate::model::outcome::{Answer, CancelFailed, Outcome};
use crate::model::pool::choice::Shared;
use crate::model::printer::{Learned, Mac, Printer, PrinterLive};
use crate::model::queue::OrderKey;
use crate::model::retry::{BackoffRange, NotReady};
use crate::model::time::MonoTime;
use std::sync::Arc;
use std::time::Duration;

/// What a traffic manager is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// There may be work.
    Wake,
    /// The printer's invitation was used for this job: its attempt is handed in, and the store's answer comes as
    /// `Committed` or `CommitFailed`. Told before anything else since it was issued.
    Begun(Box<Job>),
    /// The printer's settings are these now; its device may be another.
    Printer(Box<Printer>, Asks),
    /// How the mates in its pools are just now; told before what they matter for: [`Input::Head`] and
    /// [`Input::Timer`].
    Pools(Vec<Shared>),
    /// A job that is arriving in the printer's own queue, and its document as far as it is known: the length is 0
    /// where nobody has told it, the checksum always.
    Offer(Box<Job>, DocumentRef),
    /// What the device says of itself.
    Described(Arc<Description>),
    /// The configuration was read again.
    Rules(Rules),
    /// The first jobs of its queues, in order; the answer to [`Effect::ReadHead`].
    Head(Vec<Job>),
    /// The answer to [`Effect::ReadJob`].
    JobRead(Option<Box<Job>>),
    /// A read failed.
    ReadFailed,
    Committed,
    CommitFailed(CommitError),
    Opened(Generation),
    OpenFailed(Generation, NotReady),
    /// A print thread's last word on its attempt. Its connection is closed.
    Report(Generation, Outcome),
    /// The connection was shut from outside, whatever its thread does.
    ConnectionShut(Generation),
    Watch(Generation, Verdict),
    /// What the device says of the job that is being sent over this connection.
    News(Generation, News),
    /// The device's answer to [`Effect::Ask`].
    Answered(Answer),
    /// The device's answer to [`Effect::CancelAtDevice`] for this job.
    CancelAnswered(JobId, Result<(), CancelFailed>),
    /// The hardware address of the device was found out.
    Mac(Mac),
    /// Somebody wants the printer woken.
    WakeUp,
    /// A user wants the end of a job; its flag is durable.
    Cancel(JobId),
    /// The time asked for by [`Effect::WakeAt`] has come; with what is known of the present attempt.
    Timer(Option<Progress>),
    /// No new jobs; what is being sent may finish.
    Stop,
    /// What is still being sent is shut.
    Park,
}

/// Which part of the printer's queues, all together, is read: so many jobs behind that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub after: Option<OrderKey>,
    pub n: usize,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub bytes: u64,
    pub stage: Stage,
}

/// What a traffic manager wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    ReadHead(Reading),
    ReadJob(JobId),
    /// Answered by `Committed` or `CommitFailed`; one at a time. Where a job in it goes back to its queue,
    /// whoever else serves that queue is woken, also when the store does not say whether it was written.
    Commit(Box<Commit>),
    /// Connect, without sending anything.
    Open(Generation),
    /// Drop a link that is opening, or open and unused. It counts as closed from here on.
    Drop(Generation),
    /// A print thread sends this job over the open link.
    Send(Generation, Box<Job>),
    /// The same for a job whose document still arrives.
    Stream(Generation, Box<Job>, DocumentRef),
    /// Tell the print thread to end, and shut its connection from outside.
    Shut(Generation),
    /// Ask the device what became of the job.
    Ask(Box<Job>),
    /// Tell the device to cancel the job, by the number that it gave it.
    CancelAtDevice(Box<Job>),
    /// Send a wake-up call to this hardware address.
    Wake(Mac),
    /// `Timer` at this moment; replaces an earlier one.
    WakeAt(MonoTime),
    /// How the printer is now.
    Live(PrinterLive),
    /// After `Stop`: nothing is under way any more.
    Stopped,
}

/// The settings that hold for all printers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub backoff: BackoffRange,
    pub broken_max: u32,
    /// How long a started job stays with a device that takes no more.
    pub blocked: Duration,
}

/// Why jobs are found at a printer at the start of its traffic manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// The server starts.
    ServerStart,
    /// The traffic manager before this one failed.
    ManagerPanic,
}

/// Whether the device can be asked what became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    Can,
    Cannot,
}

/// The end of a job at a device that has no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinalWord {
    /// The device closes the connection.
    Close,
    /// Nothing comes; silence is all there is.
    Silence,
}

/// What a traffic manager begins with. After a failed one, its links are shut and what it had handed in to
/// the store is decided before `left` is read: else two connections could live, or a job be overlooked.
#[derive(Clone, Debug)]
pub struct Start {
    pub printer: Printer,
    pub rules: Rules,
    pub learned: Learned,
    /// The hardware address as it was learned.
    pub mac: Option<Mac>,
    pub asks: Asks,
    pub beginning: Beginning,
    /// Jobs that the store has at this printer.
    pub left: Vec<Job>,
    /// No earlier manager of this printer has used a greater one in this process.
    pub last: Generation,
    /// Any number: the seed of the jitter.
    pub chance: u64,
}
