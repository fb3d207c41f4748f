//! What a lane's wallet is signed with: one key on EVM chains, an account of keys on Bitcoin.

use adit_core::{ChainName, Destination, LaneId};

use crate::{BitcoinAccount, Key};

/// A wallet's secret. `Debug` shows its address alone.
#[derive(Debug)]
pub enum WalletKey {
    Evm(Key),
    Bitcoin(BitcoinAccount),
}

impl WalletKey {
    /// The address that names the wallet: on Bitcoin the first external one.
    pub fn wallet(&self) -> Destination {
        match self {
            Self::Evm(key) => key.wallet(),
            Self::Bitcoin(account) => account.wallet(),
        }
    }

    /// The lane of this wallet on a chain.
    pub fn lane(&self, chain: ChainName) -> LaneId {
        LaneId { chain, wallet: self.wallet() }
    }
}

impl From<Key> for WalletKey {
    fn from(key: Key) -> Self {
        Self::Evm(key)
    }
}

impl From<BitcoinAccount> for WalletKey {
    fn from(account: BitcoinAccount) -> Self {
        Self::Bitcoin(account)
    }
}
