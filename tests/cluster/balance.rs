//! Masters, entry nodes and servers.

use std::collections::BTreeMap;

use rustix::process::Signal;

use crate::support::client::Place;
use crate::support::cluster::{Node, Tape, prepare, start, until_all_see_all};
use crate::support::wait::{PATIENCE, wait_until};

fn roles(name: &str) -> String {
    let roles = match name {
        "m" | "n" => r#"["master"]"#,
        "x" | "y" => r#"["entry"]"#,
        _ => r#"["server"]"#,
    };
    format!("roles = {roles}")
}

fn entry(node: &Node) -> String {
    node.server.get("/api/v1/entry")["node"].as_str().unwrap().to_owned()
}

/// Waits until all of these follow it.
fn until_led_by(nodes: &[Node], name: &str) {
    wait_until(&format!("all follow {name}"), PATIENCE, || {
        nodes.iter().all(|node| node.master().as_deref() == Some(name)).then_some(())
    });
}

#[test]
fn lb_1_the_master_selects_the_entry_node_of_a_client() {
    let nodes = start(&["m", "x", "y"], roles);
    let (m, x) = (&nodes[0], &nodes[1]);
    let mut named = BTreeMap::new();
    for _ in 0..10 {
        *named.entry(entry(m)).or_insert(0) += 1;
    }
    assert_eq!(named, BTreeMap::from([("x".to_owned(), 5), ("y".to_owned(), 5)]), "clients are spread");
    // Who is not the master sends the client to it.
    let answer = x.server.tcp().send("GET", "/api/v1/entry", &[], b"").unwrap();
    let there = answer.header("location").unwrap_or_default().to_owned();
    assert_eq!((answer.status, there), (307, format!("{}/api/v1/entry", m.wire.url())));
    // An entry node that is gone is named no more.
    x.server.signal(Signal::STOP);
    m.until_alive(&["m", "y"]);
    assert_eq!([entry(m), entry(m)], ["y", "y"]);
    x.server.signal(Signal::CONT);
    m.until_alive(&["m", "x", "y"]);
}

#[test]
fn lb_3_servers_tell_how_loaded_they_are_each_second() {
    let nodes =
        start(&["a", "b", "c"], |_| "[[printer]]\nname = \"office\"\nuri = \"sim:?ppm=1\"\n".to_owned());
    let (a, c) = (&nodes[0], &nodes[2]);
    c.server.submit("printer=office", &[b'x'; 100_000]);
    c.server.submit("printer=office", &[b'x'; 50_000]);
    let seen = wait_until("a has heard of c's jobs", PATIENCE, || {
        a.seen("c").filter(|seen| seen["queued_jobs"] == 2 && seen["busy_workers"] == 1)
    });
    assert_eq!((&seen["life"], &seen["taking"]), (&"alive".into(), &"open".into()));
    assert_eq!(seen["queued_bytes"], 150_000);
    assert_eq!(
        (&seen["queues"][0]["name"], &seen["queues"][0]["queued_jobs"]),
        (&"office".into(), &2.into())
    );
    assert!(seen["cpu_percent"].is_number() && seen["free_disk"].is_number(), "{seen}");
    // A silent server is out within three periods, and back when it is heard.
    c.server.signal(Signal::STOP);
    a.until_alive(&["a", "b"]);
    wait_until("it is silent", PATIENCE, || a.seen("c").filter(|seen| seen["life"] == "silent"));
    c.server.signal(Signal::CONT);
    a.until_alive(&["a", "b", "c"]);
    assert_eq!(nodes[1].server.cli(&["nodes"]).lines().count(), 4);
}

#[test]
fn lb_8_the_masters_work_moves_to_another_node_when_it_dies() {
    let mut nodes = start(&["m", "n", "x"], roles);
    assert!(nodes.iter().all(|node| node.master().as_deref() == Some("m")));
    nodes[0].server.kill();
    until_led_by(&nodes[1..], "n");
    assert_eq!(entry(&nodes[1]), "x");
    nodes[0].server.restart();
    until_led_by(&nodes, "m");
    // Cut off, it leads itself, and the others follow another: both is harmless.
    nodes[0].wire.cut();
    until_led_by(&nodes[1..], "n");
    until_led_by(&nodes[..1], "m");
    nodes[0].wire.mend();
    until_all_see_all(&nodes);
    until_led_by(&nodes, "m");
}

#[test]
fn one_that_joins_is_found_by_all_though_it_knows_only_one() {
    let tape = Tape::default();
    let mut nodes = prepare(&["a", "b", "c"], &tape, |_| String::new());
    for (at, peers) in [(0, vec![]), (1, vec![0]), (2, vec![1])] {
        let urls: Vec<String> = peers.iter().map(|peer: &usize| nodes[*peer].wire.url()).collect();
        let path = nodes[at].server.home().join("spool.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().find(|line| line.starts_with("peers")).unwrap().to_owned();
        std::fs::write(&path, text.replace(&line, &format!("peers = {urls:?}"))).unwrap();
        nodes[at].server.restart();
    }
    until_all_see_all(&nodes);
}

#[test]
fn a_server_that_is_alone_is_all_there_is() {
    let server = crate::support::server::Server::start("");
    let nodes = server.get("/api/v1/nodes")["nodes"].clone();
    assert_eq!(nodes.as_array().map(Vec::len), Some(1));
    assert_eq!((&nodes[0]["this"], &nodes[0]["url"]), (&true.into(), &serde_json::Value::Null));
    let answer = server.tcp().send("GET", "/api/v1/entry", &[], b"").unwrap();
    assert_eq!(answer.expect(404)["code"], "no_cluster");
    let Place::Tcp(_) = server.tcp() else { panic!("it listens") };
}
