//! One simulated world: everything that its processes share.

mod checked;
mod declared;
mod replicas;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use adit_core::{Destination, PayoutId, Timestamp, UserId};

use crate::Dice;
use crate::check::{Books, Broken, CoinTruth, Notary, Truth};
use crate::crash::CrashPoints;
use crate::evm::{Genesis, SimChain, TokenSpec};
use crate::executor::{Handle, Instant};
use crate::ports::{self, START_SECONDS};
use crate::rules::{ALL_ENDPOINTS, ENDPOINTS, GWEI, Setup};
use crate::signer::{SignerDisk, SignerHost};
use crate::store::Disk;
use crate::story::Story;
use crate::utxo::{self, UtxoChain};
use crate::weather::Weather;

pub use declared::Declared;

use replicas::Replicas;

/// What the wallet holds at first, in whole units of each asset.
pub const OPENING_WHOLE: u128 = 1_000_000;

/// Shared by all processes of one seed.
pub struct World {
    pub handle: Handle,
    pub setup: Setup,
    pub story: Story,
    pub weather: Weather,
    pub crashes: CrashPoints,
    /// The primary.
    pub disk: Arc<Disk>,
    pub signer: SignerHost,
    evm: Mutex<SimChain>,
    utxo: Mutex<UtxoChain>,
    truth: Mutex<Truth>,
    coin_truth: Mutex<CoinTruth>,
    notary: Mutex<Notary>,
    broken: Mutex<Option<Broken>>,
    replicas: Replicas,
    /// How far the database's clock is off, in microseconds.
    database_skew: AtomicI64,
    /// The database is on a host of its own, so that its clock is a second witness.
    pub database_elsewhere: bool,
    /// Why this day ended early, where the guide itself says that nothing but a person with other
    /// records can go on.
    conceded: Mutex<Option<String>>,
    /// The signer's disk at the time of each backup.
    journals: Mutex<Vec<(Instant, SignerDisk)>>,
    /// Who asked for payments to which destination, whatever the database has forgotten: the
    /// operator asks around.
    askers: Mutex<BTreeMap<Destination, UserId>>,
    /// Payments that were reserved so far, on any server of the database.
    reserved: AtomicU64,
    /// The last disaster is over, the split of a database with it.
    rests: AtomicBool,
}

impl World {
    pub fn new(handle: Handle, dice: &mut Dice, replicas: usize, told: bool) -> Self {
        let setup = Setup::draw(dice);
        let tokens = setup.tokens.iter().map(|(id, address, decimals)| TokenSpec {
            address: *address,
            decimals: *decimals,
            held: OPENING_WHOLE * setup.whole(id),
        });
        let genesis = Genesis {
            chain_id: crate::rules::CHAIN_ID,
            wallet: setup.wallet,
            coins: OPENING_WHOLE * 10_u128.pow(18),
            tokens: tokens.collect(),
            base_fee: 10 * GWEI,
            start_seconds: START_SECONDS,
            final_depth: setup.final_depth,
        };
        let utxo = UtxoChain::new(&utxo_genesis(&setup), &mut dice.fork());
        let signer_setup = setup.clone();
        Self {
            story: Story::new(handle.clone(), told),
            weather: Weather::new(ALL_ENDPOINTS, dice.fork()),
            crashes: CrashPoints::new(handle.clone(), dice.fork()),
            disk: Arc::new(Disk::new(Books::new(Arc::new(setup.rules())))),
            signer: SignerHost::new(
                handle.clone(),
                dice.fork(),
                Box::new(move || signer_setup.signer()),
            ),
            evm: Mutex::new(SimChain::new(genesis)),
            utxo: Mutex::new(utxo),
            truth: Mutex::default(),
            coin_truth: Mutex::default(),
            notary: Mutex::default(),
            broken: Mutex::default(),
            replicas: Replicas::new(replicas),
            database_skew: AtomicI64::new(0),
            database_elsewhere: dice.chance(500),
            conceded: Mutex::default(),
            journals: Mutex::default(),
            askers: Mutex::default(),
            reserved: AtomicU64::new(0),
            rests: AtomicBool::new(false),
            handle,
            setup,
        }
    }

    /// What the database's clock shows.
    pub fn database_now(&self) -> Timestamp {
        Timestamp::from_micros(
            ports::now(&self.handle).micros() + self.database_skew.load(Ordering::Relaxed),
        )
    }

    pub fn set_database_skew(&self, micros: i64) {
        self.database_skew.store(micros, Ordering::Relaxed);
    }

