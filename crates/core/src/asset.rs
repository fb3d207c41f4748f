//! What can be owed and paid: coins, tokens, points.

use serde::{Deserialize, Serialize};

use crate::{AssetId, ChainName};

/// An asset as configured. More assets are configuration, never code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    pub id: AssetId,
    /// Fraction digits of a whole unit; for a token read from the chain once and pinned.
    pub decimals: u8,
    pub form: AssetForm,
}

/// Where an asset lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AssetForm {
    /// Points of an app: they exist in the ledger only and are paid as another asset.
    Points,
    /// The coin that a chain's fees are paid in.
    Native { chain: ChainName },
    /// A token contract on a chain (ERC-20), by its canonical address.
    Token { chain: ChainName, contract: String },
}

impl Asset {
    /// The chain that pays this asset; none for points.
    pub fn chain(&self) -> Option<&ChainName> {
        match &self.form {
            AssetForm::Points => None,
            AssetForm::Native { chain } | AssetForm::Token { chain, .. } => Some(chain),
        }
    }
}
