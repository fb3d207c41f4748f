//! A Bitcoin wallet as the signer has it: an account of a seed at m/84'/coin'/account' (BIP-84) or
//! m/86'/coin'/account' (BIP-86), or that of a descriptor, of whose keys the seed may have one or
//! none.
//!
//! Scripts follow from public keys alone; the private one is kept in one place, wiped when it is
//! dropped, and never shown.

use std::fmt;

use adit_core::{ChainName, Destination, Keychain, LaneId, Place};
use bitcoin::hashes::{Hash as _, hash160};
use secp256k1::{PublicKey, Scalar, SecretKey, XOnlyPublicKey};

use super::account_key::{AccountKey, path};
use super::bech32::Program;
use super::cosigner::Cosigner;
use super::multisig::Multisig;
use super::sighash::tagged;
use super::{BitcoinNetwork, address, descriptor, script};

/// A lane's wallet is the first address that is shown to others.
const FIRST: Place = Place { keychain: Keychain::External, index: 0 };

/// How an account of one key pays itself.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// P2WPKH (BIP-84).
    Segwit,
    /// P2TR, spent by its key alone (BIP-86).
    Taproot,
}

/// A wallet's keys. `Debug` shows its first address alone.
pub struct BitcoinAccount {
    network: BitcoinNetwork,
    keys: Keys,
}

enum Keys {
    One(AccountKind, AccountKey),
    /// The key is elsewhere: what is signed is a PSBT without a signature.
    Watched(AccountKind, Cosigner),
    /// What is signed is a PSBT with our signature, where the seed has one of the keys, and not
    /// bytes that can be sent.
    Several(Multisig),
}

