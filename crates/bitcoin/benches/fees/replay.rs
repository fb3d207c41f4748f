//! One crowd under one history: at each look the engine's rule says who is paid, and its planner
//! what that costs.

use std::collections::{BTreeMap, BTreeSet};

use adit_bitcoin::{
    Batch, Coin, KeyWallet, Network, OutputsMax, Payable, Payment, Purse, RootKey, Seen, Wallet,
};
use adit_core::{
    Act, Amount, AssetId, Batching, BitcoinMarket, BlockRef, ChainKind, ChainName, ChainRules,
    Destination, FeeRate, Finality, Hash32, Keychain, Lane, LaneId, LaneState, LaneView, Market,
    Patience, Place, Span, Timestamp, Tip, Trust, Withdrawal, WithdrawalId, next,
};

use crate::crowd::Crowd;
use crate::history::History;

/// Between two looks, as between two blocks.
pub const TICK_SECONDS: u64 = 600;
/// One coin that pays for any batch: what change costs is part of every transaction, and coins are
/// not the question here.
const COIN: Amount = Amount::new(100_000_000_000);

/// How payouts are put together, and what they wait for.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    pub batching: Option<Batching>,
    pub patience: Option<Patience>,
}

impl Policy {
    pub const ALONE: Self = Self { batching: None, patience: None };
}

/// What it came to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub payouts: u64,
    pub transactions: u64,
    /// In satoshis.
    pub fees: u128,
    /// Paid because their time was over, and not because it was cheap.
    pub overdue: u64,
    waited_seconds: i64,
    waited_seconds_max: i64,
}

impl Outcome {
    pub fn satoshi_per_payout(&self) -> f64 {
        self.fees as f64 / self.payouts as f64
    }

    pub fn hours_mean(&self) -> f64 {
        self.waited_seconds as f64 / self.payouts as f64 / 3_600.0
    }

    pub fn hours_max(&self) -> f64 {
        self.waited_seconds_max as f64 / 3_600.0
    }
}

/// The engine's part, and the wallet that pays.
struct Payer<'a> {
    policy: Policy,
    crowd: &'a Crowd,
    wallet: Wallet,
    coins: [Coin; 1],
    rules: ChainRules,
    lane: Lane,
    outcome: Outcome,
}

pub fn replay(history: &History, crowd: &Crowd, policy: Policy) -> Outcome {
    let mut payer = Payer::new(crowd, policy);
    let (mut arriving, mut queue) = (crowd.withdrawals.iter().peekable(), Vec::new());
    let mut now = history.first();
    while arriving.peek().is_some() || !queue.is_empty() {
        now = now.plus(Span::from_seconds(TICK_SECONDS));
        while let Some(arrived) = arriving.next_if(|withdrawal| withdrawal.created_at <= now) {
            queue.push(arrived.clone());
        }
        let due = payer.due(&queue, history.at(now), now);
        let (paid, waiting) =
            queue.into_iter().partition(|withdrawal: &Withdrawal| due.contains(&withdrawal.id));
        queue = waiting;
        payer.pay(&paid, history.at(now), now);
    }
    payer.outcome
}

impl<'a> Payer<'a> {
    fn new(crowd: &'a Crowd, policy: Policy) -> Self {
        let wallet = RootKey::from_seed(Network::Mainnet, &[7; 32])
            .expect("a seed of 32 bytes")
            .wallet(KeyWallet::Segwit);
        let outpoint = format!("{:064x}:0", 1).parse().expect("an outpoint");
        let place = Place { keychain: Keychain::External, index: 0 };
        let coins = [Coin {
            outpoint,
            amount: COIN,
            place,
            seen: Seen::Confirmed { height: 1, coinbase: false },
        }];
        let id = LaneId {
            chain: ChainName::new("bitcoin").expect("a name"),
            wallet: Destination::new("wallet").expect("a name"),
        };
        let lane = Lane { state: LaneState::Running, ..Lane::new(id.clone()) };
        Self {
            policy,
            crowd,
            wallet,
            coins,
            rules: rules(id, policy),
            lane,
            outcome: Outcome::default(),
        }
    }

