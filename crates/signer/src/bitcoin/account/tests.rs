use bip32::Prefix;

use super::super::cosigner::Cosigner;
use super::*;
use crate::Seed;

const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

fn account(network: BitcoinNetwork, kind: AccountKind) -> BitcoinAccount {
    Seed::from_phrase(WORDS)
        .expect("published words")
        .bitcoin(network, kind, 0)
        .expect("an account")
}

fn own(account: &BitcoinAccount) -> &Cosigner {
    account.cosigners()[0]
}

fn addresses(account: &BitcoinAccount) -> [String; 3] {
    [(Keychain::External, 0), (Keychain::External, 1), (Keychain::Internal, 0)].map(
        |(keychain, index)| {
            account.address(Place { keychain, index }).expect("an index").to_string()
        },
    )
}

/// BIP-84, test vectors: the account's key and its first addresses.
#[test]
fn the_published_vectors_of_bip84() {
    let account = account(BitcoinNetwork::Mainnet, AccountKind::Segwit);
    assert_eq!(
        own(&account).account().to_string(Prefix::ZPUB),
        "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
    );
    assert_eq!(
        own(&account).public_key(FIRST).map(|key| key.to_string()).as_deref(),
        Some("0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c")
    );
    assert_eq!(
        addresses(&account),
        [
            "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
            "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
            "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el",
        ]
    );
}

/// BIP-86, test vectors: the account's key, its first addresses, and the keys in the first script.
#[test]
fn the_published_vectors_of_bip86() {
    let account = account(BitcoinNetwork::Mainnet, AccountKind::Taproot);
    assert_eq!(
        own(&account).xpub(),
        "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"
    );
    assert_eq!(
        addresses(&account),
        [
            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
            "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
            "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
        ]
    );
    let internal = own(&account).public_key(FIRST).expect("an index").x_only_public_key().0;
    assert_eq!(
        internal.to_string(),
        "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115"
    );
    let script = account.script(FIRST).expect("an index");
    assert_eq!(
        hex::encode(script),
        "5120a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c"
    );
}

#[test]
fn private_and_public_keys_belong_together() {
    for kind in [AccountKind::Segwit, AccountKind::Taproot] {
        let account = account(BitcoinNetwork::Regtest, kind);
        for keychain in Keychain::ALL {
            for index in [0, 1, 77, (1 << 31) - 1] {
                let place = Place { keychain, index };
                let (public, secret) = account.key_pair(place).expect("an index");
                assert_eq!(
                    (Some(public), PublicKey::from_secret_key(&secret)),
                    (own(&account).public_key(place), public)
                );
            }
        }
    }
}

#[test]
fn there_is_no_hardened_address() {
    let account = account(BitcoinNetwork::Signet, AccountKind::Taproot);
    for index in [1 << 31, u32::MAX] {
        let place = Place { keychain: Keychain::Internal, index };
        assert_eq!(account.address(place), None);
        assert!(account.script(place).is_none() && account.key_pair(place).is_none());
    }
    let seed = Seed::from_phrase(WORDS).expect("published words");
    let refused = seed.bitcoin(BitcoinNetwork::Signet, AccountKind::Segwit, 1 << 31).err();
    assert_eq!(refused, Some(crate::SeedError::Index { index: 1 << 31 }));
}

#[test]
fn an_account_shows_its_address_alone() {
    let account = account(BitcoinNetwork::Mainnet, AccountKind::Segwit);
    assert_eq!(
        format!("{account:?}"),
        "BitcoinAccount(bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu)"
    );
    assert_eq!(account.fingerprint().as_deref(), Some("73c5da0a"));
}
