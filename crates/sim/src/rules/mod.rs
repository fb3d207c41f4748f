//! What the simulated installation is configured to pay, and how.

mod bitcoin;

use std::collections::BTreeMap;

use adit_core::*;
use adit_evm::{EvmConfig, canonical};
use adit_signer::{AssetCaps, ChainPolicy, EnvironmentId, EvmPolicy, Key, SignerConfig, WalletKey};
use alloy::primitives::Address;

use crate::Dice;

pub use bitcoin::{
    BITCOIN_BLOCK_SECONDS, BitcoinSetup, bitcoin_chain, bitcoin_destination, script_of,
};

pub const CHAIN_ID: u64 = 31_337;
/// Seconds between blocks.
pub const BLOCK_SECONDS: u64 = 12;
pub const GWEI: u128 = 1_000_000_000;
/// Wei per gas that no attempt may exceed.
pub const FEE_PER_GAS_MAX: u128 = 200 * GWEI;
/// Thousandths of days on which the signer has a cap per day. Of all assets together it is this
/// much, in whole units: a little more than is wished for in a day. Some of those days reach it for
/// one of them, and what is left waits for the next day.
const DAY_CAP_PERMILLE: u32 = 300;
const DAY_CAP_WHOLE: (u64, u64) = (6_500, 11_000);
/// The calendar day begins in the middle of the simulated one.
const DAY_BEGINS_MINUTES: i32 = 14 * 60;
const HOT_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
/// Of each chain.
pub const ENDPOINTS: usize = 3;
/// The place of a chain's first endpoint among all.
pub const BITCOIN_ENDPOINTS_FROM: usize = ENDPOINTS;
pub const ALL_ENDPOINTS: usize = 2 * ENDPOINTS;

/// The fixed part of every world.
#[derive(Clone)]
pub struct Setup {
    /// Whether this day pays on an EVM chain.
    pub pays_evm: bool,
    /// Where this day pays bitcoin.
    pub bitcoin: Option<BitcoinSetup>,
    pub wallet: Address,
    pub lane: LaneId,
    pub tokens: [(AssetId, Address, u8); 2],
    pub final_depth: u64,
    pub finality: Finality,
    /// Whether the database counts its lives, as Postgres does.
    pub counts_timelines: bool,
    /// The signer signs this much in a day, in whole units of all assets together, each having an
    /// equal share; none signs any amount.
    pub day_cap_whole: Option<u128>,
    /// Whether the EVM chain's first payment under a new lease goes alone.
    pub slow_start: bool,
}

pub fn asset(name: &str) -> AssetId {
    name.parse().expect("an asset")
}

pub fn chain_name() -> ChainName {
    "sim".parse().expect("a chain")
}

pub fn book() -> Book {
    "main".parse().expect("a book")
}

fn hot_key() -> Key {
    Key::from_hex(HOT_KEY).expect("a key")
}

/// The key of the hot wallet, for whoever else has it.
pub fn hot_secret() -> secp256k1::SecretKey {
    HOT_KEY.trim_start_matches("0x").parse().expect("a key")
}

impl Setup {
    pub fn draw(dice: &mut Dice) -> Self {
        let wallet = adit_evm::address_of(&hot_key().wallet()).expect("an address");
        let lane = LaneId { chain: chain_name(), wallet: canonical(wallet) };
        let token =
            |name: &str, byte: u8, decimals| (asset(name), Address::repeat_byte(byte), decimals);
        let (pays_evm, pays_bitcoin) = match dice.between(0, 4) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        let bitcoin = pays_bitcoin.then(|| BitcoinSetup::draw(dice));
        let final_depth = dice.between(8, 40);
        let finality = match dice.chance(500) {
            true => Finality::Tag,
            false => Finality::Depth { blocks: u32::try_from(final_depth).expect("small") },
        };
        let tokens = [token("DG", 0xd6, 18), token("ODD", 0x0d, 6)];
        Self {
            pays_evm,
            bitcoin,
            wallet,
            lane,
            tokens,
            final_depth,
            finality,
            counts_timelines: dice.chance(400),
            day_cap_whole: dice
                .chance(DAY_CAP_PERMILLE)
                .then(|| u128::from(dice.between(DAY_CAP_WHOLE.0, DAY_CAP_WHOLE.1))),
            slow_start: dice.chance(500),
        }
    }

    /// One whole unit of an asset, in base units.
    pub fn whole(&self, asset: &AssetId) -> u128 {
        let known = self.assets().into_iter().find(|known| known.id == *asset);
        let decimals = known.map_or(18, |known| known.decimals);
        10_u128.pow(u32::from(decimals))
    }

    /// The contract of an asset; none of the native coin.
    pub fn contract(&self, asset: &AssetId) -> Option<Address> {
        self.tokens.iter().find(|(id, _, _)| id == asset).map(|(_, address, _)| *address)
    }

    /// Everything that is paid on this day.
    pub fn assets(&self) -> Vec<Asset> {
        let evm = if self.pays_evm { self.evm_assets() } else { Vec::new() };
        evm.into_iter().chain(self.bitcoin.iter().map(BitcoinSetup::asset)).collect()
    }

    /// What the signer signs of it in a UTC day, at most.
    pub fn day_cap(&self, asset: &AssetId) -> Amount {
        let share = |whole| whole * self.whole(asset) / self.assets().len() as u128;
        self.day_cap_whole.map_or(Amount::MAX, |whole| Amount::new(share(whole)))
    }

