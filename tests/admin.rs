//! What an administrator does with the real server, from outside.

mod support;

use serde_json::{Value, json};
use support::server::Server;

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
