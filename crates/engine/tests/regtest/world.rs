//! One bitcoind, a wallet with coins, one user with bitcoin; an engine that can be crashed and
//! started again on the same store and journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_bitcoin::{
    BitcoinConfig, BitcoinLane, EndpointConfig, Face, LaneSettings, Network, Wallet,
};
use adit_chain::Chain;
use adit_core::*;
use adit_devnet::bitcoin::Bitcoin;
use adit_devnet::parts as installed;
use adit_engine::{AnchoredClock, Engine, Ports, Settings};
use adit_signer::{
    AccountKind, AssetCaps, BitcoinNetwork, BitcoinPolicy, ChainPolicy, EnvironmentId, LocalSigner,
    MemoryFile, Seed, SignerConfig,
};
use adit_store::{MemStore, Snapshot, Store};

use super::parts::{Running, System, Tasks, now};
use super::rules::rules;

/// The words of BIP-39's first test vector.
pub const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
/// What the tests pay from.
pub const COIN: bitcoin::Amount = bitcoin::Amount::from_sat(50_000_000);
/// What each payee gets.
pub const PAID: Amount = Amount::new(100_000);
/// The most that an attempt may offer.
pub const OFFER_MAX: u128 = 200_000;
pub const LEASE: Span = Span::from_millis(600);

pub struct World {
    pub bitcoin: Bitcoin,
    pub lane: LaneId,
    pub store: Arc<MemStore>,
    pub rules: Arc<Rules>,
    /// The disk of the engine that runs, or ran last.
    journal: Mutex<MemoryFile>,
    pub wallet: Wallet,
    /// A wallet that is not the seed's own: its descriptor.
    descriptor: Option<String>,
    /// The only source, where it is not all three.
    only: Option<Face>,
}

/// Database and journal of one moment.
pub struct Volume {
    store: Snapshot,
    journal: Vec<u8>,
}

pub fn btc() -> AssetId {
    "BTC".parse().expect("an asset")
}

fn user() -> UserId {
    "alice".parse().expect("a user")
}

fn book() -> Book {
    "main".parse().expect("a book")
}

pub fn chain_name() -> ChainName {
    "bitcoin".parse().expect("a chain")
}

fn seed() -> Seed {
    Seed::from_phrase(WORDS).expect("published words")
}

fn account_of(descriptor: Option<&str>) -> adit_signer::BitcoinAccount {
    match descriptor {
        None => {
            seed().bitcoin(BitcoinNetwork::Regtest, AccountKind::Segwit, 0).expect("an account")
        }
        Some(descriptor) => {
            seed().bitcoin_wallet(BitcoinNetwork::Regtest, descriptor).expect("a wallet")
        }
    }
}

/// The seed's key in wallets of several keys.
pub fn cosigner_key() -> String {
    seed().bitcoin_cosigner(BitcoinNetwork::Regtest, 0).expect("an account")
}

impl World {
    /// With so many confirmed coins of half a bitcoin.
    pub async fn new(name: &str, coins: usize) -> Option<Self> {
        Self::with_coins(name, &vec![COIN; coins]).await
    }

    /// With these confirmed coins. Who has no bitcoind is told, loudly.
    pub async fn with_coins(name: &str, coins: &[bitcoin::Amount]) -> Option<Self> {
        if let Err(missing) = installed::bitcoind() {
            println!("SKIPPED {name}, no Bitcoin lane is tested: {missing}");
            return None;
        }
        let log = adit_devnet::scratch::fresh(name);
        Some(Self::over(Bitcoin::start(log).await.expect("Bitcoin starts"), None, coins).await)
    }

    /// The same, read through one bitcoind alone, which has no index of transactions.
    pub async fn bare(name: &str, coins: usize) -> Option<Self> {
        if let Err(missing) = installed::bitcoind() {
            println!("SKIPPED {name}, no Bitcoin lane is tested: {missing}");
            return None;
        }
        let log = adit_devnet::scratch::fresh(name);
        let bitcoin = Bitcoin::start_bare(log).await.expect("Bitcoin starts");
        let world = Self { only: Some(Face::Bitcoind), ..Self::of(bitcoin, None) };
        world.fund(&vec![COIN; coins]).await;
        Some(world)
    }

