//! What became of a job is not known here: the device is asked, and while it has the job it is asked on.
//!
//! A document that may have left whole is asked about until there is an answer, however long that takes: to
//! print it again is worse than to wait. One that certainly did not, or whose end a user wants while bytes
//! still left, is cleared away at the device, and decided without its answer after [`CLEAR_WAIT`].

use super::*;
use crate::model::job::Reason;
use crate::model::outcome::Answer;

impl Traffic {
    /// `doubt` is how the job has ended as far as is known here.
    pub(super) fn ask_first(&mut self, at: AtDevice, doubt: Outcome, now: Now, fx: &mut Vec<Effect>) {
        let shut_for_it = matches!(doubt, Outcome::Aborted { .. });
        let half = matches!(doubt, Outcome::Broken { whole: Whole::No, .. });
        let wished = at.job.cancel_requested || shut_for_it;
        let until = (half || shut_for_it).then(|| now.mono.plus(CLEAR_WAIT));
        self.work = Work::Asking(Box::new(Asking { at, doubt, turn: Turn::Device, until }));
        if wished {
            self.tell_device(fx);
        }
        self.ask(fx);
        self.record(now, fx);
    }

    /// Tells the device to drop its half of a job, once the record says that this was our wish and nobody's else.
    pub(super) fn clear_away(&mut self, fx: &mut Vec<Effect>) {
        if let Work::Asking(asking) = &self.work
            && matches!(asking.at.job.reason, Reason::Broken(..))
        {
            self.tell_device(fx);
        }
    }

    fn ask(&mut self, fx: &mut Vec<Effect>) {
        let Work::Asking(asking) = &mut self.work else { return };
        asking.turn = Turn::Device;
        fx.push(Effect::Ask(Box::new(asking.at.as_known_there())));
    }

    pub(super) fn on_answered(&mut self, answer: Answer, now: Now, fx: &mut Vec<Effect>) {
        let Work::Asking(asking) = &mut self.work else { return };
        if asking.turn != Turn::Device || asking.at.ended.is_some() {
            return;
        }
        asking.turn = Turn::Server(now.mono.plus(self.rules.backoff.first));
        if !matches!(answer, Answer::NotReady(_) | Answer::CannotTell) {
            (self.contact, self.backoff) = (Contact::Answered(now.mono), None);
            self.power.is_awake();
        }
        match answer {
            Answer::Underway => self.still_there(News::default(), now, fx),
            Answer::Progress(news) => self.still_there(news, now, fx),
            Answer::Incomplete(news) => {
                asking.is_half(now);
                self.still_there(news, now, fx);
            }
            Answer::NotReady(why) => self.no_answer(why, now, fx),
            final_word => asking.at.ended = Some(asking.meaning(final_word)),
        }
        self.decide_or_wait(now, fx);
    }

    fn still_there(&mut self, news: News, now: Now, fx: &mut Vec<Effect>) {
        let Work::Asking(asking) = &mut self.work else { return };
        asking.at.hears(news, now);
        if matches!(asking.doubt, Outcome::Aborted { .. }) || asking.at.job.cancel_requested {
            self.tell_device(fx);
        }
    }

    fn no_answer(&mut self, why: NotReady, now: Now, fx: &mut Vec<Effect>) {
        self.wake_if_asleep(&why, now, fx);
        self.went_bad(Bad::NotReady(why.clone()), now);
        let (Contact::Bad { due, .. }, Work::Asking(asking)) = (&self.contact, &mut self.work) else {
            return;
        };
        asking.turn = Turn::Server(*due);
        asking.at.news.stopped = Some(why);
    }

    /// The time has come for something that was put off.
    pub(super) fn look_at_asking(&mut self, now: Now, fx: &mut Vec<Effect>) {
        self.decide_or_wait(now, fx);
        self.tell_again(now, fx);
        let Work::Asking(asking) = &mut self.work else { return };
        if matches!(asking.turn, Turn::Server(at) if at <= now.mono) && asking.at.ended.is_none() {
            self.ask(fx);
        }
    }

    fn decide_or_wait(&mut self, now: Now, fx: &mut Vec<Effect>) {
        let Work::Asking(asking) = &mut self.work else { return };
        // An answer that is under way would be taken for that to the next question.
        let over = asking.until.is_some_and(|until| until <= now.mono) && asking.turn != Turn::Device;
        if over && asking.at.ended.is_none() {
            asking.at.ended = Some(asking.doubt.clone());
        }
        self.record(now, fx);
    }
}

impl Asking {
    /// When there is something to do without anything being heard.
    pub fn next_time(&self) -> Option<MonoTime> {
        let ask = match self.turn {
            Turn::Server(at) => Some(self.until.map_or(at, |until| until.min(at))),
            Turn::Device => None,
        };
        let tell = match self.at.telling {
            Telling::Again(at, _) => Some(at),
            Telling::Nothing | Telling::Out(_) | Telling::Told => None,
        };
        ask.into_iter().chain(tell).min()
    }

    /// How the job has ended, after what the device says.
    fn meaning(&self, answer: Answer) -> Outcome {
        let job = &self.at.job;
        let half = self.whole() == Whole::No;
        match answer {
            // What it has printed cannot be the whole; and what it has canceled was canceled at our word.
            Answer::Printed(_) if half => self.doubt.clone(),
            Answer::Canceled if half && self.told_to_drop_it() => self.doubt.clone(),
            Answer::Printed(how) => Outcome::Done { how, bytes: job.bytes_total() },
            Answer::Canceled => Outcome::Canceled { bytes: job.bytes_sent },
            Answer::Document(why) => Outcome::Document(why),
            Answer::GivenUp(broken) => Outcome::Broken { broken, whole: self.whole(), bytes: job.bytes_sent },
            Answer::NotPrinted => certainly_half(self.doubt.clone()),
            Answer::CannotTell
            | Answer::Underway
            | Answer::Progress(_)
            | Answer::Incomplete(_)
            | Answer::NotReady(_) => self.doubt.clone(),
        }
    }

    /// The device says that it has not got all of it. It is told to drop its half as soon as the record says that
    /// this is our wish: without that, «canceled» would be taken for somebody else's by the next life.
    fn is_half(&mut self, now: Now) {
        self.doubt = certainly_half(self.doubt.clone());
        self.until = self.until.or(Some(now.mono.plus(CLEAR_WAIT)));
    }

    fn told_to_drop_it(&self) -> bool {
        self.at.telling != Telling::Nothing || matches!(self.at.job.reason, Reason::Broken(..))
    }

    fn whole(&self) -> Whole {
        match self.doubt {
            Outcome::Broken { whole, .. } | Outcome::Aborted { whole, .. } => whole,
            _ => Whole::Maybe,
        }
    }
}

fn certainly_half(doubt: Outcome) -> Outcome {
    match doubt {
        Outcome::Broken { broken, bytes, .. } => Outcome::Broken { broken, whole: Whole::No, bytes },
        Outcome::Aborted { bytes, .. } => Outcome::Aborted { whole: Whole::No, bytes },
        other => other,
    }
}
