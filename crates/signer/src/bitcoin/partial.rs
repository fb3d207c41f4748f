//! A PSBT (BIP-174) with our signatures, for a transaction that others have to sign as well. It says what is needed to check them and
//! no more; what devices want to see besides is filled in where it is handed out.

use bitcoin::{Psbt, ScriptBuf, Transaction, TxOut, ecdsa};
use secp256k1::PublicKey;

use super::sighash::Spent;

/// Our signature of one input; none where no key of the wallet is here.
pub(super) type Part = Option<(PublicKey, Vec<u8>)>;

/// # Errors
/// A sentence, where the parts do not belong to the transaction.
pub(super) fn psbt(transaction: Transaction, spent: &[Spent], parts: Vec<Part>) -> Result<Vec<u8>, String> {
    let mut psbt = Psbt::from_unsigned_tx(transaction).map_err(|error| error.to_string())?;
    for ((input, coin), part) in psbt.inputs.iter_mut().zip(spent).zip(parts) {
        let script_pubkey = ScriptBuf::from_bytes(coin.script.clone());
        input.witness_utxo = Some(TxOut { value: bitcoin::Amount::from_sat(coin.amount), script_pubkey });
        input.witness_script = coin.witness_script.clone().map(ScriptBuf::from_bytes);
        if let Some((key, signature)) = part {
            let key = bitcoin::PublicKey::from_slice(&key.serialize()).map_err(|error| error.to_string())?;
            let signature = ecdsa::Signature::from_slice(&signature).map_err(|error| error.to_string())?;
            input.partial_sigs.insert(key, signature);
        }
    }
    Ok(psbt.serialize())
}

/// The transaction in it; none where the bytes are no PSBT.
pub(super) fn transaction(bytes: &[u8]) -> Option<Transaction> {
    Some(Psbt::deserialize(bytes).ok()?.unsigned_tx)
}
