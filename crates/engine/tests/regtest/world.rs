//! One bitcoind, a wallet with coins, one user with bitcoin; an engine that can be crashed and started again on the same store and journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_bitcoin::{BitcoinConfig, BitcoinLane, EndpointConfig, Face, LaneSettings, Network, Wallet};
use adit_chain::Chain;
use adit_core::*;
use adit_devnet::bitcoin::Bitcoin;
use adit_devnet::bitcoin::rpc::Unspent;
use adit_devnet::parts as installed;
use adit_engine::{Engine, Ports, Settings};
use adit_signer::{
    AccountKind, AssetCaps, BitcoinNetwork, BitcoinPolicy, ChainPolicy, EnvironmentId, LocalSigner, MemoryFile, Seed, SignerConfig,
};
use adit_store::{MemStore, Store};
use bitcoin::{ScriptBuf, Txid};

use super::parts::{Running, System, Tasks, now};

/// The words of BIP-39's first test vector.
const WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
/// What the tests pay from.
pub const COIN: bitcoin::Amount = bitcoin::Amount::from_sat(50_000_000);
/// What each payee gets.
pub const PAID: Amount = Amount::new(100_000);
/// The most that an attempt may offer.
const OFFER_MAX: u128 = 200_000;
pub const LEASE: Span = Span::from_millis(600);