    /// Who is paid now.
    fn due(
        &mut self,
        queue: &[Withdrawal],
        feerate: FeeRate,
        now: Timestamp,
    ) -> BTreeSet<WithdrawalId> {
        let head = BlockRef { height: 100, hash: Hash32([0; 32]) };
        let market = Market::Bitcoin(BitcoinMarket::estimated(feerate));
        self.lane.tip = Some(Tip { head, final_height: 95, market, mined_at: now, at: now });
        let suspensions = BTreeMap::new();
        let view = LaneView {
            lane: &self.lane,
            chain: &self.rules,
            live: &[],
            queue,
            suspensions: &suspensions,
            now,
            clock_doubt: None,
        };
        let plan = |act| if let Act::Plan { withdrawal } = act { Some(withdrawal) } else { None };
        next(&view).into_iter().filter_map(plan).collect()
    }

    fn pay(&mut self, paid: &[Withdrawal], feerate: FeeRate, now: Timestamp) {
        for withdrawal in paid {
            let waited = now.seconds() - withdrawal.created_at.seconds();
            self.outcome.payouts += 1;
            self.outcome.waited_seconds += waited;
            self.outcome.waited_seconds_max = self.outcome.waited_seconds_max.max(waited);
            let late = self
                .policy
                .patience
                .is_some_and(|patience| now >= withdrawal.created_at.plus(patience.wait_max));
            self.outcome.overdue += u64::from(late);
        }
        let per_transaction = self.policy.batching.map_or(1, |batching| batching.payouts_max);
        let mut open: Vec<Payable> =
            paid.iter().map(|withdrawal| self.payable(withdrawal)).collect();
        while !open.is_empty() {
            let one = if per_transaction == 1 { 1 } else { open.len() };
            let batch =
                Batch::of(&open[..one], OutputsMax::new(per_transaction).expect("1 to 250"));
            let payment = Payment { wallet: &self.wallet, number: 0, feerate };
            let draft = batch
                .plan(payment, &Purse { coins: &self.coins, reserved: &BTreeSet::new(), tip: 100 })
                .expect("one coin is enough");
            self.outcome.transactions += 1;
            self.outcome.fees += draft.fee().expect("inputs cover outputs").base_units();
            let left = open.split_off(one);
            let later: Vec<Payable> =
                open.into_iter().filter(|payable| batch.later.contains(&payable.payout)).collect();
            open = later.into_iter().chain(left).collect();
        }
    }

    fn payable(&self, withdrawal: &Withdrawal) -> Payable {
        Payable {
            payout: withdrawal.payout,
            address: self.crowd.address(withdrawal.payout).clone(),
            amount: withdrawal.amount,
        }
    }
}

/// The defaults of the configuration, without caps on the feerate: what is compared is what waiting
/// saves.
fn rules(lane: LaneId, policy: Policy) -> ChainRules {
    ChainRules {
        name: lane.chain.clone(),
        kind: ChainKind::Bitcoin,
        native: AssetId::new("BTC").expect("a name"),
        lane,
        confirmations: 2,
        finality: Finality::Depth { blocks: 5 },
        trust: Trust::Quorum,
        slow_start: false,
        in_flight_max: 1_000,
        attempts_max: 20,
        bump_after: Span::from_seconds(1_800),
        rebroadcast_after: Span::from_seconds(600),
        offer_max: u128::MAX,
        fee_per_transaction_max: Amount::new(u128::MAX),
        fee_share_max: None,
        patience: policy.patience,
        consolidation: None,
        batching: policy.batching,
        head_age_max: None,
        blocks_on_demand: false,
        precheck_tries_max: 5,
        precheck_backoff: Span::from_seconds(5),
    }
}
