//! Jobs are followed to their ends: each change is one line. A job is looked at where it is, by its secret link where
//! it has one: that shows it to whoever submitted it, whichever server has it.

use std::time::Duration;

use serde_json::Value;

use super::client::{Server, read_value};
use super::failure::Failure;
use super::output::{complain, pause, tell, tell_json};
use super::shapes::Job;
use super::upload::Accepted;

/// How often a job is looked at.
const EVERY: Duration = Duration::from_millis(300);
/// The same at a server that we were sent to.
const EVERY_ELSEWHERE: Duration = Duration::from_secs(1);
/// For so long a server may be away: it may be starting again, and it keeps its jobs.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// How a job is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Lines,
    Json,
}

impl Told {
    /// Tells what the server says of a job, as it is or as a line.
    pub fn tell(self, answer: &Value, line: impl FnOnce() -> String) -> Result<(), Failure> {
        match self {
            Told::Lines => tell(&line()),
            Told::Json => tell_json(answer),
        }
    }
}

/// Waits until every job has ended. Good only if all of them completed.
pub fn follow(jobs: Vec<Accepted>, told: Told) -> Result<(), Failure> {
    let mut all_done = Ok(());
    for job in jobs {
        let end = follow_one(job, told)?;
        if end.status != "completed" {
            all_done = Err(Failure::Told);
            complain(&format!("spool: {}", end.line()));
        }
    }
    all_done
}

fn follow_one(accepted: Accepted, told: Told) -> Result<Job, Failure> {
    let (server, target) = place(&accepted);
    let every = if accepted.elsewhere { EVERY_ELSEWHERE } else { EVERY };
    let mut job = accepted.job;
    let what = job.name();
    let mut away = Duration::ZERO;
    while !job.is_final() {
        pause(every);
        match server.get::<Value>(&target, &what) {
            Ok(answer) => {
                away = Duration::ZERO;
                let now = Job { node: job.node.clone(), ..read_value(answer.clone(), &what)? };
                if (&now.status, &now.message) != (&job.status, &job.message) {
                    told.tell(&answer, || now.line())?;
                }
                job = now;
            }
            Err(Failure::Away(_)) if away < AWAY_MAX => away += every,
            Err(failure) => return Err(failure),
        }
    }
    Ok(job)
}

/// Whom to ask about a job, and for what.
fn place(accepted: &Accepted) -> (Server, String) {
    let Accepted { job, server, link, .. } = accepted;
    let link = link.as_deref().and_then(|link| server.behind(link));
    link.unwrap_or_else(|| (server.clone(), format!("/api/v1/jobs/{}", job.id)))
}
