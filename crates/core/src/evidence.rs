//! What a chain was seen to say about our transactions. Evidence arrives in commands; rules judge
//! it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Amount, Anchor, AttemptId, BlockRef, EndpointName, Hash32, LineageId, PayoutId};

/// One fact about a lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    pub lineage: LineageId,
    pub fact: Fact,
    /// Who said it.
    pub witnesses: Vec<EndpointName>,
}

impl Sighting {
    /// The attempt that it is about.
    pub fn attempt(&self) -> Option<AttemptId> {
        match self.fact {
            Fact::Included { attempt, .. }
            | Fact::Vanished { attempt }
            | Fact::Confirmed { attempt, .. }
            | Fact::Final { attempt, .. } => Some(attempt),
            Fact::Conflicted { .. } | Fact::Orphaned { .. } => None,
        }
    }

    /// Whether it ends the lineage, and so touches the ledger.
    pub fn is_final(&self) -> bool {
        match self.fact {
            Fact::Final { .. } | Fact::Conflicted { .. } | Fact::Orphaned { .. } => true,
            Fact::Included { .. } | Fact::Vanished { .. } | Fact::Confirmed { .. } => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fact")]
pub enum Fact {
    /// The attempt is in this block.
    Included { attempt: AttemptId, block: BlockRef },
    /// The block that held the attempt is no longer part of the chain.
    Vanished { attempt: AttemptId },
    /// The including block is deep enough to tell the user.
    Confirmed { attempt: AttemptId, block: BlockRef },
    /// The including block cannot revert, and this is what the transaction did.
    Final { attempt: AttemptId, receipt: Receipt },
    /// Final transactions that are none of the lineage's attempts consumed these anchors, `by` one
    /// of them. `payees`: those of the lineage's payouts whose destination it paid something, as
    /// far as can be seen.
    Conflicted {
        by: Hash32,
        block: BlockRef,
        decoded: String,
        payees: Vec<PayoutId>,
        #[serde(default)]
        consumed: Vec<Anchor>,
    },
    /// A transaction of ours is final that each attempt loses against: `by`, of the lineage
    /// `winner`. They stand on another version of it, or spend what it has spent; `consumed` names
    /// that.
    Orphaned { winner: LineageId, by: Hash32, block: BlockRef, consumed: Vec<Anchor> },
}

/// What a final transaction did and cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub hash: Hash32,
    pub block: BlockRef,
    pub effects: Vec<LegEffect>,
    /// Everything the wallet paid for it, in the chain's native base units: execution, data,
    /// operator.
    pub network_fee: Amount,
    pub fee_parts: Vec<FeePart>,
    /// How well that fee is known. Whether a payment is settled does not depend on it.
    #[serde(default, skip_serializing_if = "FeeKnown::is_agreed")]
    pub fee_known: FeeKnown,
}

/// How well the network fee of a receipt is known (case F90).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fee")]
pub enum FeeKnown {
    /// Enough endpoints say the same of every part.
    #[default]
    Agreed,
    /// Endpoints that agree on the payment disagree on its fee; the highest is booked. `said` names
    /// each part, its fields, and what each endpoint told.
    Differs { said: Vec<String> },
    /// No endpoint told these parts; they follow from the wallet's change of balance.
    Derived { parts: Vec<String> },
    /// No endpoint told these parts, and nothing shows them: they are missing in what is booked.
    Unknown { parts: Vec<String> },
}

impl FeeKnown {
    pub fn is_agreed(&self) -> bool {
        *self == Self::Agreed
    }
}

impl fmt::Display for FeeKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agreed => f.write_str("enough endpoints say the same of the fee"),
            Self::Differs { said } => {
                write!(
                    f,
                    "endpoints tell different fees, and the highest is booked: {}",
                    said.join("; ")
                )
            }
            Self::Derived { parts } => {
                let parts = parts.join(", ");
                write!(f, "no endpoint tells {parts}; booked is what the wallet's balance lost")
            }
            Self::Unknown { parts } => {
                write!(f, "no endpoint tells {}, and the booked fee lacks it", parts.join(", "))
            }
        }
    }
}

/// One named component of a network fee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeePart {
    pub name: String,
    pub amount: Amount,
}

/// What became of one leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegEffect {
    pub payout: PayoutId,
    pub effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// Recipient and exact amount, as asked.
    Paid,
    /// The transaction reverted: the nonce is consumed, nothing moved.
    Reverted,
    /// It did not revert, and it did not do what was asked.
    Unexpected { finding: String },
    /// A cancelling attempt: nobody was paid.
    Cancelled,
}
