//! Subscriptions and the events that are fetched for them (RFC 3995, RFC 3996).

use super::attribute::Group;
use super::code::PrinterState;
use super::job::JobAttributes;
use super::message::Message;
use super::printer::state_reasons;
use super::reason::Reason;
use super::status::Status;
use super::tag::GroupTag;

/// What became of one subscription that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// `None`: it was not made; the status says why.
    pub id: Option<i32>,
    /// How long it lives, in seconds; 0: without end.
    pub lease_s: Option<u32>,
    pub status: Status,
}

/// The answer to Get-Notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notifications {
    /// After how many seconds to ask again; `None`: at once, where the request waited for events.
    pub get_interval_s: Option<u32>,
    /// In seconds. Smaller than last time: the printer was off and the subscription is gone.
    pub printer_up_time: Option<i32>,
    pub events: Vec<Event>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub subscription_id: Option<i32>,
    /// From 1, without gaps but where events were lost.
    pub sequence_number: Option<i32>,
    /// A keyword of notify-events: `job-state-changed`.
    pub subscribed_event: Option<String>,
    pub text: Option<String>,
    pub printer_state: Option<PrinterState>,
    /// `None`: not said; empty: none.
    pub printer_state_reasons: Option<Vec<Reason>>,
    pub printer_is_accepting_jobs: Option<bool>,
    /// The job that it is about, with what is said of it.
    pub job: Option<JobAttributes>,
}

impl Subscribed {
    /// One for each subscription of the request, in its order.
    pub fn all(message: &Message<'_>) -> impl Iterator<Item = Subscribed> {
        message.groups(GroupTag::Subscription).map(|group| {
            let status = group.enumeration("notify-status-code");
            let status = status.and_then(|code| u16::try_from(code).ok()).map(Status::from_code);
            Subscribed {
                id: group.integer("notify-subscription-id"),
                lease_s: group.count("notify-lease-duration"),
                status: status.unwrap_or(message.status()),
            }
        })
    }
}

impl Notifications {
    pub fn of(message: &Message<'_>) -> Notifications {
        let operation = message.group(GroupTag::Operation);
        Notifications {
            get_interval_s: operation.and_then(|group| group.count("notify-get-interval")),
            printer_up_time: operation.and_then(|group| group.integer("printer-up-time")),
            events: message.groups(GroupTag::EventNotification).map(Event::of).collect(),
        }
    }
}

impl Event {
    fn of(group: &Group<'_>) -> Event {
        let mut job = JobAttributes::of(group);
        // RFC 3995 names it notify-job-id; CUPS and others say job-id too.
        job.id = group.integer("notify-job-id").or(job.id);
        Event {
            subscription_id: group.integer("notify-subscription-id"),
            sequence_number: group.integer("notify-sequence-number"),
            subscribed_event: group.string("notify-subscribed-event"),
            text: group.string("notify-text"),
            printer_state: group.enumeration("printer-state").map(PrinterState::from_code),
            printer_state_reasons: state_reasons(group),
            printer_is_accepting_jobs: group.boolean("printer-is-accepting-jobs"),
            job: job.id.is_some().then_some(job),
        }
    }
}
