use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// How long a caller waits for a look-up that hangs.
const SHORT: Duration = Duration::from_millis(50);
/// Far longer than anything takes here.
const LONG: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> MonoTime {
    MonoTime(Duration::from_secs(seconds))
}

fn address() -> IpAddr {
    IpAddr::from([10, 0, 0, 20])
}

fn wait(asked: Asked) -> oneshot::Receiver<Found> {
    match asked {
        Asked::Wait(answer) => answer,
        Asked::Known(found) => panic!("it is known already: {found:?}"),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Names that begin with `dead` hang until the sender is dropped; the others are found at once.
fn hanging() -> (Resolver, crossbeam_channel::Sender<()>, Arc<AtomicUsize>) {
    let (let_go, hangs) = crossbeam_channel::bounded::<()>(0);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let look_up = move |name: &str| {
        counted.fetch_add(1, Ordering::SeqCst);
        if name.starts_with("dead") {
            let _ = hangs.recv();
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(vec![address()])
    };
    (Resolver::new(Box::new(look_up), Clock::machine()), let_go, calls)
}

#[test]
fn an_answer_holds_for_a_while_and_a_bad_one_for_less() {
    for (found, holds) in [(Ok(vec![address()]), GOOD_FOR), (Err(NotReady::Unresolved), BAD_FOR)] {
        let mut desk = Desk::default();
        let answer = wait(desk.ask("a", at(0)));
        assert_eq!(desk.take().as_deref(), Some("a"));
        assert_eq!(desk.done("a", found.clone(), at(1)).len(), 1);
        drop(answer);
        let last = at(1).plus(holds - Duration::from_millis(1));
        assert!(matches!(desk.ask("a", last), Asked::Known(known) if known == found));
        wait(desk.ask("a", at(1).plus(holds)));
    }
}

#[test]
fn requests_for_one_name_are_one_look_up() {
    let mut desk = Desk::default();
    let _waiting = [wait(desk.ask("a", at(0))), wait(desk.ask("a", at(0)))];
    assert_eq!(desk.take().as_deref(), Some("a"));
    let _third = wait(desk.ask("a", at(0)));
    assert_eq!(desk.take(), None);
    assert_eq!(desk.done("a", Ok(vec![address()]), at(0)).len(), 3);
}

#[test]
fn a_name_that_nobody_waits_for_any_more_is_not_looked_up() {
    let mut desk = Desk::default();
    drop(wait(desk.ask("a", at(0))));
    let _waiting = wait(desk.ask("b", at(0)));
    assert_eq!(desk.take().as_deref(), Some("b"));
    assert!(!desk.callers.contains_key("a"));
}

#[test]
fn names_that_resolved_the_last_time_go_first_and_have_threads_of_their_own() {
    let mut desk = Desk::default();
    let _first = wait(desk.ask("good", at(0)));
    desk.take();
    desk.done("good", Ok(vec![address()]), at(0));
    let names: Vec<String> = (0..THREADS_MAX).map(|n| format!("dead{n}")).collect();
    let _dead: Vec<_> = names.iter().map(|name| wait(desk.ask(name, at(0)))).collect();
    let later = at(0).plus(GOOD_FOR);
    for name in &names[..THREADS_MAX - THREADS_KEPT - 1] {
        assert_eq!(desk.take().as_ref(), Some(name));
    }
    let _again = wait(desk.ask("good", later));
    assert_eq!(desk.take().as_deref(), Some("good"), "though others came before it");
    desk.done("good", Ok(vec![address()]), later);
    assert_eq!(desk.take().as_deref(), Some("dead5"));
    assert_eq!(desk.take(), None, "the rest of the threads is not for them");
    let _once_more = wait(desk.ask("good", later.plus(GOOD_FOR)));
    assert_eq!(desk.take().as_deref(), Some("good"));
}

#[test]
fn the_queue_is_bounded_and_those_who_gave_up_leave_it() {
    let mut desk = Desk::default();
    let waiting: Vec<_> = (0..QUEUE_MAX).map(|n| wait(desk.ask(&n.to_string(), at(0)))).collect();
    assert!(matches!(desk.ask("one more", at(0)), Asked::Known(Err(NotReady::LookUpSlow))));
    drop(waiting);
    wait(desk.ask("one more", at(0)));
    assert_eq!(desk.callers.len(), 1);
}

#[test]
fn look_ups_that_hang_hold_few_threads_and_nobody_else() {
    let (resolver, let_go, _) = hanging();
    let asked = async {
        let good = resolver.resolve("good", LONG).await;
        let dead = (0..100).map(|n| {
            let (resolver, name) = (resolver.clone(), format!("dead{n}"));
            async move { resolver.resolve(&name, SHORT).await }
        });
        let dead = futures_util::future::join_all(dead).await;
        resolver.0.lock().known.clear();
        resolver.0.lock().known.insert("good".into(), Known { found: good, until: MonoTime::default() });
        (dead, resolver.resolve("good", LONG).await)
    };
    let (dead, good) = runtime().block_on(asked);
    assert!(dead.iter().all(|found| *found == Err(NotReady::LookUpSlow)), "{dead:?}");
    assert_eq!(good, Ok(vec![address()]));
    assert_eq!(resolver.threads(), THREADS_MAX - THREADS_KEPT);
    // When the name service is back, so are they.
    drop(let_go);
    assert_eq!(runtime().block_on(resolver.resolve("dead100", LONG)), Err(NotReady::Unresolved));
}

#[test]
fn one_look_up_answers_all_who_wait_and_leaves_no_thread() {
    let (resolver, let_go, calls) = hanging();
    let ask = || resolver.resolve("dead", LONG);
    let asked = async {
        let let_go = async { drop(let_go) };
        futures_util::future::join4(ask(), ask(), ask(), let_go).await
    };
    let (a, b, c, ()) = runtime().block_on(asked);
    assert_eq!([a, b, c], [const { Err(NotReady::Unresolved) }; 3]);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(resolver.threads(), 0);
}

#[test]
fn a_look_up_that_panics_is_an_answer() {
    let resolver = Resolver::new(Box::new(|_| panic!("planned")), Clock::machine());
    for name in ["a", "b"] {
        let found = runtime().block_on(resolver.resolve(name, LONG));
        assert!(matches!(found, Err(NotReady::Other(_))), "{found:?}");
    }
}

/// By the real name service: these names are reserved for not existing (RFC 6761 section 6.4).
#[test]
fn invalid_names_resolve_to_nothing_and_this_machine_to_itself() {
    let resolver = Resolver::of_system(Clock::machine());
    let found = |name| runtime().block_on(resolver.resolve(name, LONG));
    assert_eq!(found("printer.invalid"), Err(NotReady::Unresolved));
    assert!(found("localhost").unwrap().iter().all(IpAddr::is_loopback));
}
