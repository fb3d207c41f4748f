//! Transactions as the rules see them: what will be signed, what it offers, and what the network
//! asks.
//!
//! Kinds of chains differ in here and nowhere else in the rules: each has a file beside this one,
//! and everybody else asks only the questions below.

mod bitcoin;
mod evm;

use serde::{Deserialize, Serialize};

use crate::{Amount, Anchor, ChainRules, Hash32, LaneId, Leg, PayoutId};

pub use bitcoin::{
    BitcoinDraft, BitcoinMarket, DraftInput, DraftOutput, FEE_HISTORY_EVERY_BLOCKS,
    FEE_HISTORY_MAX, FEE_HISTORY_MIN, FeeHistory, FeeRate, INCREMENTAL_FEE_RATE, Keychain,
    OutputPurpose, Place, RELAY_FEE_RATE_MIN,
};
pub use evm::{EvmDraft, EvmFees, EvmMarket, EvmPricing};

/// One P2WPKH input (68) and an output of the largest kind (43): what one payee more costs a
/// Bitcoin transaction at most.
const PAYOUT_VBYTES: u64 = 111;

/// Everything that will be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "draft")]
pub enum Draft {
    Evm(EvmDraft),
    Bitcoin(BitcoinDraft),
}

/// What an attempt offers for being included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    Evm(EvmFees),
    Bitcoin(FeeRate),
}

/// What the network asks for including a transaction now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Market {
    Evm(EvmMarket),
    Bitcoin(BitcoinMarket),
}

/// More would have to be offered than a cap allows. Both in the unit in which the chain's fees are
/// offered: wei per gas, satoshi per 1000 virtual bytes.
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
            Self::Bitcoin(bitcoin) => bitcoin.number,
        }
    }

    /// What it consumes, and no other final transaction can consume then.
    pub fn anchors(&self, lane: &LaneId) -> Vec<Anchor> {
        match self {
            Self::Evm(evm) => vec![Anchor::Nonce { lane: lane.clone(), nonce: evm.nonce }],
            Self::Bitcoin(bitcoin) => {
                bitcoin.outpoints().map(|outpoint| outpoint_of(lane, outpoint)).collect()
            }
        }
    }

    /// The most that it can cost in execution, in the chain's native base units; [`Amount::MAX`]
    /// where that does not fit.
    pub fn cost_max(&self) -> Amount {
        match self {
            Self::Evm(evm) => evm.cost_max(),
            Self::Bitcoin(bitcoin) => bitcoin.fee().unwrap_or(Amount::MAX),
        }
    }

    pub fn offer(&self) -> Offer {
        match self {
            Self::Evm(evm) => Offer::Evm(evm.fees),
            Self::Bitcoin(bitcoin) => Offer::Bitcoin(bitcoin.feerate),
        }
    }

    /// In words, what of it is above a cap of its chain.
    pub(crate) fn above_caps(&self, chain: &ChainRules) -> Option<String> {
        match self {
            Self::Evm(evm) => evm.above_caps(chain),
            Self::Bitcoin(bitcoin) => bitcoin.above_caps(chain),
        }
    }

    /// Whether it consumes everything that `other` consumes, so that the chain can take only one of
    /// the two (rule R3).
    pub(crate) fn keeps_anchors_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Evm(this), Self::Evm(other)) => {
                this.nonce == other.nonce && this.chain_id == other.chain_id
            }
            (Self::Bitcoin(this), Self::Bitcoin(other)) => {
                this.number == other.number
                    && other
                        .outpoints()
                        .all(|outpoint| this.outpoints().any(|kept| kept == outpoint))
            }
            (Self::Evm(_), Self::Bitcoin(_)) | (Self::Bitcoin(_), Self::Evm(_)) => false,
        }
    }

    /// Whether nodes that hold `before` would take this one in its place.
    pub(crate) fn outbids(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Evm(this), Self::Evm(before)) => this.fees.outbid(before.fees),
            (Self::Bitcoin(this), Self::Bitcoin(before)) => this.outbids(before),
            (Self::Evm(_), Self::Bitcoin(_)) | (Self::Bitcoin(_), Self::Evm(_)) => false,
        }
    }

    /// Whether it does what `other` does, at whatever fees. A batch may pay more people besides.
    pub(crate) fn does_what(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Evm(this), Self::Evm(other)) => {
                let same =
                    this.to == other.to && this.value == other.value && this.input == other.input;
                same && this.pricing == other.pricing
            }
            (Self::Bitcoin(this), Self::Bitcoin(other)) => {
                other.payments().all(|paid| this.payments().any(|payment| payment == paid))
            }
            (Self::Evm(_), Self::Bitcoin(_)) | (Self::Bitcoin(_), Self::Evm(_)) => false,
        }
    }

    /// What of it is not the payment of exactly these legs, as far as plain data can tell; the
    /// signer reads the bytes.
    pub(crate) fn differs_from(&self, legs: &[&Leg]) -> Option<String> {
        match self {
            Self::Evm(_) => None,
            Self::Bitcoin(bitcoin) => bitcoin.differs_from(legs),
        }
    }

    /// Whether it consumes an output of that transaction.
    pub(crate) fn stands_on(&self, hash: Hash32) -> bool {
        match self {
            Self::Evm(_) => false,
            Self::Bitcoin(bitcoin) => {
                let txid = hash.hex();
                bitcoin.outpoints().any(|outpoint| {
                    outpoint.split_once(':').is_some_and(|(spent, _)| spent == txid)
                })
            }
        }
    }

    /// What this version would leave to us, as the anchors of those who build on it. Another
    /// version of the transaction destroys them.
    pub fn leavings(&self, lane: &LaneId, hash: Hash32) -> Vec<Anchor> {
        match self {
            Self::Evm(_) => Vec::new(),
            Self::Bitcoin(bitcoin) => {
                let ours =
                    bitcoin.outputs.iter().enumerate().filter(|(_, output)| !output.is_payment());
                ours.map(|(vout, _)| outpoint_of(lane, &format!("{}:{vout}", hash.hex()))).collect()
            }
        }
    }

    /// Whether payments behind it in the line wait for it, because the chain takes them in the
    /// order of their numbers.
    pub(crate) fn is_in_line(&self) -> bool {
        match self {
            Self::Evm(_) => true,
            Self::Bitcoin(_) => false,
        }
    }

    /// Whether this version of the transaction carries the payment to a payout of its lineage. A
    /// batch may gain payees from version to version.
    pub fn carries(&self, payout: PayoutId) -> bool {
        match self {
            Self::Evm(_) => true,
            Self::Bitcoin(bitcoin) => bitcoin.payouts().any(|paid| paid == payout),
        }
    }

    /// Whether no block could include it, or none will soon, at what the network asks now.
    pub(crate) fn is_below(&self, market: &Market) -> bool {
        match (self, market) {
            (Self::Evm(evm), Market::Evm(market)) => {
                evm.fees.max_fee_per_gas < market.base_fee_per_gas
            }
            (Self::Bitcoin(bitcoin), Market::Bitcoin(market)) => bitcoin.feerate < market.feerate,
            (Self::Evm(_), Market::Bitcoin(_)) | (Self::Bitcoin(_), Market::Evm(_)) => false,
        }
    }

    /// What its successor offers: what the market asks, at least what nodes want for a replacement,
    /// at most the caps.
    pub(crate) fn next_offer(&self, market: &Market, chain: &ChainRules) -> Result<Offer, TooDear> {
        match (self, market) {
            (Self::Evm(evm), Market::Evm(market)) => evm.next_fees(market, chain).map(Offer::Evm),
            (Self::Bitcoin(bitcoin), Market::Bitcoin(market)) => {
                bitcoin.next_feerate(market, chain).map(Offer::Bitcoin)
            }
            (Self::Evm(_), Market::Bitcoin(_)) | (Self::Bitcoin(_), Market::Evm(_)) => {
                Err(TooDear { needed: u128::MAX, cap: 0 })
            }
        }
    }
}

