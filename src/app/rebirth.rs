//! After a panic of a manager the process begins anew: recovery is the ordinary start, so there is only one
//! road to test.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use crate::clock::Clock;
use crate::model::time::WallTime;

/// The times of the last rebirths, in milliseconds since 1970, handed from life to life.
const VARIABLE: &str = "SPOOL_REBIRTHS";
/// So many rebirths within [`WINDOW`] are too many.
const REBIRTHS_MAX: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);

/// What to do after a failure.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// With this history.
    Again(String),
    GiveUp,
}

/// Whether this process began anew after a failure.
pub fn is_reborn() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

fn decide(history: &str, now: WallTime) -> Decision {
    let since = now.minus(WINDOW);
    let mut times: Vec<u64> =
        history.split(',').filter_map(|time| time.parse().ok()).filter(|time| *time >= since.0).collect();
    if times.len() >= REBIRTHS_MAX {
        return Decision::GiveUp;
    }
    times.push(now.0);
    Decision::Again(times.iter().map(u64::to_string).collect::<Vec<_>>().join(","))
}

/// Executes the program again with its own arguments. Returns only where that is not to be done or cannot:
/// with the reason.
pub fn begin_anew(clock: Clock) -> anyhow::Error {
    let history = std::env::var(VARIABLE).unwrap_or_default();
    let history = match decide(&history, clock.now().wall) {
        Decision::Again(history) => history,
        Decision::GiveUp => {
            return anyhow::anyhow!(
                "a part of the server failed {REBIRTHS_MAX} times within {} s; the log above says where. \
                 Jobs are safe on disk; look at the job that was handled last, or run `spool recover`",
                WINDOW.as_secs()
            );
        }
    };
    log::error!("a part of the server failed; the process begins anew");
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return anyhow::anyhow!("the program cannot find itself to begin anew: {error}"),
    };
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let mut command = std::process::Command::new(&program);
    if let Some(name) = name {
        command.arg0(name);
    }
    let error = command.args(arguments).env(VARIABLE, history).exec();
    anyhow::anyhow!("{} cannot be executed again: {error}", program.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_failure_within_a_minute_is_the_last() {
        let at = |ms: u64| WallTime(1_000_000 + ms);
        let Decision::Again(one) = decide("", at(0)) else { panic!("first") };
        let Decision::Again(two) = decide(&one, at(10_000)) else { panic!("second") };
        let Decision::Again(three) = decide(&two, at(20_000)) else { panic!("third") };
        assert_eq!(decide(&three, at(30_000)), Decision::GiveUp);
        // A minute after the first there is room again.
        assert!(matches!(decide(&three, at(60_001)), Decision::Again(_)));
        assert!(matches!(decide("nonsense", at(0)), Decision::Again(_)));
    }
}
