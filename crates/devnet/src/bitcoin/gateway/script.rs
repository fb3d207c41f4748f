//! What a script is called, and by what it is found.

use bitcoin::hashes::{Hash, sha256};
use bitcoin::{Address, Network, Script};

/// The key of the index: SHA-256 of the script, as in Esplora's `/scripthash` paths (in the order
/// in which it is computed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScriptHash(sha256::Hash);

/// The forms that wallets use; the two faces have different names for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptKind {
    Empty,
    Data,
    P2pk,
    P2pkh,
    P2sh,
    P2wpkh,
    P2wsh,
    P2tr,
    Other,
}

/// Why an address names no script of this chain.
#[derive(Debug, PartialEq, Eq)]
pub enum BadAddress {
    Unreadable,
    OtherNetwork,
}

impl ScriptHash {
    pub fn of(script: &Script) -> Self {
        Self(sha256::Hash::hash(script.as_bytes()))
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(sha256::Hash::from_byte_array(bytes))
    }

    /// # Errors
    /// When the text is no address, or one of another network.
    pub fn of_address(text: &str) -> Result<Self, BadAddress> {
        let address: Address<_> = text.parse().map_err(|_| BadAddress::Unreadable)?;
        let address =
            address.require_network(Network::Regtest).map_err(|_| BadAddress::OtherNetwork)?;
        Ok(Self::of(&address.script_pubkey()))
    }
}

impl ScriptKind {
    pub fn of(script: &Script) -> Self {
        match script {
            script if script.is_empty() => Self::Empty,
            script if script.is_op_return() => Self::Data,
            script if script.is_p2pk() => Self::P2pk,
            script if script.is_p2pkh() => Self::P2pkh,
            script if script.is_p2sh() => Self::P2sh,
            script if script.is_p2wpkh() => Self::P2wpkh,
            script if script.is_p2wsh() => Self::P2wsh,
            script if script.is_p2tr() => Self::P2tr,
            _ => Self::Other,
        }
    }
}

/// `None` for scripts that have no address.
pub fn address(script: &Script) -> Option<String> {
    Address::from_script(script, Network::Regtest).ok().map(|address| address.to_string())
}
