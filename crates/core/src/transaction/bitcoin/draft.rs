//! Everything that a Bitcoin transaction says.

use serde::{Deserialize, Serialize};

use super::{FeeRate, Keychain, Place};
use crate::{Amount, Bytes, PayoutId};

/// A transaction before its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitcoinDraft {
    /// The lane's number of this payment; also the index of its change address.
    pub number: u64,
    pub inputs: Vec<DraftInput>,
    pub outputs: Vec<DraftOutput>,
    /// What was offered for a place in a block. The fee is what the inputs have more than the
    /// outputs.
    pub feerate: FeeRate,
    /// What it measures once it is signed, at most.
    pub vbytes: u64,
}

/// A coin that is spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftInput {
    /// `txid:vout`: its anchor.
    pub outpoint: String,
    pub amount: Amount,
    pub keychain: Keychain,
    pub index: u32,
    /// In a block when it was chosen.
    pub confirmed: bool,
}

/// An amount that goes to a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftOutput {
    pub script: Bytes,
    pub amount: Amount,
    pub purpose: OutputPurpose,
}

/// Why an output is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputPurpose {
    /// One output for all payouts to one address.
    Pays(Vec<PayoutId>),
    /// Back to us, at this index of the internal keychain.
    Change { index: u32 },
}

impl BitcoinDraft {
    pub fn input_total(&self) -> Amount {
        sum(self.inputs.iter().map(|input| input.amount))
    }

    pub fn output_total(&self) -> Amount {
        sum(self.outputs.iter().map(|output| output.amount))
    }

    /// What the miners get; none where the outputs are more than the inputs.
    pub fn fee(&self) -> Option<Amount> {
        self.input_total().checked_sub(self.output_total())
    }

    /// What leaves the wallet for others.
    pub fn paid_total(&self) -> Amount {
        sum(self.payments().map(|output| output.amount))
    }

    /// The outputs that are not ours.
    pub fn payments(&self) -> impl Iterator<Item = &DraftOutput> {
        self.outputs.iter().filter(|output| output.is_payment())
    }

    /// The outpoints that it consumes, as `txid:vout`.
    pub fn outpoints(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|input| input.outpoint.as_str())
    }

    /// Everyone who is paid by it.
    pub fn payouts(&self) -> impl Iterator<Item = PayoutId> + '_ {
        self.outputs
            .iter()
            .flat_map(|output| match &output.purpose {
                OutputPurpose::Pays(payouts) => payouts.as_slice(),
                OutputPurpose::Change { .. } => &[],
            })
            .copied()
    }
}

/// The sum, which saturates far above what will ever exist and is then refused by whoever narrows
/// it.
fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    amounts
        .into_iter()
        .fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(Amount::MAX))
}

impl DraftOutput {
    pub fn is_payment(&self) -> bool {
        match self.purpose {
            OutputPurpose::Pays(_) => true,
            OutputPurpose::Change { .. } => false,
        }
    }
}

impl DraftInput {
    pub fn place(&self) -> Place {
        Place { keychain: self.keychain, index: self.index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is stored must stay readable: these texts are those of the first version.
    #[test]
    fn a_draft_is_stored_as_this_text() {
        let draft = BitcoinDraft {
            number: 7,
            inputs: vec![DraftInput {
                outpoint: format!("{}:1", "ab".repeat(32)),
                amount: Amount::new(10_000),
                keychain: Keychain::External,
                index: 3,
                confirmed: true,
            }],
            outputs: vec![
                DraftOutput {
                    script: Bytes(vec![0x51]),
                    amount: Amount::new(4_000),
                    purpose: OutputPurpose::Pays(vec![PayoutId(uuid::Uuid::nil())]),
                },
                DraftOutput {
                    script: Bytes(vec![0x52]),
                    amount: Amount::new(5_000),
                    purpose: OutputPurpose::Change { index: 7 },
                },
            ],
            feerate: FeeRate::from_sat_per_kvb(2_500),
            vbytes: 153,
        };
        let text = serde_json::to_string(&draft).expect("plain data");
        let outpoint = "ab".repeat(32);
        assert_eq!(
            text,
            format!(
                r#"{{"number":7,"inputs":[{{"outpoint":"{outpoint}:1","amount":"10000","keychain":"external","index":3,"confirmed":true}}],"outputs":[{{"script":"0x51","amount":"4000","purpose":{{"pays":["00000000-0000-0000-0000-000000000000"]}}}},{{"script":"0x52","amount":"5000","purpose":{{"change":{{"index":7}}}}}}],"feerate":2500,"vbytes":153}}"#
            )
        );
        assert_eq!(serde_json::from_str::<BitcoinDraft>(&text).expect("reads back"), draft);
        assert_eq!(draft.fee(), Some(Amount::new(1_000)));
        assert_eq!(draft.payouts().count(), 1);
    }
}
