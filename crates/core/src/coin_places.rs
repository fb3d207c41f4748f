//! Where a wallet's coins can be, so that a restart does not ask for every address that was ever
//! used (case F100).
//!
//! Nothing of it is believed: it says only where to look, and each coin is listed anew. So no
//! reorganisation can make it wrong, and an old one stays right. A place leaves it once a final
//! transaction has spent what was there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The addresses of change that may hold something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CoinPlaces {
    /// From this number on all of them. Zero where nothing is known.
    pub below: u64,
    /// Below it these alone.
    pub holding: BTreeSet<u64>,
    /// How many whole looks admins have asked for. What was learned before the last of them is not
    /// kept.
    pub rescans: u64,
}

impl CoinPlaces {
    /// Returns whether the address of change at this number may hold something.
    pub fn may_hold(&self, number: u64) -> bool {
        number >= self.below || self.holding.contains(&number)
    }

    /// Returns what is known once an admin has asked for a whole look: nothing.
    pub(crate) fn forgotten(&self) -> Self {
        Self { rescans: self.rescans + 1, ..Self::default() }
    }
}
