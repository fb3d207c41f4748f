//! Programs that add the last signature put all of them into the witness and take them out of where
//! they were (BIP-174, "Input Finalizer"). The witness says no more than the signatures did, so
//! they are read back out of it.

use bdk_wallet::bitcoin::secp256k1::Message;
use bdk_wallet::bitcoin::{PublicKey, ecdsa, psbt, taproot};

use super::Tampered;
use crate::curve::CURVE;

/// Puts the signatures of a finalised input back to where they were. Each is of the key that it
/// verifies with.
///
/// # Errors
/// [`Tampered`], where the witness is no other form of signatures of this wallet's keys.
pub(super) fn unfinalise(
    input: usize,
    mine: &psbt::Input,
    theirs: &mut psbt::Input,
    message: &Message,
) -> Result<(), Tampered> {
    let Some(witness) = theirs.final_script_witness.take() else { return Ok(()) };
    let elements: Vec<&[u8]> = witness.iter().collect();
    let unknown = || Tampered::Finalised { input };
    if mine.tap_internal_key.is_some() {
        let [signature] = elements.as_slice() else { return Err(unknown()) };
        theirs.tap_key_sig =
            Some(taproot::Signature::from_slice(signature).map_err(|_| unknown())?);
        return Ok(());
    }
    for signature in signatures(mine, &elements).ok_or_else(unknown)? {
        let of =
            |key: &PublicKey| CURVE.verify_ecdsa(message, &signature.signature, &key.inner).is_ok();
        let key = mine.bip32_derivation.keys().copied().map(PublicKey::new).find(of);
        let key = key
            .ok_or_else(|| Tampered::WrongSignature { input, key: "of the witness".to_owned() })?;
        theirs.partial_sigs.insert(key, signature);
    }
    Ok(())
}

/// None where it is another witness, or has more signatures than there are keys. P2WSH: the nothing
/// that CHECKMULTISIG takes away, the signatures, and the script. P2WPKH: the signature and the
/// key.
fn signatures(mine: &psbt::Input, elements: &[&[u8]]) -> Option<Vec<ecdsa::Signature>> {
    let signatures = match (&mine.witness_script, elements) {
        (Some(known), [[], signatures @ .., script])
            if known.as_bytes() == *script && signatures.len() <= mine.bip32_derivation.len() =>
        {
            signatures
        }
        (None, [_, _key]) => &elements[..1],
        _ => return None,
    };
    signatures.iter().map(|bytes| ecdsa::Signature::from_slice(bytes).ok()).collect()
}
