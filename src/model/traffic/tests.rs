//! Scenarios: what a traffic manager wants done, step by step, as short words.

mod asleep;
mod failing;
mod inviting;
mod recovering;
mod stopping;
mod storing;
mod streaming;
mod talking;

use super::*;
use crate::model::fixtures::{at, job};
use crate::model::job::{DoneHow, FailReason, HoldReason, Interruption, JobStatus, Reason};
use crate::model::outcome::Answer;
use crate::model::printer::{Closes, Origin, WhenInDoubt};
use crate::model::retry::{BackoffRange, Broken};

/// A traffic manager, the time, and the records as the store would have them.
struct Desk {
    traffic: Traffic,
    seconds: u64,
    /// Jobs as they are after the last commit that was handed in.
    handed_in: Vec<Job>,
    /// The timeline of the last commit that was handed in.
    told: Vec<crate::model::event::Entry>,
    live: PrinterLive,
    wake_at: Option<MonoTime>,
}

fn start() -> Start {
    let printer = Printer::new(
        crate::model::id::PrinterId(1),
        crate::model::fixtures::name("p"),
        "sim:".to_owned(),
        Origin::Api,
    );
    let backoff = BackoffRange { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
    Start {
        printer,
        rules: Rules { backoff, broken_max: 5, blocked: Duration::from_secs(1800) },
        learned: Learned::default(),
        mac: None,
        asks: Asks::Cannot,
        beginning: Beginning::ServerStart,
        left: Vec::new(),
        last: Generation(0),
        chance: 0,
    }
}

impl Desk {
    fn new(start: Start) -> Desk {
        let (live, handed_in, told) = (PrinterLive::default(), Vec::new(), Vec::new());
        Desk { traffic: Traffic::new(start), seconds: 0, handed_in, told, live, wake_at: None }
    }

    /// A manager that has found job 1, has reached its printer and is sending.
    fn sending() -> Desk {
        Desk::sending_with(start())
    }

    fn sending_with(start: Start) -> Desk {
        let mut desk = Desk::new(start);
        desk.hears(Input::Wake, "look");
        desk.hears(Input::Head(vec![job(1)]), "open 1");
        desk.hears(Input::Opened(Generation(1)), "look");
        desk.hears(Input::Head(vec![job(1)]), "commit 1 transmitting");
        desk.hears(Input::Committed, "send 1 over 1");
        desk
    }

    /// Tells the manager something; it must want exactly this.
    #[track_caller]
    fn hears(&mut self, input: Input, wants: &str) {
        let told = format!("{input:?}");
        let effects = self.traffic.step(input, at(self.seconds));
        let words: Vec<String> = effects.iter().filter_map(|effect| self.word(effect)).collect();
        assert_eq!(words.join(", "), wants, "after {told}");
    }

    fn word(&mut self, effect: &Effect) -> Option<String> {
        Some(match effect {
            Effect::ReadHead(Reading { after: None, .. }) => "look".to_owned(),
            Effect::ReadHead(_) => "look on".to_owned(),
            Effect::ReadJob(id) => format!("read {id}"),
            Effect::Commit(commit) => {
                self.handed_in.clone_from(&commit.jobs);
                self.told.clone_from(&commit.timeline);
                let words = commit.jobs.iter().map(|job| format!("{} {}", job.id, job.status.word()));
                format!("commit {}", words.collect::<Vec<_>>().join(" + "))
            }
            Effect::Open(generation) => format!("open {generation}"),
            Effect::Drop(generation) => format!("drop {generation}"),
            Effect::Send(generation, job) => format!("send {} over {generation}", job.id),
            Effect::Stream(generation, job, _) => format!("stream {} over {generation}", job.id),
            Effect::Shut(generation) => format!("shut {generation}"),
            Effect::Ask(job) => format!("ask about {}", job.id),
            Effect::CancelAtDevice(job) => match &job.device_job_id {
                Some(handle) => format!("cancel {handle} at the device"),
                None => "cancel without a handle".to_owned(),
            },
            Effect::Wake(mac) => format!("wake {mac:02x?}"),
            Effect::Stopped => "stopped".to_owned(),
            Effect::WakeAt(at) => {
                self.wake_at = Some(*at);
                return None;
            }
            Effect::Live(live) => {
                self.live = live.clone();
                return None;
            }
        })
    }

    /// Time passes and its timer rings.
    #[track_caller]
    fn after(&mut self, seconds: u64, wants: &str) {
        self.seconds += seconds;
        self.hears(Input::Timer(None), wants);
    }

    /// Follows its timers until it looks for work; the seconds that took.
    fn until_it_looks(&mut self) -> u64 {
        self.follows_timers("look")
    }

    /// Follows its timers until it wants exactly this; the seconds that took.
    #[track_caller]
    fn follows_timers(&mut self, wanted: &str) -> u64 {
        let from = self.seconds;
        loop {
            let next = self.wake_at.take().expect("it wants to be woken").since(at(self.seconds).mono);
            self.seconds += next.as_secs_f64().ceil() as u64;
            let effects = self.traffic.step(Input::Timer(None), at(self.seconds));
            let words: Vec<String> = effects.iter().filter_map(|effect| self.word(effect)).collect();
            match words.join(", ").as_str() {
                wants if wants == wanted => return self.seconds - from,
                wants => assert_eq!(wants, ""),
            }
        }
    }

    #[track_caller]
    fn reports(&mut self, generation: u64, outcome: Outcome, wants: &str) {
        self.hears(Input::Report(Generation(generation), outcome), wants);
    }

    /// The job as the last commit has it, with a user's wish for its end behind it.
    fn cancel_wished(&self, id: u32) -> Job {
        let job = self.handed_in.iter().find(|job| job.id == JobId(id)).expect("it was handed in");
        crate::model::fixtures::after(job.clone(), [JobEvent::RequestCancel])
    }

    fn record(&self, id: u32) -> &Job {
        self.handed_in.iter().find(|job| job.id == JobId(id)).expect("it was handed in")
    }
}

fn done() -> Outcome {
    Outcome::Done { how: DoneHow::PeerClosed, bytes: 100 }
}

fn broken(broken: Broken, whole: Whole) -> Outcome {
    Outcome::Broken { broken, whole, bytes: 40 }
}

#[test]
fn an_unknown_printer_is_reached_before_a_job_is_bound() {
    let mut desk = Desk::sending();
    assert_eq!(desk.live.activity, Activity::Sending);
    assert_eq!(desk.record(1).bound, Some(crate::model::fixtures::bound(1)));
    desk.reports(1, done(), "look");
    desk.hears(Input::Head(vec![]), "commit 1 completed");
    desk.hears(Input::Committed, "look");
    desk.hears(Input::Head(vec![]), "");
    assert_eq!(desk.live.activity, Activity::Idle);
}

#[test]
fn no_job_is_bound_to_a_printer_that_is_removed_in_the_same_instant() {
    let mut desk = Desk::new(start());
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(1)]), "open 1");
    desk.hears(Input::Opened(Generation(1)), "look");
    let effects = desk.traffic.step(Input::Head(vec![job(1)]), at(0));
    let commit = effects.iter().find_map(|effect| match effect {
        Effect::Commit(commit) => Some(commit.queues.clone()),
        _ => None,
    });
    let printer = start().printer;
    assert_eq!(commit, Some(vec![(QueueId::Printer(printer.id), printer.name.clone())]));
    desk.hears(Input::CommitFailed(CommitError::NoQueue(printer.name)), "");
    desk.hears(Input::Stop, "drop 1, stopped");
}

