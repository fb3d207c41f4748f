//! Watch-only wallets: from an account's public key, or from a descriptor that another program
//! printed.

use std::str::FromStr;

use bdk_wallet::bitcoin::base58;
use bdk_wallet::bitcoin::bip32::Xpub;
use bdk_wallet::miniscript::Descriptor;
use bdk_wallet::miniscript::descriptor::{DescriptorPublicKey, DescriptorXKey};

use super::cosigner::row;
use super::{KeyWallet, Wallet, WalletError};
use crate::Network;
use adit_core::Keychain;

/// Version bytes that mean "for P2WPKH" (SLIP-132), and those of BIP-32 for the same network.
const SLIP132: [([u8; 4], [u8; 4]); 2] = [
    ([0x04, 0xb2, 0x47, 0x46], [0x04, 0x88, 0xb2, 0x1e]),
    ([0x04, 0x5f, 0x1c, 0xf6], [0x04, 0x35, 0x87, 0xcf]),
];

impl Wallet {
    /// The wallet of an account's public key: `xpub…`, or `[fingerprint/84'/0'/0']xpub…`. A `zpub`
    /// is read as the xpub it is.
    ///
    /// # Errors
    /// [`WalletError`].
    pub fn of_account(network: Network, kind: KeyWallet, text: &str) -> Result<Self, WalletError> {
        let key = account_key(text)?;
        let of = |keychain| {
            let key = row(key.clone(), keychain);
            let descriptor = match kind {
                KeyWallet::Segwit => Descriptor::new_wpkh(key),
                KeyWallet::Taproot => Descriptor::new_tr(key, None),
            };
            descriptor.map_err(|error| WalletError::Descriptor { detail: error.to_string() })
        };
        Self::new(network, of(Keychain::External)?, of(Keychain::Internal)?)
    }

    /// The wallet of one descriptor for both keychains (`…/<0;1>/*`, BIP-389), with its checksum.
    ///
    /// # Errors
    /// [`WalletError`].
    pub fn of_descriptor(network: Network, text: &str) -> Result<Self, WalletError> {
        let both = descriptor(text)?
            .into_single_descriptors()
            .map_err(|error| WalletError::Descriptor { detail: error.to_string() })?;
        let [external, internal] = <[_; 2]>::try_from(both).map_err(|_| WalletError::Derivation)?;
        Self::new(network, external, internal)
    }

    /// The wallet of two descriptors, as [`Wallet::descriptor`] prints them.
    ///
    /// # Errors
    /// [`WalletError`].
    pub fn of_descriptors(
        network: Network,
        external: &str,
        internal: &str,
    ) -> Result<Self, WalletError> {
        Self::new(network, descriptor(external)?, descriptor(internal)?)
    }
}

fn descriptor(text: &str) -> Result<Descriptor<DescriptorPublicKey>, WalletError> {
    if text.contains("prv") {
        return Err(WalletError::Private);
    }
    if !text.contains('#') {
        return Err(WalletError::NoChecksum);
    }
    Descriptor::from_str(text)
        .map_err(|error| WalletError::Descriptor { detail: error.to_string() })
}

/// An extended public key with or without its origin, and nothing derived from it yet.
pub(super) fn account_key(text: &str) -> Result<DescriptorXKey<Xpub>, WalletError> {
    let (origin, key) = text.split_once(']').map_or(("", text), |(origin, key)| (origin, key));
    if key.get(1..4) == Some("prv") {
        return Err(WalletError::Private);
    }
    let key = plain(key).unwrap_or_else(|| key.to_owned());
    let whole = if origin.is_empty() { key } else { format!("{origin}]{key}") };
    let wrong = |detail: String| WalletError::Key { detail };
    match DescriptorPublicKey::from_str(&whole).map_err(|error| wrong(error.to_string()))? {
        DescriptorPublicKey::XPub(key)
            if key.derivation_path.is_master()
                && !DescriptorPublicKey::XPub(key.clone()).has_wildcard() =>
        {
            Ok(key)
        }
        DescriptorPublicKey::XPub(_) | DescriptorPublicKey::MultiXPub(_) => {
            Err(wrong("leave out what follows the key".to_owned()))
        }
        DescriptorPublicKey::Single(_) => Err(wrong("it is the key of one address".to_owned())),
    }
}

/// A key of SLIP-132 as BIP-32 writes it.
fn plain(key: &str) -> Option<String> {
    let mut bytes = base58::decode_check(key).ok()?;
    let version: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    let (_, bip32) = SLIP132.iter().find(|(slip132, _)| *slip132 == version)?;
    bytes[..4].copy_from_slice(bip32);
    Some(base58::encode_check(&bytes))
}

