//! The root of a wallet's keys (BIP-32), from the seed that BIP-39 makes of words. The only secret
//! of this crate.

use std::fmt;

use bdk_wallet::KeychainKind;
use bdk_wallet::bitcoin::bip32::{DerivationPath, Fingerprint, Xpriv};
use bdk_wallet::bitcoin::secp256k1::SecretKey;
use bdk_wallet::template::{Bip84, Bip86, DescriptorTemplate};

use super::{KeyWallet, Wallet, WalletError};
use crate::Network;
use crate::curve::CURVE;

/// BIP-32: a seed has 128 to 512 bits.
const SEED_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// The master key of a seed. Never shown by `Debug`, and wiped when it is dropped as far as its
/// library can.
pub struct RootKey {
    network: Network,
    xpriv: Xpriv,
}

impl RootKey {
    /// `seed`: the 64 bytes that BIP-39 stretches words to.
    ///
    /// # Errors
    /// [`WalletError::Seed`].
    pub fn from_seed(network: Network, seed: &[u8]) -> Result<Self, WalletError> {
        let wrong = || WalletError::Seed { bytes: seed.len() };
        if !SEED_BYTES.contains(&seed.len()) {
            return Err(wrong());
        }
        Xpriv::new_master(network.kind(), seed)
            .map(|xpriv| Self { network, xpriv })
            .map_err(|_| wrong())
    }

    /// Account 0 of this seed: m/84'/coin'/0' or m/86'/coin'/0', coin 0 on mainnet and 1 elsewhere.
    pub fn wallet(&self, kind: KeyWallet) -> Wallet {
        let of = |keychain| match kind {
            KeyWallet::Segwit => Bip84(self.xpriv, keychain).build(self.network.kind()),
            KeyWallet::Taproot => Bip86(self.xpriv, keychain).build(self.network.kind()),
        };
        let [external, internal] =
            [KeychainKind::External, KeychainKind::Internal].map(|keychain| {
                of(keychain).expect("the template fits a master key of its own network").0
            });
        Wallet::new(self.network, external, internal)
            .expect("the templates are of the forms that a wallet has")
    }

    /// What other programs know this seed by (BIP-32).
    pub fn fingerprint(&self) -> Fingerprint {
        self.xpriv.fingerprint(&*CURVE)
    }

    pub(crate) fn derive(&self, path: &DerivationPath) -> SecretKey {
        self.xpriv
            .derive_priv(&*CURVE, path)
            .expect("a key of 2^-127 probability is missing (BIP-32)")
            .private_key
    }

    #[cfg(test)]
    pub(crate) fn account(&self, path: &str) -> String {
        use bdk_wallet::bitcoin::bip32::Xpub;
        let path: DerivationPath = path.parse().expect("a path");
        let key = self.xpriv.derive_priv(&*CURVE, &path).expect("derives");
        format!("[{}/{path}]{}", self.fingerprint(), Xpub::from_priv(&*CURVE, &key))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({} on {})", self.fingerprint(), self.network)
    }
}