pub struct World {
    pub bitcoin: Bitcoin,
    pub lane: LaneId,
    pub store: Arc<MemStore>,
    pub rules: Arc<Rules>,
    /// The disk of the engine that runs, or ran last.
    journal: Mutex<MemoryFile>,
    wallet: Wallet,
    /// A wallet that is not the seed's own: its descriptor.
    descriptor: Option<String>,
    /// The only source is a bitcoind without an index.
    bare: bool,
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

fn chain_name() -> ChainName {
    "bitcoin".parse().expect("a chain")
}

fn seed() -> Seed {
    Seed::from_phrase(WORDS).expect("published words")
}

fn account_of(descriptor: Option<&str>) -> adit_signer::BitcoinAccount {
    match descriptor {
        None => seed().bitcoin(BitcoinNetwork::Regtest, AccountKind::Segwit, 0).expect("an account"),
        Some(descriptor) => seed().bitcoin_wallet(BitcoinNetwork::Regtest, descriptor).expect("a wallet"),
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
        let world = Self { bare: true, ..Self::of(bitcoin, None) };
        world.fund(&vec![COIN; coins]).await;
        Some(world)
    }

    /// The engine of one wallet, the seed's own or that of a descriptor, with these confirmed coins.
    pub async fn over(bitcoin: Bitcoin, descriptor: Option<String>, coins: &[bitcoin::Amount]) -> Self {
        let world = Self::of(bitcoin, descriptor);
        world.fund(coins).await;
        world
    }

    fn of(bitcoin: Bitcoin, descriptor: Option<String>) -> Self {
        let account = account_of(descriptor.as_deref());
        let [external, internal] = Keychain::ALL.map(|keychain| account.descriptor(keychain));
        let wallet = Wallet::of_descriptors(Network::Regtest, &external, &internal).expect("the signer's descriptors");
        let lane = account.lane(chain_name());
        let (rules, store, journal) = (Arc::new(rules(&lane)), Arc::new(MemStore::new()), Mutex::new(MemoryFile::new()));
        Self { bitcoin, lane, store, rules, journal, wallet, descriptor, bare: false }
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
        let first: bitcoin::Address<_> = self.lane.wallet.as_str().parse::<bitcoin::Address<_>>().expect("an address");
        self.bitcoin.miner().fund(&first.assume_checked(), coins).await.expect("funded");
        self.bitcoin.gateway().catch_up().await.expect("seen");
    }

    fn chain(&self) -> BitcoinLane {
        let endpoint = |face, url: &str| EndpointConfig { face, url: url.to_owned() };
        let mut endpoints = vec![
            endpoint(Face::Bitcoind, &self.bitcoin.rpc().url_with_password()),
            endpoint(Face::Esplora, self.bitcoin.esplora_url()),
            endpoint(Face::BlockCypher, self.bitcoin.blockcypher_url()),
        ];
        endpoints.truncate(if self.bare { 1 } else { endpoints.len() });
        let trust = if self.bare { Trust::Single } else { Trust::Quorum };
        let config = BitcoinConfig { trust, ..BitcoinConfig::new(chain_name(), Network::Regtest, endpoints) };
        let settings = LaneSettings { look_every: Span::from_millis(0), final_blocks: 5, ..LaneSettings::new(btc(), self.wallet.clone()) };
        BitcoinLane::new(config, settings).expect("a good configuration")
    }

    fn signer(&self) -> LocalSigner {
        let caps = AssetCaps { per_transaction: Amount::MAX, per_day: Amount::MAX };
        let feerate_cap = FeeRate::from_sat_per_kvb(OFFER_MAX as u64);
        let policy = BitcoinPolicy { network: BitcoinNetwork::Regtest, fee_cap: Amount::new(1_000_000), feerate_cap };
        let config = SignerConfig {
            environment: EnvironmentId::new("test").expect("an environment"),
            keys: vec![(self.lane.clone(), account_of(self.descriptor.as_deref()).into())],
            chains: BTreeMap::from([(chain_name(), ChainPolicy::Bitcoin(policy))]),
            assets: self.rules.assets.values().map(|rules| rules.asset.clone()).collect(),
            caps: BTreeMap::from([(btc(), caps)]),
        };
        let id = JournalId(uuid::Uuid::from_u128(77));
        LocalSigner::with_file(config, Box::new(self.disk_as_the_crash_left_it()), id, Box::new(now)).expect("the journal opens")
    }

    /// A signer's thread of the crashed engine may still write: a dead process could not, so it keeps the old disk to itself.
    fn disk_as_the_crash_left_it(&self) -> MemoryFile {
        let mut journal = self.journal.lock().expect("no test panics in here");
        *journal = MemoryFile::holding(journal.contents());
        journal.clone()
    }

    /// The disk of the signer is as it was before it signed anything, with the journal's name on it.
    pub fn lose_journal(&self) {
        *self.journal.lock().expect("no test panics in here") = MemoryFile::new();
    }

    pub fn start(&self) -> Running {
        let tasks = Arc::new(Tasks::default());
        let chain: Arc<dyn Chain> = Arc::new(self.chain());
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
            funds_beat: Span::from_millis(200),
            ..Settings::default()
        };
        Running { engine: Engine::start(ports, self.rules.clone(), &settings), tasks }
    }

    /// A user to whom so many payments are owed.
    pub async fn credit(&self, engine: &Engine, payments: u128) {
        engine.writer.submit(Actor::Engine, Command::PutUser { user: user(), tier: None }).await.expect("a user");
        let (id, amount) = (format!("credit-{payments}").parse().expect("an id"), Amount::new(PAID.base_units() * payments));
        let credit = Credit { id, user: user(), book: book(), asset: btc(), amount };
        engine.writer.submit(Actor::Engine, Command::Credit(credit)).await.expect("credited");
    }

