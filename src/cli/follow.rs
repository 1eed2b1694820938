//! Jobs are followed to their ends: each change is one line.

use std::time::Duration;

use super::client::Server;
use super::failure::Failure;
use super::output::{complain, pause, tell};
use super::shapes::Job;

/// How often a job is looked at.
const EVERY: Duration = Duration::from_millis(300);
/// For so many looks a server may be away: it may be starting again, and it keeps its jobs.
const LOOKS_WITHOUT_SERVER_MAX: u32 = 200;

/// Waits until every job has ended. Good only if all of them completed.
pub fn follow(jobs: Vec<Job>, server: &Server) -> Result<(), Failure> {
    let mut all_done = Ok(());
    for job in jobs {
        let end = follow_one(job, server)?;
        if end.status != "completed" {
            all_done = Err(Failure::Told);
            complain(&format!("spool: {}", end.line()));
        }
    }
    all_done
}

fn follow_one(mut job: Job, server: &Server) -> Result<Job, Failure> {
    let mut missed = 0;
    let what = format!("job {}", job.id);
    let target = format!("/api/v1/jobs/{}", job.id);
    while !job.is_final() {
        pause(EVERY);
        match server.get::<Job>(&target, &what) {
            Ok(now) => {
                missed = 0;
                if (&now.status, &now.message) != (&job.status, &job.message) {
                    tell(&now.line())?;
                }
                job = now;
            }
            Err(Failure::Away(_)) if missed < LOOKS_WITHOUT_SERVER_MAX => missed += 1,
            Err(failure) => return Err(failure),
        }
    }
    Ok(job)
}
