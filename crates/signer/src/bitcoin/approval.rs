//! Whether a transaction does exactly what was approved, judged from its bytes (rule R11).
//!
//! The draft says which approved payouts an output is for, and which index of ours it is change of.
//! That is a hint where to look and nothing more: each script is derived here, from the approved
//! address or from our own keys, and compared with the one in the bytes.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{
    Amount, BitcoinDraft, DraftInput, DraftOutput, Keychain, OutputPurpose, PayoutId, Place,
    Purpose,
};

use super::said::{Said, SaidOutput};
use super::script::ScriptKind;
use super::{BitcoinAccount, address};
use crate::Approved;
use crate::policy::{PaidAs, Policy};

/// # Errors
/// A sentence that names what differs, as approved and as the transaction says.
pub(crate) fn check(
    says: &Said,
    draft: &BitcoinDraft,
    account: &BitcoinAccount,
    purpose: Purpose,
    approved: &[Approved],
    policy: &Policy,
) -> Result<(), String> {
    match (purpose, approved.len()) {
        (Purpose::Cancel, 0) | (Purpose::Pay, 1..) => {}
        (Purpose::Cancel, given) => {
            return Err(format!(
                "a cancelling attempt pays nobody, and {given} payouts are approved for it"
            ));
        }
        (Purpose::Pay, 0) => {
            return Err("a payment pays somebody, and no payout is approved for it".to_owned());
        }
    }
    if says.outputs.len() != draft.outputs.len() {
        return Err(format!(
            "{} outputs are drafted, and the bytes have {}",
            draft.outputs.len(),
            says.outputs.len()
        ));
    }
    let mut open = Open::new(approved, account, policy)?;
    for (number, (says, DraftOutput { purpose, .. })) in
        says.outputs.iter().zip(&draft.outputs).enumerate()
    {
        check_dust(number, says)?;
        match purpose {
            OutputPurpose::Pays(payouts) => open.take(number, says, payouts)?,
            OutputPurpose::Change { index } => {
                check_change(number, says, *index, draft.number, account)?
            }
        }
    }
    open.finish()?;
    let change =
        u32::try_from(draft.number).ok().map(|index| Place { keychain: Keychain::Internal, index });
    let places = draft.inputs.iter().map(DraftInput::place).chain(change);
    let ours: BTreeSet<Vec<u8>> = places.filter_map(|place| account.script(place)).collect();
    let itself = says
        .outputs
        .iter()
        .zip(&draft.outputs)
        .position(|(says, drafted)| drafted.is_payment() && ours.contains(&says.script));
    itself.map_or(Ok(()), |number| {
        Err(format!("output {number} pays the wallet that it comes from; nobody would be paid"))
    })
}

/// Payouts that no output has paid yet: to whom, and how much.
struct Open {
    payouts: BTreeMap<PayoutId, (Vec<u8>, Amount)>,
}

impl Open {
    fn new(
        approved: &[Approved],
        account: &BitcoinAccount,
        policy: &Policy,
    ) -> Result<Self, String> {
        let mut payouts = BTreeMap::new();
        for Approved { payout, asset, amount, destination } in approved {
            let paid_as = policy
                .asset(asset)
                .ok_or_else(|| format!("{asset} is no asset that this signer pays"))?
                .paid_as;
            if paid_as != (PaidAs::Bitcoin { network: account.network() }) {
                return Err(format!(
                    "{asset} is not the coin of {}, which this pays",
                    account.network()
                ));
            }
            if *destination == account.wallet() {
                return Err(format!("{destination} is the paying wallet; nobody would be paid"));
            }
            let script = address::script_of(account.network(), destination.as_str())?;
            if payouts.insert(*payout, (script, *amount)).is_some() {
                return Err(format!("payout {payout} is approved twice in one transaction"));
            }
        }
        Ok(Self { payouts })
    }

    /// An output is the sum of the payouts that it is for, each to the output's own script.
    fn take(
        &mut self,
        number: usize,
        says: &SaidOutput,
        payouts: &[PayoutId],
    ) -> Result<(), String> {
        let mut sum = 0u128;
        for payout in payouts {
            let (script, amount) = self.payouts.remove(payout).ok_or_else(|| {
                format!("output {number} pays payout {payout}, which is not approved, or twice")
            })?;
            if script != says.script {
                return Err(format!(
                    "output {number} pays another address than the one approved for payout {payout}"
                ));
            }
            sum = sum.saturating_add(amount.base_units());
        }
        if payouts.is_empty() {
            return Err(format!("output {number} is for no payout and no change"));
        }
        if sum != u128::from(says.amount) {
            return Err(format!(
                "{sum} satoshi are approved for output {number}, and it pays {}",
                says.amount
            ));
        }
        Ok(())
    }

    fn finish(self) -> Result<(), String> {
        let missing = self.payouts.first_key_value();
        missing.map_or(Ok(()), |(payout, (_, amount))| {
            Err(format!("{amount} satoshi are approved for payout {payout}, and no output pays it"))
        })
    }
}

/// Change is ours where this account says so (window F67), at the index that the payment's number
/// is: one that a wallet restored from its words finds.
fn check_change(
    number: usize,
    says: &SaidOutput,
    index: u32,
    draft_number: u64,
    account: &BitcoinAccount,
) -> Result<(), String> {
    let place = Place { keychain: Keychain::Internal, index };
    if u64::from(index) != draft_number {
        return Err(format!(
            "output {number} is change at {place}, and the change of payment {draft_number} has \
             its number as index"
        ));
    }
    match account.script(place) {
        Some(script) if script == says.script => Ok(()),
        Some(_) => Err(format!(
            "output {number} is said to be change at {place}, and pays to another script"
        )),
        None => {
            Err(format!("there is no address at {place}; allowed are indices up to 2147483647"))
        }
    }
}

fn check_dust(number: usize, SaidOutput { amount, script }: &SaidOutput) -> Result<(), String> {
    let kind = ScriptKind::of(script)
        .ok_or_else(|| format!("output {number} is neither P2PKH, P2SH, P2WPKH, P2WSH nor P2TR"))?;
    let least = kind.dust_limit(script);
    if *amount < least {
        Err(format!(
            "output {number} of {amount} satoshi is dust: nodes relay no less than {least}"
        ))
    } else {
        Ok(())
    }
}
