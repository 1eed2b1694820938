//! What a traffic manager decides: when its printer is tried, which job it gets, and what becomes of that
//! job. One for each printer.
//!
//! Two things are followed side by side. The *link* is the one connection to the device:
//!
//! ```text
//!   Closed ──Open──► Opening ──Opened──► Open ──Send──► Working ──Report──► Closed
//! ```
//!
//! A new link is opened only when the old one is known to be closed: two connections would mix two jobs on
//! paper. The *work* is what is done about a job (see [`Work`]). [`Traffic::step`] takes in what happened
//! and then, whatever it was, does what can be done next.
//!
//! To a printer that answered lately the attempt is committed while the connection opens; the first byte
//! leaves when both are there. To any other printer the connection comes first, so that a dead printer
//! binds no job. The end of a job and the attempt of the next are one commit; the attempt of a job that comes to an
//! idle printer is handed in with its acceptance (see [`Invitation`]).

mod asking;
mod cancel;
mod invitation;
mod link;
mod messages;
mod news;
mod power;
mod record;
mod recover;
mod sending;
mod settle;
mod share;
mod state;
mod stop;
mod stream;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

pub use self::invitation::Invitation;
pub use self::messages::{Asks, Beginning, Effect, FinalWord, Input, Progress, Reading, Rules, Start};
use self::power::Power;
pub use self::power::{TELL_AGAIN, TELL_SELDOM, WAKE_EVERY};
use self::settle::Ended;
use self::share::Sharing;
use self::state::{
    Asking, AtDevice, Bad, Contact, Link, Note, Sending, ShutCause, Shutting, Stopping, Telling, Turn, Work,
};
use self::stream::Streaming;
use super::commit::{Commit, CommitError};
use super::event::{Entry, Source};
use super::id::{Generation, JobId, QueueId};
use super::job::{Bound, Job, JobEvent};
use super::liveness::{Stage, Verdict};
use super::news::News;
use super::outcome::Outcome;
use super::printer::{Activity, Learned, Printer, PrinterLive, Trouble};
use super::retry::{Backoff, Broken, NotReady, Spell, Whole};
use super::time::{MonoTime, Now};

/// A printer that answered this lately is taken to be ready.
pub const ANSWERED_LATELY: Duration = Duration::from_secs(30);
/// How often the progress of a job that is being sent is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the bytes sent of a long job are recorded.
pub const RECORD_EVERY: Duration = Duration::from_secs(5);
/// A store that could not write is tried again after this long.
pub const STORE_RETRY: Duration = Duration::from_secs(1);
/// A print thread whose connection was shut reports within this time; after it, its job is decided without
/// its report.
pub const SHUT_WAIT: Duration = Duration::from_secs(2);
/// How long a device is given to drop what it has of a job that is decided without it.
pub const CLEAR_WAIT: Duration = Duration::from_secs(10);

/// The decisions for one printer. See the module's description.
#[derive(Clone, Debug)]
pub struct Traffic {
    printer: Printer,
    rules: Rules,
    learned: Learned,
    asks: Asks,
    beginning: Beginning,
    /// Jobs that an earlier life left at the printer.
    left: VecDeque<Job>,
    /// The last word of the print thread of that life, which nobody has decided on.
    reported: Option<(Generation, Outcome)>,
    link: Link,
    work: Work,
    contact: Contact,
    /// There may be a job in the queues, as far as is known since they were last read.
    wanted: bool,
    /// The printer's pools and mates, and what else decides which job is for it.
    sharing: Sharing,
    streaming: Streaming,
    /// A job whose attempt may have been recorded: the store did not say.
    unsure: Option<Box<Job>>,
    /// A job whose end was asked for while its attempt was being recorded.
    canceled: Option<JobId>,
    generation: Generation,
    breaks_in_row: u32,
    /// How the printer is tried since it was last of use; one that takes a connection and then no job is
    /// not tried anew from the first pace.
    backoff: Option<Backoff>,
    /// Set from its first failure on until it has done a job.
    not_ready: Option<Spell>,
    /// The last try, where it was in vain.
    trouble: Option<Trouble>,
    /// What of `learned` is in the store.
    saved: Learned,
    power: Power,
    shutting: Option<Shutting>,
    store_retry: Option<MonoTime>,
    stopping: Stopping,
    chance: u64,
    timer: Option<MonoTime>,
    told: Option<PrinterLive>,
}

