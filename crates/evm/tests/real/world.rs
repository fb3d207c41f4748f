//! One anvil, one wallet of ours, tokens, and the chain under test in front of them.

use std::sync::atomic::{AtomicU64, Ordering};

use adit_chain::{
    Chain, NextVersion, Obstacle, PlanRequest, Ready, Sightings, Watch, WatchedAttempt,
    WatchedLineage,
};
use adit_core::{
    Amount, Asset, AssetForm, AssetId, Attempt, AttemptId, BlockRef, Bytes, ChainName, Destination,
    Draft, Epoch, EvmDraft, Fact, Finality, LaneId, Leg, Lineage, LineageId, LineageState, Market,
    Offer, PayoutId, Purpose, Signed, Stage, Timestamp, Trust, WithdrawalId,
};
use adit_devnet::abi::Token;
use adit_devnet::anvil::{self, Anvil};
use adit_devnet::contracts::{self, Contract};
use adit_devnet::deployer::Deployer;
use adit_devnet::player::Wallet;
use adit_devnet::primitives::{Address, U256, address};
use adit_evm::{EvmChain, EvmConfig, canonical};
use alloy::consensus::{SignableTransaction, TxEnvelope};
use alloy::eips::Encodable2718;
use alloy::primitives::Signature;
use alloy::sol_types::SolValue;
use serde_json::{Value, json};
use uuid::Uuid;

pub const CHAIN_ID: u64 = 31_337;
pub const BOB: Address = address!("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB");

/// Everything a test needs.
pub struct World {
    pub anvil: Anvil,
    pub wallet: Wallet,
    pub lane: LaneId,
    pub assets: Vec<Asset>,
}

impl World {
    /// An empty chain on which the wallet has 1,000 coins.
    pub async fn new() -> Self {
        let log = adit_devnet::scratch::fresh("evm-anvil");
        let anvil =
            Anvil::start(&anvil::Chain { chain_id: CHAIN_ID, ..anvil::Chain::default() }, log)
                .await
                .expect("anvil starts");
        let wallet = Wallet::named("hot wallet");
        let lane = LaneId { chain: name(), wallet: canonical(wallet.address) };
        let native =
            Asset { id: asset("ETH"), decimals: 18, form: AssetForm::Native { chain: name() } };
        let world = Self { anvil, wallet, lane, assets: vec![native] };
        world.deployer().pay(world.wallet.address, units(1_000)).await.expect("paid");
        world
    }

    /// A chain whose blocks have no base fee.
    pub async fn without_base_fees() -> Self {
        let log = adit_devnet::scratch::fresh("evm-berlin");
        let chain = anvil::Chain {
            chain_id: CHAIN_ID,
            hardfork: Some("berlin"),
            ..anvil::Chain::default()
        };
        let anvil = Anvil::start(&chain, log).await.expect("anvil starts");
        let wallet = Wallet::named("hot wallet");
        let lane = LaneId { chain: name(), wallet: canonical(wallet.address) };
        let native =
            Asset { id: asset("ETH"), decimals: 18, form: AssetForm::Native { chain: name() } };
        let world = Self { anvil, wallet, lane, assets: vec![native] };
        world.rpc("anvil_setBalance", json!([world.wallet.address, units(1_000)])).await;
        world
    }

    /// With a good token called DG.
    pub async fn with_dg() -> Self {
        let mut world = Self::new().await;
        world.dg().await;
        world
    }

    pub async fn dg(&mut self) -> Address {
        let arguments = ("Demo".to_owned(), "DG".to_owned()).abi_encode_params();
        self.token("DG", &contracts::DG_TOKEN, &arguments).await
    }

    /// Deploys a token, gives the wallet 1,000 of it and configures it.
    pub async fn token(&mut self, id: &str, contract: &Contract, arguments: &[u8]) -> Address {
        let token = self.deployer().deploy(contract, arguments).await.expect("deployed");
        let mint = Token::mintCall { to: self.wallet.address, amount: units(1_000) };
        self.deployer().execute(token, &mint).await.expect("minted");
        let form = AssetForm::Token { chain: name(), contract: token.to_checksum(None) };
        self.assets.push(Asset { id: asset(id), decimals: 18, form });
        token
    }

