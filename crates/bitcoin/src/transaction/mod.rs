//! A draft as the transaction that will be signed, and back.
//!
//! Equal drafts give equal bytes: inputs and outputs stand in the order of BIP-69. Every input
//! signals that it may be replaced (BIP-125), and nothing is locked by time.

use std::str::FromStr;

use adit_core::{Amount, BitcoinDraft, Bytes, DraftInput, DraftOutput, Hash32};
use bdk_wallet::bitcoin::absolute::LockTime;
use bdk_wallet::bitcoin::consensus::encode;
use bdk_wallet::bitcoin::hashes::Hash;
use bdk_wallet::bitcoin::transaction::Version;
use bdk_wallet::bitcoin::{
    OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Weight, Witness,
};

use crate::money::narrow;
use crate::{ScriptKind, Spend, TooMuch, dust_limit, transaction_weight};

/// May be replaced, not locked by time (BIP-125).
const SEQUENCE: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

/// A draft in its one order, with its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    draft: BitcoinDraft,
    transaction: Transaction,
    kinds: Vec<ScriptKind>,
}

/// Why a draft is no transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    #[error(
        "a transaction has at least one input and one output; this draft has {inputs} and {outputs}"
    )]
    Empty { inputs: usize, outputs: usize },
    #[error(
        "{outpoint:?} is no outpoint; one is the 64 hex digits of a transaction's id, a colon and \
         the output's number"
    )]
    Outpoint { outpoint: String },
    #[error("{outpoint} is spent twice")]
    SpentTwice { outpoint: String },
    #[error("the script {script} is none that we pay: P2PKH, P2SH, P2WPKH, P2WSH or P2TR")]
    Script { script: Bytes },
    #[error("{amount} satoshi to {script} are dust: nodes relay no less than {least}")]
    Dust { script: Bytes, amount: Amount, least: Amount },
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    #[error("the outputs are {outputs} satoshi and the inputs only {inputs}")]
    Overspent { inputs: Amount, outputs: Amount },
    #[error("the payout {payout} is paid twice")]
    PaidTwice { payout: adit_core::PayoutId },
}

/// What bytes say else than their draft.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("the bytes are no transaction: {detail}")]
    Unreadable { detail: String },
    #[error("the version is {got}, and must be 2")]
    Version { got: i32 },
    #[error("the lock time is {got}, and must be 0")]
    LockTime { got: u32 },
    #[error("there are {got} inputs, and must be {wanted}")]
    InputCount { got: usize, wanted: usize },
    #[error("input {input} spends {got}, and must spend {wanted}")]
    Input { input: usize, got: OutPoint, wanted: OutPoint },
    #[error("input {input} has the sequence {got:#x}, and must have 0xfffffffd")]
    Sequence { input: usize, got: u32 },
    #[error("input {input} has a script signature; segwit inputs have none")]
    ScriptSig { input: usize },
    #[error("there are {got} outputs, and must be {wanted}")]
    OutputCount { got: usize, wanted: usize },
    #[error("output {output} pays {got} to {got_script}, and must pay {wanted} to {wanted_script}")]
    Output { output: usize, got: Amount, got_script: Bytes, wanted: Amount, wanted_script: Bytes },
}

impl Unsigned {
    /// # Errors
    /// [`DraftError`]: what is refused here would be refused by every node, or would pay someone
    /// twice.
    pub fn of(draft: &BitcoinDraft) -> Result<Self, DraftError> {
        let mut draft = draft.clone();
        draft.inputs.iter().try_for_each(|input| outpoint(input).map(drop))?;
        put_in_order(&mut draft);
        let kinds = check(&draft)?;
        let transaction = transaction(&draft)?;
        let unsigned = Self { draft, transaction, kinds };
        let read = unsigned
            .check_bytes(&encode::serialize(&unsigned.transaction))
            .expect("what was just written says what it was written from");
        debug_assert_eq!(read, unsigned.transaction);
        Ok(unsigned)
    }

    /// The draft, its inputs and outputs in the order of the transaction.
    pub fn draft(&self) -> &BitcoinDraft {
        &self.draft
    }

    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The id, which signatures do not change: all inputs are segwit.
    pub fn txid(&self) -> Hash32 {
        hash_of(self.transaction.compute_txid())
    }

    pub fn fee(&self) -> Amount {
        self.draft.fee().expect("checked when it was built")
    }

    /// What it weighs at most when it is signed.
    pub fn weight(&self, spend: Spend) -> Weight {
        transaction_weight(spend, self.draft.inputs.len(), self.kinds.iter().copied())
    }

    /// Reads a transaction, signed or not, and checks that it says what the draft says. Signatures
    /// are not judged.
    ///
    /// # Errors
    /// [`Mismatch`], the first that is found.
    pub fn check_bytes(&self, raw: &[u8]) -> Result<Transaction, Mismatch> {
        let read: Transaction = encode::deserialize(raw)
            .map_err(|error| Mismatch::Unreadable { detail: error.to_string() })?;
        self.check(&read).map(|()| read)
    }

    pub(crate) fn check(&self, read: &Transaction) -> Result<(), Mismatch> {
        if read.version != Version::TWO {
            return Err(Mismatch::Version { got: read.version.0 });
        }
        if read.lock_time != LockTime::ZERO {
            return Err(Mismatch::LockTime { got: read.lock_time.to_consensus_u32() });
        }
        self.check_inputs(&read.input)?;
        self.check_outputs(&read.output)
    }

