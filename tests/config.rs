//! `spool.toml`: the file that is delivered is true, and each kind of mistake is told in one exact line.

use std::path::Path;
use std::time::Duration;

use spool::config::file::{Mistakes, Overrides};
use spool::config::{Config, Network, SubmitAccess};
use spool::model::pool::PoolPolicy;
use spool::model::printer::{CancelPrinting, Closes, Origin, Reroute, Scheduling, Stream, WhenInDoubt};

const DELIVERED: &str = include_str!("../spool.toml");

fn check_uri(uri: &str, _: &Config) -> Result<(), String> {
    match uri.split_once(':') {
        Some(("socket" | "file" | "sim" | "ipp", rest)) if !rest.is_empty() => Ok(()),
        _ => Err("expected an address such as socket://10.0.0.20:9100".to_owned()),
    }
}

fn parse(text: &str) -> Result<Config, Mistakes> {
    Config::parse("spool.toml", text, &Overrides::default(), &check_uri)
}

fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// Checks that a text has exactly these mistakes.
fn check_mistakes(text: &str, lines: &[&str]) {
    let mistakes = parse(text).expect_err("there are mistakes in it").to_string();
    assert_eq!(mistakes.lines().collect::<Vec<_>>(), lines, "in:\n{text}");
}

/// The delivered file with its keys un-commented: `#key` is a key, `# text` is not.
fn uncommented(keep: impl Fn(&str) -> bool) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') && keep(setting) => setting.to_owned(),
        _ => line.to_owned(),
    };
    DELIVERED.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_empty_file_and_no_file_are_the_defaults() {
    assert_eq!(good(""), Config::default());
    assert_eq!(good(DELIVERED), Config::default());
}

#[test]
fn the_delivered_file_parses_when_every_key_is_uncommented() {
    let config = good(&uncommented(|_| true));
    assert_eq!(config.server.name, "front-desk");
    assert_eq!(config.access.networks, [Network { address: [10, 0, 0, 0].into(), prefix: 8 }]);
    assert_eq!(config.printers.len(), 2);
    let office = &config.printers[0];
    assert_eq!(office.defaults.get("sides"), Some("two-sided-long-edge"));
    assert_eq!(office.mac, Some([0x00, 0x11, 0x22, 0x33, 0x44, 0x55]));
    assert_eq!(office.origin, Origin::File);
    assert_eq!(config.pools[0].policy, PoolPolicy::LeastCompletionTime);
    let members: Vec<_> = config.pools[0].members.iter().map(|name| name.as_str()).collect();
    assert_eq!(members, ["office", "lab"]);
    let cluster = config.cluster.expect("a cluster");
    assert_eq!((cluster.me.name.as_str(), cluster.peers.len()), ("spool-a", 1));
    // The values that are shown are the defaults.
    let least = "[cluster]\nnode = 'spool-a'\nurl = 'http://10.0.0.1:8631/'\nsecret_file = 'cluster.secret'";
    let peers = "peers = ['http://10.0.0.2:8631', 'http://10.0.0.1:8631']";
    assert_eq!(good(&format!("{least}\n{peers}")).cluster, Some(cluster));
}

#[test]
fn the_delivered_file_shows_the_true_defaults() {
    let settings = uncommented(|setting| !setting.contains("# for example"));
    let (settings, _) = settings.split_once("[[printer]]").expect("an example of a printer");
    assert_ne!(settings.matches("\nhttp = ").count(), 0, "keys are uncommented");
    assert_eq!(good(settings), Config::default());
}