#[cfg(test)]
mod tests {
    use super::super::root::tests::{WORDS, root};
    use super::*;

    /// BIP-84's account 0.
    const ZPUB: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
    /// BIP-86's account 0.
    const XPUB: &str = "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ";

    #[test]
    fn published_account_keys_are_the_wallets_of_their_seed() {
        let seed = root(Network::Mainnet, WORDS);
        for (kind, key) in [(KeyWallet::Segwit, ZPUB), (KeyWallet::Taproot, XPUB)] {
            let watched = Wallet::of_account(Network::Mainnet, kind, key).expect("a key");
            let place = adit_core::Place { keychain: Keychain::Internal, index: 0 };
            assert_eq!(watched.address(place), seed.wallet(kind).address(place));
        }
    }

    #[test]
    fn a_printed_wallet_is_read_back() {
        for kind in [KeyWallet::Segwit, KeyWallet::Taproot] {
            let wallet = root(Network::Testnet4, WORDS).wallet(kind);
            let [external, internal] = Keychain::ALL.map(|keychain| wallet.descriptor(keychain));
            assert_eq!(
                Wallet::of_descriptor(Network::Testnet4, &wallet.descriptor_of_both()).as_ref(),
                Ok(&wallet)
            );
            assert_eq!(Wallet::of_descriptors(Network::Testnet4, &external, &internal), Ok(wallet));
        }
    }

    #[test]
    fn one_descriptor_may_carry_both_keychains() {
        let text = Descriptor::<DescriptorPublicKey>::from_str(&format!("tr({XPUB}/<0;1>/*)"))
            .expect("a descriptor")
            .to_string();
        let wallet = Wallet::of_descriptor(Network::Mainnet, &text).expect("both keychains");
        assert_eq!(
            wallet,
            Wallet::of_account(Network::Mainnet, KeyWallet::Taproot, XPUB).expect("a key")
        );
    }

    #[test]
    fn what_is_no_wallet_here_says_why() {
        let with_checksum = |text: String| {
            Descriptor::<DescriptorPublicKey>::from_str(&text).expect("a descriptor").to_string()
        };
        let of =
            |text: &str| Wallet::of_descriptor(Network::Mainnet, text).expect_err("no wallet here");
        assert_eq!(of(&format!("tr({XPUB}/<0;1>/*)")), WalletError::NoChecksum);
        assert!(matches!(
            of(&format!("tr({XPUB}/<0;1>/*)#abcdefgh")),
            WalletError::Descriptor { .. }
        ));
        assert_eq!(of(&with_checksum(format!("tr({XPUB}/0/*)"))), WalletError::Derivation);
        assert_eq!(of(&with_checksum(format!("tr({XPUB}/<0;1>)"))), WalletError::Derivation);
        assert!(matches!(
            of(&with_checksum(format!("pkh({XPUB}/<0;1>/*)"))),
            WalletError::Form { .. }
        ));
        assert!(matches!(
            of(&with_checksum(format!("sh(wpkh({XPUB}/<0;1>/*))"))),
            WalletError::Form { .. }
        ));
        assert!(matches!(
            of(&with_checksum(format!("wsh(multi(1,{XPUB}/<0;1>/*))"))),
            WalletError::Form { .. }
        ));
        let same = with_checksum(format!("wpkh({XPUB}/0/*)"));
        assert_eq!(
            Wallet::of_descriptors(Network::Mainnet, &same, &same),
            Err(WalletError::SameKeychains)
        );
        let other = Wallet::of_account(Network::Regtest, KeyWallet::Taproot, XPUB);
        assert_eq!(other, Err(WalletError::OtherNetwork { wanted: Network::Regtest }));
    }

    #[test]
    fn a_private_key_is_not_imported() {
        let private = "xprv9xgqHN7yz9MwCkxsBPN5qetuNdQSUttZNKw1dcYTV4mkaAFiBVGQziHs3NRSWMkCzvgjEe3n9xV8oYywvM8at9yRqyaZVz6TYYhX98VjsUk";
        assert_eq!(
            Wallet::of_account(Network::Mainnet, KeyWallet::Taproot, private),
            Err(WalletError::Private)
        );
        assert_eq!(
            Wallet::of_descriptor(Network::Mainnet, &format!("tr({private}/<0;1>/*)#00000000")),
            Err(WalletError::Private)
        );
    }
}
