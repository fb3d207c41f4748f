//! Bitcoin transactions: coins that are spent, payees, change, and one feerate for all.
//!
//! Plain data: what is reserved, signed, stored and shown. Names no library's type.

mod draft;
mod feerate;
mod history;
mod keychain;
mod market;

use std::collections::BTreeMap;

use super::TooDear;
use crate::{Amount, ChainRules, Leg, PayoutId};

pub use draft::{BitcoinDraft, DraftInput, DraftOutput, OutputPurpose};
pub use feerate::{FeeRate, INCREMENTAL_FEE_RATE, RELAY_FEE_RATE_MIN};
pub use history::{FEE_HISTORY_EVERY_BLOCKS, FEE_HISTORY_MAX, FEE_HISTORY_MIN, FeeHistory};
pub use keychain::{Keychain, Place};
pub use market::BitcoinMarket;

impl BitcoinDraft {
    pub(super) fn above_caps(&self, chain: &ChainRules) -> Option<String> {
        let cap = feerate_cap(chain);
        let Some(fee) = self.fee() else {
            return Some("its outputs are more than its inputs".to_owned());
        };
        let paid = FeeRate::paid(fee, self.vbytes);
        if self.feerate > cap {
            return Some(format!("{} is above the cap of {cap}", self.feerate));
        }
        if fee > chain.fee_per_transaction_max {
            let (fee, cap) = (chain.coins(fee), chain.coins(chain.fee_per_transaction_max));
            return Some(format!("its fee of {fee} is above the cap of {cap} per transaction"));
        }
        let share = chain
            .fee_share_max
            .filter(|share| self.paid_total() > Amount::ZERO && fee > share.of(self.paid_total()));
        share.map(|share| {
            format!(
                "its fee of {} ({paid}) is more than {share} of the {} that it pays",
                chain.coins(fee),
                chain.coins(self.paid_total())
            )
        })
    }

    /// Each leg is in one output, and each output is the sum of its legs.
    pub(super) fn differs_from(&self, legs: &[&Leg]) -> Option<String> {
        let mut open: BTreeMap<PayoutId, Amount> =
            legs.iter().map(|leg| (leg.payout, leg.amount)).collect();
        for DraftOutput { amount, purpose, .. } in &self.outputs {
            let OutputPurpose::Pays(payouts) = purpose else { continue };
            let mut left = *amount;
            for payout in payouts {
                let owed = open.remove(payout).and_then(|owed| left.checked_sub(owed));
                let Some(rest) = owed else {
                    return Some(format!(
                        "payout {payout} is not in it once, or not with its whole amount"
                    ));
                };
                left = rest;
            }
            if !left.is_zero() || payouts.is_empty() {
                return Some(format!(
                    "an output of {amount} satoshi is {left} more than its payouts are"
                ));
            }
        }
        open.keys().next().map(|payout| format!("payout {payout} is not paid by it"))
    }

    /// What BIP-125 asks of a replacement (rules 3 and 4), or what the market asks if that is more;
    /// at most the cap.
    pub(super) fn next_feerate(
        &self,
        market: &BitcoinMarket,
        chain: &ChainRules,
    ) -> Result<FeeRate, TooDear> {
        let fee = self.fee().unwrap_or_default();
        let least = FeeRate::paid(fee, self.vbytes)
            .saturating_add(INCREMENTAL_FEE_RATE)
            .saturating_add(FeeRate::from_sat_per_kvb(1));
        let by_total =
            FeeRate::from_sat_per_kvb(per_kvb(chain.fee_per_transaction_max, self.vbytes));
        let cap = feerate_cap(chain).min(by_total);
        if least > cap {
            return Err(TooDear {
                needed: least.sat_per_kvb().into(),
                cap: cap.sat_per_kvb().into(),
            });
        }
        Ok(least.max(market.feerate).min(cap))
    }

    /// Whether nodes that hold `before` take this one in its place: it pays for itself on top of
    /// what is replaced, and its feerate is higher (BIP-125, rules 3 and 4; the diagrams of Core 31
    /// follow from both, since all conflicting inputs are kept).
    pub(super) fn outbids(&self, before: &Self) -> bool {
        let (Some(fee), Some(replaced)) = (self.fee(), before.fee()) else { return false };
        let relayed = replaced.checked_add(INCREMENTAL_FEE_RATE.fee_of(self.vbytes));
        relayed.is_some_and(|least| fee >= least)
            && FeeRate::paid(fee, self.vbytes) > FeeRate::paid(replaced, before.vbytes)
    }
}

pub(super) fn feerate_cap(chain: &ChainRules) -> FeeRate {
    FeeRate::from_sat_per_kvb(u64::try_from(chain.offer_max).unwrap_or(u64::MAX))
}

/// The feerate at which so many virtual bytes cost that much, rounded down.
fn per_kvb(total: Amount, vbytes: u64) -> u64 {
    FeeRate::paid(total, vbytes).sat_per_kvb()
}