    fn check_inputs(&self, read: &[TxIn]) -> Result<(), Mismatch> {
        if read.len() != self.draft.inputs.len() {
            return Err(Mismatch::InputCount { got: read.len(), wanted: self.draft.inputs.len() });
        }
        for (input, (read, drafted)) in read.iter().zip(&self.draft.inputs).enumerate() {
            let wanted = outpoint(drafted).expect("checked when it was built");
            if read.previous_output != wanted {
                return Err(Mismatch::Input { input, got: read.previous_output, wanted });
            }
            if read.sequence != SEQUENCE {
                return Err(Mismatch::Sequence { input, got: read.sequence.0 });
            }
            if !read.script_sig.is_empty() {
                return Err(Mismatch::ScriptSig { input });
            }
        }
        Ok(())
    }

    fn check_outputs(&self, read: &[TxOut]) -> Result<(), Mismatch> {
        if read.len() != self.draft.outputs.len() {
            return Err(Mismatch::OutputCount {
                got: read.len(),
                wanted: self.draft.outputs.len(),
            });
        }
        for (output, (read, DraftOutput { script, amount, .. })) in
            read.iter().zip(&self.draft.outputs).enumerate()
        {
            let got = crate::money::widen(read.value);
            if got != *amount || read.script_pubkey.as_bytes() != script.0 {
                let got_script = Bytes(read.script_pubkey.to_bytes());
                return Err(Mismatch::Output {
                    output,
                    got,
                    got_script,
                    wanted: *amount,
                    wanted_script: script.clone(),
                });
            }
        }
        Ok(())
    }
}

/// A transaction's id as people and block explorers write it: the bytes are in the reverse of their
/// order in the chain.
pub fn hash_of(txid: Txid) -> Hash32 {
    let mut bytes = txid.to_byte_array();
    bytes.reverse();
    Hash32(bytes)
}

pub(crate) fn outpoint(input: &DraftInput) -> Result<OutPoint, DraftError> {
    let wrong = || DraftError::Outpoint { outpoint: input.outpoint.chars().take(80).collect() };
    let outpoint = OutPoint::from_str(&input.outpoint).map_err(|_| wrong())?;
    if outpoint.to_string() == input.outpoint { Ok(outpoint) } else { Err(wrong()) }
}

/// Puts inputs and outputs in the order in which the transaction will have them (BIP-69).
pub(crate) fn put_in_order(draft: &mut BitcoinDraft) {
    draft.inputs.sort_by_cached_key(|input| outpoint(input).ok().map(bip69));
    draft.outputs.sort_by(|one, other| {
        (one.amount, &one.script, &one.purpose).cmp(&(other.amount, &other.script, &other.purpose))
    });
}

/// BIP-69 compares ids as they are written.
fn bip69(outpoint: OutPoint) -> (Hash32, u32) {
    (hash_of(outpoint.txid), outpoint.vout)
}

/// The kinds of the outputs of a draft that is fine. Expects its inputs in order.
fn check(draft: &BitcoinDraft) -> Result<Vec<ScriptKind>, DraftError> {
    let (inputs, outputs) = (draft.inputs.len(), draft.outputs.len());
    if inputs == 0 || outputs == 0 {
        return Err(DraftError::Empty { inputs, outputs });
    }
    if let Some(pair) = draft.inputs.windows(2).find(|pair| pair[0].outpoint == pair[1].outpoint) {
        return Err(DraftError::SpentTwice { outpoint: pair[0].outpoint.clone() });
    }
    let mut paid = std::collections::BTreeSet::new();
    if let Some(payout) = draft.payouts().find(|payout| !paid.insert(*payout)) {
        return Err(DraftError::PaidTwice { payout });
    }
    let (inputs, outputs) = (draft.input_total(), draft.output_total());
    narrow(inputs)?;
    if outputs > inputs {
        return Err(DraftError::Overspent { inputs, outputs });
    }
    draft.outputs.iter().map(kind).collect()
}

fn kind(output: &DraftOutput) -> Result<ScriptKind, DraftError> {
    let script = || output.script.clone();
    let kind = ScriptKind::of(&ScriptBuf::from_bytes(output.script.0.clone()))
        .ok_or_else(|| DraftError::Script { script: script() })?;
    let least = dust_limit(kind);
    if output.amount < least {
        return Err(DraftError::Dust { script: script(), amount: output.amount, least });
    }
    Ok(kind)
}

fn transaction(draft: &BitcoinDraft) -> Result<Transaction, DraftError> {
    let input = |input: &DraftInput| {
        Ok(TxIn {
            previous_output: outpoint(input)?,
            script_sig: ScriptBuf::new(),
            sequence: SEQUENCE,
            witness: Witness::new(),
        })
    };
    let output = |output: &DraftOutput| {
        Ok(TxOut {
            value: narrow(output.amount)?,
            script_pubkey: ScriptBuf::from_bytes(output.script.0.clone()),
        })
    };
    Ok(Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: draft.inputs.iter().map(input).collect::<Result<_, DraftError>>()?,
        output: draft.outputs.iter().map(output).collect::<Result<_, DraftError>>()?,
    })
}

#[cfg(test)]
mod tests;
