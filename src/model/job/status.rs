//! The statuses of a job.

/// The statuses of the print server document, with `Held` and `Rendering` added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobStatus {
    /// Waits for a person (or is still arriving); in no queue.
    Held,
    /// Printing stand-by: in a queue.
    Waiting,
    /// Being turned into what the printer speaks.
    Rendering,
    /// Scheduling stand-by: bound to a printer that is not ready to take it yet.
    Scheduled,
    /// Bytes may be leaving.
    Transmitting,
    /// All bytes have left; the device has not said that it is done.
    Transmitted,
    /// The device said that it prints.
    Printing,
    Completed,
    /// Error end.
    Failed,
    /// Cancel end.
    Canceled,
}

impl JobStatus {
    pub const ALL: [JobStatus; 10] = [
        JobStatus::Held,
        JobStatus::Waiting,
        JobStatus::Rendering,
        JobStatus::Scheduled,
        JobStatus::Transmitting,
        JobStatus::Transmitted,
        JobStatus::Printing,
        JobStatus::Completed,
        JobStatus::Failed,
        JobStatus::Canceled,
    ];

    /// The word of the HTTP interface.
    pub fn word(self) -> &'static str {
        match self {
            JobStatus::Held => "held",
            JobStatus::Waiting => "waiting",
            JobStatus::Rendering => "rendering",
            JobStatus::Scheduled => "scheduled",
            JobStatus::Transmitting => "transmitting",
            JobStatus::Transmitted => "transmitted",
            JobStatus::Printing => "printing",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Canceled => "canceled",
        }
    }

    pub fn from_word(word: &str) -> Option<JobStatus> {
        JobStatus::ALL.into_iter().find(|status| status.word() == word)
    }

    /// The job-state of RFC 8011 section 5.3.7, as a keyword.
    pub fn ipp_state(self) -> &'static str {
        match self {
            JobStatus::Held => "pending-held",
            JobStatus::Waiting => "pending",
            JobStatus::Rendering
            | JobStatus::Scheduled
            | JobStatus::Transmitting
            | JobStatus::Transmitted
            | JobStatus::Printing => "processing",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "aborted",
            JobStatus::Canceled => "canceled",
        }
    }

    pub fn is_final(self) -> bool {
        matches!(self, JobStatus::Completed | JobStatus::Failed | JobStatus::Canceled)
    }

    /// Whether a printer has the job: it must be decided anew when the server starts again.
    pub fn is_at_printer(self) -> bool {
        matches!(
            self,
            JobStatus::Rendering
                | JobStatus::Scheduled
                | JobStatus::Transmitting
                | JobStatus::Transmitted
                | JobStatus::Printing
        )
    }
}
