//! Transactions as the rules see them: what will be signed, what it offers, and what the network asks.
//!
//! Kinds of chains differ in here and nowhere else in the rules: each has a file beside this one, and everybody else asks only the questions
//! below.

mod evm;

use serde::{Deserialize, Serialize};

use crate::{Amount, Anchor, ChainRules, LaneId};

pub use evm::{EvmDraft, EvmFees, EvmMarket};

/// Everything that will be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "draft")]
pub enum Draft {
    Evm(EvmDraft),
}

/// What an attempt offers for being included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    Evm(EvmFees),
}

/// What the network asks for including a transaction now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Market {
    Evm(EvmMarket),
}

/// More would have to be offered than a cap allows. Both in the unit in which the chain's fees are offered: wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooDear {
    pub needed: u128,
    pub cap: u128,
}

impl Draft {
    /// Its place in its lane's line, counted by us alone: the nonce, where the chain has nonces.
    pub fn number(&self) -> u64 {
        match self {
            Self::Evm(evm) => evm.nonce,
        }
    }

    /// What it consumes, and no other final transaction can consume then.
    pub fn anchors(&self, lane: &LaneId) -> Vec<Anchor> {
        match self {
            Self::Evm(evm) => vec![Anchor::Nonce { lane: lane.clone(), nonce: evm.nonce }],
        }
    }

    /// The most that it can cost in execution, in the chain's native base units; [`Amount::MAX`] where that does not fit.
    pub fn cost_max(&self) -> Amount {
        match self {
            Self::Evm(evm) => evm.cost_max(),
        }
    }

    pub fn offer(&self) -> Offer {
        match self {
            Self::Evm(evm) => Offer::Evm(evm.fees),
        }
    }

    /// In words, what of it is above a cap of its chain.
    pub(crate) fn above_caps(&self, chain: &ChainRules) -> Option<String> {
        match self {
            Self::Evm(evm) => evm.above_caps(chain),
        }
    }

    /// Whether it consumes everything that `other` consumes, so that the chain can take only one of the two (rule R3).
    pub(crate) fn keeps_anchors_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Evm(this), Self::Evm(other)) => this.nonce == other.nonce && this.chain_id == other.chain_id,
        }
    }

    /// Whether nodes that hold `before` would take this one in its place.
    pub(crate) fn outbids(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Evm(this), Self::Evm(before)) => this.fees.outbid(before.fees),
        }
    }

    /// Whether it does exactly what `other` does, at whatever fees.
    pub(crate) fn does_what(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Evm(this), Self::Evm(other)) => this.to == other.to && this.value == other.value && this.input == other.input,
        }
    }

    /// Whether no block could include it at what the network asks now.
    pub(crate) fn is_below(&self, market: &Market) -> bool {
        match (self, market) {
            (Self::Evm(evm), Market::Evm(market)) => evm.fees.max_fee_per_gas < market.base_fee_per_gas,
        }
    }

    /// What its successor offers: what the market asks, at least what nodes want for a replacement, at most the caps.
    pub(crate) fn next_offer(&self, market: &Market, chain: &ChainRules) -> Result<Offer, TooDear> {
        match (self, market) {
            (Self::Evm(evm), Market::Evm(market)) => evm.next_fees(market, chain).map(Offer::Evm),
        }
    }
}

impl Market {
    /// What a new transaction offers. It stays below the cap; one that then is too cheap waits for a better market, it is not dropped.
    pub fn offer(&self, chain: &ChainRules) -> Offer {
        match self {
            Self::Evm(market) => Offer::Evm(market.fees.capped(chain.fee_per_gas_max)),
        }
    }

    /// Whether even the cap would buy nothing now.
    pub(crate) fn too_dear(&self, chain: &ChainRules) -> Option<TooDear> {
        match self {
            Self::Evm(market) => {
                let (needed, cap) = (market.base_fee_per_gas, chain.fee_per_gas_max);
                (needed > cap).then_some(TooDear { needed, cap })
            }
        }
    }
}
