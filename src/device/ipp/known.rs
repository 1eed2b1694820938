//! A printer, and what was learned of how it is to be spoken to.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::place::{IppPlace, Scheme};
use super::subscribe::Registration;
use super::tls::Fingerprint;
use crate::clock::Clock;
use crate::device::{Resolver, Surroundings, Timing};
use crate::protocol::ipp::Version;

/// A printer as its target and all its links know it.
pub struct Printer {
    pub place: IppPlace,
    pub credentials: Option<PathBuf>,
    pub timing: Timing,
    pub clock: Clock,
    pub names: Resolver,
    known: Mutex<Known>,
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printer").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What was learned of a printer: all of it can be learned again.
#[derive(Clone, Debug)]
pub struct Known {
    /// The path under which it answered, or the next to try.
    pub path: String,
    /// The newest version that it may understand.
    pub version: Version,
    pub tls: Tls,
    pub asks_who: AsksWho,
    /// Of the first certificate that it showed.
    pub certificate: Option<Fingerprint>,
    /// Whether it makes copies, as far as it was seen.
    pub copies: Copies,
    /// The registration for events, while there is one.
    pub registration: Option<Registration>,
    /// Links opened so far.
    pub links: u64,
}

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    Never,
    /// With the first byte.
    AtOnce,
    /// After a word in plain text (RFC 2817).
    Upgrade,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsksWho {
    No,
    Yes,
}

/// Whether a printer does what it says of `copies`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    AsItSays,
    Refuses,
}

impl Printer {
    pub fn new(place: IppPlace, credentials: Option<PathBuf>, surroundings: &Surroundings) -> Printer {
        let tls = match place.scheme {
            Scheme::Ipp => Tls::Never,
            Scheme::Ipps => Tls::AtOnce,
        };
        let known = Known {
            path: place.paths().first().copied().unwrap_or("/").to_owned(),
            version: Version::V2_0,
            tls,
            asks_who: AsksWho::No,
            certificate: None,
            copies: Copies::AsItSays,
            registration: None,
            links: 0,
        };
        let Surroundings { timing, clock, names, .. } = surroundings.clone();
        Printer { place, credentials, timing, clock, names, known: Mutex::new(known) }
    }

    /// What is known is good also after a panic: it is changed a field at a time.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn uri(&self) -> String {
        self.place.printer_uri(&self.known().path)
    }
}
