//! A BIP-39 seed: the words that a person writes down, and the wallets that grow from them.

use std::fmt;

use bip32::{ChildNumber, ExtendedPrivateKey};
use bip39::{Language, Mnemonic};
use secp256k1::SecretKey;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::bitcoin::cosigner_key;
use crate::{AccountKind, BitcoinAccount, BitcoinNetwork, Key};

/// Entropy of a new seed: 24 words, the most that BIP-39 has.
const NEW_ENTROPY_BYTES: usize = 32;

/// m/44'/60'/0'/0: purpose, coin (60 is Ether in SLIP-44), account, external chain (BIP-44).
const ETHEREUM_PATH: [(u32, bool); 4] = [(44, true), (60, true), (0, true), (0, false)];

/// Words in English, checksum checked. Wiped when it is dropped, and never shown by `Debug`.
pub struct Seed {
    mnemonic: Mnemonic,
}

/// Why there is no seed or no key of it. Never carries a word of the phrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    #[error(
        "a seed phrase has 12, 15, 18, 21 or 24 words, and this has {got}; type all of them, \
         separated by spaces"
    )]
    WordCount { got: usize },
    #[error("word {place} is not in the English list of BIP-39; correct its spelling")]
    UnknownWord { place: usize },
    #[error(
        "the words are all known but their checksum is wrong; one of them is another one or two \
         are swapped"
    )]
    Checksum,
    #[error("the entropy of a seed has 16, 20, 24, 28 or 32 bytes, and this has {got}")]
    EntropyLength { got: usize },
    #[error("the system gave no random bytes ({detail}); try again")]
    Randomness { detail: String },
    #[error("there is no key at index {index}; allowed is 0 to 2147483647")]
    Index { index: u32 },
}

impl Seed {
    /// A new seed of 24 words from the system's randomness.
    ///
    /// # Errors
    /// [`SeedError::Randomness`].
    pub fn generate() -> Result<Self, SeedError> {
        let mut entropy = Zeroizing::new([0; NEW_ENTROPY_BYTES]);
        getrandom::fill(entropy.as_mut_slice())
            .map_err(|error| SeedError::Randomness { detail: error.to_string() })?;
        Self::from_entropy(entropy.as_slice())
    }

    /// A seed of given entropy: 16, 20, 24, 28 or 32 bytes.
    ///
    /// # Errors
    /// [`SeedError::EntropyLength`].
    pub fn from_entropy(entropy: &[u8]) -> Result<Self, SeedError> {
        let mnemonic = Mnemonic::from_entropy_in(Language::English, entropy)
            .map_err(|_| SeedError::EntropyLength { got: entropy.len() })?;
        Ok(Self { mnemonic })
    }

