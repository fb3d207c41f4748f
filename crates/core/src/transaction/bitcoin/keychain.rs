//! Where a script of ours is in its wallet.

use serde::{Deserialize, Serialize};

/// BIP-44's "change" level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keychain {
    /// Addresses that are shown to others.
    External,
    /// Addresses for our own change.
    Internal,
}

/// A script of ours, by its number in a keychain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub keychain: Keychain,
    pub index: u32,
}

impl Keychain {
    pub const ALL: [Self; 2] = [Self::External, Self::Internal];

    /// Its number in a derivation path.
    pub const fn number(self) -> u32 {
        match self {
            Self::External => 0,
            Self::Internal => 1,
        }
    }
}

/// As in a derivation path: `1/7` is the eighth change address.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.keychain.number(), self.index)
    }
}
