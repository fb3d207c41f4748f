//! What nodes ask of a replacement, old and new at once: BIP-125, and Bitcoin Core's
//! `doc/policy/mempool-replacements.md`.
//!
//! Since Core 31 a replacement must improve the feerate diagram of the mempool. A transaction whose
//! fee is more than all that it evicts pays together, and whose feerate is above each of them, lies
//! above their diagram everywhere: so asking for both is enough for the new rule, and is the old
//! one.

use std::collections::BTreeSet;

use adit_core::{
    Amount, BitcoinDraft, FeeRate, INCREMENTAL_FEE_RATE, Mistake, OutputPurpose, planted,
};

use crate::{Spend, Unsigned, money};

/// Most transactions that a replacement may evict (rule 5 of BIP-125).
pub const EVICTED_MAX: u32 = 100;

/// Transactions that nodes drop for the replacement: the version they hold, and everything that
/// spends its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evicted {
    pub transactions: u32,
    /// What they pay together.
    pub fees: Amount,
    /// The highest feerate among them, rounded down.
    pub feerate_max: FeeRate,
}

/// What stands against a replacement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRule {
    #[error("it does not spend {outpoint}, which the first version spends; both could be mined")]
    AnchorLost { outpoint: String },
    #[error(
        "it spends {outpoint}, which is new and in no block; nodes refuse that (BIP-125, rule 2)"
    )]
    NewUnconfirmed { outpoint: String },
    #[error(
        "it would evict {got} transactions, and nodes allow {EVICTED_MAX} (BIP-125, rule 5); \
         payees have spent what they got"
    )]
    TooMany { got: u32 },
    #[error(
        "its fee of {got} satoshi is less than {needed}: what it evicts pays, and the relay of \
         itself (BIP-125, rules 3 and 4)"
    )]
    FeeTooLow { got: Amount, needed: Amount },
    #[error(
        "its feerate of {got} is not above that of what it evicts, {evicted}; miners would lose by \
         it"
    )]
    FeerateTooLow { got: FeeRate, evicted: FeeRate },
    #[error("it pays some of the payees of the version before, and not all as before")]
    PayeeChanged,
}

impl Evicted {
    /// A feerate above all of theirs.
    pub(super) fn outbid(&self) -> FeeRate {
        self.feerate_max.saturating_add(FeeRate::from_sat_per_kvb(1))
    }

    pub(super) fn check_count(&self) -> Result<(), BrokenRule> {
        if self.transactions > EVICTED_MAX {
            Err(BrokenRule::TooMany { got: self.transactions })
        } else {
            Ok(())
        }
    }
}

/// Checks a finished version against all rules, ours first.
///
/// # Errors
/// [`BrokenRule`], the first one.
pub fn check_rules(
    first: &BitcoinDraft,
    base: &BitcoinDraft,
    version: &Unsigned,
    evicted: &Evicted,
    spend: Spend,
) -> Result<(), BrokenRule> {
    evicted.check_count()?;
    check_inputs(first, base, version.draft())?;
    check_payees(base, version.draft())?;
    let (fee, weight) = (version.fee(), version.weight(spend));
    let needed = money::sum([evicted.fees, INCREMENTAL_FEE_RATE.fee_of(weight.to_vbytes_ceil())]);
    if fee < needed {
        return Err(BrokenRule::FeeTooLow { got: fee, needed });
    }
    let got = FeeRate::paid(fee, weight.to_vbytes_ceil());
    if got < evicted.outbid() {
        return Err(BrokenRule::FeerateTooLow { got, evicted: evicted.feerate_max });
    }
    Ok(())
}

fn check_inputs(
    first: &BitcoinDraft,
    base: &BitcoinDraft,
    version: &BitcoinDraft,
) -> Result<(), BrokenRule> {
    let outpoints = |draft: &BitcoinDraft| -> BTreeSet<String> {
        draft.inputs.iter().map(|input| input.outpoint.clone()).collect()
    };
    let (spent, known) = (outpoints(version), &outpoints(first) | &outpoints(base));
    if planted(Mistake::ReplacementDropsCoin) {
        return Ok(());
    }
    if let Some(lost) = first.inputs.iter().find(|input| !spent.contains(&input.outpoint)) {
        return Err(BrokenRule::AnchorLost { outpoint: lost.outpoint.clone() });
    }
    let new =
        version.inputs.iter().find(|input| !input.confirmed && !known.contains(&input.outpoint));
    new.map_or(Ok(()), |input| Err(BrokenRule::NewUnconfirmed { outpoint: input.outpoint.clone() }))
}

/// Either everyone is paid as before, or nobody is (a cancel).
fn check_payees(base: &BitcoinDraft, version: &BitcoinDraft) -> Result<(), BrokenRule> {
    let pays = |output: &&adit_core::DraftOutput| matches!(output.purpose, OutputPurpose::Pays(_));
    let cancels = !version.outputs.iter().any(|output| pays(&output));
    let kept = base.outputs.iter().filter(pays).all(|output| version.outputs.contains(output));
    if cancels || kept { Ok(()) } else { Err(BrokenRule::PayeeChanged) }
}
