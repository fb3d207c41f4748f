//! The compiled contracts, carried inside this crate.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::primitives::Bytes;

/// One artifact of `contracts/out`.
#[derive(Debug, Clone, Copy)]
pub struct Contract {
    pub name: &'static str,
    artifact: &'static str,
}

#[derive(Deserialize)]
struct Artifact {
    bytecode: Bytes,
}

macro_rules! contracts {
    ($($(#[$about:meta])* $constant:ident = $name:literal;)+) => {
        $(
            $(#[$about])*
            pub const $constant: Contract = Contract {
                name: $name,
                artifact: include_str!(concat!("../../../contracts/out/", $name, ".json")),
            };
        )+

        /// All of them.
        pub const ALL: &[Contract] = &[$($constant),+];
    };
}

contracts! {
    /// Well-behaved, 18 decimals. Constructor: `(string name, string symbol)`.
    DG_TOKEN = "DgToken";
    /// `transfer` returns nothing.
    SILENT_TOKEN = "SilentToken";
    /// `transfer` moves nothing, returns false, does not revert.
    FALSE_TOKEN = "FalseToken";
    /// One percent of each transfer goes to the owner.
    FEE_TOKEN = "FeeToken";
    PAUSABLE_TOKEN = "PausableToken";
    BLOCKLIST_TOKEN = "BlocklistToken";
    /// Its owner changes decimals and behaviour.
    CHANGING_TOKEN = "ChangingToken";
    /// Signs by EIP-1271. Constructor: `(address owner)`.
    ERC1271_WALLET = "Erc1271Wallet";
    /// Deploys such wallets at addresses that are known before (CREATE2).
    WALLET_FACTORY = "WalletFactory";
    /// Its EIP-1271 answer burns all gas.
    GAS_BURNING_WALLET = "GasBurningWallet";
    /// Rejects native coins until told otherwise.
    REVERTING_RECEIVER = "RevertingReceiver";
    /// Burns all gas that comes with native coins.
    GAS_BURNER = "GasBurner";
    /// Constructor: `(address implementation, bytes call)`.
    ERC1967_PROXY = "ERC1967Proxy";
    /// Unlock Protocol's own, behind a proxy only: its constructor locks it.
    UNLOCK = "UnlockV14";
    /// Unlock Protocol's own template of a lock.
    PUBLIC_LOCK = "PublicLockV15";
}

impl Contract {
    /// What a deployment sends, without the constructor's arguments.
    ///
    /// # Errors
    /// When the committed artifact is damaged.
    pub fn creation_code(&self) -> Result<Bytes> {
        let artifact: Artifact = serde_json::from_str(self.artifact).with_context(|| {
            format!("contracts/out/{}.json is damaged; run: make contracts", self.name)
        })?;
        Ok(artifact.bytecode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_artifact_has_code() {
        for contract in ALL {
            let code = contract.creation_code().expect("readable");
            assert!(!code.is_empty(), "{} has no code", contract.name);
        }
    }
}
