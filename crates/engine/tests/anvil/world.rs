//! One anvil, one token, one user with points; an engine that can be crashed and started again on the same store and journal.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_chain::Chain;
use adit_core::*;
use adit_devnet::abi::Token;
use adit_devnet::anvil::{self, Anvil};
use adit_devnet::contracts;
use adit_devnet::deployer::Deployer;
use adit_devnet::player::Wallet;
use adit_devnet::primitives::{Address, U256};
use adit_engine::{Engine, Ports, Settings, WriteError};
use adit_evm::{EvmChain, EvmConfig, canonical};
use adit_signer::{AssetCaps, ChainPolicy, EnvironmentId, EvmPolicy, Key, LocalSigner, MemoryFile, SignerConfig};
use adit_store::{MemStore, Store};
use alloy::sol_types::SolValue;

use super::parts::{Running, System, Tasks, now};

pub const CHAIN_ID: u64 = 31_337;
pub const LEASE: Span = Span::from_millis(600);

pub struct World {
    pub anvil: Anvil,
    pub token: Address,
    pub lane: LaneId,
    pub store: Arc<MemStore>,
    /// The disk of the engine that runs, or ran last.
    journal: Mutex<MemoryFile>,
    contexts: Mutex<MemoryFile>,
    /// Whether the journal's disk is full. A crash does not make room.
    journal_full: AtomicBool,
    pub rules: Arc<Rules>,
    hot: Wallet,
}

pub fn asset(name: &str) -> AssetId {
    name.parse().expect("an asset")
}

pub fn user() -> UserId {
    "alice".parse().expect("a user")
}

pub fn book() -> Book {
    "main".parse().expect("a book")
}

fn chain_name() -> ChainName {
    "devnet".parse().expect("a chain")
}

fn units(whole: u128) -> Amount {
    Amount::new(whole * 10u128.pow(18))
}

impl World {
    /// A chain with one-second blocks or, with `None`, a block per transaction; the wallet has a million tokens and 1,000 coins.
    pub async fn new(block_time_seconds: Option<u64>) -> Self {
        let log = adit_devnet::scratch::fresh("engine-anvil");
        let chain = anvil::Chain { chain_id: CHAIN_ID, block_time_seconds, ..anvil::Chain::default() };
        let anvil = Anvil::start(&chain, log).await.expect("anvil starts");
        let hot = Wallet::named("engine hot wallet");
        let deployer = Deployer::new(anvil.rpc());
        deployer.pay(hot.address, U256::from(units(1_000).base_units())).await.expect("paid");
        let arguments = ("Demo".to_owned(), "DG".to_owned()).abi_encode_params();
        let token = deployer.deploy(&contracts::DG_TOKEN, &arguments).await.expect("deployed");
        let mint = Token::mintCall { to: hot.address, amount: U256::from(units(1_000_000).base_units()) };
        deployer.execute(token, &mint).await.expect("minted");
        // What a test reorganises lies above: anvil drops reorganised transactions, the token's creation too.
        anvil.rpc().mine(8).await.expect("mined");
        let lane = LaneId { chain: chain_name(), wallet: canonical(hot.address) };
        let rules = Arc::new(rules(&lane, token));
        Self {
            anvil,
            token,
            lane,
            store: Arc::new(MemStore::new()),
            journal: Mutex::default(),
            contexts: Mutex::default(),
            journal_full: AtomicBool::new(false),
            rules,
            hot,
        }
    }

    fn chain(&self, url: &str) -> EvmChain {
        let assets = self.rules.assets.values().map(|rules| rules.asset.clone()).collect();
        EvmChain::new(EvmConfig {
            trust: Trust::Single,
            assets,
            wallets: vec![self.lane.wallet.clone()],
            ..EvmConfig::new(chain_name(), CHAIN_ID, vec![url.to_owned()])
        })
        .expect("a good configuration")
    }