    /// The same, read through Esplora alone.
    pub async fn through_esplora(name: &str, coins: usize) -> Option<Self> {
        Some(Self { only: Some(Face::Esplora), ..Self::new(name, coins).await? })
    }

    /// Changes the lane's row behind the engine's back. Nothing runs meanwhile.
    pub async fn change_row(&self, change: impl FnOnce(&mut Lane)) {
        let keys = Keys { lanes: [self.lane.clone()].into(), ..Keys::default() };
        let mut group = self.store.load(&keys, now()).await.expect("the store answers");
        let mut view = group.take_view();
        let mut row = view.lane(&self.lane).cloned().expect("leased");
        change(&mut row);
        view.apply(vec![Change::Lane(row)]);
        group
            .commit(GroupId(uuid::Uuid::from_u128(1)), view.into_batch())
            .await
            .expect("committed");
    }

    /// The engine of one wallet, the seed's own or that of a descriptor, with these confirmed
    /// coins.
    pub async fn over(
        bitcoin: Bitcoin,
        descriptor: Option<String>,
        coins: &[bitcoin::Amount],
    ) -> Self {
        let world = Self::of(bitcoin, descriptor);
        world.fund(coins).await;
        world
    }

    fn of(bitcoin: Bitcoin, descriptor: Option<String>) -> Self {
        let account = account_of(descriptor.as_deref());
        let [external, internal] = Keychain::ALL.map(|keychain| account.descriptor(keychain));
        let wallet = Wallet::of_descriptors(Network::Regtest, &external, &internal)
            .expect("the signer's descriptors");
        let lane = account.lane(chain_name());
        let (rules, store, journal) =
            (Arc::new(rules(&lane)), Arc::new(MemStore::new()), Mutex::new(MemoryFile::new()));
        Self { bitcoin, lane, store, rules, journal, wallet, descriptor, only: None }
    }

    /// The same with other settings of the chain.
    pub fn ruled(mut self, change: impl FnOnce(&mut ChainRules)) -> Self {
        let mut rules = (*self.rules).clone();
        change(rules.chains.get_mut(&chain_name()).expect("the chain"));
        self.rules = Arc::new(rules);
        self
    }

    /// More coins at the wallet's first address, six blocks deep.
    pub async fn fund(&self, coins: &[bitcoin::Amount]) {
        self.fund_freshly(coins).await;
        self.bitcoin.miner().mine(5).await.expect("mined");
        self.bitcoin.gateway().catch_up().await.expect("seen");
    }

    /// The same, in the newest block.
    pub async fn fund_freshly(&self, coins: &[bitcoin::Amount]) {
        let first: bitcoin::Address<_> =
            self.lane.wallet.as_str().parse::<bitcoin::Address<_>>().expect("an address");
        self.bitcoin.miner().fund(&first.assume_checked(), coins).await.expect("funded");
        self.bitcoin.gateway().catch_up().await.expect("seen");
    }

    fn chain(&self) -> BitcoinLane {
        let endpoint = |face, url: &str| EndpointConfig { face, url: url.to_owned() };
        let all = [
            endpoint(Face::Bitcoind, &self.bitcoin.rpc().url_with_password()),
            endpoint(Face::Esplora, self.bitcoin.esplora_url()),
            endpoint(Face::BlockCypher, self.bitcoin.blockcypher_url()),
        ];
        let trust = if self.only.is_some() { Trust::Single } else { Trust::Quorum };
        let endpoints =
            all.into_iter().filter(|one| self.only.is_none_or(|only| one.face == only)).collect();
        let config = BitcoinConfig {
            trust,
            blockcypher_look_every: Span::from_millis(0),
            ..BitcoinConfig::new(chain_name(), Network::Regtest, endpoints)
        };
        let settings = LaneSettings {
            look_every: Span::from_millis(0),
            final_blocks: 5,
            ..LaneSettings::new(btc(), self.wallet.clone())
        };
        BitcoinLane::new(config, settings).expect("a good configuration")
    }