    pub fn deployer(&self) -> Deployer<'_> {
        Deployer::new(self.anvil.rpc())
    }

    /// The chain over one honest endpoint.
    pub fn chain(&self) -> EvmChain {
        self.chain_over(Trust::Single, &[self.anvil.url()])
    }

    pub fn chain_over(&self, trust: Trust, urls: &[&str]) -> EvmChain {
        EvmChain::new(self.config(trust, urls)).expect("a good configuration")
    }

    pub fn config(&self, trust: Trust, urls: &[&str]) -> EvmConfig {
        EvmConfig {
            trust,
            finality: Finality::Depth { blocks: 4 },
            assets: self.assets.clone(),
            wallets: vec![self.lane.wallet.clone()],
            ..EvmConfig::new(name(), CHAIN_ID, urls.iter().map(|url| (*url).to_owned()).collect())
        }
    }

    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        self.anvil.rpc().call(method, params).await.expect("anvil answers")
    }

    pub async fn mine(&self, blocks: u64) {
        self.anvil.rpc().mine(blocks).await.expect("mined");
    }

    pub async fn automine(&self, on: bool) {
        self.rpc("evm_setAutomine", json!([on])).await;
    }

    pub fn sign(&self, draft: &Draft) -> Signed {
        let Draft::Evm(draft) = draft else { panic!("an EVM draft") };
        let transaction = adit_evm::unsigned(draft).expect("an address");
        let signature = Signature::from_raw_array(&self.wallet.sign(transaction.signature_hash()))
            .expect("a signature");
        let raw = Bytes(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718());
        Signed { hash: adit_evm::raw_hash(&raw), raw }
    }

    /// A plan of these payments, from the wallet's first number on.
    pub async fn asked(&self, chain: &EvmChain, legs: &[Leg]) -> PlanRequest<'static> {
        PlanRequest {
            lane: self.lane.clone(),
            first: 0,
            offer: offer(chain).await,
            legs: legs.to_vec(),
            committed: Default::default(),
            booked: 0,
            live: &[],
        }
    }

    /// What became of each payment: its transaction, or what keeps it back.
    pub async fn plan(&self, chain: &EvmChain, legs: &[Leg]) -> Vec<Result<EvmDraft, Obstacle>> {
        let planning = chain.plan(&self.asked(chain, legs).await).await.expect("a plan");
        let numbers: Vec<u64> = planning.ready.iter().map(|ready| ready.draft.number()).collect();
        assert_eq!(
            numbers,
            (0..numbers.len() as u64).collect::<Vec<_>>(),
            "consecutive from the first"
        );
        let of = |leg: &Leg| {
            let ready = planning.ready.iter().find(|ready| ready.legs == [leg.clone()]);
            let waiting = || {
                planning
                    .waiting
                    .iter()
                    .find(|(kept, _)| kept == leg)
                    .expect("each is in one of the two")
                    .1
                    .clone()
            };
            ready.map(|Ready { draft, .. }| evm(draft)).ok_or_else(waiting)
        };
        legs.iter().map(of).collect()
    }

    /// Plans, drafts and signs one payment.
    pub async fn pay(&self, chain: &EvmChain, leg: &Leg, nonce: u64) -> Paid {
        let draft = self.plan(chain, std::slice::from_ref(leg)).await.remove(0).expect("ready");
        self.pay_with(chain, leg, &draft, nonce)
    }

    pub fn pay_with(&self, chain: &EvmChain, leg: &Leg, draft: &EvmDraft, nonce: u64) -> Paid {
        let draft = chain.renumbered(&self.lane, &Draft::Evm(draft.clone()), nonce);
        let signed = self.sign(&draft);
        let (attempt, hash) = (AttemptId(next_id()), signed.hash);
        let attempt = WatchedAttempt {
            attempt,
            purpose: Purpose::Pay,
            hash,
            draft,
            included: None,
            confirmed: false,
        };
        let lineage = LineageId(next_id());
        Paid {
            signed,
            lineage: WatchedLineage {
                lineage,
                number: nonce,
                legs: vec![leg.clone()],
                attempts: vec![attempt],
            },
        }
    }

    /// The transaction that takes a payment's place and pays nobody.
    pub async fn cancel(&self, chain: &EvmChain, nonce: u64) -> Draft {
        let paying =
            self.plan(chain, &[leg("ETH", self.wallet.address, 1)]).await.remove(0).expect("ready");
        let attempt = Attempt {
            id: AttemptId(next_id()),
            version: 0,
            purpose: Purpose::Pay,
            draft: chain.renumbered(&self.lane, &Draft::Evm(paying), nonce),
            epoch: Epoch(1),
            created_at: Timestamp::default(),
            stage: Stage::Reserved,
        };
        let lineage = Lineage {
            id: LineageId(next_id()),
            lane: self.lane.clone(),
            anchors: attempt.draft.anchors(&self.lane),
            legs: Vec::new(),
            attempts: vec![attempt],
            state: LineageState::Live,
            cancel: None,
            created_at: Timestamp::default(),
        };
        let (lineage, offer) = (&lineage, offer(chain).await);
        let next =
            NextVersion { lineage, purpose: Purpose::Cancel, offer, live: &[], waiting: &[] };
        chain.successor(&next).await.expect("nobody is asked").expect("always possible").draft
    }

    pub fn watch(&self, lineages: &[&WatchedLineage], trail: &[BlockRef]) -> Watch {
        Watch {
            lane: self.lane.clone(),
            next_nonce: lineages
                .iter()
                .map(|lineage| lineage.number)
                .max()
                .map_or(0, |nonce| nonce + 1),
            adopted_from: 0,
            confirmations: 2,
            trail: trail.to_vec(),
            lineages: lineages.iter().map(|lineage| (*lineage).clone()).collect(),
        }
    }
}

