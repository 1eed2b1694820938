//! What becomes of a job whose attempt has ended, and the commit that says so.

use super::stream::fate_of_arriving;
use super::{Bad, Contact, Effect, Link, Stopping, Traffic, Work};
use crate::model::commit::Commit;
use crate::model::event::{Entry, Source};
use crate::model::id::PrinterId;
use crate::model::job::{DoneHow, Interruption, Job, JobEvent, JobStatus};
use crate::model::outcome::Outcome;
use crate::model::pool::speed;
use crate::model::printer::{Learned, Printer, SILENT_ENDS};
use crate::model::retry::{AfterBreak, Broken, NotReady, Whole, after_break};
use crate::model::time::Now;

/// A job as it was before its end, and how its attempt ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub job: Box<Job>,
    pub outcome: Outcome,
}

impl Traffic {
    /// An attempt has ended. Where the printer goes on, the next job is looked for first, so that the end
    /// of this one and the beginning of that one are one commit.
    pub(super) fn ended(&mut self, ended: Ended, now: Now, fx: &mut Vec<Effect>) {
        self.learn_speed(&ended, now);
        let goes_on =
            matches!(ended.outcome, Outcome::Done { .. } | Outcome::Document(_) | Outcome::Canceled { .. });
        if goes_on && self.stopping == Stopping::No && !self.printer.paused {
            self.read_head(fx);
            self.work = Work::Ending(ended);
        } else {
            self.settle(ended, None, now, fx);
        }
    }

    /// Commits the end of a job, together with the attempt of `next` where there is one.
    pub(super) fn settle(&mut self, ended: Ended, next: Option<Job>, now: Now, fx: &mut Vec<Effect>) {
        let mut job = (*ended.job).clone();
        let learned = learn(self.learned, &ended.outcome);
        let mut commit = Commit { expect: vec![(job.id, job.revision)], ..Commit::default() };
        let source = source(&job, &ended.outcome);
        for event in fate(&job, &ended.outcome, &self.printer, learned, self.rules.broken_max) {
            match job.apply(event, source, now.wall) {
                Ok(entry) => commit.timeline.extend(entry),
                // Decided already, by somebody who came first. There is nothing to record.
                Err(_) => return self.settled(ended, None, now, fx),
            }
        }
        commit.jobs.push(job);
        if learned.is_worth_saving(self.saved) {
            commit.settings.push((Learned::setting(self.printer.id), learned.to_bytes()));
        }
        commit.settings.extend(self.power.unsaved(self.printer.id));
        let next = next.filter(|next| next.id != ended.job.id && !next.cancel_requested);
        let next = next.and_then(|next| self.add_attempt(next, &mut commit, now));
        self.canceled = None;
        fx.push(Effect::Commit(Box::new(commit)));
        if next.is_some() && self.link == Link::Closed {
            self.open(fx);
        }
        self.work = Work::Settling(ended, next.map(Box::new));
    }

    fn add_attempt(&mut self, mut next: Job, commit: &mut Commit, now: Now) -> Option<Job> {
        let expect = (next.id, next.revision);
        let generation = self.next_generation();
        let entry: Entry = self.attempt(&mut next, generation, now)?;
        self.sharing.began_at = Some(now.mono);
        commit.expect.push(expect);
        commit.jobs.push(next.clone());
        commit.timeline.push(entry);
        Some(next)
    }

    /// The end is durable.
    pub(super) fn settled(&mut self, ended: Ended, next: Option<Box<Job>>, now: Now, fx: &mut Vec<Effect>) {
        self.learned = learn(self.learned, &ended.outcome);
        self.power.is_saved();
        if self.learned.is_worth_saving(self.saved) {
            self.saved = self.learned;
        }
        if let Outcome::Broken { .. } = &ended.outcome {
            self.sharing.broke_here = Some(ended.job.id);
        }
        self.wanted = true;
        self.work = Work::None;
        self.judge_printer(&ended.outcome, now);
        if let Some(next) = next {
            self.bound(next, now, fx);
        }
    }

    /// What the outcome says of the printer, as apart from the job.
    fn judge_printer(&mut self, outcome: &Outcome, now: Now) {
        match outcome {
            Outcome::Done { .. } | Outcome::Document(_) | Outcome::Canceled { .. } => {
                (self.breaks_in_row, self.backoff, self.not_ready) = (0, None, None);
                if !matches!(self.contact, Contact::Bad { .. }) {
                    self.contact = Contact::Answered(now.mono);
                }
            }
            // The server's own doing, or the device's own way: neither speaks against the printer.
            Outcome::Broken {
                broken: Broken::Silent | Broken::ServerStopped | Broken::UploadSlow, ..
            } => {
                (self.contact, self.backoff) = (Contact::Unknown, None);
            }
            Outcome::Broken { .. } => {
                self.breaks_in_row += 1;
                self.went_bad(Bad::Broke, now);
            }
            // A connection that could not be opened has told so itself.
            Outcome::NotReady(_) if matches!(self.contact, Contact::Bad { .. }) => {}
            Outcome::NotReady(why) => self.went_bad(Bad::NotReady(why.clone()), now),
            Outcome::Credentials => {
                let why = NotReady::Other("it refuses the credentials".to_owned());
                self.went_bad(Bad::NotReady(why), now);
            }
            Outcome::Aborted { .. } | Outcome::Incomplete { .. } => self.contact = Contact::Unknown,
        }
    }
}

