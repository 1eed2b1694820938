//! Masters, entry nodes and servers.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::client::Place;
use crate::support::cluster::{Node, Tape, prepare, start, until_all_see_all};
use crate::support::wait::{PATIENCE, Stopwatch, wait_until};

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
fn lb_1_a_node_that_only_leads_sends_jobs_to_an_entry_node() {
    let nodes = four("");
    let (m, x) = (&nodes[0], &nodes[1]);
    let sent = |target: &str, headers: &[(&str, &str)], body: &[u8]| {
        m.server.tcp().send("POST", target, headers, body).unwrap()
    };
    let target = "/api/v1/jobs?printer=office&title=a%20bill";
    let there = Some(format!("{}{target}", x.wire.url()));
    for headers in [&[][..], &[("content-type", "multipart/form-data; boundary=b")][..]] {
        let answer = sent(target, headers, b"a document");
        assert_eq!((answer.status, answer.header("location")), (307, there.as_deref()), "{headers:?}");
    }
    // What is registered is at this server, and a page speaks to it alone.
    let json: (&str, &[_], &[u8]) =
        ("/api/v1/jobs", &[("content-type", "application/json")], b"{\"documents\":[1]}");
    let of_a_page: (&str, &[_], &[u8]) = (target, &[("sec-fetch-site", "same-origin")], b"a document");
    for (target, headers, body) in [json, of_a_page] {
        let answer = sent(target, headers, body);
        assert_ne!(answer.status, 307, "{headers:?}");
    }
    for expect in ["Expect:", "Expect: 100-continue"] {
        m.wire.tape.clear();
        let (status, _) = curl(m, &["-H", expect], b"a document");
        assert_eq!(status, 201);
        let story = m.wire.tape.story(&["/api/"]);
        assert_eq!(story[..2], ["client>m POST /api/v1/jobs", "client>x POST /api/v1/jobs"]);
        assert!(story.len() == 3 && story[2].contains(" POST /api/v1/uploads/"), "{story:?}");
    }
    std::fs::write(m.server.home().join("bill"), "a document").unwrap();
    let said = m.server.cli(&["print", "-p", "office", "bill", "--server", &m.wire.url()]);
    assert!(said.starts_with("job ") && said.contains(" on office: "), "{said}");
    x.server.signal(Signal::STOP);
    m.until_alive(&["m", "a", "b"]);
    sent(target, &[], b"a document").refused(503, "no_entry_node");
    x.server.signal(Signal::CONT);
}

