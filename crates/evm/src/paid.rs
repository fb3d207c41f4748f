//! What a transaction cost, from what endpoints tell of it (case F90). Pure.
//!
//! Endpoints agree on what was done before anything here is asked. Each part of the fee is the
//! highest that one of them tells; a part that none of them tells is unknown, and never zero.

use adit_core::{Amount, EndpointName, EvmDraft, EvmPricing, FeePart};
use alloy::primitives::U256;

use crate::rpc::{self, Cost};

/// Isthmus: the operator's scalar is in millionths.
const ISTHMUS_SCALAR_PER_GAS: u64 = 1_000_000;
/// Jovian: the scalar counts in hundreds of wei.
const JOVIAN_SCALAR_WEI: u64 = 100;

/// What the wallet paid for a transaction, besides what it sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fee {
    /// The sum of its parts.
    pub total: Amount,
    /// Those that cost something; execution always.
    pub parts: Vec<FeePart>,
    /// Parts that no endpoint tells.
    pub unknown: Vec<Part>,
    /// What endpoints tell differently, in words.
    pub differs: Vec<String>,
}

/// One part of a fee.
///
/// Execution: EIP-1559. Blobs: EIP-4844. Data and operator: OP stack specifications, "Ecotone",
/// "Isthmus" and "Jovian", execution engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Execution,
    Data,
    Operator,
    Blob,
}

/// What was signed, and the base fee of the block that took it where that had to be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bid<'a> {
    pub draft: &'a EvmDraft,
    pub base_fee: Option<U256>,
}

impl Fee {
    /// Returns what is known of a fee, from what each endpoint tells.
    pub(crate) fn told(costs: &[(EndpointName, Cost)], bid: Bid<'_>, op_stack: bool) -> Self {
        let mut fee = Self::default();
        for part in Part::of_chain(op_stack) {
            let each: Vec<(&EndpointName, Option<U256>)> =
                costs.iter().map(|(name, cost)| (name, part.told(cost, bid))).collect();
            let highest = each.iter().filter_map(|(_, told)| *told).max();
            let bound = part.bound(bid);
            if let Some(highest) = highest
                && (each.iter().any(|(_, told)| *told != Some(highest))
                    || bound.is_some_and(|most| highest > most))
            {
                fee.differs.push(words(*part, &each, bound));
            }
            fee.add(*part, highest.map(|told| bound.map_or(told, |most| told.min(most))));
        }
        fee
    }

    /// Adds a part; what does not fit into 128 bits is not believed, and unknown.
    fn add(&mut self, part: Part, amount: Option<U256>) {
        let total = |amount: Amount| self.total.base_units().checked_add(amount.base_units());
        match amount.and_then(rpc::amount).and_then(|amount| Some((amount, total(amount)?))) {
            Some((amount, total)) => {
                self.total = Amount::new(total);
                if part == Part::Execution || !amount.is_zero() {
                    self.parts.push(FeePart { name: part.name().to_owned(), amount });
                }
            }
            None => self.unknown.push(part),
        }
    }

    /// Books the rest of what the wallet lost for the parts that nobody tells. False where it lost
    /// less than the parts that are known: then something else moved its balance, too.
    pub(crate) fn derive(&mut self, lost: U256) -> bool {
        let Some(rest) = rpc::amount(lost).and_then(|lost| lost.checked_sub(self.total)) else {
            return false;
        };
        self.total = self.total.plus(rest);
        if !rest.is_zero() {
            let names: Vec<&str> = self.unknown.iter().map(|part| part.name()).collect();
            self.parts.push(FeePart { name: names.join("+"), amount: rest });
        }
        true
    }
}

impl Part {
    fn of_chain(op_stack: bool) -> &'static [Self] {
        if op_stack {
            &[Self::Execution, Self::Data, Self::Operator]
        } else {
            &[Self::Execution, Self::Blob]
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Data => "data",
            Self::Operator => "operator",
            Self::Blob => "blob",
        }
    }

    /// With the fields of a receipt that say it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Execution => "execution (gasUsed, effectiveGasPrice)",
            Self::Data => "data (l1Fee)",
            Self::Operator => "operator (operatorFeeScalar, operatorFeeConstant)",
            Self::Blob => "blob (blobGasUsed, blobGasPrice)",
        }
    }

    /// What an endpoint tells of this part. Of an operator and of blobs, nothing told is nothing
    /// paid: chains without them have no such fields. Data is paid for on every OP stack chain.
    fn told(self, cost: &Cost, bid: Bid<'_>) -> Option<U256> {
        match self {
            Self::Execution => U256::from(cost.gas_used?).checked_mul(price(cost, bid)?),
            Self::Data => cost.l1_fee,
            Self::Operator => operator_fee(cost),
            Self::Blob => {
                let price = cost.blob_gas_price.unwrap_or_default();
                U256::from(cost.blob_gas_used.unwrap_or_default()).checked_mul(price)
            }
        }
    }

    /// The most that the signature allows, so that nobody can tell more.
    fn bound(self, bid: Bid<'_>) -> Option<U256> {
        let signed = || {
            U256::from(bid.draft.gas_limit)
                .saturating_mul(U256::from(bid.draft.fees.max_fee_per_gas))
        };
        match self {
            Self::Execution => Some(signed()),
            Self::Data | Self::Operator | Self::Blob => None,
        }
    }
}

/// Per gas: as told, else what the block's base fee and the signed offer make it (EIP-1559).
fn price(cost: &Cost, bid: Bid<'_>) -> Option<U256> {
    let fees = bid.draft.fees;
    let offered = |base: U256| base.saturating_add(U256::from(fees.max_priority_fee_per_gas));
    let computed = || match bid.draft.pricing {
        EvmPricing::Dynamic => Some(offered(bid.base_fee?).min(U256::from(fees.max_fee_per_gas))),
        EvmPricing::Legacy => Some(U256::from(fees.max_fee_per_gas)),
    };
    cost.effective_gas_price.or(cost.gas_price).or_else(computed)
}

fn operator_fee(cost: &Cost) -> Option<U256> {
    let scalar = cost.operator_fee_scalar.unwrap_or_default();
    let constant = cost.operator_fee_constant.unwrap_or_default();
    if scalar.is_zero() {
        return Some(constant);
    }
    let scaled = U256::from(cost.gas_used?).checked_mul(scalar)?;
    let variable = match cost.da_footprint_gas_scalar {
        Some(_) => scaled.checked_mul(U256::from(JOVIAN_SCALAR_WEI))?,
        None => scaled / U256::from(ISTHMUS_SCALAR_PER_GAS),
    };
    variable.checked_add(constant)
}

/// `data (l1Fee): 100 by a, nothing by b`.
fn words(part: Part, each: &[(&EndpointName, Option<U256>)], bound: Option<U256>) -> String {
    let told = |(name, told): &(&EndpointName, Option<U256>)| {
        told.map_or_else(|| format!("nothing by {name}"), |told| format!("{told} by {name}"))
    };
    let each: Vec<String> = each.iter().map(told).collect();
    let signed = bound.map_or_else(String::new, |most| format!("; at most {most} was signed"));
    format!("{}: {}{signed}", part.label(), each.join(", "))
}

#[cfg(test)]
#[path = "paid_tests.rs"]
mod tests;
