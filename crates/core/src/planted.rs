//! Mistakes that systems of this kind have made, as switches in the code that avoids them.
//!
//! Without the feature `planted` every switch is the constant `false` and leaves nothing behind in the program. With it, one mistake at a
//! time can be switched on, to measure whether the simulator finds it.

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mistake {
    /// A payment whose answer did not come in time is planned anew, at another nonce.
    ReplanAfterTimeout = 1,
}

/// Whether this mistake is switched on.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn planted(_: Mistake) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use switch::{plant, planted};

#[cfg(feature = "planted")]
mod switch {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Mistake;

    static PLANTED: AtomicU8 = AtomicU8::new(0);

    /// Whether this mistake is switched on.
    #[must_use]
    pub fn planted(mistake: Mistake) -> bool {
        PLANTED.load(Ordering::Relaxed) == mistake as u8
    }

    /// Switches one mistake on, for the whole process, or all of them off.
    pub fn plant(mistake: Option<Mistake>) {
        PLANTED.store(mistake.map_or(0, |mistake| mistake as u8), Ordering::Relaxed);
    }
}