#[test]
fn every_word_of_a_printer_is_understood() {
    let config = good(
        r#"
        [[printer]]
        name = "a"
        uri = "ipp://a/ipp/print"
        scheduling = "device"
        format = "image/pwg-raster"
        options = { copies = 2 }
        when_in_doubt = "continue"
        cancel_printing = "refuse"
        reroute = "b"
        closes = "no"
        stream = "large"
        share = true
        [[printer]]
        name = "b"
        uri = "sim:b"
        when_in_doubt = "hold"
        closes = "yes"
        reroute = "never"
        "#,
    );
    let (a, b) = (&config.printers[0], &config.printers[1]);
    assert_eq!((a.scheduling, a.when_in_doubt), (Scheduling::Device, WhenInDoubt::Continue));
    assert_eq!((a.cancel_printing, a.closes), (CancelPrinting::Refuse, Closes::No));
    assert_eq!((a.stream, a.share, a.defaults.copies()), (Stream::Large, true, 2));
    assert_eq!(a.reroute, Reroute::To(b.name.clone()));
    assert_eq!(
        (b.when_in_doubt, b.closes, b.reroute.clone()),
        (WhenInDoubt::Hold, Closes::Yes, Reroute::Never)
    );
}

#[test]
fn http_is_a_text_or_a_list() {
    assert_eq!(good("server.http = '[::1]:80'").server.http, ["[::1]:80".parse().unwrap()]);
    assert_eq!(good("server.http = ['127.0.0.1:1', '0.0.0.0:2']").server.http.len(), 2);
    assert_eq!(good("access.submit = 'network'").access.submit, SubmitAccess::Network);
    assert_eq!(good("watch.silence = '5s'").watch.silence, Duration::from_secs(5));
}

#[test]
fn the_command_line_outranks_the_file() {
    let overrides = Overrides { state: Some("/x".into()), http: Some("127.0.0.1:0".parse().unwrap()) };
    let see_state = |_: &str, config: &Config| {
        assert_eq!(config.server.state, Path::new("/x"));
        Ok(())
    };
    let text = "server.state = 'y'\n[[printer]]\nname = 'a'\nuri = 'file:/x/printed/'";
    let config = Config::parse("f", text, &overrides, &see_state).unwrap();
    assert_eq!(config.server.state, Path::new("/x"));
    assert_eq!(config.server.http, ["127.0.0.1:0".parse().unwrap()]);
}

