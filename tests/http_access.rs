//! Who may do what over HTTP, at each of the doors; and against whom the doors are shut.

#[path = "support/core.rs"]
#[allow(dead_code)]
mod core;
#[path = "support/http.rs"]
#[allow(dead_code)]
mod http;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::Command;

use http::{Reply, Running, Setup, written};
use serde_json::{Value, json};
use spool::config::{Network, SubmitAccess};
use spool::model::id::JobId;

/// A user of this machine who is neither root nor in group `spool`.
const USER: u32 = 65_534;

/// Over the socket, as an ordinary user: where the tests run as root another process has to ask.
fn user(server: &Running, request: &str, body: &str) -> Reply {
    if !rustix::process::geteuid().is_root() {
        return server.local(request, body.as_bytes());
    }
    let (method, path) = request.split_once(' ').expect("a method and a path");
    let mut curl = Command::new("curl");
    curl.uid(USER).gid(USER).args([
        "--silent",
        "--show-error",
        "--include",
        "--max-time",
        "30",
        "--unix-socket",
    ]);
    curl.arg(&server.socket).args(["--request", method, "--data-binary", body, "--header", "Expect:"]);
    let output = curl.arg(format!("http://localhost{path}")).output().expect("curl runs");
    assert!(output.status.success(), "{output:?}");
    Reply::parse(&output.stdout)
}

fn uid() -> u32 {
    let own = rustix::process::geteuid();
    if own.is_root() { USER } else { own.as_raw() }
}

#[test]
fn loopback_submits_and_sees_without_names() {
    let server = Running::start();
    let own = server.post("/api/v1/jobs?title=secret&user=ann", b"words").check(201);
    assert_eq!((&own["title"], &own["user"]), (&json!("secret"), &json!("ann")));
    for seen in
        [server.get("/api/v1/jobs").check(200)["jobs"][0].clone(), server.get("/api/v1/jobs/1").check(200)]
    {
        assert_eq!((&seen["title"], &seen["user"]), (&Value::Null, &Value::Null));
        assert_eq!(seen["status"], "waiting");
        assert!(seen.get("control_url").is_none());
    }
    server.get("/api/v1/jobs?user=ann").check_problem(401, "no_credentials");
    server.get("/api/v1/documents?user=ann").check_problem(401, "no_credentials");
    let document = server.get("/api/v1/documents").check(200)["documents"][0].clone();
    assert_eq!((&document["name"], &document["user"]), (&Value::Null, &Value::Null));
    server.get("/api/v1/workers").check(200);
    for request in [
        "GET /api/v1/discover",
        "GET /api/v1/jobs/1/document",
        "GET /api/v1/jobs/99/document",
        "POST /api/v1/jobs/1/cancel",
        "POST /api/v1/jobs/99/cancel",
        "POST /api/v1/jobs/1/hold",
        "POST /api/v1/jobs/1/restart",
        "POST /api/v1/jobs/1/priority",
        "POST /api/v1/printers",
        "DELETE /api/v1/printers/office",
        "PATCH /api/v1/printers/office",
        "POST /api/v1/printers/office/pause",
        "POST /api/v1/tokens",
        "DELETE /api/v1/documents/1",
    ] {
        let reply = server.ask(request, "", b"");
        reply.check_problem(401, "no_credentials");
        assert!(reply.header("www-authenticate").is_some_and(|how| how.starts_with("Bearer")), "{request}");
    }
    assert_eq!(server.core.job_now(JobId(1)).map(|job| job.status.word()), Some("waiting"));
}

