//! A job as a printer describes it (RFC 8011 section 5.3).

use super::attribute::Group;
use super::code::JobState;
use super::message::Message;
use super::tag::GroupTag;

/// What a printer says of a job. `None`: it does not say, or not in a syntax that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobAttributes {
    pub id: Option<i32>,
    pub uri: Option<String>,
    pub uuid: Option<String>,
    pub name: Option<String>,
    pub originating_user_name: Option<String>,
    pub state: Option<JobState>,
    /// Keywords; `none` is left out.
    pub state_reasons: Vec<String>,
    pub state_message: Option<String>,
    /// All sides of all copies, and those that are done.
    pub impressions: Option<u32>,
    pub impressions_completed: Option<u32>,
    pub pages_completed: Option<u32>,
    pub media_sheets_completed: Option<u32>,
    /// In KiB, rounded up.
    pub k_octets: Option<u32>,
    pub k_octets_processed: Option<u32>,
    pub number_of_documents: Option<u32>,
    /// In seconds of the printer's printer-up-time.
    pub time_at_creation: Option<i32>,
    pub time_at_completed: Option<i32>,
}

impl JobAttributes {
    /// The attributes that are read here, for requested-attributes.
    pub const REQUESTED: &[&str] = &[
        "job-id",
        "job-uri",
        "job-uuid",
        "job-name",
        "job-originating-user-name",
        "job-state",
        "job-state-reasons",
        "job-state-message",
        "job-impressions",
        "job-impressions-completed",
        "job-pages-completed",
        "job-media-sheets-completed",
        "job-k-octets",
        "job-k-octets-processed",
        "number-of-documents",
        "time-at-creation",
        "time-at-completed",
    ];

    /// The first job of an answer.
    pub fn first(message: &Message<'_>) -> Option<JobAttributes> {
        message.group(GroupTag::Job).map(JobAttributes::of)
    }

    /// All jobs of an answer, in its order.
    pub fn all(message: &Message<'_>) -> impl Iterator<Item = JobAttributes> {
        message.groups(GroupTag::Job).map(JobAttributes::of)
    }

    pub fn of(job: &Group<'_>) -> JobAttributes {
        let mut state_reasons = job.strings("job-state-reasons");
        state_reasons.retain(|reason| reason != "none" && !reason.is_empty());
        JobAttributes {
            id: job.integer("job-id"),
            uri: job.string("job-uri"),
            uuid: job.string("job-uuid"),
            name: job.string("job-name"),
            originating_user_name: job.string("job-originating-user-name"),
            state: job.enumeration("job-state").map(JobState::from_code),
            state_reasons,
            state_message: job.string("job-state-message"),
            impressions: job.count("job-impressions"),
            impressions_completed: job.count("job-impressions-completed"),
            pages_completed: job.count("job-pages-completed"),
            media_sheets_completed: job.count("job-media-sheets-completed"),
            k_octets: job.count("job-k-octets"),
            k_octets_processed: job.count("job-k-octets-processed"),
            number_of_documents: job.count("number-of-documents"),
            time_at_creation: job.integer("time-at-creation"),
            time_at_completed: job.integer("time-at-completed"),
        }
    }

    pub fn has_reason(&self, keyword: &str) -> bool {
        self.state_reasons.iter().any(|reason| reason == keyword)
    }
}