    /// Reads the words that a person wrote down. Any white space separates them; case does not
    /// matter.
    ///
    /// # Errors
    /// [`SeedError`], with the place of the wrong word but not the word.
    pub fn from_phrase(phrase: &str) -> Result<Self, SeedError> {
        let lower = Zeroizing::new(phrase.to_lowercase());
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &lower).map_err(
            |error| match error {
                bip39::Error::BadWordCount(got) => SeedError::WordCount { got },
                bip39::Error::UnknownWord(at) => SeedError::UnknownWord { place: at + 1 },
                bip39::Error::InvalidChecksum => SeedError::Checksum,
                bip39::Error::BadEntropyBitCount(bits) => {
                    SeedError::EntropyLength { got: bits / 8 }
                }
                bip39::Error::AmbiguousLanguages(_) => unreachable!("one language is asked for"),
            },
        )?;
        Ok(Self { mnemonic })
    }

    /// The words, to be shown once on paper's behalf.
    pub fn phrase(&self) -> SecretString {
        self.mnemonic.to_string().into()
    }

    /// The wallet at m/44'/60'/0'/0/`index` (BIP-44), as every Ethereum wallet derives it: no
    /// BIP-39 passphrase.
    ///
    /// # Errors
    /// [`SeedError::Index`] above 2^31 - 1, and for the one index in 2^127 that BIP-32 skips.
    pub fn key(&self, index: u32) -> Result<Key, SeedError> {
        let seed = Zeroizing::new(self.mnemonic.to_seed_normalized(""));
        let derived = derive(seed.as_slice(), index).map_err(|_| SeedError::Index { index })?;
        let bytes = Zeroizing::new(derived.private_key().to_secret_bytes());
        Key::from_bytes(&bytes).map_err(|_| SeedError::Index { index })
    }

    /// The account at m/84'/coin'/`account`' (BIP-84) or m/86'/coin'/`account`' (BIP-86), as every
    /// Bitcoin wallet derives it: no BIP-39 passphrase.
    ///
    /// # Errors
    /// [`SeedError::Index`] above 2^31 - 1.
    pub fn bitcoin(
        &self,
        network: BitcoinNetwork,
        kind: AccountKind,
        account: u32,
    ) -> Result<BitcoinAccount, SeedError> {
        let seed = Zeroizing::new(self.mnemonic.to_seed_normalized(""));
        BitcoinAccount::derive(seed.as_slice(), network, kind, account)
            .map_err(|_| SeedError::Index { index: account })
    }

    /// The wallet of a descriptor with its checksum: `wpkh(key)`, `tr(key)` or
    /// `wsh(sortedmulti(k,key,…))`. Signs with the key that this seed has in it, as far as it has
    /// one.
    ///
    /// # Errors
    /// A sentence that names what is wrong with the descriptor.
    pub fn bitcoin_wallet(
        &self,
        network: BitcoinNetwork,
        descriptor: &str,
    ) -> Result<BitcoinAccount, String> {
        let seed = Zeroizing::new(self.mnemonic.to_seed_normalized(""));
        BitcoinAccount::of_descriptor(network, descriptor, Some(seed.as_slice()))
    }

    /// The public key with which this seed takes part in wallets of several keys, at
    /// m/48'/coin'/`account`'/2' (BIP-48), with its origin.
    ///
    /// # Errors
    /// [`SeedError::Index`] above 2^31 - 1.
    pub fn bitcoin_cosigner(
        &self,
        network: BitcoinNetwork,
        account: u32,
    ) -> Result<String, SeedError> {
        let seed = Zeroizing::new(self.mnemonic.to_seed_normalized(""));
        cosigner_key(seed.as_slice(), network, account)
            .map_err(|_| SeedError::Index { index: account })
    }

    pub(crate) fn entropy(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.mnemonic.to_entropy())
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({} words)", self.mnemonic.word_count())
    }
}

fn derive(seed: &[u8], index: u32) -> Result<ExtendedPrivateKey<SecretKey>, bip32::Error> {
    let root = ExtendedPrivateKey::<SecretKey>::new(seed)?;
    let parent = ETHEREUM_PATH.iter().try_fold(root, |key, (number, hardened)| {
        key.derive_child(ChildNumber::new(*number, *hardened)?)
    })?;
    parent.derive_child(ChildNumber::new(index, false)?)
}

#[cfg(test)]
mod tests {
    use bip32::Prefix;
    use secrecy::ExposeSecret;

    use super::*;

    /// Entropy, words, seed with the passphrase TREZOR, root key: rows of the table that BIP-39
    /// publishes.
    const BIP39: [(&str, &str, &str, &str); 3] = [
        (
            "00000000000000000000000000000000",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
             abandon about",
            "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04",
            "xprv9s21ZrQH143K3h3fDYiay8mocZ3afhfULfb5GX8kCBdno77K4HiA15Tg23wpbeF1pLfs1c5SPmYHrEpTuuRhxMwvKDwqdKiGJS9XFKzUsAF",
        ),
        (
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6fa457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607",
            "xprv9s21ZrQH143K2gA81bYFHqU68xz1cX2APaSq5tt6MFSLeXnCKV1RVUJt9FWNTbrrryem4ZckN8k4Ls1H6nwdvDTvnV7zEXs2HgPezuVccsq",
        ),
        (
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo \
             zoo zoo vote",
            "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e1613912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05a69890ad",
            "xprv9s21ZrQH143K2WFF16X85T2QCpndrGwx6GueB72Zf3AHwHJaknRXNF37ZmDrtHrrLSHvbuRejXcnYxoZKvRquTPyp2JiNG3XcjQyzSEgqCB",
        ),
    ];

