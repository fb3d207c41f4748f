//! The networks that bitcoin live on, and how their texts differ.

use std::fmt;

use bip32::Prefix;
use serde::{Deserialize, Serialize};

/// Which network a wallet pays on. Testnet 3 is not offered: it is abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BitcoinNetwork {
    Mainnet,
    Testnet4,
    Signet,
    Regtest,
}

impl BitcoinNetwork {
    pub const ALL: [Self; 4] = [Self::Mainnet, Self::Testnet4, Self::Signet, Self::Regtest];

    /// What bech32 addresses begin with (BIP-173; Bitcoin Core, `chainparams.cpp`). Testnet 4 and
    /// signet share one.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Mainnet => "bc",
            Self::Testnet4 | Self::Signet => "tb",
            Self::Regtest => "bcrt",
        }
    }

    /// The coin's number in a derivation path (SLIP-44): 0 where the money is real, 1 elsewhere.
    pub const fn coin(self) -> u32 {
        if self.is_real() { 0 } else { 1 }
    }

    /// Version bytes of base58 addresses: P2PKH and P2SH (Bitcoin Core, `chainparams.cpp`).
    pub(super) const fn base58_versions(self) -> (u8, u8) {
        if self.is_real() { (0, 5) } else { (111, 196) }
    }

    /// What extended public keys begin with (BIP-32).
    pub(super) const fn key_prefix(self) -> Prefix {
        if self.is_real() { Prefix::XPUB } else { Prefix::TPUB }
    }

    const fn is_real(self) -> bool {
        match self {
            Self::Mainnet => true,
            Self::Testnet4 | Self::Signet | Self::Regtest => false,
        }
    }
}

impl fmt::Display for BitcoinNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mainnet => "mainnet",
            Self::Testnet4 => "testnet4",
            Self::Signet => "signet",
            Self::Regtest => "regtest",
        })
    }
}