    fn signer(&self) -> LocalSigner {
        let key = Key::from_hex(&self.hot.private_key()).expect("a key");
        let caps = AssetCaps { per_transaction: Amount::MAX, per_day: Amount::MAX };
        let policy = ChainPolicy::Evm(EvmPolicy { chain_id: CHAIN_ID, fee_cap: units(1) });
        let config = SignerConfig {
            environment: EnvironmentId::new("test").expect("an environment"),
            keys: vec![(self.lane.clone(), key.into())],
            chains: BTreeMap::from([(chain_name(), policy)]),
            assets: self.rules.assets.values().map(|rules| rules.asset.clone()).collect(),
            caps: BTreeMap::from([(asset("DG"), caps), (asset("ETH"), caps)]),
        };
        let id = JournalId(uuid::Uuid::from_u128(77));
        let [journal, contexts] = [&self.journal, &self.contexts].map(|file| Box::new(as_the_crash_left_it(file)));
        self.fill_journal(self.journal_full.load(Ordering::Relaxed));
        LocalSigner::with_files(config, journal, contexts, id, Box::new(now)).expect("the journal opens")
    }

    pub fn start(&self) -> Running {
        self.start_through(self.anvil.url())
    }

    /// The same, with another way to the node.
    pub fn start_through(&self, url: &str) -> Running {
        let tasks = Arc::new(Tasks::default());
        let chain: Arc<dyn Chain> = Arc::new(self.chain(url));
        let ports = Ports {
            clock: Arc::new(System),
            entropy: Arc::new(System),
            spawner: tasks.clone(),
            store: self.store.clone(),
            chains: BTreeMap::from([(chain_name(), chain)]),
            signer: Arc::new(self.signer()),
        };
        let settings = Settings {
            lease: LEASE,
            audit_beat: Span::from_millis(300),
            lane_beat: Span::from_millis(50),
            observe_beat: Span::from_millis(100),
            ..Settings::default()
        };
        Running { engine: Engine::start(ports, self.rules.clone(), &settings), tasks }
    }

    /// A user with so many whole tokens to his credit.
    pub async fn seed(&self, engine: &Engine, whole: u128) {
        let amount = units(whole);
        engine.writer.submit(Actor::Engine, Command::PutUser { user: user(), tier: None }).await.expect("a user");
        let id = format!("seed-{whole}").parse().expect("an id");
        let credit = Credit { id, user: user(), book: book(), asset: asset("DG"), amount };
        engine.writer.submit(Actor::Engine, Command::Credit(credit)).await.expect("credited");
    }

    /// Asks for one payment to the n-th payee.
    pub async fn request(&self, engine: &Engine, payee: u64) -> WithdrawalId {
        self.ask(engine, payee, None).await.expect("accepted")
    }

    /// The same, with a key that names the payee.
    pub async fn request_with_key(&self, engine: &Engine, payee: u64) -> Result<WithdrawalId, WriteError> {
        let key = format!("payee-{payee}").parse().expect("a key");
        self.ask(engine, payee, Some(Idempotency { key, fingerprint: Hash32([7; 32]) })).await
    }

    /// Asks until the store knows again what it lost.
    pub async fn insist(&self, engine: &Engine, payee: u64) -> WithdrawalId {
        self.insistently(|| self.ask(engine, payee, None)).await
    }

    pub async fn insist_with_key(&self, engine: &Engine, payee: u64) -> WithdrawalId {
        self.insistently(|| self.request_with_key(engine, payee)).await
    }

