//! An account as its operator sees it, compared with the engine's own reading of the same seed.

use adit_bitcoin::{KeyWallet, Network, RootKey, Wallet};
use adit_core::{Asset, AssetForm, FeeRate, Keychain, Place};
use adit_signer::{
    AccountKind, BitcoinNetwork, BitcoinPolicy, ChainKind, ChainPolicy, ConfigError, OpenError,
    Seed, SignerConfig,
};

use super::world::{KINDS, WORDS, account, btc, chain, config, lane};
use crate::world::{World, asset, key};

const NETWORKS: [(BitcoinNetwork, Network); 4] = [
    (BitcoinNetwork::Mainnet, Network::Mainnet),
    (BitcoinNetwork::Testnet4, Network::Testnet4),
    (BitcoinNetwork::Signet, Network::Signet),
    (BitcoinNetwork::Regtest, Network::Regtest),
];

#[test]
fn signer_and_engine_find_the_same_wallet_in_a_seed() {
    let seed = Seed::from_phrase(WORDS).expect("published words");
    let stretched = bip39::Mnemonic::parse(WORDS).expect("published words").to_seed("");
    for (network, theirs) in NETWORKS {
        let root = RootKey::from_seed(theirs, &stretched).expect("64 bytes");
        for (kind, key_wallet) in KINDS.into_iter().zip([KeyWallet::Segwit, KeyWallet::Taproot]) {
            let (account, wallet) =
                (seed.bitcoin(network, kind, 0).expect("an account"), root.wallet(key_wallet));
            assert_eq!(account.fingerprint(), Some(root.fingerprint().to_string()));
            // What a server without the keys is given.
            assert_eq!(
                Wallet::of_descriptor(theirs, &account.descriptor_of_both()).as_ref(),
                Ok(&wallet)
            );
            for keychain in Keychain::ALL {
                assert_eq!(account.descriptor(keychain), wallet.descriptor(keychain));
                for index in [0, 1, 19, 4_711, (1 << 31) - 1] {
                    let place = Place { keychain, index };
                    assert_eq!(
                        account.address(place).as_ref(),
                        wallet.address(place).ok().as_ref().map(|address| address.destination())
                    );
                }
            }
        }
    }
}

#[test]
fn accounts_differ_and_a_lane_is_named_after_the_first_address() {
    let seed = Seed::from_phrase(WORDS).expect("published words");
    let of = |account| {
        seed.bitcoin(BitcoinNetwork::Testnet4, AccountKind::Segwit, account).expect("an account")
    };
    assert_ne!(of(0).wallet(), of(1).wallet());
    assert!(of(1).descriptor(Keychain::External).contains("/84'/1'/1']tpub"));
    let first = Place { keychain: Keychain::External, index: 0 };
    assert_eq!(Some(of(0).lane(chain()).wallet), of(0).address(first));
}

#[test]
fn a_configuration_that_contradicts_itself_does_not_start() {
    let refusal = |change: &dyn Fn(&mut SignerConfig)| {
        let mut config = config();
        change(&mut config);
        match World::new().try_start(config).err() {
            Some(OpenError::Config(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let set = |it: &mut SignerConfig, name: &str, policy| {
        it.chains.insert(name.parse().expect("a chain"), policy);
    };
    let policy = |network, feerate_cap| {
        ChainPolicy::Bitcoin(BitcoinPolicy {
            network,
            fee_cap: adit_core::Amount::new(1),
            feerate_cap,
        })
    };
    let mainnet = policy(BitcoinNetwork::Mainnet, FeeRate::from_sat_per_kvb(1));
    let regtest = policy(BitcoinNetwork::Regtest, FeeRate::from_sat_per_kvb(1));
    let segwit = AccountKind::Segwit;
    assert!(matches!(
        refusal(&|it| set(it, "btc", mainnet)),
        ConfigError::OtherNetwork {
            key: BitcoinNetwork::Regtest,
            chain: BitcoinNetwork::Mainnet,
            ..
        }
    ));
    let twice = |it: &mut SignerConfig| {
        set(it, "again", regtest);
        it.keys.push((
            account(segwit).lane("again".parse().expect("a chain")),
            account(segwit).into(),
        ));
    };
    assert!(matches!(
        refusal(&twice),
        ConfigError::SameWallet { network: BitcoinNetwork::Regtest, .. }
    ));
    let free = policy(BitcoinNetwork::Regtest, FeeRate::ZERO);
    assert!(matches!(refusal(&|it| set(it, "btc", free)), ConfigError::NoFee { .. }));
    assert!(matches!(
        refusal(&|it| it.keys.push((
            account(segwit).lane("base".parse().expect("a chain")),
            account(segwit).into()
        ))),
        ConfigError::OtherKind { key: ChainKind::Bitcoin, chain: ChainKind::Evm, .. }
    ));
    assert!(matches!(
        refusal(&|it| it.keys.push((key().lane(chain()), key().into()))),
        ConfigError::OtherKind { key: ChainKind::Evm, chain: ChainKind::Bitcoin, .. }
    ));
    assert!(matches!(
        refusal(&|it| it.keys.push((lane(segwit), account(AccountKind::Taproot).into()))),
        ConfigError::OtherKey { .. }
    ));
    assert!(matches!(
        refusal(&|it| it.keys.push((lane(segwit), account(segwit).into()))),
        ConfigError::TwoKeys { .. }
    ));
    let token = Asset {
        id: asset("RUNE"),
        decimals: 8,
        form: AssetForm::Token { chain: chain(), contract: "0x0".to_owned() },
    };
    assert!(matches!(refusal(&|it| it.assets.push(token.clone())), ConfigError::Token { .. }));
    let wei = |it: &mut SignerConfig| {
        it.assets.iter_mut().filter(|asset| asset.id == btc()).for_each(|asset| asset.decimals = 18)
    };
    assert!(matches!(refusal(&wei), ConfigError::Decimals { decimals: 18, .. }));
}
