//! Chance that can be repeated: every random choice of a run comes from one seed, which is printed.

/// The environment variable that repeats a test.
const VARIABLE: &str = "ADIT_TEST_SEED";

/// A small generator (SplitMix64: Steele, Lea, Flood 2014); good enough to choose moments.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From the environment where a run is repeated, else fresh; printed either way.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn new() -> Self {
        let given = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(fresh_seed);
        println!("repeat with {VARIABLE}={seed}");
        Self(seed)
    }

    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 to `most`, both included.
    pub fn up_to(&mut self, most: u64) -> u64 {
        let drawn = self.draw();
        most.checked_add(1).map_or(drawn, |count| drawn % count)
    }

    /// One of a list that is not empty.
    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let last = u64::try_from(list.len() - 1).expect("a list in memory");
        &list[usize::try_from(self.up_to(last)).expect("below its length")]
    }

    /// A generator of its own: what it draws does not depend on what is drawn here later.
    #[must_use]
    pub fn branch(&mut self) -> Self {
        Self(self.draw())
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}

/// A seed that nobody chose.
///
/// # Panics
/// When the system has no randomness.
pub fn fresh_seed() -> u64 {
    // Short enough to be typed.
    u64::from(getrandom::u32().expect("the system has randomness"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices_and_a_branch_has_its_own() {
        let draw = |mut chance: Chance| -> Vec<u64> { (0..20).map(|_| chance.up_to(9)).collect() };
        assert_eq!(draw(Chance::of(7)), draw(Chance::of(7)));
        assert_ne!(draw(Chance::of(7)), draw(Chance::of(8)));
        assert_ne!(draw(Chance::of(7)), draw(Chance::of(7).branch()));
        assert!(draw(Chance::of(7)).iter().all(|drawn| *drawn <= 9));
        assert_eq!(Chance::of(1).one_of(&["only"]), &"only");
    }
}