impl Traffic {
    /// [`Input::Wake`] is a good first input.
    pub fn new(start: Start) -> Traffic {
        let Start { printer, rules, learned, mac, asks, beginning, left, last, chance } = start;
        Traffic {
            printer,
            rules,
            learned,
            asks,
            beginning,
            left: left.into(),
            reported: None,
            link: Link::Closed,
            work: Work::None,
            contact: Contact::Unknown,
            wanted: true,
            sharing: Sharing::default(),
            streaming: Streaming::default(),
            unsure: None,
            canceled: None,
            generation: last,
            breaks_in_row: 0,
            backoff: None,
            not_ready: None,
            trouble: None,
            saved: learned,
            power: Power::new(mac),
            shutting: None,
            store_retry: None,
            stopping: Stopping::No,
            chance: chance | 1,
            timer: None,
            told: None,
        }
    }

    /// The manager before this one failed; the print thread of its last link, which is closed, had this to say.
    #[must_use]
    pub fn after_report(self, generation: Generation, outcome: Outcome) -> Traffic {
        Traffic { reported: Some((generation, outcome)), ..self }
    }

    /// Takes in what happened and answers what is to be done. `Wake` is a good first input.
    pub fn step(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let mut fx = Vec::new();
        match input {
            Input::Wake => self.wanted = true,
            Input::Begun(job) => self.on_begun(job, now, &mut fx),
            Input::Printer(printer, asks) => self.on_printer(*printer, asks, &mut fx),
            Input::Offer(job, document) => self.on_offer(job, document),
            Input::Pools(pools) => self.sharing.pools = pools,
            Input::Described(description) => self.sharing.description = Some(description),
            Input::Rules(rules) => self.on_rules(rules, now),
            Input::Head(jobs) => self.on_head(jobs, now, &mut fx),
            Input::JobRead(job) => self.on_reread(job, now, &mut fx),
            Input::ReadFailed => self.on_read_failed(now, &mut fx),
            Input::Committed => self.on_committed(now, &mut fx),
            Input::CommitFailed(error) => self.on_commit_failed(error, now, &mut fx),
            Input::Opened(generation) => self.on_opened(generation, now, &mut fx),
            Input::OpenFailed(generation, why) => self.on_open_failed(generation, why, now, &mut fx),
            Input::Report(generation, outcome) => self.on_report(generation, outcome, now, &mut fx),
            Input::ConnectionShut(generation) => self.on_connection_shut(generation),
            Input::Watch(generation, verdict) => self.on_watch(generation, verdict, now, &mut fx),
            Input::News(generation, news) => self.on_news(generation, news, now, &mut fx),
            Input::Answered(answer) => self.on_answered(answer, now, &mut fx),
            Input::CancelAnswered(job, answer) => self.on_cancel_answered(job, answer, now, &mut fx),
            Input::Mac(mac) => self.on_mac(mac),
            Input::WakeUp => self.wake_up(now, &mut fx),
            Input::Cancel(job) => self.on_cancel(job, now, &mut fx),
            Input::Timer(progress) => self.on_timer(progress, now, &mut fx),
            Input::Stop => self.stop(now, &mut fx),
            Input::Park => self.park(now, &mut fx),
        }
        self.advance(now, &mut fx);
        self.tell(now, &mut fx);
        fx
    }

    /// A job whose attempt is under way ends with the old device. A link without one is dropped: the next job
    /// goes to the new device, whatever the old one has earned.
    fn on_printer(&mut self, printer: Printer, asks: Asks, fx: &mut Vec<Effect>) {
        if printer.uri != self.printer.uri {
            (self.contact, self.backoff, self.not_ready, self.trouble) = (Contact::Unknown, None, None, None);
            self.sharing.description = None;
            self.breaks_in_row = 0;
            match self.work {
                Work::Probing(_) => {
                    self.drop_link(fx);
                    self.work = Work::None;
                }
                Work::None | Work::Looking => self.drop_link(fx),
                _ => {}
            }
        }
        (self.printer, self.asks) = (printer, asks);
        self.streaming.forget();
        self.wanted = true;
    }

    /// A printer that waits by the old rules is tried at once, and waits by the new ones from then on.
    fn on_rules(&mut self, rules: Rules, now: Now) {
        if rules.backoff != self.rules.backoff
            && let Contact::Bad { due, .. } = &mut self.contact
        {
            *due = now.mono;
            self.backoff = None;
        }
        self.rules = rules;
    }

    /// What a print thread takes for the end of a job at this printer, after what was learned of it.
    pub fn final_word(&self) -> FinalWord {
        match self.printer.closes.confirms(self.learned) {
            true => FinalWord::Close,
            false => FinalWord::Silence,
        }
    }

    /// The name of the setting under which a learned hardware address is kept.
    pub fn mac_setting(printer: super::id::PrinterId) -> String {
        Power::setting(printer)
    }

