//! The commands, as their users see them: what they ask the server, what they print, how they end.

#[path = "support/scripted.rs"]
mod scripted;
#[allow(dead_code, reason = "each test measures what it needs")]
#[path = "support/wait.rs"]
mod wait;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use scripted::{Reply, Scripted};
use tempfile::TempDir;

const JOB: &str = r#"{"id":12,"printer":"office","status":"waiting","title":"a","bytes_total":5,"new":1}"#;

/// The program, in a directory of its own, without anything from our environment.
fn spool(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spool"));
    command.current_dir(directory).env("USER", "ann").stdin(Stdio::null());
    for name in ["SPOOL_SERVER", "SPOOL_TOKEN", "NO_COLOR", "LOGNAME"] {
        command.env_remove(name);
    }
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    spool(directory).args(arguments).output().expect("the program runs")
}

fn here() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command against a script of one reply.
fn run_against(reply: Reply, arguments: &[&str]) -> (Output, scripted::Seen) {
    let server = Scripted::tcp(vec![reply]);
    let arguments = [arguments, &["--server", &server.url]].concat();
    let output = run(here().path(), &arguments);
    (output, server.next())
}

fn good(body: &str) -> Reply {
    Reply::Answer(200, body.to_owned())
}

/// Checks that a command fails with this status and exactly this line.
fn check_fails(output: &Output, status: i32, line: &str) {
    assert_eq!(err(output), format!("{line}\n"));
    assert_eq!(output.status.code(), Some(status), "{}", out(output));
}

#[test]
fn every_command_has_help() {
    let commands = [
        "serve", "print", "jobs", "job", "cancel", "hold", "release", "restart", "priority", "move",
        "printers", "printer", "pools", "pool", "discover", "watch", "workers", "check", "token", "backup",
        "recover", "compact",
    ];
    let of_printer = ["add", "set", "remove", "pause", "resume", "accept", "reject", "test", "wake"];
    let of_pool = ["add", "set", "remove", "accept", "reject", "show"];
    let mut lines: Vec<Vec<&str>> = commands.iter().map(|command| vec![*command, "--help"]).collect();
    lines.extend(of_printer.iter().map(|command| vec!["printer", *command, "--help"]));
    lines.extend(of_pool.iter().map(|command| vec!["pool", *command, "--help"]));
    for line in lines {
        let output = run(here().path(), &line);
        assert_eq!(output.status.code(), Some(0), "{line:?}");
        assert!(out(&output).contains("Usage: spool "), "{line:?}");
    }
    let all = out(&run(here().path(), &["--help"]));
    assert!(commands.iter().all(|command| all.contains(&format!("\n  {command} "))), "{all}");
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    let lines: [&[&str]; 13] = [
        &["prin", "x"],
        &["pool", "add", "p"],
        &["pool", "set", "p"],
        &["pool", "add", "p", "a", "--policy", "fair"],
        &["move", "1"],
        &["print"],
        &["print", "-n", "0", "x"],
        &["print", "-o", "landscape", "x"],
        &["print", "-", "-"],
        &["priority", "1", "101"],
        &["printer"],
        &["job", "x"],
        &["jobs", "--server", "ftp://x"],
    ];
    for line in lines {
        let output = run(here().path(), line);
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert!(err(&output).starts_with("spool: "), "{line:?}: {}", err(&output));
        assert_eq!(err(&output).lines().count(), 1, "{line:?}: {}", err(&output));
    }
}

#[test]
fn a_server_that_is_not_there_is_one_line_and_status_1() {
    let output = run(here().path(), &["jobs", "--server", "http://127.0.0.1:1"]);
    check_fails(
        &output,
        1,
        "spool: cannot reach the server at http://127.0.0.1:1: is `spool serve` running?",
    );
    let output = run(here().path(), &["jobs", "--state", "x"]);
    check_fails(&output, 1, "spool: cannot reach the server at x/spool.sock: is `spool serve` running?");
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let problem = r#"{"code":"job_final","detail":"it is completed already;\u001b[2J restart it"}"#;
    let (output, seen) = run_against(Reply::Answer(409, problem.to_owned()), &["cancel", "12"]);
    check_fails(&output, 1, "spool: job 12: it is completed already; [2J restart it");
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/api/v1/jobs/12/cancel"));
    let (output, _) = run_against(Reply::Answer(404, String::new()), &["job", "7"]);
    check_fails(&output, 1, "spool: job 7: the server knows no such thing");
    let (output, _) = run_against(good("<html>"), &["release", "7"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).starts_with("spool: job 7: the server's answer is not understood: "));
}

