//! A large document that is sent while it still arrives.
//!
//! Its job is offered to the printer, which takes it where it would be its turn at once, and forgets it else. It is
//! registered together with its attempt, in one commit; who accepts it meanwhile, its document being here, is
//! either faster, and then this commit is refused, or finds it registered. From then on it is a job at its printer
//! without documents, until it is accepted.

use super::*;
use crate::model::job::{DocumentRef, HoldReason};
use crate::model::retry::{AfterBreak, after_break};
use crate::model::stream::registered;

/// A job that might be sent while it arrives.
#[derive(Clone, Debug, Default)]
pub(super) struct Streaming {
    /// It is begun with if nothing waits before it.
    offered: Option<(Box<Job>, DocumentRef)>,
    /// The document of the job that was registered last.
    document: Option<DocumentRef>,
}

impl Streaming {
    pub fn is_offered(&self) -> bool {
        self.offered.is_some()
    }

    /// It is spooled, as all others are.
    pub fn forget(&mut self) {
        self.offered = None;
    }
}

impl Traffic {
    /// Takes an offer in where the printer has nothing to do and was not found wanting.
    pub(super) fn on_offer(&mut self, job: Box<Job>, document: DocumentRef) {
        let idle = matches!(self.work, Work::None | Work::Looking)
            && matches!(self.link, Link::Closed | Link::Open(_))
            && self.left.is_empty()
            && self.unsure.is_none();
        let well = !matches!(self.contact, Contact::Bad { .. }) && self.store_retry.is_none();
        if idle && well && self.goes_on() {
            self.streaming.offered = Some((job, document));
            self.wanted = true;
        }
    }

    /// Nothing waits before what was offered: it is begun with when the printer is known to be there.
    pub(super) fn take_offer(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Some((job, document)) = self.streaming.offered.take().filter(|_| self.goes_on()) else { return };
        match self.link {
            Link::Open(generation) => self.register(*job, document, generation, now, fx),
            Link::Closed => {
                self.streaming.offered = Some((job, document));
                self.work = Work::Probing(now.mono);
                self.open(fx);
            }
            Link::Opening(_) | Link::Working(_) => {}
        }
    }

    fn register(
        &mut self,
        mut job: Job,
        document: DocumentRef,
        generation: Generation,
        now: Now,
        fx: &mut Vec<Effect>,
    ) {
        let mut timeline = vec![registered(&mut job)];
        let Some(attempt) = self.attempt(&mut job, generation, now) else { return };
        timeline.push(attempt);
        fx.push(Effect::Commit(Box::new(Commit {
            expect: vec![(job.id, crate::model::id::Revision(0))],
            queues: vec![(QueueId::Printer(self.printer.id), self.printer.name.clone())],
            jobs: vec![job.clone()],
            timeline,
            ..Commit::default()
        })));
        self.canceled = None;
        self.sharing.began_at = Some(now.mono);
        self.streaming.document = Some(document);
        self.work = Work::Binding(Box::new(job));
    }

    /// What a print thread is told to do with a job.
    pub(super) fn order(&self, generation: Generation, job: &Job) -> Effect {
        let job = Box::new(job.clone());
        match &self.streaming.document {
            Some(document) if job.is_arriving() => Effect::Stream(generation, job, document.clone()),
            Some(_) | None => Effect::Send(generation, job),
        }
    }
}

/// What happens to a job whose attempt ended before its document had arrived. Its last bytes leave only when it is
/// accepted, so it has certainly not left whole.
pub(super) fn fate_of_arriving(job: &Job, outcome: &Outcome, printer: &Printer, broken_max: u32) -> JobEvent {
    let broke = |broken| match after_break(job, broken, Whole::No, printer.when_in_doubt, broken_max) {
        AfterBreak::Again => JobEvent::AwaitDocument(Some(broken)),
        AfterBreak::Hold(hold) => JobEvent::BreakAndHold { broken, whole: Whole::No, hold },
    };
    match outcome {
        Outcome::Canceled { .. } if !job.cancel_requested => JobEvent::CancelAtDevice,
        _ if job.cancel_requested => JobEvent::Cancel,
        Outcome::Incomplete { why, bytes } => JobEvent::Interrupt { why: *why, bytes: *bytes },
        Outcome::Document(why) => JobEvent::Fail(why.clone()),
        Outcome::NotReady(_) | Outcome::Credentials => JobEvent::AwaitDocument(None),
        Outcome::Broken { broken, .. } => broke(*broken),
        Outcome::Aborted { .. } => broke(Broken::ServerStopped),
        // The record as it is known here is older than its acceptance: this commit is refused, and it is read anew.
        Outcome::Done { .. } | Outcome::Canceled { .. } => {
            let (broken, whole) = (Broken::ServerStopped, Whole::Maybe);
            JobEvent::BreakAndHold { broken, whole, hold: HoldReason::OutcomeUnknown }
        }
    }
}
