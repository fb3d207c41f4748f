//! One anvil, one token, one user with points; an engine that can be crashed and started again on
//! the same store and journal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_core::*;
use adit_devnet::abi::Token;
use adit_devnet::anvil::{self, Anvil};
use adit_devnet::contracts;
use adit_devnet::deployer::Deployer;
use adit_devnet::player::Wallet;
use adit_devnet::primitives::{Address, U256};
use adit_engine::{Engine, WriteError};
use adit_evm::canonical;
use adit_signer::MemoryFile;
use adit_store::{MemStore, Snapshot, Store};
use alloy::sol_types::SolValue;

use super::clocks::Jumping;
use super::parts::{Running, now};

#[path = "world/rules.rs"]
mod rules;
#[path = "world/starts.rs"]
mod starts;
#[path = "world/waits.rs"]
mod waits;

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
    /// Bytes that the journal's disk still takes; none where it has room for all. A crash does not
    /// make room.
    journal_room: Mutex<Option<usize>>,
    pub rules: Arc<Rules>,
    /// How long a lease lasts in engines that are started from now on.
    pub lease: Span,
    /// The clock of the signer, which no test but one sets.
    pub signer_clock: Jumping,
    /// A third place; most tests have none.
    pub witness: Option<Arc<Notebook>>,
    hot: Wallet,
}

/// A third witness in memory, which can be full.
#[derive(Default)]
pub struct Notebook {
    pub text: Mutex<Option<String>>,
    pub full: std::sync::atomic::AtomicBool,
    pub writes: std::sync::atomic::AtomicUsize,
}

#[async_trait::async_trait]
impl adit_engine::ThirdWitness for Notebook {
    async fn read(&self) -> Result<Option<String>, adit_engine::WitnessFault> {
        Ok(self.text.lock().expect("no test panics in here").clone())
    }

    async fn write(
        &self,
        was: Option<&str>,
        text: &str,
    ) -> Result<bool, adit_engine::WitnessFault> {
        if self.full.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(adit_engine::WitnessFault { detail: "the volume is full".to_owned() });
        }
        let mut held = self.text.lock().expect("no test panics in here");
        let is_same = held.as_deref() == was;
        if is_same {
            *held = Some(text.to_owned());
            self.writes.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        Ok(is_same)
    }
}

/// Database and journal of one moment.
pub struct Volume {
    store: Snapshot,
    journal: Vec<u8>,
    contexts: Vec<u8>,
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

pub fn units(whole: u128) -> Amount {
    Amount::new(whole * 10u128.pow(18))
}

/// A request of so many whole tokens for a payee.
pub fn wish(engine: &Engine, payee: u64, amount: u128) -> Request {
    Request {
        id: WithdrawalId(engine.ports.uuid()),
        user: user(),
        book: book(),
        source_asset: asset("DG"),
        asset: asset("DG"),
        amount: units(amount),
        destination: canonical(payee_address(payee)),
        idempotency: None,
        claim: None,
        tier: None,
    }
}

impl World {
    /// A chain with one-second blocks or, with `None`, a block per transaction; the wallet has a
    /// million tokens and 1,000 coins.
    pub async fn new(block_time_seconds: Option<u64>) -> Self {
        let log = adit_devnet::scratch::fresh("engine-anvil");
        let chain =
            anvil::Chain { chain_id: CHAIN_ID, block_time_seconds, ..anvil::Chain::default() };
        let anvil = Anvil::start(&chain, log).await.expect("anvil starts");
        let hot = Wallet::named("engine hot wallet");
        let deployer = Deployer::new(anvil.rpc());
        deployer.pay(hot.address, U256::from(units(1_000).base_units())).await.expect("paid");
        let arguments = ("Demo".to_owned(), "DG".to_owned()).abi_encode_params();
        let token = deployer.deploy(&contracts::DG_TOKEN, &arguments).await.expect("deployed");
        let mint =
            Token::mintCall { to: hot.address, amount: U256::from(units(1_000_000).base_units()) };
        deployer.execute(token, &mint).await.expect("minted");
        // What a test reorganises lies above: anvil drops reorganised transactions, the token's
        // creation too.
        anvil.rpc().mine(8).await.expect("mined");
        let lane = LaneId { chain: chain_name(), wallet: canonical(hot.address) };
        let rules = Arc::new(rules::rules(&lane, token));
        Self {
            anvil,
            token,
            lane,
            store: Arc::new(MemStore::new()),
            journal: Mutex::default(),
            contexts: Mutex::default(),
            journal_room: Mutex::default(),
            lease: LEASE,
            rules,
            signer_clock: Jumping::default(),
            witness: None,
            hot,
        }
    }

