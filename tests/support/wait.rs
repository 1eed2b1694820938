//! Waiting for what gives no sign, and measuring how long something took.

use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a test waits for anything: far longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A process that starts or ends, and a file that appears, tell nobody: they are looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until `look` finds something. Only for what cannot be waited for otherwise.
pub fn wait_until<T>(what: &str, longest: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let (_nobody_sends, pause) = mpsc::channel::<()>();
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(watch.elapsed() < longest, "waited in vain: {what}");
        let _ = pause.recv_timeout(LOOK_EVERY);
    }
}

/// Measures.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[allow(clippy::disallowed_methods, reason = "a test measures real time")]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
