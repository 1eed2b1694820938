use super::*;
use crate::model::cluster::node::Roles;

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn node(text: &str, roles: &[Role]) -> Node {
    let url = NodeUrl::new(&format!("http://{text}.example:8631")).unwrap();
    Node { name: name(text), url, roles: roles.iter().copied().collect() }
}

fn all(text: &str) -> Node {
    Node { roles: Roles::all(), ..node(text, &[]) }
}

fn at(millis: u64) -> MonoTime {
    MonoTime(Duration::from_millis(millis))
}

fn life(number: u8) -> Incarnation {
    Incarnation([number; 16])
}

fn seq(seq: u64) -> Metrics {
    Metrics { seq, ..Metrics::default() }
}

/// Heard and reached.
fn meet(members: &mut Members, node: Node, count: u64, now: MonoTime) {
    let name = node.name.clone();
    members.heard(node, life(1), seq(count), now).unwrap();
    members.answered(&name, now);
}

#[test]
fn the_master_is_the_first_that_lives_in_both_directions() {
    let mut members = Members::new(all("c"));
    assert_eq!(members.master(at(0)).map(|node| node.name.clone()), Some(name("c")));
    meet(&mut members, all("b"), 1, at(0));
    // Heard, and not reached: the way is broken in one direction.
    members.heard(all("a"), life(1), seq(1), at(0)).unwrap();
    assert_eq!(members.get(&name("a")).map(|a| a.life(at(1))), Some(Life::Unreachable));
    assert_eq!(members.master(at(1)).map(|node| node.name.clone()), Some(name("b")));
    members.answered(&name("a"), at(1));
    assert_eq!(members.master(at(1)).map(|node| node.name.clone()), Some(name("a")));
    members.did_not_answer_at(&all("a").url);
    assert_eq!(members.master(at(1)).map(|node| node.name.clone()), Some(name("b")));
    // Three periods of silence.
    assert_eq!(members.master(at(2_999)).map(|node| node.name.clone()), Some(name("b")));
    assert_eq!(members.master(at(3_000)).map(|node| node.name.clone()), Some(name("c")));
}

#[test]
fn who_may_not_be_master_is_not() {
    let mut members = Members::new(node("b", &[Role::Entry]));
    assert_eq!(members.master(at(0)), None);
    meet(&mut members, node("a", &[Role::Server]), 1, at(0));
    assert_eq!(members.master(at(0)), None);
    meet(&mut members, node("z", &[Role::Master]), 1, at(0));
    assert_eq!(members.master(at(0)).map(|node| node.name.clone()), Some(name("z")));
}

#[test]
fn entry_nodes_take_turns() {
    let mut members = Members::new(node("m", &[Role::Master]));
    assert_eq!(members.next_entry(at(0)), None);
    for (text, roles) in [("c", [Role::Entry]), ("a", [Role::Entry]), ("b", [Role::Server])] {
        meet(&mut members, node(text, &roles), 1, at(0));
    }
    let mut names = || members.next_entry(at(1)).map(|node| node.name.to_string());
    let turns = [names(), names(), names(), names()].map(Option::unwrap_or_default);
    assert_eq!(turns, ["a", "c", "a", "c"]);
}

#[test]
fn words_that_come_late_or_twice_change_nothing() {
    let mut members = Members::new(all("a"));
    let told = |queued_jobs, seq| Metrics { seq, queued_jobs, ..Metrics::default() };
    let mut hear = |run, metrics, now| members.heard(all("b"), life(run), metrics, at(now)).unwrap();
    assert_eq!(hear(1, told(5, 7), 0), Heard::Joined);
    assert_eq!(hear(1, told(9, 6), 10), Heard::Late);
    assert_eq!(hear(1, told(9, 7), 10), Heard::Late);
    assert_eq!(hear(1, told(4, 8), 20), Heard::Known);
    assert_eq!(hear(2, told(0, 1), 30), Heard::BeganAnew);
    assert_eq!(hear(2, told(0, 2), 9_000), Heard::Joined);
    let b = members.get(&name("b")).unwrap();
    assert_eq!((b.metrics.queued_jobs, b.heard), (0, at(9_000)));
}

#[test]
fn a_name_belongs_to_one_node_that_lives() {
    let mut members = Members::new(all("a"));
    let mine = members.heard(all("a"), life(1), seq(1), at(0));
    assert_eq!(mine, Err(NotLetIn::MyName));
    meet(&mut members, all("b"), 1, at(0));
    let moved = Node { url: NodeUrl::new("http://elsewhere:1").unwrap(), ..all("b") };
    assert_eq!(members.heard(moved.clone(), life(2), seq(1), at(10)), Err(NotLetIn::NameTaken));
    // Its machine was replaced by one at another address, which must be reached first.
    assert_eq!(members.heard(moved, life(2), seq(1), at(5_000)), Ok(Heard::Joined));
    assert_eq!(members.get(&name("b")).map(|b| b.life(at(5_000))), Some(Life::Unreachable));
}

#[test]
fn there_are_only_so_many() {
    let mut members = Members::new(all("a"));
    for number in 1..NODES_MAX {
        members.heard(all(&format!("n{number}")), life(1), seq(1), at(number as u64)).unwrap();
    }
    assert_eq!(members.heard(all("late"), life(1), seq(1), at(100)), Err(NotLetIn::TooMany));
    // After a day of silence the place is another's.
    let later = MonoTime(FORGOTTEN_AFTER + Duration::from_millis(1));
    assert_eq!(members.heard(all("late"), life(1), seq(1), later), Ok(Heard::Joined));
    assert!(members.get(&name("n1")).is_none() && members.get(&name("n2")).is_some());
    assert_eq!(members.others().count(), NODES_MAX - 1);
}