/// What happens to a job whose attempt ended so: one `match`, with an answer for every status that a job at
/// a printer can have (a job without an answer would stay there for ever).
pub(super) fn fate(
    job: &Job,
    outcome: &Outcome,
    printer: &Printer,
    learned: Learned,
    broken_max: u32,
) -> Vec<JobEvent> {
    use crate::model::job::HoldReason;
    if job.is_arriving() {
        return vec![fate_of_arriving(job, outcome, printer, broken_max)];
    }
    let nothing_left = matches!(job.status, JobStatus::Rendering | JobStatus::Scheduled);
    let all_left = matches!(job.status, JobStatus::Transmitted | JobStatus::Printing);
    let after = |broken, whole| match after_break(job, broken, whole, printer.when_in_doubt, broken_max) {
        AfterBreak::Again => JobEvent::Again { broken, whole },
        AfterBreak::Hold(hold) => JobEvent::BreakAndHold { broken, whole, hold },
    };
    let event = match outcome {
        Outcome::Done { .. } if nothing_left => {
            let (broken, whole) = (Broken::ServerStopped, Whole::Maybe);
            JobEvent::BreakAndHold { broken, whole, hold: HoldReason::OutcomeUnknown }
        }
        Outcome::Done { how, bytes } => JobEvent::Complete { how: *how, bytes: *bytes },
        Outcome::Document(why) => JobEvent::Fail(why.clone()),
        Outcome::Canceled { .. } if !job.cancel_requested && !nothing_left => JobEvent::CancelAtDevice,
        Outcome::Canceled { .. } => JobEvent::Cancel,
        _ if job.cancel_requested => JobEvent::Cancel,
        Outcome::Broken { .. } | Outcome::Aborted { .. } | Outcome::Incomplete { .. } if nothing_left => {
            JobEvent::GiveBack
        }
        // The record knows better than the thread: bytes have left.
        Outcome::NotReady(_) if all_left => after(Broken::WriteFailed, Whole::Maybe),
        Outcome::Credentials if all_left => {
            let (broken, whole) = (Broken::WriteFailed, Whole::Maybe);
            JobEvent::BreakAndHold { broken, whole, hold: HoldReason::Credentials }
        }
        Outcome::NotReady(why) => JobEvent::NotReady(why.clone()),
        Outcome::Credentials => {
            let why = NotReady::Other("it refuses the credentials".to_owned());
            return vec![JobEvent::NotReady(why), JobEvent::Hold(HoldReason::Credentials)];
        }
        Outcome::Broken { broken: Broken::Silent, bytes, .. } if !printer.closes.confirms(learned) => {
            JobEvent::Complete { how: DoneHow::Unconfirmed, bytes: *bytes }
        }
        Outcome::Broken { broken, whole, .. } => after(*broken, *whole),
        // It was shut for a user's wish, but the wish is not in the record as we have it. Mostly the record
        // is newer, this commit is refused and the wish is met; else the bytes that left count all the same.
        Outcome::Aborted { whole, .. } => after(Broken::ServerStopped, *whole),
        // It was accepted all the same: the store had not said that it had written so.
        Outcome::Incomplete { .. } => after(Broken::ServerStopped, Whole::No),
    };
    vec![event]
}

fn source(job: &Job, outcome: &Outcome) -> Source {
    match outcome {
        // The device's own word on the end of a job that it has done.
        Outcome::Done { .. } | Outcome::Document(_) => Source::Device,
        _ if job.cancel_requested => Source::User,
        Outcome::Incomplete { why: Interruption::Upload, .. } => Source::User,
        Outcome::Aborted { .. } | Outcome::Incomplete { .. } => Source::System,
        Outcome::Broken { broken, .. } => match broken {
            Broken::WorkerPanic
            | Broken::WorkerStuck
            | Broken::ManagerPanic
            | Broken::ServerStopped
            | Broken::UploadSlow => Source::System,
            Broken::Reset
            | Broken::EarlyClose
            | Broken::Stalled
            | Broken::Silent
            | Broken::WriteFailed
            | Broken::DeviceAborted
            | Broken::Forgotten => Source::Device,
        },
        Outcome::NotReady(_) | Outcome::Canceled { .. } | Outcome::Credentials => Source::Device,
    }
}

/// What the end of a job teaches about the device's way of ending.
fn learn(learned: Learned, outcome: &Outcome) -> Learned {
    match outcome {
        Outcome::Done { how: DoneHow::PeerClosed, .. } => Learned { has_closed: true, ..learned },
        Outcome::Broken { broken: Broken::Silent, .. } if !learned.has_closed => {
            Learned { silent_ends: (learned.silent_ends + 1).min(SILENT_ENDS), ..learned }
        }
        _ => learned,
    }
}

impl Learned {
    /// The name of the setting under which it is kept.
    pub fn setting(printer: PrinterId) -> String {
        format!("learned/{printer}")
    }

    /// Whether it says something that matters and that `saved` does not say.
    fn is_worth_saving(self, saved: Learned) -> bool {
        let Learned { has_closed, silent_ends, bytes_per_s } = self;
        (has_closed, silent_ends) != (saved.has_closed, saved.silent_ends)
            || speed::differs(bytes_per_s, saved.bytes_per_s)
    }

    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.has_closed), self.silent_ends];
        bytes.extend(self.bytes_per_s.into_iter().flat_map(u64::to_be_bytes));
        bytes
    }

    /// What cannot be read was not learned.
    pub fn from_bytes(bytes: &[u8]) -> Learned {
        let [closed, silent, speed @ ..] = bytes else { return Learned::default() };
        Learned {
            has_closed: *closed == 1,
            silent_ends: (*silent).min(SILENT_ENDS),
            bytes_per_s: speed.try_into().ok().map(u64::from_be_bytes),
        }
    }
}
