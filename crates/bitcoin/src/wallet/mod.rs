//! Wallets as output descriptors (BIP-380): what scripts are ours, and how a coin of theirs is
//! spent. Public keys only.
//!
//! A wallet has two keychains, one that is shown to others and one for change. Everything about it
//! follows from its two descriptors: the same text gives the same scripts in every program that
//! reads descriptors.

mod cosigner;
mod derived;
mod import;
mod root;
mod scripts;

use bdk_wallet::bitcoin::ScriptBuf;
use bdk_wallet::bitcoin::bip32::Fingerprint;
use bdk_wallet::miniscript::descriptor::checksum::desc_checksum;
use bdk_wallet::miniscript::descriptor::{DescriptorPublicKey, WshInner};
use bdk_wallet::miniscript::{DefiniteDescriptorKey, Descriptor, ForEachKey};

pub use cosigner::Cosigner;
pub use root::RootKey;
#[cfg(test)]
pub(crate) use root::tests as root_tests;
pub use scripts::{GAP_LIMIT, Revealed, Scripts};

use self::derived::Derived;
use crate::{Address, MULTISIG_KEYS_MAX, Network, Spend};
use adit_core::{Keychain, Place};

/// BIP-32: indices from here on are hardened, and cannot be derived from a public key.
const INDEX_END: u32 = 1 << 31;

/// The scripts of one wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    network: Network,
    spend: Spend,
    external: Descriptor<DescriptorPublicKey>,
    internal: Descriptor<DescriptorPublicKey>,
    derived: Derived,
}

/// How a wallet of one key pays itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWallet {
    /// P2WPKH (BIP-84).
    Segwit,
    /// P2TR (BIP-86).
    Taproot,
}

/// Why there is no such wallet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalletError {
    #[error(
        "this is a private key; import the public one (xpub, tpub), and move what this one holds: \
         it was shown"
    )]
    Private,
    #[error("this is no descriptor: {detail}")]
    Descriptor { detail: String },
    #[error(
        "this is no extended public key ({detail}); allowed is [fingerprint/path]xpub or the xpub \
         alone"
    )]
    Key { detail: String },
    #[error(
        "the descriptor has no checksum; copy it with the '#' and the 8 characters that its wallet \
         prints at its end"
    )]
    NoChecksum,
    #[error("allowed are wpkh(key), tr(key) and wsh(sortedmulti(k,keys)), and this is {got}")]
    Form { got: String },
    #[error("a key of this wallet is of another network, and the wallet is on {wanted}")]
    OtherNetwork { wanted: Network },
    #[error(
        "a key does not end in /<0;1>/* or /0/* and /1/*: external and internal addresses must be \
         derived from it, without hardened steps"
    )]
    Derivation,
    #[error(
        "external and internal addresses are the same; one descriptor ends in /0/*, the other in \
         /1/*"
    )]
    SameKeychains,
    #[error("the two descriptors spend differently: one by {external:?}, one by {internal:?}")]
    DifferentSpends { external: Spend, internal: Spend },
    #[error(
        "a multisig wallet needs 1 to n signatures of n keys, n at most {MULTISIG_KEYS_MAX}, and \
         this is {needed} of {keys}"
    )]
    Threshold { needed: usize, keys: usize },
    #[error("the key {key} is twice in this wallet; every signer has his own")]
    SameKey { key: String },
    #[error("a seed has 16 to 64 bytes, and this has {bytes}")]
    Seed { bytes: usize },
    #[error("there is no address at index {index}; allowed is 0 to 2147483647")]
    Index { index: u32 },
}

impl Wallet {
    /// A wallet of two descriptors, checked.
    pub(crate) fn new(
        network: Network,
        external: Descriptor<DescriptorPublicKey>,
        internal: Descriptor<DescriptorPublicKey>,
    ) -> Result<Self, WalletError> {
        let (spend, other) = (spend(&external)?, spend(&internal)?);
        if spend != other {
            return Err(WalletError::DifferentSpends { external: spend, internal: other });
        }
        for descriptor in [&external, &internal] {
            check_keys(network, descriptor)?;
        }
        if external == internal {
            return Err(WalletError::SameKeychains);
        }
        Ok(Self { network, spend, external, internal, derived: Derived::default() })
    }

    /// `wsh(sortedmulti(needed, …))` of these keys (BIP-67 order, so that their order here does not
    /// matter).
    ///
    /// # Errors
    /// [`WalletError`] for a threshold that is not, or for a key that is there twice or of another
    /// network.
    pub fn multisig(
        network: Network,
        needed: usize,
        cosigners: &[Cosigner],
    ) -> Result<Self, WalletError> {
        let keys = cosigners.len();
        if needed == 0 || needed > keys || keys > usize::from(MULTISIG_KEYS_MAX) {
            return Err(WalletError::Threshold { needed, keys });
        }
        let of = |keychain: Keychain| {
            let keys = cosigners.iter().map(|cosigner| cosigner.of(keychain)).collect();
            Descriptor::new_wsh_sortedmulti(needed, keys)
                .map_err(|error| WalletError::Descriptor { detail: error.to_string() })
        };
        Self::new(network, of(Keychain::External)?, of(Keychain::Internal)?)
    }

