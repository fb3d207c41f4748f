//! A Bitcoin account: an extended key at m/84'/coin'/account' (BIP-84) or m/86'/coin'/account' (BIP-86), and its scripts.
//!
//! Scripts follow from the public half alone; the private one is kept in one place, wiped when it is dropped, and never shown.

use std::fmt;

use adit_core::{ChainName, Destination, Keychain, LaneId, Place};
use bip32::{ChildNumber, ExtendedPrivateKey, ExtendedPublicKey, PublicKey as _};
use bitcoin::hashes::{Hash as _, hash160};
use secp256k1::{PublicKey, Scalar, SecretKey, XOnlyPublicKey};
use secrecy::{ExposeSecret as _, SecretBox};
use zeroize::{Zeroize as _, Zeroizing};

use super::bech32::Program;
use super::sighash::tagged;
use super::{BitcoinNetwork, address, descriptor, script};

const KEY_BYTES: usize = 32;
/// A lane's wallet is the first address that is shown to others.
const FIRST: Place = Place { keychain: Keychain::External, index: 0 };

/// How an account pays itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// P2WPKH (BIP-84).
    Segwit,
    /// P2TR, spent by its key alone (BIP-86).
    Taproot,
}

/// An account's keys. `Debug` shows its first address alone.
///
/// Multi-signature: an account of `wsh(sortedmulti(k,…))` comes in here as a third kind, with the other signers' public keys beside
/// this one; what it signs is then a PSBT with our partial signature, and not bytes that can be sent.
pub struct BitcoinAccount {
    network: BitcoinNetwork,
    kind: AccountKind,
    /// Of the root key: what other programs know the seed by (BIP-32).
    fingerprint: [u8; 4],
    account: u32,
    secret: SecretBox<[u8; KEY_BYTES]>,
    public: ExtendedPublicKey<PublicKey>,
    /// External and internal, by their numbers.
    keychains: [ExtendedPublicKey<PublicKey>; 2],
}

impl AccountKind {
    /// The purpose in its derivation path (BIP-43).
    pub const fn purpose(self) -> u32 {
        match self {
            Self::Segwit => 84,
            Self::Taproot => 86,
        }
    }
}

impl BitcoinAccount {
    /// The account of a seed as BIP-39 stretches it.
    pub(crate) fn derive(seed: &[u8], network: BitcoinNetwork, kind: AccountKind, account: u32) -> Result<Self, bip32::Error> {
        let root = ExtendedPrivateKey::<SecretKey>::new(seed)?;
        let fingerprint = root.public_key().fingerprint();
        let hardened = [kind.purpose(), network.coin(), account];
        let key = hardened.iter().try_fold(root, |key, step| key.derive_child(ChildNumber::new(*step, true)?))?;
        let public = key.public_key();
        let of = |keychain: Keychain| public.derive_child(ChildNumber::new(keychain.number(), false)?);
        let keychains = [of(Keychain::External)?, of(Keychain::Internal)?];
        let mut secret = *key.private_key();
        let bytes = Zeroizing::new(secret.to_secret_bytes());
        secret.non_secure_erase();
        let secret = SecretBox::init_with_mut(|kept: &mut [u8; KEY_BYTES]| kept.copy_from_slice(bytes.as_slice()));
        let account = Self { network, kind, fingerprint, account, secret, public, keychains };
        // BIP-32 has no key at one index in 2^127; a wallet without a first address is none.
        account.public_key(FIRST).map(|_| account).ok_or(bip32::Error::Crypto)
    }

    pub fn network(&self) -> BitcoinNetwork {
        self.network
    }

    pub fn kind(&self) -> AccountKind {
        self.kind
    }

    /// Its first external address, which names its wallet.
    pub fn wallet(&self) -> Destination {
        self.address(FIRST).expect("looked at when it was derived")
    }

    /// The lane of this wallet on a chain.
    pub fn lane(&self, chain: ChainName) -> LaneId {
        LaneId { chain, wallet: self.wallet() }
    }

