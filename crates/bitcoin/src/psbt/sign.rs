//! Signatures with our own key. Nonces follow from key and message alone (RFC 6979; BIP-340 without
//! auxiliary randomness), so that signing the same draft again gives the same bytes: a crash
//! between signing and recording costs nothing.

use bdk_wallet::bitcoin::bip32::{DerivationPath, Fingerprint};
use bdk_wallet::bitcoin::key::TapTweak;
use bdk_wallet::bitcoin::secp256k1::{Keypair, Message, SecretKey};
use bdk_wallet::bitcoin::sighash::{EcdsaSighashType, TapSighashType};
use bdk_wallet::bitcoin::{PublicKey, ecdsa, psbt, taproot};

use super::Proposal;
use super::tampered::output_key;
use crate::RootKey;
use crate::curve::CURVE;

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error(
        "input {input} has no key of the seed {fingerprint}; another seed, or another device, \
         signs this wallet"
    )]
    NotOurs { input: usize, fingerprint: Fingerprint },
    #[error(
        "the seed {fingerprint} gives another key at {path} than the wallet has; the wallet was \
         set up with a wrong origin"
    )]
    OtherKey { fingerprint: Fingerprint, path: DerivationPath },
}

impl Proposal {
    /// Signs every input with this seed's key, over the whole transaction.
    ///
    /// # Errors
    /// [`SignError`]; then nothing was signed.
    pub fn sign(&mut self, root: &RootKey) -> Result<(), SignError> {
        let mut signed = self.psbt.inputs.clone();
        for (index, (input, message)) in signed.iter_mut().zip(self.messages()).enumerate() {
            let ours = if input.tap_internal_key.is_some() {
                key_path(root, input, &message)?
            } else {
                ecdsa(root, input, &message)?
            };
            if !ours {
                return Err(SignError::NotOurs { input: index, fingerprint: root.fingerprint() });
            }
        }
        self.psbt.inputs = signed;
        Ok(())
    }
}

/// BIP-143; grinds for a short R as Bitcoin Core does, which makes signatures a byte shorter.
fn ecdsa(root: &RootKey, input: &mut psbt::Input, message: &Message) -> Result<bool, SignError> {
    let fingerprint = root.fingerprint();
    let Some((key, (_, path))) =
        input.bip32_derivation.iter().find(|(_, (owner, _))| *owner == fingerprint)
    else {
        return Ok(false);
    };
    let mut secret = root.derive(path);
    if secret.public_key(&CURVE) != *key {
        return Err(SignError::OtherKey { fingerprint, path: path.clone() });
    }
    let signature = CURVE.sign_ecdsa_low_r(message, &secret);
    secret.non_secure_erase();
    CURVE
        .verify_ecdsa(message, &signature, key)
        .expect("a signature of a key that was just compared verifies");
    let key = PublicKey::new(*key);
    input
        .partial_sigs
        .insert(key, ecdsa::Signature { signature, sighash_type: EcdsaSighashType::All });
    Ok(true)
}

/// BIP-341: the internal key tweaked by nothing but itself (BIP-86).
fn key_path(root: &RootKey, input: &mut psbt::Input, message: &Message) -> Result<bool, SignError> {
    let fingerprint = root.fingerprint();
    let origin = input.tap_internal_key.and_then(|key| input.tap_key_origins.get(&key));
    let Some((_, (_, path))) = origin.filter(|(_, (owner, _))| *owner == fingerprint) else {
        return Ok(false);
    };
    let mut secret = root.derive(path);
    let tweaked = tweaked(&secret);
    secret.non_secure_erase();
    let Some(key) = output_key(input).filter(|key| *key == tweaked.x_only_public_key().0) else {
        return Err(SignError::OtherKey { fingerprint, path: path.clone() });
    };
    let signature = CURVE.sign_schnorr_no_aux_rand(message, &tweaked);
    CURVE
        .verify_schnorr(&signature, message, &key)
        .expect("a signature of a key that was just compared verifies");
    input.tap_key_sig =
        Some(taproot::Signature { signature, sighash_type: TapSighashType::Default });
    Ok(true)
}

pub(super) fn tweaked(secret: &SecretKey) -> Keypair {
    Keypair::from_secret_key(&CURVE, secret).tap_tweak(&CURVE, None).to_keypair()
}
