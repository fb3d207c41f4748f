//! Another version of a transaction that is under way, for itself and for those it stands on. Pure.

use std::collections::BTreeSet;

use adit_chain::{NextVersion, Ready};
use adit_core::{Amount, Attempt, BitcoinDraft, Draft, FeeRate, Leg, Purpose, ancestors};

use super::prepare::payable;
use super::settings::LaneSettings;
use crate::{Batch, Coin, Evicted, NoReplacement, Purse, Terms, UnderWay, cancel, money, replace};

/// What a next version is made of, besides the one before.
pub(crate) struct Succeed<'a> {
    pub settings: &'a LaneSettings,
    /// Confirmed ones are added where change does not pay for the higher fee.
    pub coins: &'a [Coin],
    pub tip: u64,
    /// Coins of payments under way that the last look did not find any more.
    pub gone: &'a BTreeSet<String>,
}

impl Succeed<'_> {
    /// The version, and who joins by it; in words, why there is none.
    pub(crate) fn next(&self, next: &NextVersion<'_>) -> Result<Ready, String> {
        let (Some(first), Some(base)) = (
            next.lineage.attempts.first().and_then(|attempt| bitcoin(&attempt.draft)),
            latest(next),
        ) else {
            return Err("the lineage is not one of Bitcoin".to_owned());
        };
        let under_way = UnderWay { first, base, evicted: evicted(next), gone: self.gone };
        let reserved = super::unmined::reserved(next.live);
        let wallet = &self.settings.wallet;
        let purse = Purse { coins: self.coins, reserved: &reserved, tip: self.tip };
        let terms =
            Terms { wallet, purse, feerate: lifting(next, base), fee_max: self.settings.fee_max };
        match next.purpose {
            Purpose::Cancel => {
                let draft = cancel(&under_way, &terms).map_err(|why| why.to_string())?;
                Ok(Ready { legs: Vec::new(), draft: Draft::Bitcoin(draft) })
            }
            Purpose::Pay => {
                let joining = self.joining(next, base);
                let with = |legs: &[&Leg]| self.version(&under_way, &terms, legs);
                // Those who wait for a place of their own must not keep the others from a better
                // offer.
                with(&joining)
                    .or_else(|why| if joining.is_empty() { Err(why) } else { with(&[]) })
                    .map_err(|why| why.to_string())
            }
        }
    }

    fn version(
        &self,
        under_way: &UnderWay<'_>,
        terms: &Terms<'_>,
        joining: &[&Leg],
    ) -> Result<Ready, NoReplacement> {
        let payables: Vec<_> = joining
            .iter()
            .filter_map(|leg| payable(terms.wallet, &self.settings.asset, leg).ok())
            .collect();
        let more = Batch::of(&payables, self.settings.outputs_max).outputs;
        let draft = replace(under_way, terms, &more)?;
        let paid: BTreeSet<_> = draft.payouts().collect();
        let legs = joining
            .iter()
            .filter(|leg| paid.contains(&leg.payout))
            .map(|leg| (*leg).clone())
            .collect();
        Ok(Ready { legs, draft: Draft::Bitcoin(draft) })
    }

    /// As many as there is room for (window F59).
    fn joining<'b>(&self, next: &NextVersion<'b>, base: &BitcoinDraft) -> Vec<&'b Leg> {
        let room =
            usize::from(self.settings.outputs_max.get()).saturating_sub(base.payments().count());
        next.waiting
            .iter()
            .filter(|leg| payable(&self.settings.wallet, &self.settings.asset, leg).is_ok())
            .take(room)
            .collect()
    }
}

/// What nodes drop for it: whichever signed version they hold, so the dearest. Nothing of ours
/// stands on it: the rules do not replace what others build on. What payees did with their outputs
/// nobody tells us; a replacement that nodes refuse for that is tried again with more.
///
/// A cancelling version that offers no more than the one before is made for bytes that never left
/// (case F92): nodes hold only what is known to have been sent.
fn evicted(next: &NextVersion<'_>) -> Evicted {
    let outbids = latest(next).is_some_and(|latest| feerate(next.offer) > latest.feerate);
    let held = |attempt: &&Attempt| {
        attempt.signed().is_some() && (outbids || attempt.last_sent().is_some())
    };
    let signed = next.lineage.attempts.iter().filter(held);
    let offered: Vec<(Amount, FeeRate)> = signed
        .filter_map(|attempt| bitcoin(&attempt.draft))
        .map(|draft| {
            (
                draft.fee().unwrap_or_default(),
                FeeRate::paid(draft.fee().unwrap_or_default(), draft.vbytes),
            )
        })
        .collect();
    Evicted {
        transactions: u32::from(!offered.is_empty()),
        fees: offered.iter().map(|(fee, _)| *fee).max().unwrap_or_default(),
        feerate_max: offered.iter().map(|(_, feerate)| *feerate).max().unwrap_or_default(),
    }
}

