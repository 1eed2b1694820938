//! Where an idle traffic manager leaves its invitation, and the job manager the job that it has begun by it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::commit::Commit;
use crate::model::job::Job;
use crate::model::traffic::Invitation;
use crate::store::Committing;

/// A job that was begun by invitation.
pub struct Begun {
    /// As it is by its attempt.
    pub job: Job,
    /// The attempt, as it was handed in.
    pub attempt: Commit,
    pub committing: Committing,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").field("job", &self.job).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
enum Place {
    #[default]
    Empty,
    Invitation(Box<Invitation>),
    Begun(Box<Begun>),
}

/// The doorstep of one traffic manager.
#[derive(Debug, Default)]
pub struct Doorstep(Mutex<Place>);

impl Doorstep {
    fn lock(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn invite(&self, invitation: Invitation) {
        *self.lock() = Place::Invitation(Box::new(invitation));
    }

    /// Withdraws the invitation. Where it was used, the answer is what was begun by it, to be heard first.
    pub fn clear(&self) -> Option<Box<Begun>> {
        match std::mem::take(&mut *self.lock()) {
            Place::Begun(begun) => Some(begun),
            Place::Empty | Place::Invitation(_) => None,
        }
    }

    /// Uses the invitation, where there is one and `hand_in` makes something of it. It cannot be withdrawn meanwhile:
    /// who clears the doorstep afterwards finds what was handed in.
    pub fn begin<T>(&self, hand_in: impl FnOnce(&Invitation) -> Option<(T, Begun)>) -> Option<T> {
        let mut place = self.lock();
        let Place::Invitation(invitation) = &*place else { return None };
        let (told, begun) = hand_in(invitation)?;
        *place = Place::Begun(Box::new(begun));
        Some(told)
    }
}