    /// The address at a place; none from index 2^31 on (BIP-32).
    pub fn address(&self, place: Place) -> Option<Destination> {
        let text = address::of_program(self.network, &self.program(place)?);
        Some(Destination::new(text).expect("an address is at most 90 letters and digits"))
    }

    /// The account's extended public key, with which anyone sees all addresses and nobody spends: `xpub…`, or `tpub…` on a test network.
    pub fn xpub(&self) -> String {
        self.public.to_string(self.network.key_prefix())
    }

    /// The root key's, as eight hex digits.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.fingerprint)
    }

    /// The output descriptor of a keychain with the key's origin and its checksum (BIP-380):
    /// `wpkh([73c5da0a/84'/1'/0']tpub…/0/*)#…`.
    pub fn descriptor(&self, keychain: Keychain) -> String {
        self.descriptor_over(&keychain.number().to_string())
    }

    /// Both keychains in one (BIP-389): `wpkh([73c5da0a/84'/1'/0']tpub…/<0;1>/*)#…`.
    pub fn descriptor_of_both(&self) -> String {
        self.descriptor_over("<0;1>")
    }

    fn descriptor_over(&self, keychains: &str) -> String {
        let function = match self.kind {
            AccountKind::Segwit => "wpkh",
            AccountKind::Taproot => "tr",
        };
        let (purpose, coin, account) = (self.kind.purpose(), self.network.coin(), self.account);
        let origin = format!("{}/{purpose}'/{coin}'/{account}'", self.fingerprint());
        descriptor::with_checksum(&format!("{function}([{origin}]{}/{keychains}/*)", self.xpub()))
    }

    /// The script that an output to this place has.
    pub(super) fn script(&self, place: Place) -> Option<Vec<u8>> {
        self.program(place).map(|program| script::witness(&program))
    }

    /// What the chain compares with: the hash of the key (BIP-141), or the tweaked key itself (BIP-341).
    fn program(&self, place: Place) -> Option<Program> {
        let key = self.public_key(place)?;
        match self.kind {
            AccountKind::Segwit => Some(Program { version: 0, bytes: hash160::Hash::hash(&key.serialize()).to_byte_array().to_vec() }),
            AccountKind::Taproot => Some(Program { version: 1, bytes: output_key(&key)?.to_byte_array().to_vec() }),
        }
    }

    pub(super) fn public_key(&self, place: Place) -> Option<PublicKey> {
        let keychain = &self.keychains[usize::from(place.keychain == Keychain::Internal)];
        Some(*keychain.derive_child(ChildNumber::new(place.index, false).ok()?).ok()?.public_key())
    }

    /// The private key at a place: the account's, and what BIP-32 adds at each of the two steps. To be erased after its use.
    pub(super) fn secret_key(&self, place: Place) -> Option<SecretKey> {
        let keychain = &self.keychains[usize::from(place.keychain == Keychain::Internal)];
        let steps = [(&self.public, place.keychain.number()), (keychain, place.index)];
        let mut secret = SecretKey::from_secret_bytes(*self.secret.expose_secret()).ok()?;
        for (parent, number) in steps {
            let (mut tweak, _) =
                parent.public_key().derive_tweak(&parent.attrs().chain_code, ChildNumber::new(number, false).ok()?).ok()?;
            let added = Scalar::from_be_bytes(tweak).ok().and_then(|scalar| secret.add_tweak(&scalar).ok());
            tweak.zeroize();
            secret.non_secure_erase();
            secret = added?;
        }
        Some(secret)
    }
}

impl fmt::Debug for BitcoinAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BitcoinAccount({})", self.wallet())
    }
}

/// The key of a P2TR output that no script can spend: tweaked by nothing but itself (BIP-86).
fn output_key(internal: &PublicKey) -> Option<XOnlyPublicKey> {
    let internal = internal.x_only_public_key().0;
    Some(internal.add_tweak(&tweak_of(&internal)?).ok()?.0)
}

/// BIP-341: `hash_TapTweak(internal key)`.
pub(super) fn tweak_of(internal: &XOnlyPublicKey) -> Option<Scalar> {
    Scalar::from_be_bytes(tagged("TapTweak", &internal.to_byte_array())).ok()
}

#[cfg(test)]
mod tests;