/// The feerate at which it pays for itself and for what its unmined parents lack of it: a child
/// pays for them, where they cannot be replaced.
fn lifting(next: &NextVersion<'_>, base: &BitcoinDraft) -> FeeRate {
    let adit_core::Offer::Bitcoin(offer) = next.offer else { return FeeRate::ZERO };
    let lacking = |parent: &BitcoinDraft| {
        offer.fee_of(parent.vbytes).saturating_sub(parent.fee().unwrap_or_default())
    };
    let parents = ancestors(next.live, next.lineage);
    let deficit = money::sum(
        parents.iter().filter_map(|parent| bitcoin(&parent.latest().draft)).map(lacking),
    );
    let per_kvb =
        deficit.base_units().saturating_mul(1_000).div_ceil(u128::from(base.vbytes.max(1)));
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
        adit_core::Offer::Evm(_) => {
            panic!("a lane's offers are those of its chain, and this chain is Bitcoin")
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_core::{
        AttemptId, Bytes, Destination, Epoch, Hash32, Knowledge, LaneId, Lineage, LineageId,
        LineageState, Offer, Signed, Stage, Timestamp,
    };
    use bdk_wallet::bitcoin::OutPoint;
    use uuid::Uuid;

    use super::*;
    use crate::batch::tests::{addresses, payable as paid, wallet};
    use crate::coin::tests::{CONFIRMED, coin};
    use crate::{OutputsMax, Payment};

    const OFFER: FeeRate = FeeRate::from_sat_per_kvb(2_000);

    /// A signed payment of one payee. It is known to have been sent, or not.
    fn lineage(settings: &LaneSettings, knowledge: Knowledge) -> Lineage {
        let none: BTreeSet<OutPoint> = BTreeSet::new();
        let coins = [coin(1, 100_000, CONFIRMED)];
        let batch = Batch::of(&[paid(&addresses(), 1, 0, 10_000)], OutputsMax::default());
        let payment = Payment { wallet: &settings.wallet, number: 1, feerate: OFFER };
        let draft = batch
            .plan(payment, &Purse { coins: &coins, reserved: &none, tip: 200 })
            .expect("enough");
        let lane = LaneId {
            chain: "bitcoin".parse().expect("a name"),
            wallet: Destination::new("wallet").expect("a name"),
        };
        let created_at = Timestamp::from_micros(0);
        let stage = Stage::Signed {
            signed: Signed { raw: Bytes(vec![1]), hash: Hash32([1; 32]) },
            knowledge,
        };
        let (id, purpose, draft) = (AttemptId(Uuid::nil()), Purpose::Pay, Draft::Bitcoin(draft));
        let anchors = draft.anchors(&lane);
        let attempts =
            vec![Attempt { id, version: 0, purpose, draft, epoch: Epoch(1), created_at, stage }];
        let (id, legs, state, cancel) =
            (LineageId(Uuid::nil()), Vec::new(), LineageState::Live, None);
        Lineage { id, lane, anchors, legs, attempts, state, cancel, created_at }
    }

    fn cancelling(knowledge: Knowledge, offer: FeeRate) -> BitcoinDraft {
        let settings = LaneSettings::new("BTC".parse().expect("an asset"), wallet());
        let lineage = lineage(&settings, knowledge);
        let live = std::slice::from_ref(&lineage);
        let next = NextVersion {
            lineage: &lineage,
            purpose: Purpose::Cancel,
            offer: Offer::Bitcoin(offer),
            live,
            waiting: &[],
        };
        let ready = Succeed { settings: &settings, coins: &[], tip: 200, gone: &BTreeSet::new() }
            .next(&next)
            .expect("a cancel");
        bitcoin(&ready.draft).expect("one of Bitcoin").clone()
    }

    /// F92: nodes hold nothing of a payment that was never sent, so its cancelling version may
    /// offer the same; else it outbids.
    #[test]
    fn f92_a_cancel_of_what_was_never_sent_offers_no_more_than_it_is_asked_to() {
        let sent = Knowledge::MaybeSent { sends: 1, last_at: Timestamp::from_micros(0) };
        assert_eq!(cancelling(Knowledge::Signed, OFFER).feerate, OFFER);
        assert!(cancelling(sent, OFFER).feerate > OFFER, "nodes would not take it");
        let more = OFFER.saturating_add(FeeRate::from_sat_per_kvb(1_001));
        assert!(cancelling(Knowledge::Signed, more).feerate >= more);
    }
}