#[test]
fn the_secret_link_steers_one_job_and_no_other() {
    let server = Running::start();
    let link = server.post("/api/v1/jobs?title=mine", b"words").check(201)["control_url"].clone();
    let link = link.as_str().expect("a link").to_owned();
    server.post("/api/v1/jobs", b"words").check(201);
    let token = link.rsplit('/').next().expect("a token");
    assert_eq!(server.get(&link).check(200)["title"], "mine");
    assert_eq!(server.post(&format!("{link}/hold"), b"").check(200)["status"], "held");
    assert_eq!(server.post(&format!("{link}/release"), b"").check(200)["status"], "waiting");
    assert_eq!(server.post(&format!("{link}/cancel"), b"").check(200)["status"], "canceled");
    for path in [
        format!("/api/v1/jobs/2/control/{token}"),
        format!("/api/v1/jobs/99/control/{token}"),
        "/api/v1/jobs/1/control/0000".to_owned(),
    ] {
        server.get(&path).check_problem(404, "no_such_job");
        server.post(&format!("{path}/cancel"), b"").check_problem(404, "no_such_job");
    }
    // Only its hash is kept, and the hash opens nothing.
    let hash = server.core.job_now(JobId(1)).and_then(|job| job.control_hash).expect("a hash");
    let path = format!("/api/v1/jobs/1/control/{}", hash.map(|byte| format!("{byte:02x}")).concat());
    server.get(&path).check_problem(404, "no_such_job");
}

