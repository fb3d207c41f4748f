//! What a final transaction did, read from its bytes: success is judged on effect (rule R8). Pure.

use std::collections::BTreeMap;

use adit_chain::{WatchedAttempt, WatchedLineage};
use adit_core::{
    Amount, BlockRef, Effect, FeeKnown, FeePart, Leg, LegEffect, Mistake, Purpose, Receipt, planted,
};
use bdk_wallet::bitcoin::{ScriptBuf, Transaction};

use crate::lane::succeed::bitcoin;
use crate::{Address, Network, money};

/// None where the draft is none of Bitcoin, or says no fee.
pub(crate) fn receipt(
    network: Network,
    lineage: &WatchedLineage,
    attempt: &WatchedAttempt,
    block: BlockRef,
    transaction: &Transaction,
) -> Option<Receipt> {
    // The signatures commit to the amounts of the coins (BIP-143, BIP-341), so a mined transaction
    // proves what its draft says of them.
    let network_fee = if planted(Mistake::ChangeBookedAsFee) {
        let draft = bitcoin(&attempt.draft)?;
        draft.input_total().checked_sub(draft.paid_total())?
    } else if planted(Mistake::FeeOfNewestVersion) {
        bitcoin(&lineage.attempts.last()?.draft)?.fee()?
    } else {
        bitcoin(&attempt.draft)?.fee()?
    };
    let effects = effects(network, lineage, attempt, transaction);
    let fee_parts = vec![FeePart { name: "miners".to_owned(), amount: network_fee }];
    Some(Receipt {
        hash: attempt.hash,
        block,
        effects,
        network_fee,
        fee_parts,
        fee_known: FeeKnown::Agreed,
    })
}

/// Per leg: paid where its address got the sum of all legs that go there, and exactly that.
fn effects(
    network: Network,
    lineage: &WatchedLineage,
    attempt: &WatchedAttempt,
    transaction: &Transaction,
) -> Vec<LegEffect> {
    let carried = |leg: &Leg| attempt.purpose == Purpose::Pay && attempt.draft.carries(leg.payout);
    let mut got: BTreeMap<ScriptBuf, Amount> = BTreeMap::new();
    for output in &transaction.output {
        let sum = got.entry(output.script_pubkey.clone()).or_default();
        *sum = money::sum([*sum, money::widen(output.value)]);
    }
    let mut owed: BTreeMap<&str, Amount> = BTreeMap::new();
    for leg in lineage.legs.iter().filter(|leg| carried(leg)) {
        let sum = owed.entry(leg.destination.as_str()).or_default();
        *sum = money::sum([*sum, leg.amount]);
    }
    let effect = |leg: &Leg| {
        let destination = leg.destination.as_str();
        let Some(owed) = owed.get(destination).filter(|_| carried(leg)) else {
            return if planted(Mistake::LosersPayeeSettled) {
                Effect::Paid
            } else {
                Effect::Cancelled
            };
        };
        let address = Address::parse(network, destination);
        let paid =
            address.ok().and_then(|address| got.get(address.script()).copied()).unwrap_or_default();
        match paid == *owed {
            true => Effect::Paid,
            false => Effect::Unexpected {
                finding: format!(
                    "{destination} was to get {owed} satoshi, and the transaction pays {paid} there"
                ),
            },
        }
    };
    lineage.legs.iter().map(|leg| LegEffect { payout: leg.payout, effect: effect(leg) }).collect()
}
