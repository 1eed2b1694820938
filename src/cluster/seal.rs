//! Requests between nodes are signed: by whom, for whom, when, which, and with what body.
//!
//! A request carries one field, `Spool-Seal: NODE LIFE COUNT TO TIME DIGEST SIGNATURE`. The signature is over these,
//! the method and the target. What is not sent by a node that has the secret, is meant for another node or another
//! life of it, is too old, or has come before, is refused:
//!
//! - *altered or unsigned*: the signature covers everything that counts, the digest of the body among it;
//! - *for somebody else*: `TO` is the life of the receiver, drawn anew at each start, so what was heard on its way to
//!   one node opens no other, nor the same one after a restart. Who does not know it is told, and asks again;
//! - *skewed*: `TIME` may differ from the receiver's clock by [`SKEW_MAX`];
//! - *replayed*: within that time the receiver remembers the counts of each sender's life, in a window.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::secret::Secret;
use crate::model::cluster::node::{Incarnation, NodeName};
use crate::model::time::WallTime;

/// The field.
pub const SEAL: &str = "spool-seal";
/// In the answer to who did not know it: the life of the receiver.
pub const LIFE: &str = "spool-life";
/// So much two clocks may differ.
pub const SKEW_MAX: Duration = Duration::from_secs(30);
/// Requests of one sender may overtake one another by so many.
const WINDOW: u64 = 4096;
/// Lives of senders that are remembered at once.
const LIVES_MAX: usize = 256;
const VERSION: &[u8] = b"spool-cluster-1";

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    pub node: NodeName,
    pub life: Incarnation,
    /// Rises by one with each request of a life.
    pub count: u64,
    pub to: Incarnation,
    pub time: WallTime,
    /// SHA-256 of the body.
    pub digest: [u8; 32],
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsealed {
    /// There is no seal, or it is none.
    Missing,
    /// Signed with another secret, or altered.
    Altered,
    /// Meant for another life of this node, or for another node.
    OtherLife,
    /// Older or newer than [`SKEW_MAX`].
    Skewed,
    /// It has come before.
    Replayed,
    /// More senders than are remembered.
    Crowded,
}

impl fmt::Display for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unsealed::Missing => "this is for the nodes of the cluster, whose requests are signed",
            Unsealed::Altered => {
                "the signature is not right; all nodes must have the same cluster.secret_file"
            }
            Unsealed::OtherLife => {
                "this was meant for another node, or for this one before it was started anew"
            }
            Unsealed::Skewed => "the clocks of the two nodes differ by more than 30 s; set them, best by NTP",
            Unsealed::Replayed => "this very request has come before",
            Unsealed::Crowded => "too many nodes have sent something within a minute",
        })
    }
}

impl std::error::Error for Unsealed {}