    #[test]
    fn the_published_vectors_of_bip39() {
        for (entropy, words, seed, root) in BIP39 {
            let from_entropy = Seed::from_entropy(&hex::decode(entropy).expect("hex"))
                .expect("a length of the table");
            assert_eq!(from_entropy.phrase().expose_secret(), words);
            let from_words = Seed::from_phrase(words).expect("words of the table");
            assert_eq!(hex::encode(from_words.entropy().as_slice()), entropy);
            let stretched = from_words.mnemonic.to_seed_normalized("TREZOR");
            assert_eq!(hex::encode(stretched), seed);
            let key = ExtendedPrivateKey::<SecretKey>::new(&stretched).expect("a root");
            assert_eq!(key.to_string(Prefix::XPRV).as_str(), root);
        }
    }

    #[test]
    fn the_first_published_vector_of_bip32() {
        let seed = hex::decode("000102030405060708090a0b0c0d0e0f").expect("hex");
        let steps = [
            (
                "m",
                "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
            ),
            (
                "m/0'",
                "xprv9uHRZZhk6KAJC1avXpDAp4MDc3sQKNxDiPvvkX8Br5ngLNv1TxvUxt4cV1rGL5hj6KCesnDYUhd7oWgT11eZG7XnxHrnYeSvkzY7d2bhkJ7",
            ),
            (
                "m/0'/1",
                "xprv9wTYmMFdV23N2TdNG573QoEsfRrWKQgWeibmLntzniatZvR9BmLnvSxqu53Kw1UmYPxLgboyZQaXwTCg8MSY3H2EU4pWcQDnRnrVA1xe8fs",
            ),
        ];
        for (path, expected) in steps {
            let key = ExtendedPrivateKey::<SecretKey>::derive_from_path(
                &seed,
                &path.parse().expect("a path"),
            )
            .expect("derives");
            assert_eq!(key.to_string(Prefix::XPRV).as_str(), expected);
        }
    }

    /// The accounts that anvil and hardhat print for their published test phrase.
    #[test]
    fn wallets_are_where_every_ethereum_wallet_looks() {
        let seed = Seed::from_phrase("test test test test test test test test test test test junk")
            .expect("the published phrase");
        let wallet = |index: u32| seed.key(index).expect("derives").wallet();
        assert_eq!(wallet(0).as_str(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(wallet(1).as_str(), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
        assert_eq!(seed.key(1 << 31).err(), Some(SeedError::Index { index: 1 << 31 }));
    }

    #[test]
    fn refuses_what_is_no_phrase_without_repeating_it() {
        let of = |text: &str| Seed::from_phrase(text).expect_err("no phrase");
        assert_eq!(of("abandon abandon"), SeedError::WordCount { got: 2 });
        assert_eq!(of(&"abandon ".repeat(12)), SeedError::Checksum);
        assert_eq!(
            of(&format!("{}bitcoins", "abandon ".repeat(11))),
            SeedError::UnknownWord { place: 12 }
        );
        assert_eq!(
            Seed::from_entropy(&[7; 17]).expect_err("no length of BIP-39"),
            SeedError::EntropyLength { got: 17 }
        );
        assert_eq!(
            format!("{:?}", Seed::from_entropy(&[7; 16]).expect("a length of BIP-39")),
            "Seed(12 words)"
        );
    }

    #[test]
    fn two_new_seeds_differ() {
        let words = || Seed::generate().expect("randomness").phrase().expose_secret().to_owned();
        assert_ne!(words(), words());
    }
}
