//! After the last byte: what the printer says of the job, until it says how it ended. As long as it does not
//! answer it is asked on; only whoever has the link ends that.

use std::time::Duration;

use super::ask::{Found, waits_for_more};
use super::client::Answered;
use super::delivery::Delivery;
use super::driver::{Driver, OnThread, block};
use super::naming;
use super::session::Trouble;
use super::subscribe::Told;
use super::verdict::{self, JobEnd, Verdict};
use crate::device::LinkError;
use crate::model::job::DoneHow;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::protocol::ipp::JobAttributes;

/// How long after one look the next one comes, in milliseconds: soon at first, since most jobs are short; the
/// last holds from then on.
const LOOKS_MS: [u64; 12] = [50, 100, 200, 400, 700, 1_000, 1_000, 2_000, 3_000, 5_000, 8_000, 10_000];
/// However much a printer has to tell, it is not asked more often.
const WAIT_MIN: Duration = Duration::from_millis(50);
/// One that comes back earlier with nothing did not wait.
const WAITED_MIN: Duration = Duration::from_secs(1);
/// A printer that refuses so many times running to say how a job goes will not say it.
const REFUSALS_MAX: u32 = 5;
/// What a look found.
enum Look {
    Underway,
    Ended(JobEnd),
    /// The printer does not know the job.
    Gone,
    /// It did not answer, or only that it will not say.
    Mute(Mute),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mute {
    Silent,
    Refuses,
}

impl Delivery {
    /// Waits for the printer's word on every job of IPP that ours has become.
    pub fn await_word(&mut self, driver: &mut OnThread<'_>) -> Result<DoneHow, LinkError> {
        let jobs = self.order()?.jobs();
        for n in 0..jobs {
            self.await_one(driver, n)?;
        }
        Ok(DoneHow::DeviceSaid)
    }

    fn await_one(&mut self, driver: &mut OnThread<'_>, n: usize) -> Result<(), LinkError> {
        let mut looks = LOOKS_MS.into_iter();
        let mut refusals = 0;
        let mut pause = 0;
        loop {
            match self.look(driver, n)? {
                Look::Ended(end) => return outcome(end),
                Look::Gone => return self.gone(driver),
                Look::Underway => refusals = 0,
                Look::Mute(Mute::Silent) => {}
                Look::Mute(Mute::Refuses) if refusals + 1 == REFUSALS_MAX => {
                    return Err(LinkError::Broken(Broken::Silent, Whole::Maybe));
                }
                Look::Mute(Mute::Refuses) => refusals += 1,
            }
            pause = looks.next().unwrap_or(pause);
            self.wait(driver, Duration::from_millis(pause))?;
        }
    }

    /// Until the printer tells of something; for `pause` where it does not tell.
    fn wait(&mut self, driver: &mut OnThread<'_>, pause: Duration) -> Result<(), LinkError> {
        driver.pass(pause.min(WAIT_MIN))?;
        let since = driver.now();
        match block(self.client.wait_for_events(driver)) {
            Ok(Told::Events) => Ok(()),
            Ok(Told::Nothing) if driver.now().since(since) >= WAITED_MIN => Ok(()),
            Ok(Told::Nothing | Told::Ask) => Ok(driver.pass(pause)?),
            Err(Trouble::Stopped) => Err(LinkError::Stopped),
            Err(_) => Ok(driver.pass(pause)?),
        }
    }

    fn look(&mut self, driver: &mut OnThread<'_>, n: usize) -> Result<Look, LinkError> {
        let asked = match self.jobs.get(n) {
            Some(id) => block(self.client.ours(driver, *id, &self.mark())).map(job_of),
            None => self.look_for(driver),
        };
        match asked {
            Err(Trouble::Stopped) => Err(LinkError::Stopped),
            Err(Trouble::Http(_)) => Ok(Look::Mute(Mute::Refuses)),
            Err(trouble @ (Trouble::NotReady(_) | Trouble::Broken(_) | Trouble::Nonsense(_))) => {
                self.tell_stopped(driver, Some(verdict::out_of_trouble(trouble)));
                Ok(Look::Mute(Mute::Silent))
            }
            Ok(Answered { verdict: Verdict::Good, value: Some(job), .. }) => self.heard(driver, &job),
            Ok(Answered { verdict: Verdict::Good | Verdict::Unknown, .. }) => Ok(Look::Gone),
            Ok(Answered { verdict: Verdict::NotReady(_) | Verdict::Failing(_), .. }) => {
                Ok(Look::Mute(Mute::Silent))
            }
            Ok(_) => Ok(Look::Mute(Mute::Refuses)),
        }
    }

