//! Choices that nobody made, and that can be made again.

/// xorshift64: the same seed gives the same choices, though not the same run.
#[derive(Clone, Debug)]
pub struct Lots(u64);

impl Lots {
    pub fn new(seed: u64) -> Lots {
        // Zero would stay zero for ever; seeds that are near each other are to differ at once.
        Lots(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The seed of this run: `SPOOL_SEED`, or one of its own, which is printed so that it can be given again.
    pub fn seed() -> u64 {
        let given = std::env::var("SPOOL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
        println!("SPOOL_SEED={seed}");
        seed
    }

    pub fn draw(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    /// One of them, if there is one.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.draw(of.len().max(1) as u64)).unwrap_or(0);
        of.get(index)
    }
}
