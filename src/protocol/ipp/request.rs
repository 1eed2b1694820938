//! The requests of a client (RFC 8011 section 4, RFC 3995 section 11, RFC 3996 section 5).

use super::attribute::{Attribute, Group};
use super::message::{Message, Version};
use super::operation::Operation;
use super::tag::GroupTag;
use super::template::JobTemplate;
use super::value::Value;

/// The longest name, in bytes (RFC 8011 section 5.1.3); longer ones are cut.
const NAME_BYTES_MAX: usize = 255;

/// What all requests have in common.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    pub version: Version,
    /// From 1; the answer has the same.
    pub request_id: i32,
    pub printer_uri: &'a str,
    /// requesting-user-name; left out where it is empty.
    pub user: &'a str,
}

/// A job, as Print-Job, Create-Job and Validate-Job say it.
#[derive(Clone, Debug, Default)]
pub struct JobPart<'a> {
    /// job-name; left out where it is empty.
    pub name: &'a str,
    pub template: JobTemplate<'a>,
}

/// A document, as Print-Job, Send-Document and Validate-Job say it.
#[derive(Clone, Copy, Debug, Default)]
pub struct DocumentPart<'a> {
    pub name: Option<&'a str>,
    /// A media type.
    pub format: Option<&'a str>,
    pub compression: Option<&'a str>,
}

/// last-document of Send-Document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastDocument {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichJobs {
    NotCompleted,
    Completed,
}

/// my-jobs of Get-Jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Anybody,
    Requester,
}

/// What Get-Jobs is to list.
#[derive(Clone, Copy, Debug)]
pub struct JobsQuery<'a> {
    pub which: WhichJobs,
    pub owner: Owner,
    /// The most jobs of the answer.
    pub limit: Option<i32>,
    pub requested: &'a [&'a str],
}

/// Whether Get-Notifications waits for something to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    ForEvents,
    No,
}

impl<'a> Caller<'a> {
    pub fn get_printer_attributes(&self, requested: &[&'a str]) -> Message<'a> {
        self.request(Operation::GetPrinterAttributes, |operation| {
            operation.attributes.extend(requested_attributes(requested));
        })
    }

    pub fn validate_job(&self, job: &JobPart<'a>, document: &DocumentPart<'a>) -> Message<'a> {
        self.job_creation(Operation::ValidateJob, job, Some(document))
    }

    /// The document follows the message.
    pub fn print_job(&self, job: &JobPart<'a>, document: &DocumentPart<'a>) -> Message<'a> {
        self.job_creation(Operation::PrintJob, job, Some(document))
    }

    pub fn create_job(&self, job: &JobPart<'a>) -> Message<'a> {
        self.job_creation(Operation::CreateJob, job, None)
    }

    /// The document follows the message.
    pub fn send_document(&self, job_id: i32, document: &DocumentPart<'a>, last: LastDocument) -> Message<'a> {
        self.job_request(Operation::SendDocument, job_id, |operation| {
            push_document(operation, document);
            operation.push("last-document", Value::Boolean(last == LastDocument::Yes));
        })
    }

    pub fn close_job(&self, job_id: i32) -> Message<'a> {
        self.job_request(Operation::CloseJob, job_id, |_| {})
    }

    pub fn cancel_job(&self, job_id: i32) -> Message<'a> {
        self.job_request(Operation::CancelJob, job_id, |_| {})
    }

