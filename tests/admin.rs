//! What an administrator does with the real server, from outside.

mod support;

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use support::server::Server;

/// Of what is submitted every so manieth document is too large for the journal.
const LARGE_EVERY: usize = 10;

fn document(n: usize) -> Vec<u8> {
    let length = if n.is_multiple_of(LARGE_EVERY) { 200_000 } else { 300 };
    format!("{n} ").into_bytes().into_iter().cycle().take(length).collect()
}

#[test]
fn who_is_logged_in_stays_so_over_a_restart_and_who_logged_out_does_not() {
    let mut server = Server::start("");
    let link = server.cli(&["token"]);
    let code = link.trim().strip_prefix(&format!("http://{}/#code=", server.address())).expect("a link");
    let shown = json!({ "code": code }).to_string();
    let mut cookies = Vec::new();
    let answer = server.tcp().send("POST", "/api/v1/login", &[], shown.as_bytes()).expect("an answer");
    cookies.push(cookie(answer.header("set-cookie")));
    let secret = std::fs::read_to_string(server.state().join("admin.token")).expect("the token");
    let shown = json!({ "token": secret.trim() }).to_string();
    let answer = server.tcp().send("POST", "/api/v1/login", &[], shown.as_bytes()).expect("an answer");
    cookies.push(cookie(answer.header("set-cookie")));

    assert_eq!(who(&server, &cookies), ["admin", "admin"]);
    server.kill();
    server.restart();
    assert_eq!(who(&server, &cookies), ["admin", "admin"]);
    let shown = [("cookie", cookies[0].as_str())];
    assert_eq!(server.tcp().send("POST", "/api/v1/logout", &shown, b"").expect("an answer").status, 204);
    server.kill();
    server.restart();
    assert_eq!(who(&server, &cookies), ["loopback", "admin"]);
    let log = server.log();
    assert!(!log.contains(code) && !cookies.iter().any(|cookie| log.contains(&cookie[14..])), "{log}");
}

fn cookie(set: Option<&str>) -> String {
    set.and_then(|set| set.split(';').next()).expect("a cookie").to_owned()
}

fn who(server: &Server, cookies: &[String]) -> Vec<Value> {
    let ask = |cookie: &String| {
        let shown = [("cookie", cookie.as_str())];
        let answer = server.tcp().send("GET", "/api/v1/session", &shown, b"").expect("an answer");
        answer.expect(200)["who"].clone()
    };
    cookies.iter().map(ask).collect()
}

#[test]
fn a_backup_holds_all_that_was_accepted_before_it_began_and_restores_elsewhere() {
    let mut server = Server::start("");
    let early: Vec<u64> = (0..60).map(|n| server.submit("hold=true", &document(n))).collect();
    let (stop, file) = (AtomicBool::new(false), server.home().join("copy.tar"));
    let late = thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut more = 0;
            while !stop.load(Ordering::Relaxed) {
                server.submit("hold=true", &document(early.len() + more));
                more += 1;
            }
            more
        });
        let said = server.cli(&["backup", &file.display().to_string()]);
        stop.store(true, Ordering::Relaxed);
        assert!(said.contains("spool recover"), "{said}");
        load.join().expect("the load goes on")
    });
    assert!(
        !server.try_cli(&["backup", &file.display().to_string()]).status.success(),
        "nothing is overwritten"
    );
    server.kill();

    let mut other = Server::start("");
    other.kill();
    fs::remove_dir_all(other.state()).expect("removed");
    fs::create_dir(other.state()).expect("made");
    let mut tar = Command::new("tar");
    let unpacked = tar.arg("-xf").arg(&file).arg("-C").arg(other.state()).status().expect("tar runs");
    assert!(unpacked.success());
    other.cli(&["recover", "--state", "spool-data"]);
    other.restart();
    for (n, job) in early.iter().enumerate() {
        let target = format!("/api/v1/jobs/{job}/document");
        let found = other.socket().send("GET", &target, &[], b"").expect("an answer");
        assert_eq!((found.status, found.body == document(n)), (200, true), "job {job}");
    }
    // Of those that came meanwhile the copy has some, or none: what it has is whole.
    let listed = other.get("/api/v1/jobs?limit=1000");
    let jobs = listed["jobs"].as_array().expect("a list");
    assert!((early.len()..=early.len() + late).contains(&jobs.len()), "{} and {late}", jobs.len());
    for job in jobs {
        let target = format!("/api/v1/jobs/{}/document", job["id"]);
        let found = other.socket().send("GET", &target, &[], b"").expect("an answer");
        assert_eq!(
            (found.status, found.body.len() as u64),
            (200, job["bytes_total"].as_u64().expect("a number"))
        );
    }
    // And it goes on.
    other.submit("", b"words");
}

#[test]
fn the_figures_follow_what_happens() {
    let server = Server::start("");
    let job = server.submit("", b"words");
    server.submit("hold=true", b"held");
    support::wait::wait_until("the job is printed", support::wait::PATIENCE, || {
        (server.job(job)["status"] == "completed").then_some(())
    });
    let answer = server.tcp().send("GET", "/metrics", &[], b"").expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = String::from_utf8(answer.body).expect("text");
    for line in [
        "spool_jobs_accepted_total 2",
        "spool_jobs_completed_total 1",
        "spool_attempts_total 1",
        "spool_completed_bytes_total 5",
        "spool_accept_seconds_count 2",
        "spool_jobs{queue=\"files\",state=\"held\"} 1",
        "spool_jobs{queue=\"files\",state=\"queued\"} 0",
        "spool_printers{state=\"idle\"} 1",
        "spool_ready 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}:\n{text}");
    }
    assert!(text.contains("process_resident_memory_bytes ") && text.ends_with("# EOF\n"), "{text}");
    assert_eq!(text.matches("# EOF").count(), 1);
}