    /// The job whose handle the printer did not get to say.
    fn look_for(&mut self, driver: &mut OnThread<'_>) -> Result<Answered<Option<JobAttributes>>, Trouble> {
        let answered = job_of(block(self.client.find(driver, &self.mark()))?);
        if let Some(id) = answered.value.as_ref().and_then(|job| job.id) {
            self.made(driver, id);
        }
        Ok(answered)
    }

    fn mark(&self) -> String {
        self.order.as_ref().map(|order| naming::mark(&order.tag)).unwrap_or_default()
    }

    fn heard(&mut self, driver: &mut OnThread<'_>, job: &JobAttributes) -> Result<Look, LinkError> {
        if let Some(end) = verdict::end_of(job) {
            return Ok(Look::Ended(end));
        }
        if job.state.is_none() {
            return Ok(Look::Mute(Mute::Refuses));
        }
        if let (Some(broken), true) = (self.unanswered, waits_for_more(job)) {
            // The end of the document was lost with the connection: it will never be whole. That it is to be dropped
            // is recorded first, by whoever hears this.
            return Err(LinkError::Broken(broken, Whole::No));
        }
        let news = block(self.client.news_of(driver, job, &self.news)).map_err(|_| LinkError::Stopped)?;
        if self.news != news {
            self.news = news;
            driver.pulse.news(self.news.clone());
        }
        Ok(Look::Underway)
    }

    /// The printer has a job of this number for us.
    pub fn made(&mut self, driver: &mut OnThread<'_>, id: i32) {
        self.jobs.push(id);
        self.news.handle = Some(id.to_string());
        driver.pulse.news(self.news.clone());
    }

    /// Tells why the printer does not go on, or that it does, where that is new.
    pub fn tell_stopped(&mut self, driver: &mut OnThread<'_>, why: Option<NotReady>) {
        if self.news.stopped != why {
            self.news.stopped = why;
            driver.pulse.news(self.news.clone());
        }
    }

    /// The printer does not know the job by its handle: perhaps it lists it as done, by its name.
    fn gone(&mut self, driver: &mut OnThread<'_>) -> Result<(), LinkError> {
        if self.jobs.is_empty() {
            let broken = self.unanswered.unwrap_or(Broken::Forgotten);
            return Err(LinkError::Broken(broken, Whole::Maybe));
        }
        match self.look_for(driver) {
            Err(Trouble::Stopped) => Err(LinkError::Stopped),
            Ok(Answered { value: Some(job), .. }) => match verdict::end_of(&job) {
                Some(end) => outcome(end),
                None => Err(LinkError::Broken(Broken::Forgotten, Whole::Maybe)),
            },
            Ok(_) | Err(_) => Err(LinkError::Broken(Broken::Forgotten, Whole::Maybe)),
        }
    }
}

fn job_of(answered: Answered<Option<Found>>) -> Answered<Option<JobAttributes>> {
    let Answered { verdict, unsupported, value } = answered;
    Answered { verdict, unsupported, value: value.map(|found| found.job) }
}

fn outcome(end: JobEnd) -> Result<(), LinkError> {
    match end {
        JobEnd::Completed => Ok(()),
        JobEnd::Canceled => Err(LinkError::Canceled),
        JobEnd::Document(why) => Err(LinkError::Document(why)),
        JobEnd::Aborted(whole) => Err(LinkError::Broken(Broken::DeviceAborted, whole)),
    }
}