impl Drop for RootKey {
    fn drop(&mut self) {
        self.xpriv.private_key.non_secure_erase();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bdk_wallet::bitcoin::bip32::Xpub;

    use super::*;
    use adit_core::{Keychain, Place};

    /// Words of the table that BIP-39 publishes.
    pub(crate) const PHRASES: [&str; 3] = [
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
         about",
        "legal winner thank year wave sausage worth useful legal winner thank yellow",
        "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    ];
    pub(crate) const WORDS: &str = PHRASES[0];

    pub(crate) fn root(network: Network, words: &str) -> RootKey {
        let seed = bip39::Mnemonic::parse(words).expect("words").to_seed("");
        RootKey::from_seed(network, &seed).expect("64 bytes")
    }

    /// BIP-32, test vectors 1 and 2: (seed, path, extended private key, extended public key).
    #[test]
    fn the_published_vectors_of_bip32() {
        let one = "000102030405060708090a0b0c0d0e0f";
        let two = "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542";
        for (seed, path, private, public) in [
            (
                one,
                "m",
                "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
                "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
            ),
            (
                one,
                "m/0'",
                "xprv9uHRZZhk6KAJC1avXpDAp4MDc3sQKNxDiPvvkX8Br5ngLNv1TxvUxt4cV1rGL5hj6KCesnDYUhd7oWgT11eZG7XnxHrnYeSvkzY7d2bhkJ7",
                "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
            ),
            (
                one,
                "m/0'/1/2'/2/1000000000",
                "xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76",
                "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
            ),
            (
                two,
                "m/0/2147483647'/1/2147483646'/2",
                "xprvA2nrNbFZABcdryreWet9Ea4LvTJcGsqrMzxHx98MMrotbir7yrKCEXw7nadnHM8Dq38EGfSh6dqA9QWTyefMLEcBYJUuekgW4BYPJcr9E7j",
                "xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt",
            ),
        ] {
            let root = RootKey::from_seed(Network::Mainnet, &hex::decode(seed).expect("hex"))
                .expect("a seed");
            let key = root
                .xpriv
                .derive_priv(&*CURVE, &path.parse::<DerivationPath>().expect("a path"))
                .expect("derives");
            assert_eq!(
                (key.to_string(), Xpub::from_priv(&*CURVE, &key).to_string()),
                (private.to_owned(), public.to_owned()),
                "{path}"
            );
        }
        assert_eq!(
            RootKey::from_seed(Network::Mainnet, &[7; 15]).err(),
            Some(WalletError::Seed { bytes: 15 })
        );
    }

    /// BIP-39, the table of test vectors: words, root key with the passphrase TREZOR.
    #[test]
    fn the_published_vectors_of_bip39() {
        for (words, expected) in [
            (
                WORDS,
                "xprv9s21ZrQH143K3h3fDYiay8mocZ3afhfULfb5GX8kCBdno77K4HiA15Tg23wpbeF1pLfs1c5SPmYHrEpTuuRhxMwvKDwqdKiGJS9XFKzUsAF",
            ),
            (
                "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo \
                 zoo zoo zoo vote",
                "xprv9s21ZrQH143K2WFF16X85T2QCpndrGwx6GueB72Zf3AHwHJaknRXNF37ZmDrtHrrLSHvbuRejXcnYxoZKvRquTPyp2JiNG3XcjQyzSEgqCB",
            ),
        ] {
            let seed = bip39::Mnemonic::parse(words).expect("words").to_seed("TREZOR");
            assert_eq!(
                RootKey::from_seed(Network::Mainnet, &seed).expect("64 bytes").xpriv.to_string(),
                expected
            );
        }
    }

    fn addresses(wallet: &Wallet) -> [String; 3] {
        [(Keychain::External, 0), (Keychain::External, 1), (Keychain::Internal, 0)].map(
            |(keychain, index)| {
                wallet
                    .address(Place { keychain, index })
                    .expect("an index")
                    .destination()
                    .to_string()
            },
        )
    }

    /// BIP-84 and BIP-86, test vectors.
    #[test]
    fn the_published_vectors_of_bip84_and_bip86() {
        let root = root(Network::Mainnet, WORDS);
        assert_eq!(
            addresses(&root.wallet(KeyWallet::Segwit)),
            [
                "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
                "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
                "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el",
            ]
        );
        assert_eq!(
            addresses(&root.wallet(KeyWallet::Taproot)),
            [
                "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
                "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
                "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
            ]
        );
    }

    #[test]
    fn descriptors_print_their_origin_and_checksum_and_no_secret() {
        let root = root(Network::Regtest, WORDS);
        let text = root.wallet(KeyWallet::Segwit).descriptor(Keychain::Internal);
        assert!(
            text.starts_with("wpkh([73c5da0a/84'/1'/0']tpub") && text.contains("/1/*)#"),
            "{text}"
        );
        assert_eq!(format!("{root:?}"), "RootKey(73c5da0a on regtest)");
    }

    #[test]
    fn there_is_no_hardened_address() {
        let wallet = root(Network::Signet, WORDS).wallet(KeyWallet::Taproot);
        for index in [1 << 31, u32::MAX] {
            let place = Place { keychain: Keychain::External, index };
            assert_eq!(wallet.script(place), Err(WalletError::Index { index }));
        }
        assert!(
            wallet.script(Place { keychain: Keychain::External, index: (1 << 31) - 1 }).is_ok()
        );
    }
}