impl Offer {
    /// Returns the same offer, lowered to the cap where it is above it.
    pub(crate) fn capped(self, chain: &ChainRules) -> Self {
        match self {
            Self::Evm(fees) => Self::Evm(fees.capped(chain.offer_max)),
            Self::Bitcoin(feerate) => Self::Bitcoin(feerate.min(bitcoin::feerate_cap(chain))),
        }
    }
}

/// What nodes relay at the least, unless they are told otherwise: 1 satoshi per virtual byte
/// (Bitcoin Core, `-minrelaytxfee`, before 30).
const RELAYED_SAT_PER_KVB: u64 = 1_000;

impl Market {
    /// Returns the least that a transaction can offer which waits for a cheap hour. Where
    /// transactions wait in line it is what the market asks.
    pub fn least(&self, chain: &ChainRules) -> Offer {
        match self {
            Self::Evm(_) => self.offer(chain),
            Self::Bitcoin(_) => Offer::Bitcoin(FeeRate::from_sat_per_kvb(RELAYED_SAT_PER_KVB)),
        }
    }

    /// What a new transaction offers. It stays below the cap; one that then is too cheap waits for
    /// a better market, it is not dropped.
    pub fn offer(&self, chain: &ChainRules) -> Offer {
        match self {
            Self::Evm(market) => Offer::Evm(market.fees.capped(chain.offer_max)),
            Self::Bitcoin(market) => Offer::Bitcoin(market.feerate_within(chain)),
        }
    }

