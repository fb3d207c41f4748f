//! What a lane asks after a restart (case F100).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use adit_bitcoin::{
    BitcoinConfig, BitcoinLane, Face, KeyWallet, LaneSettings, Network, RootKey, Wallet,
};
use adit_chain::{Chain as _, Watch};
use adit_core::{CoinPlaces, Destination, Keychain, LaneId, Place, Span, Trust};
use bitcoin::ScriptBuf;

use crate::twist::Twister;
use crate::world::{COIN, World, config};

/// The next number of a wallet that has made so many payments.
const NEXT: u64 = 300;
/// Numbers below the newest that are asked for at every block.
const RECENT: u64 = 50;
/// Addresses beyond the last one, of each keychain.
const GAP: u64 = 20;

pub fn wallet() -> Wallet {
    RootKey::from_seed(Network::Regtest, &[7; 64]).expect("a root").wallet(KeyWallet::Segwit)
}

fn change(index: u32) -> ScriptBuf {
    wallet().script(Place { keychain: Keychain::Internal, index }).expect("an index")
}

/// A lane over Esplora alone, which counts how many scripts it is asked for.
struct Restarted {
    lane: BitcoinLane,
    asked: Arc<AtomicU64>,
    _between: Twister,
}

impl Restarted {
    async fn over(world: &World) -> Self {
        let between = Twister::start(world.bitcoin.esplora_url()).await;
        let asked = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&asked);
        between.lie(move |asked, said| {
            let is_first_page = asked.path.ends_with("/utxo") || asked.path.ends_with("/txs");
            counted.fetch_add(u64::from(is_first_page), Ordering::SeqCst);
            said
        });
        let config = BitcoinConfig {
            trust: Trust::Single,
            ..config(vec![(Face::Esplora, between.url().to_owned())])
        };
        let settings = LaneSettings {
            look_every: Span::from_millis(0),
            ..LaneSettings::new("BTC".parse().expect("an asset"), wallet())
        };
        Self {
            lane: BitcoinLane::new(config, settings).expect("a good configuration"),
            asked,
            _between: between,
        }
    }

    fn asked(&self) -> u64 {
        self.asked.swap(0, Ordering::SeqCst)
    }

    async fn look(&self) {
        self.lane.watch(&watch()).await.expect("a look");
    }

    async fn held(&self) -> u128 {
        self.lane.funds(&watch().lane, 0).await.expect("funds")[0].balance.base_units()
    }
}

fn watch() -> Watch {
    let wallet = Destination::new("wallet").expect("a name");
    let lane = LaneId { chain: "bitcoin".parse().expect("a name"), wallet };
    Watch {
        lane,
        next_nonce: NEXT,
        adopted_from: 0,
        confirmations: 1,
        trail: Vec::new(),
        lineages: Vec::new(),
    }
}

/// 300 payments, of which one left a coin; and a stranger has paid an address of change of long
/// ago, which only a rescan sees.
#[tokio::test(flavor = "multi_thread")]
async fn f100_a_restart_asks_for_what_it_knew_alone() {
    let Some(world) = World::start("restart").await else { return };
    let coin = u128::from(COIN.to_sat());
    world.bitcoin.miner().fund_each(&[change(7), change(9)], COIN).await.expect("funded");
    world.bitcoin.miner().mine(6).await.expect("mined");
    world.catch_up().await;
    let kept = CoinPlaces { below: NEXT - RECENT, holding: [7].into(), rescans: 0 };
    let new = RECENT + GAP;

    let restarted = Restarted::over(&world).await;
    restarted.lane.remind(&kept);
    restarted.look().await;
    assert_eq!((restarted.asked(), restarted.held().await), (1 + GAP + new, coin));
    assert_eq!(restarted.lane.coin_places(), Some(kept.clone()), "and it goes on as it was");
    assert!(restarted.lane.outgoing(&watch()).await.expect("a look").is_empty());
    assert_eq!(restarted.asked(), 1 + GAP + new, "who spends from the wallet is asked of the same");

    restarted.lane.remind(&CoinPlaces { rescans: 1, ..CoinPlaces::default() });
    assert_eq!(
        restarted.lane.coin_places().map(|places| places.rescans),
        Some(0),
        "nothing is learned before it looks"
    );
    restarted.look().await;
    assert_eq!((restarted.asked(), restarted.held().await), (NEXT + 2 * GAP, 2 * coin));
    let all = CoinPlaces { holding: [7, 9].into(), rescans: 1, ..kept };
    assert_eq!(restarted.lane.coin_places(), Some(all));

    let unreminded = Restarted::over(&world).await;
    unreminded.look().await;
    assert_eq!(unreminded.asked(), NEXT + 2 * GAP, "who knows nothing asks for everything");
}

/// F39: coins that were listed below a booked payment may be those that it spent.
#[tokio::test(flavor = "multi_thread")]
async fn f39_coins_listed_below_a_booked_payment_are_not_counted() {
    let Some(world) = World::start("behind").await else { return };
    world.bitcoin.miner().fund_each(&[change(7)], COIN).await.expect("funded");
    world.bitcoin.miner().mine(6).await.expect("mined");
    world.catch_up().await;
    let restarted = Restarted::over(&world).await;
    restarted.look().await;
    let head = restarted.lane.tip().await.expect("a tip").head.height;
    assert!(restarted.lane.funds(&watch().lane, head).await.is_ok());
    let behind = restarted.lane.funds(&watch().lane, head + 1).await;
    assert!(
        matches!(behind, Err(adit_chain::Fault::Behind { booked, .. }) if booked == head + 1),
        "{behind:?}"
    );
    let request = adit_chain::PlanRequest {
        lane: watch().lane,
        first: NEXT,
        offer: adit_core::Offer::Bitcoin(adit_core::FeeRate::from_sat_per_kvb(1_000)),
        legs: Vec::new(),
        committed: Default::default(),
        booked: head + 1,
        live: &[],
    };
    assert!(matches!(restarted.lane.plan(&request).await, Err(adit_chain::Fault::Behind { .. })));
}
