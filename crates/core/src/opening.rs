//! The beginning of a lane's book.

use serde::{Deserialize, Serialize};

use crate::{Amount, AssetId};

/// The state of the wallet when its lane started for the first time. The signer's journal keeps it,
/// so that a store that lost its first start begins where it had begun: what the wallet holds by
/// then lacks what was paid meanwhile (case F95).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// From this number of the lane's line on, the key is ours alone.
    pub from_number: u64,
    pub holdings: Vec<Holding>,
}

/// So much of one asset, in its base units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub asset: AssetId,
    pub amount: Amount,
}