    pub fn asked(&self, user: &UserId, destination: &Destination) {
        lock(&self.askers).insert(destination.clone(), user.clone());
    }

    pub fn asker(&self, destination: &Destination) -> Option<UserId> {
        lock(&self.askers).get(destination).cloned()
    }

    pub fn evm(&self) -> MutexGuard<'_, SimChain> {
        self.evm.lock().expect("nothing panics while it holds this lock")
    }

    pub fn utxo(&self) -> MutexGuard<'_, UtxoChain> {
        self.utxo.lock().expect("nothing panics while it holds this lock")
    }

    pub fn coin_truth(&self) -> MutexGuard<'_, CoinTruth> {
        self.coin_truth.lock().expect("nothing panics while it holds this lock")
    }

    /// How often somebody was paid twice, or paid and given back, where nobody could know.
    pub fn beyond(&self) -> u64 {
        self.truth().beyond() + self.coin_truth().beyond()
    }

    /// Whether a chain has paid this payout, finally.
    pub fn is_paid(&self, payout: PayoutId) -> bool {
        self.truth().is_paid(payout) || self.coin_truth().is_paid(payout)
    }

    /// Whether a chain has paid this wish, finally.
    pub fn is_wish_paid(&self, wish: u64) -> bool {
        self.truth().is_wish_paid(wish) || self.coin_truth().is_wish_paid(wish)
    }

    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().expect("nothing panics while it holds this lock")
    }

    pub fn notary(&self) -> MutexGuard<'_, Notary> {
        self.notary.lock().expect("nothing panics while it holds this lock")
    }

    /// The seed has found something: the first that broke is kept, and the run stops.
    pub fn check(&self, checked: Result<(), Broken>) {
        let Err(broken) = checked else { return };
        self.story.tell("!", || format!("{}: {}", broken.invariant, broken.detail));
        self.broken.lock().expect("nothing panics while it holds this lock").get_or_insert(broken);
    }

    pub fn broken(&self) -> Option<Broken> {
        self.broken.lock().expect("nothing panics while it holds this lock").clone()
    }

    pub fn now(&self) -> Instant {
        self.handle.now()
    }

    pub fn unix_seconds(&self) -> u64 {
        START_SECONDS + self.now() / 1_000_000
    }

    /// How many payments were reserved so far.
    pub fn reserved(&self) -> u64 {
        self.reserved.load(Ordering::Relaxed)
    }

    /// Nothing goes wrong any more.
    pub fn rest(&self) {
        self.rests.store(true, Ordering::Relaxed);
    }

    pub fn rests(&self) -> bool {
        self.rests.load(Ordering::Relaxed)
    }

    /// A journal that does not open would stop everything, for ever.
    pub fn start_signer(&self) {
        if let Err(detail) = self.signer.start() {
            self.check(Err(Broken::new("the journal opens", detail)));
        }
    }

    /// The nightly job, every hour.
    pub fn back_up(&self) {
        self.disk.back_up(self.now());
        lock(&self.journals).push((self.now(), self.signer.disk()));
    }

    /// What the signer's disk was when that backup was made.
    pub fn journal_at(&self, at: Instant) -> Option<SignerDisk> {
        lock(&self.journals).iter().find(|(made, _)| *made == at).map(|(_, disk)| disk.clone())
    }

    /// The newest copy of the signer's disk that is no younger than that, and when it was made.
    pub fn journal_before(&self, at: Instant) -> Option<(Instant, SignerDisk)> {
        lock(&self.journals).iter().rfind(|(made, _)| *made <= at).cloned()
    }

    /// Nothing that is left to the operator brings the lane back. What happened so far is still
    /// checked.
    pub fn concede(&self, why: impl Into<String>) {
        let why = why.into();
        self.story.tell("operator", || format!("gives up: {why}"));
        lock(&self.conceded).get_or_insert(why);
    }

    pub fn conceded(&self) -> Option<String> {
        lock(&self.conceded).clone()
    }
}

fn utxo_genesis(setup: &Setup) -> utxo::Genesis {
    let bitcoin = setup.bitcoin.as_ref();
    utxo::Genesis {
        coins: bitcoin.map(|bitcoin| bitcoin.coins.clone()).unwrap_or_default(),
        final_blocks: bitcoin.map_or(1, |bitcoin| u64::from(bitcoin.final_blocks)),
        nodes: ENDPOINTS,
        start_seconds: START_SECONDS,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}
