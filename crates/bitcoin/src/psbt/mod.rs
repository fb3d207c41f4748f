//! A transaction on its way to those who sign it (BIP-174, BIP-371), and back.
//!
//! What comes back is believed in one thing only: signatures, and those are verified here. Nothing
//! else is taken over, and a file that says anything else than the draft is refused with what
//! differs.

mod finalised;
mod sighash;
mod sign;
mod tampered;

use adit_chain::Signatures;
use adit_core::{Bytes, Hash32, Keychain, OutputPurpose, Place};
use bdk_wallet::bitcoin::consensus::encode;
use bdk_wallet::bitcoin::{OutPoint, Psbt, ScriptBuf, Transaction, TxOut, Weight, Witness};
use bdk_wallet::miniscript::psbt::PsbtExt;

pub use sign::SignError;
pub use tampered::{PSBT_BYTES_MAX, Tampered};

use crate::curve::CURVE;
use crate::money::narrow;
use crate::{Spend, Unsigned, Wallet, WalletError};

/// A draft's transaction, with what a signer needs to know of each coin, and the signatures so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    unsigned: Unsigned,
    spend: Spend,
    psbt: Psbt,
}

/// A transaction that the chain would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    pub raw: Bytes,
    pub txid: Hash32,
    pub weight: Weight,
}

/// Why a draft cannot be proposed for signing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    #[error(transparent)]
    Wallet(#[from] WalletError),
    #[error(
        "output {output} is said to be change at {place}, and pays to another script; nothing is \
         signed"
    )]
    WrongChange { output: usize, place: Place },
    #[error(
        "{outpoint} of the previous transaction has another amount or script than the draft's \
         input {input}"
    )]
    WrongPrevious { input: usize, outpoint: OutPoint },
}

/// Why a proposal is not finished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    #[error("input {input} has {have} of {needed} signatures; ask the other signers")]
    TooFew { input: usize, have: usize, needed: usize },
    /// The checks before should have found it.
    #[error("the signatures do not make a valid transaction: {detail}")]
    Invalid { detail: String },
}

impl Proposal {
    /// # Errors
    /// [`ProposalError`]: an output that says it is change must be ours (window F67).
    pub fn new(wallet: &Wallet, unsigned: Unsigned) -> Result<Self, ProposalError> {
        let psbt = Psbt::from_unsigned_tx(unsigned.transaction().clone())
            .expect("a built transaction has no signatures");
        let mut proposal = Self { unsigned, spend: wallet.spend(), psbt };
        proposal.describe_inputs(wallet)?;
        proposal.describe_change(wallet)?;
        Ok(proposal)
    }

    fn describe_inputs(&mut self, wallet: &Wallet) -> Result<(), ProposalError> {
        for (input, drafted) in self.unsigned.draft().inputs.iter().enumerate() {
            let definite = wallet.definite(drafted.place())?;
            let value = narrow(drafted.amount)
                .expect("the sum of the inputs was checked when the draft was built");
            self.psbt.inputs[input].witness_utxo =
                Some(TxOut { value, script_pubkey: definite.script_pubkey() });
            self.psbt
                .update_input_with_descriptor(input, &definite)
                .expect("the output was just made from this descriptor");
        }
        Ok(())
    }

    fn describe_change(&mut self, wallet: &Wallet) -> Result<(), ProposalError> {
        for (output, drafted) in self.unsigned.draft().outputs.iter().enumerate() {
            let OutputPurpose::Change { index } = drafted.purpose else { continue };
            let place = Place { keychain: Keychain::Internal, index };
            let definite = wallet.definite(place)?;
            if definite.script_pubkey() != ScriptBuf::from_bytes(drafted.script.0.clone()) {
                return Err(ProposalError::WrongChange { output, place });
            }
            self.psbt
                .update_output_with_descriptor(output, &definite)
                .expect("the scripts are equal");
        }
        Ok(())
    }