    pub fn get_job_attributes(&self, job_id: i32, requested: &[&'a str]) -> Message<'a> {
        self.job_request(Operation::GetJobAttributes, job_id, |operation| {
            operation.attributes.extend(requested_attributes(requested));
        })
    }

    pub fn get_jobs(&self, query: &JobsQuery<'a>) -> Message<'a> {
        self.request(Operation::GetJobs, |operation| {
            let limit = query.limit.map(|limit| Attribute::new("limit", Value::Integer(limit)));
            operation.attributes.extend(limit);
            let which = match query.which {
                WhichJobs::NotCompleted => "not-completed",
                WhichJobs::Completed => "completed",
            };
            operation.push("which-jobs", Value::keyword(which));
            operation.push("my-jobs", Value::Boolean(query.owner == Owner::Requester));
            operation.attributes.extend(requested_attributes(query.requested));
        })
    }

    /// One subscription, whose events are fetched by [`Caller::get_notifications`]. `lease_s` is in seconds;
    /// 0 asks for one without end.
    pub fn create_printer_subscriptions(&self, events: &[&'a str], lease_s: i32) -> Message<'a> {
        let mut message = self.request(Operation::CreatePrinterSubscriptions, |_| {});
        let mut subscription = Group::new(GroupTag::Subscription);
        subscription.push("notify-pull-method", Value::keyword("ippget"));
        subscription.attributes.extend(keywords("notify-events", events));
        subscription.push("notify-lease-duration", Value::Integer(lease_s));
        message.groups.push(subscription);
        message
    }

    /// The events of one subscription from a sequence number on.
    pub fn get_notifications(&self, subscription_id: i32, from_sequence: i32, wait: Wait) -> Message<'a> {
        self.request(Operation::GetNotifications, |operation| {
            operation.push("notify-subscription-ids", Value::Integer(subscription_id));
            operation.push("notify-sequence-numbers", Value::Integer(from_sequence));
            operation.push("notify-wait", Value::Boolean(wait == Wait::ForEvents));
        })
    }

    /// `lease_s` is in seconds, from now.
    pub fn renew_subscription(&self, subscription_id: i32, lease_s: i32) -> Message<'a> {
        let mut message = self.subscription_request(Operation::RenewSubscription, subscription_id);
        let mut subscription = Group::new(GroupTag::Subscription);
        subscription.push("notify-lease-duration", Value::Integer(lease_s));
        message.groups.push(subscription);
        message
    }

    pub fn cancel_subscription(&self, subscription_id: i32) -> Message<'a> {
        self.subscription_request(Operation::CancelSubscription, subscription_id)
    }

    fn subscription_request(&self, operation: Operation, subscription_id: i32) -> Message<'a> {
        self.request(operation, |group| group.push("notify-subscription-id", Value::Integer(subscription_id)))
    }

    fn job_creation(
        &self,
        operation: Operation,
        job: &JobPart<'a>,
        document: Option<&DocumentPart<'a>>,
    ) -> Message<'a> {
        let mut message = self.request(operation, |group| {
            if !job.name.is_empty() {
                group.push("job-name", name(job.name));
            }
            if let Some(document) = document {
                push_document(group, document);
            }
        });
        message.groups.extend(job.template.group());
        message
    }

    fn job_request(
        &self,
        operation: Operation,
        job_id: i32,
        more: impl FnOnce(&mut Group<'a>),
    ) -> Message<'a> {
        self.with_target(operation, Some(job_id), more)
    }

    fn request(&self, operation: Operation, more: impl FnOnce(&mut Group<'a>)) -> Message<'a> {
        self.with_target(operation, None, more)
    }

    /// The order is the standard's: character set, language, then the target, then all else (RFC 8011
    /// sections 4.1.4 and 4.1.5).
    fn with_target(
        &self,
        operation: Operation,
        job_id: Option<i32>,
        more: impl FnOnce(&mut Group<'a>),
    ) -> Message<'a> {
        let mut group = Group::new(GroupTag::Operation);
        group.push("attributes-charset", Value::Charset("utf-8".into()));
        group.push("attributes-natural-language", Value::NaturalLanguage("en".into()));
        group.push("printer-uri", Value::uri(self.printer_uri));
        group.attributes.extend(job_id.map(|id| Attribute::new("job-id", Value::Integer(id))));
        if !self.user.is_empty() {
            group.push("requesting-user-name", name(self.user));
        }
        more(&mut group);
        Message {
            version: self.version,
            code: operation.code(),
            request_id: self.request_id,
            groups: vec![group],
        }
    }
}

fn push_document<'a>(operation: &mut Group<'a>, document: &DocumentPart<'a>) {
    if let Some(text) = document.name.filter(|text| !text.is_empty()) {
        operation.push("document-name", name(text));
    }
    if let Some(format) = document.format {
        operation.push("document-format", Value::MimeMediaType(format.into()));
    }
    if let Some(compression) = document.compression {
        operation.push("compression", Value::keyword(compression));
    }
}

/// Nothing where no attribute is named: then the printer chooses.
fn requested_attributes<'a>(names: &[&'a str]) -> Option<Attribute<'a>> {
    keywords("requested-attributes", names)
}

fn keywords<'a>(name: &'static str, values: &[&'a str]) -> Option<Attribute<'a>> {
    (!values.is_empty()).then(|| Attribute::keywords(name, values))
}

/// A name of legal length; a cut never halves a character.
fn name(text: &str) -> Value<'_> {
    let end = (0..=NAME_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    Value::name(&text[..end.unwrap_or(0)])
}