/// A signed payment and what is watched of it.
pub struct Paid {
    pub signed: Signed,
    pub lineage: WatchedLineage,
}

/// What the market asks of a new transaction.
pub async fn offer(chain: &EvmChain) -> Offer {
    let Market::Evm(market) = chain.tip().await.expect("a tip").market else {
        panic!("an EVM market")
    };
    Offer::Evm(market.fees)
}

pub fn name() -> ChainName {
    ChainName::new("anvil").expect("a name")
}

pub fn asset(id: &str) -> AssetId {
    AssetId::new(id).expect("a name")
}

pub fn units(whole: u64) -> U256 {
    U256::from(whole) * U256::from(10).pow(U256::from(18))
}

pub fn leg(id: &str, to: Address, whole: u64) -> Leg {
    leg_to(id, canonical(to), Amount::new(u128::from(whole) * 1_000_000_000_000_000_000))
}

pub fn leg_to(id: &str, destination: Destination, amount: Amount) -> Leg {
    Leg {
        payout: PayoutId(next_id()),
        withdrawal: WithdrawalId(next_id()),
        user: "ada".parse().expect("a name"),
        book: "demo".parse().expect("a name"),
        source_asset: asset("XP"),
        asset: asset(id),
        amount,
        destination,
    }
}

/// Applies what was seen, as the engine would.
pub fn apply(lineage: &mut WatchedLineage, sightings: &Sightings) {
    for sighting in
        sightings.sightings.iter().filter(|sighting| sighting.lineage == lineage.lineage)
    {
        let mut set = |id: AttemptId, included: Option<BlockRef>, confirmed: bool| {
            let attempt =
                lineage.attempts.iter_mut().find(|attempt| attempt.attempt == id).expect("known");
            (attempt.included, attempt.confirmed) = (included, confirmed);
        };
        match &sighting.fact {
            Fact::Included { attempt, block } => set(*attempt, Some(*block), false),
            Fact::Confirmed { attempt, block } => set(*attempt, Some(*block), true),
            Fact::Vanished { attempt } => set(*attempt, None, false),
            Fact::Final { .. } | Fact::Conflicted { .. } | Fact::Orphaned { .. } => {}
        }
    }
}

/// The names of the facts, in order.
pub fn facts(sightings: &Sightings) -> Vec<&'static str> {
    let word = |fact: &Fact| match fact {
        Fact::Included { .. } => "included",
        Fact::Vanished { .. } => "vanished",
        Fact::Confirmed { .. } => "confirmed",
        Fact::Orphaned { .. } => "orphaned",
        Fact::Final { .. } => "final",
        Fact::Conflicted { .. } => "conflicted",
    };
    sightings.sightings.iter().map(|sighting| word(&sighting.fact)).collect()
}

/// Another id each time.
pub fn next_id() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into())
}

fn evm(draft: &Draft) -> EvmDraft {
    let Draft::Evm(evm) = draft else { panic!("an EVM draft") };
    evm.clone()
}
