//! What became of a job, and the word to cancel it: by its handle, or by its name where there is none.

use super::client::{Answered, Client};
use super::driver::Driver;
use super::naming::{self, Nth};
use super::session::Trouble;
use super::verdict::{self, JobEnd, Verdict};
use crate::device::{CancelFailed, JobTag};
use crate::model::job::DoneHow;
use crate::model::news::News;
use crate::model::outcome::Answer;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::protocol::ipp::{Caller, JobAttributes, JobsQuery, Owner, WhichJobs, encode};

/// The most jobs that a printer is asked to list when one is looked for.
const JOBS_MAX: i32 = 500;

/// Where a job was found.
#[derive(Clone, Debug)]
pub struct Found {
    pub job: JobAttributes,
    /// Which of ours it is.
    pub nth: Nth,
}

impl Client {
    /// The job with this handle.
    pub async fn job<D: Driver>(
        &mut self,
        driver: &mut D,
        id: i32,
    ) -> Result<Answered<Option<JobAttributes>>, Trouble> {
        let build = |caller: &Caller<'_>| encode(&caller.get_job_attributes(id, JobAttributes::REQUESTED));
        self.ask(driver, build, JobAttributes::first).await
    }

    /// The last of the jobs with this mark that the printer lists, of those under way and those that ended.
    pub async fn find<D: Driver>(
        &mut self,
        driver: &mut D,
        mark: &str,
    ) -> Result<Answered<Option<Found>>, Trouble> {
        let mut all = Vec::new();
        for which in [WhichJobs::NotCompleted, WhichJobs::Completed] {
            let query = JobsQuery {
                which,
                owner: Owner::Anybody,
                limit: Some(JOBS_MAX),
                requested: JobAttributes::REQUESTED,
            };
            let build = |caller: &Caller<'_>| encode(&caller.get_jobs(&query));
            let listed =
                self.ask(driver, build, |message| JobAttributes::all(message).collect::<Vec<_>>()).await?;
            if listed.verdict != Verdict::Good {
                return Ok(Answered {
                    verdict: listed.verdict,
                    unsupported: listed.unsupported,
                    value: None,
                });
            }
            all.extend(listed.value);
        }
        let found = all.into_iter().filter_map(|job| {
            let nth = naming::nth(job.name.as_deref()?, mark)?;
            Some(Found { job, nth })
        });
        let value = found.max_by_key(|found| (found.nth.n, found.job.id));
        Ok(Answered { verdict: Verdict::Good, unsupported: Vec::new(), value })
    }

    /// The job with this handle, if it has this mark. A printer that numbers its jobs anew, after a restart, has
    /// given the number to somebody else's: that one is none of ours.
    pub async fn ours<D: Driver>(
        &mut self,
        driver: &mut D,
        id: i32,
        mark: &str,
    ) -> Result<Answered<Option<Found>>, Trouble> {
        let Answered { verdict, unsupported, value } = self.job(driver, id).await?;
        let found = |job: JobAttributes| {
            let nth = match &job.name {
                Some(name) => naming::nth(name, mark)?,
                None => Nth { n: 1, of: 1 },
            };
            Some(Found { job, nth })
        };
        Ok(Answered { verdict, unsupported, value: value.and_then(found) })
    }

    /// Looks for the job of this tag.
    async fn look_for<D: Driver>(
        &mut self,
        driver: &mut D,
        tag: &JobTag,
    ) -> Result<Answered<Option<Found>>, Trouble> {
        let mark = naming::mark(tag);
        if let Some(id) = handle(tag) {
            let answered = self.ours(driver, id, &mark).await?;
            match (&answered.verdict, &answered.value) {
                (Verdict::Good, None) | (Verdict::Unknown, _) => {}
                (_, _) => return Ok(answered),
            }
        }
        self.find(driver, &mark).await
    }