#[test]
fn the_end_of_a_job_and_the_attempt_of_the_next_are_one_commit() {
    let mut desk = Desk::sending();
    desk.reports(1, done(), "look");
    desk.hears(Input::Head(vec![job(2), job(3)]), "commit 1 completed + 2 transmitting, open 2");
    desk.hears(Input::Opened(Generation(2)), "");
    desk.hears(Input::Committed, "send 2 over 2");
    assert_eq!(desk.record(2).bound, Some(crate::model::fixtures::bound(2)));
}

#[test]
fn a_printer_that_answered_lately_is_opened_while_the_attempt_is_committed() {
    let mut desk = idle_and_known();
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 2 transmitting, open 2");
    desk.hears(Input::Committed, "");
    desk.hears(Input::Opened(Generation(2)), "send 2 over 2");

    let mut desk = idle_and_known();
    desk.seconds += ANSWERED_LATELY.as_secs();
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(2)]), "open 2");
}

/// A manager whose printer has just printed job 1 and that has nothing to do.
fn idle_and_known() -> Desk {
    let mut desk = Desk::sending();
    desk.reports(1, done(), "look");
    desk.hears(Input::Head(vec![]), "commit 1 completed");
    desk.hears(Input::Committed, "look");
    desk.hears(Input::Head(vec![]), "");
    desk
}