    /// The generation of the present or last link.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Does what can be done next, where nothing is under way.
    fn advance(&mut self, now: Now, fx: &mut Vec<Effect>) {
        if !matches!(self.work, Work::None) {
            return;
        }
        if self.unsure.is_some() && self.store_due(now) {
            return self.check(fx);
        }
        if self.unsure.is_some() {
            return;
        }
        if let Some(job) = self.left.pop_front() {
            return self.recover(job, now, fx);
        }
        if self.stopping != Stopping::No {
            self.drop_link(fx);
            if self.stopping != Stopping::Told && self.link == Link::Closed {
                self.stopping = Stopping::Told;
                fx.push(Effect::Stopped);
            }
            return;
        }
        let free = matches!(self.link, Link::Closed | Link::Open(_));
        if self.wanted && free && !self.printer.paused && self.due(now) {
            // A wake that comes while they are read may tell of a job that the reading has missed.
            self.wanted = false;
            self.work = Work::Looking;
            self.read_head(fx);
        } else if self.printer.paused || !self.wanted && self.sharing.look_again.is_none() {
            self.drop_link(fx);
        }
    }

    /// Whether the printer may be tried now.
    fn due(&self, now: Now) -> bool {
        let contact = match self.contact {
            Contact::Unknown | Contact::Answered(_) => true,
            Contact::Bad { due, .. } => due <= now.mono || matches!(self.link, Link::Open(_)),
        };
        contact && self.store_due(now)
    }

    fn store_due(&self, now: Now) -> bool {
        self.store_retry.is_none_or(|at| at <= now.mono)
    }

    /// Whether the printer goes on with another job.
    fn goes_on(&self) -> bool {
        self.stopping == Stopping::No && !self.printer.paused
    }

    /// There is a job and nothing else to do: begin with it, or first see whether the printer is there.
    fn begin(&mut self, job: Job, now: Now, fx: &mut Vec<Effect>) {
        if job.cancel_requested {
            let ended = Ended { job: Box::new(job), outcome: aborted() };
            return self.settle(ended, None, now, fx);
        }
        match (self.link, &self.contact) {
            (Link::Open(_), _) => self.bind(job, now, fx),
            (Link::Closed, Contact::Answered(at)) if now.mono.since(*at) < ANSWERED_LATELY => {
                self.bind(job, now, fx);
            }
            (Link::Closed, _) => {
                self.power.waits_for_it(job);
                self.work = Work::Probing(now.mono);
                self.open(fx);
            }
            (Link::Opening(_) | Link::Working(_), _) => {}
        }
    }

    /// Commits the attempt; opens the connection meanwhile, where it is not open yet.
    fn bind(&mut self, job: Job, now: Now, fx: &mut Vec<Effect>) {
        let generation = match self.link {
            Link::Closed => self.next_generation(),
            Link::Opening(_) | Link::Open(_) | Link::Working(_) => self.generation,
        };
        let Some((job, commit)) = attempt_at(&self.printer, &job, generation, now) else {
            // The queue named a job that does not wait: it was changed just now. Look again.
            return;
        };
        fx.push(Effect::Commit(Box::new(commit)));
        self.is_binding(Box::new(job), now, fx);
    }

    /// The attempt is handed in.
    fn is_binding(&mut self, job: Box<Job>, now: Now, fx: &mut Vec<Effect>) {
        self.canceled = None;
        self.sharing.began_at = Some(now.mono);
        if self.link == Link::Closed {
            self.open(fx);
        }
        self.work = Work::Binding(job);
    }

    fn next_generation(&self) -> Generation {
        Generation(self.generation.0 + 1)
    }

    fn attempt(&self, job: &mut Job, generation: Generation, now: Now) -> Option<Entry> {
        apply_attempt(&self.printer, job, generation, now)
    }
}

fn apply_attempt(printer: &Printer, job: &mut Job, generation: Generation, now: Now) -> Option<Entry> {
    let bound = Bound { printer: printer.id, name: printer.name.clone(), generation };
    job.apply(JobEvent::Attempt(bound), Source::System, now.wall).ok().flatten()
}

/// The commit of an attempt, and the job as it is then; `None` where the job does not wait.
fn attempt_at(printer: &Printer, job: &Job, generation: Generation, now: Now) -> Option<(Job, Commit)> {
    let mut bound = job.clone();
    let entry = apply_attempt(printer, &mut bound, generation, now)?;
    let commit = Commit {
        expect: vec![(job.id, job.revision)],
        // Somebody may be removing the printer just now; it must not take a job of a pool with it.
        queues: vec![(QueueId::Printer(printer.id), printer.name.clone())],
        jobs: vec![bound.clone()],
        timeline: vec![entry],
        ..Commit::default()
    };
    Some((bound, commit))
}

/// The end of a job of which nothing had left.
fn aborted() -> Outcome {
    Outcome::Aborted { whole: Whole::No, bytes: 0 }
}