    /// Asks for one payment to each of these payees, at once.
    pub async fn request(&self, engine: &Engine, payees: impl IntoIterator<Item = u32>) -> Vec<WithdrawalId> {
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

    /// The n-th payee's address: of a wallet of another kind, on the same words.
    fn payee(&self, payee: u32) -> Destination {
        let account = seed().bitcoin(BitcoinNetwork::Regtest, AccountKind::Taproot, 9).expect("an account");
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

    /// Mines until every withdrawal has reached `status`; panics with what the first waits for after two minutes.
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

    /// A transaction that somebody else makes with our key: it takes the first confirmed coins of the wallet's first address, and pays them
    /// to the n-th payee (`Pay`) or back to the wallet (`Cancel`), at a high fee.
    pub async fn spend_outside(&self, payee: u32, purpose: Purpose) -> bitcoin::Transaction {
        let first: bitcoin::Address<_> = self.lane.wallet.as_str().parse::<bitcoin::Address<_>>().expect("an address");
        let script = first.assume_checked().script_pubkey();
        let coin = self.unspent(std::slice::from_ref(&script)).await.remove(0);
        self.spend_coin_outside(&coin, payee, purpose)
    }

    /// The same with the smallest coin.
    pub async fn spend_smallest_outside(&self, payee: u32) -> bitcoin::Transaction {
        let first: bitcoin::Address<_> = self.lane.wallet.as_str().parse::<bitcoin::Address<_>>().expect("an address");
        let mut coins = self.unspent(&[first.assume_checked().script_pubkey()]).await;
        coins.sort_by_key(|coin| coin.amount);
        self.spend_coin_outside(&coins[0], payee, Purpose::Pay)
    }

    fn spend_coin_outside(&self, coin: &Unspent, payee: u32, purpose: Purpose) -> bitcoin::Transaction {
        let first: bitcoin::Address<_> = self.lane.wallet.as_str().parse::<bitcoin::Address<_>>().expect("an address");
        let script = first.assume_checked().script_pubkey();
        let to = match purpose {
            Purpose::Pay => self.script(payee),
            Purpose::Cancel => script,
        };
        let outpoint = bitcoin::OutPoint::new(coin.txid, coin.vout).to_string();
        let amount = Amount::new(u128::from(coin.amount.to_sat()));
        let paid = Amount::new(amount.base_units() - 50_000);
        let input = DraftInput { outpoint, amount, keychain: Keychain::External, index: 0, confirmed: true };
        let output = DraftOutput { script: Bytes(to.to_bytes()), amount: paid, purpose: OutputPurpose::Pays(Vec::new()) };
        let feerate = FeeRate::from_sat_per_kvb(100_000);
        let draft = BitcoinDraft { number: 0, inputs: vec![input], outputs: vec![output], feerate, vbytes: 200 };
        let root =
            adit_bitcoin::RootKey::from_seed(Network::Regtest, &bip39::Mnemonic::parse(WORDS).expect("words").to_seed("")).expect("a root");
        let unsigned = adit_bitcoin::Unsigned::of(&draft).expect("a transaction");
        let mut proposal = adit_bitcoin::Proposal::new(&self.wallet, unsigned).expect("of this wallet");
        proposal.sign(&root).expect("its key");
        let raw = proposal.finish().expect("signed").raw;
        bitcoin::consensus::encode::deserialize(&raw.0).expect("a transaction")
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

    async fn story(&self) -> String {
        let lane = self.store.lane(&self.lane).await.expect("the store answers");
        let live = self.store.live_lineages(&self.lane, 10).await.expect("the store answers");
        let mut said = Vec::new();
        for attempt in live.iter().flat_map(|lineage| &lineage.attempts) {
            said.extend(self.store.observations(attempt.id, 4).await.expect("the store answers"));
        }
        format!("{lane:?}\n{live:?}\n{said:?}\npool {:?}", self.bitcoin.rpc().mempool().await)
    }

    /// Outputs of confirmed transactions that the payee has: paid 0, 1 or 2 times. All of them are of the whole amount.
    pub async fn times_paid(&self, payees: impl IntoIterator<Item = u32>) -> Vec<usize> {
        let scripts: Vec<ScriptBuf> = payees.into_iter().map(|payee| self.script(payee)).collect();
        let unspent = self.unspent(&scripts).await;
        assert!(unspent.iter().all(|coin| u128::from(coin.amount.to_sat()) == PAID.base_units()), "{unspent:?}");
        scripts.iter().map(|script| unspent.iter().filter(|coin| coin.script == *script).count()).collect()
    }

    /// What the ledger says that the wallet has is what its coins are, to the satoshi.
    pub async fn assert_books_are_the_chain(&self) {
        let next = self.store.lane(&self.lane).await.expect("a read").expect("a lane").next_nonce;
        let internal = (0..u32::try_from(next).expect("small")).map(|index| Place { keychain: Keychain::Internal, index });
        let places = internal.chain([Place { keychain: Keychain::External, index: 0 }]);
        let scripts: Vec<ScriptBuf> = places.map(|place| self.wallet.script(place).expect("an index")).collect();
        let held: u128 = self.unspent(&scripts).await.iter().map(|coin| u128::from(coin.amount.to_sat())).sum();
        let hot = Account::Hot { wallet: self.lane.clone(), asset: btc() };
        let accounts = self.store.accounts().await.expect("a read");
        let booked = accounts.into_iter().find(|(account, _)| *account == hot).map(|(_, balance)| balance);
        let booked = booked.and_then(|balance| balance.debits.checked_sub(balance.credits)).map(Amount::base_units);
        assert_eq!(booked, Some(held), "ledger and coins");
    }

    /// bitcoind scans for one at a time, and the lane asks it, too.
    async fn unspent(&self, scripts: &[ScriptBuf]) -> Vec<Unspent> {
        for _ in 0..100 {
            if let Ok(unspent) = self.bitcoin.rpc().unspent(scripts).await {
                return unspent;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("bitcoind does not say what is unspent")
    }

    pub fn script(&self, payee: u32) -> ScriptBuf {
        let address: bitcoin::Address<_> = self.payee(payee).as_str().parse::<bitcoin::Address<_>>().expect("an address");
        address.assume_checked().script_pubkey()
    }

    /// Transactions of the lane that are in a block or may come into one, by what the store knows.
    pub async fn transactions(&self, ids: &[WithdrawalId]) -> BTreeSet<Hash32> {
        let mut found = BTreeSet::new();
        for id in ids {
            found.extend(self.withdrawal(*id).await.state.hash());
        }
        found
    }

    pub fn txid(hash: Hash32) -> Txid {
        hash.hex().parse().expect("a txid")
    }
}

fn rules(lane: &LaneId) -> Rules {
    let chain = chain_name();
    let policy = Policy {
        minimum: Amount::new(5_460),
        maximum: None,
        fee: Fee::default(),
        cooldown: None,
        windows: Vec::new(),
        approve_above: None,
    };
    let asset = Asset { id: btc(), decimals: 8, form: AssetForm::Native { chain: chain.clone() } };
    Rules {
        revision: 1,
        assets: BTreeMap::from([(btc(), AssetRules { asset, policy, tiers: BTreeMap::new() })]),
        chains: BTreeMap::from([(chain.clone(), chain_rules(chain, lane))]),
        claims: None,
        wallet_cooling: Span::from_hours(24),
        cancels_per_day_max: 10,
    }
}

fn chain_rules(name: ChainName, lane: &LaneId) -> ChainRules {
    ChainRules {
        name,
        kind: ChainKind::Bitcoin,
        native: btc(),
        lane: lane.clone(),
        confirmations: 2,
        finality: Finality::Depth { blocks: 5 },
        trust: Trust::Quorum,
        in_flight_max: 20,
        attempts_max: 8,
        bump_after: Span::from_seconds(1),
        rebroadcast_after: Span::from_seconds(1),
        offer_max: OFFER_MAX,
        fee_per_transaction_max: Amount::new(100_000),
        fee_share_max: None,
        patience: None,
        batching: Some(Batching { gather: Span::from_millis(300), payouts_max: 100 }),
        head_age_max: None,
        precheck_tries_max: 3,
        consolidation: None,
        precheck_backoff: Span::from_millis(200),
    }
}
