use std::sync::Arc;

use super::*;

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn queue(text: &str) -> QueueName {
    QueueName::new(text).unwrap()
}

const SECOND: u64 = 1_000_000;

/// A queue of 1 MB/s with so many seconds of work.
fn load(text: &str, seconds: u64) -> QueueLoad {
    QueueLoad {
        name: queue(text),
        accepting: true,
        shared: true,
        able: true,
        formats: Vec::new(),
        queued_jobs: seconds,
        queued_bytes: seconds * SECOND,
        bytes_per_s: Some(SECOND),
        expected_wait: Some(Duration::from_secs(seconds)),
    }
}

fn with(queues: Vec<QueueLoad>) -> Metrics {
    Metrics { default: Some(queue("office")), queues: Arc::new(queues), ..Metrics::default() }
}

fn chosen(servers: &[(&str, Metrics)]) -> Result<String, NoServer> {
    chosen_for(&Format::Pdf, Some(&queue("office")), servers)
}

fn chosen_for(
    format: &Format,
    queue: Option<&QueueName>,
    servers: &[(&str, Metrics)],
) -> Result<String, NoServer> {
    let names: Vec<NodeName> = servers.iter().map(|(text, _)| name(text)).collect();
    let candidates: Vec<Candidate<'_>> = names
        .iter()
        .zip(servers)
        .map(|(name, (_, metrics))| Candidate {
            name,
            metrics,
            age: Duration::ZERO,
            pending: Pending::default(),
        })
        .collect();
    let wanted = Wanted { queue, format, bytes: Some(SECOND), avoid: &[] };
    choose(wanted, &candidates).map(|name| name.to_string())
}

#[test]
fn the_one_that_is_done_first_gets_it() {
    let office = |seconds| with(vec![load("office", seconds)]);
    assert_eq!(chosen(&[("a", office(3)), ("b", office(2)), ("c", office(4))]).unwrap(), "b");
    // A fast one with more to do is done sooner.
    let fast = QueueLoad { bytes_per_s: Some(10 * SECOND), ..load("office", 2) };
    let slow = QueueLoad { bytes_per_s: Some(SECOND / 2), ..load("office", 1) };
    assert_eq!(chosen(&[("a", with(vec![slow])), ("b", with(vec![fast]))]).unwrap(), "b");
    // Of equals the first by name; of equal ends the one with fewer jobs.
    assert_eq!(chosen(&[("b", office(1)), ("a", office(1))]).unwrap(), "a");
    let few = QueueLoad { queued_jobs: 0, ..load("office", 1) };
    assert_eq!(chosen(&[("a", office(1)), ("b", with(vec![few]))]).unwrap(), "b");
}

#[test]
fn who_prints_has_printed_since_he_was_measured() {
    let (a, b) = (name("a"), name("b"));
    let (less, more) = (with(vec![load("office", 2)]), with(vec![load("office", 3)]));
    let candidate = |name, metrics, age| {
        let age = Duration::from_secs(age);
        Candidate { name, metrics, age, pending: Pending::default() }
    };
    let wanted = Wanted { queue: None, format: &Format::Pdf, bytes: None, avoid: &[] };
    let candidates = [candidate(&a, &less, 0), candidate(&b, &more, 2)];
    assert_eq!(choose(wanted, &candidates), Ok(b.clone()));
    assert_eq!(choose(wanted, &[candidates[0], candidate(&b, &more, 0)]), Ok(a));
}

#[test]
fn a_printer_that_is_down_comes_last_and_not_never() {
    let down = || with(vec![QueueLoad { able: false, ..load("office", 0) }]);
    assert_eq!(chosen(&[("a", down()), ("b", with(vec![load("office", 60)]))]).unwrap(), "b");
    assert_eq!(chosen(&[("a", down())]).unwrap(), "a");
}

#[test]
fn unknown_speeds_are_taken_for_the_mean() {
    let unknown = |jobs: u64| QueueLoad {
        bytes_per_s: None,
        expected_wait: None,
        queued_jobs: jobs,
        queued_bytes: jobs * SECOND,
        ..load("office", 0)
    };
    let servers = [("a", with(vec![unknown(5)])), ("b", with(vec![load("office", 3)]))];
    assert_eq!(chosen(&servers).unwrap(), "b");
    let servers = [("a", with(vec![unknown(2)])), ("b", with(vec![load("office", 3)]))];
    assert_eq!(chosen(&servers).unwrap(), "a");
}