    /// What became of the job.
    pub async fn what_became<D: Driver>(&mut self, driver: &mut D, tag: &JobTag) -> Answer {
        let answered = match self.look_for(driver, tag).await {
            Ok(answered) => answered,
            Err(trouble) => return Answer::NotReady(verdict::out_of_trouble(trouble)),
        };
        match (answered.verdict, answered.value) {
            (Verdict::Good, Some(found)) => self.answer_of(driver, found).await,
            (Verdict::Good, None) => Answer::CannotTell,
            (Verdict::NotReady(why), _) => Answer::NotReady(why),
            (Verdict::Failing(words), _) => Answer::NotReady(NotReady::Other(words)),
            _ => Answer::CannotTell,
        }
    }

    async fn answer_of<D: Driver>(&mut self, driver: &mut D, Found { job, nth }: Found) -> Answer {
        match verdict::end_of(&job) {
            Some(JobEnd::Completed) if nth.n == nth.of => Answer::Printed(DoneHow::DeviceSaid),
            // Some of its documents came out, and the others were never sent.
            Some(JobEnd::Completed) => Answer::GivenUp(Broken::ServerStopped),
            Some(JobEnd::Canceled) => Answer::Canceled,
            Some(JobEnd::Document(why)) => Answer::Document(why),
            Some(JobEnd::Aborted(Whole::No)) => Answer::NotPrinted,
            Some(JobEnd::Aborted(Whole::Maybe)) => Answer::GivenUp(Broken::DeviceAborted),
            // Nobody sends any more what it waits for: whoever did so is gone.
            None if waits_for_more(&job) => {
                let handle = job.id.map(|id| id.to_string());
                Answer::Incomplete(News { handle, ..News::default() })
            }
            // It knows the job and does not say how it is: nothing is gained by asking on.
            None if job.state.is_none() => Answer::CannotTell,
            None => match self.news_of(driver, &job, &News::default()).await {
                Ok(news) => Answer::Progress(news),
                Err(trouble) => Answer::NotReady(verdict::out_of_trouble(trouble)),
            },
        }
    }

    /// Tells the printer to cancel the job of this tag, and nobody else's.
    pub async fn cancel_job<D: Driver>(&mut self, driver: &mut D, tag: &JobTag) -> Result<(), CancelFailed> {
        let found = self.look_for(driver, tag).await;
        let found = found.map_err(|trouble| CancelFailed::NotReady(verdict::out_of_trouble(trouble)))?;
        match (found.verdict, found.value) {
            (Verdict::Good, Some(found)) => {
                let id = found.job.id.or_else(|| handle(tag));
                self.cancel(driver, id.ok_or(CancelFailed::TooLate)?).await
            }
            (refused, _) => taken(refused).and(Err(CancelFailed::TooLate)),
        }
    }

    /// Cancels by number: only what was seen to be ours just now.
    async fn cancel<D: Driver>(&mut self, driver: &mut D, id: i32) -> Result<(), CancelFailed> {
        let build = |caller: &Caller<'_>| encode(&caller.cancel_job(id));
        let answered = self.ask(driver, build, |_| ()).await;
        let answered =
            answered.map_err(|trouble| CancelFailed::NotReady(verdict::out_of_trouble(trouble)))?;
        taken(answered.verdict)
    }
}

/// Whether a cancellation was taken that was answered so.
fn taken(verdict: Verdict) -> Result<(), CancelFailed> {
    match verdict {
        Verdict::Good | Verdict::Canceled => Ok(()),
        // Not possible: it has ended, or is about to.
        Verdict::AskLess | Verdict::Unknown | Verdict::NotUnderstood | Verdict::Document(_) => {
            Err(CancelFailed::TooLate)
        }
        Verdict::Credentials => Err(CancelFailed::Credentials),
        other => Err(CancelFailed::NotReady(other.not_ready())),
    }
}

/// Our handles are job-ids.
fn handle(tag: &JobTag) -> Option<i32> {
    tag.handle.as_deref().and_then(|handle| handle.parse().ok())
}

/// The job has not got all its documents.
pub fn waits_for_more(job: &JobAttributes) -> bool {
    job.has_reason("job-incoming") || job.has_reason("job-data-insufficient")
}
