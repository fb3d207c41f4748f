//! The networks Bitcoin money lives on, and how their texts differ.

use bdk_wallet::bitcoin;
use serde::{Deserialize, Serialize};

/// Which network a wallet and its destinations are on. Testnet 3 is not offered: it is abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    Mainnet,
    Testnet4,
    Signet,
    Regtest,
}

impl Network {
    pub const ALL: [Self; 4] = [Self::Mainnet, Self::Testnet4, Self::Signet, Self::Regtest];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Testnet4 => "testnet4",
            Self::Signet => "signet",
            Self::Regtest => "regtest",
        }
    }

    /// The prefix of its bech32 addresses. Testnet 4 and signet share one (BIP-173, BIP-325).
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Mainnet => "bc",
            Self::Testnet4 | Self::Signet => "tb",
            Self::Regtest => "bcrt",
        }
    }

    /// As the bitcoin crate calls it.
    pub(crate) const fn inner(self) -> bitcoin::Network {
        match self {
            Self::Mainnet => bitcoin::Network::Bitcoin,
            Self::Testnet4 => bitcoin::Network::Testnet4,
            Self::Signet => bitcoin::Network::Signet,
            Self::Regtest => bitcoin::Network::Regtest,
        }
    }

    /// Extended keys and base58 addresses know only whether the money is real.
    pub(crate) const fn kind(self) -> bitcoin::NetworkKind {
        match self {
            Self::Mainnet => bitcoin::NetworkKind::Main,
            Self::Testnet4 | Self::Signet | Self::Regtest => bitcoin::NetworkKind::Test,
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