#[test]
fn who_cannot_take_it_is_out_and_the_nearest_reason_is_told() {
    let office = || vec![load("office", 1)];
    let other = ("a", with(vec![load("lab", 0)]));
    let only = |formats| with(vec![QueueLoad { formats, ..load("office", 0) }]);
    let wrong = ("b", only(vec![Format::Urf]));
    let closed = ("c", with(vec![QueueLoad { accepting: false, ..load("office", 0) }]));
    let full = ("d", Metrics { taking: Taking::Full, queued_jobs: 10, ..with(office()) });
    let cases = [
        (vec![], NoServer::Nobody),
        (vec![other.clone()], NoServer::NoQueue),
        (vec![other.clone(), wrong.clone()], NoServer::Format),
        (vec![wrong.clone(), closed.clone()], NoServer::NotAccepting),
        (vec![full.clone(), closed.clone()], NoServer::Full { retry_after: RETRY_UNKNOWN }),
    ];
    for (servers, why) in cases {
        assert_eq!(chosen(&servers), Err(why), "{servers:?}");
    }
    let good = ("e", with(office()));
    assert_eq!(chosen(&[other, wrong, closed, full, good]).unwrap(), "e");
    // Bytes of which nothing is known go anywhere, and no name means each server's default.
    let urf = [("b", only(vec![Format::Urf]))];
    assert_eq!(chosen_for(&Format::Unknown, None, &urf).unwrap(), "b");
    assert_eq!(chosen_for(&Format::Urf, None, &urf).unwrap(), "b");
    assert_eq!(chosen_for(&Format::Urf, None, &[("b", Metrics::default())]), Err(NoServer::NoQueue));
}

#[test]
fn a_full_server_says_when_it_has_room() {
    let full = |jobs, seconds: Option<u64>| Metrics {
        queued_jobs: jobs,
        expected_completion: seconds.map(Duration::from_secs),
        ..Metrics::default()
    };
    assert_eq!(retry_after(&full(100, Some(1_000))), Duration::from_secs(10));
    assert_eq!(retry_after(&full(100, Some(10))), Duration::from_secs(1));
    assert_eq!(retry_after(&full(1, Some(1_000_000))), RETRY_MAX);
    assert_eq!(retry_after(&full(0, Some(10))), RETRY_UNKNOWN);
    assert_eq!(retry_after(&full(5, None)), RETRY_UNKNOWN);
}

#[test]
fn who_was_tried_is_not_tried_again() {
    let metrics = with(vec![load("office", 0)]);
    let (a, office) = (name("a"), queue("office"));
    let candidates =
        [Candidate { name: &a, metrics: &metrics, age: Duration::ZERO, pending: Pending::default() }];
    let avoid = [a.clone()];
    let wanted = Wanted { queue: Some(&office), format: &Format::Pdf, bytes: None, avoid: &avoid };
    assert_eq!(choose(wanted, &candidates), Err(NoServer::Nobody));
}

#[test]
fn what_was_just_assigned_counts_until_it_is_measured() {
    let at = |millis| MonoTime(Duration::from_millis(millis));
    let (a, b) = (name("a"), name("b"));
    let mut assigned = Assigned::default();
    let metrics = with(vec![load("office", 0)]);
    let mut given = [0, 0];
    for _ in 0..10 {
        let candidates = [&a, &b].map(|name| Candidate {
            name,
            metrics: &metrics,
            age: Duration::ZERO,
            pending: assigned.pending(name, at(0)),
        });
        let wanted = Wanted { queue: None, format: &Format::Pdf, bytes: Some(7), avoid: &[] };
        let server = choose(wanted, &candidates).unwrap();
        given[usize::from(server == b)] += 1;
        assigned.note(&server, Some(7), at(0));
    }
    assert_eq!(given, [5, 5]);
    assert_eq!(assigned.pending(&a, at(0)), Pending { jobs: 5, bytes: 35 });
    // Measured too soon to show it; then it shows it.
    assigned.measured(&a, at(100));
    assert_eq!(assigned.pending(&a, at(100)).jobs, 5);
    assigned.measured(&a, at(300));
    assert_eq!(assigned.pending(&a, at(300)), Pending::default());
    // Never measured again.
    assert_eq!(assigned.pending(&b, at(2_999)).jobs, 5);
    assert_eq!(assigned.pending(&b, at(3_000)).jobs, 0);
}
