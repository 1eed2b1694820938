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

impl News {
    /// Takes in what was said later.
    pub fn take_in(&mut self, newer: News) {
        let News { handle, printing, pages_done, stopped } = newer;
        self.handle = handle.or(self.handle.take());
        self.printing = self.printing.max(printing);
        self.pages_done = self.pages_done.max(pages_done);
        self.stopped = stopped;
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Printing {
    #[default]
    NotYet,
    Begun,
}
