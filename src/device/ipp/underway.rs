//! What a printer says of a job that it still has: the same to whoever follows the job over its link and to
//! whoever asks about it later.

use super::client::Client;
use super::driver::Driver;
use super::ready;
use super::session::Trouble;
use crate::model::news::{News, Printing};
use crate::model::retry::NotReady;
use crate::protocol::ipp::{Caller, JobAttributes, JobState, PrinterAttributes, encode};

/// What is asked of the printer itself meanwhile.
const PRINTER_REQUESTED: [&str; 4] =
    ["printer-state", "printer-state-reasons", "printer-state-message", "printer-is-accepting-jobs"];

impl Client {
    /// What is known of a job that has not ended, after `before`. The printer is asked why it does not go on;
    /// where it does not answer that, nothing stops it. An error is always [`Trouble::Stopped`].
    pub async fn news_of<D: Driver>(
        &mut self,
        driver: &mut D,
        job: &JobAttributes,
        before: &News,
    ) -> Result<News, Trouble> {
        let build = |caller: &Caller<'_>| encode(&caller.get_printer_attributes(&PRINTER_REQUESTED));
        let printer = match self.ask(driver, build, PrinterAttributes::first).await {
            Err(Trouble::Stopped) => return Err(Trouble::Stopped),
            Err(_) => None,
            Ok(answered) => answered.value,
        };
        Ok(news(job, printer.as_ref(), before))
    }
}

fn news(job: &JobAttributes, printer: Option<&PrinterAttributes>, before: &News) -> News {
    let begun = matches!(job.state, Some(JobState::Processing | JobState::ProcessingStopped));
    News {
        handle: before.handle.clone().or_else(|| job.id.map(|id| id.to_string())),
        printing: if begun { Printing::Begun } else { before.printing },
        pages_done: job.impressions_completed.max(before.pages_done),
        stopped: why_stopped(job, printer),
    }
}

/// Why the printer does not go on with the job, where it does not.
fn why_stopped(job: &JobAttributes, printer: Option<&PrinterAttributes>) -> Option<NotReady> {
    match (printer.and_then(ready::not_ready), job.state) {
        // Closed to new jobs is no obstacle to this one.
        (Some(NotReady::PausedAtDevice), Some(JobState::Processing)) => None,
        (None, Some(JobState::ProcessingStopped)) => {
            Some(NotReady::Other(format!("it has stopped the job ({})", job.state_reasons.join(", "))))
        }
        (why, _) => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ipp::Reason;

    fn job(state: JobState) -> JobAttributes {
        JobAttributes { id: Some(7), state: Some(state), ..JobAttributes::default() }
    }

    fn printer(reason: &str) -> PrinterAttributes {
        let reasons = Reason::parse(reason).into_iter().collect();
        PrinterAttributes { state_reasons: Some(reasons), ..PrinterAttributes::default() }
    }

    #[test]
    fn the_number_the_start_and_the_pages_are_told_and_nothing_that_was_known_is_taken_back() {
        let printing = JobAttributes { impressions_completed: Some(3), ..job(JobState::Processing) };
        let first = news(&printing, None, &News::default());
        let all = News {
            handle: Some("7".to_owned()),
            printing: Printing::Begun,
            pages_done: Some(3),
            stopped: None,
        };
        assert_eq!(first, all);
        assert_eq!(news(&job(JobState::Pending), None, &first), first);
        assert_eq!(news(&job(JobState::Pending), None, &News::default()).printing, Printing::NotYet);
    }

    #[test]
    fn what_stops_the_printer_stops_the_job_and_closed_to_others_does_not() {
        let stopped = |state, reason| news(&job(state), Some(&printer(reason)), &News::default()).stopped;
        assert_eq!(stopped(JobState::Processing, "media-empty-error"), Some(NotReady::MediaEmpty));
        assert_eq!(stopped(JobState::Processing, "paused"), None);
        assert_eq!(stopped(JobState::Pending, "paused"), Some(NotReady::PausedAtDevice));
        let of_its_own = stopped(JobState::ProcessingStopped, "none");
        assert!(matches!(of_its_own, Some(NotReady::Other(words)) if words.contains("stopped the job")));
    }
}
