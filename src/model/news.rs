//! What a device says of a job while it has it, apart from the job's end.

use super::retry::NotReady;

/// The newest word of the device on the job of one attempt. Each field only says more than before: news may
/// overtake one another or be merged, and the newest holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The device's own number for the job: the handle by which it can be asked and told.
    pub handle: Option<String>,
    /// It has begun to print it.
    pub printing: Printing,
    /// Pages (impressions) that the device says are done.
    pub pages_done: Option<u32>,
    /// It has stopped in the middle, and why; `None` when it goes on.
    pub stopped: Option<NotReady>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Printing {
    #[default]
    NotYet,
    Begun,
}
