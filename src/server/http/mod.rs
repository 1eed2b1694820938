//! The HTTP front door.
//!
//! [`listener`] accepts connections and decides on the head of a request alone whether its body is wanted; what comes
//! behind it is an ordinary actix-web application.

mod bind;
pub mod body;
pub mod config;
mod exchange;
mod gate;
pub mod listener;
pub mod peer;
mod wire;