    /// What a snapshot of the volume has, on which database and journal stand.
    pub fn volume(&self) -> Volume {
        let file =
            |file: &Mutex<MemoryFile>| file.lock().expect("no test panics in here").contents();
        Volume {
            store: self.store.snapshot(),
            journal: file(&self.journal),
            contexts: file(&self.contexts),
        }
    }

    /// The database as it was then; the journal stays.
    pub fn set_database_back(&self, volume: &Volume) {
        self.store.restore(&volume.store);
    }

    /// Takes from the lane's row what it has seen of the journal, as a row of before that was kept
    /// has it.
    pub async fn forget_what_the_row_has_seen(&self) {
        let keys = Keys { lanes: [self.lane.clone()].into(), ..Keys::default() };
        let mut group = self.store.load(&keys, now()).await.expect("the store answers");
        let mut view = group.take_view();
        let row = view.lane(&self.lane).cloned().expect("leased");
        view.apply(vec![Change::Lane(Lane { witness: None, ..row })]);
        group
            .commit(GroupId(uuid::Uuid::from_u128(1)), view.into_batch())
            .await
            .expect("committed");
    }

    /// The journal's bytes as they are now.
    pub fn journal_copy(&self) -> Vec<u8> {
        self.journal.lock().expect("no test panics in here").contents()
    }

    /// Puts a copy in the journal's place, and leaves the database as it is. Nothing runs
    /// meanwhile.
    pub fn put_journal(&self, copy: &[u8]) {
        *self.journal.lock().expect("no test panics in here") = MemoryFile::holding(copy.to_vec());
    }

    /// Both stores as they were then. Nothing runs meanwhile.
    pub fn set_back(&self, volume: &Volume) {
        self.store.restore(&volume.store);
        let put = |file: &Mutex<MemoryFile>, bytes: &[u8]| {
            *file.lock().expect("no test panics in here") = MemoryFile::holding(bytes.to_vec())
        };
        put(&self.journal, &volume.journal);
        put(&self.contexts, &volume.contexts);
    }

    /// No block comes by itself, and one payment to payee 0 waits for one.
    pub async fn with_sent_payment() -> (Self, Running, WithdrawalId) {
        let world = Self::new(None).await;
        let running = world.start();
        world.seed(&running.engine, 100).await;
        world.hold_blocks().await;
        let id = world.request(&running.engine, 0).await;
        world.until_sent(&[id]).await;
        (world, running, id)
    }

    /// A user with so many whole tokens to his credit.
    pub async fn seed(&self, engine: &Engine, whole: u128) {
        let amount = units(whole);
        engine
            .writer
            .submit(Actor::Engine, Command::PutUser { user: user(), tier: None })
            .await
            .expect("a user");
        let id = format!("seed-{whole}").parse().expect("an id");
        let credit = Credit { id, user: user(), book: book(), asset: asset("DG"), amount };
        engine.writer.submit(Actor::Engine, Command::Credit(credit)).await.expect("credited");
    }

    /// Asks for one payment to the n-th payee.
    pub async fn request(&self, engine: &Engine, payee: u64) -> WithdrawalId {
        self.ask(engine, payee, None).await.expect("accepted")
    }