    fn signer(&self) -> LocalSigner {
        let caps = AssetCaps { per_transaction: Amount::MAX, per_day: Amount::MAX };
        let feerate_cap = FeeRate::from_sat_per_kvb(OFFER_MAX as u64);
        let policy = BitcoinPolicy {
            network: BitcoinNetwork::Regtest,
            fee_cap: Amount::new(1_000_000),
            feerate_cap,
        };
        let config = SignerConfig {
            environment: EnvironmentId::new("test").expect("an environment"),
            keys: vec![(self.lane.clone(), account_of(self.descriptor.as_deref()).into())],
            chains: BTreeMap::from([(chain_name(), ChainPolicy::Bitcoin(policy))]),
            assets: self.rules.assets.values().map(|rules| rules.asset.clone()).collect(),
            caps: BTreeMap::from([(btc(), caps)]),
        };
        let id = JournalId(uuid::Uuid::from_u128(77));
        LocalSigner::with_file(
            config,
            Box::new(self.disk_as_the_crash_left_it()),
            id,
            Box::new(now),
        )
        .expect("the journal opens")
    }

    /// A signer's thread of the crashed engine may still write: a dead process could not, so it
    /// keeps the old disk to itself.
    fn disk_as_the_crash_left_it(&self) -> MemoryFile {
        let mut journal = self.journal.lock().expect("no test panics in here");
        *journal = MemoryFile::holding(journal.contents());
        journal.clone()
    }

    /// The disk of the signer is as it was before it signed anything, with the journal's name on
    /// it.
    pub fn lose_journal(&self) {
        *self.journal.lock().expect("no test panics in here") = MemoryFile::new();
    }

    /// What a snapshot of the volume has, on which database and journal stand.
    pub fn volume(&self) -> Volume {
        Volume {
            store: self.store.snapshot(),
            journal: self.journal.lock().expect("no test panics in here").contents(),
        }
    }

    /// Both stores as they were then. Nothing runs meanwhile.
    pub fn set_back(&self, volume: &Volume) {
        self.store.restore(&volume.store);
        *self.journal.lock().expect("no test panics in here") =
            MemoryFile::holding(volume.journal.clone());
    }

    /// Keeps the journal's disk full, or lets it be written again.
    pub fn fill_journal(&self, full: bool) {
        self.journal.lock().expect("no test panics in here").set_room(full.then_some(0));
    }

    pub fn start(&self) -> Running {
        let tasks = Arc::new(Tasks::default());
        let chain: Arc<dyn Chain> = Arc::new(self.chain());
        let ports = Ports {
            clock: AnchoredClock::accepted(Arc::new(System)),
            entropy: Arc::new(System),
            spawner: tasks.clone(),
            store: self.store.clone(),
            chains: BTreeMap::from([(chain_name(), chain)]),
            signer: Arc::new(self.signer()),
            witness: None,
        };
        let settings = Settings {
            lease: LEASE,
            audit_beat: Span::from_millis(300),
            lane_beat: Span::from_millis(50),
            observe_beat: Span::from_millis(100),
            funds_beat: Span::from_millis(200),
            ..Settings::default()
        };
        Running { engine: Engine::start(ports, self.rules.clone(), &settings), tasks }
    }

    /// A user to whom so many payments are owed.
    pub async fn credit(&self, engine: &Engine, payments: u128) {
        engine
            .writer
            .submit(Actor::Engine, Command::PutUser { user: user(), tier: None })
            .await
            .expect("a user");
        let (id, amount) = (
            format!("credit-{payments}").parse().expect("an id"),
            Amount::new(PAID.base_units() * payments),
        );
        let credit = Credit { id, user: user(), book: book(), asset: btc(), amount };
        engine.writer.submit(Actor::Engine, Command::Credit(credit)).await.expect("credited");
    }

    /// Asks for one payment to each of these payees, at once.
    pub async fn request(
        &self,
        engine: &Engine,
        payees: impl IntoIterator<Item = u32>,
    ) -> Vec<WithdrawalId> {
        let mut ids = Vec::new();
        for payee in payees {
            let id = WithdrawalId(engine.ports.uuid());
            let request = Request {
                id,
                user: user(),
                book: book(),
                source_asset: btc(),
                asset: btc(),
                amount: PAID,
                destination: self.payee(payee),
                idempotency: None,
                claim: None,
                tier: None,
            };
            engine.writer.submit(Actor::Engine, Command::Request(request)).await.expect("accepted");
            ids.push(id);
        }
        ids
    }

