//! Named points at which tests kill, stop or panic the process. Without the feature `failpoints`, which no
//! release has, they are nothing.

/// Reads `FAILPOINTS` from the environment: before anything starts, and once however often it is called.
pub fn arm() {
    #[cfg(feature = "failpoints")]
    {
        static ARMED: std::sync::Once = std::sync::Once::new();
        // It disarms when it is dropped; a process that is to fail stays so to its end.
        ARMED.call_once(|| std::mem::forget(fail::FailScenario::setup()));
    }
}

/// Passes the point `name`. In a test build `FAILPOINTS="name=…"` in the environment says what happens
/// there: what the crate `fail` knows (`panic`, `pause`, `sleep(ms)`), or `return(kill)`: the process ends
/// as by SIGKILL.
#[inline]
pub fn hit(name: &str) {
    #[cfg(feature = "failpoints")]
    fail::eval(name, |argument| {
        if argument.as_deref() == Some("kill") {
            kill_self();
        }
    });
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}

/// Whether the step `name` is to be left out: in a test build `FAILPOINTS="name=return(skip)"` says so. For syncs,
/// whose want shows in no test that only kills the process.
#[inline]
#[must_use]
pub fn skips(name: &str) -> bool {
    #[cfg(feature = "failpoints")]
    return fail::eval(name, |argument| argument.as_deref() == Some("skip")).unwrap_or(false);
    #[cfg(not(feature = "failpoints"))]
    {
        let _ = name;
        false
    }
}

#[cfg(feature = "failpoints")]
fn kill_self() {
    let me = rustix::process::getpid();
    let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
}
