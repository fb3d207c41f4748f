//! The part of the installation that pays bitcoin.

use std::sync::OnceLock;

use adit_bitcoin::{Address, BitcoinConfig, LaneSettings, Network, OutputsMax, Wallet};
use adit_core::*;
use adit_signer::{AccountKind, BitcoinAccount, BitcoinNetwork, BitcoinPolicy, Seed};
use bitcoin::hashes::Hash;
use bitcoin::{ScriptBuf, WPubkeyHash, WScriptHash};

use super::asset;
use crate::Dice;

/// Mean seconds between blocks: more often than in reality, so that a day has some hundred.
pub const BITCOIN_BLOCK_SECONDS: u64 = 240;
const SATOSHI_PER_BITCOIN: u64 = 100_000_000;
/// Satoshi per 1000 virtual bytes that no attempt may exceed.
pub const OFFER_MAX: u64 = 200_000;
/// Satoshi that one transaction may cost.
const FEE_MAX: u128 = 4_000_000;
/// The words of BIP-39's first test vector.
const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
/// Whole bitcoins that the wallet holds at first, over all of its coins.
const OPENING_BITCOINS: u64 = 60_000;
const PAYOUTS_PER_TRANSACTION_MAX: u16 = 25;

/// What of a Bitcoin lane differs from day to day.
#[derive(Clone)]
pub struct BitcoinSetup {
    pub lane: LaneId,
    pub wallet: Wallet,
    pub kind: AccountKind,
    /// Blocks on top after which one is final.
    pub final_blocks: u32,
    /// What the wallet has at first, in satoshi.
    pub coins: Vec<(ScriptBuf, u64)>,
    /// Where few are under way at a time, others wait, and join a better version of one.
    pub in_flight_max: u32,
    pub gather: Span,
}

pub fn bitcoin_chain() -> ChainName {
    "bitcoin".parse().expect("a chain")
}

fn account(kind: AccountKind) -> BitcoinAccount {
    let seed = Seed::from_phrase(WORDS).expect("published words");
    seed.bitcoin(BitcoinNetwork::Regtest, kind, 0).expect("an account")
}

/// One for all seeds: what it derives is the same in each.
fn wallet(kind: AccountKind) -> Wallet {
    static WALLETS: OnceLock<[Wallet; 2]> = OnceLock::new();
    let of = |kind| {
        let account = account(kind);
        let [external, internal] = Keychain::ALL.map(|keychain| account.descriptor(keychain));
        Wallet::of_descriptors(Network::Regtest, &external, &internal)
            .expect("the signer's own descriptors")
    };
    let [segwit, taproot] =
        WALLETS.get_or_init(|| [of(AccountKind::Segwit), of(AccountKind::Taproot)]);
    match kind {
        AccountKind::Segwit => segwit.clone(),
        AccountKind::Taproot => taproot.clone(),
    }
}

/// Where a wish for bitcoin goes: an address of its own, of one of two kinds.
pub fn bitcoin_destination(wish: u64) -> Destination {
    let script = match wish % 2 {
        0 => ScriptBuf::new_p2wpkh(&WPubkeyHash::hash(&wish.to_be_bytes())),
        _ => ScriptBuf::new_p2wsh(&WScriptHash::hash(&wish.to_be_bytes())),
    };
    Address::of_script(Network::Regtest, script)
        .expect("a script of a known kind")
        .destination()
        .clone()
}

/// The script of an address.
pub fn script_of(destination: &Destination) -> ScriptBuf {
    Address::parse(Network::Regtest, destination.as_str())
        .expect("an address of this network")
        .script()
        .clone()
}

impl BitcoinSetup {
    pub fn draw(dice: &mut Dice) -> Self {
        let kind = if dice.chance(500) { AccountKind::Segwit } else { AccountKind::Taproot };
        let (account, wallet) = (account(kind), wallet(kind));
        let final_blocks = u32::try_from(dice.between(3, 8)).expect("small");
        let count = dice.between(4, 30);
        let coin = |number: u64| {
            let place = Place {
                keychain: Keychain::External,
                index: u32::try_from(number % 5).expect("small"),
            };
            (
                wallet.script(place).expect("an index"),
                OPENING_BITCOINS * SATOSHI_PER_BITCOIN / count,
            )
        };
        let coins = (0..count).map(coin).collect();
        let in_flight_max = u32::try_from(dice.between(1, 9)).expect("small");
        let gather = Span::from_seconds(dice.between(20, 900));
        Self {
            lane: account.lane(bitcoin_chain()),
            wallet,
            kind,
            final_blocks,
            coins,
            in_flight_max,
            gather,
        }
    }

    pub fn account(&self) -> BitcoinAccount {
        account(self.kind)
    }

    pub fn asset(&self) -> Asset {
        Asset { id: asset("BTC"), decimals: 8, form: AssetForm::Native { chain: bitcoin_chain() } }
    }

    /// Every script of the wallet up to that number.
    pub fn scripts(&self, numbers: u32) -> Vec<ScriptBuf> {
        let place = |keychain| move |index| Place { keychain, index };
        let external = (0..adit_bitcoin::GAP_LIMIT).map(place(Keychain::External));
        let internal =
            (0..numbers.saturating_add(adit_bitcoin::GAP_LIMIT)).map(place(Keychain::Internal));
        external.chain(internal).map(|place| self.wallet.script(place).expect("an index")).collect()
    }

    pub fn config(&self) -> BitcoinConfig {
        BitcoinConfig::new(bitcoin_chain(), Network::Regtest, Vec::new())
    }

    pub fn settings(&self) -> LaneSettings {
        let plain = LaneSettings::new(asset("BTC"), self.wallet.clone());
        let outputs_max = OutputsMax::new(PAYOUTS_PER_TRANSACTION_MAX).expect("within bounds");
        LaneSettings {
            final_blocks: self.final_blocks,
            outputs_max,
            fee_max: Amount::new(FEE_MAX),
            ..plain
        }
    }

    pub fn policy(&self) -> BitcoinPolicy {
        let feerate_cap = FeeRate::from_sat_per_kvb(OFFER_MAX * 4);
        BitcoinPolicy {
            network: BitcoinNetwork::Regtest,
            fee_cap: Amount::new(FEE_MAX * 2),
            feerate_cap,
        }
    }

    pub fn chain_rules(&self) -> ChainRules {
        ChainRules {
            name: bitcoin_chain(),
            kind: ChainKind::Bitcoin,
            native: asset("BTC"),
            lane: self.lane.clone(),
            confirmations: 2,
            finality: Finality::Depth { blocks: self.final_blocks },
            trust: Trust::Quorum,
            slow_start: false,
            in_flight_max: self.in_flight_max,
            attempts_max: 10,
            bump_after: Span::from_seconds(500),
            rebroadcast_after: Span::from_seconds(400),
            offer_max: u128::from(OFFER_MAX),
            fee_share_max: None,
            patience: None,
            consolidation: None,
            batching: Some(Batching {
                gather: self.gather,
                payouts_max: PAYOUTS_PER_TRANSACTION_MAX,
            }),
            fee_per_transaction_max: Amount::new(FEE_MAX),
            head_age_max: None,
            blocks_on_demand: false,
            precheck_tries_max: 4,
            precheck_backoff: Span::from_seconds(60),
        }
    }
}
