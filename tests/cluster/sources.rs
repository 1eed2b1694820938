//! The command line as a source of work for several servers: documents find their way, once.

use std::fs::{self, File};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::cluster::{CutBy, Node, start};
use crate::support::server::sum;
use crate::support::sink::{Endless, Sink};
use crate::support::wait::{PATIENCE, wait_until};

const MIB: u64 = 1 << 20;
/// Far more than a wire and the buffers of two systems hold.
const LARGE: u64 = 70 * MIB;

/// A master, an entry node and two servers, which print at this address.
fn four(link: &str, uri: &str) -> Vec<Node> {
    let nodes = start(&["m", "x", "a", "b"], |name| {
        let roles = match name {
            "m" => r#"["master"]"#,
            "x" => r#"["entry"]"#,
            _ => r#"["server"]"#,
        };
        let queue = format!("[[printer]]\nname = \"office\"\nuri = \"{uri}\"\n");
        let queue = if matches!(name, "a" | "b") { queue } else { String::new() };
        format!("roles = {roles}\nlink = \"{link}\"\n{queue}")
    });
    wait_until("the master and the entry node know the queues", PATIENCE, || {
        let knows = |node: &Node, name: &str| {
            node.seen(name).is_some_and(|seen| seen["queues"][0]["name"] == "office")
        };
        let all = |node: &Node| knows(node, "a") && knows(node, "b");
        (all(&nodes[0]) && all(&nodes[1])).then_some(())
    });
    nodes[0].wire.tape.clear();
    nodes
}

/// The same, and `a` has work, so that `b` gets what comes.
fn four_with_work_at_a() -> Vec<Node> {
    let nodes = four("direct", "sim:");
    let a = &nodes[2];
    a.server.post("/api/v1/printers/office/pause", None).expect(200);
    a.server.submit("printer=office&title=other", &[b'x'; 10_000]);
    wait_until("the master knows", PATIENCE, || {
        nodes[0].seen("a").filter(|seen| seen["queued_jobs"].as_u64() > Some(0))
    });
    nodes
}

