//! Another version of a transaction that is under way, for itself and for those it stands on. Pure.

use std::collections::BTreeSet;

use adit_chain::{NextVersion, Ready};
use adit_core::{Amount, BitcoinDraft, Draft, FeeRate, Leg, Purpose, ancestors};

use super::prepare::payable;
use super::settings::LaneSettings;
use crate::{Batch, Coin, Evicted, NoReplacement, Purse, Terms, UnderWay, cancel, money, replace};

/// What a next version is made of, besides the one before.
pub(crate) struct Succeed<'a> {
    pub settings: &'a LaneSettings,
    /// Confirmed ones are added where change does not pay for the higher fee.
    pub coins: &'a [Coin],
    pub tip: u64,
}

impl Succeed<'_> {
    /// The version, and who joins by it; in words, why there is none.
    pub(crate) fn next(&self, next: &NextVersion<'_>) -> Result<Ready, String> {
        let (Some(first), Some(base)) = (next.lineage.attempts.first().and_then(|attempt| bitcoin(&attempt.draft)), latest(next)) else {
            return Err("the lineage is not one of Bitcoin".to_owned());
        };
        let under_way = UnderWay { first, base, evicted: evicted(next) };
        let reserved = super::holdings::reserved(next.live);
        let wallet = &self.settings.wallet;
        let purse = Purse { coins: self.coins, reserved: &reserved, tip: self.tip };
        let terms = Terms { wallet, purse, feerate: lifting(next, base), fee_max: self.settings.fee_max };
        match next.purpose {
            Purpose::Cancel => {
                let draft = cancel(&under_way, &terms).map_err(|why| why.to_string())?;
                Ok(Ready { legs: Vec::new(), draft: Draft::Bitcoin(draft) })
            }
            Purpose::Pay => {
                let joining = self.joining(next, base);
                let with = |legs: &[&Leg]| self.version(&under_way, &terms, legs);
                // Those who wait for a place of their own must not keep the others from a better offer.
                with(&joining).or_else(|why| if joining.is_empty() { Err(why) } else { with(&[]) }).map_err(|why| why.to_string())
            }
        }
    }

    fn version(&self, under_way: &UnderWay<'_>, terms: &Terms<'_>, joining: &[&Leg]) -> Result<Ready, NoReplacement> {
        let payables: Vec<_> = joining.iter().filter_map(|leg| payable(terms.wallet, &self.settings.asset, leg).ok()).collect();
        let more = Batch::of(&payables, self.settings.outputs_max).outputs;
        let draft = replace(under_way, terms, &more)?;
        let paid: BTreeSet<_> = draft.payouts().collect();
        let legs = joining.iter().filter(|leg| paid.contains(&leg.payout)).map(|leg| (*leg).clone()).collect();
        Ok(Ready { legs, draft: Draft::Bitcoin(draft) })
    }

    /// As many as there is room for (window F59).
    fn joining<'b>(&self, next: &NextVersion<'b>, base: &BitcoinDraft) -> Vec<&'b Leg> {
        let room = usize::from(self.settings.outputs_max.get()).saturating_sub(base.payments().count());
        next.waiting.iter().filter(|leg| payable(&self.settings.wallet, &self.settings.asset, leg).is_ok()).take(room).collect()
    }
}

/// What nodes drop for it: whichever signed version they hold, so the dearest. Nothing of ours stands on it: the rules do not replace what others build on. What payees did with their outputs
/// nobody tells us; a replacement that nodes refuse for that is tried again with more.
fn evicted(next: &NextVersion<'_>) -> Evicted {
    let signed = next.lineage.attempts.iter().filter(|attempt| attempt.signed().is_some());
    let offered: Vec<(Amount, FeeRate)> = signed
        .filter_map(|attempt| bitcoin(&attempt.draft))
        .map(|draft| (draft.fee().unwrap_or_default(), FeeRate::paid(draft.fee().unwrap_or_default(), draft.vbytes)))
        .collect();
    Evicted {
        transactions: u32::from(!offered.is_empty()),
        fees: offered.iter().map(|(fee, _)| *fee).max().unwrap_or_default(),
        feerate_max: offered.iter().map(|(_, feerate)| *feerate).max().unwrap_or_default(),
    }
}

/// The feerate at which it pays for itself and for what its unmined parents lack of it: a child pays for them, where they cannot be replaced.
fn lifting(next: &NextVersion<'_>, base: &BitcoinDraft) -> FeeRate {
    let adit_core::Offer::Bitcoin(offer) = next.offer else { return FeeRate::ZERO };
    let lacking = |parent: &BitcoinDraft| offer.fee_of(parent.vbytes).saturating_sub(parent.fee().unwrap_or_default());
    let parents = ancestors(next.live, next.lineage);
    let deficit = money::sum(parents.iter().filter_map(|parent| bitcoin(&parent.latest().draft)).map(lacking));
    let per_kvb = deficit.base_units().saturating_mul(1_000).div_ceil(u128::from(base.vbytes.max(1)));
    offer.saturating_add(FeeRate::from_sat_per_kvb(u64::try_from(per_kvb).unwrap_or(u64::MAX)))
}

fn latest<'a>(next: &NextVersion<'a>) -> Option<&'a BitcoinDraft> {
    bitcoin(&next.lineage.latest().draft)
}

pub(crate) fn bitcoin(draft: &Draft) -> Option<&BitcoinDraft> {
    match draft {
        Draft::Bitcoin(bitcoin) => Some(bitcoin),
        Draft::Evm(_) => None,
    }
}

pub(crate) fn feerate(offer: adit_core::Offer) -> FeeRate {
    match offer {
        adit_core::Offer::Bitcoin(feerate) => feerate,
        adit_core::Offer::Evm(_) => panic!("a lane's offers are those of its chain, and this chain is Bitcoin"),
    }
}
