//! An account's extended key: the private half in one place, wiped when it is dropped; everything
//! public follows from the other half.

use adit_core::Place;
use bip32::{ChildNumber, ExtendedPrivateKey, ExtendedPublicKey, PublicKey as _};
use secp256k1::{PublicKey, Scalar, SecretKey};
use secrecy::{ExposeSecret as _, SecretBox};
use zeroize::{Zeroize as _, Zeroizing};

use super::BitcoinNetwork;
use super::cosigner::Cosigner;

const KEY_BYTES: usize = 32;

/// The private half of a key, beside what everybody may know of it.
pub(super) struct AccountKey {
    pub public: Cosigner,
    secret: SecretBox<[u8; KEY_BYTES]>,
}

impl AccountKey {
    /// The key of a seed, as BIP-39 stretches it, at a path.
    pub fn derive(
        seed: &[u8],
        network: BitcoinNetwork,
        path: &[ChildNumber],
    ) -> Result<Self, bip32::Error> {
        let root = ExtendedPrivateKey::<SecretKey>::new(seed)?;
        let fingerprint = root.public_key().fingerprint();
        let key = path.iter().try_fold(root, |key, step| key.derive_child(*step))?;
        let public = Cosigner::new(network, fingerprint, path.to_vec(), key.public_key())?;
        let mut secret = *key.private_key();
        let bytes = Zeroizing::new(secret.to_secret_bytes());
        secret.non_secure_erase();
        let secret = SecretBox::init_with_mut(|kept: &mut [u8; KEY_BYTES]| {
            kept.copy_from_slice(bytes.as_slice())
        });
        Ok(Self { public, secret })
    }

    /// The private half of this key, where the seed has it.
    pub fn of(public: &Cosigner, seed: &[u8]) -> Option<Self> {
        let key = Self::derive(seed, public.network(), public.path()).ok()?;
        key.public.is_key_of(public).then_some(key)
    }

    /// The private key at a place: the account's, and what BIP-32 adds at each of the two steps. To
    /// be erased after its use.
    pub fn secret_key(&self, place: Place) -> Option<SecretKey> {
        let keychain = self.public.keychain(place.keychain);
        let steps: [(&ExtendedPublicKey<PublicKey>, u32); 2] =
            [(self.public.account(), place.keychain.number()), (keychain, place.index)];
        let mut secret = SecretKey::from_secret_bytes(*self.secret.expose_secret()).ok()?;
        for (parent, number) in steps {
            let (mut tweak, _) = parent
                .public_key()
                .derive_tweak(&parent.attrs().chain_code, ChildNumber::new(number, false).ok()?)
                .ok()?;
            let added =
                Scalar::from_be_bytes(tweak).ok().and_then(|scalar| secret.add_tweak(&scalar).ok());
            tweak.zeroize();
            secret.non_secure_erase();
            secret = added?;
        }
        Some(secret)
    }
}

/// m/`purpose`'/coin'/`account`', and one step more where a purpose has one (BIP-44, BIP-48).
pub(super) fn path(
    purpose: u32,
    network: BitcoinNetwork,
    account: u32,
    more: &[u32],
) -> Result<Vec<ChildNumber>, bip32::Error> {
    [purpose, network.coin(), account]
        .iter()
        .chain(more)
        .map(|step| ChildNumber::new(*step, true))
        .collect()
}