/// `spool print`, told where the entry node is.
fn print(entry: &Node, arguments: &[&str]) -> Command {
    let mut command = entry.server.command();
    command.args(["print", "-p", "office", "--server", &entry.wire.url()]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn pipe(child: &mut Child, bytes: u64) -> std::io::Result<()> {
    Endless::write_to(&mut child.stdin.take().unwrap(), bytes)
}

fn file(entry: &Node, bytes: u64) {
    let mut file = File::create(entry.server.home().join("bill")).unwrap();
    Endless::write_to(&mut file, bytes).unwrap();
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// The jobs that were accepted under a title: one that has not come whole has no document.
fn accepted(node: &Node, title: &str) -> usize {
    let jobs = node.server.socket().jobs("");
    jobs.iter().filter(|job| job["title"] == title && !job["document_id"].is_null()).count()
}

fn bills(node: &Node) -> usize {
    accepted(node, "bill")
}

#[test]
fn documents_from_files_and_pipes_are_printed_where_there_is_room() {
    for link in ["direct", "relay"] {
        let sink = Sink::start();
        let nodes = four(link, &sink.uri());
        let x = &nodes[1];
        let token = fs::read_to_string(x.server.state().join("admin.token")).unwrap();
        for bytes in [1, LARGE] {
            file(x, bytes);
            let of_a_file = print(x, &["bill", "--wait"]).env("SPOOL_TOKEN", token.trim()).output().unwrap();
            let mut child = print(x, &["-", "-t", "bill", "--wait"]).spawn().unwrap();
            pipe(&mut child, bytes).unwrap();
            for output in [of_a_file, child.wait_with_output().unwrap()] {
                let (out, err) = said(&output);
                assert!(output.status.success(), "{link} {bytes}: {err}");
                let (first, last) = (out.lines().next().unwrap(), out.lines().last().unwrap());
                let (id, rest) = first.split_once(" at ").unwrap();
                let (node, rest) = rest.split_once(' ').unwrap();
                assert!(["a", "b"].contains(&node) && rest.starts_with("on office: "), "{link}: {first}");
                assert!(last.starts_with(&format!("{id} at {node}: completed")), "{link}: {out}");
                assert_eq!(sink.next(), sum(Endless::first(bytes)), "{link}");
            }
        }
        assert_eq!(bills(&nodes[2]) + bills(&nodes[3]), 4);
        let through_x = x.wire.carried();
        assert_eq!(through_x < MIB, link == "direct", "{link}: {through_x} bytes went to the entry node");
        // The token is for the server that was asked.
        let messages = x.wire.tape.messages();
        let shown = messages.iter().filter(|message| message.head.contains(token.trim()));
        let shown: Vec<&str> = shown.map(|message| message.to.as_str()).collect();
        assert_eq!(shown, ["x", "x"], "{link}");
        // A job is followed by its secret link, which shows it from everywhere.
        let looks = messages.iter().filter(|message| message.method == "GET" && message.from.is_empty());
        let looks: Vec<_> = looks.filter(|message| message.target.starts_with("/api/v1/jobs/")).collect();
        assert!(!looks.is_empty() && looks.iter().all(|message| message.target.contains("/control/")));
        assert!(sink.is_empty());
    }
}

/// From the entry node's socket too, where the user is known.
#[test]
fn as_json_it_is_told_what_the_server_says() {
    let nodes = four("direct", "sim:");
    file(&nodes[1], 1);
    let output = nodes[1].server.try_cli(&["print", "-p", "office", "bill", "--wait", "--json"]);
    let (out, err) = said(&output);
    assert!(output.status.success(), "{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let link = lines[0]["control_url"].as_str().unwrap();
    let server = nodes[2..].iter().find(|node| link.starts_with(&node.wire.url())).unwrap();
    assert_eq!(server.server.job(lines[0]["id"].as_u64().unwrap())["title"], "bill");
    assert_eq!(lines.last().unwrap()["status"], "completed", "{out}");
}

#[test]
fn a_server_that_dies_in_mid_upload_is_left_for_another() {
    let nodes = four_with_work_at_a();
    let (x, a, b) = (&nodes[1], &nodes[2], &nodes[3]);
    file(x, LARGE);
    b.wire.cut_by(CutBy::Bytes(20 * MIB));
    let output = print(x, &["bill"]).output().unwrap();
    let (out, err) = said(&output);
    assert!(b.wire.is_cut() && output.status.success(), "{err}");
    assert!(out.contains(" at a on office: "), "{out}");
    assert_eq!((bills(a), bills(b)), (1, 0));
}

#[test]
fn what_a_pipe_gave_to_a_server_that_dies_is_not_taken() {
    let nodes = four_with_work_at_a();
    let (x, a, b) = (&nodes[1], &nodes[2], &nodes[3]);
    b.wire.cut_by(CutBy::Bytes(20 * MIB));
    let mut child = print(x, &["-", "-t", "bill"]).spawn().unwrap();
    // It ends before it has read all.
    let _ = pipe(&mut child, LARGE);
    let output = child.wait_with_output().unwrap();
    let (_, err) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("the connection was lost") && err.contains("look at `spool jobs`"), "{err}");
    assert_eq!((bills(a), bills(b)), (0, 0));
}

/// It may have been accepted, and another server could not know that: nobody else gets it.
#[test]
fn a_document_whose_answer_was_lost_stays_with_its_server() {
    let nodes = four_with_work_at_a();
    let (x, a, b) = (&nodes[1], &nodes[2], &nodes[3]);
    file(x, LARGE);
    b.wire.cut_by(CutBy::AnswerAfter(LARGE));
    let output = print(x, &["bill"]).output().unwrap();
    let (_, err) = said(&output);
    let where_to_look = format!("look at `spool jobs --server {}` before you print it again\n", b.wire.url());
    assert_eq!(output.status.code(), Some(1));
    assert!(err.ends_with(&where_to_look), "{err}");
    assert_eq!((bills(a), bills(b)), (0, 1));
    b.wire.mend();
    nodes[0].until_alive(&["m", "x", "a", "b"]);
    x.until_alive(&["m", "x", "a", "b"]);

    // One that is back in time says that it has it.
    b.wire.cut_by(CutBy::AnswerAfter(LARGE));
    let child = print(x, &["bill", "-t", "second"]).spawn().unwrap();
    wait_until("the answer is lost", PATIENCE, || b.wire.is_cut().then_some(()));
    b.wire.mend();
    let output = child.wait_with_output().unwrap();
    let (out, err) = said(&output);
    assert!(output.status.success() && out.contains(" at b on office: "), "{out}{err}");
    assert_eq!((accepted(a, "second"), accepted(b, "second")), (0, 1));
}
