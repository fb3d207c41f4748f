//! Coins: outputs of the chain that are ours and unspent, and whether one may be spent now (windows
//! F60, F66).

use adit_core::{Amount, Place};
use bdk_wallet::bitcoin::OutPoint;

/// Blocks until a block's reward may be spent: in the hundredth block after it (consensus,
/// `COINBASE_MATURITY`).
pub const COINBASE_MATURITY_BLOCKS: u64 = 100;
/// Most unconfirmed transactions that a new one of ours may stand on. Core up to 30 allows 25 in a
/// chain with it (101 kvB), from 31 on 64 in a cluster.
pub const ANCESTORS_MAX: u32 = 20;
/// Most of their size. Core's limit is 101 kvB with the new transaction: this leaves room for one
/// of ours.
pub const ANCESTOR_VBYTES_MAX: u64 = 75_000;

/// An unspent output of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coin {
    pub outpoint: OutPoint,
    pub amount: Amount,
    pub place: Place,
    pub seen: Seen,
}

/// How far the transaction that made a coin has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    /// In the block at this height.
    Confirmed { height: u64, coinbase: bool },
    /// Ours, in no block yet, with the unconfirmed transactions that must be mined before the coin
    /// exists, its own among them.
    Ours { ancestry: Ancestry },
    /// Of someone else, in no block yet: he may still spend the same coins otherwise.
    Foreign,
}

/// Unconfirmed transactions that a coin stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ancestry {
    pub transactions: u32,
    pub vbytes: u64,
}

/// Why a coin is not spent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotYet {
    #[error("a block's reward; it may be spent from block {height} on")]
    Immature { height: u64 },
    #[error("not ours and in no block; it may be spent when it is confirmed")]
    Foreign,
    #[error(
        "it stands on {transactions} unconfirmed transactions of ours ({vbytes} vbytes), and nodes \
         relay no longer chains than {ANCESTORS_MAX} safely; wait for a block"
    )]
    LongChain { transactions: u32, vbytes: u64 },
}

impl Coin {
    /// Whether the next block, above `tip`, may hold a transaction that spends it.
    ///
    /// # Errors
    /// [`NotYet`].
    pub fn spendable(&self, tip: u64) -> Result<(), NotYet> {
        match self.seen {
            Seen::Confirmed { height, coinbase: true }
                if tip.saturating_add(1) < height.saturating_add(COINBASE_MATURITY_BLOCKS) =>
            {
                Err(NotYet::Immature { height: height.saturating_add(COINBASE_MATURITY_BLOCKS) })
            }
            Seen::Confirmed { .. } => Ok(()),
            Seen::Ours { ancestry } if ancestry.fits() => Ok(()),
            Seen::Ours { ancestry: Ancestry { transactions, vbytes } } => {
                Err(NotYet::LongChain { transactions, vbytes })
            }
            Seen::Foreign => Err(NotYet::Foreign),
        }
    }

    pub fn is_confirmed(&self) -> bool {
        match self.seen {
            Seen::Confirmed { .. } => true,
            Seen::Ours { .. } | Seen::Foreign => false,
        }
    }

    /// What a transaction that spends it stands on.
    pub fn ancestry(&self) -> Ancestry {
        match self.seen {
            Seen::Confirmed { .. } => Ancestry::default(),
            Seen::Ours { ancestry } => ancestry,
            Seen::Foreign => Ancestry { transactions: u32::MAX, vbytes: u64::MAX },
        }
    }
}

impl Ancestry {
    /// Of both. What they share is counted twice: the sum is never too small.
    pub fn plus(self, other: Self) -> Self {
        Self {
            transactions: self.transactions.saturating_add(other.transactions),
            vbytes: self.vbytes.saturating_add(other.vbytes),
        }
    }

    pub fn fits(self) -> bool {
        self.transactions <= ANCESTORS_MAX && self.vbytes <= ANCESTOR_VBYTES_MAX
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bdk_wallet::bitcoin::{Txid, hashes::Hash};
    use proptest::prelude::*;

    use super::*;
    use adit_core::Keychain;

    /// A coin with a name of its own.
    pub(crate) fn coin(name: u32, satoshi: u128, seen: Seen) -> Coin {
        let mut txid = [0; 32];
        txid[..4].copy_from_slice(&name.to_le_bytes());
        let place = Place { keychain: Keychain::External, index: name };
        Coin {
            outpoint: OutPoint::new(Txid::from_byte_array(txid), 0),
            amount: Amount::new(satoshi),
            place,
            seen,
        }
    }

    pub(crate) const CONFIRMED: Seen = Seen::Confirmed { height: 100, coinbase: false };

    pub(crate) fn ours(transactions: u32) -> Seen {
        Seen::Ours { ancestry: Ancestry { transactions, vbytes: u64::from(transactions) * 200 } }
    }

    pub(crate) fn any_seen() -> impl Strategy<Value = Seen> {
        prop_oneof![
            4 => Just(CONFIRMED),
            1 => (0u64..200).prop_map(|height| Seen::Confirmed { height, coinbase: true }),
            2 => (1u32..30).prop_map(ours),
            1 => Just(Seen::Foreign),
        ]
    }

    #[test]
    fn f66_only_what_cannot_be_taken_back_is_spent() {
        assert_eq!(coin(1, 5, Seen::Foreign).spendable(1_000), Err(NotYet::Foreign));
        assert_eq!(coin(1, 5, CONFIRMED).spendable(100), Ok(()));
        let reward = coin(1, 5, Seen::Confirmed { height: 50, coinbase: true });
        assert_eq!(reward.spendable(148), Err(NotYet::Immature { height: 150 }));
        assert_eq!(reward.spendable(149), Ok(()), "block 150 may spend it");
    }

    #[test]
    fn f60_chains_of_our_change_end_at_their_limit() {
        assert_eq!(coin(1, 5, ours(ANCESTORS_MAX)).spendable(0), Ok(()));
        assert!(
            coin(1, 5, ours(ANCESTORS_MAX + 1))
                .spendable(0)
                .expect_err("too long")
                .to_string()
                .contains("21 unconfirmed")
        );
        let large = Ancestry { transactions: 2, vbytes: ANCESTOR_VBYTES_MAX + 1 };
        assert!(coin(1, 5, Seen::Ours { ancestry: large }).spendable(0).is_err());
        assert!(
            large.plus(Ancestry { transactions: u32::MAX, vbytes: u64::MAX }).transactions
                == u32::MAX
        );
    }
}