    /// What an operator asks for, wherever the payment stands.
    pub async fn order_to_cancel(&self, id: WithdrawalId) -> Command {
        let Withdrawal { user, book, source_asset, asset, state, .. } = self.withdrawal(id).await;
        let lineage =
            if let State::Processing { lineage, .. } = state { Some(lineage) } else { None };
        Command::Cancel {
            withdrawal: id,
            user,
            book,
            source_asset,
            asset,
            lineage,
            reason: "asked".to_owned(),
        }
    }

    /// An operator's cancel of a payment that is under way.
    pub async fn cancel(&self, engine: &Engine, id: WithdrawalId) {
        let Withdrawal { user, book, source_asset, asset, state, .. } = self.withdrawal(id).await;
        let State::Processing { lineage, .. } = state else { panic!("it is under way: {state:?}") };
        let reason = "asked".to_owned();
        let cancel = Command::Cancel {
            withdrawal: id,
            user,
            book,
            source_asset,
            asset,
            lineage: Some(lineage),
            reason,
        };
        engine.writer.submit(Actor::Engine, cancel).await.expect("noted");
    }

    /// The n-th payee's address: of a wallet of another kind, on the same words.
    pub fn payee(&self, payee: u32) -> Destination {
        let account =
            seed().bitcoin(BitcoinNetwork::Regtest, AccountKind::Taproot, 9).expect("an account");
        account.address(Place { keychain: Keychain::External, index: payee }).expect("an index")
    }

    pub async fn withdrawal(&self, id: WithdrawalId) -> Withdrawal {
        self.store.withdrawal(id).await.expect("the store answers").expect("accepted before")
    }

    pub async fn status(&self, id: WithdrawalId) -> Status {
        self.withdrawal(id).await.state.status()
    }

    /// A block.
    pub async fn mine(&self) {
        self.bitcoin.miner().mine(1).await.expect("mined");
        self.bitcoin.gateway().catch_up().await.expect("seen");
    }

    /// Mines until every withdrawal has reached `status`; panics with what the first waits for
    /// after two minutes.
    pub async fn mine_until(&self, ids: &[WithdrawalId], status: Status) {
        for _ in 0..400 {
            let mut open = false;
            for id in ids {
                open |= self.status(*id).await != status;
            }
            if !open {
                return;
            }
            self.mine().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        self.explain(ids, status).await;
    }

    pub async fn lane_state(&self) -> Option<LaneState> {
        self.store.lane(&self.lane).await.expect("the store answers").map(|lane| lane.state)
    }

    /// What the wallet holds, as the lane last said.
    pub async fn funds(&self) -> Option<u128> {
        let lane = self.store.lane(&self.lane).await.expect("the store answers")?;
        lane.balance_of(&btc()).map(|held| held.balance.base_units())
    }

    /// Waits until it is so, for a minute.
    pub async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        for _ in 0..600 {
            if so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("waited in vain for {what}: {}", self.story().await);
    }

    async fn explain(&self, ids: &[WithdrawalId], status: Status) {
        for id in ids {
            let withdrawal = self.withdrawal(*id).await;
            if withdrawal.state.status() != status {
                panic!("not {}: {:?}\n{}", status.as_str(), withdrawal.state, self.story().await);
            }
        }
    }

    pub async fn story(&self) -> String {
        let lane = self.store.lane(&self.lane).await.expect("the store answers");
        let live = self.store.live_lineages(&self.lane, 10).await.expect("the store answers");
        let mut said = Vec::new();
        for attempt in live.iter().flat_map(|lineage| &lineage.attempts) {
            said.extend(self.store.observations(attempt.id, 4).await.expect("the store answers"));
        }
        format!("{lane:?}\n{live:?}\n{said:?}\npool {:?}", self.bitcoin.rpc().mempool().await)
    }
}