    /// The same, with a key that names the payee.
    pub async fn request_with_key(
        &self,
        engine: &Engine,
        payee: u64,
    ) -> Result<WithdrawalId, WriteError> {
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

    async fn insistently<F: Future<Output = Result<WithdrawalId, WriteError>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> WithdrawalId {
        for _ in 0..600 {
            match ask().await {
                Ok(id) => return id,
                Err(WriteError::Refused(
                    Refusal::StoreWentBack { .. }
                    | Refusal::UnknownUser { .. }
                    | Refusal::InsufficientBalance { .. },
                )) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("nothing is accepted any more")
    }

    async fn ask(
        &self,
        engine: &Engine,
        payee: u64,
        idempotency: Option<Idempotency>,
    ) -> Result<WithdrawalId, WriteError> {
        let request = Request { idempotency, ..wish(engine, payee, 1) };
        let id = request.id;
        match engine.writer.submit(Actor::Engine, Command::Request(request)).await? {
            Answer::Replayed(known) => Ok(known),
            _ => Ok(id),
        }
    }

    /// An operator's cancel, as it was read.
    pub async fn cancel(&self, engine: &Engine, id: WithdrawalId) -> Result<Answer, WriteError> {
        let found = self.store.withdrawal(id).await.expect("a read").expect("there");
        let lineage =
            if let State::Processing { lineage, .. } = found.state { Some(lineage) } else { None };
        let Withdrawal { user, book, source_asset, asset, .. } = found;
        let reason = "a test".to_owned();
        engine
            .submit(
                Actor::Engine,
                Command::Cancel {
                    withdrawal: id,
                    user,
                    book,
                    source_asset,
                    asset,
                    lineage,
                    reason,
                },
            )
            .await
    }

    /// Keeps the journal's disk full, or lets it be written again.
    pub fn fill_journal(&self, full: bool) {
        self.leave_room(full.then_some(0));
    }

    /// The journal's disk takes so many bytes more.
    pub fn leave_room(&self, bytes: Option<usize>) {
        *self.journal_room.lock().expect("no test panics in here") = bytes;
        self.journal.lock().expect("no test panics in here").set_room(bytes);
    }

    /// No block comes but those that a test mines.
    pub async fn hold_blocks(&self) {
        self.anvil
            .rpc()
            .call::<serde_json::Value>("evm_setAutomine", serde_json::json!([false]))
            .await
            .expect("held back");
    }

    /// The signed versions of a payment, oldest first.
    pub async fn versions(&self, id: WithdrawalId) -> Vec<Signed> {
        let lineages = self.store.lineages_of(id).await.expect("a read");
        lineages
            .iter()
            .flat_map(|lineage| &lineage.attempts)
            .filter_map(Attempt::signed)
            .cloned()
            .collect()
    }

    /// Mines one version in the place of another, which the node forgets.
    pub async fn mine_instead(&self, dropped: &Signed, kept: &Signed) {
        self.forget(dropped).await;
        let raw = serde_json::json!([kept.raw.to_string()]);
        self.anvil
            .rpc()
            .call::<serde_json::Value>("eth_sendRawTransaction", raw)
            .await
            .expect("taken");
        self.anvil.rpc().mine(1).await.expect("mined");
    }

    /// Somebody sends these bytes; the node may refuse them.
    pub async fn try_send(&self, signed: &Signed) {
        let raw = serde_json::json!([signed.raw.to_string()]);
        let _may_be_refused =
            self.anvil.rpc().call::<serde_json::Value>("eth_sendRawTransaction", raw).await;
    }

    /// The node drops it from its pool.
    pub async fn forget(&self, dropped: &Signed) {
        let hash = serde_json::json!([dropped.hash]);
        self.anvil
            .rpc()
            .call::<serde_json::Value>("anvil_dropTransaction", hash)
            .await
            .expect("dropped");
    }

    /// What the wallet has by the ledger, in tokens' and coins' base units.
    pub async fn booked(&self) -> [u128; 2] {
        let accounts = self.store.accounts().await.expect("a read");
        ["DG", "ETH"].map(|name| {
            let hot = Account::Hot { wallet: self.lane.clone(), asset: asset(name) };
            let balance = accounts
                .iter()
                .find(|(account, _)| *account == hot)
                .map(|(_, balance)| *balance)
                .expect("opened");
            balance.debits.base_units() - balance.credits.base_units()
        })
    }

    /// What it has by the chain.
    pub async fn held(&self) -> [u128; 2] {
        let call = Token::balanceOfCall { account: self.hot.address };
        let tokens = self.anvil.rpc().view(self.token, &call).await.expect("anvil answers");
        let coins = self.anvil.rpc().native_balance(self.hot.address).await.expect("anvil answers");
        [tokens, coins].map(|amount| amount.to())
    }

    /// How many tokens the n-th payee has: paid 0, 1 or 2 times.
    pub async fn times_paid(&self, payee: u64) -> u128 {
        let call = Token::balanceOfCall { account: payee_address(payee) };
        let balance = self.anvil.rpc().view(self.token, &call).await.expect("anvil answers");
        (balance / U256::from(units(1).base_units())).to::<u128>()
    }
}

pub fn payee_address(payee: u64) -> Address {
    Address::left_padding_from(&(0x00aa_0000_0000_u64 + payee).to_be_bytes())
}