#[test]
fn a_connection_that_fails_takes_the_attempt_back_whichever_comes_first() {
    let refused = || Input::OpenFailed(Generation(2), NotReady::Refused);
    let mut desk = idle_and_known();
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 2 transmitting, open 2");
    desk.hears(refused(), "");
    desk.hears(Input::Committed, "commit 2 waiting");
    assert_eq!(desk.record(2).attempts, 0);

    let mut desk = idle_and_known();
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 2 transmitting, open 2");
    desk.hears(Input::Committed, "");
    desk.hears(refused(), "commit 2 waiting");
    desk.hears(Input::Committed, "");
    assert_eq!(desk.live.activity, Activity::NotReady(NotReady::Refused));
    desk.after(1, "look");
}

#[test]
fn a_dead_printer_binds_no_job() {
    let mut desk = Desk::new(start());
    desk.hears(Input::Wake, "look");
    for generation in 1..4 {
        desk.hears(Input::Head(vec![job(1)]), &format!("open {generation}"));
        let told = if generation == 1 { "commit 1 waiting" } else { "" };
        desk.hears(Input::OpenFailed(Generation(generation), NotReady::Asleep), told);
        desk.hears(Input::Committed, "");
        desk.after(1, "look");
    }
    assert_eq!(desk.record(1).bound, None);
}

#[test]
fn a_wake_while_the_queues_are_read_is_not_lost() {
    let mut desk = Desk::new(start());
    desk.hears(Input::Wake, "look");
    desk.hears(Input::Wake, "");
    desk.hears(Input::Head(vec![]), "look");
    desk.hears(Input::Head(vec![]), "");
}

#[test]
fn late_reports_change_nothing() {
    let late = || Input::Report(Generation(1), done());
    let mut desk = Desk::sending();
    desk.reports(1, broken(Broken::Reset, Whole::No), "commit 1 waiting");
    desk.hears(late(), "");
    desk.hears(Input::Committed, "");
    desk.hears(late(), "");
    desk.after(1, "look");
    desk.hears(Input::Head(vec![job(2)]), "open 2");
    desk.hears(late(), "");
    desk.hears(Input::Opened(Generation(2)), "look");
    desk.hears(Input::Head(vec![job(2)]), "commit 2 transmitting");
    desk.hears(late(), "");
    desk.hears(Input::Committed, "send 2 over 2");
    desk.hears(late(), "");
    desk.hears(Input::ConnectionShut(Generation(1)), "");
    desk.hears(
        Input::Watch(Generation(1), Verdict::Stuck { since: crate::model::time::MonoTime::default() }),
        "",
    );
    desk.hears(Input::Opened(Generation(1)), "");
    desk.hears(Input::OpenFailed(Generation(1), NotReady::Refused), "");
    assert_eq!(desk.live.activity, Activity::Sending);
}

/// Whatever is heard of a job at a printer, something allowed becomes of it.
#[test]
fn every_outcome_has_a_fate_in_every_status() {
    let why = || FailReason::Document("bad".to_owned());
    let mut outcomes = vec![done(), Outcome::NotReady(NotReady::Busy), Outcome::Document(why())];
    outcomes.push(Outcome::Credentials);
    outcomes.push(Outcome::Incomplete { why: Interruption::Upload, bytes: 0 });
    for whole in [Whole::No, Whole::Maybe] {
        outcomes.push(Outcome::Aborted { whole, bytes: 0 });
        outcomes.extend([Broken::Reset, Broken::Silent, Broken::ManagerPanic].map(|b| broken(b, whole)));
    }
    for status in JobStatus::ALL.into_iter().filter(|status| status.is_at_printer()) {
        for outcome in &outcomes {
            for wished in [false, true] {
                let mut job = crate::model::fixtures::job_in(status);
                if wished {
                    job = crate::model::fixtures::after(job, [JobEvent::RequestCancel]);
                }
                let start = start();
                let events = settle::fate(&job, outcome, &start.printer, Learned::default(), 5);
                job = crate::model::fixtures::after(job, events);
                assert!(!job.status.is_at_printer(), "{status:?} stays after {outcome:?}");
            }
        }
    }
}
