//! Chance that can be repeated: every random choice of a test comes from one printed seed.

/// The environment variable that repeats a run.
const VARIABLE: &str = "ADIT_TEST_SEED";

/// A small generator (SplitMix64: Steele, Lea, Flood 2014); good enough to choose moments.
pub struct Chance(u64);

impl Chance {
    /// From the environment where a run is repeated, else fresh; printed either way.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn new() -> Self {
        let given = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| getrandom::u64().expect("the system has randomness"));
        println!("repeat with {VARIABLE}={seed}");
        Self(seed)
    }

    /// 0 to `most`, both included.
    pub fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % (most + 1)
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}
