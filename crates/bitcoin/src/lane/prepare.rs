//! Payouts that wait become transactions: as many in one as may be, as long as there are coins.
//! Pure.

use std::collections::BTreeSet;

use adit_chain::{Obstacle, Planning, Ready};
use adit_core::{Amount, AssetId, Draft, FeeRate, Leg, PayoutId};
use bdk_wallet::bitcoin::OutPoint;

use crate::{
    Address, Batch, Coin, OutputsMax, Payable, Payment, Purse, Unfunded, Unplanned, Wallet,
    dust_limit,
};

/// Everything that planning depends on.
pub(crate) struct Prepare<'a> {
    pub wallet: &'a Wallet,
    pub asset: &'a AssetId,
    pub coins: &'a [Coin],
    /// Coins that live lineages have.
    pub reserved: BTreeSet<OutPoint>,
    /// Height of the last block.
    pub tip: u64,
    pub first: u64,
    pub feerate: FeeRate,
    pub outputs_max: OutputsMax,
}

impl Prepare<'_> {
    /// Each payment is in a transaction, or is told what keeps it back. One that is too large for
    /// the coins does not keep smaller ones back.
    pub(crate) fn all(mut self, legs: &[Leg]) -> Planning {
        let mut planning = Planning::default();
        let mut open: Vec<(&Leg, Payable)> = Vec::new();
        for leg in legs {
            match payable(self.wallet, self.asset, leg) {
                Ok(payable) => open.push((leg, payable)),
                Err(obstacle) => planning.waiting.push((leg.clone(), obstacle)),
            }
        }
        let mut most = open.len();
        while !open.is_empty() {
            let payables: Vec<Payable> =
                open.iter().take(most).map(|(_, payable)| payable.clone()).collect();
            let batch = Batch::of(&payables, self.outputs_max);
            match self.one(&batch) {
                Ok(draft) => {
                    let paid: BTreeSet<PayoutId> = draft.payouts().collect();
                    let (now, later) =
                        open.into_iter().partition(|(leg, _)| paid.contains(&leg.payout));
                    let now: Vec<(&Leg, Payable)> = now;
                    planning.ready.push(Ready {
                        legs: now.iter().map(|(leg, _)| (*leg).clone()).collect(),
                        draft: Draft::Bitcoin(draft),
                    });
                    (open, most) = (later, usize::MAX);
                }
                Err(_) if payables.len() > 1 => most = payables.len() / 2,
                Err(unplanned) => {
                    let (leg, _) = open.remove(0);
                    planning.waiting.push((leg.clone(), self.obstacle(unplanned)));
                    most = usize::MAX;
                }
            }
        }
        planning
    }

    /// Plans one transaction and takes its coins out.
    fn one(&mut self, batch: &Batch) -> Result<adit_core::BitcoinDraft, Unplanned> {
        let payment = Payment { wallet: self.wallet, number: self.first, feerate: self.feerate };
        let draft = batch
            .plan(payment, &Purse { coins: self.coins, reserved: &self.reserved, tip: self.tip })?;
        self.reserved
            .extend(draft.outpoints().filter_map(|outpoint| outpoint.parse::<OutPoint>().ok()));
        self.first += 1;
        Ok(draft)
    }

    fn obstacle(&self, unplanned: Unplanned) -> Obstacle {
        match unplanned {
            Unplanned::Unfunded(Unfunded::TooLittle { needed, free, .. }) => {
                Obstacle::Unfunded { asset: self.asset.clone(), needed, held: free }
            }
            Unplanned::Unfunded(Unfunded::TooHeavy { .. })
            | Unplanned::Wallet(_)
            | Unplanned::Empty => Obstacle::Unclear { reason: unplanned.to_string() },
        }
    }
}

pub(crate) fn payable(wallet: &Wallet, asset: &AssetId, leg: &Leg) -> Result<Payable, Obstacle> {
    let refused = |reason: String| Err(Obstacle::WouldFail { reason });
    if leg.asset != *asset {
        return refused(format!("{} is not paid on this chain; {asset} is", leg.asset));
    }
    let address = match Address::parse(wallet.network(), leg.destination.as_str()) {
        Ok(address) => address,
        Err(error) => return refused(error.to_string()),
    };
    let least: Amount = dust_limit(address.kind());
    if leg.amount < least {
        return refused(format!(
            "{} satoshi are dust: nodes relay no less than {least} to such an address",
            leg.amount
        ));
    }
    Ok(Payable { payout: leg.payout, address, amount: leg.amount })
}
