//! What is refused between nodes, and what never shows.

use std::fs;

use crate::support::client::{Answer, Place};
use crate::support::cluster::{Message, Node, SECRET, start};
use crate::support::wait::{PATIENCE, wait_until};

const METRICS: &str = "/cluster/v1/metrics";

fn send(node: &Node, seal: Option<&str>, body: &[u8]) -> Answer {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(seal.map(|seal| ("spool-seal", seal)));
    Place::Tcp(node.server.address()).send("POST", METRICS, &headers, body).unwrap()
}

/// A request that passed over the wire to `to`, and its seal.
fn heard(node: &Node, to: &str) -> (Message, String) {
    wait_until("a request of a node", PATIENCE, || {
        let messages = node.wire.tape.messages();
        let message = messages.into_iter().rev().find(|m| m.to == to && m.target == METRICS)?;
        let line = message.head.lines().find_map(|line| line.strip_prefix("spool-seal: ")).map(str::to_owned);
        line.map(|seal| (message, seal))
    })
}

#[test]
fn what_is_not_signed_by_a_node_for_this_node_now_is_refused_and_noted() {
    let nodes = start(&["a", "b"], |_| String::new());
    let (a, b) = (&nodes[0], &nodes[1]);
    let code = |answer: Answer| {
        let problem = answer.json();
        (answer.status, problem["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = |code: &str| (403, code.to_owned());
    assert_eq!(code(send(a, None, b"{}")), refused("nodes_only"));
    // Not with the administrator's token either.
    let token = fs::read_to_string(a.server.state().join("admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = a.server.tcp().send("POST", METRICS, &headers, b"{}").unwrap();
    assert_eq!(code(answer), refused("nodes_only"));
    // What was heard on the wire: the same again, to the same and to another node, and altered.
    let (_, seal) = heard(a, "a");
    assert_eq!(code(send(a, Some(&seal), b"{}")), refused("replayed"));
    assert_eq!(code(send(b, Some(&seal), b"{}")), (409, "other_life".to_owned()));
    let altered = seal.replacen("b ", "c ", 1);
    assert_eq!(code(send(a, Some(&altered), b"{}")), refused("altered"));
    let log = a.server.log();
    for why in ["requests are signed", "has come before", "signature is not right"] {
        assert!(log.contains(why), "{why}");
    }
}

#[test]
fn a_node_with_another_secret_stays_outside() {
    let mut nodes = crate::support::cluster::prepare(&["a", "b"], &Default::default(), |_| String::new());
    fs::write(nodes[1].server.home().join("cluster.secret"), SECRET.replace('0', "9")).unwrap();
    nodes.iter_mut().for_each(|node| node.server.restart());
    wait_until("both have refused the other", PATIENCE, || {
        let noted = |node: &Node| node.server.log().contains("the signature is not right");
        nodes.iter().all(noted).then_some(())
    });
    for node in &nodes {
        assert_eq!(node.nodes().len(), 1, "{:?}", node.nodes());
    }
}

#[test]
fn the_secret_is_the_servers_own_and_never_shows() {
    let nodes = start(&["a", "b"], |_| String::new());
    let a = &nodes[0];
    for target in ["/api/v1/nodes", "/metrics", "/api/v1/openapi.json"] {
        let answer = a.server.socket().send("GET", target, &[], b"").unwrap();
        assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET), "{target}");
    }
    assert!(!a.server.log().contains(SECRET));
    assert!(a.wire.tape.messages().iter().all(|message| !message.head.contains(SECRET)));
    // One that others can read is refused at the start, before anything else begins.
    let mut open = crate::support::cluster::prepare(&["o"], &Default::default(), |_| String::new()).remove(0);
    let file = open.server.home().join("cluster.secret");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let output = open.server.try_cli(&["serve", "--http", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("cluster.secret") && said.contains("chmod 600"), "{said}");
    open.server.kill();
}
