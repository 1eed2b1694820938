//! A simulated printer that has words: it numbers its jobs, tells what it does, and can be asked and told.
//!
//! A job lives as long as its link: one that loses it before its end is dropped, as by a printer that is fed page by
//! page.

use std::collections::{BTreeMap, VecDeque};

use crate::device::{CancelFailed, JobTag};
use crate::model::description::{Description, Supply};
use crate::model::document::Format;
use crate::model::job::DoneHow;
use crate::model::outcome::Answer;

/// It remembers so many jobs.
const REMEMBERED: usize = 1000;

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Underway,
    /// It is canceled as soon as its link looks.
    ToBeCanceled,
    Canceled,
    Printed,
    Dropped,
}

/// The jobs that it has had, by their numbers.
#[derive(Debug, Default)]
pub struct Memory {
    fates: BTreeMap<String, Fate>,
    order: VecDeque<String>,
}

impl Memory {
    pub fn set(&mut self, handle: &str, fate: Fate) {
        if self.fates.insert(handle.to_owned(), fate).is_none() {
            self.order.push_back(handle.to_owned());
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.fates.remove(&oldest);
        }
    }

    pub fn of(&self, handle: &str) -> Option<Fate> {
        self.fates.get(handle).copied()
    }

    pub fn ask(&self, tag: &JobTag) -> Answer {
        // What it has forgotten, or never had a number for, it cannot tell.
        match tag.handle.as_deref().and_then(|handle| self.of(handle)) {
            Some(Fate::Underway | Fate::ToBeCanceled) => Answer::Underway,
            Some(Fate::Canceled) => Answer::Canceled,
            Some(Fate::Printed) => Answer::Printed(DoneHow::DeviceSaid),
            Some(Fate::Dropped) => Answer::NotPrinted,
            None => Answer::CannotTell,
        }
    }

    pub fn cancel(&mut self, tag: &JobTag) -> Result<(), CancelFailed> {
        let handle = tag.handle.as_deref().ok_or(CancelFailed::TooLate)?;
        match self.of(handle) {
            Some(Fate::Underway | Fate::ToBeCanceled) => {
                self.set(handle, Fate::ToBeCanceled);
                Ok(())
            }
            Some(Fate::Canceled | Fate::Printed | Fate::Dropped) | None => Err(CancelFailed::TooLate),
        }
    }
}

pub fn description() -> Description {
    let toner = Supply {
        name: "Black Toner".to_owned(),
        kind: Some("toner-cartridge".to_owned()),
        color: Some("#000000".to_owned()),
        percent: Some(70),
    };
    Description {
        model: Some("Simulated Printer".to_owned()),
        formats: vec![Format::Pdf, Format::Text],
        media_ready: vec!["iso_a4_210x297mm".to_owned()],
        supplies: vec![toner],
        ..Description::default()
    }
}
