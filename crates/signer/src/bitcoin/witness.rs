//! Signatures that make a coin of ours spendable, each verified before it leaves: a signature that
//! went wrong may tell the key.

use adit_core::Place;
use secp256k1::{Keypair, PublicKey, SecretKey, XOnlyPublicKey, ecdsa, schnorr};

use super::account::Spend;
use super::account::tweak_of;
use super::sighash::SIGHASH_ALL;
use super::{AccountKind, BitcoinAccount};

/// What an input carries beside the transaction.
pub(super) type Witness = Vec<Vec<u8>>;

/// Signs one digest with one key; none where the signature does not verify.
type Sign = fn(&SecretKey, &PublicKey, [u8; 32]) -> Option<Vec<u8>>;

impl BitcoinAccount {
    /// What makes the coin at a place spendable, with our signature over this digest; none where
    /// others have to sign it, too. Nonces follow from key and digest (RFC 6979; BIP-340 without
    /// auxiliary randomness), so the same digest always gives the same bytes.
    ///
    /// # Errors
    /// A sentence, when there is no such key or the signature does not verify.
    pub(super) fn witness(
        &self,
        place: Place,
        digest: [u8; 32],
    ) -> Result<Option<Witness>, String> {
        if !self.signs_alone() {
            return Ok(None);
        }
        match self.spend() {
            Spend::Key(AccountKind::Segwit) => {
                let (key, signature) = self.signed(place, digest, ecdsa)?;
                Ok(Some(vec![signature, key.serialize().to_vec()]))
            }
            Spend::Key(AccountKind::Taproot) => {
                Ok(Some(vec![self.signed(place, digest, taproot)?.1]))
            }
            Spend::Several(multisig) => {
                let script = multisig
                    .witness_script(place)
                    .ok_or_else(|| format!("there is no key at {place}"))?;
                // CHECKMULTISIG takes one element more than it needs (BIP-147: it must be empty).
                Ok(Some(vec![Vec::new(), self.signed(place, digest, ecdsa)?.1, script]))
            }
        }
    }

    /// Our part where others sign, too: key and signature; none where no key of the wallet is here.
    ///
    /// # Errors
    /// As [`BitcoinAccount::witness`].
    pub(super) fn part(
        &self,
        place: Place,
        digest: [u8; 32],
    ) -> Result<Option<(PublicKey, Vec<u8>)>, String> {
        match self.fingerprint() {
            None => Ok(None),
            Some(_) => self.signed(place, digest, ecdsa).map(Some),
        }
    }

    fn signed(
        &self,
        place: Place,
        digest: [u8; 32],
        sign: Sign,
    ) -> Result<(PublicKey, Vec<u8>), String> {
        let (public, mut secret) =
            self.key_pair(place).ok_or_else(|| format!("there is no key at {place}"))?;
        let signature = sign(&secret, &public, digest);
        secret.non_secure_erase();
        let wrong = || {
            format!(
                "the signature at {place} does not verify, so it stays here; look at this \
                 machine's memory"
            )
        };
        Ok((public, signature.ok_or_else(wrong)?))
    }
}

/// Low S, as nodes ask for (BIP-146), and DER (BIP-66), with what it is over behind it.
fn ecdsa(secret: &SecretKey, public: &PublicKey, digest: [u8; 32]) -> Option<Vec<u8>> {
    let message = secp256k1::Message::from_digest(digest);
    let signature = ecdsa::sign(message, secret);
    ecdsa::verify(&signature, message, public).ok()?;
    Some([&signature.serialize_der()[..], &[SIGHASH_ALL]].concat())
}

/// With the key tweaked by nothing but itself (BIP-86).
fn taproot(secret: &SecretKey, public: &PublicKey, digest: [u8; 32]) -> Option<Vec<u8>> {
    let internal = public.x_only_public_key().0;
    let tweak = tweak_of(&internal)?;
    let output: XOnlyPublicKey = internal.add_tweak(&tweak).ok()?.0;
    let mut untweaked = Keypair::from_secret_key(secret);
    let tweaked = untweaked.add_xonly_tweak(&tweak);
    untweaked.non_secure_erase();
    let mut tweaked = tweaked.ok()?;
    let signature = schnorr::sign_no_aux_rand(&digest, &tweaked);
    tweaked.non_secure_erase();
    schnorr::verify(&signature, &digest, &output).ok()?;
    Some(signature.to_byte_array().to_vec())
}