/// SHA-256 of a body.
pub fn digest(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

impl Seal {
    /// The value of the field for a request.
    pub fn field(&self, secret: &Secret, method: &str, target: &str) -> String {
        let said = self.said();
        let signature = secret.sign(&[VERSION, method.as_bytes(), target.as_bytes(), said.as_bytes()]);
        format!("{said} {}", hex::encode(signature))
    }

    fn said(&self) -> String {
        let Seal { node, life, count, to, time, digest } = self;
        let (life, to, digest) = (hex::encode(life.0), hex::encode(to.0), hex::encode(digest));
        format!("{node} {life} {count} {to} {} {digest}", time.0)
    }

    /// Reads the field of a request that a node with the secret has signed. Whether it may come is [`Lives::admit`].
    ///
    /// # Errors
    /// [`Unsealed::Missing`], [`Unsealed::Altered`].
    pub fn read(secret: &Secret, field: Option<&str>, method: &str, target: &str) -> Result<Seal, Unsealed> {
        let (said, signature) = field.and_then(|field| field.rsplit_once(' ')).ok_or(Unsealed::Missing)?;
        let seal = Seal::parse(said).ok_or(Unsealed::Missing)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(signature, &mut bytes).map_err(|_| Unsealed::Missing)?;
        let parts = [VERSION, method.as_bytes(), target.as_bytes(), said.as_bytes()];
        if secret.signed(&parts, &bytes) { Ok(seal) } else { Err(Unsealed::Altered) }
    }

    /// What the field of a request says that was let in by its head.
    pub fn shown(field: &str) -> Option<Seal> {
        Seal::parse(field.rsplit_once(' ')?.0)
    }

    fn parse(said: &str) -> Option<Seal> {
        let mut words = said.split(' ');
        let mut next = || words.next();
        let seal = Seal {
            node: NodeName::new(next()?).ok()?,
            life: Incarnation(bytes(next()?)?),
            count: next()?.parse().ok()?,
            to: Incarnation(bytes(next()?)?),
            time: WallTime(next()?.parse().ok()?),
            digest: bytes(next()?)?,
        };
        words.next().is_none().then_some(seal)
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// What this life of a node has let in.
#[derive(Debug)]
pub struct Lives {
    me: Incarnation,
    senders: Mutex<BTreeMap<[u8; 16], Window>>,
}

/// Which counts of one sender's life have come.
#[derive(Debug)]
struct Window {
    /// Its newest request, by this node's clock.
    at: WallTime,
    highest: u64,
    /// A bit for each of the last [`WINDOW`] counts, at its remainder.
    seen: Vec<u64>,
}

impl Lives {
    pub fn new(me: Incarnation) -> Lives {
        Lives { me, senders: Mutex::default() }
    }

    /// Lets a request in, once.
    ///
    /// # Errors
    /// [`Unsealed::OtherLife`], [`Unsealed::Skewed`], [`Unsealed::Replayed`], [`Unsealed::Crowded`].
    pub fn admit(&self, seal: &Seal, now: WallTime) -> Result<(), Unsealed> {
        if seal.to != self.me {
            return Err(Unsealed::OtherLife);
        }
        let (early, late) = (now.plus(SKEW_MAX), now.minus(SKEW_MAX));
        if seal.time > early || seal.time < late {
            return Err(Unsealed::Skewed);
        }
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if !senders.contains_key(&seal.life.0) && senders.len() >= LIVES_MAX {
            // What they could send again is too old by now.
            let forgotten = now.minus(SKEW_MAX * 2);
            senders.retain(|_, window| window.at >= forgotten);
            if senders.len() >= LIVES_MAX {
                return Err(Unsealed::Crowded);
            }
        }
        let window = senders.entry(seal.life.0).or_insert_with(Window::new);
        window.at = window.at.max(now);
        if window.take(seal.count) { Ok(()) } else { Err(Unsealed::Replayed) }
    }
}

impl Window {
    fn new() -> Window {
        Window { at: WallTime(0), highest: 0, seen: vec![0; (WINDOW / 64) as usize] }
    }

    /// False where the count has come before, or is too far behind to tell.
    fn take(&mut self, count: u64) -> bool {
        if count > self.highest {
            let passed = (count - self.highest).min(WINDOW);
            for gone in 0..passed {
                self.set(count - gone, false);
            }
            self.highest = count;
        } else if self.highest - count >= WINDOW {
            return false;
        }
        let (word, bit) = Window::place(count);
        let fresh = self.seen[word] & bit == 0;
        self.set(count, true);
        fresh
    }

    fn place(count: u64) -> (usize, u64) {
        let at = count % WINDOW;
        ((at / 64) as usize, 1 << (at % 64))
    }

    fn set(&mut self, count: u64, seen: bool) {
        let (word, bit) = Window::place(count);
        if seen { self.seen[word] |= bit } else { self.seen[word] &= !bit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::secret::for_tests;

    const ME: Incarnation = Incarnation([7; 16]);
    const NOW: WallTime = WallTime(1_000_000_000);

    fn seal(count: u64) -> Seal {
        let node = NodeName::new("spool-b").unwrap();
        Seal { node, life: Incarnation([1; 16]), count, to: ME, time: NOW, digest: digest(b"body") }
    }

    #[test]
    fn what_is_signed_is_read_and_what_was_altered_is_not() {
        let secret = for_tests('s');
        let sent = seal(5);
        let field = sent.field(&secret, "POST", "/cluster/v1/metrics?x=1");
        let read = |field: &str, method, target| Seal::read(&secret, Some(field), method, target);
        assert_eq!(read(&field, "POST", "/cluster/v1/metrics?x=1"), Ok(sent.clone()));
        assert_eq!(read(&field, "PUT", "/cluster/v1/metrics?x=1"), Err(Unsealed::Altered));
        assert_eq!(read(&field, "POST", "/cluster/v1/metrics?x=2"), Err(Unsealed::Altered));
        let other = Seal::read(&for_tests('t'), Some(&field), "POST", "/cluster/v1/metrics?x=1");
        assert_eq!(other, Err(Unsealed::Altered));
        // Each of its words.
        let words: Vec<&str> = field.split(' ').collect();
        for (at, other) in [
            (0, "spool-c".to_owned()),
            (1, "02".repeat(16)),
            (2, "6".to_owned()),
            (3, "08".repeat(16)),
            (4, "1000000001".to_owned()),
            (5, "00".repeat(32)),
            (6, "00".repeat(32)),
        ] {
            let mut words = words.clone();
            words[at] = &other;
            let altered = words.join(" ");
            assert_eq!(
                read(&altered, "POST", "/cluster/v1/metrics?x=1"),
                Err(Unsealed::Altered),
                "{altered}"
            );
        }
        for bad in ["", "x", "a b c d e f g", &field.replace(' ', "  "), &format!("{field} 00")] {
            assert_eq!(read(bad, "POST", "/cluster/v1/metrics?x=1"), Err(Unsealed::Missing), "{bad}");
        }
        assert_eq!(Seal::read(&secret, None, "POST", "/"), Err(Unsealed::Missing));
    }

    #[test]
    fn a_request_comes_in_once_in_its_time_to_whom_it_was_meant_for() {
        let lives = Lives::new(ME);
        assert_eq!(lives.admit(&seal(1), NOW), Ok(()));
        assert_eq!(lives.admit(&seal(1), NOW), Err(Unsealed::Replayed));
        // They may overtake one another.
        assert_eq!(lives.admit(&seal(9), NOW), Ok(()));
        assert_eq!(lives.admit(&seal(4), NOW), Ok(()));
        assert_eq!(lives.admit(&seal(4), NOW), Err(Unsealed::Replayed));
        assert_eq!(lives.admit(&seal(9), NOW), Err(Unsealed::Replayed));
        // Another life of the sender counts anew.
        let anew = Seal { life: Incarnation([2; 16]), ..seal(1) };
        assert_eq!(lives.admit(&anew, NOW), Ok(()));
        assert_eq!(lives.admit(&anew, NOW), Err(Unsealed::Replayed));
        let elsewhere = Seal { to: Incarnation([8; 16]), ..seal(10) };
        assert_eq!(lives.admit(&elsewhere, NOW), Err(Unsealed::OtherLife));
        for (offset, may) in [(-30_001i64, false), (-30_000, true), (30_000, true), (30_001, false)] {
            let count = (20_000 + offset / 100) as u64 * 2 + u64::from(may);
            let time = WallTime((NOW.0 as i64 + offset) as u64);
            let answer = lives.admit(&Seal { time, count, ..seal(0) }, NOW);
            assert_eq!(answer, if may { Ok(()) } else { Err(Unsealed::Skewed) }, "{offset}");
        }
    }

    #[test]
    fn the_window_forgets_what_cannot_come_again_in_time() {
        let mut window = Window::new();
        assert!(window.take(1) && window.take(WINDOW) && !window.take(1));
        assert!(window.take(WINDOW + 1) && !window.take(1), "too far behind to tell");
        assert!(window.take(2) && !window.take(2));
        assert!(window.take(u64::MAX) && !window.take(WINDOW + 1) && window.take(u64::MAX - WINDOW + 1));
        let all = (1..=10 * WINDOW).map(|_| ()).count() as u64;
        let mut window = Window::new();
        assert!((1..=all).all(|count| window.take(count)));
        assert!((1..=all).all(|count| !window.take(count)));
    }

    #[test]
    fn senders_are_remembered_for_as_long_as_they_could_be_replayed() {
        let lives = Lives::new(ME);
        let of = |number: usize, time| {
            let mut life = [0; 16];
            life[..8].copy_from_slice(&(number as u64).to_be_bytes());
            Seal { life: Incarnation(life), time, ..seal(1) }
        };
        for number in 0..LIVES_MAX {
            assert_eq!(lives.admit(&of(number, NOW), NOW), Ok(()));
        }
        assert_eq!(lives.admit(&of(LIVES_MAX, NOW), NOW), Err(Unsealed::Crowded));
        let later = NOW.plus(SKEW_MAX * 2 + Duration::from_millis(1));
        assert_eq!(lives.admit(&of(LIVES_MAX, later), later), Ok(()));
        assert_eq!(lives.admit(&of(0, NOW), later), Err(Unsealed::Skewed));
    }
}
