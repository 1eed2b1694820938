//! Thin shells round the model, and the door through which the servers reach them.

pub mod front;
pub mod worker;