    /// What counts after it was seen at this height, where `known` counted before.
    pub(crate) fn after(&self, known: Option<&Self>, height: u64, chain: &ChainRules) -> Self {
        match (self, known) {
            (Self::Bitcoin(seen), Some(Self::Bitcoin(known))) => {
                Self::Bitcoin(seen.after(Some(known), height, chain))
            }
            (Self::Bitcoin(seen), Some(Self::Evm(_)) | None) => {
                Self::Bitcoin(seen.after(None, height, chain))
            }
            (Self::Evm(_), Some(Self::Bitcoin(_) | Self::Evm(_)) | None) => self.clone(),
        }
    }

    /// Whether both say the same of now, whatever they know of the past.
    pub fn asks_what(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bitcoin(this), Self::Bitcoin(other)) => {
                // What a guess says depends on what was known before.
                this.guessed == other.guessed && (this.guessed || this.feerate == other.feerate)
            }
            (Self::Evm(_), Self::Evm(_) | Self::Bitcoin(_)) | (Self::Bitcoin(_), Self::Evm(_)) => {
                self == other
            }
        }
    }

    /// In words, where nobody says what it is now.
    pub(crate) fn doubt(&self) -> Option<String> {
        match self {
            Self::Bitcoin(BitcoinMarket { feerate, guessed: true, .. }) => Some(format!(
                "No source estimates fees now; {feerate} counts, the last that was known or the \
                 least that nodes relay."
            )),
            Self::Bitcoin(BitcoinMarket { guessed: false, .. }) | Self::Evm(_) => None,
        }
    }

    /// What is offered for transactions that waited in vain for very long, whatever it says: half
    /// as much again as they offer together.
    pub(crate) fn distrusted(&self, package: &[&Draft]) -> Self {
        match self {
            Self::Evm(_) => self.clone(),
            Self::Bitcoin(market) => {
                let offered = paid_together(package).sat_per_kvb();
                let raised = FeeRate::from_sat_per_kvb(offered.saturating_add(offered / 2));
                Self::Bitcoin(BitcoinMarket {
                    feerate: market.feerate.max(raised),
                    ..market.clone()
                })
            }
        }
    }

    /// Whether it asks more than these offer together: a transaction, and those that have to be
    /// mined before it.
    pub(crate) fn is_above(&self, package: &[&Draft]) -> bool {
        match self {
            Self::Evm(_) => package.iter().any(|draft| draft.is_below(self)),
            Self::Bitcoin(market) => paid_together(package) < market.feerate,
        }
    }

    /// Returns whether it asks more than this offers, so that a higher offer may be taken sooner.
    pub(crate) fn asks_more_than(&self, draft: &Draft) -> bool {
        match (self, draft) {
            (Self::Evm(market), Draft::Evm(draft)) => draft.fees.is_outbid_by(market),
            (Self::Bitcoin(_), Draft::Bitcoin(_)) => self.is_above(&[draft]),
            (Self::Evm(_), Draft::Bitcoin(_)) | (Self::Bitcoin(_), Draft::Evm(_)) => false,
        }
    }

    /// Whether even the cap would buy nothing now.
    pub(crate) fn too_dear(&self, chain: &ChainRules) -> Option<TooDear> {
        match self {
            Self::Evm(market) => {
                let (needed, cap) = (market.base_fee_per_gas, chain.offer_max);
                (needed > cap).then_some(TooDear { needed, cap })
            }
            Self::Bitcoin(market) => {
                let (needed, cap) = (u128::from(market.feerate.sat_per_kvb()), chain.offer_max);
                (needed > cap).then_some(TooDear { needed, cap })
            }
        }
    }

    /// The unit of its offers and caps.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Evm(_) => "wei per gas",
            Self::Bitcoin(_) => "satoshi per 1000 virtual bytes",
        }
    }

    /// What paying one payout by itself costs, where fees and amounts are of one coin.
    pub(crate) fn payout_cost(&self) -> Option<Amount> {
        match self {
            Self::Evm(_) => None,
            Self::Bitcoin(market) => Some(market.feerate.fee_of(PAYOUT_VBYTES)),
        }
    }
}

/// The feerate of these as one package.
fn paid_together(package: &[&Draft]) -> FeeRate {
    let drafts = || {
        package.iter().filter_map(|draft| {
            if let Draft::Bitcoin(bitcoin) = draft { Some(bitcoin) } else { None }
        })
    };
    let fee: u128 = drafts().map(|draft| draft.fee().unwrap_or_default().base_units()).sum();
    let vbytes: u64 = drafts().map(|draft| draft.vbytes).sum();
    FeeRate::paid(Amount::new(fee), vbytes)
}

/// The anchor of a coin, given as `txid:vout`.
pub(crate) fn outpoint_of(lane: &LaneId, outpoint: &str) -> Anchor {
    Anchor::Outpoint { chain: lane.chain.clone(), outpoint: outpoint.to_owned() }
}
