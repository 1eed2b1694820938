//! No wake is lost, whenever it comes.

use super::*;
use crate::model::id::{PrinterId, QueueName};
use crate::model::printer::Origin;
use crate::model::retry::BackoffRange;

fn traffic() -> Traffic {
    let name = QueueName::new("p").expect("a name");
    let backoff = BackoffRange { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
    Traffic::new(Start {
        printer: Printer::new(PrinterId(1), name, "sim:".to_owned(), Origin::Api),
        rules: Rules { backoff, broken_max: 5, blocked: Duration::from_secs(1800) },
        learned: Learned::default(),
        asks: Asks::Cannot,
        beginning: Beginning::ServerStart,
        left: Vec::new(),
        last: Generation(0),
        chance: 0,
    })
}

fn looks(traffic: &mut Traffic, input: Input) -> bool {
    traffic.step(input, Now::default()).iter().any(|effect| matches!(effect, Effect::ReadHead))
}

/// The read may have begun before the job was there, and come back after its wake.
#[test]
fn a_wake_while_the_queue_is_read_makes_it_be_read_again() {
    let mut traffic = traffic();
    assert!(looks(&mut traffic, Input::Wake));
    assert!(!looks(&mut traffic, Input::Wake), "it is being read");
    assert!(looks(&mut traffic, Input::Head(Vec::new())), "the wake was lost");
    assert!(!looks(&mut traffic, Input::Head(Vec::new())), "nothing is there, and nobody woke");
    assert!(looks(&mut traffic, Input::Wake));
}