#[test]
fn lb_3_servers_tell_how_loaded_they_are_each_second() {
    let nodes = start(&["a", "b", "c"], |name| {
        format!("{}\n[[printer]]\nname = \"office\"\nuri = \"sim:?ppm=1\"\n", roles(name))
    });
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

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn curl(node: &Node, arguments: &[&str], body: &[u8]) -> (u16, serde_json::Value) {
    let file = node.server.home().join("document");
    std::fs::write(&file, body).unwrap();
    let target = format!("{}/api/v1/jobs?printer=office&title=bill", node.wire.url());
    let output = std::process::Command::new("curl")
        .args(["-sS", "-L", "--data-binary", &format!("@{}", file.display()), "-w", "\n%{http_code}"])
        .args(arguments)
        .arg(target)
        .output()
        .expect("curl");
    let said = String::from_utf8(output.stdout).unwrap();
    let (body, status) = said.rsplit_once('\n').unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {said}"));
    (status.parse().unwrap(), body)
}

/// All of the cluster's own messages but the measurements, and what clients sent.
const STORY: [&str; 3] = ["/api/", "/cluster/v1/assignments", "/cluster/v1/reservations"];

/// A master, an entry node and two servers.
fn four(more: &str) -> Vec<Node> {
    let nodes = start(&["m", "x", "a", "b"], |name| match name {
        "m" | "x" => format!("{}\n{more}", roles(name)),
        _ => format!("{}\n{more}\n[[printer]]\nname = \"office\"\nuri = \"sim:\"\n", roles(name)),
    });
    // Everybody must have been heard once more, with his queues.
    wait_until("the master knows the queues", PATIENCE, || {
        let of = |name: &str| nodes[0].seen(name).is_some_and(|seen| seen["queues"][0]["name"] == "office");
        (of("a") && of("b")).then_some(())
    });
    nodes[0].wire.tape.clear();
    nodes
}

#[test]
fn lb_2_and_4_the_entry_node_asks_the_master_with_its_own_load_and_gets_the_server_with_the_least() {
    let nodes = four("");
    let (x, a) = (&nodes[1], &nodes[2]);
    // One of the servers has work: the other gets the job.
    a.server.submit("printer=office&hold=false", &[b'x'; 10_000]);
    a.server.post("/api/v1/printers/office/pause", None).expect(200);
    a.server.submit("printer=office", &[b'x'; 10_000]);
    wait_until("the master knows", PATIENCE, || {
        nodes[0].seen("a").filter(|seen| seen["queued_jobs"].as_u64() > Some(0))
    });
    nodes[0].wire.tape.clear();
    let (status, job) = curl(x, &[], b"a document");
    assert_eq!((status, &job["title"]), (201, &"bill".into()));
    let tape = &nodes[0].wire.tape;
    let story = tape.story(&STORY);
    assert_eq!(
        story[..3],
        [
            "client>x POST /api/v1/jobs",
            "x>m POST /cluster/v1/assignments",
            "x>b POST /cluster/v1/reservations"
        ]
    );
    assert!(story[3].starts_with("client>b POST /api/v1/uploads/"), "{story:?}");
    assert_eq!(story.len(), 4);
    assert!(nodes[3].server.job(job["id"].as_u64().unwrap())["title"] == "bill");
}

#[test]
fn lb_6_a_client_that_waits_for_continue_is_sent_to_the_server_before_it_sends_anything() {
    let nodes = four("");
    let x = &nodes[1];
    let before = x.wire.carried();
    let (status, _) = curl(x, &["-H", "Expect: 100-continue"], &vec![b'x'; 5_000_000]);
    assert_eq!(status, 201);
    let passed = x.wire.carried() - before;
    assert!(passed < 100_000, "{passed} bytes of the document went to the entry node");
    let servers: u64 = nodes[2..].iter().map(|node| node.wire.carried()).sum();
    assert!(servers > 5_000_000);
}

#[test]
fn lb_5_a_relayed_document_passes_through_the_entry_node_and_leaves_nothing_there() {
    let nodes = four("link = \"relay\"");
    let (m, x) = (&nodes[0], &nodes[1]);
    let document: Vec<u8> = (0..3_000_000u32).map(|n| n.wrapping_mul(2_654_435_761) as u8).collect();
    let before = kept(x);
    let (status, job) = curl(x, &["-H", "Idempotency-Key: one"], &document);
    assert_eq!((status, &job["bytes_total"]), (201, &document.len().into()));
    assert_eq!(kept(x), before, "of the document or its job nothing is at the entry node");
    let story = m.wire.tape.story(&STORY);
    let last = story.last().unwrap().clone();
    assert!(
        story[0] == "client>x POST /api/v1/jobs" && last.starts_with("client>") && last.contains("/uploads/"),
        "{story:?}"
    );
    // The same again is the same job.
    let server = nodes[2..].iter().find(|node| last.starts_with(&format!("client>{} ", node.name))).unwrap();
    assert_eq!(server.server.tcp().jobs("").len(), 1);
}

/// The files of a node's documents, and its jobs.
fn kept(node: &Node) -> (Vec<String>, usize) {
    let names = std::fs::read_dir(node.server.state().join("documents")).into_iter().flatten();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    (sorted(names), node.server.tcp().jobs("").len())
}

#[test]
fn lb_7_the_master_tells_the_server_first_and_the_entry_node_after() {
    let nodes = four("assign = \"push\"");
    let (status, _) = curl(&nodes[1], &[], b"a document");
    assert_eq!(status, 201);
    let story = nodes[0].wire.tape.story(&STORY);
    assert_eq!(story.len(), 4, "{story:?}");
    assert_eq!(story[..2], ["client>x POST /api/v1/jobs", "x>m POST /cluster/v1/assignments"]);
    assert!(story[2].starts_with("m>") && story[2].ends_with(" POST /cluster/v1/reservations"), "{story:?}");
    assert!(story[3].starts_with("client>") && story[3].contains("/api/v1/uploads/"), "{story:?}");
}

#[test]
fn without_a_master_an_entry_node_takes_work_itself() {
    let nodes = start(&["a", "b"], |_| {
        "roles = [\"entry\", \"server\"]\n[[printer]]\nname = \"office\"\nuri = \"sim:\"\n".to_owned()
    });
    nodes[0].wire.tape.clear();
    let (status, job) = curl(&nodes[1], &[], b"a document");
    assert_eq!(status, 201);
    assert_eq!(nodes[1].server.job(job["id"].as_u64().unwrap())["title"], "bill");
    assert_eq!(nodes[0].wire.tape.story(&STORY), ["client>b POST /api/v1/jobs"]);
}

#[test]
fn a_request_that_is_repeated_at_another_node_is_the_same_job() {
    let nodes = start(&["a", "b", "c"], |_| "[[printer]]\nname = \"office\"\nuri = \"sim:\"\n".to_owned());
    let key = ["-H", "Idempotency-Key: same"];
    let (status, first) = curl(&nodes[0], &key, b"a document");
    assert_eq!(status, 201);
    let holder = nodes.iter().find(|node| node.server.tcp().jobs("").len() == 1).unwrap();
    // It has more to do than the others: a new job would go elsewhere.
    holder.server.post("/api/v1/printers/office/pause", None).expect(200);
    for node in &nodes {
        let (status, again) = curl(node, &key, b"a document");
        assert_eq!((status, &again["id"]), (200, &first["id"]), "{}", node.name);
        let (status, other) = curl(node, &key, b"another document");
        assert_eq!((status, &other["code"]), (422, &"idempotency_key_reused".into()));
    }
    let jobs: usize = nodes.iter().map(|node| node.server.tcp().jobs("").len()).sum();
    assert_eq!(jobs, 1);
}

#[test]
fn an_upload_address_is_good_for_one_job() {
    let nodes = four("");
    let headers =
        [("content-type", "application/octet-stream"), ("expect", "100-continue"), ("content-length", "10")];
    let stream = nodes[1].server.tcp().begin("POST", "/api/v1/jobs?printer=office", &headers).unwrap();
    let answer = crate::support::client::Answer::read(stream).unwrap();
    let there = answer.header("location").unwrap().to_owned();
    assert_eq!(answer.status, 307);
    let (address, path) = there.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let (place, path) = (Place::Tcp(address.parse().unwrap()), format!("/{path}"));
    let upload = |body: &[u8]| {
        place.send("POST", &path, &[("content-type", "application/octet-stream")], body).unwrap()
    };
    let first = upload(b"0123456789").expect(201);
    let again = upload(b"0123456789").expect(200);
    assert_eq!(first["id"], again["id"]);
    assert_eq!(upload(b"another").expect(422)["code"], "idempotency_key_reused");
    let wrong = format!("/api/v1/uploads/{}", "0".repeat(64));
    let answer = place.send("POST", &wrong, &[], b"0123456789").unwrap();
    assert_eq!(answer.expect(404)["code"], "no_reservation");
}

#[test]
fn a_fast_and_a_slow_server_are_done_together() {
    const PAGE: usize = 64 * 1024;
    let nodes = start(&["m", "x", "a", "b"], |name| match name {
        "a" => format!("{}\n[[printer]]\nname = \"office\"\nuri = \"sim:?ppm=600\"\n", roles(name)),
        "b" => format!("{}\n[[printer]]\nname = \"office\"\nuri = \"sim:?ppm=120\"\n", roles(name)),
        _ => roles(name),
    });
    let servers = &nodes[2..];
    // How fast they are is learned from what they print.
    for server in servers {
        for _ in 0..5 {
            server.server.submit("printer=office", &[b'x'; PAGE]);
        }
        wait_until("it has printed", PAGES_MAX, || all_ended(server).then_some(()));
    }
    wait_until("the master knows how fast they are", PATIENCE, || {
        let idle =
            |name: &str| nodes[0].seen(name).is_some_and(|seen| seen["queues"][0]["expected_wait_s"] == 0);
        (idle("a") && idle("b")).then_some(())
    });
    let x = &nodes[1];
    for _ in 0..200 {
        let headers = [("content-type", "application/octet-stream"), ("content-length", "65536")];
        let answer =
            x.server.tcp().send("POST", "/api/v1/jobs?printer=office", &headers[..1], &[b'x'; PAGE]).unwrap();
        let there = answer.header("location").unwrap().to_owned();
        let (address, path) = there.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let place = Place::Tcp(address.parse().unwrap());
        place.send("POST", &format!("/{path}"), &headers[..1], &[b'x'; PAGE]).unwrap().expect(201);
    }
    let watch = Stopwatch::start();
    let mut ended: [Option<Duration>; 2] = [None; 2];
    wait_until("all is printed", PAGES_MAX, || {
        for (server, end) in servers.iter().zip(&mut ended) {
            if end.is_none() && all_ended(server) {
                *end = Some(watch.elapsed());
            }
        }
        ended.iter().all(Option::is_some).then_some(())
    });
    let [a, b] = ended.map(|end| end.unwrap().as_secs_f64());
    let jobs = servers.iter().map(|server| server.server.tcp().jobs("").len()).collect::<Vec<_>>();
    assert!((a - b).abs() <= 0.15 * a.max(b), "{a} s and {b} s, jobs {jobs:?}");
}

/// How long the printing of a test takes at most.
const PAGES_MAX: Duration = Duration::from_secs(90);

fn all_ended(node: &Node) -> bool {
    node.server.tcp().jobs("&status=active").is_empty()
}

#[test]
fn over_2_and_6_a_server_that_has_enough_sends_new_work_to_another_which_prints_it() {
    let nodes = start(&["a", "b"], |_| {
        "roles = [\"server\"]\n[cluster.overflow]\nqueued_jobs = 2\n[[printer]]\nname = \"office\"\nuri = \"sim:\"\n".to_owned()
    });
    let (a, b) = (&nodes[0], &nodes[1]);
    a.server.post("/api/v1/printers/office/pause", None).expect(200);
    for _ in 0..2 {
        assert_eq!(curl(a, &[], b"a document").0, 201);
    }
    assert_eq!(a.server.tcp().jobs("").len(), 2);
    let (status, job) = curl(a, &[], b"one too many");
    assert_eq!((status, a.server.tcp().jobs("").len()), (201, 2));
    wait_until("the other has printed it", PATIENCE, || {
        (b.server.job(job["id"].as_u64().unwrap())["status"] == "completed").then_some(())
    });
    // All have enough: refused, with the time to try again.
    b.server.post("/api/v1/printers/office/pause", None).expect(200);
    for _ in 0..2 {
        assert_eq!(curl(a, &[], b"another").0, 201);
    }
    let answer = a.server.tcp().send("POST", "/api/v1/jobs?printer=office", &[], b"one too many").unwrap();
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(answer.expect(429)["code"], "queue_full");
}