/// Whose signatures spend its coins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spend<'a> {
    Key(AccountKind),
    Several(&'a Multisig),
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
    pub(crate) fn derive(
        seed: &[u8],
        network: BitcoinNetwork,
        kind: AccountKind,
        account: u32,
    ) -> Result<Self, bip32::Error> {
        let key = AccountKey::derive(seed, network, &path(kind.purpose(), network, account, &[])?)?;
        let account = Self { network, keys: Keys::One(kind, key) };
        // BIP-32 has no key at one index in 2^127; a wallet without a first address is none.
        account.script(FIRST).map(|_| account).ok_or(bip32::Error::Crypto)
    }

    /// The wallet of a descriptor with its checksum: `wpkh(key)`, `tr(key)` or
    /// `wsh(sortedmulti(k,key,…))`, each key with its origin and `/<0;1>/*` behind it. Signs with
    /// the key that the seed has in it, as far as there is a seed and it has one.
    ///
    /// # Errors
    /// A sentence that names what is wrong with the descriptor.
    pub(crate) fn of_descriptor(
        network: BitcoinNetwork,
        text: &str,
        seed: Option<&[u8]>,
    ) -> Result<Self, String> {
        let body = descriptor::without_checksum(text)?;
        let inner =
            |function: &str| body.strip_prefix(function).and_then(|rest| rest.strip_suffix(')'));
        let one = [("wpkh(", AccountKind::Segwit), ("tr(", AccountKind::Taproot)];
        let keys = match one.into_iter().find_map(|(function, kind)| Some((kind, inner(function)?)))
        {
            Some((kind, key)) => {
                let key = Cosigner::parse_row(network, key)?;
                match seed.and_then(|seed| AccountKey::of(&key, seed)) {
                    Some(own) => Keys::One(kind, own),
                    None => Keys::Watched(kind, key),
                }
            }
            None => Keys::Several(Multisig::parse(network, body, seed)?),
        };
        let account = Self { network, keys };
        account
            .script(FIRST)
            .map(|_| account)
            .ok_or_else(|| "one of its keys has no first address".to_owned())
    }

    /// The same without any key.
    ///
    /// # Errors
    /// A sentence that names what is wrong with the descriptor.
    pub fn watched(network: BitcoinNetwork, descriptor: &str) -> Result<Self, String> {
        Self::of_descriptor(network, descriptor, None)
    }

    pub fn network(&self) -> BitcoinNetwork {
        self.network
    }

    pub(super) fn spend(&self) -> Spend<'_> {
        match &self.keys {
            Keys::One(kind, _) | Keys::Watched(kind, _) => Spend::Key(*kind),
            Keys::Several(multisig) => Spend::Several(multisig),
        }
    }

    /// How many signatures an input needs, and of how many keys.
    pub fn signatures(&self) -> (usize, usize) {
        match self.spend() {
            Spend::Key(_) => (1, 1),
            Spend::Several(multisig) => (multisig.needed(), multisig.cosigners().len()),
        }
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

    /// Each key's origin and extended public key: `[73c5da0a/84'/1'/0']tpub…`.
    pub fn public_keys(&self) -> Vec<String> {
        self.cosigners().iter().map(|key| key.origin_and_key()).collect()
    }

    fn cosigners(&self) -> Vec<&Cosigner> {
        match &self.keys {
            Keys::One(_, key) => vec![&key.public],
            Keys::Watched(_, key) => vec![key],
            Keys::Several(multisig) => multisig.cosigners().iter().collect(),
        }
    }

    /// The key that is here; none where this wallet has none here.
    fn own(&self) -> Option<&AccountKey> {
        match &self.keys {
            Keys::One(_, key) => Some(key),
            Keys::Watched(..) => None,
            Keys::Several(multisig) => multisig.own(),
        }
    }

    /// Of the key that is here: its root key's, as eight hex digits; none where this wallet has no
    /// key here.
    pub fn fingerprint(&self) -> Option<String> {
        self.own().map(|key| key.public.fingerprint())
    }

    /// Whether what is signed can be sent, or others have to sign it first.
    pub fn signs_alone(&self) -> bool {
        self.own().is_some() && self.signatures().0 == 1
    }

    /// The output descriptor of a keychain with the keys' origins and its checksum (BIP-380):
    /// `wpkh([73c5da0a/84'/1'/0']tpub…/0/*)#…`.
    pub fn descriptor(&self, keychain: Keychain) -> String {
        self.descriptor_over(&keychain.number().to_string())
    }

    /// Both keychains in one (BIP-389): `wpkh([73c5da0a/84'/1'/0']tpub…/<0;1>/*)#…`.
    pub fn descriptor_of_both(&self) -> String {
        self.descriptor_over("<0;1>")
    }

    fn descriptor_over(&self, keychains: &str) -> String {
        let function = match self.spend() {
            Spend::Key(AccountKind::Segwit) => "wpkh",
            Spend::Key(AccountKind::Taproot) => "tr",
            Spend::Several(multisig) => return multisig.descriptor(keychains),
        };
        let key = self.cosigners()[0].origin_and_key();
        descriptor::with_checksum(&format!("{function}({key}/{keychains}/*)"))
    }

    /// The script that an output to this place has.
    pub(super) fn script(&self, place: Place) -> Option<Vec<u8>> {
        self.program(place).map(|program| script::witness(&program))
    }

    /// What the chain compares with: the hash of the key or of a script (BIP-141), or the tweaked
    /// key itself (BIP-341).
    fn program(&self, place: Place) -> Option<Program> {
        let kind = match self.spend() {
            Spend::Key(kind) => kind,
            Spend::Several(multisig) => return multisig.program(place),
        };
        let key = self.cosigners()[0].public_key(place)?;
        match kind {
            AccountKind::Segwit => Some(Program {
                version: 0,
                bytes: hash160::Hash::hash(&key.serialize()).to_byte_array().to_vec(),
            }),
            AccountKind::Taproot => {
                Some(Program { version: 1, bytes: output_key(&key)?.to_byte_array().to_vec() })
            }
        }
    }

    /// Our public and private key at a place; none where no key of this wallet is here. The private
    /// one is to be erased after its use.
    pub(super) fn key_pair(&self, place: Place) -> Option<(PublicKey, SecretKey)> {
        let key = self.own()?;
        Some((key.public.public_key(place)?, key.secret_key(place)?))
    }
}

/// The key with which a seed takes part in wallets of several keys: m/48'/coin'/`account`'/2'
/// (BIP-48), as descriptors write it.
pub(crate) fn cosigner_key(
    seed: &[u8],
    network: BitcoinNetwork,
    account: u32,
) -> Result<String, bip32::Error> {
    /// BIP-48's script type of P2WSH.
    const P2WSH: u32 = 2;
    Ok(AccountKey::derive(seed, network, &path(48, network, account, &[P2WSH])?)?
        .public
        .origin_and_key())
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
