//! Signatures that make a coin of ours spendable, each verified before it leaves: a signature that went wrong may tell the key.

use adit_core::Place;
use secp256k1::{Keypair, PublicKey, SecretKey, XOnlyPublicKey, ecdsa, schnorr};

use super::account::tweak_of;
use super::sighash::SIGHASH_ALL;
use super::{AccountKind, BitcoinAccount};

/// What an input carries beside the transaction.
pub(super) type Witness = Vec<Vec<u8>>;

impl BitcoinAccount {
    /// Signs a digest for the coin at a place. Nonces follow from key and digest (RFC 6979; BIP-340 without auxiliary randomness), so
    /// the same digest always gives the same bytes.
    ///
    /// # Errors
    /// A sentence, when there is no such key or the signature does not verify.
    pub(super) fn witness(&self, place: Place, digest: [u8; 32]) -> Result<Witness, String> {
        let missing = || format!("there is no key at {place}");
        let public = self.public_key(place).ok_or_else(missing)?;
        let mut secret = self.secret_key(place).ok_or_else(missing)?;
        let witness = match self.kind() {
            AccountKind::Segwit => segwit(&secret, &public, digest),
            AccountKind::Taproot => taproot(&secret, &public, digest),
        };
        secret.non_secure_erase();
        witness.ok_or_else(|| format!("the signature at {place} does not verify, so it stays here; look at this machine's memory"))
    }
}

/// Low S, as nodes ask for (BIP-146), and DER (BIP-66).
fn segwit(secret: &SecretKey, public: &PublicKey, digest: [u8; 32]) -> Option<Witness> {
    let message = secp256k1::Message::from_digest(digest);
    let signature = ecdsa::sign(message, secret);
    ecdsa::verify(&signature, message, public).ok()?;
    Some(vec![[&signature.serialize_der()[..], &[SIGHASH_ALL]].concat(), public.serialize().to_vec()])
}

/// With the key tweaked by nothing but itself (BIP-86).
fn taproot(secret: &SecretKey, public: &PublicKey, digest: [u8; 32]) -> Option<Witness> {
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
    Some(vec![signature.to_byte_array().to_vec()])
}