    pub fn network(&self) -> Network {
        self.network
    }

    pub fn spend(&self) -> Spend {
        self.spend
    }

    /// The descriptor of a keychain, with its checksum.
    pub fn descriptor(&self, keychain: Keychain) -> String {
        self.of(keychain).to_string()
    }

    /// Both keychains in one (`…/<0;1>/*`, BIP-389), with its checksum.
    pub fn descriptor_of_both(&self) -> String {
        let external = self.external.to_string();
        let body = external
            .split_once('#')
            .map_or(external.as_str(), |(body, _)| body)
            .replace("/0/*", "/<0;1>/*");
        let checksum = desc_checksum(&body).expect("a descriptor has characters of BIP-380 only");
        format!("{body}#{checksum}")
    }

    /// # Errors
    /// [`WalletError::Index`].
    pub fn script(&self, place: Place) -> Result<ScriptBuf, WalletError> {
        if let Some(script) = self.derived.get(place) {
            return Ok(script);
        }
        let script = self.definite(place)?.script_pubkey();
        self.derived.keep(place, &script);
        Ok(script)
    }

    /// # Errors
    /// [`WalletError::Index`].
    pub fn address(&self, place: Place) -> Result<Address, WalletError> {
        let script = self.script(place)?;
        Ok(Address::of_script(self.network, script)
            .expect("wallets have P2WPKH, P2WSH and P2TR scripts only, which all have addresses"))
    }

    /// Whether a key of this root is among its keys, by fingerprint.
    pub fn holds(&self, fingerprint: Fingerprint) -> bool {
        self.external.for_any_key(|key| key.master_fingerprint() == fingerprint)
    }

    /// The descriptor at one place, with all keys derived.
    pub(crate) fn definite(
        &self,
        place: Place,
    ) -> Result<Descriptor<DefiniteDescriptorKey>, WalletError> {
        let wrong = || WalletError::Index { index: place.index };
        if place.index >= INDEX_END {
            return Err(wrong());
        }
        self.of(place.keychain).at_derivation_index(place.index).map_err(|_| wrong())
    }

    fn of(&self, keychain: Keychain) -> &Descriptor<DescriptorPublicKey> {
        match keychain {
            Keychain::External => &self.external,
            Keychain::Internal => &self.internal,
        }
    }
}

/// How coins of a descriptor are spent, where it is of one of the three forms that we use.
fn spend(descriptor: &Descriptor<DescriptorPublicKey>) -> Result<Spend, WalletError> {
    let other = || WalletError::Form { got: descriptor.to_string() };
    match descriptor {
        Descriptor::Wpkh(_) => Ok(Spend::SegwitKey),
        Descriptor::Tr(tr) if tr.tap_tree().is_none() => Ok(Spend::TaprootKey),
        Descriptor::Wsh(wsh) => match wsh.as_inner() {
            WshInner::SortedMulti(multi) => {
                let (needed, keys) = (multi.k(), multi.n());
                let narrow = |count: usize| {
                    u8::try_from(count).ok().filter(|count| *count <= MULTISIG_KEYS_MAX)
                };
                let both = narrow(needed)
                    .zip(narrow(keys))
                    .ok_or(WalletError::Threshold { needed, keys })?;
                Ok(Spend::Multisig { needed: both.0, keys: both.1 })
            }
            WshInner::Ms(_) => Err(other()),
        },
        Descriptor::Tr(_) | Descriptor::Bare(_) | Descriptor::Pkh(_) | Descriptor::Sh(_) => {
            Err(other())
        }
    }
}

/// Every key is an extended one of this network, gives a row of addresses, and is there once.
fn check_keys(
    network: Network,
    descriptor: &Descriptor<DescriptorPublicKey>,
) -> Result<(), WalletError> {
    let mut seen = std::collections::BTreeSet::new();
    let mut wrong = None;
    descriptor.for_each_key(|key| {
        let check = match key {
            DescriptorPublicKey::XPub(xpub) if xpub.xkey.network != network.kind() => {
                Err(WalletError::OtherNetwork { wanted: network })
            }
            DescriptorPublicKey::XPub(_) if !key.has_wildcard() || key.has_hardened_step() => {
                Err(WalletError::Derivation)
            }
            DescriptorPublicKey::XPub(xpub) if !seen.insert(xpub.xkey.public_key) => {
                Err(WalletError::SameKey { key: xpub.xkey.to_string() })
            }
            DescriptorPublicKey::XPub(xpub)
                if xpub.wildcard == bdk_wallet::miniscript::descriptor::Wildcard::Hardened =>
            {
                Err(WalletError::Derivation)
            }
            DescriptorPublicKey::XPub(_) => Ok(()),
            DescriptorPublicKey::Single(_) | DescriptorPublicKey::MultiXPub(_) => {
                Err(WalletError::Derivation)
            }
        };
        wrong = check.err();
        wrong.is_none()
    });
    wrong.map_or(Ok(()), Err)
}