#[test]
fn one_job_that_refuses_does_not_spare_the_others() {
    let server = Scripted::tcp(vec![Reply::Answer(409, r#"{"detail":"no"}"#.into()), good(JOB)]);
    let output = run(here().path(), &["hold", "11", "12", "--server", &server.url]);
    check_fails(&output, 1, "spool: job 11: no");
    assert_eq!(out(&output), "job 12: waiting\n");
}

#[test]
fn commands_ask_what_they_mean() {
    let cases: &[(&[&str], &str, &str, &str)] = &[
        (&["cancel", "1", "--even-if-printing"], "POST", "/api/v1/jobs/1/cancel?even_if_printing=true", ""),
        (&["restart", "1"], "POST", "/api/v1/jobs/1/restart", ""),
        (&["priority", "1", "100"], "POST", "/api/v1/jobs/1/priority", r#"{"priority":100}"#),
        (
            &["printer", "add", "a", "sim:a", "--set", "share=true", "--set", "options.sides=one-sided"],
            "POST",
            "/api/v1/printers",
            r#"{"name":"a","options":{"sides":"one-sided"},"share":true,"uri":"sim:a"}"#,
        ),
        (&["printer", "set", "a b", "info=x=y"], "PATCH", "/api/v1/printers/a%20b", r#"{"info":"x=y"}"#),
        (&["printer", "remove", "a"], "DELETE", "/api/v1/printers/a", ""),
        (&["printer", "pause", "a"], "POST", "/api/v1/printers/a/pause", ""),
        (&["printers"], "GET", "/api/v1/printers?limit=1000", ""),
        (
            &[
                "printer",
                "set",
                "a",
                "mac=",
                "options.sides=",
                "options.media=iso_a4_210x297mm",
                "paused=true",
            ],
            "PATCH",
            "/api/v1/printers/a",
            r#"{"mac":null,"options":{"media":"iso_a4_210x297mm","sides":null},"paused":true}"#,
        ),
        (&["move", "7", "floor-2"], "POST", "/api/v1/jobs/7/move", r#"{"printer":"floor-2"}"#),
        (&["pools"], "GET", "/api/v1/pools?limit=1000", ""),
        (
            &["pool", "add", "p", "a", "b", "--policy", "round-robin"],
            "POST",
            "/api/v1/pools",
            r#"{"members":["a","b"],"name":"p","policy":"round-robin"}"#,
        ),
        (
            &["pool", "set", "p", "--policy", "first-available"],
            "PATCH",
            "/api/v1/pools/p",
            r#"{"members":null,"policy":"first-available"}"#,
        ),
        (&["pool", "remove", "p"], "DELETE", "/api/v1/pools/p", ""),
        (&["pool", "reject", "p"], "POST", "/api/v1/pools/p/reject", ""),
        (&["pool", "show", "p", "--json"], "GET", "/api/v1/pools/p", ""),
        (
            &["jobs", "--queue", "a", "--status", "held,final"],
            "GET",
            "/api/v1/jobs?limit=100&status=held%2Cfinal&printer=a",
            "",
        ),
    ];
    for (arguments, method, target, body) in cases {
        let (output, seen) = run_against(good(r#"{"id":1,"jobs":[],"printers":[],"pools":[]}"#), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", err(&output));
        assert_eq!((seen.method.as_str(), seen.target.as_str()), (*method, *target));
        // The order of the keys in a body means nothing.
        let meaning = |body: &str| serde_json::from_str::<serde_json::Value>(body).ok();
        assert_eq!(meaning(&seen.body), meaning(body), "{}", seen.body);
    }
}

#[test]
fn a_file_is_one_job_with_all_that_was_asked_for() {
    let home = here();
    fs::write(home.path().join("a b.txt"), "hello").unwrap();
    let server = Scripted::tcp(vec![Reply::Answer(201, JOB.into())]);
    let arguments = ["print", "a b.txt", "-p", "office", "-n", "2", "-o", "sides=one-sided", "--hold"];
    let output = run(home.path(), &[&arguments[..], &["--server", &server.url]].concat());
    assert_eq!((out(&output).as_str(), err(&output).as_str()), ("job 12 on office: waiting\n", ""));
    let seen = server.next();
    assert_eq!(
        seen.target,
        "/api/v1/jobs?printer=office&title=a%20b.txt&user=ann&copies=2&hold=true&option.sides=one-sided"
    );
    assert_eq!((seen.body.as_str(), seen.header("content-length")), ("hello", Some("5")));
    assert_eq!(seen.header("expect"), Some("100-continue"));
    assert_eq!(seen.header("content-type"), Some("application/octet-stream"));
    assert!(seen.header("idempotency-key").is_some_and(|key| key.len() > 16));
}

#[test]
fn several_files_are_several_jobs_and_one_refused_does_not_spare_the_others() {
    let home = here();
    for name in ["a", "b", "c"] {
        fs::write(home.path().join(name), name).unwrap();
    }
    let refusal = Reply::Answer(415, r#"{"detail":"not printable"}"#.into());
    let server = Scripted::tcp(vec![Reply::Answer(201, JOB.into()), refusal, Reply::Answer(201, JOB.into())]);
    let output = run(home.path(), &["print", "a", "b", "c", "--server", &server.url]);
    check_fails(&output, 1, "spool: cannot print b: not printable");
    assert_eq!(out(&output).lines().count(), 2);
    let keys: Vec<_> = (0..3).map(|_| server.next().header("idempotency-key").map(str::to_owned)).collect();
    assert!(keys[0] != keys[1] && keys[1] != keys[2], "{keys:?}");
}

#[test]
fn nothing_is_sent_where_a_file_cannot_be_read() {
    let home = here();
    fs::write(home.path().join("a"), "a").unwrap();
    let output = run(home.path(), &["print", "a", "missing", "--server", "http://127.0.0.1:1"]);
    check_fails(&output, 1, "spool: missing: cannot be read: No such file or directory (os error 2)");
    let output = run(home.path(), &["print", ".", "--server", "http://127.0.0.1:1"]);
    check_fails(&output, 1, "spool: .: cannot be read: it is a directory");
}

/// 100 MiB through standard input, by a program that may have less memory than that.
#[test]
fn standard_input_is_streamed() {
    const PIECE: usize = 1 << 20;
    let server = Scripted::tcp(vec![Reply::Answer(201, JOB.into())]);
    let limited = "ulimit -v 81920 && exec \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", limited, "sh", env!("CARGO_BIN_EXE_spool"), "print", "-", "--server", &server.url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("its standard input");
    let piece = vec![b'x'; PIECE];
    for _ in 0..100 {
        input.write_all(&piece).expect("it reads on");
    }
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let seen = server.next();
    assert_eq!(seen.body_bytes, 100 * PIECE as u64);
    assert_eq!((seen.header("transfer-encoding"), seen.header("content-length")), (Some("chunked"), None));
}

/// A server that asks others first may take its time, and may still send it on.
#[test]
fn what_cannot_be_read_twice_waits_longer_to_be_wanted() {
    let longer_than_for_a_file = Duration::from_secs(3);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let home = here();
    fs::write(home.path().join("a"), "a").unwrap();
    for (argument, comes) in [("a", true), ("-", false)] {
        let mut command = spool(home.path());
        command.args(["print", argument, "--server", &url]).stdout(Stdio::null()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(longer_than_for_a_file)).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert_eq!(stream.read_exact(&mut [0]).is_ok(), comes, "{argument}");
        stream.write_all(b"HTTP/1.1 507 X\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn a_refusal_comes_before_the_body() {
    let home = here();
    fs::write(home.path().join("big"), vec![0; 4 << 20]).unwrap();
    let problem = r#"{"code":"too_large","detail":"larger than 2 GiB: see limits.document"}"#;
    let server = Scripted::tcp(vec![Reply::Refusal(413, problem.into())]);
    let output = run(home.path(), &["print", "big", "--server", &server.url]);
    check_fails(&output, 1, "spool: cannot print big: larger than 2 GiB: see limits.document");
    assert_eq!(server.next().body_bytes, 0);
}

#[test]
fn a_refusal_in_the_middle_of_the_body_is_shown_as_what_it_is() {
    let home = here();
    let file = fs::File::create(home.path().join("big")).unwrap();
    file.set_len(1 << 30).unwrap();
    let server = Scripted::tcp(vec![Reply::Midway(1 << 20, 507, r#"{"detail":"the disk is full"}"#.into())]);
    let output = run(home.path(), &["print", "big", "--server", &server.url]);
    check_fails(&output, 1, "spool: cannot print big: the disk is full");
    assert!(server.next().body_bytes < 1 << 30);
}

#[test]
fn a_lost_connection_is_tried_once_more_under_the_same_key() {
    let home = here();
    fs::write(home.path().join("a"), "a").unwrap();
    let server = Scripted::tcp(vec![Reply::HangUp, good(JOB)]);
    let output = run(home.path(), &["print", "a", "--server", &server.url]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let (first, second) = (server.next(), server.next());
    assert_eq!(first.header("idempotency-key"), second.header("idempotency-key"));
    assert_eq!(second.body, "a");

    let server = Scripted::tcp(vec![Reply::HangUp, Reply::HangUp, good(JOB)]);
    let output = run(home.path(), &["print", "a", "--server", &server.url]);
    assert_eq!(output.status.code(), Some(1));
    let advice = "it may have been taken: look at `spool jobs` before you print it again\n";
    assert!(err(&output).ends_with(advice), "{}", err(&output));
    server.next();
    server.next();
    assert!(server.is_quiet());
}

#[test]
fn standard_input_cannot_be_sent_twice() {
    let server = Scripted::tcp(vec![Reply::HangUp, good(JOB)]);
    let output = run(here().path(), &["print", "-", "--server", &server.url]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("the connection was lost"), "{}", err(&output));
    server.next();
    assert!(server.is_quiet());
}

/// Runs it with so many bytes on its standard input, of which it need not read all.
fn run_with_input(arguments: &[&str], bytes: usize) -> Output {
    let home = here();
    fs::write(home.path().join("a"), "a").expect("a file");
    let mut command = spool(home.path());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let _ = child.stdin.take().expect("its standard input").write_all(&vec![b'x'; bytes]);
    child.wait_with_output().expect("it ends")
}

#[test]
fn servers_that_send_a_document_in_a_circle_or_nowhere_are_told_of() {
    let check = |replies: Vec<Reply>, argument: &str, words: &str, asked: usize| {
        let server = Scripted::tcp(replies);
        let output = run_with_input(&["print", argument, "--server", &server.url], 10 << 20);
        assert_eq!((output.status.code(), err(&output).lines().count()), (Some(1), 1), "{}", err(&output));
        assert!(err(&output).contains(words), "{}", err(&output));
        (0..asked).for_each(|_| drop(server.next()));
        assert!(server.is_quiet());
    };
    let again = |after| Reply::SentOn(after, "/api/v1/jobs".to_owned());
    for argument in ["a", "-"] {
        check((0..5).map(|_| again(0)).collect(), argument, "was sent on 3 times", 4);
    }
    for nowhere in ["unix:/run/spool.sock", "https://b/api/v1/jobs", "http://u@b/x", ""] {
        check(vec![Reply::SentOn(0, nowhere.to_owned())], "a", "is no address of a server", 1);
    }
    check(vec![again(1 << 20), again(0)], "-", "cannot be read twice", 1);
}

#[test]
fn a_document_that_is_sent_to_nobody_is_offered_to_the_first_server_again() {
    let nobody = || Reply::SentOn(0, "http://127.0.0.1:1/api/v1/uploads/a".to_owned());
    let server = Scripted::tcp(vec![nobody(), nobody(), Reply::Answer(201, JOB.into())]);
    let output = run_with_input(&["print", "-", "--server", &server.url], 1 << 20);
    assert_eq!((out(&output).as_str(), err(&output).as_str()), ("job 12 on office: waiting\n", ""));
    let requests = [server.next(), server.next(), server.next()];
    let key = requests[0].header("idempotency-key");
    assert!(key.is_some() && requests.iter().all(|request| request.header("idempotency-key") == key));
    assert_eq!(requests.map(|request| request.body_bytes), [0, 0, 1 << 20]);
}

#[test]
fn waiting_follows_a_job_to_its_end() {
    let home = here();
    fs::write(home.path().join("a"), "a").unwrap();
    let job = |status: &str| good(&format!(r#"{{"id":12,"status":"{status}","message":"so"}}"#));
    let server = Scripted::tcp(vec![job("waiting"), job("printing"), job("printing"), job("completed")]);
    let output = run(home.path(), &["print", "a", "--wait", "--server", &server.url]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output), "job 12: waiting\njob 12: printing: so\njob 12: completed: so\n");

    let server = Scripted::tcp(vec![job("waiting"), job("failed")]);
    let output = run(home.path(), &["print", "a", "--wait", "--server", &server.url]);
    check_fails(&output, 1, "spool: job 12: failed: so");
}

#[test]
fn the_socket_of_the_state_is_asked_first() {
    let home = here();
    fs::write(home.path().join("spool.toml"), "server.state = 'elsewhere'\nbroken = 1\n").unwrap();
    fs::create_dir(home.path().join("elsewhere")).unwrap();
    let jobs = r#"{"jobs":[],"next_cursor":null}"#;
    let server = Scripted::unix(&home.path().join("elsewhere/spool.sock"), vec![good(jobs), good(jobs)]);
    assert_eq!(run(home.path(), &["jobs"]).status.code(), Some(0));
    assert_eq!(server.next().header("host"), Some("localhost"));
    assert_eq!(run(home.path(), &["jobs", "--state", "elsewhere"]).status.code(), Some(0));
    server.next();

    // What is named explicitly goes before it; the environment goes before it as well.
    let tcp = Scripted::tcp(vec![good(jobs), good(jobs)]);
    assert_eq!(run(home.path(), &["--server", &tcp.url, "jobs"]).status.code(), Some(0));
    let output = spool(home.path()).arg("jobs").env("SPOOL_SERVER", &tcp.url).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(server.is_quiet());
}

#[test]
fn a_socket_that_nobody_listens_at_is_passed_over() {
    let home = here();
    fs::create_dir(home.path().join("spool-data")).unwrap();
    drop(UnixListener::bind(home.path().join("spool-data/spool.sock")).unwrap());
    let output = run(home.path(), &["jobs"]);
    // Whatever listens at the usual port of this machine: it was tried.
    let passed = err(&output).contains("spool-data/spool.sock or http://127.0.0.1:8631");
    assert!(passed || !err(&output).contains("spool.sock"), "{}", err(&output));
}

const JOBS: &str = r#"{"jobs":[
    {"id":12,"printer":"office","assigned_printer":null,"status":"waiting","user":null,
     "title":"a\u001b[31m\nb","bytes_total":1536,"created_at":"2020-01-01T00:00:00Z","message":"why"}],
    "next_cursor":"x"}"#;

#[test]
fn tables_are_clean_and_json_is_whole() {
    let (output, seen) = run_against(good(JOBS), &["jobs", "--limit", "1", "--all"]);
    assert_eq!(seen.target, "/api/v1/jobs?limit=1");
    let text = out(&output);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["ID", "STATUS", "PRINTER", "USER", "TITLE", "SIZE", "SUBMITTED", "WHY"]);
    assert_eq!(rows[1][..7], ["12", "waiting", "office", "a", "[31m", "b", "1.5"], "{text}");
    assert!(!text.contains('\x1b'), "{text}");
    assert_eq!(err(&output), "spool: only the newest 1 are listed; --limit lists more\n");

    let (output, _) = run_against(good(JOBS), &["jobs", "--limit", "1", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["jobs"][0]["title"], "a\u{1b}[31m\nb");
    assert!(!out(&output).contains('\x1b'));
}

#[test]
fn more_jobs_than_a_page_are_fetched_page_by_page() {
    let end = JOBS.replace("\"x\"", "null");
    let server = Scripted::tcp(vec![good(JOBS), good(&end)]);
    let output = run(here().path(), &["jobs", "--limit", "5000", "--server", &server.url]);
    assert_eq!(out(&output).lines().count(), 3);
    assert_eq!(server.next().target, "/api/v1/jobs?limit=1000&status=active");
    assert_eq!(server.next().target, "/api/v1/jobs?limit=1000&status=active&cursor=x");
}

#[test]
fn one_job_is_shown_with_its_history() {
    let history = r#"{"events":[{"seq":1,"at":"2020-01-01T00:00:00Z","source":"user","kind":"accepted"}]}"#;
    let server = Scripted::tcp(vec![good(JOB), good(history)]);
    let output = run(here().path(), &["job", "12", "--server", &server.url]);
    assert!(out(&output).starts_with("job 12: waiting\n  title      a\n"), "{}", out(&output));
    assert!(out(&output).contains("accepted"), "{}", out(&output));
}

#[test]
fn no_colour_where_none_is_wanted() {
    let server = Scripted::tcp(vec![good(JOBS)]);
    for arguments in [vec!["jobs", "--limit=1", "--server", &server.url], vec!["--help"], vec!["nonsense"]] {
        let output = spool(here().path()).args(arguments).env("NO_COLOR", "1").output().unwrap();
        assert!(!out(&output).contains('\x1b') && !err(&output).contains('\x1b'));
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let server = Scripted::tcp(vec![good(JOBS)]);
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = spool(here().path())
        .args(["jobs", "--limit", "1", "--server", &server.url])
        .stdout(closed)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn a_token_goes_alone_to_standard_output() {
    let home = here();
    let state = home.path().join("state");
    fs::create_dir(&state).unwrap();
    let pass = r#"{"token":"0123abcd","expires_at":"2020-01-01T00:05:00Z"}"#;
    let server = Scripted::unix(&state.join("spool.sock"), vec![Reply::Answer(201, pass.into())]);
    let output = run(home.path(), &["token", "--bearer", "--state", "state"]);
    assert_eq!(out(&output), "0123abcd\n");
    assert_eq!((server.next().method, output.status.code()), ("POST".to_owned(), Some(0)));
}

#[test]
fn a_link_goes_alone_to_standard_output() {
    let home = here();
    let state = home.path().join("state");
    fs::create_dir(&state).unwrap();
    let code = r#"{"code":"0123","links":["http://127.0.0.1:1/#code=0123","http://desk:1/#code=0123"]}"#;
    let server = Scripted::unix(&state.join("spool.sock"), vec![Reply::Answer(201, code.into())]);
    let output = run(home.path(), &["token", "--state", "state"]);
    assert_eq!(out(&output), "http://127.0.0.1:1/#code=0123\n");
    assert_eq!((server.next().method, output.status.code()), ("POST".to_owned(), Some(0)));
    assert!(err(&output).contains("or http://desk:1/#code=0123"), "{}", err(&output));
}

#[test]
fn check_warns_of_names_that_only_the_server_can_know() {
    let home = here();
    fs::write(home.path().join("spool.toml"), "server.default = 'hand'\n").unwrap();
    let output = run(home.path(), &["check"]);
    assert_eq!(out(&output), "spool.toml: good: 0 printers, 0 pools\n");
    let warning = "warning: spool.toml:1: server.default: no [[printer]] or [[pool]] in this file is named hand; \
                   good only if it was added to the server\n";
    assert_eq!((err(&output).as_str(), output.status.code()), (warning, Some(0)));
}

#[test]
fn check_says_what_is_wrong_line_by_line() {
    let home = here();
    let output = run(home.path(), &["check"]);
    assert_eq!(out(&output), "no ./spool.toml: good: 0 printers, 0 pools\n");
    fs::write(home.path().join("spool.toml"), "limits.document = '2 GB'\nport = 1\n").unwrap();
    let output = run(home.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<String> = err(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "spool.toml:1: limits.document: '2 GB': expected a size such as 64MiB");
    assert!(lines[1].starts_with("spool.toml:2: port: unknown key: expected "), "{lines:?}");
    assert_eq!(lines.len(), 2);
    let serve = run(home.path(), &["serve"]);
    assert_eq!((err(&serve), serve.status.code()), (err(&output), Some(1)));
}

#[test]
fn an_added_printer_is_shown_as_it_describes_itself() {
    let described = r#"{"message":"it answers: Acme\u001b[2J Laser","model":"Acme Laser",
        "supplies":[{"name":"Black","percent":70},{"name":"Waste","percent":null}],
        "description":{"location":"2.07","formats":["application/pdf","text/plain"],"color":false,"news":1}}"#;
    let server = Scripted::tcp(vec![good(r#"{"name":"a"}"#), good(described)]);
    let uri = "ipp://10.0.0.20/ipp/print";
    let output = run(
        here().path(),
        &["printer", "add", "a", uri, "--set", "credentials_file=/x", "--server", &server.url],
    );
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let lines = [
        "printer a: added",
        "printer a: it answers: Acme [2J Laser",
        "  location: 2.07",
        "  formats: application/pdf, text/plain",
        "  colour: no",
        "  supplies: Black 70 %, Waste",
    ];
    assert_eq!(out(&output).lines().collect::<Vec<_>>(), lines);
    assert_eq!(server.next().target, "/api/v1/printers");
    let asked = server.next();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/api/v1/printers/describe"));
    assert!(asked.body.contains(uri) && asked.body.contains(r#""credentials_file":"/x""#), "{}", asked.body);
}

#[test]
fn a_printer_that_cannot_be_asked_is_added_all_the_same() {
    let refusal = Reply::Answer(429, r#"{"detail":"8 printers are being asked already"}"#.to_owned());
    let server = Scripted::tcp(vec![good(r#"{"name":"a"}"#), refusal]);
    let output = run(here().path(), &["printer", "add", "a", "sim:", "--server", &server.url]);
    assert_eq!((out(&output).as_str(), output.status.code()), ("printer a: added\n", Some(0)));
    assert_eq!(err(&output), "spool: ask printer a what it is: 8 printers are being asked already\n");
}

#[test]
fn discovered_printers_are_shown_each_with_the_line_that_adds_it() {
    let devices = r#"{"devices":[
        {"uri":"file:/dev/usb/lp0","name":"acme-laser","model":"Acme \u001b[31mLaser","printer":null,
         "note":"this server may not print to it: add it first"},
        {"uri":"file:/dev/usb/lp1","name":"lp1","model":null,"printer":"office","note":null},
        {"uri":"file:/dev/my usb/lp'2","name":"lp2","model":null,"printer":null,"note":null}]}"#;
    let (output, seen) = run_against(good(devices), &["discover"]);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/api/v1/discover"));
    let shown = out(&output);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
    assert!(lines[0].starts_with("URI"), "{shown}");
    assert!(lines[2].contains("file:/dev/usb/lp1") && lines[2].ends_with("office"), "{shown}");
    assert_eq!(lines[4], "this server may not print to it: add it first");
    assert_eq!(lines[5], "spool printer add acme-laser file:/dev/usb/lp0");
    assert_eq!(lines[6], r"spool printer add lp2 'file:/dev/my usb/lp'\''2'");
    assert_eq!(lines.len(), 7, "{shown}");
    let (output, _) = run_against(good(devices), &["discover", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(all["devices"][1]["printer"], "office");
    let (output, _) = run_against(good(r#"{"devices":[]}"#), &["discover"]);
    assert_eq!(out(&output), "no printer is plugged in\n");
}

#[test]
fn a_closed_pipe_keeps_nothing_from_being_done() {
    let refusal = Reply::Answer(415, r#"{"detail":"not printable"}"#.into());
    let canceled = r#"{"id":13,"status":"canceled","bytes_total":1}"#;
    let cases: [(&[&str], Vec<Reply>, i32); 4] = [
        (&["print", "a", "a", "a"], vec![Reply::Answer(201, JOB.into()); 3], 0),
        (&["print", "a", "a"], vec![Reply::Answer(201, JOB.into()), refusal], 1),
        (&["print", "a", "--wait"], vec![Reply::Answer(201, JOB.into()), good(canceled)], 1),
        (&["hold", "11", "12", "13"], vec![good(JOB); 3], 0),
    ];
    for (line, replies, status) in cases {
        let home = here();
        fs::write(home.path().join("a"), "a").unwrap();
        let asked = replies.len();
        let server = Scripted::tcp(replies);
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = spool(home.path());
        command.args(line).args(["--server", &server.url]).stdout(closed).stderr(Stdio::null());
        assert_eq!(command.status().unwrap().code(), Some(status), "{line:?}");
        (0..asked).for_each(|_| drop(server.next()));
    }
}

#[test]
fn a_file_may_be_called_anything() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let long = "%EF%BF%BD".repeat(85);
    let cases: [(&[u8], &str); 4] = [
        (b"a\tb\x1b[2J.txt", "title=a%20b%20%5B2J.txt&"),
        (b"a\xe2\x80\xaeb", "title=a%20b&"),
        (&[0xff; 200], &format!("title={long}&")),
        (b" ", "?user=ann"),
    ];
    for (name, title) in cases {
        let home = here();
        let file = home.path().join(OsStr::from_bytes(name));
        fs::write(&file, "hello").unwrap();
        let server = Scripted::tcp(vec![Reply::Answer(415, r#"{"detail":"no"}"#.into())]);
        let output =
            spool(home.path()).arg("print").arg(&file).args(["--server", &server.url]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!err(&output).trim_end().contains(char::is_control), "{:?}", err(&output));
        let target = server.next().target;
        assert!(target.contains(title), "{target}");
    }
}

#[test]
fn a_copy_goes_to_no_file_that_was_laid_there() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let home = here();
    let part = home.path().join("copy.tar.part");
    let at = |name: &str| home.path().join(name);
    let back_up = |name: &str| {
        let server = Scripted::tcp(vec![good("everything")]);
        run(home.path(), &["backup", name, "--server", &server.url])
    };
    fs::write(at("other"), "mine").unwrap();
    symlink(at("other"), &part).unwrap();
    assert_eq!(back_up("copy.tar").status.code(), Some(0));
    assert_eq!(fs::read_to_string(at("other")).unwrap(), "mine");
    let about = fs::symlink_metadata(at("copy.tar")).unwrap();
    assert!(about.is_file() && about.permissions().mode() & 0o777 == 0o600, "{about:?}");
    assert_eq!(fs::read_to_string(at("copy.tar")).unwrap(), "everything");

    // One that somebody has open and may read.
    fs::write(at("second.tar.part"), "").unwrap();
    let before = fs::metadata(at("second.tar.part")).unwrap().ino();
    let mut open = fs::File::open(at("second.tar.part")).unwrap();
    assert_eq!(back_up("second.tar").status.code(), Some(0));
    let mut seen = String::new();
    open.read_to_string(&mut seen).unwrap();
    assert!(seen.is_empty() && fs::metadata(at("second.tar")).unwrap().ino() != before, "{seen}");
}

#[test]
fn a_pipe_is_waited_for_before_the_server_is_promised_anything() {
    use std::os::unix::fs::OpenOptionsExt;
    const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let home = here();
    let pipe = home.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = spool(home.path());
    command.args(["print", "pipe", "--server", "unix:s"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It can be opened as soon as somebody reads; there is no server yet.
    let mut input = wait::wait_until("it reads the pipe", wait::PATIENCE, || {
        let open = fs::OpenOptions::new().write(true).custom_flags(NONBLOCK).open(&pipe);
        assert!(open.is_ok() || child.try_wait().unwrap().is_none(), "it has given up");
        open.ok()
    });
    let server = Scripted::unix(&home.path().join("s"), vec![Reply::Answer(201, JOB.into())]);
    input.write_all(b"at last").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(server.next().body, "at last");
}
