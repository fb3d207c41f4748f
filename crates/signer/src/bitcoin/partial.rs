//! A PSBT (BIP-174) with our signatures, for a transaction that others have to sign as well. It
//! says what is needed to check them and no more; what devices want to see besides is filled in
//! where it is handed out.

use bitcoin::{Psbt, ScriptBuf, Transaction, TxOut, ecdsa};
use secp256k1::PublicKey;

use super::sighash::Spent;

/// Our signature of one input; none where no key of the wallet is here.
pub(super) type Part = Option<(PublicKey, Vec<u8>)>;

/// # Errors
/// A sentence, where the parts do not belong to the transaction.
pub(super) fn psbt(
    transaction: Transaction,
    spent: &[Spent],
    parts: Vec<Part>,
) -> Result<Vec<u8>, String> {
    let mut psbt = Psbt::from_unsigned_tx(transaction).map_err(|error| error.to_string())?;
    for ((input, coin), part) in psbt.inputs.iter_mut().zip(spent).zip(parts) {
        let script_pubkey = ScriptBuf::from_bytes(coin.script.clone());
        input.witness_utxo =
            Some(TxOut { value: bitcoin::Amount::from_sat(coin.amount), script_pubkey });
        input.witness_script = coin.witness_script.clone().map(ScriptBuf::from_bytes);
        if let Some((key, signature)) = part {
            let key = bitcoin::PublicKey::from_slice(&key.serialize())
                .map_err(|error| error.to_string())?;
            let signature =
                ecdsa::Signature::from_slice(&signature).map_err(|error| error.to_string())?;
            input.partial_sigs.insert(key, signature);
        }
    }
    Ok(psbt.serialize())
}

/// Whether recorded bytes, a PSBT or a whole transaction, hold every signature of our PSBT at its
/// input.
pub(crate) fn holds_parts(recorded: &[u8], ours: &[u8]) -> bool {
    let Ok(ours) = Psbt::deserialize(ours) else { return false };
    let theirs = match Psbt::deserialize(recorded) {
        Ok(psbt) if psbt.unsigned_tx == ours.unsigned_tx => {
            psbt.inputs.iter().map(signatures).collect()
        }
        Ok(_) => return false,
        Err(_) => match bitcoin::consensus::encode::deserialize::<Transaction>(recorded) {
            Ok(whole) if whole.compute_txid() == ours.unsigned_tx.compute_txid() => {
                whole.input.iter().map(|input| input.witness.to_vec()).collect()
            }
            Ok(_) | Err(_) => return false,
        },
    };
    let theirs: Vec<Vec<Vec<u8>>> = theirs;
    ours.inputs
        .iter()
        .zip(theirs)
        .all(|(input, held)| signatures(input).iter().all(|signature| held.contains(signature)))
}

fn signatures(input: &bitcoin::psbt::Input) -> Vec<Vec<u8>> {
    let whole = input.final_script_witness.iter().flat_map(bitcoin::Witness::to_vec);
    input.partial_sigs.values().map(|signature| signature.to_vec()).chain(whole).collect()
}

/// The transaction in it; none where the bytes are no PSBT.
pub(super) fn transaction(bytes: &[u8]) -> Option<Transaction> {
    Some(Psbt::deserialize(bytes).ok()?.unsigned_tx)
}