    /// Every wallet that pays.
    pub fn lanes(&self) -> Vec<LaneId> {
        let evm = self.pays_evm.then(|| self.lane.clone());
        evm.into_iter().chain(self.bitcoin.iter().map(|bitcoin| bitcoin.lane.clone())).collect()
    }

    pub fn is_bitcoin(&self, asset: &AssetId) -> bool {
        self.bitcoin.as_ref().is_some_and(|bitcoin| bitcoin.asset().id == *asset)
    }

    fn evm_assets(&self) -> Vec<Asset> {
        let token = |(id, address, decimals): &(AssetId, Address, u8)| Asset {
            id: id.clone(),
            decimals: *decimals,
            form: AssetForm::Token {
                chain: chain_name(),
                contract: canonical(*address).as_str().to_owned(),
            },
        };
        let coin = Asset {
            id: asset("ETH"),
            decimals: 18,
            form: AssetForm::Native { chain: chain_name() },
        };
        self.tokens.iter().map(token).chain([coin]).collect()
    }

    pub fn rules(&self) -> Rules {
        let policy = |asset: &Asset| {
            let whole = 10_u128.pow(u32::from(asset.decimals));
            Policy {
                minimum: Amount::new(whole / 100),
                maximum: Some(Amount::new(whole * 500)),
                fee: Fee { flat: Amount::new(whole / 1_000), basis_points: 5, from_amount: false },
                cooldown: None,
                windows: vec![
                    WindowLimit { window: Window::Rolling24h, max: Amount::new(whole * 700) },
                    WindowLimit {
                        window: Window::CalendarDay { offset_minutes: DAY_BEGINS_MINUTES },
                        max: Amount::new(whole * 450),
                    },
                ],
                approve_above: Some(Amount::new(whole * 200)),
            }
        };
        let rule = |asset: Asset| {
            (asset.id.clone(), AssetRules { policy: policy(&asset), asset, tiers: BTreeMap::new() })
        };
        Rules {
            revision: 1,
            assets: self.assets().into_iter().map(rule).collect(),
            chains: self.chains(),
            claims: None,
            wallet_cooling: Span::from_hours(24),
            cancels_per_day_max: 10,
        }
    }

    fn chains(&self) -> BTreeMap<ChainName, ChainRules> {
        let evm = self.pays_evm.then(|| (chain_name(), self.chain_rules()));
        let bitcoin = self.bitcoin.as_ref().map(|bitcoin| (bitcoin_chain(), bitcoin.chain_rules()));
        evm.into_iter().chain(bitcoin).collect()
    }

    fn chain_rules(&self) -> ChainRules {
        ChainRules {
            name: chain_name(),
            native: asset("ETH"),
            lane: self.lane.clone(),
            confirmations: 2,
            finality: self.finality,
            trust: Trust::Quorum,
            kind: adit_core::ChainKind::Evm,
            slow_start: self.slow_start,
            in_flight_max: 16,
            attempts_max: 8,
            bump_after: Span::from_seconds(120),
            rebroadcast_after: Span::from_seconds(100),
            offer_max: FEE_PER_GAS_MAX,
            fee_share_max: None,
            patience: None,
            batching: None,
            fee_per_transaction_max: Amount::new(10_u128.pow(18)),
            head_age_max: Some(Span::from_seconds(600)),
            blocks_on_demand: false,
            precheck_tries_max: 4,
            consolidation: None,
            precheck_backoff: Span::from_seconds(60),
        }
    }

    pub fn evm(&self) -> EvmConfig {
        EvmConfig {
            trust: Trust::Quorum,
            finality: self.finality,
            assets: self.evm_assets(),
            wallets: vec![self.lane.wallet.clone()],
            ..EvmConfig::new(chain_name(), CHAIN_ID, Vec::new())
        }
    }

    pub fn signer(&self) -> SignerConfig {
        let caps = |asset: &AssetId| AssetCaps {
            per_transaction: Amount::MAX,
            per_day: self.day_cap(asset),
        };
        SignerConfig {
            environment: EnvironmentId::new("sim").expect("an environment"),
            keys: self.keys(),
            chains: self.policies(),
            assets: self.assets(),
            caps: self
                .assets()
                .into_iter()
                .map(|asset| (asset.id.clone(), caps(&asset.id)))
                .collect(),
        }
    }

    fn keys(&self) -> Vec<(LaneId, WalletKey)> {
        let evm = self.pays_evm.then(|| (self.lane.clone(), hot_key().into()));
        let bitcoin =
            self.bitcoin.as_ref().map(|bitcoin| (bitcoin.lane.clone(), bitcoin.account().into()));
        evm.into_iter().chain(bitcoin).collect()
    }

    fn policies(&self) -> BTreeMap<ChainName, ChainPolicy> {
        let policy = EvmPolicy { chain_id: CHAIN_ID, fee_cap: Amount::new(10_u128.pow(18)) };
        let evm = self.pays_evm.then_some((chain_name(), ChainPolicy::Evm(policy)));
        let bitcoin = self
            .bitcoin
            .as_ref()
            .map(|bitcoin| (bitcoin_chain(), ChainPolicy::Bitcoin(bitcoin.policy())));
        evm.into_iter().chain(bitcoin).collect()
    }
}