#[test]
fn a_user_at_the_socket_rules_over_his_own() {
    let server = Running::start();
    server.post("/api/v1/jobs?title=theirs&user=ann", b"words").check(201);
    let own = user(&server, "POST /api/v1/jobs?title=mine&user=root", "words").check(201);
    assert_eq!(own["user"], uid().to_string(), "the label does not count");
    let list = user(&server, "GET /api/v1/jobs", "").check(200);
    assert_eq!((&list["jobs"][0]["title"], &list["jobs"][1]["title"]), (&json!("mine"), &Value::Null));
    assert_eq!(user(&server, "GET /api/v1/jobs/2/document", "").body, b"words");
    user(&server, "GET /api/v1/jobs/1/document", "").check_problem(403, "not_allowed");
    user(&server, "POST /api/v1/jobs/1/cancel", "").check_problem(403, "not_allowed");
    user(&server, "POST /api/v1/jobs/2/priority", r#"{"priority":99}"#).check_problem(403, "not_allowed");
    user(&server, "POST /api/v1/printers/office/pause", "").check_problem(403, "not_allowed");
    user(&server, "POST /api/v1/tokens", "").check_problem(403, "not_allowed");
    user(&server, "GET /api/v1/jobs?user=ann", "").check_problem(403, "not_allowed");
    user(&server, &format!("GET /api/v1/jobs?user={}", uid()), "").check(200);
    assert_eq!(user(&server, "POST /api/v1/jobs/2/cancel", "").check(200)["status"], "canceled");

    // What another user registered is printed for nobody else.
    let document = user(&server, "POST /api/v1/documents", "private").check(201);
    let order = json!({"document_id": document["id"]}).to_string();
    let json = "Content-Type: application/json\r\n";
    server.ask("POST /api/v1/jobs", json, order.as_bytes()).check_problem(401, "no_credentials");
    assert_eq!(server.core.jobs_now().len(), 2);
}

type Door<'a> = dyn Fn(&str, &[u8]) -> Reply + 'a;

#[test]
fn root_at_the_socket_and_the_token_control_everything() {
    let server = Running::start();
    server.post("/api/v1/jobs?title=theirs&user=ann", b"words").check(201);
    let root = rustix::process::geteuid().is_root();
    let mut doors: Vec<Box<Door>> = vec![Box::new(|request, body| server.admin(request, body))];
    if root {
        doors.push(Box::new(|request, body| server.local(request, body)));
    }
    for door in doors {
        assert_eq!(door("GET /api/v1/jobs?user=ann", b"").check(200)["jobs"][0]["title"], "theirs");
        assert_eq!(door("GET /api/v1/jobs/1/document", b"").body, b"words");
        assert_eq!(door("POST /api/v1/jobs/1/hold", b"").check(200)["status"], "held");
        assert_eq!(door("POST /api/v1/jobs/1/release", b"").check(200)["status"], "waiting");
        assert_eq!(door("POST /api/v1/printers/office/pause", b"").check(200)["paused"], true);
        assert_eq!(door("POST /api/v1/printers/office/resume", b"").check(200)["paused"], false);
        let pass = door("POST /api/v1/tokens", b"").check(201)["token"].as_str().expect("a pass").to_owned();
        let bearer = format!("Authorization: bearer {pass}\r\n");
        server.ask("POST /api/v1/printers/office/pause", &bearer, b"").check(200);
        server.ask("POST /api/v1/tokens", &bearer, b"").check_problem(403, "not_allowed");
    }
    for bad in
        ["Bearer nonsense", "Bearer ", "Bearer", "Basic YWRtaW46eA==", &format!("Bearer {}x", server.token)]
    {
        let headers = format!("Authorization: {bad}\r\n");
        server.ask("GET /api/v1/jobs", &headers, b"").check_problem(401, "bad_credentials");
    }
    server.get(&format!("/api/v1/jobs?token={}", server.token)).check_problem(400, "unknown_parameter");
}

#[test]
fn printers_are_controlled_and_their_secrets_stay() {
    let server = Running::start();
    let reply = server.get("/api/v1/printers/office");
    let printer = reply.check(200);
    assert_eq!(printer["uri"], "ipp://10.0.0.20/ipp");
    assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
    for (field, value) in [
        ("accepting", json!(true)),
        ("shared", json!(false)),
        ("state", json!("idle")),
        ("supplies", Value::Null),
        ("model", Value::Null),
        ("expected_wait_s", Value::Null),
        ("next_try_at", Value::Null),
    ] {
        assert_eq!(printer[field], value, "{field}");
    }
    assert_eq!(
        server
            .admin("PATCH /api/v1/printers/lab", br#"{"info": "by the window", "share": false}"#)
            .check(200)["info"],
        "by the window"
    );
    for (body, code) in [
        (r#"{"colour": 1}"#, "bad_printer"),
        (r#"{"share": "yes"}"#, "bad_printer"),
        (r#"{"uri": "nonsense:"}"#, "bad_printer"),
        ("[]", "bad_json"),
    ] {
        let problem = server.admin("PATCH /api/v1/printers/lab", body.as_bytes()).check_problem(400, code);
        assert!(
            code == "bad_json" || problem["detail"].as_str().is_some_and(|why| body.contains(&why[..3])),
            "{problem}"
        );
    }
    assert_eq!(server.admin("POST /api/v1/printers/lab/reject", b"").check(200)["accepting"], false);
    server.post("/api/v1/jobs?printer=lab", b"words").check_problem(409, "not_accepting");
    assert_eq!(server.admin("POST /api/v1/printers/lab/accept", b"").check(200)["accepting"], true);
    let page = server.admin("POST /api/v1/printers/lab/test", b"").check(201);
    server.admin("DELETE /api/v1/printers/lab", b"").check_problem(409, "has_jobs");
    server.admin(&format!("POST /api/v1/jobs/{}/cancel", page["id"]), b"").check(200);
    server.admin("DELETE /api/v1/printers/lab", b"").check(204);
    server.get("/api/v1/printers/lab").check_problem(404, "no_such_printer");
    server.get("/api/v1/printers/..%2f").check_problem(404, "no_such_printer");
    server.admin("POST /api/v1/printers", br#"{"name": "x"}"#).check_problem(400, "bad_printer");
    server
        .admin("POST /api/v1/printers", br#"{"name": "a b", "uri": "sim:"}"#)
        .check_problem(400, "bad_printer");
    let list = server.get("/api/v1/printers").check(200);
    assert_eq!((list["printers"].as_array().map(Vec::len), &list["next_cursor"]), (Some(1), &Value::Null));
}

#[test]
fn only_own_names_are_answered_and_foreign_pages_change_nothing() {
    let server = Running::start();
    for host in ["evil.example", "localhost.evil.example", "192.0.2.200", ""] {
        let reply = server.raw(&written("GET /api/v1/jobs", &format!("Host: {host}\r\n"), b""));
        reply.check_problem(421, "wrong_host");
    }
    for host in ["localhost", "127.0.0.1:9", "[::1]", "front-desk", "PRINT.example.org:631"] {
        server.raw(&written("GET /api/v1/jobs", &format!("Host: {host}\r\n"), b"")).check(200);
    }
    // The HTTP parser itself refuses these, in its own words.
    for hosts in ["", "Host: localhost\r\nHost: localhost\r\n"] {
        assert_eq!(server.raw(&written("GET /api/v1/jobs", hosts, b"")).status, 400, "{hosts:?}");
    }
    // At the socket any name will do: no browser gets there.
    assert_eq!(server.local("GET /api/v1/jobs", b"").status, 200);
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://localhost:81\r\n",
    ] {
        server.ask("POST /api/v1/jobs", foreign, b"words").check_problem(403, "foreign_origin");
        server.ask("GET /api/v1/jobs", foreign, b"").check(200);
    }
    for own in ["Origin: http://localhost\r\n", "Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n"]
    {
        server.ask("POST /api/v1/jobs", own, b"words").check(201);
    }
}

/// An address of this machine that is not loopback, if it has one.
fn outside() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Sends nothing: it only makes the kernel choose.
    socket.connect("198.51.100.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn the_network_sees_shared_printers_and_counts() {
    let Some(outside) = outside() else {
        return eprintln!("this machine has no address but loopback; the table itself is tested elsewhere");
    };
    let network = Network { address: outside, prefix: 32 };
    let cases = [
        (SubmitAccess::Local, vec![network], 403),
        (SubmitAccess::Network, Vec::new(), 403),
        (SubmitAccess::Users, vec![network], 401),
        (SubmitAccess::Network, vec![network], 201),
    ];
    for (submit, networks, status) in cases {
        let server = Running::with(Setup { submit, networks, listen: "0.0.0.0:0", ..Setup::default() });
        let address = SocketAddr::new(outside, server.address.port());
        let ask = |request: &str, body: &[u8]| {
            use std::io::{Read, Write};
            let mut stream = server.connect_to(address);
            stream.write_all(&written(request, &format!("Host: {address}\r\n"), body)).expect("sent");
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).expect("an answer");
            Reply::parse(&bytes)
        };
        assert_eq!(ask("POST /api/v1/jobs?printer=lab&title=t", b"words").status, status, "{submit:?}");
        if status != 201 {
            assert_eq!(ask("GET /api/v1/printers", b"").status, status);
            continue;
        }
        ask("POST /api/v1/jobs?printer=office", b"words").check_problem(403, "not_allowed");
        let printers = ask("GET /api/v1/printers", b"").check(200);
        assert_eq!(printers["printers"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            (&printers["printers"][0]["name"], &printers["printers"][0]["uri"]),
            (&json!("lab"), &Value::Null)
        );
        ask("GET /api/v1/printers/office", b"").check_problem(404, "no_such_printer");
        // A pool is offered where every printer that may print its jobs is.
        let local = |body: &str| server.admin("POST /api/v1/pools", body.as_bytes());
        assert_eq!(local(r#"{"name": "open", "members": ["lab"]}"#).check(201)["shared"], true);
        assert_eq!(local(r#"{"name": "mixed", "members": ["lab", "office"]}"#).check(201)["shared"], false);
        let pools = ask("GET /api/v1/pools", b"").check(200);
        assert_eq!(pools["pools"].as_array().map(Vec::len), Some(1));
        ask("GET /api/v1/pools/mixed", b"").check_problem(404, "no_such_pool");
        ask("POST /api/v1/jobs?printer=mixed", b"words").check_problem(403, "not_allowed");
        let list = ask("GET /api/v1/jobs", b"").check(200);
        assert_eq!((&list["jobs"], &list["counts"]["jobs"]), (&json!([]), &json!(1)));
        for request in [
            "GET /api/v1/jobs/1",
            "GET /api/v1/jobs/1/events",
            "GET /api/v1/jobs/1/document",
            "GET /api/v1/events",
            "GET /api/v1/workers",
            "GET /api/v1/discover",
            "GET /api/v1/documents",
            "POST /api/v1/documents",
            "POST /api/v1/jobs/1/cancel",
            "POST /api/v1/printers/lab/pause",
        ] {
            ask(request, b"").check_problem(401, "no_credentials");
        }
    }
}
