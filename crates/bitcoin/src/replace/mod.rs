//! Another version of a transaction that is under way: with a higher fee, with more payees, or back
//! to ourselves.
//!
//! Every version keeps every input of the first (rule R3), so the chain can finalise at most one of
//! them. What a later one added is kept, too, unless it is gone. Payees keep their outputs; change
//! pays for the fee, and confirmed coins are added where it does not suffice.

mod child;
mod rules;

use std::collections::BTreeSet;

use adit_core::{
    Amount, BitcoinDraft, DraftInput, DraftOutput, FeeRate, Mistake, OutputPurpose, PayoutId,
    planted,
};
use bdk_wallet::bitcoin::ScriptBuf;

pub use child::{NoChild, Stuck, lift};
pub use rules::{BrokenRule, EVICTED_MAX, Evicted, check_rules};

use crate::plan::input;
use crate::{
    Balance, BatchOutput, Bill, Coin, DraftError, Payment, Purse, ScriptKind, Unfunded, Unsigned,
    Wallet, WalletError, money,
};

/// A transaction that is under way, and what nodes would drop for another version of it.
#[derive(Debug, Clone, Copy)]
pub struct UnderWay<'a> {
    /// Its first version: the anchors.
    pub first: &'a BitcoinDraft,
    /// The last version, whose inputs and payees are kept.
    pub base: &'a BitcoinDraft,
    pub evicted: Evicted,
    /// Coins that are not there any more: a version that spends one cannot be mined, so those that
    /// the first does not spend are left out.
    pub gone: &'a BTreeSet<String>,
}

/// What the new version should terms.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub wallet: &'a Wallet,
    pub purse: Purse<'a>,
    /// Raised where the rules of replacement ask for more.
    pub feerate: FeeRate,
    /// Never more, whatever the rules ask for.
    pub fee_max: Amount,
}

/// Why there is no other version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReplacement {
    #[error(transparent)]
    Rule(#[from] BrokenRule),
    #[error(
        "nodes would ask for a fee of {needed} satoshi, and at most {allowed} may be paid; wait, \
         or lift it by a child"
    )]
    TooDear { needed: Amount, allowed: Amount },
    #[error("change and confirmed coins do not pay for the higher fee: {0}")]
    Unfunded(#[from] Unfunded),
    #[error("the payout {payout} is paid by it already")]
    PaidAlready { payout: PayoutId },
    #[error(transparent)]
    Draft(#[from] DraftError),
    #[error(transparent)]
    Wallet(#[from] WalletError),
}

/// A version that pays all payees and offers more; `more` are paid, too. An older version may still
/// be mined without them, so they stay in the lineage until one version is final (window F59).
///
/// # Errors
/// [`NoReplacement`], with the rule that stands against it.
pub fn replace(
    under_way: &UnderWay<'_>,
    terms: &Terms<'_>,
    more: &[BatchOutput],
) -> Result<BitcoinDraft, NoReplacement> {
    let paid: BTreeSet<PayoutId> = under_way.base.payouts().collect();
    let mut joining =
        more.iter().flat_map(|output| output.payouts.iter().map(|(payout, _)| *payout));
    if let Some(payout) = joining.find(|payout| paid.contains(payout)) {
        return Err(NoReplacement::PaidAlready { payout });
    }
    let kept = under_way.base.outputs.iter().filter(|output| match output.purpose {
        OutputPurpose::Pays(_) => true,
        OutputPurpose::Change { .. } => false,
    });
    let outputs =
        kept.cloned().chain(more.iter().map(|output| output.drafted(output.amount()))).collect();
    version(under_way, terms, outputs)
}

/// A version that pays nobody: everything comes back. When it is final, and only then, nobody was
/// paid.
///
/// # Errors
/// [`NoReplacement`].
pub fn cancel(under_way: &UnderWay<'_>, terms: &Terms<'_>) -> Result<BitcoinDraft, NoReplacement> {
    version(under_way, terms, Vec::new())
}

fn version(
    under_way: &UnderWay<'_>,
    terms: &Terms<'_>,
    outputs: Vec<DraftOutput>,
) -> Result<BitcoinDraft, NoReplacement> {
    under_way.evicted.check_count()?;
    let bill = Bill {
        spend: terms.wallet.spend(),
        outputs: outputs
            .iter()
            .map(|output| Ok((kind(output)?, output.amount)))
            .collect::<Result<_, DraftError>>()?,
        feerate: terms.feerate.max(under_way.evicted.outbid()),
        replaces: Some(under_way.evicted.fees),
    };
    let kept = if planted(Mistake::ReplacementDropsCoin) { Vec::new() } else { under_way.kept() };
    let (inputs, balance) = fund(&kept, &terms.purse, &bill)?;
    if balance.fee > terms.fee_max {
        return Err(NoReplacement::TooDear { needed: balance.fee, allowed: terms.fee_max });
    }
    let payment =
        Payment { wallet: terms.wallet, number: under_way.base.number, feerate: bill.feerate };
    let draft = payment.draft(inputs, outputs, balance.change)?;
    let unsigned = Unsigned::of(&draft)?;
    check_rules(under_way.first, under_way.base, &unsigned, &under_way.evicted, bill.spend)?;
    Ok(draft)
}

impl UnderWay<'_> {
    /// The last version's inputs, less those that are gone and no anchors of the lineage.
    fn kept(&self) -> Vec<DraftInput> {
        let is_first = |input: &DraftInput| {
            self.first.inputs.iter().any(|first| first.outpoint == input.outpoint)
        };
        let there = self
            .base
            .inputs
            .iter()
            .filter(|input| is_first(input) || !self.gone.contains(&input.outpoint));
        there.cloned().collect()
    }
}

fn kind(output: &DraftOutput) -> Result<ScriptKind, DraftError> {
    ScriptKind::of(&ScriptBuf::from_bytes(output.script.0.clone()))
        .ok_or_else(|| DraftError::Script { script: output.script.clone() })
}

/// All kept inputs, and confirmed coins until they pay the bill with an output left: the largest
/// first.
fn fund(
    kept: &[DraftInput],
    purse: &Purse<'_>,
    bill: &Bill,
) -> Result<(Vec<DraftInput>, Balance), Unfunded> {
    let mut inputs = kept.to_vec();
    let spent: BTreeSet<String> = kept.iter().map(|input| input.outpoint.clone()).collect();
    let mut more = confirmed(purse, bill)
        .into_iter()
        .filter(|coin| !spent.contains(&coin.outpoint.to_string()));
    loop {
        let held = money::sum(inputs.iter().map(|input| input.amount));
        let paid = bill
            .settle(inputs.len(), held)
            .filter(|balance| balance.change.is_some() || !bill.outputs.is_empty());
        if let Some(balance) = paid {
            return Ok((inputs, balance));
        }
        let coin = more.next().ok_or_else(|| purse.too_little(bill.total()))?;
        inputs.push(input(&coin));
    }
}

/// Confirmed coins that are worth more than their inputs cost. Unconfirmed ones would be new
/// unconfirmed inputs, which BIP-125's rule 2 forbids.
pub(super) fn confirmed(purse: &Purse<'_>, bill: &Bill) -> Vec<Coin> {
    let cost = bill.feerate.fee_of(bill.spend.input_weight().to_vbytes_ceil());
    purse.free().into_iter().filter(|coin| coin.is_confirmed() && coin.amount > cost).collect()
}

#[cfg(test)]
mod tests;
