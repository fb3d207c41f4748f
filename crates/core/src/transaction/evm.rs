//! EVM transactions: nonces, gas, and two fee fields.

use serde::{Deserialize, Serialize};

use super::TooDear;
use crate::{Amount, Bytes, ChainRules, Destination};

/// Every later attempt offers at least this many thousandths of the one before, on both fee fields:
/// geth wants 1100, some chains more.
const BUMP_PER_MILLE_MIN: u128 = 1_125;

/// A transaction before its signature. Wei and gas as they stand in the transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvmDraft {
    pub chain_id: u64,
    pub nonce: u64,
    pub to: Destination,
    pub value: Amount,
    pub input: Bytes,
    pub gas_limit: u64,
    pub fees: EvmFees,
    #[serde(default, skip_serializing_if = "EvmPricing::is_dynamic")]
    pub pricing: EvmPricing,
}

/// How a chain's transactions offer fees, which is a fact of the chain and decides on their type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvmPricing {
    /// Blocks have a base fee: type 2, with both fee fields (EIP-1559).
    #[default]
    Dynamic,
    /// Blocks have none: type 0 with the chain's id (EIP-155). Both fee fields are the gas price.
    Legacy,
}

/// What an attempt offers per gas, in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvmFees {
    #[serde(with = "wei")]
    pub max_fee_per_gas: u128,
    #[serde(with = "wei")]
    pub max_priority_fee_per_gas: u128,
}

/// What blocks cost now, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvmMarket {
    /// What the head's block burned; what offers less cannot be mined now.
    #[serde(with = "wei")]
    pub base_fee_per_gas: u128,
    /// What a new attempt should offer.
    pub fees: EvmFees,
}

impl EvmPricing {
    pub fn is_dynamic(&self) -> bool {
        *self == Self::Dynamic
    }

    /// As it is pinned and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dynamic => "eip1559",
            Self::Legacy => "legacy",
        }
    }

    /// Returns these fees in the form that such transactions have.
    pub fn shaped(self, fees: EvmFees) -> EvmFees {
        match self {
            Self::Dynamic => fees,
            Self::Legacy => EvmFees { max_priority_fee_per_gas: fees.max_fee_per_gas, ..fees },
        }
    }
}

impl EvmDraft {
    pub(super) fn cost_max(&self) -> Amount {
        self.fees
            .max_fee_per_gas
            .checked_mul(u128::from(self.gas_limit))
            .map_or(Amount::MAX, Amount::new)
    }

    pub(super) fn above_caps(&self, chain: &ChainRules) -> Option<String> {
        if self.pricing.shaped(self.fees) != self.fees {
            let EvmFees { max_fee_per_gas, max_priority_fee_per_gas } = self.fees;
            return Some(format!(
                "a legacy transaction has one gas price, and this has {max_fee_per_gas} and \
                 {max_priority_fee_per_gas} wei"
            ));
        }
        if self.fees.max_fee_per_gas > chain.offer_max {
            return Some(format!(
                "{} wei per gas is above the cap of {}",
                self.fees.max_fee_per_gas, chain.offer_max
            ));
        }
        let above = self.cost_max() > chain.fee_per_transaction_max;
        above.then(|| {
            let (cost, cap) =
                (chain.coins(self.cost_max()), chain.coins(chain.fee_per_transaction_max));
            format!("it may cost {cost}, above the cap of {cap} per transaction")
        })
    }

    pub(super) fn next_fees(
        &self,
        market: &EvmMarket,
        chain: &ChainRules,
    ) -> Result<EvmFees, TooDear> {
        let least = bumped(self.fees.max_fee_per_gas);
        let cap = chain
            .offer_max
            .min(chain.fee_per_transaction_max.base_units() / u128::from(self.gas_limit.max(1)));
        if least > cap {
            return Err(TooDear { needed: least, cap });
        }
        let priority =
            bumped(self.fees.max_priority_fee_per_gas).max(market.fees.max_priority_fee_per_gas);
        let fees = EvmFees {
            max_fee_per_gas: least.max(market.fees.max_fee_per_gas),
            max_priority_fee_per_gas: priority,
        };
        Ok(fees.capped(cap))
    }
}

impl EvmFees {
    pub(super) fn capped(self, cap: u128) -> Self {
        let max_fee_per_gas = self.max_fee_per_gas.min(cap);
        Self {
            max_fee_per_gas,
            max_priority_fee_per_gas: self.max_priority_fee_per_gas.min(max_fee_per_gas),
        }
    }

    /// Returns whether blocks take others first: the offer is below the base fee, or what is left
    /// of it for the miner is less than nodes suggest (EIP-1559).
    pub(super) fn is_outbid_by(self, market: &EvmMarket) -> bool {
        let left = self.max_fee_per_gas.checked_sub(market.base_fee_per_gas);
        left.is_none_or(|left| {
            left.min(self.max_priority_fee_per_gas) < market.fees.max_priority_fee_per_gas
        })
    }

    pub(super) fn outbid(self, before: Self) -> bool {
        let grown = |before: u128, next: u128| next >= bumped(before);
        grown(before.max_fee_per_gas, self.max_fee_per_gas)
            && grown(before.max_priority_fee_per_gas, self.max_priority_fee_per_gas)
    }
}

/// The least that a replacement may offer, in wei per gas, rounded up.
fn bumped(wei: u128) -> u128 {
    wei.saturating_mul(BUMP_PER_MILLE_MIN).div_ceil(1_000).max(wei.saturating_add(1))
}

/// Wei as a decimal string: JSON numbers end at 2^53.
mod wei {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(|_| de::Error::custom("wei are a decimal string"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bump_is_always_more_and_never_less_than_an_eighth(wei in 0u128..=u128::MAX / 2_000) {
            prop_assert!(bumped(wei) > wei);
            prop_assert!((bumped(wei) - wei) * 8 >= wei);
        }
    }
}
