//! What one run of this part is about: chain, store, how many were paid since the snapshot, and
//! what the pool shows.

use std::fmt;
use std::time::Duration;

use crate::chaos::ChainKind;
use crate::options::StoreKind;

use super::super::scenario::Scenario as Alone;

/// From the start of the restored servers until a sweep of [`SWEPT`] nonces is final on the devnet.
pub const AIM: Duration = Duration::from_secs(30);
/// On EVM so many may be sent since the snapshot, where all that was accepted before it was sent.
const SWEPT: usize = 16;

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    pub chain: ChainKind,
    /// SQLite: one server with its signer inside. Postgres: two servers that share an `adit
    /// signer`.
    pub store: StoreKind,
    pub pool: Pool,
    /// Accepted around the snapshot; none is in a block before the restore.
    pub payouts: usize,
}

/// What the chain's node shows of payments that wait for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    Shown,
    /// It forgets all of them; somebody else sends them again.
    Hidden,
}

impl Pool {
    pub const ALL: [Self; 2] = [Self::Shown, Self::Hidden];

    fn name(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Hidden => "hidden",
        }
    }
}

impl Scenario {
    /// The same people and servers, as where the database alone is restored.
    pub fn alone(&self) -> Alone {
        Alone { chain: self.chain, store: self.store, payouts: self.payouts }
    }

    /// On EVM: all of the known, and so many since the snapshot.
    pub fn in_flight_max(&self) -> usize {
        self.alone().known() + SWEPT
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, pool {}", self.alone(), self.pool.name())
    }
}
