//! What a signature of each input is over: BIP-143 for P2WPKH and P2WSH, BIP-341 for the key path
//! of P2TR. Always everything.

use bdk_wallet::bitcoin::secp256k1::Message;
use bdk_wallet::bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bdk_wallet::bitcoin::{Psbt, Transaction, TxOut, psbt};

use super::Proposal;

impl Proposal {
    /// One for each input.
    pub(super) fn messages(&self) -> Vec<Message> {
        messages(&self.psbt)
    }
}

pub(super) fn messages(psbt: &Psbt) -> Vec<Message> {
    let spent: Vec<TxOut> = psbt.inputs.iter().map(|input| utxo(input).clone()).collect();
    let mut cache = SighashCache::new(&psbt.unsigned_tx);
    psbt.inputs
        .iter()
        .enumerate()
        .map(|(index, input)| message(&mut cache, index, input, &spent))
        .collect()
}

pub(super) fn message(
    cache: &mut SighashCache<&Transaction>,
    index: usize,
    input: &psbt::Input,
    spent: &[TxOut],
) -> Message {
    let TxOut { value, script_pubkey } = utxo(input);
    let fits = "the input exists, and its kind was just looked at";
    if script_pubkey.is_p2tr() {
        return cache
            .taproot_key_spend_signature_hash(index, &Prevouts::All(spent), TapSighashType::Default)
            .expect(fits)
            .into();
    }
    match &input.witness_script {
        Some(script) => cache
            .p2wsh_signature_hash(index, script, *value, EcdsaSighashType::All)
            .expect(fits)
            .into(),
        None => cache
            .p2wpkh_signature_hash(index, script_pubkey, *value, EcdsaSighashType::All)
            .expect(fits)
            .into(),
    }
}

/// Every input of ours has it: a proposal is not made without.
fn utxo(input: &psbt::Input) -> &TxOut {
    input.witness_utxo.as_ref().expect("set when the proposal was made")
}