    /// Adds a transaction that made some of the coins, which some devices want to see for inputs of
    /// version 0. Its signatures are left out: its id, which is what they compare, does not cover
    /// them.
    ///
    /// # Errors
    /// [`ProposalError::WrongPrevious`].
    pub fn with_previous(mut self, previous: &Transaction) -> Result<Self, ProposalError> {
        let txid = previous.compute_txid();
        let mut bare = previous.clone();
        bare.input.iter_mut().for_each(|input| input.witness = Witness::new());
        for (input, spent) in self.unsigned.transaction().input.iter().enumerate() {
            let outpoint = spent.previous_output;
            if outpoint.txid != txid {
                continue;
            }
            let made =
                usize::try_from(outpoint.vout).ok().and_then(|vout| previous.output.get(vout));
            if made != self.psbt.inputs[input].witness_utxo.as_ref() {
                return Err(ProposalError::WrongPrevious { input, outpoint });
            }
            self.psbt.inputs[input].non_witness_utxo = Some(bare.clone());
        }
        Ok(self)
    }

    pub fn unsigned(&self) -> &Unsigned {
        &self.unsigned
    }

    /// As signing programs take it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.psbt.serialize()
    }

    /// As people copy it.
    pub fn to_base64(&self) -> String {
        self.psbt.to_string()
    }

    /// Takes over the signatures of a file that came back, in binary or base64. Returns how many
    /// were new.
    ///
    /// # Errors
    /// [`Tampered`], with what differs; then nothing was taken over.
    pub fn merge(&mut self, file: &[u8]) -> Result<usize, Tampered> {
        let mut theirs = tampered::read(file)?;
        self.unsigned.check(&theirs.unsigned_tx)?;
        let messages = self.messages();
        for (index, (mine, theirs)) in self.psbt.inputs.iter().zip(&mut theirs.inputs).enumerate() {
            finalised::unfinalise(index, mine, theirs, &messages[index])?;
        }
        for (index, (mine, theirs)) in self.psbt.inputs.iter().zip(&theirs.inputs).enumerate() {
            tampered::check_input(index, mine, theirs, &messages[index])?;
        }
        let before = self.count();
        for (mine, theirs) in self.psbt.inputs.iter_mut().zip(theirs.inputs) {
            mine.partial_sigs.extend(theirs.partial_sigs);
            mine.tap_key_sig = mine.tap_key_sig.or(theirs.tap_key_sig);
        }
        Ok(self.count() - before)
    }

    /// As the input has them that has the fewest.
    pub fn signatures(&self) -> Signatures {
        let have = (0..self.psbt.inputs.len()).map(|input| self.have(input)).min().unwrap_or(0);
        Signatures { have, needed: self.needed() }
    }

    fn count(&self) -> usize {
        self.psbt
            .inputs
            .iter()
            .map(|input| input.partial_sigs.len() + usize::from(input.tap_key_sig.is_some()))
            .sum()
    }

    /// The transaction, when every input has enough signatures.
    ///
    /// # Errors
    /// [`Unfinished`].
    pub fn finish(&self) -> Result<SignedTransaction, Unfinished> {
        self.count_signatures()?;
        let invalid = |detail: String| Unfinished::Invalid { detail };
        let mut psbt = self.psbt.clone();
        psbt.finalize_mut(&*CURVE).map_err(|errors| {
            invalid(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let transaction = psbt.extract(&*CURVE).map_err(|error| invalid(error.to_string()))?;
        let raw = encode::serialize(&transaction);
        self.unsigned.check_bytes(&raw).map_err(|mismatch| invalid(mismatch.to_string()))?;
        Ok(SignedTransaction {
            raw: Bytes(raw),
            txid: self.unsigned.txid(),
            weight: transaction.weight(),
        })
    }

    fn count_signatures(&self) -> Result<(), Unfinished> {
        let needed = self.needed();
        let short = (0..self.psbt.inputs.len())
            .map(|input| (input, self.have(input)))
            .find(|(_, have)| *have < needed);
        short.map_or(Ok(()), |(input, have)| Err(Unfinished::TooFew { input, have, needed }))
    }

    fn have(&self, input: usize) -> usize {
        let signed = &self.psbt.inputs[input];
        match self.spend {
            Spend::SegwitKey | Spend::Multisig { .. } => signed.partial_sigs.len(),
            Spend::TaprootKey => usize::from(signed.tap_key_sig.is_some()),
        }
    }

    fn needed(&self) -> usize {
        usize::from(self.spend.needed())
    }
}

#[cfg(test)]
pub(crate) mod tests;