/// One line of file, one mistake, one line of message.
#[test]
fn each_kind_of_mistake_gives_one_exact_line() {
    let cases = [
        (r#"limits.document = "2 GB""#, r#"limits.document: "2 GB": expected a size such as 64MiB"#),
        (r#"limits.document = 5"#, "limits.document: 5: expected a size such as 64MiB"),
        (r#"limits.free_disk = "x""#, r#"limits.free_disk: "x": expected a size such as 64MiB"#),
        ("limits.queued_jobs = 0", "limits.queued_jobs: 0: expected a whole number from 1 to 100000000"),
        ("limits.queued_jobs = -1", "limits.queued_jobs: -1: expected a whole number from 1 to 100000000"),
        ("workers.print = 5000", "workers.print: 5000: expected a whole number from 1 to 4096"),
        ("workers.render = 1.5", "workers.render: 1.5: expected a whole number from 1 to 256"),
        (r#"watch.worker = "0s""#, r#"watch.worker: "0s": expected more than nothing"#),
        (r#"history.jobs = "1w""#, r#"history.jobs: "1w": expected a time such as 30s, 10m, 24h or 30d"#),
        (
            r#"retry.backoff = ["60s", "1s"]"#,
            r#"retry.backoff: ["60s", "1s"]: expected two times such as ["1s", "60s"], the first not none and not the longer"#,
        ),
        (
            r#"server.http = "here""#,
            r#"server.http: "here": expected an address and a port such as 127.0.0.1:8631"#,
        ),
        (
            "server.http = 8631",
            "server.http: 8631: expected a list, each an address and a port such as 127.0.0.1:8631",
        ),
        (
            r#"server.name = """#,
            r#"server.name: "": expected a name of 1 to 63 bytes without control characters"#,
        ),
        (r#"access.submit = "all""#, r#"access.submit: "all": expected local, network or users"#),
        (
            r#"access.networks = ["10.0.0.0/8", "10.0.0.1/8"]"#,
            r#"access.networks: "10.0.0.1/8": expected a network such as 10.0.0.0/8"#,
        ),
        (
            r#"access.hosts = ["a b"]"#,
            r#"access.hosts: "a b": expected a host name such as print.example.org"#,
        ),
        ("limits.documents = 1", "limits.documents: unknown key: did you mean limits.document?"),
        ("limits.colour = 1", "limits.colour: unknown key: expected document, queued_jobs or free_disk"),
        ("sever.name = 'x'", "sever: unknown key: did you mean server?"),
        ("server = 1", "server: 1: expected a table"),
        ("printer = 1", "printer: expected [[printer]], in double brackets"),
    ];
    for (text, line) in cases {
        check_mistakes(&format!("# one\n{text}\n"), &[&format!("spool.toml:2: {line}")]);
    }
}

/// One key of a printer, one mistake.
#[test]
fn each_mistake_in_a_printer_gives_one_exact_line() {
    let cases = [
        (
            "when_in_doubt = 'continue'",
            "when_in_doubt: 'continue': socket: devices confirm no pages: expected print-again or hold",
        ),
        ("when_in_doubt = 'maybe'", "when_in_doubt: 'maybe': expected print-again, hold or continue"),
        ("scheduling = 'x'", "scheduling: 'x': expected server or device"),
        ("format = 'pdf'", "format: 'pdf': expected auto or a media type such as application/pdf"),
        (
            "mac = '00:11:22:33:44'",
            "mac: '00:11:22:33:44': expected a hardware address such as 00:11:22:33:44:55",
        ),
        (
            "mac = '+0:11:22:33:44:55'",
            "mac: '+0:11:22:33:44:55': expected a hardware address such as 00:11:22:33:44:55",
        ),
        ("closes = true", "closes: true: expected auto, yes or no"),
        ("stream = 'all'", "stream: 'all': expected never or large"),
        ("share = 'yes'", "share: 'yes': expected true or false"),
        ("cancel_printing = 'no'", "cancel_printing: 'no': expected auto or refuse"),
        ("reroute = 'office'", "reroute: 'office': expected pool, never or the name of another queue"),
        (
            "info = \"a\\nb\"",
            "info: \"a\\nb\": expected a line of at most 127 bytes without control characters",
        ),
        ("shared = true", "shared: unknown key: did you mean printer.share?"),
        (
            "options = { sides = 'two' }",
            "options.sides: option sides cannot be \"two\": expected one-sided, two-sided-long-edge or two-sided-short-edge",
        ),
        ("options = { copies = true }", "options.copies: true: expected a text"),
    ];
    for (key, line) in cases {
        let text = format!("[[printer]]\nname = 'office'\nuri = 'socket://a'\n{key}\n");
        check_mistakes(&text, &[&format!("spool.toml:4: printer.{line}")]);
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_their_lines() {
    check_mistakes(
        "\
[limits]
document = \"2 GB\"
colour = 1

[[printer]]
name = \"office\"
uri = \"nowhere\"

[[printer]]
name = \"office\"
uri = \"sim:a\"

[[printer]]
name = \"-\"

[[pool]]
name = \"floor\"
members = [\"office\", \"attic\", \"office\"]

[[pool]]
name = \"none\"
members = []
policy = \"best\"
",
        &[
            "spool.toml:2: limits.document: \"2 GB\": expected a size such as 64MiB",
            "spool.toml:3: limits.colour: unknown key: expected document, queued_jobs or free_disk",
            "spool.toml:7: printer.uri: \"nowhere\": expected an address such as socket://10.0.0.20:9100",
            "spool.toml:10: printer.name: \"office\": another printer or pool has this name already",
            "spool.toml:13: printer.uri: missing: expected an address such as socket://10.0.0.20:9100",
            "spool.toml:14: printer.name: \"-\": expected a name of 1 to 127 letters, digits, dots, dashes or \
             underscores that begins with a letter or a digit",
            "spool.toml:18: pool.members: \"office\": it is a member already",
            "spool.toml:20: pool.members: []: expected at least one printer",
            "spool.toml:23: pool.policy: \"best\": expected least-completion-time, round-robin or first-available",
        ],
    );
}

#[test]
fn names_that_only_the_store_can_know_are_doubts_and_no_mistakes() {
    let text = "server.default = 'hand'\n[[printer]]\nname = 'office'\nuri = 'sim:a'\nreroute = 'spare'\n\
                [[pool]]\nname = 'floor'\nmembers = ['office', 'attic']\n";
    let config = parse(text).expect("a good file");
    let doubts: Vec<String> = config.doubts.iter().map(ToString::to_string).collect();
    assert_eq!(
        doubts,
        [
            "spool.toml:1: server.default: no [[printer]] or [[pool]] in this file is named hand",
            "spool.toml:5: printer.reroute: no [[printer]] or [[pool]] in this file is named spare",
            "spool.toml:8: pool.members: no [[printer]] in this file is named attic",
        ]
    );
    check_mistakes(
        "[[printer]]\nname = 'a'\nuri = 'sim:a'\n[[pool]]\nname = 'p'\nmembers = ['a']\n[[pool]]\nname = 'q'\nmembers = ['p']\n",
        &["spool.toml:9: pool.members: 'p': expected the name of a printer; a pool has no pools"],
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let mistakes = parse("[server]\nname = \n").expect_err("it is not TOML");
    assert_eq!(mistakes.0.len(), 1, "{mistakes}");
    assert!(mistakes.to_string().starts_with("spool.toml:2: "), "{mistakes}");
    let twice = parse("[server]\nname = 'a'\nname = 'b'\n").expect_err("a key stands there twice");
    assert!(twice.to_string().starts_with("spool.toml:3: "), "{twice}");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let missing = Config::load(Some(Path::new("/nonexistent/spool.toml")), &Overrides::default(), &check_uri);
    let line = missing.expect_err("no such file").to_string();
    assert_eq!(line, "/nonexistent/spool.toml: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn the_built_in_printer_can_be_the_default() {
    assert_eq!(good("server.default = 'files'").server.default.unwrap().as_str(), "files");
}

#[test]
fn mistakes_in_a_cluster_are_told() {
    check_mistakes(
        "[cluster]\nlink = 'near'\nroles = []\npeer = []\n[cluster.overflow]\nqueued_jobs = 0\n",
        &[
            "spool.toml:1: cluster.node: missing: expected a name of 1 to 63 letters, digits, dots, dashes or underscores",
            "spool.toml:1: cluster.url: missing: expected an address without a path such as http://10.0.0.1:8631",
            "spool.toml:1: cluster.secret_file: missing: expected a file that all nodes have the same of",
            "spool.toml:2: cluster.link: 'near': expected direct or relay",
            "spool.toml:3: cluster.roles: []: expected at least one of master, entry and server",
            "spool.toml:4: cluster.peer: unknown key: did you mean cluster.peers?",
            "spool.toml:6: cluster.overflow.queued_jobs: 0: expected a whole number from 1 to 100000000",
        ],
    );
    let cluster = "[cluster]\nnode = 'a'\nsecret_file = 's'\n";
    for (line, why) in [
        (
            "url = 'https://a:1'",
            "cluster.url: 'https://a:1': expected an address without a path such as http://10.0.0.1:8631",
        ),
        (
            "url = 'http://a:1'\npeers = ['a']",
            "cluster.peers: 'a': expected an address without a path such as http://10.0.0.1:8631",
        ),
        ("url = 'http://a:1'\nroles = ['slave']", "cluster.roles: 'slave': expected master, entry or server"),
        ("url = 'http://a:1'\nassign = 'pull'", "cluster.assign: 'pull': expected answer or push"),
    ] {
        let text = format!("{cluster}{line}\n");
        let at = text.lines().count();
        check_mistakes(&text, &[&format!("spool.toml:{at}: {why}")]);
    }
}
