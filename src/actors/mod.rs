//! Thin shells round the model, and the door through which the servers reach them.
//!
//! ```text
//!   front ──Request──► JobManager ──Wake, Cancel──► TrafficManager (one a printer) ──task──► print thread
//!     └───Request──► DeviceManager ──starts, tells──────┘   ▲                                   │ beats
//!                                                           └──Watch── ThreadWatcher ◄──────────┘
//! ```
//!
//! Messages go down and reports come up; no actor awaits another. What an actor holds can be rebuilt from
//! the store: actix does not restart an actor that panics, so [`device_manager`] makes a new traffic manager
//! and `app` starts the process anew for the rest.

pub mod board;
pub mod core;
pub mod device_manager;
pub mod doorstep;
pub mod front;
pub mod job_manager;
pub mod purge;
pub mod thread_watcher;
pub mod traffic_manager;
pub mod worker;
