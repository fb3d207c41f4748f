//! Every choice of the world comes from here: one seed, one history.

/// Seeded randomness.
#[derive(Debug, Clone)]
pub struct Dice(fastrand::Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Dice of their own for one part of the world, so that a change there leaves the others as
    /// they were.
    pub fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// True so many times in a thousand.
    pub fn chance(&mut self, permille: u32) -> bool {
        self.0.u32(0..1_000) < permille
    }

    /// A number from `from` up to, and without, `to`.
    ///
    /// # Panics
    /// When the range is empty.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.u64(from..to)
    }

    /// A place in a list of `length` things.
    ///
    /// # Panics
    /// When the list is empty.
    pub fn place(&mut self, length: usize) -> usize {
        self.0.usize(0..length)
    }

    /// One of them; none of an empty list.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.place(from.len())) }
    }

    pub fn bytes(&mut self) -> [u8; 16] {
        self.0.u128(..).to_be_bytes()
    }
}