    async fn insistently<F: Future<Output = Result<WithdrawalId, WriteError>>>(&self, ask: impl Fn() -> F) -> WithdrawalId {
        for _ in 0..600 {
            match ask().await {
                Ok(id) => return id,
                Err(WriteError::Refused(
                    Refusal::StoreWentBack { .. } | Refusal::UnknownUser { .. } | Refusal::InsufficientBalance { .. },
                )) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("nothing is accepted any more")
    }

    async fn ask(&self, engine: &Engine, payee: u64, idempotency: Option<Idempotency>) -> Result<WithdrawalId, WriteError> {
        let id = WithdrawalId(engine.ports.uuid());
        let request = Request {
            id,
            user: user(),
            book: book(),
            source_asset: asset("DG"),
            asset: asset("DG"),
            amount: units(1),
            destination: canonical(payee_address(payee)),
            idempotency,
            claim: None,
            tier: None,
        };
        match engine.writer.submit(Actor::Engine, Command::Request(request)).await? {
            Answer::Replayed(known) => Ok(known),
            _ => Ok(id),
        }
    }

    /// An operator's cancel, as it was read.
    pub async fn cancel(&self, engine: &Engine, id: WithdrawalId) -> Result<Answer, WriteError> {
        let found = self.store.withdrawal(id).await.expect("a read").expect("there");
        let lineage = if let State::Processing { lineage, .. } = found.state { Some(lineage) } else { None };
        let Withdrawal { user, book, source_asset, asset, .. } = found;
        let reason = "a test".to_owned();
        engine.submit(Actor::Engine, Command::Cancel { withdrawal: id, user, book, source_asset, asset, lineage, reason }).await
    }

    /// Keeps the journal's disk full, or lets it be written again.
    pub fn fill_journal(&self, full: bool) {
        self.journal_full.store(full, Ordering::Relaxed);
        self.journal.lock().expect("no test panics in here").set_room(full.then_some(0));
    }

    /// No block comes but those that a test mines.
    pub async fn hold_blocks(&self) {
        self.anvil.rpc().call::<serde_json::Value>("evm_setAutomine", serde_json::json!([false])).await.expect("held back");
    }

    pub async fn until_running(&self) {
        for _ in 0..300 {
            let lane = self.store.lane(&self.lane).await.expect("a read");
            if lane.is_some_and(|lane| lane.state == LaneState::Running && lane.tip.is_some()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the lane does not run");
    }

    pub async fn until_processing(&self, ids: &[WithdrawalId]) {
        self.until(ids, |state| state.status() == Status::Processing).await;
    }

    pub async fn until_sent(&self, ids: &[WithdrawalId]) {
        self.until(ids, |state| matches!(state, State::Processing { hash: Some(_), .. })).await;
    }

    async fn until(&self, ids: &[WithdrawalId], wanted: impl Fn(&State) -> bool) {
        for id in ids {
            let mut looks = 0;
            while !wanted(&self.status(*id).await) {
                looks += 1;
                assert!(looks < 1_000, "{id}: {:?}", self.status(*id).await);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// The signed versions of a payment, oldest first.
    pub async fn versions(&self, id: WithdrawalId) -> Vec<Signed> {
        let lineages = self.store.lineages_of(id).await.expect("a read");
        lineages.iter().flat_map(|lineage| &lineage.attempts).filter_map(Attempt::signed).cloned().collect()
    }

    pub async fn until_versions(&self, id: WithdrawalId, count: usize) {
        for _ in 0..500 {
            if self.versions(id).await.len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?}", self.versions(id).await);
    }

    /// Mines one version in the place of another, which the node forgets.
    pub async fn mine_instead(&self, dropped: &Signed, kept: &Signed) {
        self.forget(dropped).await;
        let raw = serde_json::json!([kept.raw.to_string()]);
        self.anvil.rpc().call::<serde_json::Value>("eth_sendRawTransaction", raw).await.expect("taken");
        self.anvil.rpc().mine(1).await.expect("mined");
    }

    /// The node drops it from its pool.
    pub async fn forget(&self, dropped: &Signed) {
        let hash = serde_json::json!([dropped.hash]);
        self.anvil.rpc().call::<serde_json::Value>("anvil_dropTransaction", hash).await.expect("dropped");
    }

    /// Mines what makes a block final, and lets the observer look many times.
    pub async fn mine_for_a_second(&self) {
        for _ in 0..10 {
            self.anvil.rpc().mine(8).await.expect("mined");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Mines until each has ended, whichever way.
    pub async fn mine_until_ended(&self, ids: &[WithdrawalId]) {
        for id in ids {
            for _ in 0..600 {
                if self.status(*id).await.status().is_end() {
                    break;
                }
                self.anvil.rpc().mine(1).await.expect("mined");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(self.status(*id).await.status().is_end(), "{:?}", self.status(*id).await);
        }
    }

    /// Waits where the store has lost it, and has yet to make it again.
    pub async fn status(&self, id: WithdrawalId) -> State {
        for _ in 0..500 {
            if let Some(known) = self.store.withdrawal(id).await.expect("the store answers") {
                return known.state;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{id} was accepted, and is not made again: {:?}", self.store.lane(&self.lane).await)
    }

    /// Waits until a block holds its payment.
    pub async fn until_included(&self, id: WithdrawalId) {
        for _ in 0..300 {
            if matches!(self.status(id).await, State::Processing { sighting: Some(_), .. }) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.explain(&[id], Status::Completed).await;
    }

    /// Mines until every withdrawal has reached `status`; panics with the states after a minute.
    pub async fn mine_until(&self, ids: &[WithdrawalId], status: Status) {
        for _ in 0..600 {
            let mut open = Vec::new();
            for id in ids {
                let state = self.status(*id).await;
                if state.status() != status {
                    open.push(state);
                }
            }
            if open.is_empty() {
                return;
            }
            self.anvil.rpc().mine(1).await.expect("mined");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.explain(ids, status).await
    }

    /// Fails with what the first one that is not there waits for.
    async fn explain(&self, ids: &[WithdrawalId], status: Status) {
        for id in ids {
            let state = self.status(*id).await;
            if state.status() != status {
                let lane = self.store.lane(&self.lane).await.expect("the store answers").expect("a lane");
                let lineages = self.store.lineages_of(*id).await.expect("the store answers");
                let mut said = Vec::new();
                for attempt in lineages.iter().flat_map(|lineage| &lineage.attempts) {
                    said.extend(self.store.observations(attempt.id, 4).await.expect("the store answers"));
                }
                let mined = self.anvil.rpc().nonce(self.hot.address).await.expect("anvil answers");
                let pool: serde_json::Value = self.anvil.rpc().call("txpool_inspect", serde_json::json!([])).await.expect("anvil answers");
                panic!(
                    "not {}: {state:?}\n{lineages:?}\n{said:?}\n{:?} next nonce {}, mined {mined}, pool {pool}",
                    status.as_str(),
                    lane.state,
                    lane.next_nonce
                );
            }
        }
    }

    /// How many tokens the n-th payee has: paid 0, 1 or 2 times.
    pub async fn times_paid(&self, payee: u64) -> u128 {
        let call = Token::balanceOfCall { account: payee_address(payee) };
        let balance = self.anvil.rpc().view(self.token, &call).await.expect("anvil answers");
        (balance / U256::from(units(1).base_units())).to::<u128>()
    }
}

/// A signer's thread of the crashed engine may still write: a dead process could not, so it keeps the old disk to itself.
fn as_the_crash_left_it(file: &Mutex<MemoryFile>) -> MemoryFile {
    let mut file = file.lock().expect("no test panics in here");
    *file = MemoryFile::holding(file.contents());
    file.clone()
}

fn payee_address(payee: u64) -> Address {
    Address::left_padding_from(&(0x00aa_0000_0000_u64 + payee).to_be_bytes())
}

fn rules(lane: &LaneId, token: Address) -> Rules {
    let chain = chain_name();
    let policy =
        Policy { minimum: Amount::new(1), maximum: None, fee: Fee::default(), cooldown: None, windows: Vec::new(), approve_above: None };
    let entry = |id: &str, form: AssetForm| {
        (asset(id), AssetRules { asset: Asset { id: asset(id), decimals: 18, form }, policy: policy.clone(), tiers: BTreeMap::new() })
    };
    let contract = canonical(token).as_str().to_owned();
    Rules {
        revision: 1,
        assets: BTreeMap::from([
            entry("DG", AssetForm::Token { chain: chain.clone(), contract }),
            entry("ETH", AssetForm::Native { chain: chain.clone() }),
        ]),
        chains: BTreeMap::from([(
            chain.clone(),
            ChainRules {
                name: chain,
                native: asset("ETH"),
                lane: lane.clone(),
                confirmations: 2,
                finality: Finality::Depth { blocks: 4 },
                trust: Trust::Single,
                kind: adit_core::ChainKind::Evm,
                in_flight_max: 64,
                attempts_max: 8,
                bump_after: Span::from_seconds(2),
                rebroadcast_after: Span::from_seconds(1),
                offer_max: 1_000_000_000_000,
                fee_share_max: None,
                patience: None,
                batching: None,
                fee_per_transaction_max: units(1),
                head_age_max: None,
                precheck_tries_max: 3,
                consolidation: None,
                precheck_backoff: Span::from_millis(200),
            },
        )]),
        claims: None,
        wallet_cooling: Span::from_hours(24),
        cancels_per_day_max: 10,
    }
}
