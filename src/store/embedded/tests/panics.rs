//! A thread of the store that panics: nobody waits for it for ever, and whoever keeps the store hears of it.

use std::process::Stdio;

use super::*;

/// The directory that a child of these tests is to use.
const STATE: &str = "SPOOL_TEST_STATE";
/// Keys that one commit changes, commits that are handed in at once, and how often: more keys than may wait for the index.
const KEYS: usize = 250;
const COMMITS: usize = 50;
const ROUNDS: usize = 20;
/// Far more than a commit ever waits.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// What the children do: it is no test of its own.
#[test]
fn a_life_whose_thread_may_panic() {
    let Ok(path) = std::env::var(STATE) else { return };
    crate::failpoint::arm();
    let life = Life::open(path.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let commit = |n: usize| {
        let settings = (0..KEYS).map(|key| (format!("filler {}", n * KEYS + key), vec![7])).collect();
        life.store.commit(Commit { settings, ..Commit::default() })
    };
    let refused = (0..ROUNDS).find_map(|round| {
        let answers: Vec<_> = (0..COMMITS).map(|n| commit(round * COMMITS + n)).collect();
        let in_time = |answer| runtime.block_on(async { tokio::time::timeout(ANSWER_MAX, answer).await });
        answers.into_iter().find_map(|answer| in_time(answer).expect("a commit is answered in time").err())
    });
    println!("\nrefused: {refused:?}");
    let mut broken = life.store.broken();
    let told = runtime.block_on(async {
        tokio::time::timeout(ANSWER_MAX, broken.wait_for(Option::is_some))
            .await
            .expect("told in time")
            .is_ok()
    });
    assert!(told);
    let why = life.store.broken().borrow().clone();
    println!("broken: {why:?}");
    // What was accepted can still be read, and the end does not hang either.
    assert!(life.wait(life.store.setting("filler 1")).expect("readable").is_some());
    life.close();
    println!("closed");
}

/// What a life says whose thread meets these failpoints.
fn life_with(failpoints: &str) -> String {
    let (_parent, path) = state();
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "store::embedded::tests::panics::a_life_whose_thread_may_panic", "--nocapture"])
        .env(STATE, &path)
        .env("FAILPOINTS", failpoints)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let mut child = Killed(child);
    let (tell, told) = crossbeam_channel::bounded(1);
    let mut out = child.0.stdout.take().expect("piped");
    let listen = move || {
        let mut said = String::new();
        let _ = out.read_to_string(&mut said);
        let _ = tell.send(said);
    };
    std::thread::Builder::new().name("listens".to_owned()).spawn(listen).expect("a thread");
    told.recv_timeout(3 * ANSWER_MAX).expect("the life comes to its end")
}

struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn commits_are_refused_when_the_thread_of_the_index_has_panicked() {
    let said = life_with("index-following=panic");
    assert!(said.contains("refused: Some(Unavailable("), "{said}");
    assert!(said.contains("store-index has panicked") && said.contains("closed"), "{said}");
}

/// The writer waits for room at that moment: the thread takes its time, and then panics.
#[test]
fn commits_that_wait_for_room_are_refused_when_the_thread_of_the_index_panics() {
    let said = life_with("index-following=sleep(3000);index-half-applied=panic");
    assert!(said.contains("refused: Some(Unavailable("), "{said}");
    assert!(said.contains("store-index has panicked") && said.contains("closed"), "{said}");
}

#[test]
fn it_is_told_that_the_thread_that_writes_has_panicked() {
    let said = life_with("journal-synced=3*off->panic");
    assert!(said.contains("refused: Some(Unknown)"), "{said}");
    assert!(said.contains("store-writer has panicked") && said.contains("closed"), "{said}");
}
