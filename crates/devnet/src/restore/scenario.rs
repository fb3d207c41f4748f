//! What one run of the drill is about: chain, store, and how many were paid since the backup.

use std::fmt;
use std::time::Duration;

use crate::chaos::ChainKind;
use crate::options::StoreKind;

/// From the start of the restored server until everything is made again and its lanes run; the
/// chain's finality comes after that.
pub const AIM: Duration = Duration::from_secs(60);

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    pub chain: ChainKind,
    /// SQLite: one server with its signer inside. Postgres: two servers that share an `adit
    /// signer`.
    pub store: StoreKind,
    /// Paid between backup and restore.
    pub payouts: usize,
}

impl Scenario {
    /// Of withdrawals that the backup has never seen.
    pub fn unknown(&self) -> usize {
        self.payouts * 3 / 5
    }

    /// Of withdrawals that it has, accepted and not paid.
    pub fn known(&self) -> usize {
        self.payouts - self.unknown()
    }

    /// Paid before the backup.
    pub fn ahead(&self) -> usize {
        (self.payouts / 20).max(3)
    }

    /// Those of the unknown who are asked for by users whom the backup does not know either.
    pub fn by_newcomers(&self) -> usize {
        (self.payouts / 20).max(3)
    }

    /// Asked for after the restore.
    pub fn fresh(&self) -> usize {
        (self.payouts / 20).max(3)
    }

    /// On EVM: payments that may wait for blocks at a time: with no block, a part of the known is
    /// not even reserved.
    pub fn in_flight_max(&self) -> usize {
        (self.known() / 2).max(2)
    }

    pub fn servers(&self) -> u16 {
        match self.store {
            StoreKind::Sqlite => 1,
            StoreKind::Postgres => 2,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = match self.store {
            StoreKind::Sqlite => "sqlite",
            StoreKind::Postgres => "postgres",
        };
        write!(out, "{} on {store}", self.chain.name())
    }
}
