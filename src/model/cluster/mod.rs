//! Servers that share work: who they are, how loaded they are, and where a request is served.
//!
//! - nouns: [`node`] (a server, its roles), [`metrics`] (how loaded it is), [`members`] (what one node knows of the
//!   others, and who of them lives)
//! - one decision each: [`choice`] (which server gets a job), [`place`] (what a node does with a request: keep it,
//!   pass it on, send the client on, refuse it)
//! - what a server has promised to take: [`reservation`]
//!
//! Everything that one node knows of another is a second old or more, so nothing here is relied on: an assignment is
//! advice, and the server that gets the work decides again.

pub mod choice;
pub mod members;
pub mod metrics;
pub mod node;
pub mod place;
pub mod reservation;
