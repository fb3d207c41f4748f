//! One key of a multisig wallet, as its owner's device exports it: `[fingerprint/path]xpub`.

use bdk_wallet::bitcoin::bip32::ChildNumber;
use bdk_wallet::miniscript::descriptor::{DescriptorPublicKey, DescriptorXKey, Wildcard};

use super::WalletError;
use super::import::account_key;
use adit_core::Keychain;

/// An account's public key with where it comes from, so that its owner's device recognises it as
/// its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigner {
    key: DescriptorXKey<bdk_wallet::bitcoin::bip32::Xpub>,
}

impl Cosigner {
    /// # Errors
    /// [`WalletError`] where the text is no extended public key, or has no origin.
    pub fn parse(text: &str) -> Result<Self, WalletError> {
        let key = account_key(text)?;
        if key.origin.is_none() {
            return Err(WalletError::Key {
                detail: "it has no origin, without which its owner's device cannot sign".to_owned(),
            });
        }
        Ok(Self { key })
    }

    pub(crate) fn of(&self, keychain: Keychain) -> DescriptorPublicKey {
        row(self.key.clone(), keychain)
    }
}

/// The keychain's addresses of an account's key.
pub(super) fn row(
    key: DescriptorXKey<bdk_wallet::bitcoin::bip32::Xpub>,
    keychain: Keychain,
) -> DescriptorPublicKey {
    let step = ChildNumber::from_normal_idx(keychain.number()).expect("0 and 1 are indices");
    DescriptorPublicKey::XPub(DescriptorXKey {
        derivation_path: vec![step].into(),
        wildcard: Wildcard::Unhardened,
        ..key
    })
}

#[cfg(test)]
mod tests {
    use super::super::root::tests::{PHRASES, root};
    use super::*;
    use crate::wallet::Wallet;
    use crate::{Network, ScriptKind, Spend};
    use adit_core::Place;

    fn cosigners() -> Vec<Cosigner> {
        PHRASES
            .iter()
            .map(|words| {
                Cosigner::parse(&root(Network::Regtest, words).account("48'/1'/0'/2'"))
                    .expect("a key")
            })
            .collect()
    }

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let keys = cosigners();
        let wallet = Wallet::multisig(Network::Regtest, 2, &keys).expect("a wallet");
        let turned = Wallet::multisig(
            Network::Regtest,
            2,
            &[keys[2].clone(), keys[0].clone(), keys[1].clone()],
        )
        .expect("a wallet");
        for keychain in Keychain::ALL {
            let place = Place { keychain, index: 3 };
            assert_eq!(wallet.address(place), turned.address(place));
        }
        assert_eq!(wallet.spend(), Spend::Multisig { needed: 2, keys: 3 });
        let address =
            wallet.address(Place { keychain: Keychain::External, index: 0 }).expect("an index");
        assert_eq!(address.kind(), ScriptKind::P2wsh);
        assert!(wallet.holds(root(Network::Regtest, PHRASES[1]).fingerprint()));
    }

    #[test]
    fn a_threshold_is_between_one_and_the_number_of_keys() {
        let keys = cosigners();
        for (needed, keys) in [(0, &keys[..]), (4, &keys[..]), (1, &[])] {
            assert_eq!(
                Wallet::multisig(Network::Regtest, needed, keys).err(),
                Some(WalletError::Threshold { needed, keys: keys.len() })
            );
        }
        let many = vec![keys[0].clone(); 17];
        assert_eq!(
            Wallet::multisig(Network::Regtest, 2, &many).err(),
            Some(WalletError::Threshold { needed: 2, keys: 17 })
        );
    }

    #[test]
    fn a_key_is_there_once_and_of_this_network() {
        let keys = cosigners();
        let twice = [keys[0].clone(), keys[0].clone()];
        assert!(matches!(
            Wallet::multisig(Network::Regtest, 2, &twice),
            Err(WalletError::SameKey { .. })
        ));
        assert_eq!(
            Wallet::multisig(Network::Mainnet, 2, &keys).err(),
            Some(WalletError::OtherNetwork { wanted: Network::Mainnet })
        );
        let bare = root(Network::Regtest, PHRASES[0]).account("48'/1'/0'/2'");
        let bare = bare.split_once(']').expect("an origin").1;
        assert!(Cosigner::parse(bare).expect_err("no origin").to_string().contains("no origin"));
    }
}
